//! The text of `--version`: the version, the commit and the features of this build.

use std::env::consts::{ARCH, OS};
use std::sync::LazyLock;

/// The version, and a line each for the commit, the target and the features.
pub(super) static LONG: LazyLock<String> = LazyLock::new(|| {
    let libc = if cfg!(target_env = "musl") {
        "musl"
    } else {
        "gnu"
    };
    let linked = if cfg!(target_feature = "crt-static") {
        "static"
    } else {
        "dynamic"
    };
    format!(
        "{}\ncommit: {}\ntarget: {ARCH}-{OS}-{libc}, {linked}\nfeatures: http1, http2, tls1.2, tls1.3, rustls, ring",
        env!("CARGO_PKG_VERSION"),
        commit(),
    )
});

/// Returns the commit in the variable `BUILD_COMMIT` of the build, which needs no git.
fn commit() -> &'static str {
    match option_env!("BUILD_COMMIT") {
        Some(commit) if !commit.is_empty() => commit,
        _ => "unknown",
    }
}
