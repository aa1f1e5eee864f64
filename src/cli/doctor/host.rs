//! Checks an API's host: its name, connection, certificate, answer and clock.
//!
//! It must never send a token.

use std::time::Duration;

use super::check::Check;
use crate::api::{Certificate, HostProbe, Prober, TrustSource, reach, resolve, route};
use crate::cli::operate::duration_with_seconds;
use crate::config::{ApiBase, HttpConfig};
use crate::keeper::{BlockReason, Failure, FailureReason, Verdict};
use crate::status::phrases::{reason, remedy};
use crate::sys::clock;
use crate::time::ServerTime;

/// The largest harmless difference of the clocks: `Date` has whole seconds, and an answer takes
/// time.
const SKEW_MAX: Duration = Duration::from_secs(60);

/// Checks everything between this machine and the API, up to the first failure.
pub(super) async fn examine(api: ApiBase, http: &HttpConfig) -> Vec<Check> {
    let mut checks = Vec::new();
    let host = api.as_str();
    let Some(route) = route(http, &api) else {
        let check = Check::failure(host, "dns", "the route to it is not known");
        return vec![check.advise("correct the API's address")];
    };
    let addresses = match resolve(http, &route).await {
        Ok(addresses) => addresses,
        Err(error) => return vec![failed(host, "dns", error.into())],
    };
    let shown: Vec<_> = addresses
        .iter()
        .take(3)
        .map(|address| address.ip().to_string())
        .collect();
    checks.push(Check::ok(
        host,
        "dns",
        format!("{route} is {}", shown.join(", ")),
    ));
    match reach(http, &addresses).await {
        Ok(peer) => checks.push(Check::ok(host, "tcp", format!("{peer} listens"))),
        Err(error) => {
            checks.push(failed(host, "tcp", error.into()));
            return checks;
        }
    }
    let Some(probed) = probe(http, &api, TrustSource::Configured).await else {
        checks.push(Check::failure(host, "tls", "no client can be built for it"));
        return checks;
    };
    if host.starts_with("https:") {
        checks.push(certificate(http, &api, &probed).await);
    }
    if !matches!(probed.verdict, Verdict::Unreachable(Failure::Tls)) {
        checks.push(answer(host, &probed.verdict));
        checks.extend(probed.date.map(|date| skew(host, date)));
    }
    checks
}

async fn probe(http: &HttpConfig, api: &ApiBase, trust: TrustSource) -> Option<HostProbe> {
    let prober = Prober::new(http, trust).ok()?;
    Some(prober.probe(api).await)
}

async fn certificate(http: &HttpConfig, api: &ApiBase, probed: &HostProbe) -> Check {
    const NAME: &str = "tls";
    let host = api.as_str();
    let is_refused =
        |probed: &HostProbe| matches!(probed.verdict, Verdict::Unreachable(Failure::Tls));
    if is_refused(probed) {
        return match &probed.certificate {
            Some(certificate) => refused(host, certificate),
            None => failed(host, NAME, Failure::Tls),
        };
    }
    let Some(certificate) = &probed.certificate else {
        return Check::warning(host, NAME, "the certificate could not be read");
    };
    let issuer = &certificate.issuer;
    let public = probe(http, api, TrustSource::Public).await;
    if public.is_some_and(|public| is_refused(&public)) {
        let finding = format!(
            "trusted, but issued by {issuer}, which is no public authority: a TLS-inspecting proxy reads every token"
        );
        return Check::warning(host, NAME, finding)
            .advise("if that is not intended, have the host excepted from inspection");
    }
    Check::ok(host, NAME, format!("trusted, issued by {issuer}"))
}

/// Returns a check with the likeliest reason for an untrusted certificate, by its dates and names.
fn refused(host: &str, certificate: &Certificate) -> Check {
    const NAME: &str = "tls";
    let Certificate {
        issuer,
        subject,
        not_before,
        not_after,
    } = certificate;
    let now = clock::read().wall;
    if now > *not_after {
        let ended = day(*not_after);
        let finding = format!("the certificate expired on {ended}; it was issued by {issuer}");
        return Check::failure(host, NAME, finding).advise(
            "the operator of that server has to renew it, or this machine's clock is wrong",
        );
    }
    if now < *not_before {
        let begins = day(*not_before);
        let finding = format!("the certificate is not valid before {begins}");
        return Check::failure(host, NAME, finding).advise("set this machine's clock");
    }
    let finding = format!("not trusted: a certificate for {subject}, issued by {issuer}");
    Check::failure(host, NAME, finding).advise(
        "if that is a TLS-inspecting proxy, have the host excepted, or name its authority in http.ca_file; if it is for another name, check the region",
    )
}

fn day(since_1970: Duration) -> String {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d").to_string()
}

/// Returns a check of the answer to a request without a token: the API must refuse it.
fn answer(host: &str, verdict: &Verdict) -> Check {
    const NAME: &str = "answer";
    let ok = || Check::ok(host, NAME, "it answers as the API does");
    match verdict {
        Verdict::Refused(_)
        | Verdict::Blocked(
            BlockReason::HeaderMissing | BlockReason::AddressNotAllowed | BlockReason::Forbidden(_),
        ) => ok(),
        Verdict::Blocked(blockage @ (BlockReason::Rejected(..) | BlockReason::NotTheApi(_))) => {
            failed_for(host, NAME, &FailureReason::Blocked(blockage.clone()))
        }
        Verdict::Throttled { retry_after } => {
            let retry_after = *retry_after;
            failed_for(host, NAME, &FailureReason::Throttled { retry_after })
        }
        Verdict::Unreachable(failure) => failed(host, NAME, failure.clone()),
        Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => Check::warning(
            host,
            NAME,
            "it returns a token's information without a token",
        ),
    }
}

fn skew(host: &str, date: ServerTime) -> Check {
    const NAME: &str = "clock";
    let ours = clock::wall().as_millisecond();
    let theirs = date.unix_milliseconds();
    let off = Duration::from_millis(ours.abs_diff(theirs));
    if off <= SKEW_MAX {
        return Check::ok(host, NAME, "this machine's clock agrees with the API's");
    }
    let side = if ours > theirs { "ahead of" } else { "behind" };
    let off = duration_with_seconds(off);
    Check::warning(host, NAME, format!("this machine's clock is {off} {side} the API's"))
        .advise("touches do not depend on it, but certificates and the log's times do: timedatectl set-ntp true")
}

fn failed(host: &str, name: &'static str, failure: Failure) -> Check {
    failed_for(host, name, &FailureReason::Unreachable(failure))
}

fn failed_for(host: &str, name: &'static str, failure: &FailureReason) -> Check {
    let check = Check::failure(host, name, reason(failure).to_string());
    check.advise_some(remedy(failure).map(str::to_owned))
}
