//! From bytes to a delivery.

use cartlane_model::{EventKind, NewEvent, SecretString};
use serde_json::Value;

use crate::tree::{BEYOND_LIMITS, Budget, Limits};
use crate::{DecodeError, facts, form, json, keys, kinds, mask, tree};

/// What a body turned out to be.
#[derive(Debug)]
pub enum Delivery {
    /// Empty, `{}` or `[]`: `ThriveCart`'s check when the address is saved. It carries no secret and is no event.
    Ping,
    /// Something happened.
    Event(Box<Incoming>),
}

/// A delivery that could be read. Whether its sender is who they claim is for the caller to decide.
#[derive(Debug)]
pub struct Incoming {
    /// What happened.
    pub event: NewEvent,
    /// `thrivecart_secret`, to be checked with [`crate::secret_matches`].
    pub secret: Option<SecretString>,
    /// `thrivecart_account`: the account's sub-domain.
    pub account: Option<String>,
    /// The body as it came, less the secret. [`decode_stored`] makes the same event of it.
    pub masked: Masked,
}

/// The two wire forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `application/x-www-form-urlencoded`, the default of `ThriveCart`'s web hooks.
    Form,
    /// `application/json`: a checkbox per web hook, and every Event Subscription.
    Json,
}

impl ContentType {
    /// As it stands in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }

    /// `form` or `json`: as it is kept with an event.
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Json => "json",
        }
    }

    /// The reverse of [`ContentType::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Form, Self::Json]
            .into_iter()
            .find(|form| form.name() == name)
    }
}

/// A body in which the secret's value, wherever it stood, is `***`; all other bytes are as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// What the body is, whatever its header said.
    pub content_type: ContentType,
    /// The bytes.
    pub body: Vec<u8>,
}

/// Reads a body. The content type is a hint only: what the body begins with decides.
pub fn decode(content_type: Option<&str>, body: &[u8], limits: &Limits) -> Result<Delivery, DecodeError> {
    let Some(read) = read(content_type, body, limits)? else {
        return Ok(Delivery::Ping);
    };
    let Read {
        mut tree,
        content_type,
        beyond,
    } = read;
    let secret = tree::text(&tree, mask::FIELD).map(str::to_owned);
    let account = tree::text(&tree, "thrivecart_account").map(str::to_owned);
    mask::tree_field(&mut tree);
    let canonical = keys::canonical(&tree);
    let everywhere = secret
        .as_deref()
        .filter(|secret| beyond > 0 || mask::holds(&canonical, secret) || mask::holds_twice(body, secret));
    let masked = Masked {
        content_type,
        body: mask::body(content_type, body, everywhere),
    };
    let event = match everywhere {
        // Rare. What is kept is read again, so that the event can only hold what the masked body holds.
        Some(_) => stored(content_type, &masked.body, limits),
        None => event(tree, if beyond > 0 { &masked.body } else { &canonical }),
    };
    Ok(Delivery::Event(Box::new(Incoming {
        event,
        secret: secret.map(SecretString::from),
        account,
        masked,
    })))
}

/// The event of a body that was accepted before, from its masked bytes: the same event, where it was accepted with the
/// default limits on keys and depth. Reading never fails: a body that is none becomes an event of kind `unknown` without
/// payload.
pub fn decode_stored(content_type: ContentType, masked_body: &[u8]) -> NewEvent {
    stored(content_type, masked_body, &Limits::default())
}

fn stored(content_type: ContentType, masked_body: &[u8], limits: &Limits) -> NewEvent {
    let limits = Limits {
        body_bytes: usize::MAX, // it was accepted, and masking may have made it longer
        ..*limits
    };
    match read(Some(content_type.as_str()), masked_body, &limits) {
        Ok(Some(Read { mut tree, beyond, .. })) => {
            mask::tree_field(&mut tree);
            let canonical = keys::canonical(&tree);
            event(tree, if beyond > 0 { masked_body } else { &canonical })
        }
        Ok(None) | Err(_) => event(Value::Object(serde_json::Map::new()), masked_body),
    }
}

