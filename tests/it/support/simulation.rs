//! A simulated organisation, served on a thread of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use session_keepalive::sim::http::serve;
use session_keepalive::sim::{IdleSettings, Record, Server, Settings, TokenSpec};
use session_keepalive::sys::clock;
use session_keepalive::time::ServerTime;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A simulated organisation, which can go down and come back with its tokens.
pub(crate) struct Simulation {
    server: Arc<Mutex<Server>>,
    address: String,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Simulation {
    pub(crate) fn new(idle_timeout: Duration) -> Self {
        Self::with(idle_timeout, |_| {})
    }

    pub(crate) fn with(idle_timeout: Duration, change: impl FnOnce(&mut Settings)) -> Self {
        let since_boot = i64::try_from(clock::now().since_boot().as_millis()).unwrap();
        let wall = clock::wall().as_millisecond();
        let mut settings = Settings {
            timeout: IdleSettings::of_organisation(idle_timeout),
            wall_at_boot: ServerTime::from_unix_milliseconds(wall - since_boot),
            ..Settings::default()
        };
        change(&mut settings);
        let server = Arc::new(Mutex::new(Server::new(settings, 1)));
        let mut simulation = Self {
            server,
            address: "127.0.0.1:0".to_owned(),
            serving: None,
        };
        simulation.up();
        simulation
    }

    /// Serves at the same address as before.
    pub(crate) fn up(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let (address_sender, address_receiver) = std::sync::mpsc::channel();
        let (address, server) = (self.address.clone(), Arc::clone(&self.server));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::bind(address).await.unwrap();
                address_sender
                    .send(listener.local_addr().unwrap().to_string())
                    .unwrap();
                tokio::select! {
                    () = serve(listener, server, Arc::new(clock::now)) => {}
                    _ = stopped => {}
                }
            });
        });
        self.address = address_receiver.recv().unwrap();
        self.serving = Some((stop, thread));
    }

    /// Refuses new connections and closes the present ones.
    pub(crate) fn down(&mut self) {
        if let Some((stop, thread)) = self.serving.take() {
            let _gone = stop.send(());
            thread.join().unwrap();
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns another address of the same organisation, served until the test's process ends.
    pub(crate) fn gateway(&self) -> String {
        let (address_sender, address_receiver) = std::sync::mpsc::channel();
        let server = Arc::clone(&self.server);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address_sender.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, server, Arc::new(clock::now)).await;
            });
        });
        format!("http://{}", address_receiver.recv().unwrap())
    }

    pub(crate) fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a token, of a user that has no other.
    pub(crate) fn token(&self, value: &str) {
        self.server().add_token(
            TokenSpec::user(value, format!("user of {value}")),
            clock::now(),
        );
    }

    pub(crate) fn record(&self, value: &str) -> Record {
        self.server().record(value, clock::now()).unwrap()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.down();
    }
}
