//! Integration tests.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

/// The allocator of the program, for the tests that run the daemon in this process.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// All tests in `tests/it/`.
///
/// `cfg(test)` makes clippy treat the helpers as tests too.
#[cfg(test)]
mod it {
    mod api;
    mod architecture;
    mod doctor;
    mod generated;
    mod observe;
    mod operate;
    mod plan;
    mod rows;
    mod run;
    mod support;
    mod version;
}
