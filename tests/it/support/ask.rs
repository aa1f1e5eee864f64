//! A client of the daemon's endpoints that sends a given request byte for byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// An answer as received.
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// The head in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl HttpAnswer {
    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Makes the request `GET path` over TCP.
pub(crate) fn get(address: SocketAddr, path: &str) -> HttpAnswer {
    let stream = TcpStream::connect(address).unwrap();
    let wait = Some(Duration::from_secs(20));
    stream.set_read_timeout(wait).unwrap();
    ask(stream, &plain("GET", path, "localhost"))
}

/// Makes the request `GET path` over a Unix socket.
pub(crate) fn get_unix(socket: &Path, path: &str) -> HttpAnswer {
    let stream = UnixStream::connect(socket).unwrap();
    let wait = Some(Duration::from_secs(20));
    stream.set_read_timeout(wait).unwrap();
    ask(stream, &plain("GET", path, "session-keepalive"))
}

/// Returns a request without a body that asks the server to close the connection.
pub(crate) fn plain(method: &str, path: &str, host: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
}

/// Sends these bytes and reads the answer to its end.
pub(crate) fn ask(mut stream: impl Read + Write, request: &str) -> HttpAnswer {
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    HttpAnswer {
        status: status.unwrap_or_else(|| panic!("no status in {head:?}")),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}
