//! Runs the daemon in the test's process, where a test can set its clock and read its memory.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use session_keepalive::config::{self, Layers};
use session_keepalive::daemon::systemd::Systemd;
use session_keepalive::daemon::{
    Daemon, DaemonCommand, OtherDaemonPolicy, Revocations, Setup, SocketPlaces, Stopped,
};
use session_keepalive::keeper::{OnShutdown, SessionView};
use session_keepalive::status::QuerySender;
use session_keepalive::sys::clock::Clock;
use tokio::sync::oneshot;

/// The time limit of a wait, longer than any working daemon needs on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Runs the daemon with one session, whose token is in the file, until `history` returns; then
/// stops it, with `on_shutdown` for the token.
pub(crate) fn run(
    api: &str,
    token_file: &Path,
    clock: Clock,
    on_shutdown: OnShutdown,
    history: impl AsyncFnOnce(&QuerySender),
) -> Stopped {
    let variable = |name: &str, value: &str| (name.into(), OsString::from(value));
    let environment = [
        variable("SESSION_KEEPALIVE_API", api),
        variable("SESSION_KEEPALIVE_HTTP__PROXY", "none"),
        variable("SESSION_KEEPALIVE_STATUS__SOCKET", "off"),
        variable("SESSION_KEEPALIVE_TOKEN_FILE", token_file.to_str().unwrap()),
    ];
    let layers = Layers {
        environment: environment.into(),
        ..Layers::default()
    };
    let config = config::load(layers).unwrap().config;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let setup = Setup {
            load: Arc::new({
                let config = config.clone();
                move || Ok(config.clone())
            }),
            log: None,
            seed: 1,
            clock,
            systemd: Systemd::default(),
            places: SocketPlaces::default(),
            revocations: Revocations::default(),
            other_daemons: OtherDaemonPolicy::Ignored,
        };
        let (daemon, queries) = Daemon::start(config, setup).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let commands = stream::once(async { stopped.await.unwrap() });
        let driver = async move {
            history(&queries).await;
            stop.send(DaemonCommand::Stop {
                on_shutdown,
                why: "the end of the test",
            })
            .unwrap();
        };
        tokio::join!(daemon.run(Box::pin(commands)), driver).0
    })
}

/// Queries the daemon repeatedly until the predicate holds. Each query wakes the loop, as a timer
/// that counts suspended time would.
pub(crate) async fn look_until(
    queries: &QuerySender,
    predicate: impl Fn(&SessionView) -> bool,
) -> SessionView {
    let polling = async {
        loop {
            let snapshot = queries.snapshot().await.unwrap();
            let view = snapshot.sessions.into_iter().next().unwrap().view;
            if predicate(&view) {
                return view;
            }
            pause().await;
        }
    };
    tokio::time::timeout(TIME_LIMIT, polling).await.unwrap()
}

/// Lets the loop run for 20 ms.
pub(crate) async fn pause() {
    let pause = Duration::from_millis(20);
    let _over = tokio::time::timeout(pause, std::future::pending::<()>()).await;
}
