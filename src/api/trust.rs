//! Whose certificates are trusted: the system's, or the bundled ones, and an operator's own beside either.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder};

use crate::config::Trust;

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file of certificate authorities could not be read.
    #[error("cannot read the certificate authorities in {}", path.display())]
    CaFileUnreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of certificate authorities has none.
    #[error("{} has no certificate: expected PEM, with -----BEGIN CERTIFICATE-----", path.display())]
    CaFileEmpty {
        /// The file.
        path: PathBuf,
    },
    /// The file of certificate authorities has one that is not valid.
    #[error("{} has a certificate that is not valid", path.display())]
    CaFileInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: reqwest::Error,
    },
    /// The proxy's URL was not understood.
    #[error("cannot use the proxy")]
    Proxy(#[source] reqwest::Error),
    /// The HTTP client could not be built.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Builds the client that `settings` describe with the certificates that are to be trusted.
///
/// # Errors
///
/// Any [`BuildError`] but `Proxy`.
pub(super) fn build(
    trust: &Trust,
    settings: impl Fn() -> ClientBuilder,
) -> Result<reqwest::Client, BuildError> {
    let extra = match &trust.ca_file {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    let invalid = |source: reqwest::Error| match &trust.ca_file {
        Some(path) => BuildError::CaFileInvalid {
            path: path.clone(),
            source: source.without_url(),
        },
        None => BuildError::Client(source.without_url()),
    };
    if !trust.bundled_only {
        // Built without the extra ones first: only so is it known whether the
        // system has any of its own, since with one more it builds in any case.
        match settings().build() {
            Ok(client) if extra.is_empty() => return Ok(client),
            Ok(_) => return settings().tls_certs_merge(extra).build().map_err(invalid),
            Err(_) => tracing::debug!("no certificates on this machine: using the bundled ones"),
        }
    }
    let trusted = bundled().map_err(BuildError::Client)?;
    let trusted = trusted.into_iter().chain(extra);
    settings().tls_certs_only(trusted).build().map_err(invalid)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, BuildError> {
    let pem = fs::read(path).map_err(|source| BuildError::CaFileUnreadable {
        path: path.to_owned(),
        source,
    })?;
    let certificates =
        Certificate::from_pem_bundle(&pem).map_err(|source| BuildError::CaFileInvalid {
            path: path.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(BuildError::CaFileEmpty {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

fn bundled() -> Result<Vec<Certificate>, reqwest::Error> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|certificate| Certificate::from_der(certificate))
        .collect()
}
