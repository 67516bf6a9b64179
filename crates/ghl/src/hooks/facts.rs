//! What a payload says, in our names. Where things stand is data: [`EventKind`].

use cartlane_catalog::events::{EventKind, at};
use cartlane_model::{Facts, Mode, Money, Person, UnixMs};
use serde_json::Value;

/// Seconds beyond this are milliseconds: it is the year 5138.
const MAX_SECONDS: i64 = 100_000_000_000;

pub(super) fn facts(kind: &EventKind, payload: Value) -> Facts {
    let first = |paths: &[String]| paths.iter().find_map(|path| text(&payload, path));
    let one = |path: &Option<String>| path.as_ref().and_then(|path| text(&payload, path));
    let mode = payload.get("liveMode").and_then(Value::as_bool);
    Facts {
        kind: cartlane_model::EventKind(kind.kind.clone()),
        mode: mode.map(|is_live| if is_live { Mode::Live } else { Mode::Test }),
        person: Person {
            email: first(&kind.email),
            customer_id: first(&kind.contact),
            ..person(kind, &payload)
        },
        items: Vec::new(),
        amount: amount(kind, &payload),
        order_id: one(&kind.order),
        invoice_id: one(&kind.invoice),
        coupon: None,
        subscription: None,
        payload,
    }
}

fn person(kind: &EventKind, payload: &Value) -> Person {
    let block = kind.person.as_ref().and_then(|path| at(payload, path));
    block.map(person_in).unwrap_or_default()
}

/// Names, phone and address of the person that a contact's fields tell of.
pub(crate) fn person_in(block: &Value) -> Person {
    let first = |names: &[&str]| names.iter().find_map(|name| text(block, name));
    Person {
        first_name: first(&["firstName", "first_name"]),
        last_name: first(&["lastName", "last_name"]),
        name: first(&["name", "full_name", "fullName", "contactName"]),
        phone: first(&["phone", "phoneNo"]),
        company: first(&["companyName", "company_name"]),
        address1: first(&["address1", "address.addressLine1"]),
        city: first(&["city", "address.city"]),
        state: first(&["state", "address.state"]),
        postal_code: first(&["postalCode", "postal_code", "address.postalCode"]),
        country: first(&["country", "address.countryCode"]),
        ..Person::default()
    }
}

/// GHL writes amounts in the currency's units; ours are hundredths.
fn amount(kind: &EventKind, payload: &Value) -> Option<Money> {
    let units = at(payload, kind.amount.as_ref()?)?.as_f64()?;
    let minor = (units * 100.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded; a float of this size is a whole number"
    )]
    let minor = (minor.abs() < 9e15).then_some(minor as i64)?;
    Some(Money {
        minor,
        currency: text(payload, kind.currency.as_ref()?)?,
    })
}

/// The text at a dotted path, trimmed; a number is its digits.
pub(crate) fn text(payload: &Value, path: &str) -> Option<String> {
    let text = match at(payload, path)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The delivery's own time.
pub(super) fn sent_at(payload: &Value) -> Option<UnixMs> {
    moment(payload.get("timestamp")?)
}

/// When it happened, by the payload's fields.
pub(super) fn occurred_at(kind: &EventKind, payload: &Value) -> Option<UnixMs> {
    kind.occurred_at
        .iter()
        .find_map(|path| moment(at(payload, path)?))
}

/// A moment as GHL writes it: text with a zone, seconds or milliseconds.
pub(crate) fn moment(value: &Value) -> Option<UnixMs> {
    let number = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => match text.trim().parse() {
            Ok(number) => number,
            Err(_) => {
                return text
                    .trim()
                    .parse::<jiff::Timestamp>()
                    .ok()
                    .map(|at| UnixMs(at.as_millisecond()));
            }
        },
        _ => return None,
    };
    match number {
        ..=0 => None,
        1..MAX_SECONDS => Some(UnixMs::from_seconds(number)),
        ms => Some(UnixMs(ms)),
    }
}
