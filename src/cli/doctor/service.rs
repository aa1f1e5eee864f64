//! Finds out as whom the service reads tokens: from its process if it runs, else from its unit.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use nix::unistd::{Group, User};
use tokio::process::Command;

use super::check::Check;
use crate::token::Reader;

/// The time limit for an answer of the service manager.
const MANAGER_WITHIN: Duration = Duration::from_secs(5);

/// The number that stands for a user that systemd creates at the start: it owns nothing.
const NOBODY: u32 = 65_534;

/// The folder of systemd's credentials, one for each running unit.
const CREDENTIALS: &str = "/run/credentials";

const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// The credentials of the service, if they are not those of this process.
static SERVICE_CREDENTIALS: OnceLock<PathBuf> = OnceLock::new();

/// The user as whom a service runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ServiceUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The supplementary groups.
    pub(super) groups: Vec<u32>,
    /// The unit, such as `session-keepalive.service`.
    pub(super) unit: Option<String>,
}

impl ServiceUser {
    /// Returns the user, the groups and the unit of a running process.
    pub(super) fn of_process(uid: u32, gid: u32, pid: Option<i32>) -> Self {
        let read = |file: &str| {
            let pid = pid?;
            std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()
        };
        Self {
            uid,
            gid,
            groups: read("status").map_or_else(Vec::new, |status| groups(&status)),
            unit: read("cgroup").and_then(|cgroup| unit(&cgroup)),
        }
    }

    /// Returns the user as whom systemd would start a unit; `None` if it does not know the unit.
    pub(super) async fn of_unit(unit: &str) -> Option<Self> {
        let properties = "LoadState,User,Group,DynamicUser,SupplementaryGroups";
        let mut service = of_properties(&show(unit, properties).await?)?;
        service.unit = Some(unit.to_owned());
        Some(service)
    }

    /// Lets tokens be read from the credentials of the unit, where it has some and this process
    /// was not given any.
    pub(super) fn use_credentials(&self) -> Option<PathBuf> {
        let directory = Path::new(CREDENTIALS).join(self.unit.as_deref()?);
        if std::env::var_os(CREDENTIALS_VARIABLE).is_some() || !directory.is_dir() {
            return None;
        }
        Some(SERVICE_CREDENTIALS.get_or_init(|| directory).clone())
    }
}

/// The way in which a unit takes on changed credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CredentialRefresh {
    /// A reload renews them.
    OnReload,
    /// Only a restart of the process does, although this systemd could renew them.
    NotConfigured,
    /// This systemd is older than 260.
    Unsupported,
}

impl CredentialRefresh {
    /// Asks systemd about a unit; `None` if it does not know the unit.
    pub(super) async fn of_unit(unit: &str) -> Option<Self> {
        Self::of_properties(&show(unit, "LoadState,RefreshOnReload").await?)
    }

    fn of_properties(shown: &str) -> Option<Self> {
        if property(shown, "LoadState") != Some("loaded") {
            return None;
        }
        // A systemd that does not know a property does not show it.
        Some(match property(shown, "RefreshOnReload") {
            Some(resources)
                if resources
                    .split_whitespace()
                    .any(|word| word == "credentials") =>
            {
                Self::OnReload
            }
            Some(_) => Self::NotConfigured,
            None => Self::Unsupported,
        })
    }

    /// Returns the check of a unit whose sessions have credentials.
    pub(super) fn check(self, unit: &str) -> Check {
        let finding = match self {
            Self::OnReload => "a reload takes on changed credentials",
            Self::NotConfigured => {
                "changed credentials need a hand-over; with the drop-in refresh-credentials.conf a reload takes them on"
            }
            Self::Unsupported => {
                "changed credentials need a hand-over: a reload takes them on with systemd 260 or later only"
            }
        };
        Check::ok(unit, "credentials", finding)
    }
}

/// Returns properties of a unit, one a line; `None` if there is no service manager that answers.
async fn show(unit: &str, properties: &str) -> Option<String> {
    let mut systemctl = Command::new("systemctl");
    let properties = format!("--property={properties}");
    systemctl
        .args(["show", &properties, "--", unit])
        .kill_on_drop(true);
    let output = tokio::time::timeout(MANAGER_WITHIN, systemctl.output()).await;
    String::from_utf8(output.ok()?.ok()?.stdout).ok()
}

