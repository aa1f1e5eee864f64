//! Reads what is the same for all sessions: how requests are made, how we stop, what is logged.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::address::ProxyUrl;
use super::mask;
use super::meant::{
    HttpConfig, LogConfig, LogFormat, LogLevel, MetricsConfig, Proxy, ShutdownConfig, StatusConfig,
    StatusSocket, Trust,
};
use super::reader::{Complaint, Reader};
use super::source;

const CONNECT_TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(60);
const REQUEST_TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(120);
const IN_FLIGHT: RangeInclusive<u32> = 1..=1024;
const GRACES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
const TIMEOUT_REFRESHES: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(24 * 3600);
const TIMEOUT_REFRESH_DEFAULT: Duration = Duration::from_secs(3600);
const PER_SESSION_MAXES: RangeInclusive<u32> = 0..=100_000;
/// What `sun_path` holds, without the NUL (unix(7)).
const SOCKET_LENGTH_MAX: usize = 107;
const READY_AFTERS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);
/// Long enough for a network that comes up with the machine, and well within the 90 s that
/// systemd gives a service to start.
const READY_AFTER_DEFAULT: Duration = Duration::from_secs(30);

/// Reads `timeout_refresh`.
pub(super) fn timeout_refresh(top: &Reader<'_>) -> Duration {
    top.duration("timeout_refresh", TIMEOUT_REFRESHES)
        .map_or(TIMEOUT_REFRESH_DEFAULT, |found| found.value)
}

/// Reads `ready_after`.
pub(super) fn ready_after(top: &Reader<'_>) -> Duration {
    top.duration("ready_after", READY_AFTERS)
        .map_or(READY_AFTER_DEFAULT, |found| found.value)
}

/// Reads `[http]`.
pub(super) fn http(top: &Reader<'_>) -> HttpConfig {
    let http = top.table("http");
    let otherwise = HttpConfig::default();
    HttpConfig {
        connect_timeout: http
            .duration("connect_timeout", CONNECT_TIMEOUTS)
            .map_or(otherwise.connect_timeout, |found| found.value),
        request_timeout: http
            .duration("request_timeout", REQUEST_TIMEOUTS)
            .map_or(otherwise.request_timeout, |found| found.value),
        in_flight_max: http
            .number("in_flight_max", IN_FLIGHT)
            .and_then(|found| found.value.try_into().ok())
            .unwrap_or(otherwise.in_flight_max),
        proxy: proxy(&http).unwrap_or(otherwise.proxy),
        trust: Trust {
            bundled_only: http
                .word("roots", &[("system", false), ("bundled", true)])
                .map_or(otherwise.trust.bundled_only, |found| found.value),
            ca_file: source::path(&http, "ca_file").map(|found| found.value),
        },
    }
}

fn proxy(http: &Reader<'_>) -> Option<Proxy> {
    let allowed = "\"environment\", \"none\" or the URL of a proxy: \"http://proxy.example:3128\"";
    let found = http.text("proxy", allowed, |text| match text {
        "environment" => Ok(Proxy::Environment),
        "none" => Ok(Proxy::Direct),
        url => ProxyUrl::new(url).map(Proxy::Url).ok_or_else(|| {
            Complaint::new(format!("{} is not a proxy", mask::quoted(url)), allowed)
        }),
    });
    found.map(|found| found.value)
}

/// Reads `[shutdown]`.
pub(super) fn shutdown(top: &Reader<'_>) -> ShutdownConfig {
    let found = top.table("shutdown").duration("grace", GRACES);
    found.map_or_else(ShutdownConfig::default, |found| ShutdownConfig {
        grace: found.value,
    })
}

/// Reads `[log]`.
pub(super) fn log(top: &Reader<'_>) -> LogConfig {
    let log = top.table("log");
    let levels = LogLevel::ALL.map(|level| (level.as_str(), level));
    let formats = LogFormat::ALL.map(|format| (format.as_str(), format));
    LogConfig {
        level: log
            .word("level", &levels)
            .map_or_else(LogLevel::default, |found| found.value),
        format: log
            .word("format", &formats)
            .map_or_else(LogFormat::default, |found| found.value),
    }
}

/// Reads `[status]`.
pub(super) fn status(top: &Reader<'_>) -> StatusConfig {
    let status = top.table("status");
    StatusConfig {
        listen: listen(&status),
        socket: socket(&status).unwrap_or_default(),
    }
}

/// A bare port is one of loopback: who wants to be seen from elsewhere has to say so.
fn listen(status: &Reader<'_>) -> Option<SocketAddr> {
    let allowed =
        r#""off", a port of 127.0.0.1 such as "9464", or an address such as "0.0.0.0:9464""#;
    let found = status.text("listen", allowed, |text| match text.parse::<u16>() {
        _ if text == "off" => Ok(None),
        Ok(port) => Ok(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))),
        Err(_) => text.parse().map(Some).map_err(|_| {
            Complaint::new(
                format!("{} is no address to listen on", mask::quoted(text)),
                allowed,
            )
        }),
    });
    found.and_then(|found| found.value)
}

fn socket(status: &Reader<'_>) -> Option<StatusSocket> {
    let allowed =
        r#""auto", "off" or an absolute path such as "/run/session-keepalive/control.sock""#;
    let found = status.text("socket", allowed, |text| match text {
        "auto" => Ok(StatusSocket::Auto),
        "off" => Ok(StatusSocket::Off),
        path if !path.starts_with('/') || path.ends_with('/') => Err(Complaint::new(
            format!("{} is no absolute path of a socket", mask::quoted(path)),
            allowed,
        )),
        path if path.len() > SOCKET_LENGTH_MAX => Err(Complaint::new(
            "is too long for a socket",
            "a path of at most 107 bytes: the system takes no longer one",
        )),
        path => Ok(StatusSocket::At(Path::new(path).to_owned())),
    });
    found.map(|found| found.value)
}

/// Reads `[metrics]`.
pub(super) fn metrics(top: &Reader<'_>) -> MetricsConfig {
    let found = top
        .table("metrics")
        .number("per_session_max", PER_SESSION_MAXES);
    found
        .and_then(|found| usize::try_from(found.value).ok())
        .map_or_else(MetricsConfig::default, |per_session_max| MetricsConfig {
            per_session_max,
        })
}
