//! `contact` in expressions: what is [known](crate::history) about the person.
//!
//! What there is nothing of can still be asked for: `contact.spent.EUR.minor >= 50000` is false for somebody who never
//! paid in euros.

use std::sync::Arc;

use cartlane_model::Money;
use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, ErrorKind, State};
use serde_json::json;

use crate::history::Known;
use crate::uses::data;

/// The fields of `contact`.
pub const FIELDS: [&str; 9] = [
    "orders",
    "first_order_at",
    "last_order_at",
    "spent",
    "lifetime_value",
    "subscriptions",
    "products",
    "refunds",
    "has",
];

/// The fields of `contact.refunds`.
pub const REFUNDS: [&str; 2] = ["count", "list"];

/// Whether `text`, a key (`product-12`) or an id (`12`), names this item.
pub(crate) fn names_item(text: &str, item_type: &str, id: &str) -> bool {
    let of_type = |rest: &str| rest.strip_prefix('-') == Some(id);
    text == id || (!item_type.is_empty() && text.strip_prefix(item_type).is_some_and(of_type))
}

/// `contact` as the engine's value.
pub(crate) fn value(known: Known) -> Value {
    Value::from_object(Contact(known))
}

#[derive(Debug)]
struct Contact(Known);

impl Object for Contact {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        let known = &self.0;
        Some(match name.as_str()? {
            "orders" => Value::from(known.orders),
            "first_order_at" => data(known.first_order_at),
            "last_order_at" => data(known.last_order_at),
            "spent" => Value::from_object(Spent(known.lifetime_value.clone())),
            "lifetime_value" => data(&known.lifetime_value),
            "subscriptions" => data(&known.subscriptions),
            "products" => data(&known.products),
            "refunds" => data(json!({"count": known.refunds.len(), "list": known.refunds})),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&FIELDS[..FIELDS.len() - 1])
    }

    /// `contact.has("product-12")`: whether they own it; `contact.has("12")` whatever its type.
    fn call_method(self: &Arc<Self>, _: &mut State, method: &str, args: &[Value]) -> Result<Value, Error> {
        let item = match (method, args) {
            ("has", [item]) => item.as_str().map_or_else(|| item.to_string(), str::to_owned),
            ("has", _) => {
                let message = "`contact.has` takes one item: `contact.has(\"product-12\")`";
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        let mut products = self.0.products.iter();
        let is_owned = products.any(|product| names_item(&item, &product.item_type, &product.id));
        Ok(Value::from(is_owned))
    }
}

/// `contact.spent`: for any currency an amount, also where nothing was spent in it.
#[derive(Debug)]
struct Spent(Vec<Money>);

impl Object for Spent {
    fn get_value(self: &Arc<Self>, currency: &Value) -> Option<Value> {
        let currency = currency.as_str()?;
        let known = self
            .0
            .iter()
            .find(|money| money.currency.eq_ignore_ascii_case(currency));
        Some(known.map_or_else(
            || data(json!({"minor": 0, "currency": currency.to_ascii_uppercase()})),
            data,
        ))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let currencies = self.0.iter().map(|money| Value::from(money.currency.as_str()));
        Enumerator::Values(currencies.collect())
    }
}
