//! Any text as a configuration file: it is interpreted or refused with errors that can be shown on one screen.

#![no_main]

use libfuzzer_sys::fuzz_target;
use session_keepalive::fuzzing;

fuzz_target!(|text: &str| {
    match fuzzing::config(text) {
        // Every configuration that is accepted can be described.
        Ok(loaded) => assert!(!loaded.describe().is_empty()),
        Err(errors) => {
            let shown = errors.render(false);
            assert!(!shown.trim().is_empty());
            // Nothing in it steers a terminal.
            let harmful = |character: char| character.is_control() && character != '\n' && character != '\t';
            assert!(!shown.chars().any(harmful), "{shown:?}");
        }
    }
});
