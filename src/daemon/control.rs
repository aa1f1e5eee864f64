//! Does what is asked for over the Unix socket, and answers when it is done.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::Daemon;
use crate::config::SessionName;
use crate::keeper::{
    Event, EventKind, Instant, Intent, OnShutdown, Operation, Outcome, SessionId, SessionView,
    State, Verdict,
};
use crate::observe::words::next;
use crate::observe::{Control, Done, Notice, Peer, tell_notice};

/// How many may wait for the touches of one session.
const WAITERS_MAX: usize = 16;

/// Why a daemon that a service manager started is not stopped by anybody else: what ends by itself
/// is started again, as a hand-over needs it, and would find its tokens revoked.
const STARTED_AGAIN: &str = "not stopped: the service manager would start it again at once, with revoked tokens; say systemctl stop, which revokes as configured";

impl Daemon {
    /// Does what is asked for.
    pub(super) fn control(&mut self, control: Control, by: Peer, answer: oneshot::Sender<Done>) {
        let done = match control {
            _ if self.is_stopping => Done::No("the daemon is stopping".to_owned()),
            Control::Touch(name) => match self.touch(&name, by) {
                Ok(id) => return self.touch_waiters.wait(id, answer),
                Err(done) => done,
            },
            Control::Intend(name, intent) => self.intend(&name, intent, by),
            Control::Reload => {
                tell_notice(&Notice::Asked { what: "reload", by });
                match self.reload() {
                    Ok(()) => Done::Yes("reloaded".to_owned()),
                    Err(why) => Done::No(format!(
                        "reload refused, the earlier configuration stays in force:\n{why}"
                    )),
                }
            }
            Control::Stop(OnShutdown::Revoke) if self.systemd.is_present() => {
                Done::No(STARTED_AGAIN.to_owned())
            }
            Control::Stop(wanted) => {
                tell_notice(&Notice::Asked { what: "stop", by });
                self.is_answer_awaited = true;
                self.stop(wanted, "the order of a user");
                Done::Yes(match wanted {
                    OnShutdown::Revoke => "stopping, and revoking as configured".to_owned(),
                    OnShutdown::Leave => "stopping, and leaving every token".to_owned(),
                })
            }
        };
        // Whoever asked may be gone.
        drop(answer.send(done));
    }

    fn touch(&mut self, name: &SessionName, by: Peer) -> Result<SessionId, Done> {
        let &id = self.cares.by_name.get(name).ok_or(Done::NoSuchSession)?;
        self.keeper
            .handle_touch_wanted(id, self.now())
            .map_err(|why| Done::No(format!("{name} is not touched: {why}")))?;
        tell_notice(&Notice::TouchWanted { session: name, by });
        Ok(id)
    }

    fn intend(&mut self, name: &SessionName, intent: Intent, by: Peer) -> Done {
        let now = self.now();
        let Some((&id, care)) = self
            .cares
            .by_name
            .get(name)
            .and_then(|id| Some((id, self.cares.by_id.get_mut(id)?)))
        else {
            return Done::NoSuchSession;
        };
        let is_configured = care.config.intent == intent;
        if care.policy().intent == intent {
            return Done::Yes(format!("{name} is to {} already", intent.as_str()));
        }
        care.intent = (!is_configured).then_some(intent);
        let policy = care.policy();
        if intent == Intent::Keep {
            self.sources.read_unless_held(id, care);
        }
        self.keeper.handle_policy(id, policy, now);
        tell_notice(&Notice::IntentChanged {
            session: (name, intent),
            by,
            is_configured,
        });
        let until = if is_configured {
            "as configured"
        } else {
            "until it is changed back, configured anew or the daemon is restarted"
        };
        let at_the_end = match policy.on_shutdown {
            OnShutdown::Revoke => "revoked",
            OnShutdown::Leave => "left as it is",
        };
        let next = self
            .keeper
            .view(id, now)
            .map_or_else(String::new, |view| format!("; {}", next(&view, now)));
        self.account_for_sessions(now);
        Done::Yes(format!(
            "{name} is to {} from here on, {until}; at the stop its token is {at_the_end}{next}",
            intent.as_str()
        ))
    }
}

/// Who waits for the answers to touches.
#[derive(Debug, Default)]
pub(super) struct Waiters(BTreeMap<SessionId, Vec<oneshot::Sender<Done>>>);

impl Waiters {
    fn wait(&mut self, id: SessionId, answer: oneshot::Sender<Done>) {
        let waiting = self.0.entry(id).or_default();
        waiting.retain(|answer| !answer.is_closed());
        if waiting.len() < WAITERS_MAX {
            waiting.push(answer);
        } else {
            drop(answer.send(Done::No("too many wait for this touch already".to_owned())));
        }
    }

    /// Answers those who wait for what happened.
    pub(super) fn handle_event(&mut self, event: &Event, view: Option<&SessionView>, now: Instant) {
        if self.0.is_empty() || !self.0.contains_key(&event.session) {
            return;
        }
        let Some(done) = answer(event, view, now) else {
            return;
        };
        for waiting in self.0.remove(&event.session).into_iter().flatten() {
            drop(waiting.send(done.clone()));
        }
    }
}

fn answer(event: &Event, view: Option<&SessionView>, now: Instant) -> Option<Done> {
    let view = view.filter(|view| has_living_token(view.state));
    if let EventKind::Answered {
        operation: operation @ Operation::Touch(_),
        outcome,
        ..
    } = &event.kind
    {
        let next = view.map_or_else(String::new, |view| format!("; {}", next(view, now)));
        let method = operation.as_str();
        return Some(match &outcome.verdict {
            Verdict::Accepted | Verdict::Alive(_) => Done::Yes(format!(
                "touched: {method} accepted{}{next}",
                deadline(view, now)
            )),
            Verdict::Timeout(_)
            | Verdict::Refused(_)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => Done::No(format!(
                "not touched: {method} {}{}{next}",
                outcome.verdict.as_str(),
                correlation(outcome)
            )),
        });
    }
    // Whatever ended the token, it is not touched any more.
    view.is_none()
        .then(|| Done::No("not touched: the token ended".to_owned()))
}

fn has_living_token(state: State) -> bool {
    match state {
        State::Held | State::AtRisk | State::Blocked => true,
        State::Absent
        | State::Unproven
        | State::Lost
        | State::Lapsed
        | State::Revoked
        | State::NotRevoked
        | State::Left => false,
    }
}

fn deadline(view: Option<&SessionView>, now: Instant) -> String {
    let held = view.and_then(|view| view.held.as_ref());
    held.and_then(|held| held.deadline)
        .map_or_else(String::new, |deadline| {
            let left = crate::observe::words::lasting(deadline.until(now));
            format!(", idle deadline in {left}")
        })
}

fn correlation(outcome: &Outcome) -> String {
    outcome
        .correlation_id
        .as_deref()
        .map_or_else(String::new, |id| format!(" (correlation id {id})"))
}
