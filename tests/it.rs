//! Integration tests.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

/// As in the program, for the tests that have the daemon in this process.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Everything below `tests/it/`.
///
/// `cfg(test)` tells clippy that even the helpers are tests.
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
}
