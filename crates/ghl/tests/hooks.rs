//! Web hooks: who sent them, what they say, when they are the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlane_ghl::hooks::{Delivery, Incoming, Install, Keys, Proof, Signatures, decode, decode_stored};
use cartlane_model::{Mode, Money, UnixMs};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

const NOW: UnixMs = UnixMs(1_700_000_000_000);
/// Made with openssl for these tests; its private half is thrown away.
const RSA_KEY: &str = include_str!("hooks/rsa.pub.pem");
const RSA_BODY: &[u8] = br#"{"type":"NoteCreate","webhookId":"w1"}"#;
const RSA_SIGNATURE: &str = "ECXFdyk3oIrGc/cH6jjojIYc2oSl2EJhPjSixi8HHNxYQAro8MbzXIY2xAsyTUA7JZYSr/iy8ToQnqPCjMELRXKZVow7Bthz8RvdVVxQxaAm/PI238rKMMWLRsf/U+9u9ndaUSH5yNU6guFtbSw4GA7IvVvJbq7B+hHQi8Z5uLBHkmGjBD4Fose+BP+Jn9pW5RLu1b7mkttKcJIqaLKLIky8W6AX1a0tbl3RHxEzLVzMWIezMmY04CdwQdXSrhUoELjEgNEibhsjKH1uYvNnjpOyWBK7IREHKrq2jUl2cNVbXqI8hf1aEfR2vdROyLOjVPJ1zkUwkqHUdbSqZrq6cg==";

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes")
}

