//! The secret in a raw form body, percent-encoded or not.

use super::{FIELD, MASK, Spelled};
use crate::escape::unit;

pub(super) fn mask(raw: &[u8], needles: &[Vec<u8>], out: &mut Vec<u8>) {
    let mut spelled = Spelled::default();
    let mut start = 0;
    while start <= raw.len() {
        let end = memchr::memchr(b'&', &raw[start..]).map_or(raw.len(), |length| start + length);
        if let Some(value) = secret_value(&raw[start..end]) {
            out.extend_from_slice(&raw[start..start + value]);
            out.extend_from_slice(MASK.as_bytes());
        } else if needles.is_empty() {
            out.extend_from_slice(&raw[start..end]);
        } else {
            spell(raw, start, end, &mut spelled);
            spelled.write_masked(raw, start, end, needles, out);
        }
        if end < raw.len() {
            out.push(b'&');
        }
        start = end + 1;
    }
}

/// Key and value together: a secret that spans the `=` is none.
fn spell(raw: &[u8], start: usize, end: usize, spelled: &mut Spelled) {
    spelled.clear();
    let mut at = start;
    while let Some((byte, length)) = unit(&raw[..end], at) {
        spelled.push(byte, at);
        at += length;
    }
}

/// Where the value begins in the pair of the secret's field.
fn secret_value(pair: &[u8]) -> Option<usize> {
    if !matches!(pair.first(), Some(b't' | b'%')) {
        return None;
    }
    let equals = memchr::memchr(b'=', pair)?;
    is_secret_field(&pair[..equals]).then_some(equals + 1)
}

fn is_secret_field(key: &[u8]) -> bool {
    let mut at = 0;
    let decoded = std::iter::from_fn(|| {
        let (byte, length) = unit(key, at)?;
        at += length;
        Some(byte)
    });
    key.len() >= FIELD.len() && decoded.eq(FIELD.bytes())
}
