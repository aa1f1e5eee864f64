//! Writes families and their samples as text, in either form.

use std::fmt::{Display, Write as _};

use super::Form;
use crate::observe::Histogram;

/// What a family's numbers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows; the name ends in `_total`.
    Counter,
    /// Counts how much was at most how large.
    Histogram,
    /// Always 1, for its labels; the name ends in `_info`.
    Info,
}

/// Samples that belong together.
#[derive(Debug)]
pub(super) struct Family {
    /// The name of its samples; ends in `_seconds` if that is the unit.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// One sentence, without quotes, backslashes and line breaks.
    pub(super) help: &'static str,
}

/// A label's name and value.
pub(super) type Label<'a> = (&'static str, &'a str);

/// The text so far.
pub(super) struct Text {
    text: String,
    form: Form,
}

/// Where the samples of one family are written.
pub(super) struct Samples<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Family {
    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        let kind = Kind::Gauge;
        Self { name, kind, help }
    }

    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        let kind = Kind::Counter;
        Self { name, kind, help }
    }

    pub(super) const fn histogram(name: &'static str, help: &'static str) -> Self {
        let kind = Kind::Histogram;
        Self { name, kind, help }
    }

    pub(super) const fn info(name: &'static str, help: &'static str) -> Self {
        let kind = Kind::Info;
        Self { name, kind, help }
    }

    /// In OpenMetrics a family is named without the ending that its kind adds.
    fn name_in(&self, form: Form) -> &'static str {
        let ending = match (form, self.kind) {
            (Form::Classic, _) | (_, Kind::Gauge | Kind::Histogram) => "",
            (Form::OpenMetrics, Kind::Counter) => "_total",
            (Form::OpenMetrics, Kind::Info) => "_info",
        };
        self.name.strip_suffix(ending).unwrap_or(self.name)
    }

    fn kind_in(&self, form: Form) -> &'static str {
        match (form, self.kind) {
            (_, Kind::Gauge) | (Form::Classic, Kind::Info) => "gauge",
            (_, Kind::Counter) => "counter",
            (_, Kind::Histogram) => "histogram",
            (Form::OpenMetrics, Kind::Info) => "info",
        }
    }
}

impl Text {
    pub(super) fn new(form: Form, size: usize) -> Self {
        Self {
            text: String::with_capacity(size),
            form,
        }
    }

    /// Begins a family.
    pub(super) fn family(&mut self, family: &Family) -> Samples<'_> {
        let name = family.name_in(self.form);
        let kind = family.kind_in(self.form);
        self.lines(&["# HELP ", name, " ", family.help, "\n"]);
        self.lines(&["# TYPE ", name, " ", kind, "\n"]);
        if self.form == Form::OpenMetrics && name.ends_with("_seconds") {
            self.lines(&["# UNIT ", name, " seconds\n"]);
        }
        Samples {
            text: &mut self.text,
            name: family.name,
        }
    }

    /// The whole text.
    pub(super) fn end(mut self) -> Vec<u8> {
        if self.form == Form::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text.into_bytes()
    }

    fn lines(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }
}

impl Samples<'_> {
    /// Writes one sample.
    pub(super) fn sample(&mut self, labels: &[Label<'_>], value: impl Display) {
        self.line("", labels, value);
    }

    /// Writes a sample that is not always known.
    pub(super) fn known(&mut self, labels: &[Label<'_>], value: Option<impl Display>) {
        if let Some(value) = value {
            self.sample(labels, value);
        }
    }

    /// Writes a sample for each word, which is 1 for the one that is true and else 0.
    pub(super) fn one_of(
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
    pub(super) fn histogram(&mut self, histogram: &Histogram) {
        for (bound, count) in histogram.cumulative() {
            // With its point, as OpenMetrics wants it: `1.0`.
            let bound = if bound.is_finite() {
                format!("{bound:?}")
            } else {
                "+Inf".to_owned()
            };
            self.line("_bucket", &[("le", &bound)], count);
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

/// The three characters that both forms escape in a label's value.
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
    use super::*;

    const THINGS: Family = Family::counter("things_total", "Things that were done.");

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let mut text = Text::new(Form::Classic, 0);
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
    fn the_forms_name_a_counter_each_in_its_own_way() {
        let write = |form| {
            let mut text = Text::new(form, 0);
            text.family(&THINGS).known(&[], None::<u8>);
            String::from_utf8(text.end()).unwrap()
        };
        assert_eq!(
            write(Form::Classic),
            "# HELP things_total Things that were done.\n# TYPE things_total counter\n"
        );
        assert_eq!(
            write(Form::OpenMetrics),
            "# HELP things Things that were done.\n# TYPE things counter\n# EOF\n"
        );
    }
}
