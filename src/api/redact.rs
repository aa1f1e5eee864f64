//! Removes all repetitions of a token from a server's answer, before any of it is shown.
//!
//! A gateway or an attacker can repeat the token whole or in part, and in another form: escaped,
//! encoded, in another case, with other characters in between. Therefore a text is decoded as a
//! reader would decode it, and every repetition of [`RUN`] characters of the token is replaced.
//!
//! Invariant: every text of an answer passes through this module once, in
//! [`receive`](super::receive::receive) and right after it; no later code ever sees the original
//! answer.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

use crate::token::{Token, wipe_stack};

/// The number of consecutive characters of a token that are never shown.
const RUN: usize = 8;

/// The length below which only the whole token is searched for: eight characters of a short
/// token may be an ordinary word.
const LENGTH_MIN: usize = 16;

/// The replacement of a removed part.
const REMOVED: &str = "***";

/// The number of levels of nested escapes that are decoded.
const PASSES_MAX: usize = 4;

/// The length of the longest run: it fits into a `u128`.
const RUN_MAX: usize = 16;

/// The bytes of the stack that are wiped after encoding a token, several times what that uses without
/// optimisation.
const ENCODING_STACK: usize = 2 * 1024;

/// A remover of one token from texts.
pub struct Redactor {
    /// The runs of letters and digits that are searched for.
    runs: PlainRuns,
    /// The runs of [`RUN`] characters of the token that are not letters and digits alone. They have
    /// fewer letters and digits than the others.
    exact: RunSet,
}

/// Returns true if none of these texts needs a [`Redactor`]: there is nothing to decode in them, and
/// no run of the token.
///
/// Nearly every answer passes this check, which costs a small part of the redaction.
pub(super) fn is_clean<'a>(token: &Token, mut texts: impl Iterator<Item = &'a [u8]>) -> bool {
    let secret = token.expose();
    if secret.len() < LENGTH_MIN {
        return false;
    }
    let samples = TokenSamples::of(secret);
    texts.all(|text| samples.are_absent_from(text))
}

/// Samples of a token: a few characters at regular places of each form. A text that shows a run of
/// the token shows a sample of it.
struct TokenSamples {
    samples: Vec<u64>,
    /// A bit for each hash of a sample. It answers most questions.
    filter: [u64; 1 << (Self::HASH_BITS - 6)],
}

impl TokenSamples {
    /// The number of characters of a sample.
    const LENGTH: usize = 5;

    /// The bits of a sample in a number to which characters are added at the end.
    const MASK: u64 = (1 << (8 * Self::LENGTH)) - 1;

    /// The number of bits of a hash.
    const HASH_BITS: u32 = 14;

    fn of(secret: &[u8]) -> Self {
        let mut samples = Self {
            // All forms together have nine times as many characters as the secret.
            samples: Vec::with_capacity(secret.len() * 5 / 2),
            filter: [0; 1 << (Self::HASH_BITS - 6)],
        };
        add_exact_forms(secret, &mut samples);
        add_plain_forms(secret, &mut samples);
        wipe_stack::<ENCODING_STACK>();
        samples
    }

    /// Returns true if decoding the text would change nothing, and it shows no sample, with or
    /// without other characters in between.
    fn are_absent_from(&self, text: &[u8]) -> bool {
        let (mut exact, mut plain) = (0, 0);
        for byte in text {
            let character = CHARACTERS[usize::from(*byte)];
            let is_hexadecimal = character.lower == b'x' && exact & 0xff == u64::from(b'0');
            if character.is_escape || is_hexadecimal {
                return false;
            }
            exact = extended(exact, character.lower);
            if character.is_plain {
                plain = extended(plain, character.lower);
                if self.contains(plain) {
                    return false;
                }
            }
            if exact != plain && self.contains(exact) {
                return false;
            }
        }
        true
    }

    fn insert(&mut self, sample: u64) {
        let (word, bit) = Self::place(sample);
        self.filter[word] |= bit;
        self.samples.push(sample);
    }

    // Called for each character of every answer.
    #[inline]
    fn contains(&self, sample: u64) -> bool {
        let (word, bit) = Self::place(sample);
        self.filter[word] & bit != 0 && self.samples.contains(&sample)
    }

    /// Returns the word of the filter and the bit in it.
    fn place(sample: u64) -> (usize, u64) {
        // The golden ratio of 2^64: neighbouring samples differ in the highest bits.
        let hash = sample.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - Self::HASH_BITS);
        (
            usize::try_from(hash >> 6).unwrap_or_default(),
            1 << (hash & 63),
        )
    }
}

/// Adds a character to the end of a sample, and drops the first one.
fn extended(sample: u64, byte: u8) -> u64 {
    (sample << 8 | u64::from(byte)) & TokenSamples::MASK
}

