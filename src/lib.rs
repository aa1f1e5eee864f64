//! session-keepalive keeps Genesys Cloud API tokens alive against their server-side idle
//! timeout, or lets them lapse on purpose; it tells the truth about each of them and revokes
//! them when it stops.
//!
//! This page is the architecture. In the source the modules are listed in reading order below.
//!
//! ```text
//!  files, env ─▶ config ─▶ Config ─▶ ┌────────┐  Command(ticket)   ┌────────┐
//!                                    │ daemon │ ─────────────────▶ │  api   │ ─▶ Genesys Cloud
//!  clock, signals, network, files ─▶ │  loop  │ ◀── Outcome(ticket) └────────┘
//!  token files, pools, commands ───▶ │        │ ─▶ hooks, service manager
//!                                    └────────┘ ◀── orders, looks ── endpoints ◀── people, probes
//!                      handle_*(now) │   ▲ poll_command, poll_event, poll_timeout
//!                                    ▼   │
//!                                  keeper (pure) ── Event ─▶ observe ─▶ log, story, tallies
//!
//!  a look is answered with a Snapshot ─▶ /status, /readyz, /metrics, the page, `status`, `explain`
//! ```
//!
//! # The words
//!
//! A *session* is one *token* under care. A token is a secret and shown only as its
//! *fingerprint*; its *generation* grows with every new token of the session. The *intent* is
//! to `keep` the token or to let it `lapse`. A *touch* is a request that resets the idle timer
//! (`HEAD /tokens/me`, or `GET /tokens/me`); a *peek* (`GET /tokens/me?preserveIdleTTL=true`)
//! does not. The *idle timeout* is the server's promise, the *idle deadline* the moment at
//! which it ends the token if nobody touches it. The *margin* is how long before the deadline
//! we act, and the *outage budget* is what that buys. An *outcome* is what a request taught us;
//! a *ticket* ties it to its request and generation. The *keeper* decides, the *daemon* does,
//! and a *snapshot* is what observers see. A *pool* is a directory each of whose files is a
//! session. A *hook* is a program that is run when something happens to a session. An *order* is
//! what a signal, or somebody over the Unix socket, wants of the daemon; a *look* only asks. A
//! session's *story* is what it went through.
//!
//! # Invariants
//!
//! *The keeper decides, the daemon does.* [`keeper`] is arithmetic on instants. It has no
//! clock, network, file, log, task or randomness of its own, so that every rule is a test in
//! virtual time and a whole organisation can be simulated for centuries.
//!
//! *One loop owns everything.* One task on one thread (names are looked up on others, which come and go) waits for a deadline, a finished
//! request, a changed token or an order. There are no locks. Who wants to look, or to have
//! something done, asks the loop and is answered; who is slow to listen holds nobody up.
//!
//! *Time enters through one file*, `daemon::clock`, and is `CLOCK_BOOTTIME`: a suspended
//! machine's tokens go on idling. The server's instants are compared with each other only. That
//! the machine slept, or that somebody set the wall clock, is found out by comparing clocks.
//!
//! *Nothing is polled.* The kernel says when the network changed, a file did or a clock jumped. Of
//! some mounts it says nothing: a pool is listed every minute, a file is looked at with every touch.
//!
//! *A service manager is told the truth*, in the words of `sd_notify`: ready is who has proven
//! every kept token alive, or has waited for `ready_after`; alive is whose loop does in time what
//! is due. See [`daemon::systemd`].
//!
//! *A missing file ends nothing by itself.* A pool's file must stay away for a while in a directory
//! that is there, and a token that is found under another name or in another place goes on living.
//!
//! *Who may order* is who could do it anyway: root and the daemon's own user, over the Unix socket
//! alone. Nothing can be changed over TCP. What was ordered lasts until the configuration says
//! something new, and is shown as long as it lasts.
//!
//! *Nothing grows for ever.* Sessions come and go for months: what is known of one goes with it,
//! and what is remembered for people has a size.
//!
//! *What others write holds nothing up.* Hooks and token commands are tasks with a time limit, a
//! process group, a queue with an end and next to no environment. See [`daemon`] and `program`.
//! Files alone are read by the loop itself, a few kilobytes each: a file system that hangs is the
//! one thing that holds it up, and the watchdog's to notice.
//!
//! *Verdicts are values.* Refused, throttled and unreachable are outcomes; an `Err` means that
//! *we* cannot go on.
//!
//! *A wrong configuration cannot be built.* Files, variables and flags become a
//! [`config::Config`] or errors that point at the place.
//!
//! *A token is in two places*: the [`token::Token`] and the `Authorization` header of a request
//! that is in flight. Neither has a `Display`, and every freed block of memory is wiped. An
//! HTTP/1.1 connection also keeps the buffer of its last request: connections are closed within
//! seconds of a token's end. What safe code cannot wipe is the environment that the process was
//! started with: a token from a variable stays there to the end.
//!
//! *One model of the server, three uses.* [`sim`] is a pure model; the virtual world of the
//! tests, the wire tests and the commands `simulate` and `demo` all use it.
//!
//! # Where to read on
//!
//! The rules are in [`keeper`], each with its test; what the loop waits for is `Daemon::run` in
//! [`daemon`]. Then by question: where a token comes from, [`token`] and `daemon::sources`; files
//! that come and go, `daemon::pools`; a reload, [`config`] and `daemon::reload`; a token that
//! changes its place, `daemon::hand_over`; programs that are run, `program` and `daemon::hooks`;
//! what is answered and ordered, [`observe::endpoints`] and `daemon::control`; what people read,
//! [`observe::words`].

pub mod keeper;

pub mod sim;

mod program;

pub mod token;

pub mod config;

pub mod api;

pub mod daemon;

pub mod observe;

pub mod cli;
