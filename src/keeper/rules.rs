//! The twelve rules as timelines.

mod asking;
mod ending;
mod proving;
mod touching;
