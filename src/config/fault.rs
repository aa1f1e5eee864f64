//! The errors of a configuration, each with its place and the values that are allowed.

use std::fmt;
use std::path::Path;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::raw::{LayerKind, Place};
use super::redact;

/// The largest number of errors that are shown: more would scroll the first out of sight.
const SHOWN_MAX: usize = 50;

/// One error of a configuration.
///
/// The order is that of the text: by position in the file, then variables by name, then flags,
/// then errors without a place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ConfigFault {
    place: FaultLocation,
    title: String,
    label: String,
    also: Vec<(Place, String)>,
    help: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum FaultLocation {
    At { place: Place, mark: FaultMark },
    Nowhere,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum FaultMark {
    Key,
    Value,
}

impl ConfigFault {
    /// Creates a fault of the value at this place.
    pub(super) fn at(place: Place, title: impl Into<String>) -> Self {
        let mut title = title.into();
        if place.layer != LayerKind::File {
            title = format!("{}: {title}", place.name());
        }
        let mark = FaultMark::Value;
        Self::new(FaultLocation::At { place, mark }, &title)
    }

    /// Creates a fault without a place, such as a missing value.
    pub(super) fn nowhere(title: impl Into<String>) -> Self {
        Self::new(FaultLocation::Nowhere, &title.into())
    }

    fn new(place: FaultLocation, title: &str) -> Self {
        Self {
            place,
            title: redact::clean(title),
            label: String::new(),
            also: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Marks the key, not the value.
    pub(super) fn about_the_key(mut self) -> Self {
        if let FaultLocation::At { mark, .. } = &mut self.place {
            *mark = FaultMark::Key;
        }
        self
    }

    /// Sets the label beside the mark: the values that are allowed.
    pub(super) fn label(mut self, label: &str) -> Self {
        self.label = redact::clean(label);
        self
    }

    /// Adds a sentence of help below the text.
    pub(super) fn help(mut self, help: &str) -> Self {
        self.help.push(redact::clean(help));
        self
    }

    /// Adds a second place that is related to the fault.
    pub(super) fn also(mut self, place: Place, label: &str) -> Self {
        self.also.push((place, label.to_owned()));
        self
    }
}

/// All errors of a configuration, in the order of the text.
///
/// Shows no token: possible tokens are redacted before a fault is created.
#[derive(Clone, PartialEq, Eq)]
pub struct Errors {
    file: String,
    text: String,
    faults: Vec<ConfigFault>,
}

impl std::error::Error for Errors {}

/// Displays the errors as [`Errors::render`] does without colour.
impl fmt::Display for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl fmt::Debug for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Errors {
    /// Sorts the faults; `text` is the redacted content of the file.
    pub(super) fn new(file: Option<&Path>, text: String, mut faults: Vec<ConfigFault>) -> Self {
        faults.sort();
        faults.dedup();
        let file = file.map_or_else(String::new, |path| {
            redact::clean(&path.display().to_string())
        });
        Self { file, text, faults }
    }

    /// Creates the error of a flag that is no key of the configuration.
    pub(crate) fn of_command_line(title: String) -> Self {
        Self::new(None, String::new(), vec![ConfigFault::nowhere(title)])
    }

    /// Returns the number of errors; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// Formats the first 50 errors as rustc would, with the text in question marked.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut reports: Vec<String> = self
            .faults
            .iter()
            .take(SHOWN_MAX)
            .map(|fault| renderer.render(&[self.report(fault)]))
            .collect();
        if self.faults.len() > SHOWN_MAX {
            reports.push(format!("and {} more", self.faults.len() - SHOWN_MAX));
        }
        reports.join("\n\n")
    }

    fn report<'a>(&'a self, fault: &'a ConfigFault) -> Group<'a> {
        let title = Level::ERROR.primary_title(&fault.title);
        let mut group = match &fault.place {
            FaultLocation::At { place, mark } => {
                let span = match mark {
                    FaultMark::Key => place.key,
                    FaultMark::Value => place.value,
                };
                let primary = AnnotationKind::Primary.span(span.range());
                let label = Some(fault.label.as_str()).filter(|label| !label.is_empty());
                let mut snippet = self.snippet(place).annotation(primary.label(label));
                let mut other_snippets = Vec::new();
                for (related, label) in &fault.also {
                    let context = AnnotationKind::Context.span(related.value.range());
                    let context = context.label(label.as_str());
                    if related.line == place.line {
                        snippet = snippet.annotation(context);
                    } else {
                        other_snippets.push(self.snippet(related).annotation(context));
                    }
                }
                title.element(snippet).elements(other_snippets)
            }
            FaultLocation::Nowhere if self.file.is_empty() => Group::with_title(title),
            FaultLocation::Nowhere => title.element(Origin::path(&self.file)),
        };
        for help in &fault.help {
            group = group.element(Level::HELP.message(help));
        }
        group
    }

    fn snippet<'a>(&'a self, place: &'a Place) -> Snippet<'a, Annotation<'a>> {
        let (text, path) = match place.layer {
            LayerKind::File => (self.text.as_str(), self.file.as_str()),
            LayerKind::Environment => (&*place.line, "environment"),
            LayerKind::Flags => (&*place.line, "command line"),
        };
        Snippet::source(text)
            .path(path)
            .line_numbering(place.layer == LayerKind::File)
    }
}