impl Forms for TokenSamples {
    fn add(&mut self, form: &[u8], run: usize) {
        let mut rest = form;
        while let Some(&[first, second, third, fourth, fifth]) = rest.first_chunk() {
            let sample = [0, 0, 0, first, second, third, fourth, fifth];
            self.insert(u64::from_be_bytes(sample));
            // A run that begins right after the start of a sample holds the next one.
            rest = rest.get(run - Self::LENGTH + 1..).unwrap_or_default();
        }
    }
}

/// The properties of each character in the search for samples.
static CHARACTERS: [Character; 256] = {
    let mut characters = [Character::of(0); 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        byte += 1;
        characters[byte as usize] = Character::of(byte);
    }
    characters
};

#[derive(Clone, Copy)]
struct Character {
    lower: u8,
    /// True for letters and digits.
    is_plain: bool,
    /// True if the text may have to be decoded.
    is_escape: bool,
}

impl Character {
    const fn of(byte: u8) -> Self {
        Self {
            lower: byte.to_ascii_lowercase(),
            is_plain: byte.is_ascii_alphanumeric(),
            is_escape: !byte.is_ascii() || matches!(byte, b'%' | b'=' | b'\\' | b'&'),
        }
    }
}

/// A collection of the forms in which a token is searched for.
trait Forms {
    /// Adds the characters of a form, whose runs of this length are searched for.
    fn add(&mut self, form: &[u8], run: usize);
}

/// Adds the letters and digits of a secret in every form in which they are searched for.
#[inline(never)]
fn add_plain_forms(secret: &[u8], forms: &mut impl Forms) {
    let run = if secret.len() < LENGTH_MIN {
        RUN_MAX
    } else {
        RUN
    };
    let mut form = Vec::with_capacity(2 * secret.len());
    add_plain_characters(secret, &mut form);
    forms.add(&form, run);
    form.reverse();
    forms.add(&form, run);
    // Each character has two hexadecimal digits.
    form.resize(2 * secret.len(), 0);
    for (digits, byte) in form.chunks_exact_mut(2).zip(secret) {
        digits.copy_from_slice(&hexadecimal(*byte));
    }
    forms.add(&form, RUN_MAX);
    // The base64 form of the same bytes depends on the number of bytes before them.
    let mut bytes = vec![0; 2 + secret.len()];
    bytes[2..].copy_from_slice(secret);
    let mut encoded = vec![0; bytes.len().div_ceil(3) * 4];
    for before in 0..3 {
        let length = STANDARD_NO_PAD
            .encode_slice(&bytes[2 - before..], &mut encoded)
            .expect("three bytes become four characters");
        // The characters that also depend on neighbouring bytes are left out.
        let whole = encoded[..length].get(before * 2..).unwrap_or_default();
        form.clear();
        add_plain_characters(&whole[..whole.len().saturating_sub(2)], &mut form);
        forms.add(&form, run);
    }
}

/// Adds all characters of a secret in the forms in which they are searched for.
#[inline(never)]
fn add_exact_forms(secret: &[u8], forms: &mut impl Forms) {
    let mut form = secret.to_ascii_lowercase();
    forms.add(&form, RUN);
    form.reverse();
    forms.add(&form, RUN);
}

impl Redactor {
    /// Creates a redactor of this token.
    #[must_use]
    pub fn new(token: &Token) -> Self {
        let secret = token.expose();
        let mut redactor = Self {
            runs: PlainRuns::default(),
            exact: RunSet::default(),
        };
        if secret.len() >= LENGTH_MIN {
            add_exact_forms(secret, &mut redactor.exact);
        }
        add_plain_forms(secret, &mut redactor.runs);
        wipe_stack::<ENCODING_STACK>();
        redactor
    }

