//! Searches for pieces of a secret in the memory of another process, as an attacker could.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::{fmt, io};

/// The length, in bytes, from which on a piece of a secret counts as found.
const PIECE_MIN: usize = 8;

/// The number of bytes of a mapping that are read at once.
const READ_MAX: usize = 1 << 20;

/// Consecutive bytes of a secret.
pub(crate) struct Piece {
    /// The address and the mapping in which it lies.
    pub(crate) place: String,
    /// The number of bytes.
    length: usize,
    /// The piece and the bytes around it, without control characters.
    pub(crate) around: String,
}

impl fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "\n{} bytes at {}: {}",
            self.length, self.place, self.around
        )
    }
}

/// Returns all pieces of the secret in the writable memory of a process: heap, stacks and data.
///
/// # Errors
///
/// If the memory cannot be read: the process is not dumpable, so reading it needs `CAP_SYS_PTRACE`.
pub(crate) fn pieces(pid: u32, secret: &[u8]) -> io::Result<Vec<Piece>> {
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut found = Vec::new();
    for mapping in maps.lines() {
        let mut words = mapping.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((from, to)) = range.split_once('-') else {
            continue;
        };
        if rights.starts_with("rw") {
            let from = u64::from_str_radix(from, 16).unwrap();
            let to = u64::from_str_radix(to, 16).unwrap();
            let name = words.nth(3).unwrap_or("anonymous");
            search_mapping(&memory, from, to, name, secret, &mut found);
        }
    }
    Ok(found)
}

fn search_mapping(
    memory: &File,
    from: u64,
    to: u64,
    name: &str,
    secret: &[u8],
    found: &mut Vec<Piece>,
) {
    let mut at = from;
    while at < to {
        let size = usize::try_from(to - at).unwrap().min(READ_MAX);
        let mut bytes = vec![0; size];
        // The process may unmap the memory meanwhile, and some pages cannot be read.
        let Ok(read) = memory.read_at(&mut bytes, at) else {
            return;
        };
        bytes.truncate(read);
        if read == 0 {
            return;
        }
        search_bytes(&bytes, at, name, secret, found);
        if read < size || at + read as u64 == to {
            at += read as u64;
        } else {
            // Readings overlap, since a piece may lie across two of them.
            at += (read + 1 - PIECE_MIN) as u64;
        }
    }
}

fn search_bytes(bytes: &[u8], from: u64, name: &str, secret: &[u8], found: &mut Vec<Piece>) {
    let mut in_secret = [false; 256];
    for byte in secret {
        in_secret[usize::from(*byte)] = true;
    }
    let mut at = 0;
    while at + PIECE_MIN <= bytes.len() {
        // A byte that the secret lacks rules out all pieces across it. Most bytes do, which makes
        // the search fast.
        if !in_secret[usize::from(bytes[at + PIECE_MIN - 1])] {
            at += PIECE_MIN;
            continue;
        }
        let length = longest(&bytes[at..], secret);
        if length < PIECE_MIN {
            at += 1;
            continue;
        }
        let around = &bytes[at.saturating_sub(48)..(at + length + 48).min(bytes.len())];
        found.push(Piece {
            place: format!("{:#x} in {name}", from + at as u64),
            length,
            around: String::from_utf8_lossy(around)
                .replace(|char: char| !(' '..='~').contains(&char), "."),
        });
        at += length;
    }
}

/// Returns the number of bytes, from the first on, that are a piece of the secret.
fn longest(bytes: &[u8], secret: &[u8]) -> usize {
    let starts = secret
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == bytes[0]);
    let length = |(start, _): (usize, &u8)| {
        let pairs = bytes.iter().zip(&secret[start..]);
        pairs.take_while(|(byte, secret)| byte == secret).count()
    };
    starts.map(length).max().unwrap_or(0)
}

#[test]
fn a_secret_is_found_in_memory_where_it_lies() {
    let secret = b"0123456789abcdefghij";
    let mut found = Vec::new();
    let bytes = b"..789abcd..0123456..cdefghij0123456789";
    search_bytes(bytes, 0x1000, "[heap]", secret, &mut found);
    let lengths: Vec<_> = found.iter().map(|piece| piece.length).collect();
    assert_eq!(lengths, [8, 10], "{found:?}");
    assert!(found[0].place.starts_with("0x1014 in [heap]"), "{found:?}");
}
