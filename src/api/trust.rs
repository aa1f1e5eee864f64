//! The trusted certificate authorities: the system's or the bundled ones, and an operator's own.
//!
//! They are read and parsed once for a configuration; all connections share them.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::config::Trust;
use crate::sys::files;

/// The longest file of certificate authorities, in MiB: all public ones take a quarter of one.
const MEBIBYTES_MAX: u64 = 4;

/// The reason for which a client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file of certificate authorities could not be read.
    #[error("cannot read the certificate authorities in {}", path.display())]
    CaFileUnreadable {
        /// The file.
        path: PathBuf,
        /// The error of reading it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file of certificate authorities contains no certificate.
    #[error("{} has no certificate: expected PEM, with -----BEGIN CERTIFICATE-----", path.display())]
    CaFileEmpty {
        /// The file.
        path: PathBuf,
    },
    /// The file of certificate authorities contains an invalid certificate.
    #[error("{} has a certificate that is not valid", path.display())]
    CaFileInvalid {
        /// The file.
        path: PathBuf,
        /// The error of the certificate.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The HTTP client could not be built.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
}

/// Returns the TLS settings for connections with this trust. Reads files.
///
/// # Errors
///
/// [`BuildError`] if the file of certificate authorities cannot be used.
pub(super) fn tls(trust: &Trust) -> Result<ClientConfig, BuildError> {
    let provider = provider();
    let verifier = verifier(trust, &provider)?;
    with_verifier(verifier, provider)
}

/// Returns the TLS settings for connections whose certificates this verifier checks.
pub(super) fn with_verifier(
    verifier: Arc<dyn ServerCertVerifier>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, BuildError> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Tls(error.into()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Returns the cryptography provider of TLS.
pub(super) fn provider() -> Arc<CryptoProvider> {
    rustls::crypto::ring::default_provider().into()
}

/// Returns the verifier of certificates for this trust. Reads files.
///
/// # Errors
///
/// [`BuildError`] if the file of certificate authorities cannot be used.
pub(super) fn verifier(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, BuildError> {
    let mut roots = RootCertStore::empty();
    if !trust.bundled_only {
        // Unusable certificates of the system are skipped, as in every other program.
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    }
    if roots.is_empty() {
        if !trust.bundled_only {
            tracing::debug!("no certificates on this machine: using the bundled ones");
        }
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = &trust.ca_file {
        for certificate in certificates(path)? {
            roots
                .add(certificate)
                .map_err(|source| BuildError::CaFileInvalid {
                    path: path.clone(),
                    source: source.into(),
                })?;
        }
    }
    let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    Ok(builder
        .build()
        .map_err(|error| BuildError::Tls(error.into()))?)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let pem =
        files::read_whole(path, MEBIBYTES_MAX).map_err(|source| BuildError::CaFileUnreadable {
            path: path.to_owned(),
            source: source.into(),
        })?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|source| BuildError::CaFileInvalid {
        path: path.to_owned(),
        source: source.into(),
    })?;
    if certificates.is_empty() {
        return Err(BuildError::CaFileEmpty {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}
