//! Where events come from: how each kind of source is read and believed. What follows is the same for all (`inbox`).
//!
//! | source | proof | when it is looked at | kept as |
//! |---|---|---|---|
//! | `ThriveCart` | the secret word in the body | after reading | `form`, `json` |
//! | GHL | a signature over the bytes | before anything reads them | `ghl` |
//! | a workflow of GHL | none but the address; only where the connection accepts it | – | `ghl_unsigned` |

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use cartlane_ghl::hooks::{self, Install, Keys, Proof, Signatures};
use cartlane_model::{ConnectionId, NewEvent, QuarantineId, SecretString, UnixMs, WorkspaceId};
use cartlane_thrivecart as thrivecart;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::inbox::Refused;
use crate::secrets::Valid;

/// How a signed body of GHL is kept.
pub(crate) const GHL_SIGNED: &str = "ghl";
/// How an unsigned one is kept.
pub(crate) const GHL_UNSIGNED: &str = "ghl_unsigned";

/// Whose web hooks an address takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// `ThriveCart`.
    ThriveCart,
    /// `GoHighLevel`.
    Ghl,
}

impl Sender {
    /// Who sends events of a kind.
    pub(crate) fn of_kind(kind: &str) -> Self {
        if kind.starts_with("ghl.") {
            Self::Ghl
        } else {
            Self::ThriveCart
        }
    }
}

/// What came with a body.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Envelope {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `X-GHL-Signature`.
    #[serde(default)]
    pub signature: Option<String>,
    /// `x-wh-signature`, the older one.
    #[serde(default)]
    pub older_signature: Option<String>,
}

impl Envelope {
    fn signatures(&self) -> Signatures<'_> {
        Signatures {
            ed25519: self.signature.as_deref(),
            rsa: self.older_signature.as_deref(),
        }
    }
}

/// A connection that events come by.
pub(crate) struct Source {
    pub id: ConnectionId,
    pub workspace_id: WorkspaceId,
    pub name: String,
    pub account: Account,
    /// The keys of its web hooks' address: the present one, and the one before while that is valid.
    pub hook_keys: Vec<Valid>,
    pub sync_test_mode: bool,
    pub target: Option<ConnectionId>,
    /// What expressions read as `settings`.
    pub settings: Json,
    pub noted: Arc<Noted>,
}

/// What is noted of a source and not yet written down. It outlives changes of the source.
#[derive(Default)]
pub(crate) struct Noted {
    /// When an event last came in; 0 for nothing new.
    pub received_at: AtomicI64,
    /// The address was checked.
    pub checked: AtomicBool,
}

/// How a source proves itself.
pub(crate) enum Account {
    /// By a secret word.
    ThriveCart {
        account: Option<String>,
        secrets: Vec<Valid>,
    },
    /// By a signature.
    Ghl {
        keys: Keys,
        /// `None` for an agency.
        location_id: Option<String>,
        accept_unsigned: bool,
        window_ms: i64,
    },
}

/// A delivery that was read.
pub(crate) struct Read {
    pub event: NewEvent,
    /// By which decoder it is read again.
    pub kept_as: &'static str,
    /// As it is kept: its secret masked.
    pub body: Vec<u8>,
    pub install: Option<Install>,
}

/// What became of a delivery that came from outside.
pub(crate) enum Judged {
    /// It was a try of the address.
    Ping,
    /// It is let in.
    Event(Box<Read>),
    /// It is not believed.
    Refused(Refusal),
}

/// Why a delivery is not believed.
pub(crate) enum Refusal {
    Secret,
    Account { given: String, expected: String },
    Signature,
    NoKey,
    Unsigned,
    Stale,
}

impl Source {
    /// Whether deliveries of `sender` come by it.
    pub fn is_of(&self, sender: Sender) -> bool {
        matches!(
            (&self.account, sender),
            (Account::ThriveCart { .. }, Sender::ThriveCart) | (Account::Ghl { .. }, Sender::Ghl)
        )
    }

    /// Whether what `payload` says is about this account. An app of GHL has one address for all its locations, so that
    /// what comes by it may be about another one.
    pub fn is_about(&self, payload: &Json) -> bool {
        match &self.account {
            Account::ThriveCart { .. } => true,
            Account::Ghl { location_id, .. } => {
                hooks::location(payload).is_none_or(|of| Some(&of) == location_id.as_ref())
            }
        }
    }

    /// Reads a delivery and decides whether its sender is believed.
    pub fn judge(&self, envelope: &Envelope, body: &[u8], now: UnixMs) -> Result<Judged, Refused> {
        match &self.account {
            Account::ThriveCart { account, secrets } => {
                let Some(incoming) = read_thrivecart(envelope, body)? else {
                    return Ok(Judged::Ping);
                };
                Ok(
                    match thrivecart_refusal(&incoming, account.as_ref(), &valid(secrets, now)) {
                        Some(refusal) => Judged::Refused(refusal),
                        None => Judged::Event(Box::new(of_thrivecart(incoming))),
                    },
                )
            }
            Account::Ghl {
                keys,
                accept_unsigned,
                window_ms,
                ..
            } => {
                let is_signed = match keys.proof(envelope.signatures(), body) {
                    Proof::Signed => true,
                    Proof::Wrong => return Ok(Judged::Refused(Refusal::Signature)),
                    Proof::NoKey => return Ok(Judged::Refused(Refusal::NoKey)),
                    Proof::Unsigned if *accept_unsigned || is_empty(body) => false,
                    Proof::Unsigned => return Ok(Judged::Refused(Refusal::Unsigned)),
                };
                let Some(incoming) = read_ghl(is_signed, body, now)? else {
                    return Ok(Judged::Ping);
                };
                let is_stale = |at: UnixMs| now.since_ms(at).abs() > *window_ms;
                if is_signed && incoming.sent_at.is_some_and(is_stale) {
                    return Ok(Judged::Refused(Refusal::Stale));
                }
                Ok(Judged::Event(Box::new(of_ghl(is_signed, incoming, body))))
            }
        }
    }

