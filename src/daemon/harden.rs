//! Keeps the memory of the process, which holds tokens, from being written to disk or read by others.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// The first file after standard error.
const FIRST_OF_OTHERS: i32 = 3;

/// No core is written, no process of the same user can read the memory, and what files were open
/// when the process started are not handed on to programs that it runs.
///
/// Returns what the system refused: these measures are best effort.
#[must_use]
pub fn harden() -> Vec<(&'static str, rustix::io::Errno)> {
    close_fds::set_fds_cloexec(FIRST_OF_OTHERS, &[]);
    let no_core = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    [
        (
            "PR_SET_DUMPABLE",
            set_dumpable_behavior(DumpableBehavior::NotDumpable),
        ),
        ("RLIMIT_CORE", setrlimit(Resource::Core, no_core)),
    ]
    .into_iter()
    .filter_map(|(measure, result)| result.err().map(|errno| (measure, errno)))
    .collect()
}
