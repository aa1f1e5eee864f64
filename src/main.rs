//! The command line of session-keepalive.
fn main() {}
