//! Integration tests.

/// Everything below `tests/it/`.
///
/// `cfg(test)` tells clippy that even the helpers are tests.
#[cfg(test)]
mod it {
    mod api;
    mod architecture;
    mod generated;
    mod observe;
    mod operate;
    mod plan;
    mod rows;
    mod run;
    mod support;
}
