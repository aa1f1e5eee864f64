//! A file system that never answers, like a network mount whose server is gone.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process::Stdio;

use super::volume::Volume;

/// A mount below which every access to a name blocks. When it is dropped, blocked calls fail.
pub(crate) struct HungMount {
    /// The FUSE device, from which the kernel's requests are never read. It is closed before the
    /// volume is unmounted, which aborts the FUSE connection, with which all blocked calls fail.
    _device: File,
    _volume: Volume,
}

impl HungMount {
    /// Mounts the file system at this directory; prints the reason and returns `None` if the system
    /// does not permit it.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let device = match device {
            Ok(device) => device,
            Err(error) => {
                println!("skipped: /dev/fuse cannot be opened: {error}");
                return None;
            }
        };
        let options = "fd=0,rootmode=40000,user_id=0,group_id=0";
        let stdin = Stdio::from(device.try_clone().unwrap());
        let volume = Volume::mount(&["-i", "-t", "fuse", "-o", options], path, stdin)?;
        Some(Self {
            _device: device,
            _volume: volume,
        })
    }
}
