//! Tests of the keeper in virtual time: its rules as timelines, and the plan beside the keeper.

/// All tests in `tests/keeper/`.
///
/// `cfg(test)` makes clippy treat the helpers as tests too.
#[cfg(test)]
mod keeper {
    #[path = "../world/answers.rs"]
    mod answers;
    mod causes;
    mod plan;
    mod rules;
    mod timeline;
}
