//! Provides the parts of random configurations, which are parsed once.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::config::{self, ApiBase, Config, Layers, PoolConfig, SessionConfig, SessionName};
use crate::token::DirectoryId;

/// The paths of the volumes.
pub(super) const PATHS: [&str; 4] = ["/volume/0", "/link/0", "/volume/1", "/link/1"];

struct Shelf {
    config: Config,
    session: SessionConfig,
    /// The pools by path, host and the treatment of a removed file's token (true if it is revoked).
    pools: BTreeMap<(usize, usize, bool), PoolConfig>,
    hosts: Vec<ApiBase>,
}

fn load(variables: &[(String, String)]) -> Config {
    let environment = variables
        .iter()
        .map(|(name, value)| (format!("SESSION_KEEPALIVE_{name}").into(), value.into()));
    let layers = Layers {
        environment: environment.collect(),
        ..Layers::default()
    };
    config::load(layers).unwrap().config
}

fn shelf() -> &'static Shelf {
    static SHELF: OnceLock<Shelf> = OnceLock::new();
    SHELF.get_or_init(|| {
        let base = |host: usize| format!("http://127.0.0.1:{}", host + 1);
        let mut pools = BTreeMap::new();
        for host in 0..3 {
            for is_revoked in [false, true] {
                let mut variables = vec![("API".to_owned(), base(host))];
                for (path, directory) in PATHS.into_iter().enumerate() {
                    let variable = |key: &str| format!("POOLS__P{path}__{key}");
                    variables.push((variable("TOKEN_DIR"), directory.to_owned()));
                    let removal = if is_revoked { "revoke" } else { "leave" };
                    variables.push((variable("ON_REMOVAL"), removal.to_owned()));
                }
                let found = load(&variables).pools.into_values().enumerate();
                pools.extend(found.map(|(path, pool)| ((path, host, is_revoked), pool)));
            }
        }
        let mut config = load(&[
            ("API".to_owned(), base(0)),
            ("SESSIONS__A__TOKEN__FILE".to_owned(), "/plain/0".to_owned()),
        ]);
        let session = config.sessions.pop_first().unwrap().1;
        Shelf {
            config,
            session,
            pools,
            hosts: (0..3)
                .map(|host| ApiBase::new(&base(host)).unwrap())
                .collect(),
        }
    })
}

/// Returns a configuration without sessions.
pub(super) fn config() -> &'static Config {
    &shelf().config
}

pub(super) fn session() -> SessionConfig {
    shelf().session.clone()
}

pub(super) fn pool(path: usize, host: usize, is_revoked: bool) -> PoolConfig {
    shelf().pools[&(path, host, is_revoked)].clone()
}

pub(super) fn hosts() -> &'static [ApiBase] {
    &shelf().hosts
}

pub(super) fn name(text: &str) -> SessionName {
    SessionName::new(text).unwrap()
}

/// Returns the identity of a volume or of its empty mount point: four distinct directories.
pub(super) fn directory(volume: usize, is_away: bool) -> DirectoryId {
    static DIRECTORIES: OnceLock<Vec<DirectoryId>> = OnceLock::new();
    let directories = DIRECTORIES.get_or_init(|| {
        let paths = ["/", "/proc", "/dev", "/usr"];
        let found = paths.map(|path| DirectoryId::from(&std::fs::metadata(path).unwrap()));
        found.to_vec()
    });
    directories[volume * 2 + usize::from(is_away)]
}
