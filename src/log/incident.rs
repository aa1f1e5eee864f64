//! Logs incidents: one line when an incident opens, when it becomes worse, and when it is over.

use tracing::{Level, debug, info, warn};

use super::TARGET;
use crate::keeper::{IncidentClass, Stage};
use crate::status::IncidentView;
use crate::status::phrases::{incident, incident_over, incident_remedy, incident_worse};
use crate::time::Instant;

/// Returns the machine-readable name of the event.
pub(super) fn event(stage: Stage) -> &'static str {
    match stage {
        Stage::Open => "incident",
        Stage::AtRisk | Stage::Lost => "incident_worse",
        Stage::Over => "incident_over",
    }
}

/// Returns the level: WARN if a person should look.
pub(super) fn level(view: &IncidentView, stage: Stage) -> Level {
    let is_harmless = view.class == IncidentClass::TimeoutDisabled;
    match stage {
        // The lines of the session stand for the incident.
        Stage::Open | Stage::Over if view.is_reported_by_session => Level::DEBUG,
        Stage::Over if is_harmless => Level::DEBUG,
        Stage::Open if is_harmless => Level::INFO,
        Stage::Over if view.lost == 0 || view.sessions == 1 => Level::INFO,
        Stage::Open | Stage::AtRisk | Stage::Lost | Stage::Over => Level::WARN,
    }
}

/// Returns the sentence, with the advice when the incident opens.
pub(super) fn sentence(view: &IncidentView, stage: Stage, now: Instant) -> String {
    match stage {
        Stage::Open => {
            let advice = incident_remedy(view);
            let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
            incident(view, now) + &advice
        }
        Stage::AtRisk | Stage::Lost => incident_worse(view, now),
        Stage::Over => incident_over(view),
    }
}

pub(super) fn log(view: &IncidentView, stage: Stage, now: Instant, sentence: &str) {
    let first_loss = view.first_loss_at.map(|at| at.until(now).as_secs());
    macro_rules! at {
        ($log:ident) => {
            $log!(
                target: TARGET,
                event = event(stage),
                incident = view.id,
                class = view.class.as_str(),
                api = view.api.as_str(),
                organisation = view.organisation.as_deref(),
                sessions = view.sessions,
                failing = view.failing,
                at_risk = view.at_risk,
                lost = view.lost,
                first_loss_seconds = first_loss,
                correlation_id = view.correlation_id.as_deref(),
                "{sentence}"
            )
        };
    }
    match level(view, stage) {
        Level::ERROR | Level::WARN => at!(warn),
        Level::INFO => at!(info),
        Level::DEBUG | Level::TRACE => at!(debug),
    }
}
