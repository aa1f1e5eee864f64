//! What inotify reports, reduced to whom it concerns.

use std::ffi::OsString;
use std::io;

use inotify::{EventMask, EventOwned, WatchDescriptor};

/// Something happened; [`Watch::handle_change`](super::Watch::handle_change) knows to which files.
#[derive(Debug)]
pub struct Change(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    /// To a name in a directory.
    Of(Entry),
    /// To the directory itself: it went, moved or changed its permissions.
    OfDirectory(WatchDescriptor),
    /// Events were lost.
    Overflow,
    /// There will be no more events.
    Broken(io::Error),
}

/// A name in a watched directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Entry {
    pub(super) directory: WatchDescriptor,
    pub(super) name: OsString,
}

impl Change {
    /// What the event stream gave; `None` if it has ended.
    pub(super) fn of(event: Option<io::Result<EventOwned>>) -> Self {
        Self(match event {
            Some(Ok(event)) if event.mask.contains(EventMask::Q_OVERFLOW) => Kind::Overflow,
            Some(Ok(event)) => match event.name {
                Some(name) => Kind::Of(Entry {
                    directory: event.wd,
                    name,
                }),
                None => Kind::OfDirectory(event.wd),
            },
            Some(Err(cause)) => Kind::Broken(cause),
            None => Kind::Broken(io::ErrorKind::UnexpectedEof.into()),
        })
    }
}
