//! Sealing what is kept but must not be read from the database: XChaCha20-Poly1305 under the master key, bound to the
//! column and the row it stands in. A sealed value begins with the id of its key, so that one can tell which key is
//! wanted; `rotate` seals everything anew under another key.

use cartlane_store::{Db, Error, meta, oauth, quarantine, secrets};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
/// Where the database keeps a value that is sealed with its master key.
const CHECK: &str = "master_key_check";
const CHECK_TEXT: &[u8] = b"cartlane";

/// A column that holds sealed values, as `table.column`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column(&'static str);

/// Deliveries that were refused.
pub(crate) const QUARANTINE: Column = Column("quarantine.sealed");
/// Tokens that came by OAuth.
pub(crate) const OAUTH_TOKENS: Column = Column("oauth_tokens.sealed");
/// The secrets of connections.
pub(crate) const CONNECTION_SECRETS: Column = Column("connection_secrets.sealed");
const META: Column = Column("meta.value");

/// Seals and opens with the master key.
#[derive(Clone)]
pub(crate) struct Vault {
    key_id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
}

/// A sealed value does not open: another master key, another place, or damage.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// It was sealed under another key.
    #[error(
        "what is stored was sealed with the master key {sealed_with}, and this server has {key}; start with that key"
    )]
    OtherKey {
        /// Id of the key that it was sealed with.
        sealed_with: String,
        /// Id of the key that is there.
        key: String,
    },
    /// It is not what was sealed for this place.
    #[error(
        "what is stored is damaged or stands in a place that it was not sealed for; restore it from a backup"
    )]
    Damaged,
}

impl Vault {
    pub fn new(master_key: &[u8; 32]) -> Self {
        let digest = Sha256::new()
            .chain_update(b"cartlane key id")
            .chain_update(master_key)
            .finalize();
        let mut key_id = [0; KEY_ID_BYTES];
        key_id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self {
            key_id,
            cipher: XChaCha20Poly1305::new(master_key.into()),
        }
    }

    /// Key id, nonce and ciphertext of `plain`, to stand in `column` of `row`.
    pub fn seal(&self, column: Column, row: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload {
            msg: plain,
            aad: &place(column, row),
        };
        // Encryption fails only for texts of more than 256 GiB.
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .unwrap_or_default();
        [self.key_id.as_slice(), &nonce, &sealed].concat()
    }

    /// What was sealed to stand in `column` of `row`.
    pub fn open(&self, column: Column, row: &str, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (key_id, rest) = sealed
            .split_first_chunk::<KEY_ID_BYTES>()
            .ok_or(Unopened::Damaged)?;
        if *key_id != self.key_id {
            return Err(Unopened::OtherKey {
                sealed_with: hex::encode(key_id),
                key: hex::encode(self.key_id),
            });
        }
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Unopened::Damaged)?;
        let payload = Payload {
            msg: text,
            aad: &place(column, row),
        };
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        opened.map_err(|_| Unopened::Damaged)
    }

    fn check(&self) -> String {
        hex::encode(self.seal(META, CHECK, CHECK_TEXT))
    }

    fn checks(&self, kept: &str) -> bool {
        let sealed = hex::decode(kept).unwrap_or_default();
        self.open(META, CHECK, &sealed).is_ok()
    }

    /// Whether the database is used with this master key; the first key that comes is.
    pub async fn is_of(&self, db: &Db) -> Result<bool, Error> {
        let mine = self.check();
        let kept = db.write(move |tx| meta::keep_first(tx, CHECK, &mine)).await?;
        Ok(self.checks(&kept))
    }
}

fn place(column: Column, row: &str) -> Vec<u8> {
    format!("{}/{row}", column.0).into_bytes()
}

/// Lets the database be used with this master key from now on, and with no other. What was sealed before cannot be
/// opened any more.
pub async fn replace_master_key(db: &Db, master_key: &[u8; 32]) -> Result<(), Error> {
    let mine = Vault::new(master_key).check();
    db.write(move |tx| meta::replace(tx, CHECK, &mine)).await
}