    /// Returns the text without the parts that repeat the token.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.replace_runs(text) {
            None => Cow::Borrowed(text),
            // The removed part may have separated the pieces of another run.
            Some(shown) if self.repeats(&shown) => Cow::Owned(REMOVED.to_owned()),
            Some(shown) => Cow::Owned(shown),
        }
    }

    /// Returns the text with each run of the token replaced, or `None` if it has none.
    fn replace_runs(&self, text: &str) -> Option<String> {
        let mut removed = vec![false; text.len()];
        let mut units: Vec<_> = text
            .char_indices()
            .map(|(start, character)| Unit {
                character,
                start,
                end: start + character.len_utf8(),
            })
            .collect();
        for _ in 0..PASSES_MAX {
            self.mark(&units, &mut removed);
            let decoded = decode(&units);
            if decoded.len() == units.len() {
                break;
            }
            units = decoded;
        }
        if !removed.contains(&true) {
            return None;
        }
        let mut shown = String::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            if !removed[at] {
                shown.push(character);
            } else if at == 0 || !removed[at - 1] {
                shown.push_str(REMOVED);
            }
        }
        Some(shown)
    }

    /// Returns the body without the parts that repeat the token; JSON stays JSON.
    pub(super) fn body(&self, body: Vec<u8>) -> Vec<u8> {
        let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
            let text = String::from_utf8_lossy(&body);
            return match self.text(&text) {
                Cow::Borrowed(_) => body,
                Cow::Owned(text) => text.into_bytes(),
            };
        };
        let is_changed = self.value(&mut json);
        let written = serde_json::to_vec(&json).unwrap_or_default();
        // The pieces of a token may be spread over many values.
        if self.repeats(&String::from_utf8_lossy(&written)) {
            return REMOVED.into();
        }
        // Reading JSON loses what it repeats, such as the first of two fields of one name.
        if is_changed || self.repeats(&String::from_utf8_lossy(&body)) {
            written
        } else {
            body
        }
    }

    /// Returns true if the text repeats a part of the token.
    fn repeats(&self, text: &str) -> bool {
        self.replace_runs(text).is_some()
    }

    /// Removes the token from all texts of a value; returns true if it contained a repetition.
    fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => {
                let repeats = self.repeats(&number.to_string());
                if repeats {
                    *value = Value::Null;
                }
                repeats
            }
            Value::String(text) => {
                let Cow::Owned(redacted) = self.text(text) else {
                    return false;
                };
                *text = redacted;
                true
            }
            Value::Array(values) => values
                .iter_mut()
                .fold(false, |is_changed, value| self.value(value) | is_changed),
            Value::Object(fields) => {
                let names: Vec<_> = fields
                    .keys()
                    .filter(|name| self.repeats(name))
                    .cloned()
                    .collect();
                for name in &names {
                    fields.remove(name);
                }
                fields
                    .values_mut()
                    .fold(!names.is_empty(), |is_changed, value| {
                        self.value(value) | is_changed
                    })
            }
        }
    }

    /// Marks the bytes of the text that repeat a form of the token.
    fn mark(&self, units: &[Unit], removed: &mut [bool]) {
        let (characters, kept): (Vec<u8>, Vec<Unit>) = units
            .iter()
            .filter_map(|unit| Some((plain_character(unit.character)?, *unit)))
            .unzip();
        let whole: Vec<u8> = units
            .iter()
            .map(|unit| narrow_byte(unit.character))
            .collect();
        let mut mark = |characters: &[u8], units: &[Unit], length: usize, known: &RunSet| {
            for (at, run) in Runs::of(characters, length) {
                if known.contains(run) {
                    removed[units[at].start..units[at + length - 1].end].fill(true);
                }
            }
        };
        for (length, known) in &self.runs.0 {
            mark(&characters, &kept, *length, known);
        }
        mark(&whole, units, RUN, &self.exact);
    }
}

/// A character of a text as a reader would decode it, and its position in the text.
#[derive(Clone, Copy)]
struct Unit {
    character: char,
    start: usize,
    end: usize,
}

/// The runs of letters and digits, by length.
#[derive(Default)]
struct PlainRuns(Vec<(usize, RunSet)>);

impl Forms for PlainRuns {
    /// Adds all runs of this length, or the whole form if it is shorter.
    fn add(&mut self, form: &[u8], run: usize) {
        let length = run.min(form.len());
        if length >= RUN {
            let known = self.0.iter().position(|(known, _)| *known == length);
            let place = known.unwrap_or_else(|| {
                self.0.push((length, RunSet::default()));
                self.0.len() - 1
            });
            let set = &mut self.0[place].1;
            Runs::of(form, length).for_each(|(_, run)| set.insert(run));
        }
    }
}

impl Forms for RunSet {
    /// Adds the runs that hold other characters than letters and digits.
    fn add(&mut self, form: &[u8], run: usize) {
        let runs = Runs::of(form, run)
            .filter(|&(at, _)| !form[at..at + run].iter().all(u8::is_ascii_alphanumeric));
        runs.for_each(|(_, run)| self.insert(run));
    }
}

/// A set of runs of the token.
#[derive(Default)]
struct RunSet {
    runs: Vec<u128>,
    /// A bit for each hash of a run.
    filter: Vec<u64>,
}

impl RunSet {
    /// The number of bits of a hash.
    const HASH_BITS: u32 = 14;

    fn insert(&mut self, run: u128) {
        let (word, bit) = Self::place(run);
        self.filter.resize(1 << (Self::HASH_BITS - 6), 0);
        self.filter[word] |= bit;
        self.runs.push(run);
    }

    fn contains(&self, run: u128) -> bool {
        let (word, bit) = Self::place(run);
        self.filter.get(word).is_some_and(|bits| bits & bit != 0) && self.runs.contains(&run)
    }

