//! What stands before the API in production: ends TLS, speaks HTTP/1.1 or HTTP/2, and passes requests on.

use std::convert::Infallible;
use std::sync::Arc;

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

/// Which HTTP is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// Serves on a thread that ends with the test's process; returns the base of the API.
pub(crate) fn start(identity: &Identity, version: Version, behind: String) -> String {
    let mut config = Arc::unwrap_or_clone(identity.server_config());
    config.alpn_protocols = match version {
        Version::Http1 => vec![b"http/1.1".to_vec()],
        Version::Http2 => vec![b"h2".to_vec()],
    };
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            serve(listener, acceptor, version, behind.into()).await;
        });
    });
    format!("https://{}", told.recv().unwrap())
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, version: Version, behind: Arc<str>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, client) = (acceptor.clone(), client.clone());
        let behind = Arc::clone(&behind);
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service =
                service_fn(move |request| pass(client.clone(), Arc::clone(&behind), request));
            let io = TokioIo::new(stream);
            // That a client goes is the end of its connection and of nothing else.
            match version {
                Version::Http1 => drop(
                    http1::Builder::new()
                        .serve_connection(io, service)
                        .await
                        .ok(),
                ),
                Version::Http2 => drop(
                    http2::Builder::new(TokioExecutor::new())
                        .serve_connection(io, service)
                        .await
                        .ok(),
                ),
            }
        });
    }
}

async fn pass(
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