fn pem(key: &[u8]) -> String {
    let head = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let base64 = STANDARD.encode([&head, key].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
}

fn read(is_signed: bool, payload: &Value) -> Incoming {
    match decode(is_signed, payload.to_string().as_bytes(), NOW) {
        Ok(Delivery::Event(incoming)) => *incoming,
        other => panic!("{other:?}"),
    }
}

fn keys(payload: &Value, now: UnixMs) -> Vec<String> {
    match decode(true, payload.to_string().as_bytes(), now) {
        Ok(Delivery::Event(incoming)) => incoming.event.dedupe_keys.into_iter().map(|key| key.0).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signature_counts_for_the_very_bytes_and_the_configured_keys() {
    let body = br#"{"type": "ContactCreate"}"#;
    let signature = STANDARD.encode(pair().sign(body));
    let signed = |text| Signatures {
        ed25519: Some(text),
        rsa: None,
    };
    let ours = Keys::parse(Some(&pem(pair().public_key().as_ref())), None).expect("a key");
    assert_eq!(ours.proof(signed(&signature), body), Proof::Signed);
    assert_eq!(
        ours.proof(signed(&signature), br#"{"type":"ContactCreate"}"#),
        Proof::Wrong
    );
    assert_eq!(ours.proof(signed("not base64!"), body), Proof::Wrong);
    assert_eq!(ours.proof(signed("N/A"), body), Proof::Unsigned);
    assert_eq!(ours.proof(Signatures::default(), body), Proof::Unsigned);
    let published = Keys::parse(None, None).expect("the published key");
    assert_eq!(published.proof(signed(&signature), body), Proof::Wrong);
    let two = pem(&[1; 32]) + &pem(pair().public_key().as_ref());
    let two = Keys::parse(Some(&two), None).expect("two keys");
    assert_eq!(
        two.proof(signed(&signature), body),
        Proof::Signed,
        "while a key is changed both count"
    );
}

#[test]
fn the_older_signature_needs_a_configured_key_and_gives_way_to_the_newer() {
    let old = Signatures {
        ed25519: Some("N/A"),
        rsa: Some(RSA_SIGNATURE),
    };
    let keys = Keys::parse(None, Some(RSA_KEY)).expect("a key");
    assert_eq!(keys.proof(old, RSA_BODY), Proof::Signed);
    assert_eq!(keys.proof(old, b"{}"), Proof::Wrong);
    let both = Signatures {
        ed25519: Some("AAAA"),
        ..old
    };
    assert_eq!(keys.proof(both, RSA_BODY), Proof::Wrong);
    assert_eq!(
        Keys::parse(None, None)
            .expect("the published key")
            .proof(old, RSA_BODY),
        Proof::NoKey
    );
}

#[test]
fn a_text_that_is_no_key_is_told() {
    assert!(Keys::parse(Some("hello"), None).is_err());
    assert!(Keys::parse(Some(""), None).is_err());
    assert!(Keys::parse(None, Some(&pem(&[1; 32]))).is_err());
    assert!(Keys::parse(Some(RSA_KEY), None).is_err());
}

#[test]
fn facts_stand_under_our_names() {
    let order = json!({"type": "OrderCreate", "_id": "o1", "contactId": "c1", "currency": "USD", "amount": 150.1,
        "liveMode": false, "createdAt": "2024-04-04T16:24:27.036Z",
        "contactSnapshot": {"email": " Limof@Example.com ", "firstName": "Maxwell", "country": "CV"}});
    let event = read(true, &order).event;
    let facts = &event.facts;
    assert_eq!(
        (facts.kind.as_str(), facts.mode),
        ("ghl.order.created", Some(Mode::Test))
    );
    assert_eq!(
        facts.amount,
        Some(Money {
            minor: 15_010,
            currency: "USD".into()
        })
    );
    let person = &facts.person;
    assert_eq!(person.email.as_deref(), Some("Limof@Example.com"));
    assert_eq!(
        (person.customer_id.as_deref(), person.first_name.as_deref()),
        (Some("c1"), Some("Maxwell"))
    );
    assert_eq!(event.occurred_at, Some(UnixMs(1_712_247_867_036)));
    let stored = decode_stored(true, order.to_string().as_bytes());
    assert_eq!(stored.facts, event.facts);
}

#[test]
fn the_deliverys_own_time_goes_before_the_contacts() {
    let update = json!({"type": "ContactUpdate", "id": "c1", "dateAdded": "2021-11-26T12:41:02.193Z"});
    assert_eq!(
        read(true, &update).event.occurred_at,
        None,
        "when it was added is not when it was changed"
    );
    for timestamp in [
        json!("2023-11-14T22:13:20Z"),
        json!(1_700_000_000_000_i64),
        json!(1_700_000_000),
    ] {
        let mut update = update.clone();
        update["timestamp"] = timestamp;
        assert_eq!(read(true, &update).event.occurred_at, Some(NOW), "{update}");
    }
}

#[test]
fn what_is_not_signed_is_a_workflows_whatever_it_claims() {
    let claim = json!({"type": "UNINSTALL", "appId": "a1", "locationId": "l1", "customData": {"email": "a@example.com"}});
    let incoming = read(false, &claim);
    assert_eq!(
        (incoming.event.facts.kind.as_str(), incoming.install),
        ("ghl.workflow.webhook", None)
    );
    assert_eq!(
        incoming.event.facts.person.email.as_deref(),
        Some("a@example.com")
    );
    let signed = read(true, &claim);
    let install = Install {
        app_id: "a1".into(),
        location_id: Some("l1".into()),
        company_id: None,
        is_installed: false,
    };
    assert_eq!(signed.install, Some(install));
}

#[test]
fn a_delivery_is_known_by_its_id_else_by_its_body_and_time() {
    let with_id = |body: &str| json!({"type": "NoteCreate", "webhookId": "w1", "body": body});
    assert_eq!(keys(&with_id("a"), NOW), keys(&with_id("b"), NOW));
    let timed = |at: i64| json!({"type": "NoteCreate", "timestamp": at});
    assert_eq!(keys(&timed(1), NOW), keys(&timed(1), NOW.plus_ms(86_400_000)));
    assert_ne!(keys(&timed(1), NOW), keys(&timed(2), NOW));
    let bare = json!({"type": "NoteCreate"});
    let meets = |ms: i64| {
        keys(&bare, NOW.plus_ms(ms))
            .iter()
            .any(|key| keys(&bare, NOW).contains(key))
    };
    assert!(meets(9 * 60_000), "nine minutes later it is the same");
    assert!(!meets(21 * 60_000), "later it is another");
}

#[test]
fn only_what_is_no_json_is_refused() {
    assert!(matches!(decode(true, b" ", NOW), Ok(Delivery::Ping)));
    assert!(matches!(decode(true, b"{}", NOW), Ok(Delivery::Ping)));
    assert!(decode(true, b"type=NoteCreate", NOW).is_err());
    for payload in [
        json!([1]),
        json!("text"),
        json!({"type": 7, "timestamp": {}, "webhookId": []}),
    ] {
        assert_eq!(
            read(true, &payload).event.facts.kind.as_str(),
            "ghl.unknown",
            "{payload}"
        );
    }
}
