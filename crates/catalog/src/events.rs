//! The kinds of event that GHL tells of: their names, how each is recognised, and what stands where in it.
//!
//! A kind is a record, not code, in `catalog/ghl/events/`: `FAMILY.json` has the vendor's part (fields with types, and
//! samples, from the web hook schemas of GHL's API documentation; where its sample names another event, as
//! `AppointmentUpdate` does, it was corrected, and where it has none, one was made of the schema), `FAMILY.toml` what
//! no such file can say. Both are compiled in.
//!
//! ```
//! use cartlane_catalog::events;
//! let kind = events::get("ghl.contact.tags_changed").expect("a known kind");
//! assert_eq!(kind.vendor_type.as_deref(), Some("ContactTagUpdate"));
//! let invoice = serde_json::json!({"invoiceNumber": "19", "invoiceItems": [], "status": "paid"});
//! assert_eq!(events::recognise(&invoice).map(|kind| kind.kind.as_str()), Some("ghl.invoice.paid"));
//! ```
//!
//! What always holds: kinds are unique, and so are the vendor's types; every sample is recognised as its kind or, where
//! the vendor names no type in it, as the family's `changed`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// What a signed delivery is whose type nobody knows.
pub const UNKNOWN: &str = "ghl.unknown";
/// What an unsigned delivery is, whatever it says of itself.
pub const WORKFLOW: &str = "ghl.workflow.webhook";

/// One kind of event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventKind {
    /// Its name in automations, `ghl.contact.created`.
    pub kind: String,
    /// The vendor's name of the documentation that the fields are from.
    facts: String,
    /// What deliveries carry as `type`; `None` where they never name this kind.
    #[serde(rename = "type")]
    pub vendor_type: Option<String>,
    /// A few words.
    pub title: String,
    /// What happened, and what to know of it.
    pub help: String,
    /// Where the person's fields stand: `.` is the top. `None` where it has none.
    pub person: Option<String>,
    /// Where the contact's id stands, the first that is there; dotted paths.
    #[serde(default)]
    pub contact: Vec<String>,
    /// Where the contact's e-mail stands.
    #[serde(default)]
    pub email: Vec<String>,
    /// When it happened, where the delivery itself has no `timestamp`.
    #[serde(default)]
    pub occurred_at: Vec<String>,
    /// Where the amount stands, in the currency's units.
    pub amount: Option<String>,
    /// Where the currency stands.
    pub currency: Option<String>,
    /// Where the order's id stands.
    pub order: Option<String>,
    /// Where the invoice's id stands.
    pub invoice: Option<String>,
    /// How a delivery without a known `type` is recognised.
    pub without_type: Option<Form>,
    /// The payload's fields.
    #[serde(skip)]
    pub fields: Vec<Field>,
    /// Payloads as the vendor shows them, at least one.
    #[serde(skip)]
    pub samples: Vec<Value>,
}

/// What a payload looks like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// Fields that are all there.
    pub has: Vec<String>,
    /// Where given, `status` is one of these.
    #[serde(default)]
    pub status: Vec<String>,
    /// Where given, `type` is one of these: it means something else here.
    #[serde(default, rename = "type")]
    pub types: Vec<String>,
}

/// A field of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Field(
    /// Its dotted path; `[]` stands behind a list.
    pub String,
    /// `string`, `number`, `boolean`, `array`, `object` or `any`.
    pub String,
);

#[derive(Deserialize)]
struct Records {
    event: Vec<EventKind>,
}

#[derive(Clone, Deserialize)]
struct Facts {
    fields: Vec<Field>,
    samples: Vec<Value>,
}

macro_rules! families {
    ($($name:literal),*) => {
        &[$((
            $name,
            include_str!(concat!("../../../catalog/ghl/events/", $name, ".toml")),
            include_str!(concat!("../../../catalog/ghl/events/", $name, ".json")),
        )),*]
    };
}

/// Name, records and facts of each family, in the order in which they are shown.
const FAMILIES: &[(&str, &str, &str)] = families!(
    "contacts",
    "opportunities",
    "appointments",
    "tasks-and-notes",
    "conversations",
    "payments",
    "objects",
    "account",
    "other"
);

/// The kinds that belong together.
#[derive(Debug)]
pub struct Family {
    /// Its name, `tasks-and-notes`.
    pub name: &'static str,
    /// Its kinds, in the order in which they are shown.
    pub kinds: Vec<EventKind>,
}

/// All families, in order.
pub fn families() -> &'static [Family] {
    static READ: LazyLock<Vec<Family>> = LazyLock::new(|| {
        read().unwrap_or_else(|fault| {
            panic!("the built-in kinds of event are wrong, which a test forbids: {fault}")
        })
    });
    &READ
}

/// All kinds, in order.
pub fn all() -> impl Iterator<Item = &'static EventKind> {
    families().iter().flat_map(|family| &family.kinds)
}

/// The kind of this name.
pub fn get(kind: &str) -> Option<&'static EventKind> {
    all().find(|known| known.kind == kind)
}

/// The kind that someone who wrote `kind` most likely meant.
pub fn nearest(kind: &str) -> Option<&'static str> {
    crate::nearest(kind, all().map(|known| known.kind.as_str()))
}

