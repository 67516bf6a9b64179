//! Every recorded and documented payload, in both wire forms.

use std::path::Path;

use cartlane_model::{DedupeKey, ExposeSecret, UnixMs};
use cartlane_thrivecart::{ContentType, Delivery, Incoming, Limits, decode, decode_stored, wire};
use serde_json::{Value, json};

const ORDER: &str = "order.success.subscription.stripe.testmode.2023.form";
const REBILL: &str = "order.subscription_payment.stripe.live.2020.form";

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let list = |folder: &str| -> Vec<String> {
        let files = std::fs::read_dir(root.join(folder)).expect("the folder of fixtures");
        let names = files.map(|file| file.expect("an entry").file_name().into_string().expect("a name"));
        names
            .filter(|name| name.contains('.'))
            .map(|name| format!("{folder}{name}"))
            .collect()
    };
    [list(""), list("docstyle/")].concat()
}

fn is_json(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "json")
}

fn incoming(content_type: Option<&str>, body: &str) -> Incoming {
    match decode(content_type, body.as_bytes(), &Limits::default()) {
        Ok(Delivery::Event(incoming)) => *incoming,
        other => panic!("{other:?}"),
    }
}

/// Facts without the payload, a field per line, with nulls left out.
fn telling_facts(name: &str) -> String {
    let mut facts = serde_json::to_value(incoming(None, &fixture(name)).event.facts).expect("facts are JSON");
    facts.as_object_mut().expect("an object").remove("payload");
    let facts = without_nulls(facts);
    let lines = facts
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[test]
fn every_payload_is_the_same_event_in_both_wire_forms() {
    let names = names();
    assert_eq!(names.len(), 13, "{names:?}");
    for name in names {
        let body = fixture(&name);
        let (form, json) = if is_json(&name) {
            (wire::to_form(&serde_json::from_str(&body).unwrap()), body)
        } else {
            (body.clone(), wire::to_json(&body).to_string())
        };
        let (form, json) = (incoming(None, &form), incoming(None, &json));
        assert_eq!(form.event, json.event, "{name}");
        assert_eq!(
            (form.masked.content_type, json.masked.content_type),
            (ContentType::Form, ContentType::Json)
        );
        for incoming in [form, json] {
            let secret = incoming.secret.as_ref().expect("a secret").expose_secret();
            assert!(secret.starts_with("EXAMPLESEC"), "{name}");
            assert!(
                !String::from_utf8_lossy(&incoming.masked.body).contains(secret),
                "{name}"
            );
            assert!(
                !incoming.event.facts.payload.to_string().contains(secret),
                "{name}"
            );
            let stored = decode_stored(incoming.masked.content_type, &incoming.masked.body);
            assert_eq!(stored, incoming.event, "{name}");
        }
    }
}

#[test]
fn derived_wire_forms_are_those_that_thrivecart_sends() {
    for name in names().into_iter().filter(|name| is_json(name)) {
        let json: Value = serde_json::from_str(&fixture(&name)).unwrap();
        let form = fixture(&name.replace(".json", ".form"));
        assert_eq!(wire::to_form(&json), form.trim_end(), "{name}");
        assert_eq!(wire::to_json(form.trim_end()), json, "{name}");
    }
}

#[test]
fn order_of_a_subscription() {
    insta::assert_snapshot!(telling_facts(ORDER), @r#"
    kind: "order.success"
    mode: "test"
    person: {"email":"buyer1@example.com","customer_id":"429583657727489355","first_name":"Alex","last_name":"Example","name":"Alex Example","company":"Example Studio","country":"ID"}
    items: [{"type":"product","id":"12","name":"Alpha & Omega Plan Pro","amount":{"minor":499700,"currency":"USD"},"quantity":1,"plan_id":"83322","plan_name":"Yearly Subscription ($4997.00)"}]
    amount: {"minor":499700,"currency":"USD"}
    order_id: "23370556"
    invoice_id: "000001382"
    subscription: {"id":"3498819","frequency":"year","next_payment_at":1731109699000}
    "#);
}

#[test]
fn payment_of_a_subscription_has_its_own_amount_and_time() {
    insta::assert_snapshot!(telling_facts(REBILL), @r#"
    kind: "order.subscription_payment"
    mode: "live"
    person: {"email":"buyer2@example.com","customer_id":"16099259","first_name":"Sam","last_name":"Example","name":"Sam Example","phone":"5555550100","country":"US"}
    items: [{"type":"product","id":"17","name":"$69/Month Example CRM Friend Price","amount":{"minor":6900,"currency":"USD"},"plan_id":"31670"}]
    amount: {"minor":6900,"currency":"USD"}
    order_id: "3230022"
    invoice_id: "000000141-6"
    subscription: {"frequency":"month","next_payment_at":1598246253000}
    "#);
    assert_eq!(
        incoming(None, &fixture(REBILL)).event.occurred_at,
        Some(UnixMs(1_595_567_854_000))
    );
}

#[test]
fn abandoned_cart_has_neither_mode_nor_money() {
    insta::assert_snapshot!(telling_facts("cart.abandoned.2020.form"), @r#"
    kind: "cart.abandoned"
    person: {"email":"visitor3@example.com","first_name":"Robin","last_name":"Example","name":"Robin Example","country":"US"}
    items: [{"type":"product","id":"24","name":"Example CRM Lead Integration"}]
    "#);
}

#[test]
fn items_are_told_apart_by_type_and_id() {
    insta::assert_snapshot!(telling_facts("docstyle/order.success.product_plus_upsell.form"), @r#"
    kind: "order.success"
    mode: "live"
    person: {"email":"BUYER@EXAMPLE.COM"}
    items: [{"type":"product","id":"101","amount":{"minor":900,"currency":"USD"},"plan_id":"201"},{"type":"upsell","id":"101","amount":{"minor":4000,"currency":"USD"}}]
    amount: {"minor":4900,"currency":"USD"}
    order_id: "1514394"
    invoice_id: "000000004"
    "#);
}

#[test]
fn refund_of_an_upsell_is_about_the_upsell() {
    insta::assert_snapshot!(telling_facts("docstyle/order.refund.upsell.form"), @r#"
    kind: "order.refund"
    mode: "live"
    person: {"email":"buyer@example.com"}
    items: [{"type":"upsell","id":"101","amount":{"minor":4000,"currency":"USD"}}]
    amount: {"minor":4000,"currency":"USD"}
    order_id: "1514394"
    invoice_id: "refund-4"
    "#);
}

fn keys(body: &str) -> Vec<DedupeKey> {
    incoming(None, body).event.dedupe_keys
}

fn are_one_event(left: &str, right: &str) -> bool {
    let right = keys(right);
    keys(left).iter().any(|key| right.contains(key))
}

#[test]
fn retries_are_one_event_and_payments_of_one_subscription_are_not() {
    let first = fixture(REBILL);
    let second = first
        .replace("000000141-6", "000000141-7")
        .replace("payment_idx=6", "payment_idx=7")
        .replace("payment_idx%5D=6", "payment_idx%5D=7")
        .replace("1595567854", "1598246254")
        .replace("2020-07-24", "2020-08-24");
    assert!(are_one_event(&first, &first));
    assert!(
        !are_one_event(&first, &second),
        "the order id alone must not be a key"
    );
}

#[test]
fn both_vocabularies_of_one_order_are_one_event() {
    let order = fixture(ORDER);
    let created = order.replacen("event=order.success", "event=order_created", 1) + "&event_id=77";
    assert!(are_one_event(&order, &created));
    let item = order.replacen("event=order.success", "event=order_payment_product", 1);
    assert!(
        !are_one_event(&order, &item),
        "the family of items must not swallow the order"
    );
}

#[test]
fn failed_payments_at_different_times_are_different_events() {
    let failed = fixture("docstyle/order.rebill_failed.form");
    let at = |seconds: u32| format!("{failed}&date_unix={seconds}");
    assert!(!are_one_event(&at(1_700_000_000), &at(1_700_086_400)));
    assert!(are_one_event(&at(1_700_000_000), &at(1_700_000_000)));
    let with_id = |id: &str| format!("{failed}&webhook_id={id}");
    assert!(
        !are_one_event(&with_id("one"), &with_id("two")),
        "without a time only the id tells them apart"
    );
    assert!(are_one_event(&with_id("one"), &with_id("one")));
}

#[test]
fn item_payments_of_one_order_are_different_events() {
    let payment = |item: &str| {
        format!("event=order_payment_{item}&event_id=5&order_id=9&date_unix=1700000000&customer[email]=a@b.c")
    };
    assert!(!are_one_event(&payment("product"), &payment("bump")));
}

#[test]
fn retry_is_recognised_when_only_its_delivery_id_is_new() {
    let order = fixture(ORDER);
    assert!(are_one_event(
        &format!("{order}&webhook_id=a"),
        &format!("{order}&webhook_id=b")
    ));
}

#[test]
fn payload_is_the_whole_tree_with_its_secret_masked() {
    let facts = incoming(None, &fixture(ORDER)).event.facts;
    let mut sent: Value = serde_json::from_str(&fixture(&ORDER.replace(".form", ".json"))).unwrap();
    sent["thrivecart_secret"] = json!("***");
    assert_eq!(facts.payload, sent);
}