    /// Returns the word of the filter and the bit in it.
    fn place(run: u128) -> (usize, u64) {
        // The golden ratio of 2^128: neighbouring runs differ in the highest bits.
        let hash =
            run.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> (128 - Self::HASH_BITS);
        (
            usize::try_from(hash >> 6).unwrap_or_default(),
            1 << (hash & 63),
        )
    }
}

/// An iterator over all runs of one length: the position of each, and the run as a number.
struct Runs<'a> {
    characters: &'a [u8],
    length: usize,
    end: usize,
    run: u128,
}

impl<'a> Runs<'a> {
    fn of(characters: &'a [u8], length: usize) -> Self {
        debug_assert!((1..=RUN_MAX).contains(&length));
        Self {
            characters,
            length,
            end: 0,
            run: 0,
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = (usize, u128);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.run = self.run << 8 | u128::from(*self.characters.get(self.end)?);
            self.end += 1;
            if self.end >= self.length {
                let unused = 8 * (RUN_MAX - self.length);
                return Some((self.end - self.length, self.run << unused >> unused));
            }
        }
    }
}

/// Decodes the escapes of JSON, URLs, HTML, C and quoted-printable: `%41`, `=41`, `\x41`, `\u0041`,
/// `\u{41}`, `\101`, `0x41`, `&#65;`, `&#x41;`.
fn decode(units: &[Unit]) -> Vec<Unit> {
    let mut decoded = Vec::with_capacity(units.len());
    let mut rest = units;
    while let [first, ..] = rest {
        let (character, length) = escape(rest).unwrap_or((first.character, 1));
        decoded.push(Unit {
            character,
            start: first.start,
            end: rest[length - 1].end,
        });
        rest = &rest[length..];
    }
    decoded
}

/// Returns the character of an escape at the beginning, and the length of the escape.
fn escape(units: &[Unit]) -> Option<(char, usize)> {
    let at = |position: usize| units.get(position).map(|unit| unit.character);
    match (at(0)?, at(1)?) {
        ('%', 'u') | ('\\', 'u' | 'U') if at(2) != Some('{') => number(units, 2, 16, 4, 4),
        ('\\', 'u') => enclosed(units, 3, 16, '}'),
        ('%' | '=', _) => number(units, 1, 16, 2, 2),
        ('\\', 'x') | ('0', 'x' | 'X') => number(units, 2, 16, 2, 2),
        ('\\', '0'..='7') => number(units, 1, 8, 1, 3),
        ('&', '#') if matches!(at(2), Some('x' | 'X')) => enclosed(units, 3, 16, ';'),
        ('&', '#') => enclosed(units, 2, 10, ';'),
        _ => None,
    }
}

/// Parses a number of `digits_min` to `digits_max` digits.
fn number(
    units: &[Unit],
    start: usize,
    radix: u32,
    digits_min: usize,
    digits_max: usize,
) -> Option<(char, usize)> {
    let digits = units.iter().skip(start).take(digits_max);
    let digits: Vec<_> = digits
        .map_while(|unit| unit.character.to_digit(radix))
        .collect();
    if digits.len() < digits_min {
        return None;
    }
    let number = digits
        .iter()
        .fold(0_u32, |number, digit| number.wrapping_mul(radix) + digit);
    Some((char::from_u32(number)?, start + digits.len()))
}

/// Parses a number that ends with this character.
fn enclosed(units: &[Unit], start: usize, radix: u32, end: char) -> Option<(char, usize)> {
    let (character, length) = number(units, start, radix, 1, 7)?;
    let is_closed = units.get(length).is_some_and(|unit| unit.character == end);
    Some((character, if is_closed { length + 1 } else { length }))
}

/// Returns a letter or digit in lower case, also for its full-width form of East Asian fonts.
fn plain_character(character: char) -> Option<u8> {
    let byte = narrow_byte(character);
    byte.is_ascii_alphanumeric().then_some(byte)
}

/// Returns the ASCII character in lower case that this character stands for, 0 if there is none.
fn narrow_byte(character: char) -> u8 {
    let code = match character {
        '\u{ff01}'..='\u{ff5e}' => u32::from(character) - 0xfee0,
        narrow => u32::from(narrow),
    };
    match u8::try_from(code) {
        Ok(byte) if byte.is_ascii() => byte.to_ascii_lowercase(),
        Ok(_) | Err(_) => 0,
    }
}

/// Adds the letters and digits in lower case.
fn add_plain_characters(bytes: &[u8], form: &mut Vec<u8>) {
    let mut length = form.len();
    form.resize(length + bytes.len(), 0);
    for byte in bytes {
        let character = CHARACTERS[usize::from(*byte)];
        form[length] = character.lower;
        // The next character takes the place of one that is left out.
        length += usize::from(character.is_plain);
    }
    form.truncate(length);
}

fn hexadecimal(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 0xf)],
    ]
}

#[cfg(test)]
mod tests;
