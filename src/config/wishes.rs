//! Reads the keys that a session and `[defaults]` share.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::address::ApiBase;
use super::mask;
use super::meant::SessionConfig;
use super::reader::{At, Complaint, Reader, allowed_duration, duration, in_words};
use crate::keeper::{Intent, Margin, OnShutdown, Touch};
use crate::token::Source;

/// The idle timeouts that can be: test organisations go below the five minutes of the API.
const IDLE_TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_secs(2)..=Duration::from_secs(8 * 3600);

/// The margins that can be.
const MARGINS: RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_secs(8 * 3600);

/// The shares of the idle timeout that can be a margin, in percent.
const SHARES: RangeInclusive<u8> = 1..=90;

/// After how many touches a proof of reset is asked for again.
const VERIFY_EVERY: RangeInclusive<u32> = 1..=1000;
/// Each touch is proven: an exclusion that an administrator introduces is found out in time.
const VERIFY_EVERY_DEFAULT: NonZeroU32 = NonZeroU32::MIN;

/// What is wished for a session; what is not said is left to the defaults.
#[derive(Clone)]
pub(super) struct Wishes {
    intent: Option<At<Intent>>,
    margin: Option<At<Margin>>,
    idle_timeout: Option<At<Duration>>,
    touch: Option<At<Touch>>,
    verify_every: Option<At<u32>>,
    on_shutdown: Option<At<OnShutdown>>,
}

impl Wishes {
    /// Reads them from the table of a session or of the defaults.
    pub(super) fn read(table: &Reader<'_>) -> Self {
        let on_shutdown = [OnShutdown::Revoke, OnShutdown::Leave];
        Self {
            intent: table.word(
                "intent",
                &[Intent::Keep, Intent::Lapse].map(|intent| (intent.as_str(), intent)),
            ),
            margin: margin(table),
            idle_timeout: table.duration("idle_timeout", IDLE_TIMEOUTS),
            touch: table.word("touch", &[("head", Touch::Head), ("get", Touch::Get)]),
            verify_every: table.number("verify_every", VERIFY_EVERY),
            on_shutdown: table.word(
                "on_shutdown",
                &on_shutdown.map(|what| (what.as_str(), what)),
            ),
        }
    }

    /// These wishes, and where they are silent, the defaults.
    pub(super) fn over(self, defaults: Self) -> Self {
        Self {
            intent: self.intent.or(defaults.intent),
            margin: self.margin.or(defaults.margin),
            idle_timeout: self.idle_timeout.or(defaults.idle_timeout),
            touch: self.touch.or(defaults.touch),
            verify_every: self.verify_every.or(defaults.verify_every),
            on_shutdown: self.on_shutdown.or(defaults.on_shutdown),
        }
    }

    /// The session that is meant, if its token and its API are known.
    pub(super) fn settle(
        self,
        session: &Reader<'_>,
        token: Option<At<Source>>,
        api: Option<At<ApiBase>>,
    ) -> Option<SessionConfig> {
        self.refuse_wide_margin(session);
        let intent = or_default(self.intent);
        Some(SessionConfig {
            token: token?.value,
            api: api?.value,
            intent,
            margin: or_default(self.margin),
            idle_timeout: self.idle_timeout.map(|found| found.value),
            touch: or_default(self.touch),
            verify_every: self
                .verify_every
                .and_then(|found| NonZeroU32::new(found.value))
                .unwrap_or(VERIFY_EVERY_DEFAULT),
            on_shutdown: self
                .on_shutdown
                .map_or(intent.on_shutdown(), |found| found.value),
        })
    }

    fn refuse_wide_margin(&self, session: &Reader<'_>) {
        let (Some(margin), Some(idle_timeout)) = (&self.margin, &self.idle_timeout) else {
            return;
        };
        if let Margin::Time(time) = margin.value
            && time >= idle_timeout.value
        {
            let (time, limit) = (in_words(time), in_words(idle_timeout.value));
            let title = format!("margin {time} must be shorter than the idle timeout {limit}");
            let fault = margin.fault(&title).label("too long");
            session.note(fault.also(idle_timeout.place.clone(), "the idle timeout"));
        }
    }
}

fn or_default<T: Default>(found: Option<At<T>>) -> T {
    found.map(|found| found.value).unwrap_or_default()
}

fn margin(table: &Reader<'_>) -> Option<At<Margin>> {
    let allowed = format!("a share such as \"50%\", or {}", allowed_duration(&MARGINS));
    if let Some(fault) = table.number_without_unit("margin", &allowed) {
        table.note(fault);
        return None;
    }
    table.text("margin", &allowed, |text| {
        let Some(share) = text.strip_suffix('%') else {
            return duration(text, &MARGINS)
                .map(Margin::Time)
                .map_err(|complaint| Complaint {
                    allowed: allowed.clone(),
                    ..complaint
                });
        };
        match share.trim().parse() {
            Ok(share) if SHARES.contains(&share) => Ok(Margin::Percent(share)),
            Ok(_) | Err(_) => Err(Complaint::new(
                format!("{} is out of range", mask::quoted(text)),
                "a share of the idle timeout from 1% to 90%",
            )),
        }
    })
}