    /// Reads a delivery that a person vouches for; `None` where it was a try of the address.
    pub fn read(&self, envelope: &Envelope, body: &[u8], now: UnixMs) -> Result<Option<Read>, Refused> {
        match &self.account {
            Account::ThriveCart { .. } => Ok(read_thrivecart(envelope, body)?.map(of_thrivecart)),
            Account::Ghl { keys, .. } => {
                let is_signed = keys.proof(envelope.signatures(), body) != Proof::Unsigned;
                let incoming = read_ghl(is_signed, body, now)?;
                Ok(incoming.map(|incoming| of_ghl(is_signed, incoming, body)))
            }
        }
    }
}

fn valid(secrets: &[Valid], now: UnixMs) -> Vec<SecretString> {
    let valid = secrets.iter().filter(|secret| secret.at(now));
    valid.map(|secret| secret.secret.clone()).collect()
}

fn is_empty(body: &[u8]) -> bool {
    matches!(body.trim_ascii(), b"" | b"{}")
}

fn read_thrivecart(envelope: &Envelope, body: &[u8]) -> Result<Option<thrivecart::Incoming>, Refused> {
    // The server has bounded the body already, by `limits.body_bytes`; keys and nesting keep their defaults, by which
    // a stored body is read again.
    let limits = thrivecart::Limits {
        body_bytes: usize::MAX,
        ..thrivecart::Limits::default()
    };
    let decoded = thrivecart::decode(envelope.content_type.as_deref(), body, &limits);
    match decoded.map_err(|error| Refused::NotDecodable(error.to_string()))? {
        thrivecart::Delivery::Ping => Ok(None),
        thrivecart::Delivery::Event(incoming) => Ok(Some(*incoming)),
    }
}

fn of_thrivecart(incoming: thrivecart::Incoming) -> Read {
    Read {
        event: incoming.event,
        kept_as: incoming.masked.content_type.name(),
        body: incoming.masked.body,
        install: None,
    }
}

fn thrivecart_refusal(
    incoming: &thrivecart::Incoming,
    account: Option<&String>,
    secrets: &[SecretString],
) -> Option<Refusal> {
    let given = incoming.secret.as_ref();
    if !given.is_some_and(|given| thrivecart::secret_matches(given, secrets)) {
        return Some(Refusal::Secret);
    }
    match (account, &incoming.account) {
        (Some(expected), Some(given)) if expected != given => Some(Refusal::Account {
            given: given.clone(),
            expected: expected.clone(),
        }),
        _ => None,
    }
}

fn read_ghl(is_signed: bool, body: &[u8], now: UnixMs) -> Result<Option<hooks::Incoming>, Refused> {
    let decoded = hooks::decode(is_signed, body, now);
    match decoded.map_err(|error| Refused::NotDecodable(error.to_string()))? {
        hooks::Delivery::Ping => Ok(None),
        hooks::Delivery::Event(incoming) => Ok(Some(*incoming)),
    }
}

fn of_ghl(is_signed: bool, incoming: hooks::Incoming, body: &[u8]) -> Read {
    Read {
        event: incoming.event,
        kept_as: if is_signed { GHL_SIGNED } else { GHL_UNSIGNED },
        body: body.to_vec(),
        install: incoming.install,
    }
}

impl Refusal {
    /// As it stands in the list of what is in quarantine.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Secret => "wrong_secret",
            Self::Account { .. } => "wrong_account",
            Self::Signature | Self::NoKey => "wrong_signature",
            Self::Unsigned => "unsigned",
            Self::Stale => "stale",
        }
    }

    /// As the sender is told.
    pub fn refused(self, connection: String, kept: QuarantineId) -> Refused {
        let (code, why) = match self {
            Self::Secret => return Refused::WrongSecret { connection, kept },
            Self::Account { given, expected } => {
                return Refused::WrongAccount {
                    connection,
                    given,
                    expected,
                    kept,
                };
            }
            Self::Signature => (
                "hook.wrong_signature",
                "its signature is not GoHighLevel's; set `webhook_key` if GoHighLevel has changed its key",
            ),
            Self::NoKey => (
                "hook.wrong_signature",
                "it bears an x-wh-signature alone; set `webhook_rsa_key` to the key of GoHighLevel's guide",
            ),
            Self::Unsigned => (
                "hook.unsigned",
                "it is not signed; set `accept_unsigned` if a workflow's Webhook action posts here",
            ),
            Self::Stale => (
                "hook.stale",
                "its timestamp is too far from now; check this server's clock, or `webhook_window_minutes`",
            ),
        };
        Refused::Distrusted {
            connection,
            code,
            why,
            kept,
        }
    }
}
