//! What is wrong with a configuration, where, and what would be right: all of it at once.

use std::fmt;
use std::path::Path;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::mask;
use super::raw::{LayerKind, Place};

/// So many errors are shown: more would hide the first.
const SHOWN_MAX: usize = 50;

/// One thing that is wrong.
///
/// The order is that of the text: by position in the file, then variables by
/// name, then flags, then what is nowhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Fault {
    place: Spot,
    title: String,
    label: String,
    also: Vec<(Place, String)>,
    help: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Spot {
    At { place: Place, mark: Mark },
    Nowhere,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Mark {
    Key,
    Value,
}

impl Fault {
    /// A fault of the value at this place.
    pub(super) fn at(place: Place, title: impl Into<String>) -> Self {
        let mut title = title.into();
        if place.layer != LayerKind::File {
            title = format!("{}: {title}", place.name());
        }
        let mark = Mark::Value;
        Self::new(Spot::At { place, mark }, &title)
    }

    /// A fault without a place, or of something that is missing.
    pub(super) fn nowhere(title: impl Into<String>) -> Self {
        Self::new(Spot::Nowhere, &title.into())
    }

    fn new(place: Spot, title: &str) -> Self {
        Self {
            place,
            title: mask::clean(title),
            label: String::new(),
            also: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Marks the name, not the value.
    pub(super) fn about_the_key(mut self) -> Self {
        if let Spot::At { mark, .. } = &mut self.place {
            *mark = Mark::Key;
        }
        self
    }

    /// What stands beside the mark: what is allowed.
    pub(super) fn label(mut self, label: &str) -> Self {
        self.label = mask::clean(label);
        self
    }

    /// A sentence below.
    pub(super) fn help(mut self, help: &str) -> Self {
        self.help.push(mask::clean(help));
        self
    }

    /// A second place that belongs to the matter.
    pub(super) fn also(mut self, place: Place, label: &str) -> Self {
        self.also.push((place, label.to_owned()));
        self
    }
}

/// Everything that is wrong with a configuration, in the order of the text.
///
/// Shows no token: what could be one is hidden before it gets here.
#[derive(Clone, PartialEq, Eq)]
pub struct Errors {
    file: String,
    text: String,
    faults: Vec<Fault>,
}

impl std::error::Error for Errors {}

/// Plain, as [`Errors::render`] without colour.
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
    /// Sorts the faults; `text` is the file's, masked.
    pub(super) fn new(file: Option<&Path>, text: String, mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        let file = file.map_or_else(String::new, |path| path.display().to_string());
        Self { file, text, faults }
    }

    /// How many there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// The errors as rustc would show them, with the text in question marked: the first 50.
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

    fn report<'a>(&'a self, fault: &'a Fault) -> Group<'a> {
        let title = Level::ERROR.primary_title(&fault.title);
        let mut group = match &fault.place {
            Spot::At { place, mark } => {
                let span = match mark {
                    Mark::Key => place.key,
                    Mark::Value => place.value,
                };
                let primary = AnnotationKind::Primary.span(span.range());
                let label = Some(fault.label.as_str()).filter(|label| !label.is_empty());
                let mut snippet = self.snippet(place).annotation(primary.label(label));
                let mut others = Vec::new();
                for (other, label) in &fault.also {
                    let context = AnnotationKind::Context.span(other.value.range());
                    let context = context.label(label.as_str());
                    if other.line == place.line {
                        snippet = snippet.annotation(context);
                    } else {
                        others.push(self.snippet(other).annotation(context));
                    }
                }
                title.element(snippet).elements(others)
            }
            Spot::Nowhere if self.file.is_empty() => Group::with_title(title),
            Spot::Nowhere => title.element(Origin::path(&self.file)),
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
