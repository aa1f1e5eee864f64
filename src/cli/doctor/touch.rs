//! Whether a touch moves a kept token's idle deadline.

use super::check::Check;
use super::session::Patient;
use crate::api::{CallError, Preserve, TokenInfo};
use crate::cli::operate::advice;
use crate::keeper::{ServerTime, Touch};

const NAME: &str = "touch";

/// Touches as configured, and as not configured if that does not count.
pub(super) async fn prove(patient: &mut Patient<'_>, info: &TokenInfo) -> Check {
    let name = patient.name;
    let Some(before) = info.idles_at() else {
        return Check::warning(
            name,
            NAME,
            "cannot be proven: the API does not tell the idle deadline",
        );
    };
    let configured = patient.session.touch;
    let other = match configured {
        Touch::Head => Touch::Get,
        Touch::Get => Touch::Head,
    };
    let tried = match moves(patient, configured, before).await {
        Ok(true) => {
            let finding = format!("{} moves the idle deadline", word(configured));
            return Check::ok(name, NAME, finding);
        }
        Ok(false) => moves(patient, other, before).await,
        Err(error) => Err(error),
    };
    match tried {
        Ok(true) => {
            let (configured, other) = (word(configured), word(other));
            let finding = format!("{configured} does not move the idle deadline, {other} does");
            Check::warning(name, NAME, finding).advise(format!(
                "the daemon finds out by itself; touch = \"{}\" spares it that",
                other.to_ascii_lowercase()
            ))
        }
        Ok(false) => {
            let finding = "neither HEAD nor GET moves the idle deadline: the organisation excludes these calls";
            Check::failure(name, NAME, finding)
                .advise("an administrator removes /api/v2/tokens/me from the excluded API calls")
        }
        Err(error) => Check::failure(name, NAME, error.to_string()).advise_some(advice(&error)),
    }
}

async fn moves(
    patient: &mut Patient<'_>,
    touch: Touch,
    before: ServerTime,
) -> Result<bool, CallError> {
    patient.rest().await;
    let (client, api) = (patient.client, &patient.session.api);
    match touch {
        Touch::Head => drop(client.head_token(api, &patient.token).await?),
        Touch::Get => drop(client.token_info(api, &patient.token, Preserve::No).await?),
    }
    let after = patient.peek().await?.value.idles_at();
    Ok(after.is_some_and(|after| after > before))
}

fn word(touch: Touch) -> &'static str {
    match touch {
        Touch::Head => "HEAD",
        Touch::Get => "GET",
    }
}
