//! Sealing what is kept but must not be read from the database: XChaCha20-Poly1305 under the master key, bound to the
//! row it stands in.

use cartlane_store::{Db, Error, meta};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

const NONCE_BYTES: usize = 24;
/// Where the database keeps a value that is sealed with the master key of the first node that opened it.
const CHECK: &str = "master_key_check";
const CHECK_TEXT: &[u8] = b"cartlane";

/// Seals and opens with the master key.
pub(crate) struct Vault(XChaCha20Poly1305);

/// A sealed value does not open: another master key, another row, or damage.
#[derive(Debug, thiserror::Error)]
#[error(
    "what is stored cannot be opened with this master key; start with the key that was in use when it was stored"
)]
pub struct Unopened;

impl Vault {
    pub fn new(master_key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(master_key.into()))
    }

    /// Nonce and ciphertext of `plain`, to stand in `row`.
    pub fn seal(&self, row: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload {
            msg: plain,
            aad: row.as_bytes(),
        };
        // Encryption fails only for texts of more than 256 GiB.
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// What was sealed to stand in `row`.
    pub fn open(&self, row: &str, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unopened)?;
        let payload = Payload {
            msg: text,
            aad: row.as_bytes(),
        };
        self.0
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| Unopened)
    }
}

impl Vault {
    /// Whether the database is used with this master key; the first key that comes is.
    pub async fn is_of(&self, db: &Db) -> Result<bool, Error> {
        let mine = hex::encode(self.seal(CHECK, CHECK_TEXT));
        let kept = db.write(move |tx| meta::keep_first(tx, CHECK, &mine)).await?;
        let sealed = hex::decode(kept).unwrap_or_default();
        Ok(self.open(CHECK, &sealed).is_ok())
    }
}

/// Lets the database be used with this master key from now on, and with no other. What was sealed before cannot be
/// opened any more.
pub async fn replace_master_key(db: &Db, master_key: &[u8; 32]) -> Result<(), Error> {
    let mine = hex::encode(Vault::new(master_key).seal(CHECK, CHECK_TEXT));
    db.write(move |tx| meta::replace(tx, CHECK, &mine)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_in_its_row_with_its_key() {
        let vault = Vault::new(&[7; 32]);
        let sealed = vault.seal("quar_1", b"a body");
        assert_eq!(
            vault.open("quar_1", &sealed).ok().as_deref(),
            Some(b"a body".as_slice())
        );
        assert!(vault.open("quar_2", &sealed).is_err());
        assert!(Vault::new(&[8; 32]).open("quar_1", &sealed).is_err());
        assert!(!sealed.windows(6).any(|window| window == b"a body"));
    }
}
