//! Compares a running daemon with the configuration.
//!
//! It must never send a command to the daemon: the advice on a difference names the command that
//! removes it.

use std::collections::BTreeMap;

use super::check::Check;
use super::session::Examined;
use crate::cli::socket::{ALL_SESSIONS, DaemonError, NotFound, SocketOptions};
use crate::config::{SessionConfig, SessionName, StatusConfig, StatusSocket};
use crate::status::phrases::{Chain, Pickup, new_token};
use crate::status::report::{SessionReport, StatusReport};
use crate::token::{Fingerprint, Source};

const SUBJECT: &str = "daemon";
const NAME: &str = "daemon";
const RELOAD: &str = "session-keepalive reload applies the configuration";

/// A configured session, and the fingerprint of the token that its source holds.
type Expected<'a> = (&'a SessionConfig, Option<Fingerprint>);

/// Returns the socket of this configuration's daemon, or `None` if `status.socket` is off.
pub(super) fn socket(config: &StatusConfig, options: &SocketOptions) -> Option<SocketOptions> {
    match &config.socket {
        _ if options.is_named() => Some(options.clone()),
        StatusSocket::At(path) => Some(SocketOptions::at(path.clone())),
        StatusSocket::Auto => Some(SocketOptions::default()),
        StatusSocket::Off => None,
    }
}

/// Requests the daemon's status and compares its sessions with the configured ones.
pub(super) async fn examine(
    socket: Option<&SocketOptions>,
    sessions: &BTreeMap<SessionName, SessionConfig>,
    examined: &[Examined],
) -> Vec<Check> {
    let Some(socket) = socket else {
        let finding = "not asked, since it has no socket: status.socket is off";
        return vec![Check::ok(SUBJECT, "answers", finding)];
    };
    match socket.report(ALL_SESSIONS).await {
        Ok((report, _)) => compare(&report, &expected(sessions, examined)),
        Err(error) => vec![no_answer(&error)],
    }
}

fn expected<'a>(
    sessions: &'a BTreeMap<SessionName, SessionConfig>,
    examined: &[Examined],
) -> BTreeMap<&'a str, Expected<'a>> {
    let fingerprints: BTreeMap<_, _> = examined
        .iter()
        .map(|session| (session.name.as_str(), session.fingerprint))
        .collect();
    let sessions = sessions.iter();
    sessions
        .map(|(name, session)| {
            let name = name.as_str();
            (name, (session, fingerprints.get(name).copied().flatten()))
        })
        .collect()
}

fn no_answer(error: &DaemonError) -> Check {
    const NAME: &str = "answers";
    let why = Chain(error).to_string();
    match error {
        DaemonError::NotFound(NotFound::Nowhere(_)) | DaemonError::NotConnected { .. } => {
            Check::warning(SUBJECT, NAME, why).advise(
                "if none should run yet, nothing is wrong; otherwise see systemctl status session-keepalive",
            )
        }
        DaemonError::NotFound(_) | DaemonError::Stranger { .. } => {
            Check::warning(SUBJECT, NAME, why).advise("or name its socket with --socket")
        }
        DaemonError::OtherVersion(_) => Check::warning(SUBJECT, NAME, why),
        DaemonError::Broken { .. }
        | DaemonError::TooSlow { .. }
        | DaemonError::Refused(..)
        | DaemonError::NotUnderstood(_)
        | DaemonError::NoSuchSession { .. }
        | DaemonError::NotASession(_) => {
            Check::failure(SUBJECT, NAME, why).advise("check its log")
        }
    }
}

