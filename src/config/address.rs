//! The addresses of APIs, each encrypted or on this machine, and the regions of Genesys Cloud that
//! have one.
//!
//! Source of the regions: the vendor's list of regions, July 2026.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use url::{Host, Url};

use super::key;

/// The hosts of a region's services, as people copy them from the address bar of a browser.
const SERVICES: [&str; 4] = ["api", "apps", "login", "developer"];

/// The length from which a word of a label is taken for a place.
const PLACE_LENGTH_MIN: usize = 4;

/// The scheme, host and port of an API: `https://api.mypurecloud.de`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiBase(Arc<str>);

/// The reason for which a text is not an API base.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAnApiBase {
    /// Not an absolute URL.
    #[error("is not an absolute URL such as https://api.mypurecloud.de")]
    NotAUrl,
    /// A host in letters other than ASCII.
    #[error("must write its host in ASCII: xn--… for a name with other letters")]
    NotAscii,
    /// A scheme other than https, or http to a host other than this machine.
    #[error(
        "must begin with https:// (http:// is allowed to 127.0.0.1 and [::1] only, since it shows the token to the network)"
    )]
    NotEncrypted,
    /// Plain http to this machine by name, which the name service may resolve to another machine.
    #[error("must name this machine by its address: http://127.0.0.1 or http://[::1]")]
    LoopbackByName,
    /// A user, a path, a query or a fragment.
    #[error("must be a scheme and a host alone, without user, path, query or fragment")]
    MoreThanAHost,
}

/// One region of Genesys Cloud.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    /// The name, as in `region = "eu-central-1"`.
    pub name: &'static str,
    /// The domain that its hosts share.
    pub domain: &'static str,
    /// The vendor's label for people.
    pub label: &'static str,
    /// True if the region is authorised under the `FedRAMP` programme of the United States.
    pub fedramp: bool,
}

/// All regions, from west to east.
pub const REGIONS: &[Region] = &[
    Region::of(
        "us-east-1",
        "mypurecloud.com",
        "Americas (US East / N. Virginia)",
    ),
    Region::of("us-east-2", "use2.us-gov-pure.cloud", "US East (Ohio)").with_fedramp(),
    Region::of("us-west-2", "usw2.pure.cloud", "US West (Oregon)"),
    Region::of("ca-central-1", "cac1.pure.cloud", "Canada (Central)"),
    Region::of("mx-central-1", "mxc1.pure.cloud", "Mexico (Central)"),
    Region::of("sa-east-1", "sae1.pure.cloud", "South America (Sao Paulo)"),
    Region::of("eu-west-1", "mypurecloud.ie", "EU (Ireland)"),
    Region::of("eu-west-2", "euw2.pure.cloud", "EU (London)"),
    Region::of("eu-central-1", "mypurecloud.de", "EU (Frankfurt)"),
    Region::of("eu-central-2", "euc2.pure.cloud", "EU (Zurich)"),
    Region::of(
        "eusc-de-east-1",
        "edee1.eusc-pure.cloud",
        "AWS European Sovereign Cloud (Germany)",
    ),
    Region::of("me-central-1", "mec1.pure.cloud", "Middle East (UAE)"),
    Region::of("ap-south-1", "aps1.pure.cloud", "Asia Pacific (Mumbai)"),
    Region::of(
        "ap-southeast-1",
        "apse1.pure.cloud",
        "Asia Pacific (Singapore)",
    ),
    Region::of(
        "ap-southeast-2",
        "mypurecloud.com.au",
        "Asia Pacific (Sydney)",
    ),
    Region::of("ap-northeast-1", "mypurecloud.jp", "Asia Pacific (Tokyo)"),
    Region::of("ap-northeast-2", "apne2.pure.cloud", "Asia Pacific (Seoul)"),
    Region::of("ap-northeast-3", "apne3.pure.cloud", "Asia Pacific (Osaka)"),
];

