//! The organisation and the OAuth client of a token: a token that replaces another one must have the
//! same, or an application would silently act elsewhere.

use std::sync::Arc;

use super::TokenReport;
use super::event::{IssuerMismatch, IssuerPart};

/// The issuer of a token, as far as the API reported it.
#[derive(Clone, Debug, Default)]
pub(super) struct Issuer {
    /// The sessions of an organisation share this text.
    pub(super) organisation: Option<Arc<str>>,
    client: Option<Arc<str>>,
}

impl Issuer {
    pub(super) fn of(report: &TokenReport) -> Self {
        Self {
            organisation: report.organisation.clone(),
            client: report.client.clone(),
        }
    }

    /// Returns the difference to the issuer of a newer token. A part that one of the answers lacks
    /// counts as equal.
    pub(super) fn mismatch(&self, newer: &Self) -> Option<IssuerMismatch> {
        let parts = [
            (
                IssuerPart::Organisation,
                &self.organisation,
                &newer.organisation,
            ),
            (IssuerPart::Client, &self.client, &newer.client),
        ];
        parts.into_iter().find_map(|(part, present, newer)| {
            let (present, newer) = (present.as_ref()?, newer.as_ref()?);
            (present != newer).then(|| IssuerMismatch {
                part,
                present: Arc::clone(present),
                newer: Arc::clone(newer),
            })
        })
    }
}
