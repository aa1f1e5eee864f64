//! The two forms of metrics, and which of them a request wants.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// How metrics are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// What Prometheus read before, and every tool reads.
    Classic,
}

impl Form {
    /// The form that a request accepts: OpenMetrics if it is asked for, and not less than plain text.
    #[must_use]
    pub fn accepted_by(headers: &HeaderMap) -> Self {
        let (mut open_metrics, mut plain) = (0.0_f32, 0.0_f32);
        let lines = headers.get_all(ACCEPT).iter();
        let ranges = lines.filter_map(|line| line.to_str().ok());
        for range in ranges.flat_map(|line| line.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let quality = quality(parts);
            if kind.eq_ignore_ascii_case("application/openmetrics-text") {
                open_metrics = open_metrics.max(quality);
            } else if kind.eq_ignore_ascii_case("text/plain") {
                plain = plain.max(quality);
            }
        }
        if open_metrics > 0.0 && open_metrics >= plain {
            Self::OpenMetrics
        } else {
            Self::Classic
        }
    }

    /// What the answer says that it is.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// How much it is wanted, 0 to 1; 1 if that is not said.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> f32 {
    let value = |it: &'a str| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q="));
    let Some(value) = parameters.find_map(value) else {
        return 1.0;
    };
    let quality: f32 = value.parse().unwrap_or_default();
    if quality.is_finite() {
        quality.clamp(0.0, 1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn accepted(lines: &[&'static str]) -> Form {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        Form::accepted_by(&headers)
    }

    #[test]
    fn prometheus_gets_open_metrics() {
        for accept in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text; version=1.0.0",
            "Application/OpenMetrics-Text ; q=0.5 , text/html",
        ] {
            assert_eq!(accepted(&[accept]), Form::OpenMetrics, "{accept}");
        }
        let two = ["text/plain;q=0.1", "application/openmetrics-text;q=0.2"];
        assert_eq!(accepted(&two), Form::OpenMetrics);
    }

    #[test]
    fn everyone_else_gets_what_everyone_reads() {
        assert_eq!(accepted(&[]), Form::Classic);
        for accept in [
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/plain;version=0.0.4",
            "text/plain, application/openmetrics-text;q=0.9",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=nan",
            "application/openmetrics-text;q=,",
            ",;;,=;q=",
        ] {
            assert_eq!(accepted(&[accept]), Form::Classic, "{accept}");
        }
    }
}
