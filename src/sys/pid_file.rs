//! Signals the process that a pid file names.
//!
//! *Invariant*: only the process that the file meant when it was written gets the signal. It is
//! held by a descriptor before it is checked, so a signal never reaches a process that gets its id
//! later; and a process that started after the file was written is another one that got the id.
//!
//! The time of a file is that of the wall clock. A file whose time came twice, since the clock was set
//! back, counts as written at the first of them.
//!
//! Limits: if the clock was set forward since the file was written, the right process seems to be
//! another one, and gets no signal; a setting of the clock before this process began is not known.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rustix::io::Errno;
use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, getpid, pidfd_open, pidfd_send_signal};

use super::clock::{self, WallSettings};
use super::files::{OpenError, read_start};
use crate::time::Instant;

/// The longest pid file, in bytes.
const LENGTH_MAX: usize = 64;

/// The inaccuracy of the two times that are compared: each is that of the last tick.
const INACCURACY: Duration = Duration::from_millis(20);

/// The reason for which a process was not signalled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSignalled {
    #[error("the pid file cannot be read: start the application, or correct `pid_file`")]
    Unreadable(#[source] OpenError),
    #[error("the pid file holds no process id: it has to be one number above 1")]
    NotAPid,
    #[error("the pid file names this daemon: it has to name the application")]
    Ourselves,
    #[error(
        "the pid file belongs to neither root, the daemon's user nor the user of process {0}: change its owner"
    )]
    Owner(Pid),
    #[error("there is no process {0}: start the application, or correct `pid_file`")]
    NoProcess(Pid),
    #[error(
        "process {0} started after the pid file was written, so it is another one: restart the application, which has to write its pid file"
    )]
    Stale(Pid),
    #[error(
        "the pid file changed meanwhile: an application that restarts reads the new token by itself"
    )]
    Changed,
    #[error(
        "process {0} is hidden from the daemon: use `unit` instead, or run the daemon as the application's user"
    )]
    Hidden(Pid),
    #[error(
        "process {0} may not be signalled: use `unit` instead, or run the daemon as the application's user"
    )]
    NotPermitted(Pid),
    #[error("process {0} cannot be signalled")]
    Failed(Pid, #[source] io::Error),
}

/// Returns the id of a process that is written as one number above 0.
pub(crate) fn parse_pid(text: &str) -> Option<Pid> {
    let number = text.parse().ok().filter(|&number: &i32| number > 0);
    number.and_then(Pid::from_raw)
}

/// Sends a signal to the process that the file names. The call blocks. Returns the process.
/// `settings` are those of the wall clock.
///
/// # Errors
///
/// [`NotSignalled`]; no process got a signal.
pub(crate) fn signal(
    path: &Path,
    signal: Signal,
    settings: &WallSettings,
) -> Result<Pid, NotSignalled> {
    let failed = |pid| {
        move |errno| match errno {
            Errno::SRCH => NotSignalled::NoProcess(pid),
            Errno::PERM => NotSignalled::NotPermitted(pid),
            errno => NotSignalled::Failed(pid, errno.into()),
        }
    };
    let (pid, _) = read(path)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(failed(pid))?;
    let (again, metadata) = read(path)?;
    if again != pid {
        return Err(NotSignalled::Changed);
    }
    check(pid, &metadata, settings).map_err(|error| {
        // The process has ended, or this user may not look at it.
        if error.kind() == io::ErrorKind::NotFound {
            NotSignalled::Hidden(pid)
        } else {
            NotSignalled::Failed(pid, error)
        }
    })??;
    // If the process has ended since its descriptor was opened, this fails, whoever has its id.
    pidfd_send_signal(process, signal).map_err(failed(pid))?;
    Ok(pid)
}

fn read(path: &Path) -> Result<(Pid, Metadata), NotSignalled> {
    let whole = read_start(path, None, LENGTH_MAX + 1).map_err(NotSignalled::Unreadable)?;
    let text = str::from_utf8(&whole.bytes).ok();
    let text = text.filter(|text| text.len() <= LENGTH_MAX);
    let pid = text.and_then(|text| parse_pid(text.trim()));
    match pid {
        Some(pid) if pid == getpid() => Err(NotSignalled::Ourselves),
        Some(pid) if pid != Pid::INIT => Ok((pid, whole.metadata)),
        _ => Err(NotSignalled::NotAPid),
    }
}

