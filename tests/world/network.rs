//! The simulated network between the keeper and a server, with its faults.

use std::time::Duration;

use fastrand::Rng;
use session_keepalive::keeper::{
    BlockReason, Failure, NotTheApi, Operation, Outcome, Refusal, Touch, Verdict,
};
use session_keepalive::sim::{
    ConnectionEnd, Length, Processing, Request, RuleSpan, SimFault, WireFault,
};
use session_keepalive::time::Instant;

use super::answers::{failed, understood};
use super::site::Site;

/// The condition of the network and of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weather {
    /// All messages arrive, within 2s each way.
    Fine,
    /// All messages arrive, within 20s each way.
    Slow,
    /// About a third of the requests or their answers are lost.
    Lossy,
    /// Connecting fails within 200 ms.
    Unconnected,
    /// All messages are lost.
    BlackHole,
    /// A captive portal answers.
    Portal,
    /// The server answers with this status, with or without having executed the request.
    Failing(u16),
    /// The server answers 429 with this `Retry-After`, in seconds.
    Throttled(u64),
    /// The server refuses with this status and code, for a reason other than the token.
    Refusing(u16, &'static str),
    /// The answer is a 401 without a body.
    Empty,
    /// Answers are truncated.
    Cut,
    /// `Date` is wrong by this many seconds in about a third of the answers.
    Skewed(i64),
    /// An intermediary refuses HEAD with this status, and forwards GET.
    HeadRefused(u16),
    /// An intermediary answers HEAD with a page, and forwards GET.
    HeadPage,
    /// HEAD gets no answer; GET does.
    HeadHangs,
    /// A cache answers GET with a stored answer, and forwards HEAD.
    Caching,
    /// Answers to GET have a content encoding; HEAD is not affected.
    Encoding,
    /// Connections stop answering at times; new connections work.
    Wedging,
}

/// The correlation id that marks a cache's answer in the simulation.
pub(super) const CACHE_CORRELATION_ID: &str = "of a cache";

/// The fate of a request on its way to the server.
pub(super) enum RequestFate {
    /// It arrives after this time.
    Arrives(Duration),
    /// It fails after this time.
    Fails(Duration, Failure),
    /// It is lost.
    Lost,
}

/// The fate of an answer.
pub(super) enum ResponseFate {
    /// It arrives after this time.
    Arrives(Duration, Box<Outcome>),
    /// It is lost.
    Lost,
}

impl Weather {
    /// Returns a random condition other than [`Weather::Fine`].
    pub(super) fn bad(random: &mut Rng) -> Self {
        match random.u8(0..20) {
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
            12 => Self::HeadRefused(
                [302, 400, 403, 404, 405, 421, 425, 451, 500, 501, 520][random.usize(0..11)],
            ),
            13 => Self::HeadPage,
            14 => Self::HeadHangs,
            15 => Self::Caching,
            16 => Self::Encoding,
            17 => Self::Wedging,
            _ => Self::Skewed([-7200, -600, -61, -5, 5, 61, 600, 7200][random.usize(0..8)]),
        }
    }

    /// Returns the fate of a request on its way to the server.
    pub(super) fn request_fate(self, random: &mut Rng) -> RequestFate {
        match self {
            Self::Unconnected => {
                RequestFate::Fails(milliseconds(random, 1..200), Failure::NotConnected)
            }
            Self::BlackHole => RequestFate::Lost,
            Self::Lossy if random.u8(0..6) == 0 => RequestFate::Lost,
            Self::Slow
            | Self::Fine
            | Self::Lossy
            | Self::Portal
            | Self::Failing(_)
            | Self::Throttled(_)
            | Self::Refusing(..)
            | Self::Empty
            | Self::Cut
            | Self::Skewed(_)
            | Self::HeadRefused(_)
            | Self::HeadPage
            | Self::HeadHangs
            | Self::Caching
            | Self::Encoding
            | Self::Wedging => RequestFate::Arrives(self.latency(random)),
        }
    }

    /// Returns the name of the fault of a request on its way, if there is one.
    pub(super) fn request_fault(self, fate: &RequestFate) -> Option<&'static str> {
        match fate {
            RequestFate::Arrives(_) => (self == Self::Slow).then_some("slow"),
            RequestFate::Fails(..) => Some("no connection"),
            RequestFate::Lost if self == Self::BlackHole => Some("black hole"),
            RequestFate::Lost => Some("request lost"),
        }
    }

    /// Returns the random time that a message takes in one direction.
    fn latency(self, random: &mut Rng) -> Duration {
        if self == Self::Slow {
            milliseconds(random, 100..20_000)
        } else {
            milliseconds(random, 5..2_000)
        }
    }

    /// Returns the fault that the server, or an intermediary, applies to a request.
    fn fault(self, operation: Operation, random: &mut Rng) -> Option<SimFault> {
        let processing = if random.bool() {
            Processing::Done
        } else {
            Processing::Skipped
        };
        match self {
            Self::Fine | Self::Slow | Self::Caching | Self::Encoding | Self::Wedging => None,
            Self::HeadRefused(status) => {
                (operation == Operation::Touch(Touch::Head)).then_some(SimFault::empty(status))
            }
            Self::HeadPage => {
                (operation == Operation::Touch(Touch::Head)).then_some(SimFault::Page)
            }
            Self::HeadHangs => {
                (operation == Operation::Touch(Touch::Head)).then_some(SimFault::Hang {
                    processing: Processing::Skipped,
                })
            }
            Self::Lossy => (random.u8(0..6) == 0).then_some(SimFault::Hang { processing }),
            Self::Unconnected => Some(SimFault::Close {
                ending: ConnectionEnd::Reset,
                processing,
            }),
            Self::BlackHole => Some(SimFault::Hang { processing }),
            Self::Portal if random.bool() => Some(SimFault::Page),
            Self::Portal => Some(SimFault::Redirect),
            Self::Failing(status) if random.bool() => Some(SimFault::Empty { status, processing }),
            Self::Failing(status) => Some(SimFault::Error {
                status,
                code: "internal.server.error".to_owned(),
                message: "Something failed.".to_owned(),
                retry_after: None,
                processing,
            }),
            Self::Throttled(seconds) => Some(SimFault::throttled(seconds)),
            Self::Refusing(status, code) => Some(SimFault::error(status, code, "Refused.")),
            Self::Empty => Some(SimFault::empty(401)),
            // The answer to a HEAD has no body that could be truncated, and the keeper accepts any
            // 2xx answer to it.
            Self::Cut if operation == Operation::Peek && random.bool() => {
                Some(SimFault::InvalidJson)
            }
            Self::Cut => Some(SimFault::ContentLength(Length::TooLong(random.u32(1..400)))),
            Self::Skewed(seconds) => (random.u8(0..3) == 0).then_some(SimFault::DateSkew {
                milliseconds: seconds * 1000,
            }),
        }
    }
}

