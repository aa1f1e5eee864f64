//! A server that sends given bytes, valid or not, and records the heads of its requests.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::tls::Identity;

/// A function that makes the answer to a request's head.
pub(crate) type Answering = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// The reaction of the server to a request's head.
#[derive(Clone)]
pub(crate) enum RawReply {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these bytes and waits for the client to disconnect.
    SendAndHang(Vec<u8>),
    /// Sends these bytes repeatedly until the client disconnects.
    SendForever(Vec<u8>),
    /// Sends the answer of this function and closes.
    Answer(Arc<Answering>),
    /// Connects to the host that CONNECT names, and forwards bytes in both directions.
    Tunnel,
}

/// A server on a free port of loopback. It ends with the test's process.
pub(crate) struct RawServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    pub(crate) fn start(script: RawReply) -> Self {
        Self::listen(
            move |mut stream| {
                let head = read_head(&mut stream)?;
                Ok((head, Connection::Plain(stream)))
            },
            script,
        )
    }

    pub(crate) fn start_tls(identity: &Identity, script: RawReply) -> Self {
        let config = identity.server_config();
        Self::listen(
            move |stream| {
                let mut stream = super::tls::accept(&config, stream)?;
                let head = read_head(&mut stream)?;
                Ok((head, Connection::Encrypted(Box::new(stream))))
            },
            script,
        )
    }

    fn listen(
        accept: impl Fn(TcpStream) -> io::Result<(String, Connection)> + Send + Sync + 'static,
        script: RawReply,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let accept = Arc::new(accept);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let accept = Arc::clone(&accept);
                let log = Arc::clone(&log);
                let script = script.clone();
                thread::spawn(move || {
                    // Errors are dropped: in most of these tests the client disconnects early.
                    if let Ok((head, connection)) = accept(stream) {
                        log.lock().unwrap().push(head.clone());
                        connection.run(&head, script).ok();
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

enum Connection {
    Plain(TcpStream),
    Encrypted(Box<dyn ReadWrite>),
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

impl Connection {
    fn run(self, head: &str, script: RawReply) -> io::Result<()> {
        let mut stream: Box<dyn ReadWrite> = match (self, &script) {
            (Self::Plain(stream), RawReply::Tunnel) => return tunnel(stream, head),
            (Self::Plain(stream), _) => Box::new(stream),
            (Self::Encrypted(stream), _) => stream,
        };
        match script {
            RawReply::Send(bytes) => {
                stream.write_all(&bytes)?;
                stream.flush()
            }
            RawReply::Answer(answer) => {
                stream.write_all(&answer(head))?;
                stream.flush()
            }
            RawReply::SendAndHang(bytes) => {
                stream.write_all(&bytes)?;
                stream.flush()?;
                io::copy(&mut stream, &mut io::sink()).map(drop)
            }
            RawReply::SendForever(bytes) => loop {
                stream.write_all(&bytes)?;
            },
            RawReply::Tunnel => unreachable!("only a plain connection is a tunnel"),
        }
    }
}

fn tunnel(mut client: TcpStream, head: &str) -> io::Result<()> {
    let host = head.split(' ').nth(1).unwrap_or_default();
    let mut server = TcpStream::connect(host)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from_client, &mut to_server));
    io::copy(&mut server, &mut client).map(drop)
}

fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
