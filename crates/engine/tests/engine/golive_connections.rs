//! The go-live check of the connections that events come by and steps go to.

use cartlane_catalog::Catalog;
use cartlane_engine::{AccountConfig, ConnectionConfig, GhlConfig, SecretName, Secrets};
use cartlane_flow::Document;
use cartlane_sandbox::{CustomField, Location, Token};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

use crate::golive::{DOCUMENT, house, id, told};

#[tokio::test(flavor = "multi_thread")]
async fn each_connection_is_asked_only_for_what_its_own_steps_name() {
    let app = TestApp::builder().sandbox(|settings| {
        let mut order = CustomField::new("fieldOrder0000000001", "order");
        order.shown.insert("name".into(), json!("Order"));
        settings.locations[0].custom_fields = vec![order];
        settings.locations.push(Location::new("loc2"));
        settings.tokens.push(Token::new("pit-branch", "loc2"));
    });
    let app = app.start().await;
    let branch = ConnectionConfig {
        name: "branch".into(),
        account: AccountConfig::Ghl(GhlConfig {
            base_url: app.ghl_url(),
            location_id: Some("loc2".into()),
            allow_private_networks: true,
            ..GhlConfig::default()
        }),
        secrets: Secrets::default().with(SecretName::Token, "pit-branch"),
    };
    app.handle().add_connection(branch).await.expect("a location");
    let text = r#"
name: Two places
on: [order.success]
connection: crm
steps:
  - id: contact
    operation: ghl.contacts.save
    with:
      email: "{{ event.person.email }}"
      custom_fields: {Order: "{{ event.order_id }}"}
  - id: fields
    operation: ghl.locations.list_custom_fields
    connection: branch
"#;
    let document = Document::from_yaml(text, Catalog::builtin()).expect("a document");
    app.handle()
        .save(&[document.to_json()], None, true)
        .await
        .expect("saved");
    let id = id(&app, "Two places").await;
    let check = app.handle().check(id).await.expect("checked");
    assert!(check.green, "{:#?}", told(&check));
    app.handle().enable_automation(id, None).await.expect("enabled");
    app.until("both know what they need", async || {
        let all = app.handle().connections().await.expect("connections");
        let needed = |name: &str| {
            let known = all.iter().find(|connection| connection.row.name == name);
            let scopes = known.and_then(|known| known.scopes.clone()).expect("scopes");
            scopes.needed.into_iter().collect::<Vec<_>>().join(" ")
        };
        let both = "contacts.readonly contacts.write locations/customFields.readonly";
        needed("branch") == "locations/customFields.readonly" && needed("crm") == both
    })
    .await;
    let used = app.handle().remove_connection("branch", false).await;
    let used = used.expect_err("a step uses it").to_string();
    assert!(used.contains("automation `Two places`"), "{used}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn polls_are_tried_on_what_the_account_shows_now_and_what_comes_after_another_has_its_connections(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = house(backend).await;
    let polls = |note: &str| {
        json!({"name": "Polls", "on": [
                {"poll": {"operation": "ghl.contacts.search", "every": "10m"}},
                {"schedule": {"cron": "0 6 * * *"}}],
               "when": "event.kind == 'poll.item'",
               "steps": [{"id": "note", "operation": "ghl.contacts.create_note", "with": {
                   "contactId": "{{ event.person.customer_id }}", "body": note}}]})
    };
    let after = json!({"name": "After", "on": [{"automation": {"name": "Polls"}}], "steps": [
        {"id": "read", "operation": "ghl.contacts.get", "connection": "nowhere", "with": {"contactId": "x"}}]});
    let save = async |documents: &[serde_json::Value]| {
        let saved = app.handle().save(documents, None, true).await;
        saved.expect("saved");
    };
    let check = async |name: &str| app.handle().check(id(&app, name).await).await.expect("checked");

    save(&[polls("ref: {{ reference }}"), after]).await;
    let empty = check("Polls").await;
    assert!(empty.green, "{:?}", told(&empty));
    assert_eq!(
        (empty.polls[0].calls_per_day, empty.events),
        (144, 1),
        "the schedule's event alone"
    );
    assert!(
        told(&empty)[0].contains("shows nothing in `crm` now"),
        "{:?}",
        told(&empty)
    );

    app.ghl().add_contact("a@example.com", &json!({}));
    app.ghl().add_contact("b@example.com", &json!({}));
    let clean = check("Polls").await;
    assert!(clean.green && clean.events == 3, "{clean:?}");
    save(&[polls("{{ event.payload.item.nothing.here }}")]).await;
    let faulty = told(&check("Polls").await).join("\n");
    assert!(
        faulty.contains("steps.note.with.body") && faulty.contains("2 of 3 events"),
        "{faulty}"
    );
    let after = told(&check("After").await).join("\n");
    assert!(after.contains("for polls of `crm` there is"), "{after}");

    app.ghl().scopes(Some(&["contacts.write"]));
    let refused = told(&check("Polls").await).join("\n");
    assert!(
        refused.contains("`ghl.contacts.search` cannot be read in `crm`"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_nobody_has_is_named_with_the_nearest() {
    let app = TestApp::builder().start().await;
    let mut document = Document::from_yaml(DOCUMENT, Catalog::builtin())
        .expect("a document")
        .to_json();
    document["connection"] = json!("crmm");
    app.handle().save(&[document], None, true).await.expect("saved");
    let check = app
        .handle()
        .check(id(&app, "Orders").await)
        .await
        .expect("a check");
    let told = check.findings.iter().any(|finding| {
        finding
            .message
            .contains("no connection `crmm`; did you mean `crm`?")
    });
    assert!(told, "{check:#?}");
}
