//! The secrets of connections: who holds which, and which are valid at a moment.
//!
//! The configuration names a secret (`token_env`) or the vault holds it, sealed in one row for each connection; never
//! both, so that nobody has to guess which one counts: where the configuration names one, it alone is read. While a
//! secret is changed, the one before stays valid for a while.

use std::collections::BTreeMap;
use std::fmt;

use cartlane_model::{ConnectionId, ExposeSecret, SecretString, UnixMs};
use cartlane_store::{Error, Tx, secrets as rows};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::vault::{CONNECTION_SECRETS, Unopened, Vault};

/// Letters and digits of a generated hook key: 32 of 62, about 190 bits.
const HOOK_KEY_LENGTH: usize = 32;

/// The secrets that connections have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretName {
    /// `ThriveCart`'s secret word, which its web hooks carry.
    Secret,
    /// The secret part of a web hook's address. Made by itself when nobody gives one.
    HookKey,
    /// GHL's private integration token.
    Token,
    /// The client secret of a marketplace app.
    ClientSecret,
    /// `ThriveCart`'s API key.
    ApiKey,
    /// The address of Slack's incoming web hook.
    Url,
    /// The password that a mail server asks for.
    Password,
}

impl SecretName {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Secret,
        Self::HookKey,
        Self::Token,
        Self::ClientSecret,
        Self::ApiKey,
        Self::Url,
        Self::Password,
    ];

    /// As the configuration writes it, before `_env` or `_file`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::HookKey => "hook_key",
            Self::Token => "token",
            Self::ClientSecret => "client_secret",
            Self::ApiKey => "api_key",
            Self::Url => "url",
            Self::Password => "password",
        }
    }

    /// Where a person finds it.
    pub(crate) fn whence(self) -> &'static str {
        match self {
            Self::Secret => "ThriveCart: Settings > API & Webhooks > ThriveCart order validation",
            Self::HookKey => "at least 20 letters, digits, - or _",
            Self::Token => "GoHighLevel: Settings > Private Integrations",
            Self::ClientSecret => "GoHighLevel's marketplace: My Apps > your app > Advanced Settings > Auth",
            Self::ApiKey => "ThriveCart: Settings > API & Webhooks > API tokens",
            Self::Url => "Slack: your app > Incoming Webhooks",
            Self::Password => "your mail provider",
        }
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A secret, and until when it is valid; `None` for the present one.
#[derive(Clone, Debug)]
pub(crate) struct Valid {
    pub secret: SecretString,
    pub until: Option<UnixMs>,
}

impl Valid {
    pub fn at(&self, now: UnixMs) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The secrets of one connection, each with the one before where that is still valid: the present one first.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<SecretName, Vec<Valid>>);

impl Secrets {
    /// With this one, too; a second one of the same name is the one before, valid as long as it is named.
    #[must_use]
    pub fn with(mut self, name: SecretName, secret: impl Into<SecretString>) -> Self {
        let secret = secret.into();
        self.0
            .entry(name)
            .or_default()
            .push(Valid { secret, until: None });
        self
    }

    /// Whether there is one.
    pub fn has(&self, name: SecretName) -> bool {
        self.0.contains_key(&name)
    }

    pub(crate) fn all(&self, name: SecretName) -> &[Valid] {
        self.0.get(&name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn first(&self, name: SecretName) -> Option<&SecretString> {
        self.all(name).first().map(|valid| &valid.secret)
    }

    /// Those of `self`, and of `others` what `self` has not.
    fn over(mut self, others: Self) -> Self {
        for (name, valid) in others.0 {
            self.0.entry(name).or_insert(valid);
        }
        self
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = SecretName> {
        self.0.keys().copied()
    }
}

/// What the vault holds of one connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Held {
    secrets: BTreeMap<SecretName, HeldSecret>,
    /// When secrets that the configuration names were first seen, by their digest.
    #[serde(default)]
    seen: BTreeMap<SecretName, Seen>,
}

#[derive(Clone, Serialize, Deserialize)]
struct HeldSecret {
    value: String,
    since: UnixMs,
    former: Option<Former>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Former {
    value: String,
    since: UnixMs,
    until: UnixMs,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    digest: String,
    since: UnixMs,
}

impl fmt::Debug for HeldSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HeldSecret(since {})", self.since)
    }
}

impl Held {
    /// What is stored; nothing where there is no row.
    pub fn read(tx: &mut dyn Tx, vault: &Vault, id: ConnectionId) -> Result<Result<Self, Unopened>, Error> {
        let Some(sealed) = rows::get(tx, id)? else {
            return Ok(Ok(Self::default()));
        };
        let opened = vault.open(CONNECTION_SECRETS, &id.to_string(), &sealed);
        Ok(opened.and_then(|plain| serde_json::from_slice(&plain).map_err(|_| Unopened::Damaged)))
    }

