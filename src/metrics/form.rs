//! The two text forms of metrics, and the choice between them by the `Accept` header.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// The text form of metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format 0.0.4 of Prometheus, which every tool reads.
    Classic,
}

impl MetricsFormat {
    /// Returns the form for a request: OpenMetrics if the request accepts it with at least the
    /// quality of plain text.
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

    /// Returns the `Content-Type` of the form.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Returns the quality parameter, from 0 to 1; 1 if there is none, 0 if it is invalid.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> f32 {
    let value = |text: &'a str| text.strip_prefix("q=").or_else(|| text.strip_prefix("Q="));
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

    fn accepted(lines: &[&'static str]) -> MetricsFormat {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        MetricsFormat::accepted_by(&headers)
    }

    #[test]
    fn prometheus_gets_open_metrics() {
        for accept in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text; version=1.0.0",
            "Application/OpenMetrics-Text ; q=0.5 , text/html",
        ] {
            assert_eq!(accepted(&[accept]), MetricsFormat::OpenMetrics, "{accept}");
        }
        let two = ["text/plain;q=0.1", "application/openmetrics-text;q=0.2"];
        assert_eq!(accepted(&two), MetricsFormat::OpenMetrics);
    }

    #[test]
    fn everyone_else_gets_what_everyone_reads() {
        assert_eq!(accepted(&[]), MetricsFormat::Classic);
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
            assert_eq!(accepted(&[accept]), MetricsFormat::Classic, "{accept}");
        }
    }
}
