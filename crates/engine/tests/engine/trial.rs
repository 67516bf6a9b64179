//! An automation tried on a live account: with the test contact, and with nobody else.

use cartlane_catalog::Catalog;
use cartlane_engine::{Sender, Trial};
use cartlane_flow::Document;
use cartlane_testkit::TestApp;
use serde_json::{Value, json};

const TEST: &str = "test@example.com";

async fn tried(app: &TestApp, steps: &str, sender: Sender, payload: Value) -> Value {
    let text = format!("name: Tried\non: [order.success, ghl.contact.tags_changed]\nsteps:\n{steps}");
    let document = Document::from_yaml(&text, Catalog::builtin()).unwrap_or_else(|faults| panic!("{faults}"));
    let trial = Trial {
        document: document.to_json(),
        sender: Some(sender),
        body: payload.to_string().into_bytes(),
        connection: "crm".into(),
        contact: TEST.into(),
    };
    app.handle().trial(&trial).await.expect("tried")
}

fn order() -> Value {
    json!({"event": "order.success", "mode": "live", "order_id": "1001", "currency": "USD",
           "customer": {"email": "buyer@example.com", "first_name": "Ada", "address": {"city": "Oakland"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_test_contact_is_written_and_what_ghl_has_of_it_is_read_back() {
    let app = TestApp::builder().start().await;
    app.ghl()
        .add_contact("buyer@example.com", &json!({"city": "Berlin"}));
    app.ghl().add_contact(TEST, &json!({"city": "Bonn"}));
    let steps = r#"
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}", city: "{{ event.person.city }}"}
  - id: tags
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: [tried]}
  - id: team
    operation: notify.slack
    with: {text: "{{ event.person.email }}"}
"#;
    let told = tried(&app, steps, Sender::ThriveCart, order()).await;
    assert_eq!(told["ending"], "done", "{told}");
    assert_eq!(told["steps"][0]["inputs"]["email"], TEST);
    assert!(
        told["steps"][2]["left_out"].is_string(),
        "only GHL is written to: {told}"
    );
    let effects: Vec<String> = told["effects"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|effect| format!("{} {} {}", effect["what"], effect["before"], effect["after"]))
        .collect();
    let expected = [r#""city" "Bonn" "Oakland""#, r#""tag" null "tried""#];
    assert_eq!(effects, expected);
    let fields: Vec<&Value> = told["read_back"].as_array().into_iter().flatten().collect();
    assert!(fields.iter().all(|row| row["same"] == true), "{fields:?}");
    assert_eq!(app.ghl().contact("buyer@example.com")["city"], "Berlin");
    assert!(app.runs().await.is_empty(), "it is no run");
}

#[tokio::test(flavor = "multi_thread")]
async fn step_that_would_write_to_another_contact_is_refused() {
    let app = TestApp::builder().start().await;
    let other = app.ghl().add_contact("other@example.com", &json!({}));
    app.ghl().add_contact(TEST, &json!({}));
    for step in [
        format!("  - id: tags\n    operation: ghl.contacts.add_tags\n    with: {{contactId: {other}, tags: [x]}}\n"),
        "  - id: save\n    operation: ghl.contacts.save\n    with: {email: other@example.com, city: X}\n".to_owned(),
        "  - id: tag\n    operation: ghl.request\n    with: {method: POST, path: /locations/loc1/tags, body: {name: x}}\n"
            .to_owned(),
    ] {
        let told = tried(&app, &step, Sender::ThriveCart, order()).await;
        let failed = told["steps"][0]["failed"].as_str().unwrap_or_default();
        assert!(failed.contains("something else than the test contact"), "{told}");
        assert!(told["ending"]["failed_at"].is_string(), "{told}");
    }
    assert!(app.ghl().tags("other@example.com").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn event_of_ghl_is_about_the_test_contact() {
    let app = TestApp::builder().start().await;
    let ours = app.ghl().add_contact(TEST, &json!({}));
    let payload =
        json!({"type": "ContactTagUpdate", "id": "theirs", "email": "them@example.com", "tags": ["a"]});
    let steps = r#"
  - id: tags
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ event.person.customer_id }}", tags: ["{{ event.payload.email }}"]}
"#;
    let told = tried(&app, steps, Sender::Ghl, payload).await;
    assert_eq!(told["ending"], "done", "{told}");
    assert_eq!(told["steps"][0]["inputs"]["contactId"], ours);
    assert_eq!(app.ghl().tags(TEST), [TEST]);
}
