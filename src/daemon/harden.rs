//! Keeps the memory of the process, which holds tokens, from being written to disk or read by others.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core is written and no process of the same user can read the memory.
///
/// Returns what the system refused: these measures are best effort.
#[must_use]
pub fn harden() -> Vec<(&'static str, rustix::io::Errno)> {
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
