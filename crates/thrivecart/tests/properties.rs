//! What holds for every body.

use cartlane_model::ExposeSecret;
use cartlane_thrivecart::{Delivery, Limits, decode, decode_stored, wire};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn small() -> Limits {
    Limits {
        keys: 20,
        depth: 3,
        ..Limits::default()
    }
}

/// Trees that a form can carry: no empty containers, no keys with brackets, no text that is itself JSON.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = "[^\\[{]\\PC{0,12}|".prop_map(Value::String);
    let node = leaf.prop_recursive(4, 48, 6, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..6).prop_map(Value::Array);
        let map = prop::collection::btree_map("[a-z&=%+ é_-]{1,8}", inner, 1..6);
        prop_oneof![list, map.prop_map(|map| Value::Object(map.into_iter().collect()))]
    });
    prop::collection::btree_map("[a-z&=%+ é_-]{1,8}", node, 1..8)
        .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>()))
}

/// Bytes that look like a body more often than chance would have it.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "event=order.success",
            "&",
            "=",
            "[",
            "]",
            "[]",
            "%5B",
            "%5D",
            "%",
            "{",
            "}",
            "\"",
            ":",
            ",",
            "\\",
            "null",
            "thrivecart_secret",
            "thrivecart_secret=SECRETSECRET",
            "SECRETSECRET",
            "\"thrivecart_secret\":",
            "customer",
            "order[charges][0]",
            "date_unix=1",
            "\\u00",
            "1e5",
            "\u{feff}",
            "é",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_decoded_or_refused_and_what_is_stored_reads_the_same(bytes in body()) {
        let _ = decode(None, &bytes, &small());
        if let Ok(Delivery::Event(incoming)) = decode(None, &bytes, &Limits::default()) {
            let stored = decode_stored(incoming.masked.content_type, &incoming.masked.body);
            prop_assert_eq!(&stored, &incoming.event);
            let secret = incoming.secret.as_ref().map_or("", |secret| secret.expose_secret());
            if secret.len() >= 6 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                let masked = String::from_utf8_lossy(&incoming.masked.body).into_owned();
                prop_assert!(!masked.contains(secret), "{}", masked);
                prop_assert!(!incoming.event.facts.payload.to_string().contains(secret));
            }
        }
    }

    #[test]
    fn form_of_a_tree_is_read_back_as_the_tree(tree in tree()) {
        prop_assert_eq!(wire::to_json(&wire::to_form(&tree)), tree);
    }

    #[test]
    fn both_forms_of_a_tree_are_one_event(tree in tree()) {
        let form = decode(None, wire::to_form(&tree).as_bytes(), &Limits::default());
        let json = decode(None, tree.to_string().as_bytes(), &Limits::default());
        if let (Ok(Delivery::Event(form)), Ok(Delivery::Event(json))) = (form, json) {
            prop_assert_eq!(form.event, json.event);
        }
    }
}
