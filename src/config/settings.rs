//! Reads what is the same for all sessions: how requests are made, how we stop, what is logged.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::address::ProxyUrl;
use super::mask;
use super::meant::{HttpConfig, LogConfig, LogFormat, LogLevel, Proxy, ShutdownConfig, Trust};
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
