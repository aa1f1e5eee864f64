//! Starts the command line of session-keepalive.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// An allocator that wipes every freed block: secrets leave copies in buffers that no type can
/// reach.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    session_keepalive::cli::main()
}