/// Checks that the file was written while the process ran, by somebody who may name it.
fn check(
    pid: Pid,
    file: &Metadata,
    settings: &WallSettings,
) -> io::Result<Result<(), NotSignalled>> {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    let owner = std::fs::metadata(&folder)?.uid();
    if ![0, geteuid().as_raw(), owner].contains(&file.uid()) {
        return Ok(Err(NotSignalled::Owner(pid)));
    }
    let stat = std::fs::read_to_string(format!("{folder}/stat"))?;
    let ticks = start_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
    let per_second = clock_ticks_per_second();
    let started = Duration::from_secs(ticks / per_second)
        + Duration::from_secs(1) * u32::try_from(ticks % per_second).unwrap_or(0)
            / u32::try_from(per_second).unwrap_or(u32::MAX);
    let started = Instant::from_boot(started);
    let written = Timestamp::try_from(file.modified()?).map_err(io::Error::other)?;
    let written = settings.earliest(written, &clock::read());
    // A time of no known setting is that of a file from before the clock was set.
    Ok(
        if written.is_none_or(|written| written + INACCURACY < started) {
            Err(NotSignalled::Stale(pid))
        } else {
            Ok(())
        },
    )
}

/// Returns the start of a process from `/proc/PID/stat`, in ticks since boot.
fn start_ticks(stat: &str) -> Option<u64> {
    // The program's name may hold spaces and parentheses. Field 3 comes after it, and the start is
    // field 22.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::process::{Child, Command};

    use super::*;

    fn signal(path: &Path, signal: Signal) -> Result<Pid, NotSignalled> {
        super::signal(path, signal, &WallSettings::new(&clock::read()))
    }

    fn sleeping() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    /// Returns the signal that ended the process; it is killed if it runs.
    fn ended_by(mut child: Child) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt as _;
        child.kill().unwrap();
        child.wait().unwrap().signal()
    }

    #[test]
    fn the_process_that_wrote_the_file_gets_the_signal() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let mut child = sleeping();
        fs::write(&file, format!("{}\n", child.id())).unwrap();
        let pid = signal(&file, Signal::TERM).unwrap();
        assert_eq!(pid.as_raw_nonzero().get().unsigned_abs(), child.id());
        child.wait().unwrap();
        // The id is free, or that of a process which started later.
        let refused = signal(&file, Signal::TERM).unwrap_err();
        assert!(
            matches!(refused, NotSignalled::NoProcess(_) | NotSignalled::Stale(_)),
            "{refused:?}"
        );
    }

    #[test]
    fn a_process_that_started_after_the_file_was_written_gets_no_signal() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let child = sleeping();
        fs::write(&file, child.id().to_string()).unwrap();
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        let earlier = written - Duration::from_secs(10);
        File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(earlier)
            .unwrap();
        let refused = signal(&file, Signal::TERM).unwrap_err();
        assert!(matches!(refused, NotSignalled::Stale(_)), "{refused:?}");
        assert_eq!(ended_by(child), Some(9));
    }

    #[test]
    fn a_file_that_may_be_from_before_the_clock_was_set_back_leads_to_no_signal() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let child = sleeping();
        fs::write(&file, child.id().to_string()).unwrap();
        // The clock was set back by an hour ten seconds ago, or is now ahead of the one of the file.
        let now = clock::read();
        let hour = Duration::from_secs(3600);
        let ahead = clock::ClockReading {
            wall: now.wall + hour,
            ..now
        };
        let mut settings = WallSettings::new(&ahead);
        settings.handle_step(&clock::ClockReading {
            boot: now.boot - Duration::from_secs(10),
            wall: now.wall.saturating_sub(Duration::from_secs(10)),
            ..now
        });
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        for written in [written, written + hour - Duration::from_secs(60)] {
            let opened = File::options().write(true).open(&file).unwrap();
            opened.set_modified(written).unwrap();
            let refused = super::signal(&file, Signal::TERM, &settings).unwrap_err();
            assert!(matches!(refused, NotSignalled::Stale(_)), "{refused:?}");
        }
        assert_eq!(ended_by(child), Some(9));
    }

    #[test]
    fn no_group_no_init_and_not_the_daemon_itself_is_signalled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let long = format!("{}2", " ".repeat(LENGTH_MAX));
        for text in [
            "",
            "0",
            "1",
            "-1",
            "-4711",
            "+",
            "12 13",
            "4711x",
            "99999999999",
            &long,
        ] {
            fs::write(&file, text).unwrap();
            let refused = signal(&file, Signal::TERM).unwrap_err();
            assert!(
                matches!(refused, NotSignalled::NotAPid),
                "{text}: {refused:?}"
            );
        }
        fs::write(&file, std::process::id().to_string()).unwrap();
        let refused = signal(&file, Signal::TERM).unwrap_err();
        assert!(matches!(refused, NotSignalled::Ourselves), "{refused:?}");
    }

    #[test]
    fn a_program_chooses_no_other_field_of_its_status_by_its_name() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for name in ["sleep", "a) b", ") R 0 0 ) "] {
            assert_eq!(start_ticks(&format!("7 ({name}) {fields}\n")), Some(4711));
        }
        assert_eq!(start_ticks("7 (sleep) S 1"), None);
    }
}
