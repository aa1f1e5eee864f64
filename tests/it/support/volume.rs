//! A file system that is mounted over a directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mounted file system. It is unmounted when dropped.
pub(crate) struct Volume(PathBuf);

impl Volume {
    /// Mounts an empty volume over this directory; prints the reason and returns `None` if the
    /// system does not permit it.
    pub(crate) fn over(path: &Path) -> Option<Self> {
        Self::mount(&["-t", "tmpfs"], path, Stdio::null())
    }

    /// Mounts over this directory with these arguments and this standard input of `mount`.
    pub(super) fn mount(arguments: &[&str], path: &Path, stdin: Stdio) -> Option<Self> {
        let mut command = Command::new("mount");
        let command = command.args(arguments).arg("none").arg(path).stdin(stdin);
        let reason = match command.output() {
            Ok(output) if output.status.success() => return Some(Self(path.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        println!("skipped: `mount {}` fails: {reason}", arguments.join(" "));
        None
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}
