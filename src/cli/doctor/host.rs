//! The way to an API: name, connection, certificate, answer and clock.

use std::time::Duration;

use super::check::Check;
use crate::api::{Certificate, Probed, Prober, Trusting, connect, way};
use crate::cli::operate::duration_with_seconds;
use crate::config::{ApiBase, HttpConfig};
use crate::daemon::clock;
use crate::keeper::{Blockage, Failure, Obstacle, ServerTime, Verdict};
use crate::observe::words::{obstacle, remedy};

/// A clock that is off by less does no harm; `Date` has whole seconds, and an answer takes some.
const SKEW_MAX: Duration = Duration::from_secs(60);

/// Looks at everything that is between this machine and the API.
pub(super) async fn examine(api: ApiBase, http: &HttpConfig) -> Vec<Check> {
    let mut checks = Vec::new();
    let host = api.as_str();
    let Some(way) = way(http, &api) else {
        let check = Check::failure(host, "dns", "the way there is not known");
        return vec![
            check.advise("look at the proxy that the configuration or the environment names"),
        ];
    };
    let addresses = match way.addresses(http).await {
        Ok(addresses) => addresses,
        Err(failure) => return vec![failed(host, "dns", failure)],
    };
    let shown: Vec<_> = addresses
        .iter()
        .take(3)
        .map(|it| it.ip().to_string())
        .collect();
    checks.push(Check::ok(
        host,
        "dns",
        format!("{way} is {}", shown.join(", ")),
    ));
    match connect(http, &addresses).await {
        Ok(peer) => checks.push(Check::ok(host, "tcp", format!("{peer} listens"))),
        Err(failure) => {
            checks.push(failed(host, "tcp", failure));
            return checks;
        }
    }
    let Some(probed) = probe(http, &api, Trusting::Configured).await else {
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

async fn probe(http: &HttpConfig, api: &ApiBase, trusting: Trusting) -> Option<Probed> {
    let prober = Prober::new(http, api, trusting).ok()?;
    Some(prober.probe(api).await)
}

async fn certificate(http: &HttpConfig, api: &ApiBase, probed: &Probed) -> Check {
    const NAME: &str = "tls";
    let host = api.as_str();
    let is_refused = |probed: &Probed| matches!(probed.verdict, Verdict::Unreachable(Failure::Tls));
    if is_refused(probed) {
        let seen = probe(http, api, Trusting::Anyone).await;
        let seen = seen.and_then(|probed| probed.certificate);
        return match seen {
            Some(certificate) => refused(host, &certificate),
            None => failed(host, NAME, Failure::Tls),
        };
    }
    let Some(certificate) = &probed.certificate else {
        return Check::warning(host, NAME, "the certificate could not be read");
    };
    let issuer = &certificate.issuer;
    let public = probe(http, api, Trusting::Public).await;
    if public.is_some_and(|public| is_refused(&public)) {
        let finding = format!(
            "trusted, but issued by {issuer}, which is no public authority: a TLS-inspecting proxy reads every token"
        );
        return Check::warning(host, NAME, finding)
            .advise("if that is not intended, have the host excepted from inspection");
    }
    Check::ok(host, NAME, format!("trusted, issued by {issuer}"))
}

/// Why a certificate is not trusted, as far as can be seen from it and from our clock.
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
        return Check::failure(host, NAME, finding)
            .advise("whoever runs that server renews it; or this machine's clock is wrong");
    }
    if now < *not_before {
        let begins = day(*not_before);
        let finding = format!("the certificate counts from {begins} on, which has not come yet");
        return Check::failure(host, NAME, finding).advise("set this machine's clock");
    }
    let finding = format!("not trusted: a certificate for {subject}, issued by {issuer}");
    Check::failure(host, NAME, finding).advise(
        "if that is a TLS-inspecting proxy, have the host excepted, or name its authority in http.ca_file; if it is for another name, look at the region",
    )
}

fn day(since_1970: Duration) -> String {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d").to_string()
}

/// Without a token the API answers that one is missing.
fn answer(host: &str, verdict: &Verdict) -> Check {
    const NAME: &str = "answer";
    let ok = || Check::ok(host, NAME, "it answers as the API does");
    match verdict {
        Verdict::Refused(_)
        | Verdict::Blocked(
            Blockage::HeaderMissing | Blockage::AddressNotAllowed | Blockage::Forbidden(_),
        ) => ok(),
        Verdict::Blocked(blockage @ (Blockage::Rejected(..) | Blockage::NotTheApi(_))) => {
            hindered(host, NAME, &Obstacle::Blocked(blockage.clone()))
        }
        Verdict::Throttled { retry_after } => {
            let retry_after = *retry_after;
            hindered(host, NAME, &Obstacle::Throttled { retry_after })
        }
        Verdict::Unreachable(failure) => failed(host, NAME, failure.clone()),
        Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => Check::warning(
            host,
            NAME,
            "it gives away a token's information without a token",
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
    hindered(host, name, &Obstacle::Unreachable(failure))
}

fn hindered(host: &str, name: &'static str, hindrance: &Obstacle) -> Check {
    let check = Check::failure(host, name, obstacle(hindrance).to_string());
    check.advise_some(remedy(hindrance).map(str::to_owned))
}
