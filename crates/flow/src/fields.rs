//! What expressions can read of every event and contact, with types: for editors, which offer them, and for the check of names.

use std::borrow::Cow;

use serde::Serialize;

use crate::names;

/// What kind of value a field holds. Any but a list may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A moment: milliseconds since 1970, for `date`.
    Moment,
    /// An amount: `minor` and `currency`, for `money`.
    Money,
    /// A list.
    List,
    /// Fields of its own.
    Map,
    /// Whatever the source sent.
    Any,
}

/// A field: its path, `[]` behind a list; its type; what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// `event.person.email`.
    pub path: &'static str,
    /// What it holds.
    #[serde(rename = "type")]
    pub holds: Type,
    /// What it is.
    pub help: &'static str,
}

const fn field(path: &'static str, holds: Type, help: &'static str) -> Field {
    Field { path, holds, help }
}

/// The fields that every event has, but for its payload.
pub const EVENT: &[Field] = &[
    field("event.kind", Type::Text, "What happened"),
    field(
        "event.mode",
        Type::Text,
        "live or test; none where the source does not say",
    ),
    field("event.occurred_at", Type::Moment, "When it happened"),
    field("event.received_at", Type::Moment, "When it came in"),
    field("event.person.email", Type::Text, "E-mail, as written"),
    field(
        "event.person.previous_email",
        Type::Text,
        "The e-mail before a change",
    ),
    field(
        "event.person.customer_id",
        Type::Text,
        "The source's id of the person",
    ),
    field("event.person.first_name", Type::Text, "Given name"),
    field("event.person.last_name", Type::Text, "Family name"),
    field("event.person.name", Type::Text, "The whole name"),
    field("event.person.phone", Type::Text, "Phone, as written; see e164"),
    field("event.person.company", Type::Text, "Company"),
    field("event.person.address1", Type::Text, "Street and number"),
    field("event.person.city", Type::Text, "City"),
    field("event.person.state", Type::Text, "State or region"),
    field("event.person.postal_code", Type::Text, "Postal code"),
    field("event.person.country", Type::Text, "Country, ISO 3166-1 alpha-2"),
    field("event.items", Type::List, "What it is about"),
    field(
        "event.items[].type",
        Type::Text,
        "product, bump, upsell, downsell",
    ),
    field("event.items[].id", Type::Text, "The id within its type"),
    field("event.items[].name", Type::Text, "What people call it"),
    field("event.items[].amount", Type::Money, "What was charged for it"),
    field("event.items[].quantity", Type::Number, "How many"),
    field("event.items[].plan_id", Type::Text, "The pricing option"),
    field("event.items[].plan_name", Type::Text, "The pricing option's name"),
    field("event.amount", Type::Money, "The money that the event is about"),
    field("event.amount.minor", Type::Number, "In hundredths"),
    field("event.amount.currency", Type::Text, "ISO 4217"),
    field("event.order_id", Type::Text, "The order"),
    field("event.invoice_id", Type::Text, "The invoice"),
    field("event.coupon", Type::Text, "The coupon used"),
    field("event.subscription", Type::Map, "The subscription behind it"),
    field(
        "event.subscription.id",
        Type::Text,
        "Its id, by which it is cancelled",
    ),
    field("event.subscription.frequency", Type::Text, "month, year, …"),
    field(
        "event.subscription.paid_until",
        Type::Moment,
        "The end of the paid period",
    ),
    field(
        "event.subscription.next_payment_at",
        Type::Moment,
        "When the next payment is due",
    ),
    field(
        "event.subscription.remaining_payments",
        Type::Number,
        "Payments still to come",
    ),
    field("event.id", Type::Text, "Cartlane's id of the event"),
    field("event.contact_id", Type::Text, "Cartlane's id of the contact"),
    field(
        "event.connection_id",
        Type::Text,
        "The connection that it came by",
    ),
    field("event.workspace_id", Type::Text, "The workspace"),
];

