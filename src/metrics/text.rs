//! Writes metric families and their samples as text, in either form.

use std::fmt::{Display, Write as _};

use super::MetricsFormat;
use crate::metrics::Histogram;

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

    use super::*;

    const THINGS: Family = Family::counter("things_total", "Things that were done.");

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