/// Returns a check for the daemon, and for each session that it or the configuration has.
fn compare(report: &StatusReport, expected: &BTreeMap<&str, Expected<'_>>) -> Vec<Check> {
    let mut checks = vec![answers(report)];
    for (name, expected) in expected {
        match report.sessions.iter().find(|session| session.name == *name) {
            Some(session) => compare_session(session, expected, &mut checks),
            None => checks.push(
                Check::failure(name, NAME, "the daemon does not manage this session")
                    .advise(RELOAD),
            ),
        }
    }
    for session in &report.sessions {
        let name = session.name.as_str();
        if !expected.contains_key(name) {
            let finding = "the daemon manages this session, which is not configured here";
            let check = Check::warning(name, NAME, finding);
            checks.push(check.advise(format!(
                "if this is the daemon's configuration, {RELOAD}; else name the other with --config"
            )));
        }
    }
    checks
}

fn answers(report: &StatusReport) -> Check {
    const NAME: &str = "answers";
    let theirs = report.program.as_str();
    let ours = env!("CARGO_PKG_VERSION");
    if report.stopping {
        let check = Check::warning(SUBJECT, NAME, "it is stopping");
        return check.advise("its log names the user who asked for it");
    }
    if theirs != ours {
        let finding = format!("it is version {theirs}, this program {ours}");
        return Check::warning(SUBJECT, NAME, finding).advise(
            "session-keepalive stop --leave ends it and revokes nothing; then start the new one",
        );
    }
    Check::ok(SUBJECT, NAME, format!("yes, in version {theirs}"))
}

fn compare_session(
    session: &SessionReport,
    (config, token): &Expected<'_>,
    checks: &mut Vec<Check>,
) {
    let name = session.name.as_str();
    let before = checks.len();
    let (theirs, ours) = (session.intent.as_str(), config.policy.intent.as_str());
    let configured = session.configured_intent.as_deref().unwrap_or(theirs);
    let settings = [
        ("intent", configured, ours),
        ("API", session.api.as_str(), config.api.as_str()),
        (
            "on_shutdown",
            session.on_shutdown.as_str(),
            config.policy.on_shutdown.as_str(),
        ),
    ];
    // One difference is enough: `on_shutdown` follows from the intent unless it is configured.
    if let Some((setting, theirs, ours)) = settings
        .into_iter()
        .find(|(_, theirs, ours)| theirs != ours)
    {
        let finding = format!("the daemon uses {setting} {theirs}, the configuration has {ours}");
        checks.push(Check::warning(name, NAME, finding).advise(RELOAD));
    }
    if configured != theirs {
        let finding = format!("a user asked to {theirs} it, the configuration has {configured}");
        let advice = format!("session-keepalive {configured} {name} reverses that");
        checks.push(Check::warning(name, NAME, finding).advise(advice));
    }
    let differs = token.and_then(|token| other_token(session, token, &config.token));
    checks.extend(differs);
    let trouble = session
        .trouble
        .as_deref()
        .filter(|_| session.state != "absent");
    let trouble = trouble.map_or_else(String::new, |trouble| format!("; {trouble}"));
    let standing = format!("{}{trouble}", session.standing);
    checks.push(
        if session.state == "lost" || session.state == "not revoked" {
            Check::failure(name, NAME, standing).advise_some(session.advice.clone())
        } else if session.warning {
            Check::warning(name, NAME, standing).advise_some(session.advice.clone())
        } else if checks.len() == before && token.is_some() {
            let source = &config.token;
            Check::ok(
                name,
                NAME,
                format!("{standing}; with the token of {source}"),
            )
        } else {
            Check::ok(name, NAME, standing)
        },
    );
}

