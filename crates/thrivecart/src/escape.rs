//! Percent-encoding as PHP reads it: `+` is a space, a `%` without two hex digits is itself.

/// The byte that `raw` spells at `at`, and how many bytes the spelling has.
#[inline]
pub(crate) fn unit(raw: &[u8], at: usize) -> Option<(u8, usize)> {
    let byte = *raw.get(at)?;
    let spelled = match byte {
        b'+' => (b' ', 1),
        b'%' => match (
            raw.get(at + 1).copied().and_then(hex),
            raw.get(at + 2).copied().and_then(hex),
        ) {
            (Some(high), Some(low)) => (high << 4 | low, 3),
            _ => (b'%', 1),
        },
        _ => (byte, 1),
    };
    Some(spelled)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Appends what `raw` spells. Plain stretches, which most values are, are copied whole.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(length) = memchr::memchr2(b'%', b'+', &raw[at..]) {
        out.extend_from_slice(&raw[at..at + length]);
        at += length;
        if let Some((byte, length)) = unit(raw, at) {
            out.push(byte);
            at += length;
        }
    }
    out.extend_from_slice(&raw[at..]);
}
