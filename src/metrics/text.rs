//! Writes metric families and their samples as text, in either of the two forms; the `Accept`
//! header chooses between them.

use std::fmt::{Display, Write as _};

use hyper::HeaderMap;
use hyper::header::ACCEPT;

use crate::metrics::Histogram;

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

/// The type of a metric family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MetricKind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only grows; the name ends in `_total`.
    Counter,
    /// The numbers of observations up to each of several bounds.
    Histogram,
    /// A constant 1 that carries labels; the name ends in `_info`.
    Info,
}

/// A metric family: samples with the same name, type and help.
#[derive(Debug)]
pub(crate) struct Family {
    /// The name of the samples; ends in `_seconds` if that is the unit.
    pub(crate) name: &'static str,
    pub(crate) kind: MetricKind,
    /// The help: one sentence without quotes, backslashes and line breaks.
    pub(crate) help: &'static str,
}

/// The name and value of a label.
pub(crate) type Label<'a> = (&'static str, &'a str);

/// The text of all families so far.
pub(crate) struct Text {
    text: String,
    form: MetricsFormat,
}

/// A writer for the samples of one family.
pub(crate) struct Samples<'a> {
    text: &'a mut String,
    name: &'static str,
    form: MetricsFormat,
}

impl Family {
    pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Self {
        let kind = MetricKind::Gauge;
        Self { name, kind, help }
    }

    pub(crate) const fn counter(name: &'static str, help: &'static str) -> Self {
        let kind = MetricKind::Counter;
        Self { name, kind, help }
    }

    pub(crate) const fn histogram(name: &'static str, help: &'static str) -> Self {
        let kind = MetricKind::Histogram;
        Self { name, kind, help }
    }

    pub(crate) const fn info(name: &'static str, help: &'static str) -> Self {
        let kind = MetricKind::Info;
        Self { name, kind, help }
    }

    /// Returns the name of the family. OpenMetrics omits the suffix that the type adds to samples.
    fn name_in(&self, form: MetricsFormat) -> &'static str {
        let ending = match (form, self.kind) {
            (MetricsFormat::Classic, _) | (_, MetricKind::Gauge | MetricKind::Histogram) => "",
            (MetricsFormat::OpenMetrics, MetricKind::Counter) => "_total",
            (MetricsFormat::OpenMetrics, MetricKind::Info) => "_info",
        };
        self.name.strip_suffix(ending).unwrap_or(self.name)
    }

    fn kind_in(&self, form: MetricsFormat) -> &'static str {
        match (form, self.kind) {
            (_, MetricKind::Gauge) | (MetricsFormat::Classic, MetricKind::Info) => "gauge",
            (_, MetricKind::Counter) => "counter",
            (_, MetricKind::Histogram) => "histogram",
            (MetricsFormat::OpenMetrics, MetricKind::Info) => "info",
        }
    }
}

impl Text {
    pub(crate) fn new(form: MetricsFormat, size: usize) -> Self {
        Self {
            text: String::with_capacity(size),
            form,
        }
    }

    /// Writes the head of a family and returns the writer for its samples.
    pub(crate) fn family(&mut self, family: &Family) -> Samples<'_> {
        let name = family.name_in(self.form);
        let kind = family.kind_in(self.form);
        self.lines(&["# HELP ", name, " ", family.help, "\n"]);
        self.lines(&["# TYPE ", name, " ", kind, "\n"]);
        if self.form == MetricsFormat::OpenMetrics && name.ends_with("_seconds") {
            self.lines(&["# UNIT ", name, " seconds\n"]);
        }
        self.rest_of(family)
    }

    /// Returns the writer for more samples of a family whose head was written before.
    pub(crate) fn rest_of(&mut self, family: &Family) -> Samples<'_> {
        Samples {
            text: &mut self.text,
            name: family.name,
            form: self.form,
        }
    }

    /// Ends the text and returns it.
    pub(crate) fn end(mut self) -> Vec<u8> {
        if self.form == MetricsFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.into_bytes()
    }

    /// Returns the text so far, which other pieces follow.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    fn lines(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }
}

