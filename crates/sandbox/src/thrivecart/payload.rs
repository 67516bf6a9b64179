//! Web hooks as `ThriveCart` writes them: recorded ones, filled with this account's facts.
//!
//! Every scalar is a text and null is the text `null`, in forms and JSON alike, because so it is in what was recorded.
//! `order.success` and `order.subscription_payment` are recordings; the others have the latter's head and the block that
//! their event is about.

use cartlane_model::UnixMs;
use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;

use super::shop::{Item, Order};

const SALE: &str =
    include_str!("../../../thrivecart/fixtures/order.success.subscription.stripe.testmode.2023.json");
const PAYMENT: &str =
    include_str!("../../../thrivecart/fixtures/order.subscription_payment.stripe.live.2020.json");

/// The payload of an event in the dotted vocabulary, without the account's marks.
pub(super) fn of(kind: &str, order: &Order, item: &Item, at: UnixMs) -> Value {
    let is_sale = kind == "order.success";
    let mut body: Value = serde_json::from_str(if is_sale { SALE } else { PAYMENT }).unwrap_or_default();
    head(&mut body, kind, order);
    if is_sale {
        sale(&mut body, order);
        return body;
    }
    put_moment(&mut body, at);
    let mut block = block(item, order);
    if kind == "order.refund" {
        body["subscription_id"] = json!(text_or_null(&item.subscription_id));
        body["pro-rata"] = json!("false");
        body["refund"] = block;
        remove(&mut body, &["subscription", "recurring_payment_idx"]);
        return body;
    }
    let seconds = |days: i64| (at.0 / 1000 + days * 86_400).to_string();
    block["frequency"] = json!(item.frequency);
    block["remaining_rebills"] = json!("null");
    if kind == "order.subscription_payment" {
        let invoice_id = format!("{}-{}", order.invoice_id, item.rebills);
        body["invoice_id"] = json!(invoice_id);
        body["recurring_payment_idx"] = json!(item.rebills.to_string());
        block["invoice_str"] = json!(invoice_id);
        block["recurring_payment_idx"] = json!(item.rebills.to_string());
        block["next_payment_date"] = json!(seconds(30));
    } else {
        remove(&mut body, &["recurring_payment_idx"]);
        body["subscription_id"] = json!(item.subscription_id);
        block["billing_period_end"] = json!(seconds(30));
    }
    body["subscription"] = block;
    body
}

/// The names of an event in the words of the API: an order has one of its own and one for each item.
pub(super) fn api_names(kind: &str, order: &Order, item: &Item) -> Vec<String> {
    let one = |name: &str| vec![name.to_owned()];
    match kind {
        "order.success" => {
            let items = order
                .items
                .iter()
                .map(|item| format!("order_payment_{}", item.kind));
            std::iter::once("order_created".to_owned()).chain(items).collect()
        }
        "order.refund" => vec!["order_refund".into(), format!("order_refund_{}", item.kind)],
        "order.subscription_payment" => one("order_rebill"),
        "order.rebill_failed" => one("order_rebill_failed"),
        "order.subscription_cancelled" => one("order_rebill_cancelled"),
        "order.subscription_paused" => one("subscription_paused"),
        "order.subscription_resumed" => one("subscription_resumed"),
        _ => Vec::new(),
    }
}

/// Whether a payload has the wanted values; a list stands for any of its values.
pub(super) fn matches(payload: &Value, wanted: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match wanted {
        Value::Null => true,
        Value::Object(fields) => fields
            .iter()
            .all(|(name, wanted)| payload.get(name).is_some_and(|has| matches(has, wanted))),
        Value::Array(choices) => choices.iter().any(|choice| text(choice) == text(payload)),
        wanted => text(wanted) == text(payload),
    }
}

/// `YYYY-MM-DD HH:MM:SS`, UTC.
pub(super) fn moment(at: UnixMs) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As a form, nested the way PHP does it.
pub(super) fn form(body: &Value) -> String {
    let mut pairs = Vec::new();
    flatten(String::new(), body, &mut pairs);
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn flatten(name: String, value: &Value, pairs: &mut Vec<(String, String)>) {
    let within = |key: &str| match name.as_str() {
        "" => key.to_owned(),
        name => format!("{name}[{key}]"),
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| flatten(within(key), value, pairs)),
        Value::Array(items) => (0..)
            .zip(items)
            .for_each(|(index, value): (usize, _)| flatten(within(&index.to_string()), value, pairs)),
        Value::String(text) => pairs.push((name, text.clone())),
        other => pairs.push((name, other.to_string())),
    }
}

