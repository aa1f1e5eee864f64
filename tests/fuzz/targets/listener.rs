//! Any `Host` header and any query: only what a browser takes for this machine is answered, and queries are understood or
//! refused.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use session_keepalive::fuzzing;
use session_keepalive::status::Selection;
use url::{Host, ParseError, Url};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    hosts: Vec<&'a [u8]>,
    query: Option<&'a str>,
}

fuzz_target!(|input: Input<'_>| {
    let hosts: Vec<_> = input.hosts.into_iter().take(3).collect();
    if fuzzing::is_answered(&hosts) == Some(true) {
        assert!(hosts.len() <= 1);
        for host in hosts {
            let host = std::str::from_utf8(host).expect("text");
            match Url::parse(&format!("http://{host}/")).map(|url| url.host().map(|host| host.to_owned())) {
                Ok(Some(Host::Domain(name))) => assert_eq!(name, "localhost"),
                Ok(Some(Host::Ipv4(address))) => assert!(address.is_loopback(), "{host:?}"),
                Ok(Some(Host::Ipv6(address))) => assert!(address.to_canonical().is_loopback(), "{host:?}"),
                // A port that is too large is nobody's name.
                Err(ParseError::InvalidPort) => {}
                other => panic!("{host:?} is answered, but is no host: {other:?}"),
            }
        }
    }
    if let Err(error) = Selection::read(input.query) {
        assert!(!error.to_string().is_empty());
    }
});
