//! GHL's web hooks, posted to the program by its own `send`.

use std::fs;

use crate::common::{House, http};

/// PKCS#8 of the Ed25519 key whose seed is 32 times 7: a key of these tests alone.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
                   -----END PRIVATE KEY-----\n";
const AUTOMATION: &str = "name: Welcome\non: ghl.contact.created\nsteps:\n  - id: tags\n    \
                          operation: ghl.contacts.add_tags\n    with:\n      \
                          contactId: \"{{ event.person.customer_id }}\"\n      tags: [seen]\n";

#[test]
fn a_contact_made_in_ghl_is_tagged_once_and_doctor_shows_what_is_left() {
    let house = House::open();
    fs::write(house.path().join("key.pem"), KEY).expect("a file");
    fs::write(house.path().join("welcome.yaml"), AUTOMATION).expect("a file");
    let applied = house.cli(&["apply", "welcome.yaml"]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    // An order brings a contact; GHL tells of it.
    house.deliver(&crate::common::payload::order(1));
    house.drain();
    let id = house.contacts()[0]["id"].as_str().expect("an id").to_owned();
    let hook = serde_json::json!({"type": "ContactCreate", "id": id, "webhookId": "w1"});
    fs::write(house.path().join("hook.json"), hook.to_string()).expect("a file");
    let to = format!("http://{}{}", house.address, House::ghl_hook_path());
    let unsigned = house.cli(&["send", "hook.json", "--to", &to]);
    assert!(
        unsigned.code == Some(1) && unsigned.out.contains("401"),
        "{unsigned:?}"
    );
    let sent = house.cli(&[
        "send",
        "hook.json",
        "--to",
        &to,
        "--sign-key",
        "key.pem",
        "--times",
        "3",
    ]);
    assert!(
        sent.code == Some(0) && sent.out.contains("3 accepted"),
        "{sent:?}"
    );
    house.drain();
    assert_eq!(house.events(&["--kind", "ghl.contact.created"]).len(), 1);
    let tags = house.contacts()[0]["tags"].to_string();
    assert!(tags.contains("seen"), "{tags}");
    let doctor = house.cli(&["doctor"]);
    assert!(doctor.out.contains(&House::ghl_hook_path()), "{doctor:?}");
    assert!(doctor.out.contains("of 2000 in 1 s"), "{doctor:?}");
    assert!(doctor.out.contains("1000000 of them for polls"), "{doctor:?}");
    let other = http::send(
        house.address,
        "GET",
        &House::hook_path().replace("thrivecart", "ghl"),
        "",
        "",
    );
    assert_eq!(other.status, 404, "a shop's key is none for GHL: {other:?}");
}
