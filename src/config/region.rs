//! The regions of Genesys Cloud and the addresses of their APIs.
//!
//! Source: the vendor's list of regions, July 2026.

use super::address::ApiBase;

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

    /// Returns the login host of the region that has this API.
    #[must_use]
    pub fn login_of(api: &ApiBase) -> Option<String> {
        let region = REGIONS.iter().find(|region| region.api() == api.as_str());
        region.map(Self::login)
    }

    /// Returns the region of this name or this domain.
    #[must_use]
    pub fn find(text: &str) -> Option<&'static Self> {
        REGIONS
            .iter()
            .find(|region| region.name == text || region.domain == text)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ApiBase;

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
    fn one_region_is_authorised_under_fedramp() {
        let names: Vec<_> = REGIONS
            .iter()
            .filter(|region| region.fedramp)
            .map(|region| region.name)
            .collect();
        assert_eq!(names, ["us-east-2"]);
    }
}