/// Returns a check if the daemon holds another token than the one that its source holds.
fn other_token(session: &SessionReport, ours: Fingerprint, source: &Source) -> Option<Check> {
    let ours = ours.to_string();
    let theirs = session.fingerprint.as_deref();
    if theirs == Some(ours.as_str()) || session.newer_token_waits {
        return None;
    }
    let theirs = theirs.unwrap_or("none");
    let finding = format!("the daemon has token {theirs}, {source} gives {ours}");
    Some(match source {
        // A command may print another token each time it runs.
        Source::Command(_) | Source::Mint(_) => Check::ok(&session.name, NAME, finding),
        Source::File(_) | Source::Env(_) | Source::Credential(_) => {
            Check::warning(&session.name, NAME, finding).advise(new_token(source, Pickup::AtOnce))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags, Layers, load};
    use crate::status::report::Moment;

    /// Returns a configuration of one session, `default`, whose token is in the file `token`.
    fn config() -> Config {
        let flags = Flags {
            region: Some("eu-central-1".into()),
            token_file: Some("token".into()),
            ..Flags::default()
        };
        let layers = Layers {
            file: None,
            environment: Vec::new(),
            flags,
        };
        load(layers).unwrap().config
    }

    /// Returns the daemon's report on a session that runs as configured.
    fn matching_session() -> SessionReport {
        SessionReport {
            name: "default".to_owned(),
            intent: "keep".to_owned(),
            state: "alive".to_owned(),
            standing: "alive: touch in 7m".to_owned(),
            fingerprint: Some(Fingerprint::of(b"a").to_string()),
            api: "https://api.mypurecloud.de".to_owned(),
            on_shutdown: "revoke".to_owned(),
            ..SessionReport::default()
        }
    }

    fn check_lines(sessions: Vec<SessionReport>) -> Vec<String> {
        let now = Moment {
            at: String::new(),
            in_seconds: 0.0,
        };
        let report = StatusReport {
            incidents: Vec::new(),
            last_incident: None,
            last_warning: None,
            version: 1,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            now: String::new(),
            started: now,
            shard: None,
            stopping: false,
            ready: true,
            summary: String::new(),
            kept: 1,
            lapsing: 0,
            states: BTreeMap::new(),
            warnings: 0,
            matching: sessions.len(),
            next_page: None,
            sessions,
            events: Vec::new(),
        };
        let config = config();
        let session = config.sessions.values().next().unwrap();
        let expected = BTreeMap::from([("default", (session, Some(Fingerprint::of(b"a"))))]);
        let checks = compare(&report, &expected);
        let lines = checks.iter().skip(1).map(Check::line);
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn a_daemon_that_does_what_is_configured_is_well() {
        assert_eq!(
            check_lines(vec![matching_session()]),
            ["ok       default daemon: alive: touch in 7m; with the token of file token"]
        );
    }

    #[test]
    fn what_differs_is_told_with_what_mends_it() {
        let of = |change: fn(&mut SessionReport)| {
            let mut session = matching_session();
            change(&mut session);
            check_lines(vec![session])[0].clone()
        };
        assert_eq!(
            of(|session| session.intent = "lapse".to_owned()),
            "warning  default daemon: the daemon uses intent lapse, the configuration has keep; session-keepalive reload applies the configuration"
        );
        assert_eq!(
            of(|session| {
                session.intent = "lapse".to_owned();
                session.configured_intent = Some("keep".to_owned());
            }),
            "warning  default daemon: a user asked to lapse it, the configuration has keep; session-keepalive keep default reverses that"
        );
        assert_eq!(
            of(|session| session.fingerprint = Some("00000000".to_owned())),
            "warning  default daemon: the daemon has token 00000000, file token gives ca978112; a new token in file token takes over at once"
        );
        assert_eq!(
            of(|session| {
                session.state = "lost".to_owned();
                session.standing = "lost: refused".to_owned();
            }),
            "failure  default daemon: lost: refused"
        );
    }

    #[test]
    fn a_session_that_one_side_has_alone_is_told() {
        let mut unconfigured = matching_session();
        unconfigured.name = "crm".to_owned();
        let lines = check_lines(vec![unconfigured]);
        assert!(
            lines[0].starts_with("failure  default daemon: the daemon does not manage"),
            "{lines:#?}"
        );
        assert!(
            lines[1].starts_with("warning  crm daemon: the daemon manages this session, which"),
            "{lines:#?}"
        );
    }
}