impl Samples<'_> {
    pub(crate) fn sample(&mut self, labels: &[Label<'_>], value: impl Display) {
        self.line("", labels, value);
    }

    /// Writes a sample if its value is known.
    pub(crate) fn known(&mut self, labels: &[Label<'_>], value: Option<impl Display>) {
        if let Some(value) = value {
            self.sample(labels, value);
        }
    }

    /// Writes a sample for each word: 1 for the word equal to `is`, 0 for all others.
    pub(crate) fn one_of(
        &mut self,
        session: Label<'_>,
        key: &'static str,
        words: impl Iterator<Item = &'static str>,
        is: &str,
    ) {
        for word in words {
            self.sample(&[session, (key, word)], u8::from(word == is));
        }
    }

    /// Writes all samples of a histogram.
    pub(crate) fn histogram(&mut self, histogram: &Histogram) {
        for ((bound, count), exemplar) in histogram.cumulative().zip(histogram.exemplars()) {
            // `Debug` always writes a decimal point, which OpenMetrics requires: `1.0`.
            let bound = if bound.is_finite() {
                format!("{bound:?}")
            } else {
                "+Inf".to_owned()
            };
            self.line("_bucket", &[("le", &bound)], count);
            // Only OpenMetrics has exemplars.
            if let (MetricsFormat::OpenMetrics, Some(exemplar)) = (self.form, exemplar) {
                let line_end = self.text.pop();
                let (id, seconds) = (&exemplar.correlation_id, exemplar.seconds);
                let exemplar = format!(" # {{correlation_id=\"{id}\"}} {seconds}");
                self.text.push_str(&exemplar);
                self.text.extend(line_end);
            }
        }
        self.line("_sum", &[], histogram.sum().as_secs_f64());
        self.line("_count", &[], histogram.count());
    }

    fn line(&mut self, ending: &str, labels: &[Label<'_>], value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(ending);
        let mut before = '{';
        for (name, value) in labels {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(self.text, value);
            self.text.push('"');
            before = ',';
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        // Writing to a string does not fail.
        let _always = writeln!(self.text, " {value}");
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

/// Appends a label's value, with the three characters escaped that both forms escape.
fn escape(text: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        text.push_str(&rest[..at]);
        text.push_str(match rest.as_bytes()[at] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::header::HeaderValue;

    use super::*;

    const THINGS: Family = Family::counter("things_total", "Things that were done.");

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

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let mut text = Text::new(MetricsFormat::Classic, 0);
        let value = "a\"b\\c\nd=ä,{}";
        text.family(&THINGS)
            .sample(&[("what", value), ("of", "")], 7);
        let text = String::from_utf8(text.end()).unwrap();
        let sample = text.lines().last().unwrap();
        assert_eq!(
            sample,
            "things_total{what=\"a\\\"b\\\\c\\nd=ä,{}\",of=\"\"} 7"
        );
    }

    #[test]
    fn a_bucket_names_the_correlation_id_of_its_latest_answer_in_open_metrics() {
        const TOOK: Family = Family::histogram("took_seconds", "How long it took.");
        let mut histogram = Histogram::default();
        for (milliseconds, id) in [(3, "a-1"), (4, "b-2"), (90_000, "c-3"), (1, "d\"4")] {
            histogram.observe(Duration::from_millis(milliseconds), Some(&id.into()));
        }
        let exemplars = |form| {
            let mut text = Text::new(form, 0);
            text.family(&TOOK).histogram(&histogram);
            let text = String::from_utf8(text.end()).unwrap();
            let lines = text.lines().filter(|line| line.contains(" # "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let expected = [
            "took_seconds_bucket{le=\"0.005\"} 3 # {correlation_id=\"b-2\"} 0.004",
            "took_seconds_bucket{le=\"+Inf\"} 4 # {correlation_id=\"c-3\"} 90",
        ];
        assert_eq!(exemplars(MetricsFormat::OpenMetrics), expected);
        assert!(exemplars(MetricsFormat::Classic).is_empty());
    }

    #[test]
    fn the_forms_name_a_counter_each_in_its_own_way() {
        let write = |form| {
            let mut text = Text::new(form, 0);
            text.family(&THINGS).known(&[], None::<u8>);
            String::from_utf8(text.end()).unwrap()
        };
        assert_eq!(
            write(MetricsFormat::Classic),
            "# HELP things_total Things that were done.\n# TYPE things_total counter\n"
        );
        assert_eq!(
            write(MetricsFormat::OpenMetrics),
            "# HELP things Things that were done.\n# TYPE things counter\n# EOF\n"
        );
    }
}