/// Returns a property, from the text of `systemctl show`.
fn property<'a>(shown: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = shown.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// Returns a reader that finds the credentials of the service.
pub(super) fn reader() -> Reader {
    Reader::new(variable, crate::token::COMMAND_TIME_LIMIT)
}

fn variable(name: &str) -> Option<OsString> {
    let of_service = || {
        let directory = SERVICE_CREDENTIALS.get();
        directory
            .filter(|_| name == CREDENTIALS_VARIABLE)
            .map(|path| path.clone().into())
    };
    std::env::var_os(name).or_else(of_service)
}

/// Returns the supplementary groups, from the text of `/proc/PID/status`.
fn groups(status: &str) -> Vec<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Groups:"));
    let numbers = line.unwrap_or_default().split_whitespace();
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// Returns the service of a process, from the text of `/proc/PID/cgroup`.
fn unit(cgroup: &str) -> Option<String> {
    let mut names = cgroup.lines().flat_map(|line| line.rsplit('/'));
    let found = names.find(|name| name.ends_with(".service"));
    found.map(str::to_owned)
}

/// Returns the user, from the properties of a unit.
fn of_properties(shown: &str) -> Option<ServiceUser> {
    let property = |name: &str| property(shown, name);
    if property("LoadState") != Some("loaded") {
        return None;
    }
    let named = |name: &str| property(name).filter(|value| !value.is_empty());
    let number = |group: &str| {
        let known = || Group::from_name(group).ok().flatten();
        group
            .parse()
            .ok()
            .or_else(|| known().map(|group| group.gid.as_raw()))
    };
    let user = named("User").and_then(|name| User::from_name(name).ok().flatten());
    let is_dynamic = property("DynamicUser") == Some("yes");
    let (uid, gid) = match user {
        Some(user) => (user.uid.as_raw(), user.gid.as_raw()),
        None if is_dynamic => (NOBODY, NOBODY),
        None => (0, 0),
    };
    let supplementary = property("SupplementaryGroups").unwrap_or_default();
    Some(ServiceUser {
        uid,
        gid: named("Group").and_then(number).unwrap_or(gid),
        groups: supplementary
            .split_whitespace()
            .filter_map(number)
            .collect(),
        unit: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_and_the_unit_of_a_process_are_found() {
        assert_eq!(groups("Uid:\t1 1\nGroups:\t44 1000 \nX: 1"), [44, 1000]);
        assert_eq!(groups("Name:\tsh\n"), [0_u32; 0]);
        assert_eq!(
            unit("0::/system.slice/session-keepalive@hall.service\n").as_deref(),
            Some("session-keepalive@hall.service")
        );
        assert_eq!(unit("0::/user.slice/session-1.scope\n"), None);
    }

    #[test]
    fn a_reload_takes_on_credentials_where_the_unit_says_so() {
        let refresh = CredentialRefresh::of_properties;
        let shown = "LoadState=loaded\nRefreshOnReload=extensions credentials\n";
        assert_eq!(refresh(shown), Some(CredentialRefresh::OnReload));
        let shown = "LoadState=loaded\nRefreshOnReload=extensions\n";
        assert_eq!(refresh(shown), Some(CredentialRefresh::NotConfigured));
        let shown = "LoadState=loaded\n";
        assert_eq!(refresh(shown), Some(CredentialRefresh::Unsupported));
        assert_eq!(refresh("LoadState=not-found\n"), None);
    }

    #[test]
    fn a_unit_with_a_dynamic_user_owns_nothing_but_has_its_groups() {
        let shown =
            "LoadState=loaded\nUser=\nGroup=\nDynamicUser=yes\nSupplementaryGroups=root 4711\n";
        let expected = ServiceUser {
            uid: NOBODY,
            gid: NOBODY,
            groups: vec![0, 4711],
            unit: None,
        };
        assert_eq!(of_properties(shown), Some(expected));
        assert_eq!(of_properties("LoadState=not-found\nDynamicUser=no\n"), None);
        let root = of_properties("LoadState=loaded\nUser=\nDynamicUser=no\n").unwrap();
        assert_eq!(root.uid, 0);
    }
}
