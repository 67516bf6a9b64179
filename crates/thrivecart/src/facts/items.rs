//! What was bought, paid back or cancelled: type **and** id, for a bump has the id of its product.

use std::borrow::Cow;

use cartlane_model::Item;
use serde_json::Value;

use super::{Shape, money};
use crate::tree;

/// The item types that have a field of their own (`upsell_id`) in an event's block.
const TYPES: [&str; 4] = ["product", "bump", "upsell", "downsell"];

/// The items of an event.
pub(super) fn items(shape: Shape, payload: &Value) -> Vec<Item> {
    match shape {
        Shape::Order => {
            let mut items = charged(payload);
            add_purchased(&mut items, payload);
            if items.is_empty() {
                items.extend(base_product(payload));
            }
            name_base_product(&mut items, payload);
            items
        }
        Shape::Paid(block) | Shape::Unpaid(block) => payload
            .get(block)
            .and_then(|block| of_block(block, payload))
            .into_iter()
            .collect(),
        Shape::Cart => base_product(payload).into_iter().collect(),
        Shape::Other => Vec::new(),
    }
}

/// The rows of `order.charges`. Payloads of 2018 have two rows (`single` and `recurring`) for an item, only one of which
/// was charged; they become one item, by the `single` row.
fn charged(payload: &Value) -> Vec<Item> {
    let currency = money::currency(payload, None);
    let charges = payload.get("order").and_then(|order| order.get("charges"));
    let mut rows: Vec<(Item, bool)> = Vec::new();
    for row in charges.map(tree::elements).unwrap_or_default() {
        let item = of_charge(row, payload, &currency);
        let is_recurring = tree::text(row, "type") == Some("recurring");
        let same = |known: &(Item, bool)| {
            known.1 != is_recurring && !item.id.is_empty() && known.0.key() == item.key()
        };
        match rows.iter_mut().find(|known| same(known)) {
            Some(known) if known.1 => *known = (merged(item, &known.0), false),
            Some(known) => known.0 = merged(known.0.clone(), &item),
            None => rows.push((item, is_recurring)),
        }
    }
    rows.into_iter().map(|(item, _)| item).collect()
}

fn merged(item: Item, other: &Item) -> Item {
    Item {
        name: item.name.or_else(|| other.name.clone()),
        amount: item.amount.or_else(|| other.amount.clone()),
        plan_id: item.plan_id.or_else(|| other.plan_id.clone()),
        plan_name: item.plan_name.or_else(|| other.plan_name.clone()),
        ..item
    }
}

fn of_charge(row: &Value, payload: &Value, currency: &str) -> Item {
    let (item_type, id) = charge_identity(row, payload);
    Item {
        item_type: item_type.to_owned(),
        id: id.to_owned(),
        name: tree::text(row, "name").map(unescape),
        amount: money::amount(row, &["amount_gross", "amount"], currency),
        quantity: tree::text(row, "quantity").and_then(|text| text.parse().ok()),
        plan_id: tree::text(row, "payment_plan_id").map(str::to_owned),
        plan_name: tree::text(row, "payment_plan_name").map(unescape),
    }
}

/// `item_type` and `reference`, else `item_identifier` (`product_12`); a row that names neither can only be the base
/// product.
fn charge_identity<'a>(row: &'a Value, payload: &'a Value) -> (&'a str, &'a str) {
    let named = tree::text(row, "item_type").zip(tree::text(row, "reference"));
    let identifier = || tree::text(row, "item_identifier")?.rsplit_once('_');
    let base = || ("product", tree::text(payload, "base_product").unwrap_or_default());
    named.or_else(identifier).unwrap_or_else(base)
}

/// Adds what stands in `purchase_map` (or its flat form) but was not charged: a free trial, say.
fn add_purchased(items: &mut Vec<Item>, payload: &Value) {
    let map = payload.get("purchase_map");
    let mut keys: Vec<&str> = match map.and_then(tree::scalar) {
        Some(flat) => flat.split(',').collect(),
        None => map
            .map(tree::elements)
            .unwrap_or_default()
            .into_iter()
            .filter_map(tree::scalar)
            .collect(),
    };
    if keys.is_empty() {
        keys = tree::text(payload, "purchase_map_flat")
            .map(|flat| flat.split(',').collect())
            .unwrap_or_default();
    }
    let names = payload.get("purchases").map(tree::elements).unwrap_or_default();
    let name_at = |at: usize| {
        names
            .get(at)
            .filter(|_| names.len() == keys.len())
            .copied()
            .and_then(tree::scalar)
    };
    for (at, key) in keys.iter().enumerate() {
        let Some((item_type, id)) = key.trim().split_once('-') else {
            continue;
        };
        if items
            .iter()
            .any(|item| item.item_type == item_type && item.id == id)
        {
            continue;
        }
        items.push(Item {
            item_type: item_type.to_owned(),
            id: id.to_owned(),
            name: name_at(at).map(unescape),
            ..Item::default()
        });
    }
}

/// The item of a `refund`, `subscription` or `purchase` block. There is no guessing at the base product: the refund of
/// an upsell is not the refund of its product.
fn of_block(block: &Value, payload: &Value) -> Option<Item> {
    let own_field = |item_type: &str| tree::text(block, &format!("{item_type}_id"));
    let item_type = tree::text(block, "type")
        .or_else(|| TYPES.into_iter().find(|item_type| own_field(item_type).is_some()))?;
    let id = own_field(item_type).or_else(|| tree::text(block, "id"))?;
    let is_base = item_type == "product" && tree::text(payload, "base_product") == Some(id);
    let base_plan = || tree::text(payload, "base_payment_plan").filter(|_| is_base);
    let base_name = || {
        tree::text(payload, "base_product_name")
            .filter(|_| is_base)
            .map(str::to_owned)
    };
    let currency = money::currency(payload, Some(block));
    Some(Item {
        item_type: item_type.to_owned(),
        id: id.to_owned(),
        name: tree::text(block, "name").map(unescape).or_else(base_name),
        amount: money::amount(block, &["amount_gross", "amount"], &currency),
        quantity: tree::text(block, "quantity").and_then(|text| text.parse().ok()),
        plan_id: tree::text(block, "payment_plan_id")
            .or_else(base_plan)
            .map(str::to_owned),
        plan_name: tree::text(block, "payment_plan_name").map(unescape),
    })
}

fn base_product(payload: &Value) -> Option<Item> {
    Some(Item {
        item_type: "product".to_owned(),
        id: tree::text(payload, "base_product")?.to_owned(),
        name: tree::text(payload, "base_product_name").map(str::to_owned), // not escaped, unlike all other names
        ..Item::default()
    })
}

/// Gives the base product its name where its row has none.
fn name_base_product(items: &mut [Item], payload: &Value) {
    let Some(base) = base_product(payload) else { return };
    for item in items
        .iter_mut()
        .filter(|item| item.name.is_none() && item.key() == base.key())
    {
        item.name.clone_from(&base.name);
    }
}

/// Names in charges and purchases arrive HTML-escaped.
fn unescape(text: &str) -> String {
    if text.contains('&') {
        html_escape::decode_html_entities(text)
    } else {
        Cow::Borrowed(text)
    }
    .into_owned()
}
