//! Asks without a token, to learn what it is that answers and who vouches for it.

use std::time::Duration;

use reqwest::tls::TlsInfo;
use reqwest::{Method, Request, Url};
use x509_cert::der::Decode;
use x509_cert::time::Time;

use super::call::{Call, Preserve};
use super::client::encrypted;
use super::receive::receive;
use super::trust::BuildError;
use super::{failure, verdict};
use crate::config::{ApiBase, HttpConfig, Proxy, Trust};
use crate::keeper::{Failure, ServerTime, Verdict};

/// Whose certificates are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trusting {
    /// Those of whoever the configuration trusts.
    Configured,
    /// Those of public authorities alone.
    Public,
    /// Anyone's: only to look at a certificate. No token is sent.
    Anyone,
}

/// Asks without a token.
pub struct Prober(reqwest::Client);

/// What was learnt.
#[derive(Clone, PartialEq, Debug)]
pub struct Probed {
    /// What the answer means; from the API it is that no token came.
    pub verdict: Verdict,
    /// The answer's `Date` header.
    pub date: Option<ServerTime>,
    /// What the server showed, if the connection is encrypted and was made.
    pub certificate: Option<Certificate>,
}

/// A server's certificate. Its names are as the server wrote them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// Who vouches for it: `CN=Amazon RSA 2048 M02,O=Amazon,C=US`.
    pub issuer: String,
    /// Whom it is for.
    pub subject: String,
    /// From when on it counts, since the start of 1970.
    pub not_before: Duration,
    /// Until when it counts, since the start of 1970.
    pub not_after: Duration,
}

impl Prober {
    /// Builds one for this API, which goes the way that the client goes.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a certificate file or the proxy cannot be used.
    pub fn new(config: &HttpConfig, api: &ApiBase, trusting: Trusting) -> Result<Self, BuildError> {
        let trust = match trusting {
            Trusting::Configured | Trusting::Anyone => config.trust.clone(),
            Trusting::Public => Trust {
                bundled_only: true,
                ca_file: None,
            },
        };
        let is_plain = api.as_str().starts_with("http:");
        let named = matches!(config.proxy, Proxy::Url(_));
        encrypted(config, &trust, |settings| {
            let settings = settings
                .tls_info(true)
                .tls_danger_accept_invalid_certs(trusting == Trusting::Anyone);
            if is_plain && !named {
                settings.no_proxy()
            } else {
                settings
            }
        })
        .map(Self)
    }

    /// Asks once, within the configured request timeout.
    pub async fn probe(&self, api: &ApiBase) -> Probed {
        let call = Call::ReadToken(Preserve::Yes);
        let not_asked = |verdict| Probed {
            verdict,
            date: None,
            certificate: None,
        };
        let Ok(url) = Url::parse(&format!("{api}{}", call.path())) else {
            let why = "its URL is not one".into();
            return not_asked(Verdict::Unreachable(Failure::NotSent(why)));
        };
        let response = match self.0.execute(Request::new(Method::GET, url)).await {
            Ok(response) => response,
            Err(error) => return not_asked(failure::verdict(&error)),
        };
        let tls = response.extensions().get::<TlsInfo>();
        let certificate = tls.and_then(TlsInfo::peer_certificate);
        let certificate = certificate.and_then(Certificate::read);
        match receive(response, None).await {
            Ok(received) => {
                let outcome = verdict::outcome(call.wanted(), &received.answer());
                Probed {
                    verdict: outcome.verdict,
                    date: outcome.date,
                    certificate,
                }
            }
            Err(verdict) => Probed {
                certificate,
                ..not_asked(verdict)
            },
        }
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
