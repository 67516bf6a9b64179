//! What a tree says, as typed facts. Nothing here fails: what is missing or odd is absent, and stays in the payload.
//!
//! Where the amount comes from depends on the kind, for `order.*` of every later event is the **first** order's:
//! its total for `order.success`, the event's own block (`refund`, `subscription`, `purchase`) where money moved, none
//! where none did (failed, cancelled, paused, resumed), although those carry amounts too.
//! Gross (with tax) is taken before net everywhere: it is what the buyer paid.

mod items;
mod money;
mod person;
mod subscription;
mod time;

use cartlane_model::{EventKind, Facts, Mode, Money};
use serde_json::Value;

use crate::{kinds, tree};

pub(crate) use time::occurred_at;

/// Where a kind of event keeps what it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A whole order: its charges, its total.
    Order,
    /// One item, in a block of its own, for which money moved.
    Paid(&'static str),
    /// One item, in a block of its own; no money moved.
    Unpaid(&'static str),
    /// A cart that came to nothing: the product of the page.
    Cart,
    /// Anything else.
    Other,
}

fn shape(kind: &str) -> Shape {
    match kind {
        "order.success" => Shape::Order,
        kinds::ITEM_PAYMENT => Shape::Paid("purchase"),
        "order.refund" => Shape::Paid("refund"),
        "order.subscription_payment" => Shape::Paid("subscription"),
        "order.payment_declined" => Shape::Unpaid("purchase"),
        "cart.abandoned" => Shape::Cart,
        "order.rebill_failed"
        | "order.subscription_completed"
        | "order.subscription_cancelled"
        | "order.subscription_paused"
        | "order.subscription_resumed" => Shape::Unpaid("subscription"),
        _ => Shape::Other,
    }
}

/// The facts of a tree, which becomes their payload.
pub(crate) fn facts(kind: EventKind, payload: Value) -> Facts {
    let shape = shape(kind.as_str());
    let items = items::items(shape, &payload);
    Facts {
        mode: mode(&payload),
        person: person::person(kind.as_str(), &payload),
        amount: amount(shape, &payload),
        order_id: order_field(&payload, "order_id", "id"),
        invoice_id: match shape {
            Shape::Order => order_field(&payload, "invoice_id", "invoice_id"),
            _ => tree::text(&payload, "invoice_id").map(str::to_owned),
        },
        coupon: coupon(&payload),
        subscription: subscription::subscription(shape, &items, &payload),
        kind,
        items,
        payload,
    }
}

/// `mode`, else `mode_int` (1 is test, 2 is live).
fn mode(payload: &Value) -> Option<Mode> {
    match tree::text(payload, "mode").or_else(|| tree::text(payload, "mode_int"))? {
        "2" => Some(Mode::Live),
        "1" => Some(Mode::Test),
        text if text.eq_ignore_ascii_case("live") => Some(Mode::Live),
        text if text.eq_ignore_ascii_case("test") => Some(Mode::Test),
        _ => None,
    }
}

fn order_field(payload: &Value, top: &str, inside: &str) -> Option<String> {
    let nested = || tree::text(payload.get("order")?, inside);
    tree::text(payload, top).or_else(nested).map(str::to_owned)
}

fn amount(shape: Shape, payload: &Value) -> Option<Money> {
    match shape {
        Shape::Order => money::amount(
            payload.get("order")?,
            &["total_gross", "total"],
            &money::currency(payload, None),
        ),
        Shape::Paid(block) => {
            let block = payload.get(block)?;
            money::amount(
                block,
                &["amount_gross", "amount"],
                &money::currency(payload, Some(block)),
            )
        }
        Shape::Unpaid(_) | Shape::Cart | Shape::Other => None,
    }
}

/// Nowhere documented and in no recorded payload; these are the names that the REST rows and integrations use.
fn coupon(payload: &Value) -> Option<String> {
    let in_object = |value: &Value| tree::first_text(value, &["code", "name"]).map(str::to_owned);
    let read = |value: &Value| {
        tree::scalar(value)
            .map(str::to_owned)
            .or_else(|| in_object(value))
    };
    let order = payload.get("order").and_then(|order| order.get("coupon"));
    [payload.get("coupon"), payload.get("coupon_code"), order]
        .into_iter()
        .flatten()
        .find_map(read)
}