fn head(body: &mut Value, kind: &str, order: &Order) {
    let (first, last) = order.name.split_once(' ').unwrap_or((&order.name, ""));
    let base = &order.items[0];
    let facts = json!({
        "event": kind, "mode": order.mode, "mode_int": if order.mode == "test" { "1" } else { "2" },
        "base_product": base.id, "base_product_name": base.name, "base_product_label": "",
        "order_id": order.id, "invoice_id": order.invoice_id, "currency": "USD", "customer_id": order.customer_id,
    });
    merge(body, facts);
    let customer = json!({
        "id": order.customer_id, "email": order.email, "name": order.name, "first_name": first, "last_name": last,
    });
    merge(&mut body["customer"], customer);
    let total: i64 = order.items.iter().map(|item| item.amount).sum();
    merge(
        &mut body["order"],
        json!({"id": order.id, "invoice_id": order.invoice_id, "processor": "stripe"}),
    );
    put_money(&mut body["order"], &["total", "total_gross"], total);
    put_moment(&mut body["order"], order.at);
}

fn sale(body: &mut Value, order: &Order) {
    body["order_date"] = json!(moment(order.at));
    body["order_timestamp"] = json!((order.at.0 / 1000).to_string());
    let recorded = body["order"]["charges"][0].clone();
    let charge = |item: &Item| {
        let mut charge = recorded.clone();
        merge(
            &mut charge,
            json!({
                "name": html(&item.name), "reference": item.id, "item_type": item.kind,
                "item_identifier": format!("{}_{}", item.kind, item.id),
                "related_to_recur": (!item.frequency.is_empty()).to_string(),
            }),
        );
        put_money(
            &mut charge,
            &["amount", "original_amount", "unit_price", "amount_gross"],
            item.amount,
        );
        charge
    };
    body["order"]["charges"] = order.items.iter().map(charge).collect();
    remove(&mut body["order"], &["future_charges"]);
    let keys: Vec<String> = order.items.iter().map(Item::reference).collect();
    let names: Vec<String> = order.items.iter().map(|item| html(&item.name)).collect();
    let map = |value: &dyn Fn(&Item) -> String| -> Map<String, Value> {
        let recurring = order.items.iter().filter(|item| !item.subscription_id.is_empty());
        recurring
            .map(|item| (item.reference(), value(item).into()))
            .collect()
    };
    body["subscription_ids"] = map(&|item| item.subscription_id.clone()).into();
    body["subscriptions"] = map(&|item| format!("sub_{}", item.subscription_id)).into();
    for prefix in ["purchase", "accessible_purchase"] {
        body[format!("{prefix}s")] = json!(names);
        body[format!("{prefix}_map")] = json!(keys);
        body[format!("{prefix}_map_flat")] = json!(keys.join(","));
    }
    let charges: Map<String, Value> = keys
        .iter()
        .map(|key| (key.clone(), json!(format!("ch_{key}"))))
        .collect();
    body["transactions"] = charges.into();
}

/// What an event about one item says of it. Its `id` is the item's, not the subscription's.
fn block(item: &Item, order: &Order) -> Value {
    let mut block = json!({
        "type": item.kind, "id": item.id, format!("{}_id", item.kind): item.id, "name": item.name, "label": "",
        "processor": "stripe", "currency": "USD", "invoice_id": order.invoice_id,
    });
    put_money(&mut block, &["amount", "amount_gross"], item.amount);
    put_money(&mut block, &["tax_paid"], 0);
    block
}

fn put_money(body: &mut Value, names: &[&str], minor: i64) {
    for name in names {
        body[*name] = json!(minor.to_string());
        body[format!("{name}_str")] = json!(format!("{}.{:02}", minor / 100, minor % 100));
    }
}

fn put_moment(body: &mut Value, at: UnixMs) {
    let time = moment(at);
    body["date_iso8601"] = json!(format!("{}+00:00", time.replace(' ', "T")));
    body["date"] = json!(time);
    body["date_unix"] = json!((at.0 / 1000).to_string());
}

fn merge(body: &mut Value, facts: Value) {
    if let (Some(body), Value::Object(facts)) = (body.as_object_mut(), facts) {
        body.extend(facts);
    }
}

fn remove(body: &mut Value, names: &[&str]) {
    if let Some(body) = body.as_object_mut() {
        body.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// Names of charges and purchases are escaped for HTML, others are not.
fn html(name: &str) -> String {
    name.replace('&', "&amp;")
}

fn text_or_null(text: &str) -> &str {
    if text.is_empty() { "null" } else { text }
}
