//! Sends a request without a token, to identify the server and its certificate.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use x509_cert::der::Decode;
use x509_cert::time::Time;

use super::call::{Call, Preserve};
use super::client::Client;
use super::trust::{self, BuildError};
use crate::config::{ApiBase, HttpConfig, Trust};
use crate::keeper::Verdict;
use crate::time::ServerTime;

/// The certificate authorities of a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrustSource {
    /// The authorities that the configuration trusts.
    Configured,
    /// The public authorities only.
    Public,
}

/// A client that sends a request without a token and records the certificate of the server.
pub struct Prober {
    client: Client,
    recorder: Arc<Recorder>,
}

/// The result of a probe.
#[derive(Clone, PartialEq, Debug)]
pub struct HostProbe {
    /// The verdict; an answer of the API means that the token is missing.
    pub verdict: Verdict,
    /// The answer's `Date` header.
    pub date: Option<ServerTime>,
    /// The certificate of the server, trusted or not, if the connection is encrypted.
    pub certificate: Option<Certificate>,
}

/// A server's certificate. Its names are as the server wrote them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The name of the issuer: `CN=Amazon RSA 2048 M02,O=Amazon,C=US`.
    pub issuer: String,
    /// The name of the subject.
    pub subject: String,
    /// The beginning of its validity, since the start of 1970.
    pub not_before: Duration,
    /// The end of its validity, since the start of 1970.
    pub not_after: Duration,
}

impl Prober {
    /// Creates a prober that connects in the way that the client does.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a certificate file cannot be used.
    pub fn new(config: &HttpConfig, source: TrustSource) -> Result<Self, BuildError> {
        let trust = match source {
            TrustSource::Configured => config.trust.clone(),
            TrustSource::Public => Trust {
                bundled_only: true,
                ca_file: None,
            },
        };
        let provider = trust::provider();
        let recorder = Arc::new(Recorder {
            verifier: trust::verifier(&trust, &provider)?,
            certificate: Mutex::default(),
        });
        let verifier = Arc::clone(&recorder);
        let tls = trust::with_verifier(verifier, provider)?;
        Ok(Self {
            client: Client::with_tls(config, tls)?,
            recorder,
        })
    }

    /// Sends one request, within the configured request timeout.
    pub async fn probe(&self, api: &ApiBase) -> HostProbe {
        let (outcome, _) = self
            .client
            .call(api, None, Call::ReadToken(Preserve::Yes))
            .await;
        HostProbe {
            verdict: outcome.verdict,
            date: outcome.date,
            certificate: self.recorder.certificate(),
        }
    }
}

/// A verifier that passes certificates on to another one, and records the last one.
#[derive(Debug)]
struct Recorder {
    verifier: Arc<dyn ServerCertVerifier>,
    certificate: Mutex<Option<CertificateDer<'static>>>,
}

impl Recorder {
    fn certificate(&self) -> Option<Certificate> {
        let certificate = self.certificate.lock();
        let certificate = certificate.unwrap_or_else(PoisonError::into_inner);
        certificate.as_ref().and_then(|der| Certificate::read(der))
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = self.certificate.lock();
        *certificate.unwrap_or_else(PoisonError::into_inner) =
            Some(end_entity.clone().into_owned());
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

impl Certificate {
    fn read(der: &[u8]) -> Option<Self> {
        let read = x509_cert::Certificate::from_der(der).ok()?.tbs_certificate;
        let since_1970 = |time: Time| time.to_unix_duration();
        Some(Self {
            issuer: read.issuer.to_string(),
            subject: read.subject.to_string(),
            not_before: since_1970(read.validity.not_before),
            not_after: since_1970(read.validity.not_after),
        })
    }
}
