//! session-keepalive keeps Genesys Cloud API tokens alive against their server-side idle timeout, or
//! lets them lapse on purpose. It reports what is known about each token and revokes tokens when it stops.
//!
//! This page is the architecture; its last section says where to read on.
//!
//! ```text
//!  files, env ─▶ config ─▶ Config ─▶ ┌────────┐  Command(ticket)   ┌────────┐
//!                                    │ daemon │ ─────────────────▶ │  api   │ ─▶ Genesys Cloud
//!  sys: clock, signals, network ───▶ │  loop  │ ◀── Outcome(ticket) └────────┘
//!  token: files, pools, commands ──▶ │        │ ─▶ hooks, service manager
//!                                    └────────┘ ◀── queries, commands ── http ◀── people, probes
//!                      handle_*(now) │   ▲ poll_command, poll_event, poll_timeout
//!                                    ▼   │
//!                                  keeper (pure) ── Event ─▶ log · metrics · status
//!
//!  a query reads slices of the state ─▶ /status, /readyz, /metrics, the page, `status`, `explain`
//! ```
//!
//! # Glossary
//!
//! | word | meaning |
//! | --- | --- |
//! | session | a configured token under the daemon's management |
//! | token, fingerprint | a secret, and the only form in which it is shown |
//! | generation | the number of a session's token, counted from 1 |
//! | intent | what is configured for a token: `keep` it alive or let it `lapse` |
//! | touch | a request that resets the idle timer: `HEAD /tokens/me` or `GET /tokens/me` |
//! | peek | `GET /tokens/me?preserveIdleTTL=true`, which does not reset it |
//! | idle timeout, idle deadline | the server's limit, and the instant at which it ends the token unless touched |
//! | margin, outage budget | the time before the deadline that is kept for outages, and the longest outage survived |
//! | reserve | the time at the end of the margin that is kept for the last attempt |
//! | jitter | a random part of the time by which a touch is made earlier, so that sessions spread |
//! | floor | the least time between two requests of a session |
//! | verification | the check, after a touch, that the deadline moved |
//! | excluded | neither touch moves the deadline, since the organisation does not count these calls |
//! | outcome, ticket | the result of a request, and the link to its request and generation |
//! | keeper, daemon | the pure decision core, and the event loop that carries decisions out |
//! | hand-over | a stop that leaves the tokens to the next daemon |
//! | candidate | a new token of a session that is not proven alive yet |
//! | earlier token, overlap | a replaced token that lives, and the time for which it must not be used before it is released |
//! | sink | a file to which a token is written for an application |
//! | pool | a directory each of whose files is a session |
//! | incident | a problem of one API host or organisation, however many sessions it affects |
//! | hook | a program that runs when something happens to a session, or an incident begins or ends |
//! | snapshot, history | the state that observers see, and the past of one session |
//!
//! # Invariants
//!
//! *The keeper decides, the daemon acts.* [`keeper`] is arithmetic on instants: no clock, network,
//! file, log, task or randomness of its own. Every rule is a test in virtual time.
//!
//! *One loop owns all state*, on one thread. Observers ask the loop and get short slices of the state; a slow
//! observer delays nothing. **Nothing that can block runs on that thread**: files and directories have threads of
//! their own (`sys::files`), so that a hung file system affects only its own sessions; names are resolved on Tokio's
//! blocking threads, of which there are eight.
//!
//! *Time enters through one file*, `sys::clock`, and is `CLOCK_BOOTTIME`: tokens go on idling while the
//! machine is suspended. Instants of the server are compared with each other only.
//!
//! *Nothing is polled* that the kernel reports. Some mounts report nothing: pools are listed every minute, the
//! control socket is checked every minute, and token files are read before each touch.
//!
//! *A token is revoked only if no configured session holds it*, whatever the names of sessions and files are; a
//! missing file alone ends no session (`daemon::ownership`).
//!
//! *Everything is bounded*: waits, queues, bodies, histories, requests in flight, the shutdown grace.
//!
//! *Verdicts are values.* Refused, throttled and unreachable are outcomes; an `Err` is a failure of this program
//! itself, such as a file that it cannot read. *An invalid configuration cannot be constructed* ([`config::Config`]).
//!
//! *A token is in two places*: the [`token::Token`] and the `Authorization` header of a request in flight.
//! Neither has a `Display`, and every freed block of memory is wiped. Connections are closed
//! within seconds of a token's end, because their buffers hold its last request.
//!
//! *Only root and the daemon's user may control it*, over the Unix socket. Nothing can be changed over TCP.
//!
//! *One model of the server* ([`sim`]) serves simulations in virtual time, the wire tests, `simulate` and `demo`.
//!
//! # How a touch is sent
//!
//! `Schedule::touch_at` computes when it is due, and `LiveToken::touch_at` postpones it where touches do not count
//! or a proof is not conclusive yet. `LiveToken::next_step` and `Session::choose` pick it among the session's next
//! requests. Its place in the queues of its host (`keeper::queues`) is `Waiting` until it is due, then `Ready` until
//! fewer than `in_flight_max` requests are in flight; the nearest deadline goes first, and one within seconds may
//! take a place beyond the limit. `Keeper::poll_command` hands it out, which is the instant it counts as sent, and
//! `Daemon::send` starts it: `api` resolves the name, connects and sends. The log has `queued_seconds` and
//! `took_seconds` of each request at DEBUG, and the metrics have the histograms
//! `session_keepalive_touch_delay_seconds` and `session_keepalive_touch_duration_seconds`. A time in which nothing
//! was sent although a touch was due is recorded by `LiveToken::record_absence`; `status::phrases` puts it in words.
//!
//! # Where to read on
//!
//! The rules: [`keeper`]. The loop: `Daemon::run` in [`daemon`]. Where tokens come from: [`token`] and
//! `daemon::sources`. Pools: `daemon::pools`. Reloads: [`config`] and `daemon::reload`. Who holds a token:
//! `daemon::ownership` and `daemon::hand_over`. Programs: `sys::program` and `daemon::hooks`. What people
//! read: [`status::phrases`] and [`log`]. How to build and test: `.github/CONTRIBUTING.md`.

pub mod time;

pub mod keeper;

pub mod sim;

pub mod token;

pub mod config;

pub mod api;

pub mod sys;

pub mod daemon;

pub mod status;

pub mod log;

pub mod metrics;

pub mod http;

pub mod cli;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
