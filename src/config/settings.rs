//! Reads `[http]`, and the settings of the other tables that need a parser of their own.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::address::ApiBase;
use super::describe::Origin;
use super::fault::ConfigFault;
use super::framing::FrameAncestors;
use super::model::{HttpConfig, Proxy, StatusSocket, Trust};
use super::proxy::{ProxyUrl, ProxyVariables, UnusableVariable};
use super::raw::{LayerKind, Place};
use super::reader::{ParseProblem, TableReader};
use super::redact;
use super::schema::Kind;
use super::source;

/// The longest path, in bytes, that `sun_path` holds without the NUL (unix(7)).
const SOCKET_LENGTH_MAX: usize = 107;

/// Reads `[http]`; `variables` are those of the environment that name a proxy, `apis` those that
/// sessions use.
pub(super) fn http(
    http: &TableReader<'_>,
    variables: Result<ProxyVariables, UnusableVariable>,
    apis: &BTreeSet<ApiBase>,
) -> HttpConfig {
    let roots = |bundled_only| if bundled_only { "bundled" } else { "system" };
    HttpConfig {
        connect_timeout: http.duration("connect_timeout"),
        request_timeout: http.duration("request_timeout"),
        in_flight_max: http.number("in_flight_max"),
        proxy: proxy(http, variables, apis),
        trust: Trust {
            bundled_only: http.word("roots", &[false, true], roots),
            ca_file: ca_file(http),
        },
    }
}

fn ca_file(http: &TableReader<'_>) -> Option<PathBuf> {
    let found = source::path(http, "ca_file");
    http.record_optional("ca_file", found.as_ref(), |path| path.display().to_string());
    found.map(|found| found.value)
}

fn proxy(
    http: &TableReader<'_>,
    variables: Result<ProxyVariables, UnusableVariable>,
    apis: &BTreeSet<ApiBase>,
) -> Proxy {
    let parse = |text: &str, _: &Kind| match text {
        "environment" => Ok(None),
        "none" => Ok(Some(Proxy::Direct)),
        url => match ProxyUrl::new(url) {
            Ok(url) => Ok(Some(Proxy::Url(url))),
            Err(reason) => {
                let title = format!("{} {reason}", redact::quoted(url));
                Err(ParseProblem::new(title))
            }
        },
    };
    let (named, origin) = match http.find("proxy", parse) {
        Some(found) => (found.value, http.raw.origin(&found.place)),
        None => (None, Origin::Default),
    };
    let proxy = named.unwrap_or_else(|| match variables {
        Ok(variables) => Proxy::Environment(variables),
        Err(UnusableVariable { name, reason }) => {
            // The value is not shown: it may hold a password.
            let place = Place::outside(LayerKind::Environment, name, "\u{2026}");
            http.note(
                ConfigFault::at(place, format!("{reason}"))
                    .label("the proxy for https")
                    .help("correct the variable, unset it, or set http.proxy to \"none\" or to the URL of a proxy"),
            );
            Proxy::default()
        }
    });
    http.record("proxy", describe_proxy(&proxy, apis), origin);
    proxy
}

/// Describes the proxy that requests go through, and the APIs that are reached without it.
fn describe_proxy(proxy: &Proxy, apis: &BTreeSet<ApiBase>) -> String {
    let variables = match proxy {
        Proxy::Direct => return "none".to_owned(),
        Proxy::Url(url) => return url.to_string(),
        Proxy::Environment(variables) => variables,
    };
    let Some((variable, proxy)) = variables.named() else {
        return "none in the environment".to_owned();
    };
    let is_direct = |api: &&str| {
        let address = api.parse();
        let is_excepted = address.is_ok_and(|address| variables.proxy_for(&address).is_none());
        // An API over plain http is on this machine and is never reached through a proxy.
        is_excepted || api.starts_with("http:")
    };
    let direct: Vec<_> = apis.iter().map(ApiBase::as_str).filter(is_direct).collect();
    if direct.is_empty() {
        format!("{proxy} ({variable})")
    } else {
        format!("{proxy} ({variable}), not for {} ", direct.join(", "))
    }
}

/// Parses an address to listen on. A bare port means loopback; other interfaces require an explicit
/// address.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<u16>() {
        Ok(port) => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        Err(_) => text
            .parse()
            .map_err(|_| format!("{} is no address to listen on", redact::quoted(text))),
    }
}

/// Reads `status.listen`.
pub(super) fn listen(status: &TableReader<'_>) -> Option<SocketAddr> {
    let parse = |text: &str, _: &Kind| match text {
        "off" => Ok(None),
        text => listen_address(text).map(Some).map_err(ParseProblem::new),
    };
    status.get("listen", parse, |address| {
        address.map_or_else(|| "off".to_owned(), |address| address.to_string())
    })
}

/// Reads `status.socket`.
pub(super) fn socket(status: &TableReader<'_>) -> StatusSocket {
    let parse = |text: &str, _: &Kind| match text {
        "auto" => Ok(StatusSocket::Auto),
        "off" => Ok(StatusSocket::Off),
        path if !path.starts_with('/') || path.ends_with('/') => {
            Err(ParseProblem::about(path, "is no absolute path of a socket"))
        }
        path if path.len() > SOCKET_LENGTH_MAX => {
            Err(ParseProblem::new("is too long for a socket")
                .allowed("a path of at most 107 bytes, the limit of the system"))
        }
        path => Ok(StatusSocket::At(Path::new(path).to_owned())),
    };
    status.get("socket", parse, |socket| match socket {
        StatusSocket::Auto => "in the runtime directory".to_owned(),
        StatusSocket::Off => "off".to_owned(),
        StatusSocket::At(path) => path.display().to_string(),
    })
}

/// Reads `status.frame_ancestors`.
pub(super) fn frame_ancestors(status: &TableReader<'_>) -> FrameAncestors {
    let found = status.list("frame_ancestors", |origins| {
        FrameAncestors::new(origins).map_err(|error| ParseProblem::new(error.to_string()))
    });
    status.record_optional(
        "frame_ancestors",
        found.as_ref().filter(|found| !found.value.is_empty()),
        FrameAncestors::to_string,
    );
    found.map(|found| found.value).unwrap_or_default()
}
