//! What the emulated account sells. Ids are texts, as `ThriveCart` answers them.

use serde_json::{Value, json};

/// Type, id, name, price in cents, how often it is paid (empty: once).
pub(super) const ITEMS: [(&str, &str, &str, i64, &str); 5] = [
    ("product", "12", "Alpha & Omega Plan", 499_700, "year"),
    ("product", "101", "Course", 4_900, ""),
    ("bump", "101", "Workbook", 1_200, ""),
    ("upsell", "5", "Coaching", 9_700, "month"),
    ("downsell", "3", "Starter kit", 2_700, ""),
];

/// All items of a type, or the one with this id, in the form of the API.
pub(super) fn items(kind: &str, id: Option<&str>) -> Vec<Value> {
    let of_kind = ITEMS.iter().filter(|item| item.0 == kind);
    of_kind
        .filter(|item| id.is_none_or(|id| id == item.1))
        .map(|(kind, id, name, amount, _)| {
            let mut item = json!({
                format!("{kind}_id"): id, "name": name, "label": "", "type": "1", "typeString": "digital",
            });
            if matches!(*kind, "product" | "bump") {
                item["status"] = json!("2");
                item["statusString"] = json!("live");
                item["embed_type"] = json!("standard");
                item["url"] = json!(format!("https://sandbox.thrivecart.com/{kind}-{id}/"));
                item["payment_currency"] = json!("USD");
            }
            if *kind == "bump" {
                item["product_id"] = json!(id);
                item["bump_name"] = json!(name);
                item["payment_amount"] = json!(amount);
            }
            item
        })
        .collect()
}

/// The pricing options of an item; none where there is no such item.
pub(super) fn pricing_options(kind: &str, id: &str) -> Option<Value> {
    let (_, id, name, amount, frequency) = ITEMS.iter().find(|item| item.0 == kind && item.1 == id)?;
    let is_once = frequency.is_empty();
    let money = |minor: &i64| format!("{}.{:02}", minor / 100, minor % 100);
    Some(json!([{
        "id": format!("9{id}"), "name": name, "preferred": true,
        "type": if is_once { "single" } else { "recurring" },
        "price": amount, "price_str": money(amount), "frequency": frequency,
        "affiliate_commissions": {"type": "percentage", "upfront_percentage": 30},
    }]))
}
