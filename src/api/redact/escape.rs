//! Decodes the escapes of texts: those of JSON, URLs, HTML, C and quoted-printable.

/// A character of a text as a reader would decode it, and its position in the text.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    pub(super) character: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Decodes escapes: `%41`, `=41`, `\x41`, `\u0041`, `\u{41}`, `\101`, `0x41`, `&#65;`, `&#x41;`.
pub(super) fn decode(units: &[Unit]) -> Vec<Unit> {
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