    pub fn write(&self, tx: &mut dyn Tx, vault: &Vault, id: ConnectionId) -> Result<(), Error> {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        rows::put(tx, id, &vault.seal(CONNECTION_SECRETS, &id.to_string(), &plain))
    }

    /// Holds `value` from now on; the one before stays valid until then.
    pub fn put(&mut self, name: SecretName, value: &SecretString, now: UnixMs, former_until: Option<UnixMs>) {
        let value = value.expose_secret().to_owned();
        let before = self.secrets.get(&name).filter(|before| before.value != value);
        let former = before.zip(former_until).map(|(before, until)| Former {
            value: before.value.clone(),
            since: before.since,
            until,
        });
        let held = HeldSecret {
            value,
            since: now,
            former,
        };
        self.secrets.insert(name, held);
    }

    /// Makes the one before the present one again; the other stays valid until then. `false` where there is none.
    pub fn revert(&mut self, name: SecretName, now: UnixMs, until: UnixMs) -> bool {
        let Some(held) = self.secrets.get_mut(&name) else {
            return false;
        };
        let Some(former) = held.former.take_if(|former| now < former.until) else {
            return false;
        };
        held.former = Some(Former {
            value: std::mem::replace(&mut held.value, former.value),
            since: std::mem::replace(&mut held.since, former.since),
            until,
        });
        true
    }

    /// Ends the time of the one before. `false` where there is none.
    pub fn end_former(&mut self, name: SecretName) -> bool {
        let held = self.secrets.get_mut(&name);
        held.is_some_and(|held| held.former.take().is_some())
    }

    /// Until when the one before is valid; `None` where there is none.
    pub fn former_until(&self, name: SecretName) -> Option<UnixMs> {
        let former = self.secrets.get(&name)?.former.as_ref()?;
        Some(former.until)
    }

    /// Makes sure that there is a hook key. Whether one was made.
    pub fn make_hook_key(&mut self, now: UnixMs) -> bool {
        let is_missing = !self.secrets.contains_key(&SecretName::HookKey);
        if is_missing {
            self.put(SecretName::HookKey, &new_hook_key(), now, None);
        }
        is_missing
    }

    /// Notes which secrets the configuration names. Whether any is another than before.
    pub fn note(&mut self, given: &Secrets, now: UnixMs) -> bool {
        let mut is_changed = false;
        for name in given.names() {
            let Some(secret) = given.first(name) else { continue };
            let digest = digest_of(secret);
            if self.seen.get(&name).is_none_or(|seen| seen.digest != digest) {
                self.seen.insert(name, Seen { digest, since: now });
                is_changed = true;
            }
        }
        is_changed
    }

    /// Since when this secret is the present one, as far as is known: it was put here, or first seen in the
    /// configuration.
    pub fn since(&self, name: SecretName, present: &Secrets) -> Option<UnixMs> {
        let digest = digest_of(present.first(name)?);
        let seen = self.seen.get(&name).filter(|seen| seen.digest == digest);
        seen.map(|seen| seen.since)
            .or_else(|| self.secrets.get(&name).map(|held| held.since))
    }

    /// Those that `given` names, and of the vault's what `given` does not name.
    pub fn under(&self, given: &Secrets) -> Secrets {
        let mut mine = Secrets::default();
        for (name, held) in &self.secrets {
            let former = held.former.iter().map(|former| Valid {
                secret: SecretString::from(former.value.clone()),
                until: Some(former.until),
            });
            let present = Valid {
                secret: SecretString::from(held.value.clone()),
                until: None,
            };
            mine.0
                .insert(*name, std::iter::once(present).chain(former).collect());
        }
        given.clone().over(mine)
    }
}

fn digest_of(secret: &SecretString) -> String {
    hex::encode(Sha256::digest(secret.expose_secret().as_bytes()))
}

/// A hook key that nobody guesses.
pub(crate) fn new_hook_key() -> SecretString {
    let mut rng = rand::rng();
    let letters = (0..HOOK_KEY_LENGTH).map(|_| char::from(rng.sample(rand::distr::Alphanumeric)));
    SecretString::from(letters.collect::<String>())
}

/// Whether a hook key is one that nobody guesses and no address has to encode.
pub(crate) fn is_hook_key(key: &SecretString) -> bool {
    let key = key.expose_secret();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    key.len() >= 20 && key.bytes().all(is_plain)
}
