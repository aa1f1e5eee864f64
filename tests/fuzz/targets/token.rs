//! Any bytes as a token file: a token of visible ASCII characters, or none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use session_keepalive::token::{TOKEN_LENGTH_MAX, Token};

fuzz_target!(|bytes: &[u8]| {
    let read = Token::from_bytes(bytes.to_vec());
    match &read {
        Ok(token) => {
            let value = token.expose();
            assert!((1..=TOKEN_LENGTH_MAX).contains(&value.len()));
            assert!(value.iter().all(u8::is_ascii_graphic));
            // The line end that editors add is no part of it.
            let again = Token::from_bytes([value, b"\n"].concat()).expect("the same token");
            assert_eq!(again.fingerprint(), token.fingerprint());
        }
        Err(error) => {
            // An error shows nothing of the bytes.
            let text = error.to_string();
            let graphic = bytes.windows(12).filter(|run| run.iter().all(u8::is_ascii_graphic));
            for run in graphic {
                let run = std::str::from_utf8(run).expect("ASCII");
                assert!(!text.contains(run), "{text}");
            }
        }
    }
});