fn event(tree: Value, hashed: &[u8]) -> NewEvent {
    let name = tree::text(&tree, "event").map(str::to_owned);
    let kind = kinds::kind(name.as_deref().unwrap_or("unknown"));
    let occurred_at = facts::occurred_at(&kind, &tree);
    let facts = facts::facts(EventKind(kind.into_owned()), tree);
    let dedupe_keys = keys::keys(name.as_deref(), &facts, occurred_at, hashed);
    NewEvent {
        occurred_at,
        facts,
        dedupe_keys,
    }
}

/// A body that was read.
pub(crate) struct Read {
    /// Its tree; the secret still in it.
    pub(crate) tree: Value,
    content_type: ContentType,
    beyond: usize,
}

/// Reads a body's tree; `None` where it says nothing.
pub(crate) fn read(
    content_type: Option<&str>,
    body: &[u8],
    limits: &Limits,
) -> Result<Option<Read>, DecodeError> {
    if body.len() > limits.body_bytes {
        return Err(DecodeError::TooLarge {
            limit: limits.body_bytes,
        });
    }
    let (start, end) = bounds(body);
    let content = &body[start..end];
    let Some(first) = content.first() else {
        return Ok(None);
    };
    let mut budget = Budget::new(limits);
    let parsed = if matches!(first, b'{' | b'[') {
        Some(json::parse(content, &mut budget))
    } else {
        None
    };
    let (content_type, mut tree) = match parsed {
        Some(Ok(tree)) => (ContentType::Json, tree),
        Some(Err(fault)) if !(declares_form(content_type) && memchr::memchr(b'=', content).is_some()) => {
            return Err(malformed_json(start + fault.position, fault.message));
        }
        _ => {
            check_form(content, start)?;
            budget = Budget::new(limits);
            (ContentType::Form, form::parse(content, &mut budget))
        }
    };
    if is_empty(&tree) {
        return Ok(None);
    }
    if let Some(map) = tree.as_object_mut().filter(|_| budget.beyond() > 0) {
        map.insert(
            BEYOND_LIMITS.to_owned(),
            Value::String(budget.beyond().to_string()),
        );
    }
    Ok(Some(Read {
        tree,
        content_type,
        beyond: budget.beyond(),
    }))
}

fn declares_form(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|text| {
        text.trim_ascii_start()
            .as_bytes()
            .get(..33)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
    })
}

fn is_empty(tree: &Value) -> bool {
    match tree {
        Value::Array(_) => tree::is_blank(tree), // `[null]` is one of the ways in which PHP writes no entries
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Where a body's content is: behind a byte order mark, and without the white space around it.
pub(crate) fn bounds(body: &[u8]) -> (usize, usize) {
    let mark = if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let content = body[mark..].trim_ascii_start();
    let start = body.len() - content.len();
    (start, start + content.trim_ascii_end().len())
}

/// Refuses what is certainly not a form: a JSON scalar, multipart, or bytes without any `name=value`.
fn check_form(content: &[u8], start: usize) -> Result<(), DecodeError> {
    if content.starts_with(b"--") && memchr::memmem::find(content, b"form-data").is_some() {
        return Err(DecodeError::Multipart);
    }
    if content.starts_with(b"\"") && serde_json::from_slice::<serde::de::IgnoredAny>(content).is_ok() {
        return Err(malformed_json(start, "a text stands alone".to_owned()));
    }
    if memchr::memchr(b'=', content).is_some() {
        return Ok(());
    }
    let odd = |byte: &u8| !byte.is_ascii_graphic() && !byte.is_ascii_whitespace();
    let position = content.iter().position(odd).unwrap_or(content.len());
    Err(DecodeError::Malformed {
        position: start + position,
        message: "neither a JSON object nor any `name=value` was found".to_owned(),
        expected: "a form (application/x-www-form-urlencoded) or a JSON object",
    })
}

fn malformed_json(position: usize, message: String) -> DecodeError {
    DecodeError::Malformed {
        position,
        message,
        expected: "a JSON object",
    }
}
