//! What deliveries may look like, and what becomes of them.

use cartlane_model::{ExposeSecret, Facts, Mode, UnixMs};
use cartlane_thrivecart::{DecodeError, Delivery, Incoming, Limits, decode, decode_stored, wire};
use rstest::rstest;
use serde_json::{Value, json};

fn incoming(content_type: Option<&str>, body: &[u8]) -> Incoming {
    match decode(content_type, body, &Limits::default()) {
        Ok(Delivery::Event(incoming)) => *incoming,
        other => panic!("{other:?}"),
    }
}

fn facts(payload: &Value) -> Facts {
    incoming(None, payload.to_string().as_bytes()).event.facts
}

#[rstest]
#[case("")]
#[case(" \r\n")]
#[case("{}")]
#[case(" [ ] ")]
#[case("[null]")]
#[case("[\"\"]")]
#[case("\u{feff}{}")]
fn body_that_says_nothing_is_a_ping(#[case] body: &str) {
    assert!(matches!(
        decode(None, body.as_bytes(), &Limits::default()),
        Ok(Delivery::Ping)
    ));
}

#[rstest]
#[case::wrong_header_form(Some("application/json"), "event=order.success")]
#[case::wrong_header_json(Some("application/x-www-form-urlencoded"), r#"{"event": "order.success"}"#)]
#[case::no_header(None, r#" {"event":"order.success"}"#)]
#[case::byte_order_mark(Some("application/json"), "\u{feff}{\"event\": \"order.success\"}")]
#[case::deep_rest(None, &format!(r#"{{"event":"order.success","x":{}{}}}"#, "[".repeat(5000), "]".repeat(5000)))]
#[case::white_space_around(None, "\r\nevent=order.success\r\n")]
#[case::form_with_a_json_beginning(
    Some("application/x-www-form-urlencoded; charset=utf-8"),
    "{x=1&event=order.success"
)]
fn content_decides_over_the_header(#[case] content_type: Option<&str>, #[case] body: &str) {
    let event = incoming(content_type, body.as_bytes()).event;
    assert_eq!(event.facts.kind.as_str(), "order.success");
}

