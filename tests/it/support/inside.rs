//! The daemon inside this process, where a test can hand it clocks or look at its memory.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use futures_util::stream;
use session_keepalive::config::{self, Layers};
use session_keepalive::daemon::clock::Clock;
use session_keepalive::daemon::systemd::Systemd;
use session_keepalive::daemon::{Daemon, Order, Places, Setup, Stopped};
use session_keepalive::keeper::{OnShutdown, SessionView};
use session_keepalive::observe::Looks;
use tokio::sync::oneshot;

/// Longer than anything takes on a busy machine, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the daemon with one session, whose token is in the file, until the story is told.
pub(crate) fn run(
    api: &str,
    token_file: &Path,
    clock: Clock,
    wanted: OnShutdown,
    story: impl AsyncFnOnce(&Looks),
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
            load: Box::new({
                let config = config.clone();
                move || Ok(config.clone())
            }),
            log: None,
            seed: 1,
            clock,
            systemd: Systemd::default(),
            places: Places::default(),
        };
        let (daemon, looks) = Daemon::start(config, setup).unwrap();
        let (stop, stopped) = oneshot::channel();
        let orders = stream::once(async { stopped.await.unwrap() });
        let telling = async move {
            story(&looks).await;
            stop.send(Order::Stop {
                wanted,
                why: "the end of the test",
            })
            .unwrap();
        };
        tokio::join!(daemon.run(Box::pin(orders)), telling).0
    })
}

/// Looks again and again, which wakes the loop as a timer would that counts sleep.
pub(crate) async fn look_until(looks: &Looks, is_it: impl Fn(&SessionView) -> bool) -> SessionView {
    let looking = async {
        loop {
            let snapshot = looks.snapshot().await.unwrap();
            let view = snapshot.sessions.into_iter().next().unwrap().view;
            if is_it(&view) {
                return view;
            }
            pause().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap()
}

/// Lets the loop go on for a moment.
pub(crate) async fn pause() {
    let pause = Duration::from_millis(20);
    let _over = tokio::time::timeout(pause, std::future::pending::<()>()).await;
}
