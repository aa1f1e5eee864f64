//! Looks for a secret in the memory of another process, as someone who stole it would.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// So much of a secret in one piece is too much.
const PIECE_MIN: usize = 8;

/// More than this is read of no mapping at once.
const READ_MAX: usize = 1 << 20;

/// Some bytes of a secret in a row.
pub(crate) struct Piece {
    /// The address and the mapping in which it lies.
    pub(crate) place: String,
    /// How much of the secret it is.
    length: usize,
    /// What lies around it, without control characters.
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

/// All pieces of the secret in the memory that the process can write to: heap, stacks, data.
///
/// # Errors
///
/// If we may not look: the process is not dumpable, so that only who has `CAP_SYS_PTRACE` may.
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
            look(&memory, from, to, name, secret, &mut found);
        }
    }
    Ok(found)
}

fn look(memory: &File, from: u64, to: u64, name: &str, secret: &[u8], found: &mut Vec<Piece>) {
    let mut at = from;
    while at < to {
        let wanted = usize::try_from(to - at).unwrap().min(READ_MAX);
        let mut bytes = vec![0; wanted];
        // A mapping may go, or have pages that cannot be read.
        let Ok(read) = memory.read_at(&mut bytes, at) else {
            return;
        };
        bytes.truncate(read);
        if read == 0 {
            return;
        }
        in_bytes(&bytes, at, name, secret, found);
        if read < wanted || at + read as u64 == to {
            at += read as u64;
        } else {
            // A piece may lie across two readings.
            at += (read + 1 - PIECE_MIN) as u64;
        }
    }
}

fn in_bytes(bytes: &[u8], from: u64, name: &str, secret: &[u8], found: &mut Vec<Piece>) {
    let mut in_secret = [false; 256];
    for byte in secret {
        in_secret[usize::from(*byte)] = true;
    }
    let mut at = 0;
    while at + PIECE_MIN <= bytes.len() {
        // Most of memory is nothing of the kind.
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
                .replace(|it: char| !(' '..='~').contains(&it), "."),
        });
        at += length;
    }
}

/// How many bytes in a row, from the first on, are some part of the secret.
fn longest(bytes: &[u8], secret: &[u8]) -> usize {
    let starts = secret
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == bytes[0]);
    let length = |(start, _): (usize, &u8)| {
        let pairs = bytes.iter().zip(&secret[start..]);
        pairs.take_while(|(one, other)| one == other).count()
    };
    starts.map(length).max().unwrap_or(0)
}

#[test]
fn a_secret_is_found_in_memory_where_it_lies() {
    let secret = b"0123456789abcdefghij";
    let mut found = Vec::new();
    let bytes = b"..789abcd..0123456..cdefghij0123456789";
    in_bytes(bytes, 0x1000, "[heap]", secret, &mut found);
    let lengths: Vec<_> = found.iter().map(|piece| piece.length).collect();
    assert_eq!(lengths, [8, 10], "{found:?}");
    assert!(found[0].place.starts_with("0x1014 in [heap]"), "{found:?}");
}
