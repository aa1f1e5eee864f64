//! Proxies: the URL of one, and the variables that name one. Neither ever shows a password.

use std::ffi::OsString;
use std::fmt;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// The variables that name a proxy for https, in the order of precedence.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that name hosts to be reached without a proxy, in the order of precedence.
const EXCEPTION_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// An absolute http or https URL of a proxy; its `Debug` and `Display` hide user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

/// The reason for which a text is not the URL of a proxy. It never quotes the text, which may
/// hold a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAProxy {
    /// White space, line breaks, quotes or other characters that no URL has.
    #[error("contains white space, a line end, a quote or another character that no URL has")]
    StrayCharacter,
    /// A scheme other than http or https.
    #[error("must begin with http:// or https:// (SOCKS is not supported)")]
    Scheme,
    /// Not a URL with a host.
    #[error("is not the URL of a proxy, such as http://proxy.example:3128")]
    NotAUrl,
    /// A path, a query or a fragment.
    #[error("must end after the host and the port: a proxy has no path")]
    MoreThanAHost,
}

impl ProxyUrl {
    /// Creates the URL of a proxy; without a scheme it is an http proxy, as for curl.
    ///
    /// # Errors
    ///
    /// [`NotAProxy`] if a connection through it could never be made.
    pub fn new(text: &str) -> Result<Self, NotAProxy> {
        // The URL parser silently drops or encodes many of these characters.
        let is_stray =
            |character: char| !character.is_ascii_graphic() || "\"'`<>\\^{|}".contains(character);
        if text.contains(is_stray) {
            return Err(NotAProxy::StrayCharacter);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
            return Err(NotAProxy::Scheme);
        }
        // A rest that begins like a URL is a misspelt URL, not a host.
        let is_misspelt = ["http:", "https:"]
            .iter()
            .any(|start| rest.starts_with(start));
        if rest.is_empty() || rest.starts_with(['/', ':']) || is_misspelt {
            return Err(NotAProxy::NotAUrl);
        }
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| NotAProxy::NotAUrl)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(NotAProxy::MoreThanAHost);
        }
        Ok(Self(url))
    }

    /// Returns the whole URL, for the HTTP client and nothing else.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Returns the value of `Proxy-Authorization`, if the URL has a user.
    #[must_use]
    pub fn credentials(&self) -> Option<HeaderValue> {
        let matcher = Matcher::builder().all(self.0.as_str()).build();
        let anywhere = Uri::from_static("https://api.invalid");
        matcher.intercept(&anywhere)?.basic_auth().cloned()
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The proxy that the environment names for https.
///
/// `HTTPS_PROXY` takes precedence over `ALL_PROXY`, and upper case over lower case; an empty
/// variable names none. `HTTP_PROXY` is not read, since plain http never leaves the machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProxyVariables {
    proxy: Option<(&'static str, ProxyUrl)>,
    exceptions: String,
}

/// A variable that names a proxy which cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnusableVariable {
    /// The name of the variable.
    pub name: &'static str,
    /// The error of its value.
    pub reason: NotAProxy,
}

