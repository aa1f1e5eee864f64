//! What is known about why a session is as it is, and what can be done about it.

use super::{advice, after_death, lasting, new_token, obstacle, remedy};
use crate::keeper::{Death, Idleness, Instant, Obstacle, State};
use crate::observe::NamedView;
use crate::observe::story::{Change, Chapter, NamedStory};

/// What is known beside what the session's standing says.
#[must_use]
pub fn known(told: &NamedStory) -> Vec<String> {
    let view = &told.session.view;
    let now = told.snapshot.at;
    let Some(chapter) = present(told) else {
        return Vec::new();
    };
    match view.state {
        State::Lost | State::Lapsed => chapter
            .end
            .as_ref()
            .and_then(|(end, at)| Some((end.death()?, *at)))
            .map_or_else(Vec::new, |(death, at)| of_death(death, at, told)),
        State::Unproven | State::Held | State::AtRisk | State::Blocked => {
            vec![of_life(chapter, in_the_way(told), now)]
        }
        State::Absent | State::Revoked | State::NotRevoked | State::Left => Vec::new(),
    }
}

/// What can be done: that the next token does not die like this one, then for the session.
#[must_use]
pub fn remedies(told: &NamedStory) -> Vec<String> {
    let NamedView { view, source, .. } = &told.session;
    let mut remedies = Vec::new();
    match view.state {
        State::Lost => {
            let death = view.death.as_ref().and_then(after_death);
            remedies.extend(death.map(str::to_owned));
            remedies.extend(advice(view, source));
        }
        State::Lapsed => remedies.push(new_token(source)),
        State::Unproven | State::Held | State::AtRisk | State::Blocked => {
            let known = in_the_way(told).and_then(remedy).map(str::to_owned);
            remedies.extend(known.or_else(|| advice(view, source)));
        }
        State::Absent | State::NotRevoked | State::Revoked | State::Left => {
            remedies.extend(advice(view, source));
        }
    }
    remedies
}

/// The token that people know the session by.
fn present(told: &NamedStory) -> Option<&Chapter> {
    let token = told.session.view.token?;
    let mut chapters = told.story.chapters.iter().rev();
    chapters.find(|it| it.token.generation == token.generation)
}

fn in_the_way(told: &NamedStory) -> Option<&Obstacle> {
    let token = told.session.view.token?;
    told.story.course.in_the_way(token.generation)
}

fn of_death(death: &Death, at: Instant, told: &NamedStory) -> Vec<String> {
    let mut known = Vec::new();
    if let Idleness::After(_) = death.idle {
        let alive_at = death.since_touch.map_or(at - death.age, |since| at - since);
        known.extend(slept(told, alive_at, at));
    }
    if let Some(id) = &death.correlation_id {
        known.push(format!(
            "support can look up the refusal by its correlation id {id}"
        ));
    }
    known
}

/// The longest sleep of the machine in this time.
fn slept(told: &NamedStory, from: Instant, until: Instant) -> Option<String> {
    let within = told
        .surroundings
        .iter()
        .filter(|it| it.at >= from && it.at <= until);
    let slept = within.filter_map(|it| match it.change {
        Change::Slept(slept) => Some((slept, it.at)),
        Change::ClockStepped(_) | Change::NetworkChanged(_) => None,
    });
    let (slept, woken_at) = slept.max()?;
    Some(format!(
        "the machine slept for {} and woke {} before the refusal",
        lasting(slept),
        lasting(until.since(woken_at))
    ))
}

fn of_life(chapter: &Chapter, in_the_way: Option<&Obstacle>, now: Instant) -> String {
    let why = in_the_way.map_or_else(String::new, |why| format!(": {}", obstacle(why)));
    match (chapter.failing(), chapter.failed_at) {
        (Some((since, 1)), _) => {
            format!("a request failed {} ago{why}", lasting(now.since(since)))
        }
        (Some((since, failures)), _) => format!(
            "{failures} requests in a row have failed for {}{why}",
            lasting(now.since(since))
        ),
        (None, Some(failed_at)) => {
            format!(
                "no request has failed for {}",
                lasting(now.since(failed_at))
            )
        }
        (None, None) => format!(
            "no request has failed since it was first seen, {} ago",
            lasting(now.since(chapter.found_at))
        ),
    }
}
