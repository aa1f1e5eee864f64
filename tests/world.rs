//! Centuries of simulated time with faults of every kind: no sequence of them breaks an invariant.

/// All tests in `tests/world/`.
///
/// `cfg(test)` makes clippy treat the helpers as tests too.
#[cfg(test)]
#[path = "world/simulation.rs"]
mod world;