impl ProxyVariables {
    /// Reads the variables of a process.
    ///
    /// # Errors
    ///
    /// [`UnusableVariable`] if the value of the variable that takes precedence is not a proxy.
    pub fn read(variables: &[(OsString, OsString)]) -> Result<Self, UnusableVariable> {
        let find = |name: &&'static str| {
            let mut values = variables.iter().filter(|(known, _)| known == name);
            let (_, value) = values.next().filter(|(_, value)| !value.is_empty())?;
            Some((*name, value))
        };
        let proxy = match PROXY_VARIABLES.iter().find_map(find) {
            Some((name, value)) => {
                let text = value.to_str().ok_or(NotAProxy::StrayCharacter);
                let url = text.and_then(ProxyUrl::new);
                Some((
                    name,
                    url.map_err(|reason| UnusableVariable { name, reason })?,
                ))
            }
            None => None,
        };
        let exceptions = EXCEPTION_VARIABLES.iter().find_map(find);
        Ok(Self {
            proxy,
            exceptions: exceptions.map_or_else(String::new, |(_, value)| {
                value.to_string_lossy().into_owned()
            }),
        })
    }

    /// Returns the proxy for requests to this address.
    #[must_use]
    pub fn proxy_for(&self, address: &Uri) -> Option<&ProxyUrl> {
        let (_, proxy) = self.proxy.as_ref()?;
        // The matcher decides about the exceptions only, so it gets a placeholder as the proxy.
        let matcher = Matcher::builder()
            .all("http://proxy.invalid")
            .no(self.exceptions.as_str())
            .build();
        matcher.intercept(address).map(|_| proxy)
    }

    /// Returns the variable that takes precedence, and the proxy that it names.
    #[must_use]
    pub fn named(&self) -> Option<(&'static str, &ProxyUrl)> {
        self.proxy.as_ref().map(|(name, proxy)| (*name, proxy))
    }

    /// Returns the hosts that are reached without the proxy, as the variable lists them.
    #[must_use]
    pub fn exceptions(&self) -> &str {
        &self.exceptions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_password_is_not_shown() {
        let proxy = ProxyUrl::new("http://user:secret@proxy.example:3128").unwrap();
        assert_eq!(
            format!("{proxy} {proxy:?}"),
            "http://proxy.example:3128 http://proxy.example:3128"
        );
        let credentials = proxy.credentials().unwrap();
        assert_eq!(credentials, "Basic dXNlcjpzZWNyZXQ=");
        assert!(credentials.is_sensitive());
        let open = ProxyUrl::new("http://proxy.example:3128").unwrap();
        assert_eq!(open.credentials(), None);
    }

    #[test]
    fn only_what_a_connection_can_be_made_to_is_a_proxy() {
        for (text, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("HTTP://proxy.example:3128/", "http://proxy.example:3128"),
            ("https://proxy.example", "https://proxy.example"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("user:p%20w@proxy.example:3128", "http://proxy.example:3128"),
            ("[::1]:3128", "http://[::1]:3128"),
        ] {
            let proxy = ProxyUrl::new(text).map(|proxy| proxy.to_string());
            assert_eq!(proxy.as_deref(), Ok(shown), "{text}");
        }
        for (text, reason) in [
            ("http://proxy.example:3128\n", NotAProxy::StrayCharacter),
            ("http://proxy.example:3128 ", NotAProxy::StrayCharacter),
            (" http://proxy.example:3128", NotAProxy::StrayCharacter),
            ("\"http://proxy.example:3128\"", NotAProxy::StrayCharacter),
            ("'proxy.example:3128'", NotAProxy::StrayCharacter),
            ("http://pr\u{f6}xy.example", NotAProxy::StrayCharacter),
            ("htp://proxy.example:3128", NotAProxy::Scheme),
            ("socks5://proxy.example:1080", NotAProxy::Scheme),
            ("http:/proxy.example:3128", NotAProxy::NotAUrl),
            ("http:proxy.example:3128", NotAProxy::NotAUrl),
            ("http:///proxy.example", NotAProxy::NotAUrl),
            ("http://http://proxy.example", NotAProxy::NotAUrl),
            ("http://proxy.example:99999", NotAProxy::NotAUrl),
            ("http://proxy.example:port", NotAProxy::NotAUrl),
            ("http://", NotAProxy::NotAUrl),
            ("http://:3128", NotAProxy::NotAUrl),
            ("http://proxy.example/proxy.pac", NotAProxy::MoreThanAHost),
        ] {
            assert_eq!(ProxyUrl::new(text), Err(reason), "{text:?}");
        }
    }

    #[test]
    fn the_first_variable_that_is_not_empty_is_heeded_and_the_others_are_not_looked_at() {
        let read = |variables: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| (name.into(), value.into());
            let variables: Vec<_> = variables.iter().map(owned).collect();
            let read = ProxyVariables::read(&variables)?;
            let named = read.named();
            Ok(named.map(|(name, proxy)| format!("{name} {proxy}")))
        };
        let proxy = "http://proxy.example:3128";
        let all = ("ALL_PROXY", "\"broken\"");
        let selected = |name| Ok(Some(format!("{name} {proxy}")));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("HTTP_PROXY", "\"broken\"")]), Ok(None));
        assert_eq!(
            read(&[all, ("HTTPS_PROXY", proxy)]),
            selected("HTTPS_PROXY")
        );
        assert_eq!(
            read(&[("https_proxy", proxy), ("HTTPS_PROXY", "")]),
            selected("https_proxy")
        );
        let unusable = UnusableVariable {
            name: "ALL_PROXY",
            reason: NotAProxy::StrayCharacter,
        };
        assert_eq!(read(&[all, ("HTTPS_PROXY", "")]), Err(unusable));
    }

    #[test]
    fn hosts_that_are_excepted_are_reached_without_the_proxy() {
        let variables = [
            ("HTTPS_PROXY".into(), "proxy.example:3128".into()),
            ("NO_PROXY".into(), "mypurecloud.de, 10.0.0.0/8".into()),
        ];
        let variables = ProxyVariables::read(&variables).unwrap();
        let is_proxied = |address: &str| variables.proxy_for(&address.parse().unwrap()).is_some();
        assert!(is_proxied("https://api.mypurecloud.com"));
        assert!(!is_proxied("https://api.mypurecloud.de"));
        assert!(!is_proxied("https://10.1.2.3"));
    }
}
