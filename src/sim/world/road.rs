//! The road between the keeper and a server: slow, lossy, and at times no road at all.

use std::time::Duration;

use fastrand::Rng;

use crate::keeper::{Failure, Instant, Operation, Outcome, Touch, Verdict};
use crate::sim::{Ending, Fault, Length, Processing, Request, Response, Span, WireFault};

use super::site::Site;

/// What it is like between us and a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weather {
    /// All arrives, within 2 s each way.
    Fine,
    /// All arrives, in up to 20 s each way.
    Slow,
    /// A third is lost, on the way there or back.
    Lossy,
    /// There is no connection, and one is told so at once.
    Unconnected,
    /// Nothing arrives and nothing comes back.
    BlackHole,
    /// A captive portal answers.
    Portal,
    /// The server fails, whether it did what it was asked or not.
    Failing(u16),
    /// The server says that it is asked too often.
    Throttled(u64),
    /// The server refuses for another reason than the token.
    Refusing(u16, &'static str),
    /// A 401 without a body.
    Empty,
    /// Answers break off.
    Cut,
    /// `Date` is wrong by so many seconds now and then.
    Skewed(i64),
}

/// What becomes of a request on its way to the server.
pub(super) enum Way {
    /// It arrives after this.
    Arrives(Duration),
    /// It fails after this.
    Fails(Duration, Failure),
    /// It is never heard of again.
    Lost,
}

/// What becomes of an answer.
pub(super) enum Return {
    /// It arrives after this.
    Arrives(Duration, Box<Outcome>),
    /// It is never heard of.
    Lost,
}

impl Weather {
    /// Any weather but a fine one.
    pub(super) fn foul(random: &mut Rng) -> Self {
        match random.u8(0..14) {
            0 => Self::Slow,
            1 | 2 => Self::Lossy,
            3 | 4 => Self::Unconnected,
            5 => Self::BlackHole,
            6 => Self::Portal,
            7 => Self::Failing([500, 502, 503, 504, 408][random.usize(0..5)]),
            8 => Self::Throttled([0, 7, 60, 600, 7200, 259_200][random.usize(0..6)]),
            9 => [
                Self::Refusing(401, "ip.not.authorized"),
                Self::Refusing(401, "authentication.required"),
                Self::Refusing(401, "something.new"),
                Self::Refusing(403, "authz.policy.denied"),
                Self::Refusing(400, "bad.request"),
            ][random.usize(0..5)],
            10 => Self::Empty,
            11 => Self::Cut,
            _ => Self::Skewed([-7200, -600, -61, -5, 5, 61, 600, 7200][random.usize(0..8)]),
        }
    }

    /// The way to the server.
    pub(super) fn way(self, random: &mut Rng) -> Way {
        match self {
            Self::Unconnected => Way::Fails(milliseconds(random, 1..200), Failure::NotConnected),
            Self::BlackHole => Way::Lost,
            Self::Lossy if random.u8(0..6) == 0 => Way::Lost,
            Self::Slow
            | Self::Fine
            | Self::Lossy
            | Self::Portal
            | Self::Failing(_)
            | Self::Throttled(_)
            | Self::Refusing(..)
            | Self::Empty
            | Self::Cut
            | Self::Skewed(_) => Way::Arrives(self.latency(random)),
        }
    }

    /// How long one way takes.
    fn latency(self, random: &mut Rng) -> Duration {
        if self == Self::Slow {
            milliseconds(random, 100..20_000)
        } else {
            milliseconds(random, 5..2_000)
        }
    }

    /// What goes wrong at the server, or before it.
    fn fault(self, operation: Operation, random: &mut Rng) -> Option<Fault> {
        let processing = if random.bool() {
            Processing::Done
        } else {
            Processing::Skipped
        };
        match self {
            Self::Fine | Self::Slow => None,
            Self::Lossy => (random.u8(0..6) == 0).then_some(Fault::Hang { processing }),
            Self::Unconnected => Some(Fault::Close {
                ending: Ending::Reset,
                processing,
            }),
            Self::BlackHole => Some(Fault::Hang { processing }),
            Self::Portal if random.bool() => Some(Fault::Page),
            Self::Portal => Some(Fault::Redirect),
            Self::Failing(status) if random.bool() => Some(Fault::Empty { status, processing }),
            Self::Failing(status) => Some(Fault::Error {
                status,
                code: "internal.server.error".to_owned(),
                message: "Something failed.".to_owned(),
                retry_after: None,
                processing,
            }),
            Self::Throttled(seconds) => Some(Fault::throttled(seconds)),
            Self::Refusing(status, code) => Some(Fault::error(status, code, "Refused.")),
            Self::Empty => Some(Fault::empty(401)),
            // A HEAD has nothing that could be cut, and a 2xx to it is believed.
            Self::Cut if operation == Operation::Peek && random.bool() => Some(Fault::InvalidJson),
            Self::Cut => Some(Fault::ContentLength(Length::TooLong(random.u32(1..400)))),
            Self::Skewed(seconds) => (random.u8(0..3) == 0).then_some(Fault::DateSkew {
                milliseconds: seconds * 1000,
            }),
        }
    }
}

/// The server is reached: what it does, and what becomes of its answer.
pub(super) fn arrive(
    site: &mut Site,
    operation: Operation,
    token: &str,
    now: Instant,
    random: &mut Rng,
) -> Return {
    let weather = site.weather;
    let fault = weather.fault(operation, random);
    if matches!(fault, Some(Fault::DateSkew { .. })) {
        site.skewed.push(now);
    }
    if let Some(fault) = fault {
        let script = site.server.script();
        script.clear();
        script.befall_all(Span::Times(1), fault);
    }
    let request = match operation {
        Operation::Peek => Request::peek_me(token),
        Operation::Touch(Touch::Head) => Request::head_me(token),
        Operation::Touch(Touch::Get) => Request::get_me(token),
        Operation::ReadTimeout => Request::get_timeout(token),
        Operation::Revoke => Request::delete_me(token),
    };
    let mut answer = site.server.answer(&request, now);
    let back = weather.latency(random);
    let outcome = match answer.wire {
        Some(WireFault::Hang) => return Return::Lost,
        Some(WireFault::Close(_)) => failed(Failure::Broken),
        Some(WireFault::ContentLength(_)) if random.bool() => failed(Failure::Broken),
        Some(WireFault::ContentLength(_)) => {
            let length = answer.response.body.len();
            answer.response.body.truncate(random.usize(0..=length));
            understood(operation, &answer.response)
        }
        Some(WireFault::Latency(_)) | None => understood(operation, &answer.response),
    };
    Return::Arrives(back, Box::new(outcome))
}

/// No answer, for this reason.
pub(crate) fn failed(failure: Failure) -> Outcome {
    Outcome {
        verdict: Verdict::Unreachable(failure),
        status: None,
        date: None,
        correlation_id: None,
    }
}

/// The very lines that judge a real server's answers.
pub(crate) fn understood(operation: Operation, response: &Response) -> Outcome {
    let answer = crate::api::Answer {
        status: response.status,
        date: response.header("Date"),
        retry_after: response.header("Retry-After"),
        correlation_id: response.header("ININ-Correlation-Id"),
        content_type: response.header("Content-Type"),
        body: &response.body,
    };
    crate::api::verdict(operation, &answer)
}

fn milliseconds(random: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.u64(range))
}
