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
    Of(Entry, News),
    /// To the directory or the file itself: it went, moved, or is another in what it permits or holds.
    OfDirectory(WatchDescriptor),
    /// Events were lost.
    Overflow,
    /// There will be no more events.
    Broken(io::Error),
}

/// What happened to a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// It came, went or leads elsewhere.
    Name,
    /// What it leads to is not what it was.
    Content,
}

/// A name in a watched directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Entry {
    pub(super) directory: WatchDescriptor,
    pub(super) name: OsString,
}

impl News {
    fn of(mask: EventMask) -> Self {
        let names = EventMask::CREATE
            .union(EventMask::DELETE)
            .union(EventMask::MOVED_FROM)
            .union(EventMask::MOVED_TO);
        if mask.intersects(names) {
            Self::Name
        } else {
            Self::Content
        }
    }
}

impl Entry {
    /// Stands for the directory, or the file, itself.
    pub(super) fn itself(directory: WatchDescriptor) -> Self {
        Self {
            directory,
            name: OsString::new(),
        }
    }
}

impl Change {
    /// What the event stream gave; `None` if it has ended.
    pub(super) fn of(event: Option<io::Result<EventOwned>>) -> Self {
        Self(match event {
            Some(Ok(event)) if event.mask.contains(EventMask::Q_OVERFLOW) => Kind::Overflow,
            Some(Ok(event)) => match event.name {
                Some(name) => {
                    let directory = event.wd;
                    Kind::Of(Entry { directory, name }, News::of(event.mask))
                }
                None => Kind::OfDirectory(event.wd),
            },
            Some(Err(cause)) => Kind::Broken(cause),
            None => Kind::Broken(io::ErrorKind::UnexpectedEof.into()),
        })
    }
}