/// What is known of the contact.
pub const CONTACT: &[Field] = &[
    field("contact.orders", Type::Number, "How many orders"),
    field(
        "contact.first_order_at",
        Type::Moment,
        "When the first was placed",
    ),
    field("contact.last_order_at", Type::Moment, "When the last was placed"),
    field(
        "contact.spent.USD",
        Type::Money,
        "What came in less refunds; any currency may be asked for",
    ),
    field(
        "contact.lifetime_value",
        Type::List,
        "The same as a list of amounts, one for each currency",
    ),
    field("contact.subscriptions", Type::List, "The active subscriptions"),
    field("contact.subscriptions[].id", Type::Text, "The subscription's id"),
    field(
        "contact.subscriptions[].item",
        Type::Text,
        "What it is to, product-12",
    ),
    field(
        "contact.subscriptions[].name",
        Type::Text,
        "What people call that",
    ),
    field(
        "contact.subscriptions[].order_id",
        Type::Text,
        "The order that began it",
    ),
    field("contact.subscriptions[].since", Type::Moment, "When it began"),
    field(
        "contact.subscriptions[].paid_until",
        Type::Moment,
        "Until when it is paid",
    ),
    field("contact.products", Type::List, "What they own"),
    field("contact.products[].key", Type::Text, "product-12"),
    field(
        "contact.products[].type",
        Type::Text,
        "product, bump, upsell, downsell",
    ),
    field("contact.products[].id", Type::Text, "The id within its type"),
    field("contact.products[].name", Type::Text, "What people call it"),
    field("contact.products[].since", Type::Moment, "Since when"),
    field("contact.refunds.count", Type::Number, "How many refunds"),
    field("contact.refunds.list", Type::List, "The refunds"),
    field("contact.refunds.list[].at", Type::Moment, "When"),
    field("contact.refunds.list[].amount", Type::Money, "How much"),
    field("contact.refunds.list[].item", Type::Text, "For what, product-12"),
    field("contact.refunds.list[].name", Type::Text, "What people call that"),
    field("contact.refunds.list[].order_id", Type::Text, "The order"),
    field(
        "contact.has(\"product-12\")",
        Type::Boolean,
        "Whether they own it",
    ),
];

/// What can stand behind a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inside<'a> {
    /// One of these names.
    Names(Vec<&'a str>),
    /// No name at all.
    Nothing,
    /// Whatever the source sent.
    Anything,
}

/// What can stand behind `path`, in which `[]` stands behind a list.
pub(crate) fn inside(path: &str) -> Inside<'static> {
    match path {
        "event" => return Inside::Names(names::EVENT.into()),
        "contact.spent" => return Inside::Anything, // a currency
        _ => {}
    }
    match type_of(path) {
        Some(Type::Money) => return Inside::Names(names::MONEY.into()),
        Some(Type::Map) | None => {}
        Some(_) => return Inside::Nothing,
    }
    let mut within: Vec<&str> = Vec::new();
    for field in EVENT.iter().chain(CONTACT) {
        let rest = field
            .path
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix('.'));
        let name = rest.and_then(|rest| rest.split(['.', '[', '(']).next());
        if let Some(name) = name.filter(|name| within.last() != Some(name)) {
            within.push(name);
        }
    }
    if !within.is_empty() {
        Inside::Names(within)
    } else if path == "event.items" {
        Inside::Nothing
    } else {
        Inside::Anything
    }
}

/// What the field at `path` holds, where that is known.
pub(crate) fn type_of(path: &str) -> Option<Type> {
    let path = match path
        .strip_prefix("contact.spent.")
        .map(|rest| rest.split_once('.'))
    {
        Some(None) => "contact.spent.USD".into(),
        Some(Some((_, rest))) => Cow::from(format!("contact.spent.USD.{rest}")),
        None => path.into(),
    };
    let find = |path: &str| EVENT.iter().chain(CONTACT).find(|field| field.path == path);
    let holds = |path: &str| find(path).map(|field| field.holds);
    holds(&path).or_else(|| match path.rsplit_once('.')? {
        (money, "minor") => holds(money)
            .filter(|holds| *holds == Type::Money)
            .map(|_| Type::Number),
        (money, "currency") => holds(money)
            .filter(|holds| *holds == Type::Money)
            .map(|_| Type::Text),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact;

    #[test]
    fn every_name_that_can_be_read_has_a_type() {
        let has = |prefix: &str, name: &str| {
            let path = format!("{prefix}{name}");
            let is_it = |field: &&Field| {
                let rest = field.path.strip_prefix(&path);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '(']))
            };
            assert!(EVENT.iter().chain(CONTACT).any(|field| is_it(&field)), "{path}");
        };
        let event: Vec<&str> = names::EVENT
            .into_iter()
            .filter(|name| *name != "payload")
            .collect();
        let all: [(&str, &[&str]); 6] = [
            ("event.", &event),
            ("event.person.", &names::PERSON),
            ("event.items[].", &names::ITEM),
            ("event.subscription.", &names::SUBSCRIPTION),
            ("contact.", &contact::FIELDS),
            ("contact.refunds.", &contact::REFUNDS),
        ];
        for (prefix, names) in all {
            for name in names {
                has(prefix, name);
            }
        }
    }

    #[test]
    fn every_typed_field_can_be_read() {
        for field in EVENT.iter().chain(CONTACT) {
            let path = field.path.replace("(\"product-12\")", "");
            assert_eq!(names::fault(&path, &names::Visible::default()), None);
        }
    }
}
