//! What happens to the daemon itself, rather than to one of its tokens.

mod pool;

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use tracing::{debug, error, info, warn};

pub use self::pool::PoolNews;
use super::words::{Chain, lasting};
use super::{Named, Peer, TARGET};
use crate::config::SessionName;
use crate::keeper::{Intent, OnShutdown};
use crate::token::{Fingerprint, SourceError, Warning, WatchTrouble};

/// Something that happened to the daemon.
#[derive(Debug)]
pub enum Notice<'a> {
    /// It takes up its work.
    Started {
        /// The program's version.
        version: &'a str,
        /// How many sessions are to be kept alive.
        kept: usize,
        /// How many are to lapse.
        lapsing: usize,
    },
    /// There is no token at its source yet.
    Waiting(&'a Named<'a>, &'a SourceError),
    /// No token could be read.
    SourceFailed(&'a Named<'a>, &'a SourceError),
    /// A token was read that more people can get at than should.
    SourceExposed(&'a Named<'a>, &'a Warning),
    /// The source has gone; the token that came from it stays in use.
    SourceGone(&'a Named<'a>),
    /// Some changes of token files go unnoticed for a while.
    WatchTrouble(&'a WatchTrouble),
    /// The machine slept for so long.
    Slept(Duration),
    /// Somebody set the wall clock, forward or back by so much.
    ClockStepped(SignedDuration),
    /// The network is not what it was.
    NetworkChanged {
        /// How many sessions ask sooner for that.
        sooner: usize,
    },
    /// Changes of the network go unnoticed.
    NetworkNotWatched {
        /// What the system said.
        cause: &'a io::Error,
        /// How long the next try may be away when the network comes back.
        retry_within: Duration,
    },
    /// Connections that may be dead are still in use.
    ConnectionsKept(&'a dyn Error),
    /// The service manager could not be told how the daemon does.
    ManagerNotTold(&'a io::Error),
    /// Another configuration is in force.
    Reloaded {
        /// How many sessions are new.
        added: usize,
        /// How many have gone.
        removed: usize,
        /// How many are to get something else.
        changed: usize,
    },
    /// The new configuration is wrong; the errors as they are rendered for people.
    ReloadRefused(&'a str),
    /// Two sessions have the same token.
    Shared {
        /// The token.
        fingerprint: Fingerprint,
        /// One session and what it is to get.
        one: (&'a SessionName, Intent),
        /// The other.
        other: (&'a SessionName, Intent),
    },
    /// Somebody wants something else of a session than its configuration says, or that again.
    IntentChanged {
        /// The session and what it is to get from here on.
        session: (&'a SessionName, Intent),
        /// Who asked.
        by: Peer,
        /// Whether this is what the configuration says.
        is_configured: bool,
    },
    /// Somebody asked for a touch.
    TouchWanted {
        /// The session.
        session: &'a SessionName,
        /// Who asked.
        by: Peer,
    },
    /// Somebody asked for a stop or a reload.
    Asked {
        /// What for.
        what: &'static str,
        /// Who.
        by: Peer,
    },
    /// Observers are let in here.
    Listening {
        /// An address or the path of a socket.
        place: &'a str,
        /// Whether others than this machine's users may come in.
        is_tcp: bool,
    },
    /// There is no Unix socket, which nobody asked for by name.
    NoSocket(&'a dyn Error),
    /// A listener ended by a bug.
    ListenerFailed,
    /// Something happened to the pool of this name and directory.
    Pool(&'a SessionName, &'a Path, &'a PoolNews),
    /// A session's file was removed from its pool; what becomes of the token.
    FileGone(&'a Named<'a>, OnShutdown),
    /// A session goes on under another name: its token is in another file.
    Renamed {
        /// The session by the name it had.
        old: &'a SessionName,
        /// And by the new one.
        new: &'a Named<'a>,
    },
    /// It cannot begin.
    NotStarted(&'a dyn Error),
    /// It begins to stop.
    Stopping {
        /// The signal that asks for it.
        signal: &'a str,
        /// How many tokens are to be revoked.
        revoke: usize,
        /// How many are left as they are.
        leave: usize,
        /// How long the revocations may take.
        grace: Duration,
    },
    /// It has stopped.
    Stopped {
        /// How many tokens were revoked.
        revoked: usize,
        /// How many were left as they are.
        left: usize,
        /// How many were to be revoked and were not.
        not_revoked: usize,
    },
}

/// Logs a notice.
pub fn tell_notice(notice: &Notice<'_>) {
    match *notice {
        Notice::Started {
            version,
            kept,
            lapsing,
        } => started(version, kept, lapsing),
        Notice::Waiting(session, cause) => waiting(session, cause),
        Notice::SourceFailed(session, cause) => source_failed(session, cause),
        Notice::SourceExposed(session, warning) => source_exposed(session, warning),
        Notice::SourceGone(session) => source_gone(session),
        Notice::WatchTrouble(trouble) => {
            warn!(target: TARGET, event = "watch_trouble", "{}", Chain(trouble));
        }
        Notice::Slept(slept) => {
            info!(target: TARGET, event = "slept", seconds = slept.as_secs(),
                "the machine slept for {}: tokens went on idling", lasting(slept));
        }
        Notice::ClockStepped(by) => clock_stepped(by),
        Notice::NetworkChanged { sooner } => {
            debug!(target: TARGET, event = "network_changed", sooner,
                "the network changed: {} without an answer asked again", count(sooner, "session"));
        }
        Notice::NetworkNotWatched {
            cause,
            retry_within,
        } => {
            info!(target: TARGET, event = "network_not_watched",
                "the network may not be watched (netlink: {}): after an outage the next try comes within {} instead of at once",
                Chain(cause), lasting(retry_within));
        }
        Notice::ConnectionsKept(cause) => {
            warn!(target: TARGET, event = "connections_kept",
                "connections could not be closed and are still in use: {}", Chain(cause));
        }
        Notice::ManagerNotTold(cause) => {
            warn!(target: TARGET, event = "manager_not_told",
                "the service manager does not hear us at NOTIFY_SOCKET: {}", Chain(cause));
        }
        Notice::Reloaded {
            added,
            removed,
            changed,
        } => info!(target: TARGET, event = "reloaded", added, removed, changed,
            "reloaded: {} added, {removed} removed, {changed} changed", count(added, "session")),
        Notice::ReloadRefused(errors) => {
            warn!(target: TARGET, event = "reload_refused", errors,
                "reload refused: the configuration has errors; the earlier one stays in force");
        }
        Notice::Shared {
            fingerprint,
            one,
            other,
        } => shared(fingerprint, one, other),
        Notice::IntentChanged {
            session,
            by,
            is_configured,
        } => intent_changed(session, by, is_configured),
        Notice::TouchWanted { session, by } => touch_wanted(session, by),
        Notice::Asked { what, by } => asked(what, by),
        Notice::Listening {
            place,
            is_tcp: true,
        } => {
            info!(target: TARGET, event = "listening", place, "status is answered on http://{place}");
        }
        Notice::Listening {
            place,
            is_tcp: false,
        } => {
            debug!(target: TARGET, event = "listening", place, "status is answered on {place}");
        }
        Notice::NoSocket(cause) => no_socket(cause),
        Notice::ListenerFailed => {
            error!(target: TARGET, event = "listener_failed",
                "a listener for observers ended by a bug: status is answered there no more, tokens are cared for as before");
        }
        Notice::Pool(pool, directory, news) => pool::news(pool, directory, news),
        Notice::FileGone(session, wanted) => pool::file_gone(session, wanted),
        Notice::Renamed { old, new } => renamed(old, new),
        Notice::NotStarted(cause) => {
            error!(target: TARGET, event = "not_started", "not started: {}", Chain(cause));
        }
        Notice::Stopping {
            signal,
            revoke,
            leave,
            grace,
        } => info!(target: TARGET, event = "stopping", signal, revoke, leave,
            "stopping on {signal}: {} to revoke within {}, {leave} to leave",
            count(revoke, "token"), lasting(grace)),
        Notice::Stopped {
            revoked,
            left,
            not_revoked,
        } => stopped(revoked, left, not_revoked),
    }
}

fn intent_changed((name, intent): (&SessionName, Intent), by: Peer, is_configured: bool) {
    let until = if is_configured {
        "as configured"
    } else {
        "until it is changed back, configured anew or the daemon is restarted"
    };
    info!(target: TARGET, event = "intent_changed", session = name.as_str(),
        intent = intent.as_str(), by_uid = by.uid, by_pid = by.pid,
        "{name} is to {} from here on, {until}; {by} asked for it", intent.as_str());
}

fn no_socket(cause: &dyn Error) {
    info!(target: TARGET, event = "no_socket",
        "no status socket, so the commands status, wait and health find nobody: {}; name a place with status.socket, or say \"off\"",
        Chain(cause));
}

fn touch_wanted(session: &SessionName, by: Peer) {
    info!(target: TARGET, event = "touch_wanted", session = session.as_str(),
        by_uid = by.uid, by_pid = by.pid, "{session}: {by} asked for a touch");
}

fn asked(what: &str, by: Peer) {
    info!(target: TARGET, event = "asked", what, by_uid = by.uid, by_pid = by.pid,
        "{by} asked for a {what}");
}

fn started(version: &str, kept: usize, lapsing: usize) {
    let does = match (kept, lapsing) {
        (_, 0) => format!("keeps {} alive", count(kept, "session")),
        (0, _) => format!("lets {} lapse", count(lapsing, "session")),
        _ => format!(
            "keeps {} alive and lets {lapsing} lapse",
            count(kept, "session")
        ),
    };
    info!(target: TARGET, event = "started", version, kept, lapsing,
        "started: session-keepalive {version} {does}");
}

fn waiting(session: &Named<'_>, cause: &SourceError) {
    let name = session.name.as_str();
    info!(target: TARGET, event = "waiting", session = name,
        "{name} absent: {}; waiting for it", Chain(cause));
}

fn source_failed(session: &Named<'_>, cause: &SourceError) {
    let name = session.name.as_str();
    warn!(target: TARGET, event = "source_failed", session = name,
        "{name}: no token could be read: {}", Chain(cause));
}

fn source_exposed(session: &Named<'_>, warning: &Warning) {
    let name = session.name.as_str();
    warn!(target: TARGET, event = "source_exposed", session = name,
        "{name}: {warning}; it is used all the same, but mode 0600 would do");
}

fn source_gone(session: &Named<'_>) {
    let name = session.name.as_str();
    warn!(target: TARGET, event = "source_gone", session = name,
        "{name}: {} has gone; the token that came from it stays in use", session.source);
}

fn renamed(old: &SessionName, new: &Named<'_>) {
    info!(target: TARGET, event = "renamed", session = new.name.as_str(), old = old.as_str(),
        "{old} is {} from here on: its token is in {}", new.name, new.source);
}

fn clock_stepped(by: SignedDuration) {
    let direction = if by.is_negative() { "back" } else { "forward" };
    info!(target: TARGET, event = "clock_stepped", milliseconds = i64::try_from(by.as_millis()).unwrap_or_default(),
        "the clock was set {direction} by {}: no deadline changes", lasting(by.unsigned_abs()));
}

fn shared(fingerprint: Fingerprint, one: (&SessionName, Intent), other: (&SessionName, Intent)) {
    let what_follows = match other.1 {
        Intent::Keep => format!("{} keeps it alive", other.0),
        Intent::Lapse => format!("{} lets it lapse", other.0),
    };
    warn!(target: TARGET, event = "shared", session = one.0.as_str(),
        other = other.0.as_str(), %fingerprint,
        "{} and {} have the same token {fingerprint}: {what_follows} and {} does not take it on; give each its own",
        one.0, other.0, one.0);
}

fn stopped(revoked: usize, left: usize, not_revoked: usize) {
    if not_revoked == 0 {
        info!(target: TARGET, event = "stopped", revoked, left, not_revoked,
            "stopped: {} revoked, {left} left as is", count(revoked, "token"));
    } else {
        error!(target: TARGET, event = "stopped", revoked, left, not_revoked,
            "stopped: {} not revoked, to be revoked by hand; {revoked} revoked, {left} left as is",
            count(not_revoked, "token"));
    }
}

fn count(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests;
