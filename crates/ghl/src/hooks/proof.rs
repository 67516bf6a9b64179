//! Who sent it: signatures over the bytes as they came.
//!
//! `X-GHL-Signature` is Ed25519; GHL publishes its key, which is the default here. `x-wh-signature` is the older one,
//! RSA with SHA-256 (PKCS#1 v1.5), which GHL phases out in 2026: it is believed only where its key was configured.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// The key that GHL publishes in its guide to web hook authentication, for `X-GHL-Signature`.
const PUBLISHED: &str = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=";
/// An Ed25519 key as DER begins with these bytes; its 32 bytes follow (RFC 8410).
const ED25519_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// What GHL writes where it did not sign.
const NOT_SIGNED: &str = "N/A";

/// The signatures of a delivery, as its headers had them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signatures<'a> {
    /// `X-GHL-Signature`.
    pub ed25519: Option<&'a str>,
    /// `x-wh-signature`.
    pub rsa: Option<&'a str>,
}

/// What the signatures prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It was signed with one of the keys.
    Signed,
    /// It bears no signature.
    Unsigned,
    /// It bears one that is none of ours.
    Wrong,
    /// It bears an `x-wh-signature` alone, and no key for it is configured.
    NoKey,
}

/// The public keys that signatures are checked with.
#[derive(Clone, Debug)]
pub struct Keys {
    ed25519: Vec<Vec<u8>>,
    rsa: Vec<Vec<u8>>,
}

/// A text that is no public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no {0} public key; paste the whole text from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----"
)]
pub struct KeyError(&'static str);

impl Keys {
    /// From PEM, several blocks where a key is being changed, or one key in base64. Without an Ed25519 key the published
    /// one is taken; without an RSA key none.
    pub fn parse(ed25519: Option<&str>, rsa: Option<&str>) -> Result<Self, KeyError> {
        let ed25519 = blocks(ed25519.unwrap_or(PUBLISHED)).map(|der| {
            let key = der.as_deref().and_then(|der| der.strip_prefix(&ED25519_HEAD));
            key.filter(|key| key.len() == 32)
                .map(<[u8]>::to_vec)
                .ok_or(KeyError("Ed25519"))
        });
        let rsa = blocks(rsa.unwrap_or_default()).map(|der| {
            let key = der.as_deref().and_then(rsa_key);
            key.map(<[u8]>::to_vec).ok_or(KeyError("RSA"))
        });
        let keys = Self {
            ed25519: ed25519.collect::<Result<_, _>>()?,
            rsa: rsa.collect::<Result<_, _>>()?,
        };
        if keys.ed25519.is_empty() {
            return Err(KeyError("Ed25519"));
        }
        Ok(keys)
    }

    /// What `signatures` prove of `body`. The newer one decides where there are both.
    pub fn proof(&self, signatures: Signatures<'_>, body: &[u8]) -> Proof {
        if let Some(signature) = present(signatures.ed25519) {
            return is_signed(signature, |signature| {
                let check = |key| {
                    UnparsedPublicKey::new(&ED25519, key)
                        .verify(body, signature)
                        .is_ok()
                };
                self.ed25519.iter().any(check)
            });
        }
        match present(signatures.rsa) {
            None => Proof::Unsigned,
            Some(_) if self.rsa.is_empty() => Proof::NoKey,
            Some(signature) => is_signed(signature, |signature| {
                let check = |key| {
                    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                        .verify(body, signature)
                        .is_ok()
                };
                self.rsa.iter().any(check)
            }),
        }
    }
}

/// A header's value, where it says something.
fn present(value: Option<&str>) -> Option<&str> {
    value
        .map(str::trim)
        .filter(|value| !value.is_empty() && !value.eq_ignore_ascii_case(NOT_SIGNED))
}

fn is_signed(signature: &str, check: impl Fn(&[u8]) -> bool) -> Proof {
    match STANDARD.decode(signature) {
        Ok(signature) if check(&signature) => Proof::Signed,
        _ => Proof::Wrong,
    }
}

/// The DER of each PEM block, or of one text of base64; `None` for what is neither.
fn blocks(text: &str) -> impl Iterator<Item = Option<Vec<u8>>> {
    let inner = text
        .split("-----")
        .map(|part| part.split_whitespace().collect::<String>())
        .filter(|part| !part.is_empty() && !part.ends_with("PUBLICKEY"));
    inner.map(|base64| STANDARD.decode(base64).ok())
}

/// The `RSAPublicKey` inside a `SubjectPublicKeyInfo` (RFC 5280, RFC 8017), which is the form that ring takes.
fn rsa_key(der: &[u8]) -> Option<&[u8]> {
    let (outer, _) = element(der, 0x30)?;
    let (_algorithm, rest) = element(outer, 0x30)?;
    let (bits, _) = element(rest, 0x03)?;
    let key = bits.strip_prefix(&[0])?;
    element(key, 0x30).map(|_| key)
}

/// The content of the DER element with this tag at the start of `der`, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        let bytes = rest.get(..count).filter(|_| count <= 4)?;
        let length = bytes
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        (length, &rest[count..])
    };
    rest.split_at_checked(length)
}