impl ApiBase {
    /// Creates an API base from the text.
    ///
    /// # Errors
    ///
    /// [`NotAnApiBase`] if it is not a URL, is not encrypted, or has more than scheme, host and
    /// port.
    pub fn new(text: &str) -> Result<Self, NotAnApiBase> {
        if !text.is_ascii() {
            return Err(NotAnApiBase::NotAscii);
        }
        let url = Url::parse(text).map_err(|_| NotAnApiBase::NotAUrl)?;
        let host = url.host().ok_or(NotAnApiBase::NotAUrl)?;
        match (url.scheme(), host) {
            ("https", _)
            | ("http", Host::Ipv4(Ipv4Addr::LOCALHOST) | Host::Ipv6(Ipv6Addr::LOCALHOST)) => {}
            ("http", Host::Domain("localhost")) => return Err(NotAnApiBase::LoopbackByName),
            _ => return Err(NotAnApiBase::NotEncrypted),
        }
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(NotAnApiBase::MoreThanAHost);
        }
        Ok(Self(url.origin().ascii_serialization().into()))
    }

    /// Returns the base as text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiBase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl Region {
    /// Returns the address of its API: `https://api.mypurecloud.de`.
    #[must_use]
    pub fn api(&self) -> String {
        format!("https://api.{}", self.domain)
    }

    /// Returns the address that issues its tokens: `https://login.mypurecloud.de`.
    #[must_use]
    pub fn login(&self) -> String {
        format!("https://login.{}", self.domain)
    }

    /// Returns the region that has the API at this address.
    #[must_use]
    pub fn of_api(api: &str) -> Option<&'static Self> {
        REGIONS.iter().find(|region| region.api() == api)
    }

    /// Returns the login host of the region that has this API.
    #[must_use]
    pub fn login_of(api: &ApiBase) -> Option<String> {
        Self::of_api(api.as_str()).map(Self::login)
    }

    /// Returns the region that the text names: by its name, whatever the case and with `_` for `-`,
    /// by its domain, or by the host or address of one of its services.
    #[must_use]
    pub fn find(text: &str) -> Option<&'static Self> {
        let text = text.trim().to_ascii_lowercase();
        let name = text.replace('_', "-");
        let host = host_of(&text);
        REGIONS.iter().find(|region| {
            region.name == name
                || region.domain == host
                || SERVICES.iter().any(|service| {
                    let domain = host.strip_prefix(service);
                    domain.and_then(|rest| rest.strip_prefix('.')) == Some(region.domain)
                })
        })
    }

    /// Returns the name or domain that was probably meant by a text that names no region: one that
    /// is similar and on the same continent, or the region of a city or country.
    #[must_use]
    pub fn suggest(text: &str) -> Option<&'static str> {
        let text = text.trim().to_ascii_lowercase().replace('_', "-");
        let host = host_of(&text);
        let continent = Continent::of(host);
        let is_near =
            |candidate: &&str| continent.is_some() && Continent::of(candidate) == continent;
        let names = REGIONS.iter().map(|region| region.name);
        let domains = REGIONS.iter().map(|region| region.domain);
        key::nearest(host, names.chain(domains).filter(is_near)).or_else(|| {
            let mut found = REGIONS.iter().filter(|region| region.is_labelled(host));
            let only = found.next()?;
            found.next().is_none().then_some(only.name)
        })
    }

    /// Returns true if one word of the label is this.
    fn is_labelled(&self, word: &str) -> bool {
        let label = self.label.to_ascii_lowercase();
        let mut words = label.split(|character: char| !character.is_ascii_alphabetic());
        word.len() >= PLACE_LENGTH_MIN && words.any(|other| other == word)
    }

    const fn of(name: &'static str, domain: &'static str, label: &'static str) -> Self {
        Self {
            name,
            domain,
            label,
            fedramp: false,
        }
    }

    const fn with_fedramp(self) -> Self {
        Self {
            fedramp: true,
            ..self
        }
    }
}

/// The part of the world in which a region lies. A suggestion never leaves it: a token must not be
/// shown to another continent because of a slip of the pen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Continent {
    Americas,
    Europe,
    MiddleEast,
    AsiaPacific,
}

impl Continent {
    /// Returns the continent of a region's name or domain, even of one that does not exist.
    fn of(text: &str) -> Option<Self> {
        let label = match text.split_once('.') {
            Some((label, domain)) if !domain.ends_with("pure.cloud") && !label.is_empty() => {
                // The older regions are distinguished by their top-level domain alone.
                return match domain {
                    "com" => Some(Self::Americas),
                    "ie" | "de" => Some(Self::Europe),
                    "com.au" | "jp" => Some(Self::AsiaPacific),
                    _ => None,
                };
            }
            Some((label, _)) => label,
            None => text.split_once('-')?.0,
        };
        match label.get(..2)? {
            "us" | "ca" | "mx" | "sa" => Some(Self::Americas),
            "eu" | "ed" => Some(Self::Europe),
            "me" => Some(Self::MiddleEast),
            "ap" => Some(Self::AsiaPacific),
            _ => None,
        }
    }
}

