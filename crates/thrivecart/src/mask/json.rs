//! The secret in a raw JSON body: its field's token, and inside other strings.

use std::ops::Range;

use super::{FIELD, MASK, Spelled};

/// The body is known to be JSON, so a walk over its tokens is enough.
pub(super) fn mask(raw: &[u8], needles: &[Vec<u8>], out: &mut Vec<u8>) {
    let mut spelled = Spelled::default();
    let (mut at, mut depth) = (0_usize, 0_usize);
    let mut in_secret = false; // the value of the secret's field is next
    while let Some(byte) = raw.get(at).copied() {
        let end = match byte {
            b'"' => spell_string(raw, at, &mut spelled),
            b'-' | b'0'..=b'9' | b'a'..=b'z' => spell_word(raw, at, &mut spelled),
            _ => {
                match byte {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                in_secret &= byte == b':' || byte.is_ascii_whitespace();
                out.push(byte);
                at += 1;
                continue;
            }
        };
        if in_secret && depth == 1 {
            out.push(b'"');
            out.extend_from_slice(MASK.as_bytes());
            out.push(b'"');
        } else {
            write_token(&mut spelled, raw, at..end, needles, out);
        }
        let is_field = byte == b'"' && depth == 1 && spelled.text == FIELD.as_bytes();
        in_secret = is_field && !in_secret && is_key(raw, end);
        at = end;
    }
}

/// Writes a string with the needles in it masked; a number that holds one becomes a string.
fn write_token(
    spelled: &mut Spelled,
    raw: &[u8],
    token: Range<usize>,
    needles: &[Vec<u8>],
    out: &mut Vec<u8>,
) {
    let is_string = raw[token.start] == b'"';
    let needs_quotes = !is_string
        && needles
            .iter()
            .any(|needle| memchr::memmem::find(&spelled.text, needle).is_some());
    let quotes = if needs_quotes { &b"\""[..] } else { &[] };
    let closing = usize::from(is_string);
    out.extend_from_slice(quotes);
    spelled.write_masked(raw, token.start, token.end - closing, needles, out);
    out.extend_from_slice(&raw[token.end - closing..token.end]);
    out.extend_from_slice(quotes);
}

fn spell_word(raw: &[u8], start: usize, spelled: &mut Spelled) -> usize {
    spelled.clear();
    let word = raw[start..].iter().take_while(|byte| is_word(**byte));
    word.enumerate()
        .for_each(|(at, byte)| spelled.push(*byte, start + at));
    start + spelled.text.len()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

fn is_key(raw: &[u8], end: usize) -> bool {
    raw[end..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// Decodes the string token that begins at `start`; gives the offset behind its closing quote.
fn spell_string(raw: &[u8], start: usize, spelled: &mut Spelled) -> usize {
    spelled.clear();
    let mut at = start + 1;
    while let Some(byte) = raw.get(at).copied() {
        match byte {
            b'"' => return at + 1,
            b'\\' => {
                let (text, length) = escaped(&raw[at..]);
                let mut buffer = [0; 4];
                for byte in text.encode_utf8(&mut buffer).bytes() {
                    spelled.push(byte, at);
                }
                at += length;
            }
            _ => {
                spelled.push(byte, at);
                at += 1;
            }
        }
    }
    raw.len()
}

/// The character of an escape and the length of its spelling. Halves of a surrogate pair do not matter here.
fn escaped(raw: &[u8]) -> (char, usize) {
    match raw.get(1) {
        Some(b'u') => {
            let digits = raw.get(2..6).and_then(|digits| std::str::from_utf8(digits).ok());
            let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let character = code
                .and_then(char::from_u32)
                .unwrap_or(char::REPLACEMENT_CHARACTER);
            (character, 6.min(raw.len()))
        }
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(other) => (char::from(*other), 2),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}