/// Whether the database is used with this master key. One that no server has used yet belongs to none.
pub async fn belongs_to(db: &Db, master_key: &[u8; 32]) -> Result<bool, Error> {
    let kept = db.read(|tx| meta::get(tx, CHECK)).await?;
    Ok(kept.is_some_and(|kept| Vault::new(master_key).checks(&kept)))
}

/// What a rotation of the master key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Values that are sealed with the new key now.
    pub sealed: usize,
    /// Values that the old key does not open, because they were sealed with a key that was given up before. They are
    /// left as they are.
    pub unopened: usize,
}

impl Rotated {
    fn count(&mut self, is_sealed: bool) {
        if is_sealed {
            self.sealed += 1;
        } else {
            self.unopened += 1;
        }
    }
}

/// Seals everything that the database keeps under `old` under `new`, in one transaction: before it ends only `old`
/// opens what is there, after it only `new`. All servers on the database must be stopped.
///
/// # Errors
/// `None` where the database is not used with `old`.
pub async fn rotate_master_key(db: &Db, old: &[u8; 32], new: &[u8; 32]) -> Result<Option<Rotated>, Error> {
    let (old, new) = (Vault::new(old), Vault::new(new));
    db.write(move |tx| {
        let kept = meta::get(tx, CHECK)?;
        if !kept.is_some_and(|kept| old.checks(&kept)) {
            return Ok(None);
        }
        let mut rotated = Rotated {
            sealed: 0,
            unopened: 0,
        };
        for id in quarantine::ids(tx)? {
            // one delivery at a time, since each may be as large as a body may be
            let sealed = quarantine::get(tx, id)?.map(|aside| aside.sealed);
            let moved = sealed.and_then(|sealed| moved(QUARANTINE, &id.to_string(), &sealed, &old, &new));
            rotated.count(moved.is_some());
            if let Some(sealed) = moved {
                quarantine::reseal(tx, id, &sealed)?;
            }
        }
        for id in oauth::connections(tx)? {
            let sealed = oauth::get(tx, id)?.map(|pair| pair.sealed);
            let moved = sealed.and_then(|sealed| moved(OAUTH_TOKENS, &id.to_string(), &sealed, &old, &new));
            rotated.count(moved.is_some());
            if let Some(sealed) = moved {
                oauth::reseal(tx, id, &sealed)?;
            }
        }
        for id in secrets::connections(tx)? {
            let sealed = secrets::get(tx, id)?;
            let moved =
                sealed.and_then(|sealed| moved(CONNECTION_SECRETS, &id.to_string(), &sealed, &old, &new));
            rotated.count(moved.is_some());
            if let Some(sealed) = moved {
                secrets::put(tx, id, &sealed)?;
            }
        }
        meta::replace(tx, CHECK, &new.check())?;
        Ok::<_, Error>(Some(rotated))
    })
    .await
}

/// What `sealed` becomes under the new key; `None` where the old one does not open it.
fn moved(column: Column, row: &str, sealed: &[u8], old: &Vault, new: &Vault) -> Option<Vec<u8>> {
    let plain = old.open(column, row, sealed).ok()?;
    Some(new.seal(column, row, &plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_in_its_place_with_its_key() {
        let vault = Vault::new(&[7; 32]);
        let sealed = vault.seal(QUARANTINE, "quar_1", b"a body");
        assert_eq!(
            vault.open(QUARANTINE, "quar_1", &sealed).ok().as_deref(),
            Some(b"a body".as_slice())
        );
        assert!(matches!(
            vault.open(QUARANTINE, "quar_2", &sealed),
            Err(Unopened::Damaged)
        ));
        assert!(matches!(
            vault.open(META, "quar_1", &sealed),
            Err(Unopened::Damaged)
        ));
        let other = Vault::new(&[8; 32]).open(QUARANTINE, "quar_1", &sealed);
        assert!(matches!(other, Err(Unopened::OtherKey { .. })));
        assert!(!sealed.windows(6).any(|window| window == b"a body"));
    }
}
