//! The subscription behind an event.

use cartlane_model::{Item, Subscription};
use serde_json::Value;

use super::{Shape, time};
use crate::tree;

/// From the `subscription` block; for orders from what is still to be charged.
///
/// `subscription.id` (and `refund.id`) is the **item's** id. The subscription's own id, by which the API cancels it, is
/// `subscription_id`, or stands under the item in `subscription_ids`.
pub(super) fn subscription(shape: Shape, items: &[Item], payload: &Value) -> Option<Subscription> {
    let known = if shape == Shape::Order {
        of_order(payload)
    } else {
        of_block(payload)
    };
    let subscription = Subscription {
        id: id(shape, items, payload),
        ..known
    };
    (subscription != Subscription::default()).then_some(subscription)
}

/// What an order says of the payments to come.
fn of_order(payload: &Value) -> Subscription {
    let charges = payload.get("order").and_then(|order| order.get("future_charges"));
    let charges = charges.map(tree::elements).unwrap_or_default();
    let Some(next) = charges.first() else {
        return Subscription::default();
    };
    Subscription {
        frequency: tree::text(next, "frequency").map(str::to_owned),
        next_payment_at: time::first(next, &["defer_date", "due"]),
        ..Subscription::default()
    }
}

fn of_block(payload: &Value) -> Subscription {
    let Some(block) = payload.get("subscription") else {
        return Subscription::default();
    };
    Subscription {
        id: None,
        frequency: tree::text(block, "frequency").map(str::to_owned),
        paid_until: time::first(block, &["billing_period_end", "billing_period_end_iso8601"]),
        next_payment_at: time::first(block, &["next_payment_date", "next_payment_date_iso8601"]),
        remaining_payments: tree::text(block, "remaining_rebills").and_then(|text| text.parse().ok()),
    }
}

fn id(shape: Shape, items: &[Item], payload: &Value) -> Option<String> {
    let of_item = || {
        let ids = payload.get("subscription_ids")?;
        let named = items.iter().find_map(|item| tree::text(ids, &item.key()));
        // The only one there is, unless the event is about another item.
        let only = || match tree::elements(ids)[..] {
            [id] if shape == Shape::Order || items.is_empty() => tree::scalar(id),
            _ => None,
        };
        named.or_else(only)
    };
    let id = tree::text(payload, "subscription_id").or_else(of_item)?;
    (id != "false").then(|| id.to_owned()) // PayPal's test mode writes `false` for ids that it does not have
}
