//! Logs the daemon's own events: start, stop, reload, token sources, pools, listeners, and changes
//! of the machine that it runs on.
//!
//! The keeper's events about sessions are logged by [`Log`](super::Log).
//!
//! A line must never show a token, so errors that may name a path of the configuration are logged
//! only through [`redacted`].

mod pool;
mod sink;
mod token;

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use tracing::{debug, error, info, warn};

pub use self::pool::PoolEvent;
pub use self::sink::SinkEvent;
pub use self::token::{TokenEvent, UnwantedReason};
use super::{SessionNames, TARGET};
use crate::config::{SessionName, Shard, clean};
use crate::keeper::{Intent, OnShutdown};
use crate::status::Peer;
use crate::status::phrases::{Chain, counted, human_duration};
use crate::token::{Fingerprint, SourceError, Warning, WatchTrouble};

/// The number of tokens that the line about the stop names.
const TOKENS_MAX: usize = 20;

/// An event of the daemon.
#[derive(Debug)]
pub enum LogEvent<'a> {
    /// The daemon started.
    Started {
        /// The program's version.
        version: &'a str,
        /// The number of sessions to keep alive.
        kept: usize,
        /// The number of sessions to let lapse.
        lapsing: usize,
        /// The part of the sessions that the daemon manages; `None` if it manages all.
        shard: Option<Shard>,
    },
    /// A session's source holds no token yet.
    Waiting(&'a SessionNames<'a>, &'a SourceError),
    /// A session's token could not be read.
    SourceFailed(&'a SessionNames<'a>, &'a SourceError),
    /// A token was read from a file with unsafe permissions, or from one that was replaced.
    SourceExposed(&'a SessionNames<'a>, &'a Warning),
    /// A fact about a token that neither its source nor the API reports.
    Token(TokenEvent<'a>),
    /// An event of a file from which applications read a token.
    Sink(SinkEvent<'a>),
    /// A session's source disappeared; the token that was read from it stays in use.
    SourceGone(&'a SessionNames<'a>),
    /// Changes of some token files are noticed late.
    WatchTrouble(&'a WatchTrouble),
    /// The machine was suspended for this long.
    Slept(Duration),
    /// The wall clock was set forward or back by this much.
    ClockStepped(SignedDuration),
    /// The machine's network changed.
    NetworkChanged {
        /// The number of sessions whose next request was moved forward.
        sooner: usize,
    },
    /// Changes of the network cannot be watched.
    NetworkNotWatched {
        /// The system's error.
        cause: &'a io::Error,
        /// The longest wait for the next attempt after the network has come back.
        retry_within: Duration,
    },
    /// The service manager could not be notified.
    ManagerNotTold(&'a io::Error),
    /// Another configuration took effect.
    Reloaded {
        /// The number of added sessions.
        added: usize,
        /// The number of removed sessions.
        removed: usize,
        /// The number of sessions whose settings changed.
        changed: usize,
    },
    /// A reload was refused. Holds the errors of the configuration, rendered for people.
    ReloadRefused(&'a str),
    /// Two sessions have the same token.
    Shared {
        /// The token.
        fingerprint: Fingerprint,
        /// The session that does not use the token, and its intent.
        one: (&'a SessionName, Intent),
        /// The session that uses the token, and its intent.
        other: (&'a SessionName, Intent),
    },
    /// A user changed the intent of a session, away from the configured one or back to it.
    IntentChanged {
        /// The session and its new intent.
        session: (&'a SessionName, Intent),
        /// The requesting process and its user.
        by: Peer,
        /// True if the new intent is the configured one.
        is_configured: bool,
    },
    /// A user requested a touch.
    TouchWanted {
        /// The session.
        session: &'a SessionName,
        /// The requesting process and its user.
        by: Peer,
    },
    /// A user requested a stop or a reload.
    Asked {
        /// The request: `stop` or `reload`.
        what: &'static str,
        /// The requesting process and its user.
        by: Peer,
    },
    /// A listener for observers was opened.
    Listening {
        /// The listener's address, or the path of its socket.
        place: &'a str,
        /// True for a TCP listener, which other machines may reach; false for the Unix socket.
        is_tcp: bool,
    },
    /// The default Unix socket could not be created, and the configuration names none.
    NoSocket(&'a dyn Error),
    /// The Unix socket was created again, after it had disappeared or been another daemon's.
    SocketBack {
        /// The path of the socket.
        place: &'a str,
    },
    /// The Unix socket disappeared and cannot be created again for the time being.
    SocketGone(&'a dyn Error),
    /// A listener ended because of a bug.
    ListenerFailed,
    /// An event of the pool with this name and directory.
    Pool(&'a SessionName, &'a Path, &'a PoolEvent),
    /// A session's file was removed from its pool; the token is treated like this.
    FileGone(&'a SessionNames<'a>, OnShutdown),
    /// A session continues under another name, because its token is in another file.
    Renamed {
        /// The session's earlier name.
        old: &'a SessionName,
        /// The session under its new name.
        new: &'a SessionNames<'a>,
    },
    /// The start waits for another daemon, which holds a token that one of the two would revoke.
    WaitingForDaemon {
        /// The session that holds the token here.
        session: &'a SessionName,
        /// The token.
        fingerprint: Fingerprint,
        /// The other daemon in words.
        other: &'a str,
        /// True if the other daemon stops already.
        is_stopping: bool,
        /// The time after which the start is refused, counted from its beginning.
        at_most: Duration,
    },
    /// A signal stopped the daemon before it had started.
    StoppedBeforeStart {
        /// The name of the signal.
        signal: &'a str,
    },
    /// The daemon could not start.
    NotStarted(&'a dyn Error),
    /// The daemon runs on a terminal, where Ctrl-C stops it.
    CtrlC {
        /// True if it revokes tokens.
        revokes: bool,
        /// True if it leaves tokens as they are.
        leaves: bool,
    },
    /// The daemon began to stop.
    Stopping {
        /// The signal, or another cause in words.
        signal: &'a str,
        /// The tokens to revoke.
        revoke: &'a [Fingerprint],
        /// The number of tokens to leave as they are.
        leave: usize,
        /// The time limit of the revocations.
        grace: Duration,
    },
    /// The daemon stopped.
    Stopped {
        /// The number of revoked tokens.
        revoked: usize,
        /// The number of tokens that were left as they are.
        left: usize,
        /// The number of tokens whose revocation failed.
        not_revoked: usize,
    },
}

/// Logs an event of the daemon, in one line.
pub fn log_event(event: &LogEvent<'_>) {
    match *event {
        LogEvent::Started {
            version,
            kept,
            lapsing,
            shard,
        } => started(version, kept, lapsing, shard),
        LogEvent::Waiting(session, cause) => waiting(session, cause),
        LogEvent::SourceFailed(session, cause) => source_failed(session, cause),
        LogEvent::SourceExposed(session, warning) => source_exposed(session, warning),
        LogEvent::Token(ref event) => token::log(event),
        LogEvent::Sink(ref event) => sink::log(event),
        LogEvent::SourceGone(session) => source_gone(session),
        LogEvent::WatchTrouble(trouble) => {
            warn!(target: TARGET, event = "watch_trouble", "{}", Chain(trouble));
        }
        LogEvent::Slept(duration) => slept(duration),
        LogEvent::ClockStepped(by) => clock_stepped(by),
        LogEvent::NetworkChanged { sooner } => network_changed(sooner),
        LogEvent::NetworkNotWatched {
            cause,
            retry_within,
        } => network_not_watched(cause, retry_within),
        LogEvent::ManagerNotTold(cause) => manager_not_told(cause),
        LogEvent::Reloaded {
            added,
            removed,
            changed,
        } => reloaded(added, removed, changed),
        LogEvent::ReloadRefused(errors) => reload_refused(errors),
        LogEvent::Shared {
            fingerprint,
            one,
            other,
        } => shared(fingerprint, one, other),
        LogEvent::IntentChanged {
            session,
            by,
            is_configured,
        } => intent_changed(session, by, is_configured),
        LogEvent::TouchWanted { session, by } => touch_wanted(session, by),
        LogEvent::Asked { what, by } => asked(what, by),
        LogEvent::Listening { place, is_tcp } => listening(place, is_tcp),
        LogEvent::NoSocket(cause) => no_socket(cause),
        LogEvent::SocketBack { place } => socket_back(place),
        LogEvent::SocketGone(cause) => socket_gone(cause),
        LogEvent::ListenerFailed => listener_failed(),
        LogEvent::Pool(pool, directory, event) => pool::log(pool, directory, event),
        LogEvent::FileGone(session, on_shutdown) => pool::file_gone(session, on_shutdown),
        LogEvent::Renamed { old, new } => renamed(old, new),
        LogEvent::WaitingForDaemon {
            session,
            fingerprint,
            other,
            is_stopping,
            at_most,
        } => waiting_for_daemon(session, fingerprint, other, is_stopping, at_most),
        LogEvent::StoppedBeforeStart { signal } => stopped_before_start(signal),
        LogEvent::NotStarted(cause) => not_started(cause),
        LogEvent::CtrlC { revokes, leaves } => ctrl_c(revokes, leaves),
        LogEvent::Stopping {
            signal,
            revoke,
            leave,
            grace,
        } => stopping(signal, revoke, leave, grace),
        LogEvent::Stopped {
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
        "until it is changed back, its configuration changes or the daemon restarts"
    };
    info!(target: TARGET, event = "intent_changed", session = name.as_str(),
        intent = intent.as_str(), by_uid = by.uid, by_pid = by.pid,
        "{name} has the intent {} from now on, {until}; requested by {by}", intent.as_str());
}

fn touch_wanted(session: &SessionName, by: Peer) {
    info!(target: TARGET, event = "touch_wanted", session = session.as_str(),
        by_uid = by.uid, by_pid = by.pid, "{session}: touch requested by {by}");
}

fn asked(what: &str, by: Peer) {
    info!(target: TARGET, event = "asked", what, by_uid = by.uid, by_pid = by.pid,
        "{by} asked for a {what}");
}

fn started(version: &str, kept: usize, lapsing: usize, shard: Option<Shard>) {
    let does = match (kept, lapsing) {
        (_, 0) => format!("keeps {} alive", counted(kept, "session")),
        (0, _) => format!("lets {} lapse", counted(lapsing, "session")),
        _ => format!(
            "keeps {} alive and lets {lapsing} lapse",
            counted(kept, "session")
        ),
    };
    let part = shard.map_or_else(String::new, |shard| format!(" ({shard})"));
    info!(target: TARGET, event = "started", version, kept, lapsing,
        "started: session-keepalive {version} {does}{part}");
}

fn not_started(cause: &dyn Error) {
    error!(target: TARGET, event = "not_started", "not started: {}", redacted(cause));
}

fn waiting_for_daemon(
    session: &SessionName,
    fingerprint: Fingerprint,
    other: &str,
    is_stopping: bool,
    at_most: Duration,
) {
    let does = if is_stopping {
        "is stopping: the start waits for its end"
    } else {
        "is running: the start waits in case it is about to stop"
    };
    info!(target: TARGET, event = "waiting_for_daemon", session = session.as_str(), %fingerprint, other,
        "{session}: another daemon that holds the token {fingerprint} {does}, {} at most: {other}",
        human_duration(at_most));
}

fn stopped_before_start(signal: &str) {
    info!(target: TARGET, event = "stopped", signal, revoked = 0, left = 0, not_revoked = 0,
        "stopped on {signal} before the start: no token is revoked");
}

fn ctrl_c(revokes: bool, leaves: bool) {
    let does = match (revokes, leaves) {
        (true, false) => {
            "Ctrl-C revokes the tokens and stops; Ctrl-\\ stops and leaves them alive, and so does Ctrl-C with on_shutdown = \"leave\""
        }
        (true, true) => {
            "Ctrl-C revokes the tokens of sessions without on_shutdown = \"leave\" and stops; Ctrl-\\ stops and leaves them all as they are"
        }
        (false, _) => "Ctrl-C stops and leaves the tokens as they are",
    };
    info!(target: TARGET, event = "ctrl_c", revokes, "{does}");
}

fn waiting(session: &SessionNames<'_>, cause: &SourceError) {
    let name = session.name.as_str();
    info!(target: TARGET, event = "waiting", session = name,
        "{name} absent: {}; waiting for it", Chain(cause));
}

fn source_failed(session: &SessionNames<'_>, cause: &SourceError) {
    let name = session.name.as_str();
    warn!(target: TARGET, event = "source_failed", session = name,
        "{name}: no token could be read: {}", Chain(cause));
}

fn source_exposed(session: &SessionNames<'_>, warning: &Warning) {
    let name = session.name.as_str();
    warn!(target: TARGET, event = "source_exposed", session = name,
    "{name}: {warning}; it is used anyway, but {}", match warning {
        Warning::ReadableByAll(..) | Warning::WritableByOthers(..) => "mode 0600 would do",
        Warning::Unlinked(_) => warning.advice(),
    });
}

fn source_gone(session: &SessionNames<'_>) {
    let name = session.name.as_str();
    warn!(target: TARGET, event = "source_gone", session = name,
        "{name}: {} is gone; its token stays in use", session.source);
}

fn renamed(old: &SessionName, new: &SessionNames<'_>) {
    if old == new.name {
        info!(target: TARGET, event = "renamed", session = new.name.as_str(), old = old.as_str(),
            "{old} continues with its token, which is now in {}", new.source);
        return;
    }
    info!(target: TARGET, event = "renamed", session = new.name.as_str(), old = old.as_str(),
        "{old} is now called {}: its token is in {}", new.name, new.source);
}

fn slept(slept: Duration) {
    info!(target: TARGET, event = "slept", seconds = slept.as_secs(),
        "the machine slept for {}: tokens continued to idle", human_duration(slept));
}

fn clock_stepped(by: SignedDuration) {
    let direction = if by.is_negative() { "back" } else { "forward" };
    info!(target: TARGET, event = "clock_stepped", milliseconds = i64::try_from(by.as_millis()).unwrap_or_default(),
        "the clock was set {direction} by {}: no deadline changes", human_duration(by.unsigned_abs()));
}

fn network_changed(sooner: usize) {
    debug!(target: TARGET, event = "network_changed", sooner,
        "the network changed: {} without an answer asked again", counted(sooner, "session"));
}

fn network_not_watched(cause: &io::Error, retry_within: Duration) {
    info!(target: TARGET, event = "network_not_watched",
        "the network may not be watched (netlink: {}): after an outage the next attempt comes within {} instead of at once",
        Chain(cause), human_duration(retry_within));
}

fn manager_not_told(cause: &io::Error) {
    warn!(target: TARGET, event = "manager_not_told",
        "the service manager cannot be reached at NOTIFY_SOCKET: {}", Chain(cause));
}

fn reloaded(added: usize, removed: usize, changed: usize) {
    info!(target: TARGET, event = "reloaded", added, removed, changed,
        "reloaded: {} added, {removed} removed, {changed} changed", counted(added, "session"));
}

fn reload_refused(errors: &str) {
    warn!(target: TARGET, event = "reload_refused", errors,
        "reload refused: the configuration has errors; the earlier one stays in force");
}

fn listening(place: &str, is_tcp: bool) {
    if is_tcp {
        info!(target: TARGET, event = "listening", place, "status is served on http://{place}");
    } else {
        debug!(target: TARGET, event = "listening", place, "status is served on {place}");
    }
}

fn no_socket(cause: &dyn Error) {
    info!(target: TARGET, event = "no_socket",
        "no status socket, so the commands status, wait and health find no daemon: {}; set status.socket to a path or to \"off\"",
        redacted(cause));
}

fn socket_back(place: &str) {
    let place = clean(place);
    info!(target: TARGET, event = "socket_back", place,
        "the control socket {place} was gone and was created again");
}

fn socket_gone(cause: &dyn Error) {
    warn!(target: TARGET, event = "socket_gone",
        "the control socket is gone, so no command reaches this daemon: {}; retried every minute and on SIGHUP",
        redacted(cause));
}

fn listener_failed() {
    error!(target: TARGET, event = "listener_failed",
        "a listener of the status server ended because of a bug: it answers no more; tokens are managed as before");
}

fn shared(
    fingerprint: Fingerprint,
    (session, _): (&SessionName, Intent),
    (holder, holder_intent): (&SessionName, Intent),
) {
    let what_follows = match holder_intent {
        Intent::Keep => format!("{holder} keeps it alive"),
        Intent::Lapse => format!("{holder} lets it lapse"),
    };
    warn!(target: TARGET, event = "shared", session = session.as_str(),
        other = holder.as_str(), %fingerprint,
        "{} and {} have the same token {fingerprint}: {what_follows} and {} does not take it on; each needs its own",
        session, holder, session);
}

fn stopping(signal: &str, revoke: &[Fingerprint], leave: usize, grace: Duration) {
    let tokens = (!revoke.is_empty()).then(|| list(revoke, TOKENS_MAX));
    let shown = tokens
        .as_ref()
        .map_or_else(String::new, |tokens| format!(" ({tokens})"));
    info!(target: TARGET, event = "stopping", signal, revoke = revoke.len(), tokens, leave,
        "stopping on {signal}: {} to revoke within {}{shown}, {leave} to leave",
        counted(revoke.len(), "token"), human_duration(grace));
}

/// Returns the first items, and the number of the others.
fn list(items: &[impl ToString], shown_max: usize) -> String {
    let shown: Vec<_> = items
        .iter()
        .take(shown_max)
        .map(ToString::to_string)
        .collect();
    let shown = shown.join(", ");
    match items.len().saturating_sub(shown_max) {
        0 => shown,
        others => format!("{shown} and {others} more"),
    }
}

fn stopped(revoked: usize, left: usize, not_revoked: usize) {
    if not_revoked == 0 {
        info!(target: TARGET, event = "stopped", revoked, left, not_revoked,
            "stopped: {} revoked, {left} left as is", counted(revoked, "token"));
    } else {
        error!(target: TARGET, event = "stopped", revoked, left, not_revoked,
            "stopped: {} not revoked, revoke them by hand; {revoked} revoked, {left} left as is",
            counted(not_revoked, "token"));
    }
}

/// Returns the error with its causes, in one line.
///
/// A token that was pasted where a path belongs would appear in the error, so text that looks like
/// a token is hidden.
fn redacted(cause: &dyn Error) -> String {
    clean(&Chain(cause).to_string())
}

#[cfg(test)]
mod tests;
