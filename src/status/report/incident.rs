//! An incident as JSON.

use serde::{Deserialize, Serialize};

use super::Moment;
use crate::status::phrases::{cause, incident, incident_over, incident_remedy, title};
use crate::status::{IncidentView, Snapshot};

/// A problem of an API host or an organisation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct IncidentReport {
    /// The number of the incident since the start of the daemon.
    pub id: u32,
    /// The class: `unreachable`, `timing-out`, `failing`, `certificate`, `throttling`,
    /// `address-not-allowed`, `not-the-api`, `excluded`, `timeout-shortened` or `timeout-disabled`.
    pub class: String,
    /// The API.
    pub api: String,
    /// The organisation, if the incident concerns only that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The subject and the trouble, such as `API unreachable`.
    pub title: String,
    /// The cause, in words.
    pub cause: String,
    /// The incident in one line.
    pub text: String,
    /// The advice for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The time at which the first failed request was sent.
    pub began: Moment,
    /// The first successful answer after the last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Moment>,
    /// The end, once the incident is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Moment>,
    /// The number of sessions of the API or organisation.
    pub sessions: usize,
    /// Their names, if there are at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The number of sessions whose last request failed.
    pub failing: usize,
    /// The number of sessions that are at risk.
    pub at_risk: usize,
    /// The number of tokens that were lost.
    pub lost: usize,
    /// The first idle deadline of the kept sessions, while requests fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_loss: Option<Moment>,
    /// The session of that deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_loss_session: Option<String>,
    /// The correlation id of the latest failed answer that had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl IncidentReport {
    pub(super) fn of(view: &IncidentView, snapshot: &Snapshot) -> Self {
        let moment = |at| Moment::of(at, snapshot);
        Self {
            id: view.id,
            class: view.class.as_str().to_owned(),
            api: view.api.as_str().to_owned(),
            organisation: view.organisation.as_deref().map(str::to_owned),
            title: title(view),
            cause: cause(view),
            text: match view.ended_at {
                Some(_) => incident_over(view),
                None => incident(view, snapshot.at),
            },
            advice: incident_remedy(view).map(str::to_owned),
            began: moment(view.began_at),
            answered: view.answered_at.map(moment),
            ended: view.ended_at.map(moment),
            sessions: view.sessions,
            names: view.names.iter().map(ToString::to_string).collect(),
            failing: view.failing,
            at_risk: view.at_risk,
            lost: view.lost,
            first_loss: view.first_loss_at.map(moment),
            first_loss_session: view.first_loss.as_ref().map(ToString::to_string),
            correlation_id: view.correlation_id.as_deref().map(str::to_owned),
        }
    }
}
