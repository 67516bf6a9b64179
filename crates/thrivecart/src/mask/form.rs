//! The secret in a raw form body, percent-encoded or not.

use super::{FIELD, MASK, Spelled};
use crate::escape::unit;

pub(super) fn mask(raw: &[u8], needles: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut spelled = Spelled::default();
    let mut start = 0;
    while start <= raw.len() {
        let end = memchr::memchr(b'&', &raw[start..]).map_or(raw.len(), |length| start + length);
        let equals = memchr::memchr(b'=', &raw[start..end]).map(|length| start + length);
        if let Some(equals) = equals.filter(|equals| is_secret_field(&raw[start..*equals])) {
            out.extend_from_slice(&raw[start..=equals]);
            out.extend_from_slice(MASK.as_bytes());
        } else if needles.is_empty() {
            out.extend_from_slice(&raw[start..end]);
        } else {
            spell(raw, start, end, &mut spelled);
            spelled.write_masked(raw, start, end, needles, &mut out);
        }
        if end < raw.len() {
            out.push(b'&');
        }
        start = end + 1;
    }
    out
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

fn is_secret_field(key: &[u8]) -> bool {
    let key = key.strip_prefix(b"\xef\xbb\xbf").unwrap_or(key); // a body may begin with a byte order mark
    let mut at = 0;
    let decoded = std::iter::from_fn(|| {
        let (byte, length) = unit(key, at)?;
        at += length;
        Some(byte)
    });
    key.len() >= FIELD.len() && decoded.eq(FIELD.bytes())
}