/// What a payload tells of: by its `type`, else by its form.
pub fn recognise(payload: &Value) -> Option<&'static EventKind> {
    let name = payload.get("type").and_then(Value::as_str);
    let by_type = name.and_then(|name| all().find(|kind| kind.vendor_type.as_deref() == Some(name)));
    by_type.or_else(|| all().find(|kind| kind.without_type.as_ref().is_some_and(|form| form.fits(payload))))
}

impl Form {
    fn fits(&self, payload: &Value) -> bool {
        let is_among = |field: &str, values: &[String]| {
            let text = payload.get(field).and_then(Value::as_str);
            text.is_some_and(|text| values.iter().any(|value| value == text))
        };
        let type_fits = match self.types.as_slice() {
            [] => payload.get("type").is_none_or(Value::is_null),
            types => is_among("type", types),
        };
        type_fits
            && self.has.iter().all(|field| payload.get(field).is_some())
            && (self.status.is_empty() || is_among("status", &self.status))
    }
}

/// The value at a dotted path; `None` where something on the way is missing, and where it is null.
pub fn at<'v>(payload: &'v Value, path: &str) -> Option<&'v Value> {
    let mut value = payload;
    if path != "." {
        for name in path.split('.') {
            value = value.get(name)?;
        }
    }
    (!value.is_null()).then_some(value)
}

fn read() -> Result<Vec<Family>, String> {
    FAMILIES
        .iter()
        .map(|(name, records, facts)| read_family(name, records, facts))
        .collect()
}

fn read_family(name: &'static str, records: &str, facts: &str) -> Result<Family, String> {
    let Records { mut event } = toml::from_str(records).map_err(|error| format!("{name}.toml: {error}"))?;
    let facts: HashMap<String, Facts> =
        serde_json::from_str(facts).map_err(|error| format!("{name}.json: {error}"))?;
    for kind in &mut event {
        let facts = facts.get(&kind.facts);
        let facts = facts.ok_or_else(|| format!("{name}.json has no `{}`", kind.facts))?;
        kind.fields.clone_from(&facts.fields);
        kind.samples.clone_from(&facts.samples);
    }
    Ok(Family { name, kinds: event })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_is_unique_has_samples_and_its_paths_are_fields() {
        let (mut kinds, mut types) = (HashSet::new(), HashSet::new());
        for kind in all() {
            assert!(kinds.insert(&kind.kind), "{} is there twice", kind.kind);
            assert!(
                kind.kind.starts_with("ghl.") && !kind.samples.is_empty(),
                "{}",
                kind.kind
            );
            assert!(
                kind.vendor_type.as_ref().is_none_or(|name| types.insert(name)),
                "{}",
                kind.kind
            );
            if matches!(kind.kind.as_str(), UNKNOWN | WORKFLOW) {
                continue; // where these have what is a guess
            }
            let more = [&kind.amount, &kind.currency, &kind.order, &kind.invoice];
            let paths = kind.contact.iter().chain(&kind.email).chain(&kind.occurred_at);
            for path in paths.chain(more.into_iter().flatten()) {
                assert!(
                    kind.fields.iter().any(|field| field.0 == *path),
                    "{}: {path}",
                    kind.kind
                );
            }
        }
        assert_eq!(
            types.len(),
            57,
            "all of the documentation but ProviderOutboundMessage, which has no name"
        );
    }

    #[test]
    fn every_sample_is_recognised_as_its_kind_or_as_a_change_of_its_family() {
        for kind in all().filter(|kind| !matches!(kind.kind.as_str(), UNKNOWN | WORKFLOW)) {
            for sample in &kind.samples {
                let found = recognise(sample).map(|found| found.kind.as_str());
                let noun = kind.kind.rsplit_once('.').map_or("", |(noun, _)| noun);
                let changed = format!("{noun}.changed");
                assert!(
                    found == Some(kind.kind.as_str())
                        || found == Some(changed.as_str())
                        || kind.vendor_type.is_none(),
                    "{}: {found:?}",
                    kind.kind
                );
                let mut named = sample.clone();
                if let Some(name) = &kind.vendor_type {
                    named["type"] = name.as_str().into();
                    assert_eq!(recognise(&named).map(|found| &found.kind), Some(&kind.kind));
                }
            }
        }
    }

    #[test]
    fn every_field_of_a_sample_is_known() {
        fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => members.iter().for_each(|(name, value)| {
                    let path = if at.is_empty() {
                        name.clone()
                    } else {
                        format!("{at}.{name}")
                    };
                    found.push(path.clone());
                    paths(value, &path, found);
                }),
                Value::Array(items) => items
                    .iter()
                    .for_each(|item| paths(item, &format!("{at}[]"), found)),
                _ => {}
            }
        }
        for kind in all().filter(|kind| !matches!(kind.kind.as_str(), UNKNOWN | WORKFLOW)) {
            let mut found = Vec::new();
            kind.samples
                .iter()
                .for_each(|sample| paths(sample, "", &mut found));
            found.retain(|path| !kind.fields.iter().any(|field| field.0 == *path));
            assert!(found.is_empty(), "{}: {found:?}", kind.kind);
        }
    }

    #[test]
    fn what_nobody_knows_is_not_recognised() {
        for payload in [
            r#"{"type": "VoiceAiCallEnd"}"#,
            r#"{"id": "1"}"#,
            "[]",
            r#"{"type": "one_time"}"#,
        ] {
            let payload: Value = serde_json::from_str(payload).expect("JSON");
            assert!(recognise(&payload).is_none(), "{payload}");
        }
    }
}