/// Processes a request that has reached the server, and returns the fate of its answer.
pub(super) fn arrive(
    site: &mut Site,
    operation: Operation,
    token: &str,
    now: Instant,
    random: &mut Rng,
) -> ResponseFate {
    let weather = site.weather;
    if now < site.refuses_until {
        site.fault = Some("401 that passes");
        let latency = weather.latency(random);
        return ResponseFate::Arrives(latency, Box::new(temporarily_refused(operation)));
    }
    let key = (token.to_owned(), operation);
    if weather == Weather::Caching
        && let Some(stored) = site.cache.get(&key)
    {
        site.fault = Some("answer of a cache");
        site.cached_at.push(now);
        let mut stored = stored.clone();
        stored.is_cached = random.bool();
        stored.correlation_id = Some(CACHE_CORRELATION_ID.into());
        return ResponseFate::Arrives(weather.latency(random), Box::new(stored));
    }
    let fault = weather.fault(operation, random);
    site.fault = fault.as_ref().map(|fault| fault_name(weather, fault));
    if weather == Weather::Wedging && random.u8(0..20) == 0 {
        site.is_wedged = true;
        site.fault = Some("wedged connection");
    }
    if matches!(fault, Some(SimFault::DateSkew { .. })) {
        site.skewed_at.push(now);
    }
    if let Some(fault) = fault {
        let script = site.server.script();
        script.clear();
        script.befall_all(RuleSpan::Times(1), fault);
    }
    let request = match operation {
        Operation::Peek => Request::peek_me(token),
        Operation::Touch(Touch::Head) => Request::head_me(token),
        Operation::Touch(Touch::Get) => Request::get_me(token),
        Operation::ReadTimeout => Request::get_timeout(token),
        Operation::Revoke => Request::delete_me(token),
    };
    let mut answer = site.server.answer(&request, now);
    let latency = weather.latency(random);
    let mut outcome = match answer.wire {
        Some(WireFault::Hang) => return ResponseFate::Lost,
        Some(WireFault::Close(_)) => failed(Failure::Broken),
        Some(WireFault::ContentLength(_)) if random.bool() => failed(Failure::Broken),
        Some(WireFault::ContentLength(_)) => {
            let length = answer.response.body.len();
            answer.response.body.truncate(random.usize(0..=length));
            understood(operation, &answer.response)
        }
        Some(WireFault::Latency(_)) | None => understood(operation, &answer.response),
    };
    let is_get = matches!(operation, Operation::Peek | Operation::Touch(Touch::Get));
    if is_get && weather == Weather::Encoding {
        site.fault = Some("encoded answer");
        outcome.verdict =
            Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::Encoded("gzip".into())));
    } else if is_get && weather == Weather::Caching {
        site.cache.insert(key, outcome.clone());
    }
    ResponseFate::Arrives(latency, Box::new(outcome))
}

/// Returns the outcome of a request while the API refuses every token.
fn temporarily_refused(operation: Operation) -> Outcome {
    let refusal = match operation {
        Operation::Touch(Touch::Head) => Refusal::Unread,
        Operation::Peek
        | Operation::Touch(Touch::Get)
        | Operation::ReadTimeout
        | Operation::Revoke => Refusal::BadCredentials,
    };
    Outcome {
        verdict: Verdict::Refused(refusal),
        status: Some(401),
        ..failed(Failure::Broken)
    }
}

/// Returns the name under which a fault is counted.
fn fault_name(weather: Weather, fault: &SimFault) -> &'static str {
    match (weather, fault) {
        (Weather::Failing(408), _) => "408",
        (Weather::Failing(500), _) => "500",
        (Weather::Failing(502), _) => "502",
        (Weather::Failing(503), _) => "503",
        (Weather::Failing(_), _) => "504",
        (Weather::Throttled(0..=60), _) => "429 for seconds",
        (Weather::Throttled(_), _) => "429 for hours",
        (Weather::Refusing(_, code), _) => code,
        (Weather::Empty, _) => "401 without a code",
        (Weather::HeadRefused(_), _) => "HEAD refused",
        (Weather::HeadPage, _) => "HEAD answered by a page",
        (Weather::HeadHangs, _) => "HEAD not answered",
        (Weather::Skewed(_), _) => "wrong Date",
        (_, SimFault::Page) => "page of a portal",
        (_, SimFault::Redirect) => "redirect of a portal",
        (_, SimFault::Hang { .. }) => "answer lost",
        (_, SimFault::InvalidJson) => "invalid JSON",
        (_, SimFault::ContentLength(_)) => "answer cut",
        _ => "other",
    }
}

fn milliseconds(random: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.u64(range))
}