/// Returns the host of an address, or the text itself if it is none.
fn host_of(text: &str) -> &str {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = after_scheme
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    let host = host.strip_suffix(":443").unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_base_is_encrypted_or_on_this_machine() {
        for (text, base) in [
            ("https://api.mypurecloud.de", "https://api.mypurecloud.de"),
            (
                "https://API.mypurecloud.de:443/",
                "https://api.mypurecloud.de",
            ),
            ("http://127.0.0.1:8085", "http://127.0.0.1:8085"),
            ("http://[::1]:8085", "http://[::1]:8085"),
            (
                "https://api.xn--mnchen-3ya.example",
                "https://api.xn--mnchen-3ya.example",
            ),
        ] {
            assert_eq!(
                ApiBase::new(text).map(|base| base.as_str().to_owned()),
                Ok(base.to_owned())
            );
        }
        for text in [
            "http://api.mypurecloud.de",
            "http://127.evil.example",
            "http://127.0.0.2",
            "http://[::ffff:127.0.0.1]",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
        ] {
            assert_eq!(
                ApiBase::new(text),
                Err(NotAnApiBase::NotEncrypted),
                "{text}"
            );
        }
        // The name service and /etc/hosts can resolve a name to any machine.
        for text in ["http://localhost:8085", "http://LOCALHOST"] {
            assert_eq!(ApiBase::new(text), Err(NotAnApiBase::LoopbackByName));
        }
        assert_eq!(
            ApiBase::new("api.mypurecloud.de"),
            Err(NotAnApiBase::NotAUrl)
        );
        assert_eq!(
            ApiBase::new("https://api.münchen.example"),
            Err(NotAnApiBase::NotAscii)
        );
        assert_eq!(
            ApiBase::new("https://a.example/api/v2"),
            Err(NotAnApiBase::MoreThanAHost)
        );
        assert_eq!(
            ApiBase::new("https://u:p@a.example"),
            Err(NotAnApiBase::MoreThanAHost)
        );
    }

    #[test]
    fn a_region_is_found_by_its_name_and_by_its_domain() {
        for region in REGIONS {
            assert_eq!(Region::find(region.name), Some(region));
            assert_eq!(Region::find(region.domain), Some(region));
            assert!(ApiBase::new(&region.api()).is_ok(), "{region:?}");
            assert!(ApiBase::new(&region.login()).is_ok(), "{region:?}");
        }
        assert_eq!(Region::find("eu-central-9"), None);
    }

    #[test]
    fn a_region_is_understood_in_every_form_in_which_people_have_it() {
        for text in [
            "eu-central-1",
            "EU-Central-1",
            "eu_central_1",
            " eu-central-1 ",
            "mypurecloud.de",
            "MyPureCloud.de",
            "api.mypurecloud.de",
            "apps.mypurecloud.de",
            "login.mypurecloud.de",
            "https://api.mypurecloud.de",
            "https://api.mypurecloud.de:443/",
            "https://apps.mypurecloud.de/directory/#/engage",
            "https://login.mypurecloud.de/oauth/token",
        ] {
            let region = Region::find(text).map(|region| region.name);
            assert_eq!(region, Some("eu-central-1"), "{text}");
        }
        for text in [
            "",
            "https://",
            "evil-mypurecloud.de",
            "mypurecloud.de.evil.example",
            "https://user@api.mypurecloud.de",
            "https://api.mypurecloud.de:8443",
            "evil.mypurecloud.de",
        ] {
            assert_eq!(Region::find(text), None, "{text}");
        }
    }

    #[test]
    fn a_suggestion_never_crosses_continents() {
        for (text, suggestion) in [
            ("eu-cental-1", Some("eu-central-1")),
            ("eu-central", Some("eu-central-1")),
            ("us-east1", Some("us-east-1")),
            ("us-east-3", Some("us-east-1")),
            ("ap-east-1", None),
            ("me-central-2", Some("me-central-1")),
            ("ue-central-1", None),
            ("af-south-1", None),
            ("il-central-1", None),
            ("mypurecluod.de", Some("mypurecloud.de")),
            ("mypurecloud.dd", None),
            ("euw3.pure.cloud", Some("euw2.pure.cloud")),
            ("frankfurt", Some("eu-central-1")),
            ("Tokyo", Some("ap-northeast-1")),
            ("asia", None),
            ("wallboard", None),
        ] {
            assert_eq!(Region::suggest(text), suggestion, "{text}");
        }
        for region in REGIONS {
            assert!(Continent::of(region.name).is_some(), "{region:?}");
            assert_eq!(
                Continent::of(region.name),
                Continent::of(region.domain),
                "{region:?}"
            );
        }
    }

    #[test]
    fn one_region_is_authorised_under_fedramp() {
        let names: Vec<_> = REGIONS
            .iter()
            .filter(|region| region.fedramp)
            .map(|region| region.name)
            .collect();
        assert_eq!(names, ["us-east-2"]);
    }
}
