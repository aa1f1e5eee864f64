//! A reverse proxy as in front of the real API: it terminates TLS, speaks HTTP/1.1 or HTTP/2, and
//! forwards requests.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::tls::Identity;

/// The version of HTTP that the proxy speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpVersion {
    Http1,
    Http2,
}

/// A running proxy, whose connections can be made to fail.
pub(crate) struct Front {
    base: String,
    state: Arc<ProxyState>,
}

#[derive(Default)]
struct ProxyState {
    /// The number of accepted connections.
    accepted: AtomicUsize,
    /// The number of the first connection that answers requests; earlier ones stay open, silent.
    silent_below: AtomicUsize,
    /// The number of the first HTTP/2 connection that allows streams.
    closed_below: AtomicUsize,
    /// The number of requests without an answer.
    unanswered: AtomicUsize,
}

impl Front {
    /// Starts a proxy on a thread that ends with the test's process.
    pub(crate) fn start(identity: &Identity, version: HttpVersion, behind: String) -> Self {
        Self::start_without_streams(identity, version, behind, 0)
    }

    /// Does the same as [`Front::start`]; the given number of first connections allow no stream.
    pub(crate) fn start_without_streams(
        identity: &Identity,
        version: HttpVersion,
        behind: String,
        connections: usize,
    ) -> Self {
        let state = Arc::new(ProxyState::default());
        state.closed_below.store(connections, Ordering::SeqCst);
        let mut config = Arc::unwrap_or_clone(identity.server_config());
        config.alpn_protocols = match version {
            HttpVersion::Http1 => vec![b"http/1.1".to_vec()],
            HttpVersion::Http2 => vec![b"h2".to_vec()],
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (address_sender, address_receiver) = std::sync::mpsc::channel();
        let thread_state = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address_sender.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, acceptor, version, behind.into(), thread_state).await;
            });
        });
        Self {
            base: format!("https://{}", address_receiver.recv().unwrap()),
            state,
        }
    }

    /// Returns the base URL of the API.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Keeps all present connections open, and leaves their requests unanswered.
    pub(crate) fn silence(&self) {
        let accepted = self.accepted();
        self.state.silent_below.store(accepted, Ordering::SeqCst);
    }

    /// Returns the number of accepted connections.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Returns the number of requests without an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.state.unanswered.load(Ordering::SeqCst)
    }
}

/// Starts a proxy on a thread that ends with the test's process; returns the base URL of the API.
pub(crate) fn start(identity: &Identity, version: HttpVersion, behind: String) -> String {
    Front::start(identity, version, behind).base
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    version: HttpVersion,
    behind: Arc<str>,
    state: Arc<ProxyState>,
) {
    // The client wants a provider though it speaks plain HTTP. Another test may have installed it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let number = state.accepted.fetch_add(1, Ordering::SeqCst);
        let (acceptor, client) = (acceptor.clone(), client.clone());
        let (behind, state) = (Arc::clone(&behind), Arc::clone(&state));
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let closed = number < state.closed_below.load(Ordering::SeqCst);
            let service = service_fn(move |request| {
                let silent = number < state.silent_below.load(Ordering::SeqCst);
                let (client, behind) = (client.clone(), Arc::clone(&behind));
                let state = Arc::clone(&state);
                async move {
                    if silent {
                        state.unanswered.fetch_add(1, Ordering::SeqCst);
                        std::future::pending::<()>().await;
                    }
                    forward(client, behind, request).await
                }
            });
            let io = TokioIo::new(stream);
            // A client that disconnects ends its own connection only, so the error is dropped.
            match version {
                HttpVersion::Http1 => drop(
                    http1::Builder::new()
                        .serve_connection(io, service)
                        .await
                        .ok(),
                ),
                HttpVersion::Http2 => drop(
                    http2::Builder::new(TokioExecutor::new())
                        .max_concurrent_streams(if closed { 0 } else { 200 })
                        .serve_connection(io, service)
                        .await
                        .ok(),
                ),
            }
        });
    }
}

async fn forward(
    client: reqwest::Client,
    behind: Arc<str>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap();
    let mut headers = head.headers;
    headers.remove("host");
    let answer = client
        .request(head.method, format!("{behind}{path}"))
        .headers(headers)
        .body(body.collect().await.unwrap().to_bytes())
        .send()
        .await
        .unwrap();
    let mut response = Response::new(Full::default());
    *response.status_mut() = answer.status();
    for name in ["content-type", "date", "inin-correlation-id"] {
        if let Some(value) = answer.headers().get(name) {
            let name = hyper::header::HeaderName::from_static(name);
            response.headers_mut().insert(name, value.clone());
        }
    }
    *response.body_mut() = Full::new(answer.bytes().await.unwrap());
    Ok(response)
}