#[rstest]
#[case::broken_json(
    r#"{"event": "a=b", oops}"#,
    "byte 17: key must be a string; expected a JSON object"
)]
#[case::cut_json(
    "{\n\"event\": \"x\"",
    "byte 13: EOF while parsing an object; expected a JSON object"
)]
#[case::text(r#" "event=x""#, "byte 1: a text stands alone; expected a JSON object")]
#[case::number(
    "123",
    "byte 3: neither a JSON object nor any `name=value` was found; expected a form \
    (application/x-www-form-urlencoded) or a JSON object"
)]
#[case::binary(
    "PK\u{3}\u{4}",
    "byte 2: neither a JSON object nor any `name=value` was found; expected a form \
    (application/x-www-form-urlencoded) or a JSON object"
)]
#[case::multipart(
    "--x\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\n",
    "byte 0: a multipart body is not supported; choose form or JSON in ThriveCart's webhook settings \
    (Settings > API & Webhooks > Webhooks & notifications)"
)]
fn undecodable_body_is_refused_with_its_place(#[case] body: &str, #[case] expected: &str) {
    let error = decode(Some("application/json"), body.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn too_large_body_is_refused_before_it_is_read() {
    let limits = Limits {
        body_bytes: 10,
        ..Limits::default()
    };
    let error = decode(None, b"event=order.success", &limits).unwrap_err();
    assert_eq!(error, DecodeError::TooLarge { limit: 10 });
}

#[test]
fn too_many_or_too_deep_values_are_counted_and_the_sender_is_still_known() {
    let many = (0..2500)
        .map(|at| format!("k{at}=v"))
        .collect::<Vec<_>>()
        .join("&");
    let deep = format!("a{}=1", "[b]".repeat(40));
    let body = format!("{many}&{deep}&event=order.success&thrivecart_secret=SECRETSECRET");
    let incoming = incoming(None, body.as_bytes());
    let payload = &incoming.event.facts.payload;
    assert_eq!(payload["_beyond_limits"], "501");
    assert_eq!(payload.as_object().unwrap().len(), 2003);
    assert_eq!(incoming.event.facts.kind.as_str(), "order.success");
    assert_eq!(incoming.secret.unwrap().expose_secret(), "SECRETSECRET");
    assert_eq!(
        decode_stored(incoming.masked.content_type, &incoming.masked.body),
        incoming.event
    );
}

#[test]
fn secret_is_masked_where_else_it_stands() {
    let body =
        "event=x&thrivecart_secret=ABCDEF012345&copy=%7B%22s%22%3A%22%41BCDEF012345%22%7D&ABCDEF012345=1";
    let incoming = incoming(None, body.as_bytes());
    assert_eq!(
        String::from_utf8_lossy(&incoming.masked.body),
        "event=x&thrivecart_secret=***&copy=%7B%22s%22%3A%22***%22%7D&***=1"
    );
    assert_eq!(
        incoming.event.facts.payload,
        json!({"event": "x", "thrivecart_secret": "***", "copy": {"s": "***"}, "***": "1"})
    );
}

#[test]
fn secret_of_broken_text_leaves_the_stored_event_the_same() {
    let body = b"event=x&thrivecart_secret=ABCDEF\xff012345&copy=ABCDEF\xff012345&k[l]=ABCDEF%EF%BF%BD012345";
    let incoming = incoming(None, body);
    let stored = decode_stored(incoming.masked.content_type, &incoming.masked.body);
    assert_eq!(stored, incoming.event);
    assert_eq!(stored.facts.payload["k"]["l"], "***");
}

#[test]
fn nulls_in_all_their_spellings_are_absent() {
    for null in [
        json!(null),
        json!("null"),
        json!(" "),
        json!(""),
        json!([null]),
        json!([""]),
        json!([]),
    ] {
        let facts = facts(&json!({
            "event": "order.success", "mode": null, "order_id": null, "invoice_id": null, "coupon": null,
            "customer_id": null, "order": {"total": null, "charges": null}, "purchase_map": null,
            "customer": {"email": null, "name": null, "first_name": null, "address": null, "contactno": null},
        }));
        assert_eq!(
            (facts.person.clone(), facts.items.len()),
            Default::default(),
            "{null}"
        );
        let none = (
            facts.mode,
            facts.order_id,
            facts.invoice_id,
            facts.coupon,
            facts.amount,
        );
        assert_eq!(none, (None, None, None, None, None), "{null}");
    }
}

#[test]
fn numbers_and_booleans_are_read_as_the_text_they_are_elsewhere() {
    let facts = facts(&json!({
        "event": "order.success", "mode_int": 2, "order_id": 23_370_556, "customer_id": 429_583_657_727_489_355_u64,
        "currency": "eur", "order": {"total": 499_700.0, "charges": [{"item_type": "bump", "reference": 12}]},
    }));
    assert_eq!(facts.mode, Some(Mode::Live));
    assert_eq!(facts.person.customer_id.as_deref(), Some("429583657727489355"));
    assert_eq!(facts.amount.unwrap().to_string(), "4997.00 EUR");
    assert_eq!(facts.items[0].key(), "bump-12");
}

#[rstest]
#[case::docs_spelling(json!({"firstname": "A", "lastname": "B", "email": " a@b.c "}), Some("A B"), Some("a@b.c"))]
#[case::blank_name(json!({"name": " ", "first_name": "A", "last_name": "null"}), None, None)]
#[case::json_text(json!("{\"name\": \"A B\", \"email\": \"a@b.c\"}"), Some("A B"), Some("a@b.c"))]
fn customer_is_read_in_every_vintage(
    #[case] customer: Value,
    #[case] name: Option<&str>,
    #[case] email: Option<&str>,
) {
    let person = facts(&json!({"event": "order.success", "customer": customer})).person;
    assert_eq!((person.name.as_deref(), person.email.as_deref()), (name, email));
}

#[test]
fn address_and_viewer_fill_what_the_customer_lacks() {
    let person = facts(&json!({
        "event": "cart_abandoned", "customer": {"address": [""]},
        "viewer": {"email": "a@b.c", "address": {"country": "us", "line1": "1 Road", "zip": "00123"}},
    }))
    .person;
    assert_eq!(person.email.as_deref(), Some("a@b.c"));
    assert_eq!(person.country.as_deref(), Some("US"));
    assert_eq!(
        (person.address1.as_deref(), person.postal_code.as_deref()),
        (Some("1 Road"), Some("00123"))
    );
}

#[rstest]
#[case::answer(json!({"previous_email": "old@b.c", "current_email": "new@b.c"}))]
#[case::request(json!({"current_email": "old@b.c", "new_email": "new@b.c"}))]
#[case::in_data(json!({"data": {"previous_email": "old@b.c", "current_email": "new@b.c"}}))]
#[case::in_customer(json!({"customer": {"email": "new@b.c", "previous_email": "old@b.c"}}))]
fn change_of_email_has_both(#[case] mut payload: Value) {
    payload["event"] = json!("customer_updated");
    let facts = facts(&payload);
    assert_eq!(facts.kind.as_str(), "customer.updated");
    assert_eq!(facts.person.email.as_deref(), Some("new@b.c"));
    assert_eq!(facts.person.previous_email.as_deref(), Some("old@b.c"));
}

#[test]
fn two_rows_of_one_item_in_old_orders_are_one_item() {
    let facts = facts(
        &json!({"event": "order.success", "currency": "USD", "purchase_map_flat": "product-5, bump-5",
            "order": {"total": "100", "charges": [
                {"item_type": "product", "reference": "5", "type": "recurring", "amount": "900", "payment_plan_id": "7"},
                {"item_type": "product", "reference": "5", "type": "single", "amount": "100", "name": "A &amp; B"},
        ]}}),
    );
    let items: Vec<_> = facts.items.iter().map(cartlane_model::Item::key).collect();
    assert_eq!(items, ["product-5", "bump-5"]);
    let item = &facts.items[0];
    assert_eq!(
        (item.name.as_deref(), item.plan_id.as_deref()),
        (Some("A & B"), Some("7"))
    );
    assert_eq!(
        item.amount.as_ref().unwrap().minor,
        100,
        "what was charged at once"
    );
}

#[rstest]
#[case::purchase_map(json!({"purchase_map": ["product-1", "upsell-2"], "purchases": ["A &amp; B", "C"]}), "product-1=A & B upsell-2=C")]
#[case::flat_map(json!({"purchase_map": "product-1,downsell-2"}), "product-1= downsell-2=")]
#[case::base_product(json!({"base_product": 9, "base_product_name": "A & B"}), "product-9=A & B")]
#[case::identifier(json!({"order": {"charges": [{"item_identifier": "upsell_3", "name": "U"}]}}), "upsell-3=U")]
#[case::sparse_charges(json!({"order": {"charges": {"4": {"item_type": "product", "reference": "1"}}}}), "product-1=")]
fn items_are_found_wherever_they_stand(#[case] mut payload: Value, #[case] expected: &str) {
    payload["event"] = json!("order.success");
    let items = facts(&payload).items;
    let found: Vec<_> = items
        .iter()
        .map(|item| format!("{}={}", item.key(), item.name.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(found.join(" "), expected);
}

#[test]
fn item_ids_are_not_subscription_ids() {
    let cancelled = |extra: Value| {
        let mut payload = json!({"event": "order.subscription_cancelled", "currency": "USD",
            "subscription": {"type": "product", "id": "17", "amount": "6900", "billing_period_end": "1757200000",
                "remaining_rebills": "3"}});
        payload
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        facts(&payload)
    };
    let facts = cancelled(json!({"subscription_ids": {"product-17": "3498819", "upsell-17": "4"}}));
    let subscription = facts.subscription.unwrap();
    assert_eq!(subscription.id.as_deref(), Some("3498819"));
    assert_eq!(subscription.paid_until, Some(UnixMs(1_757_200_000_000)));
    assert_eq!(subscription.remaining_payments, Some(3));
    assert_eq!(facts.amount, None, "no money moved");
    assert_eq!(facts.items[0].amount.as_ref().unwrap().minor, 6900);
    assert_eq!(
        cancelled(json!({"subscription_id": "55"}))
            .subscription
            .unwrap()
            .id
            .as_deref(),
        Some("55")
    );
    assert_eq!(
        cancelled(json!({"subscription_ids": {"bump-1": "4"}}))
            .subscription
            .unwrap()
            .id,
        None
    );
}

#[rstest]
#[case::order_has_its_own_fields("order.success", Some(100_000))]
#[case::other_kinds_do_not_take_the_first_orders_time("order.refund", None)]
fn moment_of_the_order_is_that_of_order_success_only(#[case] event: &str, #[case] expected: Option<i64>) {
    let body = json!({"event": event, "order_timestamp": "100", "order": {"date_unix": "50"}}).to_string();
    assert_eq!(
        incoming(None, body.as_bytes()).event.occurred_at,
        expected.map(UnixMs)
    );
}

#[test]
fn unknown_and_missing_events_are_kept() {
    assert_eq!(
        facts(&json!({"event": "order.teleported"})).kind.as_str(),
        "order.teleported"
    );
    assert_eq!(facts(&json!({"hello": "world"})).kind.as_str(), "unknown");
    assert_eq!(
        facts(&json!([{"event": "order.success"}])).kind.as_str(),
        "unknown"
    );
}

#[test]
fn stored_body_of_another_making_still_reads() {
    let event = decode_stored(cartlane_thrivecart::ContentType::Json, b"\xff\xfe");
    assert_eq!(event.facts.kind.as_str(), "unknown");
    assert_eq!(wire::to_form(&event.facts.payload), "");
}
