//! What automations know about a contact from stored events.

use cartlane_catalog::Catalog;
use cartlane_engine::plan::{Happening, Planning};
use cartlane_engine::records::EventFilter;
use cartlane_engine::{Backtest, Sender, Trial};
use cartlane_flow::Document;
use cartlane_model::{EventId, UnixMs};
use cartlane_testkit::{Backend, TestApp};
use cartlane_thrivecart::recorded;
use rstest::rstest;
use serde_json::{Value, json};

const DOCUMENT: &str = r#"{
    "name": "Known", "on": ["order.success", "order.refund"],
    "steps": [
        {"id": "contact", "operation": "ghl.contacts.save", "with": {"email": "{{ event.person.email }}"}},
        {"id": "tags", "operation": "ghl.contacts.add_tags", "with": {
            "contactId": "{{ steps.contact.id }}",
            "tags": ["orders: {{ contact.orders }}", "spent: {{ contact.spent.USD | money }}",
                     "{{ 'owner' if contact.has('product-101') else 'no owner' }}"]
        }}
    ]
}"#;

async fn app(backend: Backend) -> TestApp {
    let app = TestApp::builder().database(backend).start().await;
    for automation in app.handle().automations().await.expect("the defaults") {
        app.handle()
            .remove_automation(automation.id)
            .await
            .expect("removed");
    }
    let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
    app.handle().apply(&[document], "test").await.expect("applied");
    app
}

/// The ids of all events, the oldest first.
async fn events(app: &TestApp) -> Vec<EventId> {
    let events = app
        .handle()
        .events(EventFilter::default(), 1000)
        .await
        .expect("events");
    events.iter().rev().map(|event| event.id).collect()
}

/// What the tags step would be given for this event.
async fn planned(app: &TestApp, event: EventId) -> Value {
    let plan = app.handle().plan(event).await.expect("a plan");
    plan["automations"][0]["steps"][1]["inputs"]["tags"].clone()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_run_knows_what_its_contact_bought_up_to_its_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let shop = app.thrivecart();
    shop.order_success("a@example.com")
        .order("1")
        .at(1_700_000_000)
        .deliver()
        .await;
    app.clock().advance(10);
    shop.order_success("b@example.com")
        .order("2")
        .at(1_700_000_100)
        .deliver()
        .await;
    app.clock().advance(10);
    shop.order_success("A@example.com")
        .order("3")
        .at(1_700_000_200)
        .deliver()
        .await;
    app.clock().advance(10);
    let test = shop.order_success("a@example.com").order("4").at(1_700_000_300);
    test.test_mode().deliver().await;
    app.clock().advance(10);
    shop.refund("a@example.com")
        .order("1")
        .at(1_700_000_400)
        .deliver()
        .await;
    app.drain().await;

    let tags = app.ghl().tags("a@example.com");
    for tag in [
        "orders: 1",
        "spent: 49.00 usd",
        "orders: 2",
        "spent: 98.00 usd",
        "owner",
    ] {
        assert!(
            tags.iter().any(|known| known.eq_ignore_ascii_case(tag)),
            "{tag}: {tags:?}"
        );
    }
    let events = events(&app).await;
    let expected = [
        json!(["orders: 1", "spent: 49.00 USD", "owner"]),
        json!(["orders: 1", "spent: 49.00 USD", "owner"]),
        json!(["orders: 2", "spent: 98.00 USD", "owner"]),
        json!(["orders: 1", "spent: 49.00 USD", "owner"]), // test mode by itself
        json!(["orders: 2", "spent: 49.00 USD", "owner"]),
    ];
    for (event, expected) in events.into_iter().zip(expected) {
        assert_eq!(planned(&app, event).await, expected, "{event}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn joined_contacts_count_as_one_from_the_event_on_that_joined_them(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let shop = app.thrivecart();
    shop.order_success("old@example.com")
        .order("1")
        .at(1_700_000_000)
        .deliver()
        .await;
    app.clock().advance(10);
    shop.order_success("new@example.com")
        .order("2")
        .at(1_700_000_100)
        .deliver()
        .await;
    app.clock().advance(10);
    shop.email_changed("old@example.com", "new@example.com")
        .deliver()
        .await;
    app.clock().advance(10);
    shop.order_success("old@example.com")
        .order("3")
        .at(1_700_000_300)
        .deliver()
        .await;
    app.drain().await;

    let events = events(&app).await;
    let orders = ["orders: 1", "orders: 1", "", "orders: 3"];
    for (event, orders) in events
        .into_iter()
        .zip(orders)
        .filter(|(_, orders)| !orders.is_empty())
    {
        assert_eq!(planned(&app, event).await[0], orders, "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_with_more_events_than_a_page_is_known_in_full() {
    let app = app(Backend::Sqlite).await;
    let id = app.handle().automations().await.expect("automations")[0].id;
    app.handle().disable_automation(id).await.expect("disabled");
    for number in 0..110 {
        app.clock().advance(1);
        let order = app
            .thrivecart()
            .order_success("a@example.com")
            .order(&format!("{number}"));
        order.at(1_700_000_000 + number).deliver().await;
    }
    app.handle()
        .enable_automation(id, Some("a test"))
        .await
        .expect("enabled");
    let last = *events(&app).await.last().expect("an event");
    assert_eq!(planned(&app, last).await[0], "orders: 110");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn trial_on_the_live_account_knows_what_its_test_contact_bought(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let shop = app.thrivecart();
    for (email, order) in [("me@example.com", "1"), ("them@example.com", "2")] {
        shop.order_success(email)
            .order(order)
            .at(1_700_000_000)
            .deliver()
            .await;
        app.clock().advance(10);
    }
    app.drain().await;
    let (mut payload, _) = recorded::payload("order.success").expect("recorded");
    payload["mode"] = "live".into();
    let trial = |contact: &str| Trial {
        document: serde_json::from_str(DOCUMENT).expect("JSON"),
        sender: Some(Sender::ThriveCart),
        body: payload.to_string().into_bytes(),
        connection: "crm".into(),
        contact: contact.into(),
    };
    for (contact, tags) in [
        ("Me@example.com", ["orders: 2", "spent: 5046.00 USD", "owner"]),
        ("new@example.com", ["orders: 1", "spent: 4997.00 USD", "no owner"]),
    ] {
        let tried = app.handle().trial(&trial(contact)).await.expect("tried");
        assert_eq!(tried["steps"][1]["inputs"]["tags"], json!(tags), "{tried:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn go_live_check_maps_real_events_with_what_was_known_of_their_contacts() {
    let app = app(Backend::Sqlite).await;
    let text = "name: Second order\non: order.success\nwhen: contact.orders == 2\nsteps:\n  - id: contact\n    operation: \
                ghl.contacts.save\n    with: {email: \"{{ event.payload.nobody }}\"}\n";
    let document = Document::from_yaml(text, Catalog::builtin()).expect("a document");
    let documents = [document.to_json()];
    app.handle().save(&documents, None, true).await.expect("saved");
    for order in ["1", "2", "3"] {
        app.thrivecart()
            .order_success("a@example.com")
            .order(order)
            .deliver()
            .await;
        app.clock().advance(10);
    }
    app.drain().await;
    let rows = app.handle().automations().await.expect("automations");
    let id = rows
        .iter()
        .find(|row| row.name == "Second order")
        .expect("it is there")
        .id;
    let check = app.handle().check(id).await.expect("checked");
    let fault = check
        .findings
        .iter()
        .find(|finding| finding.at.is_some())
        .expect("a fault");
    assert!(fault.advice.starts_with("1 of 3 events"), "{fault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_of_a_payload_and_backtest_of_a_draft_know_the_contact() {
    let app = app(Backend::Sqlite).await;
    for order in ["1", "2"] {
        app.thrivecart()
            .order_success("a@example.com")
            .order(order)
            .deliver()
            .await;
        app.clock().advance(10);
    }
    app.drain().await;
    let (mut payload, _) = recorded::payload("order.success").expect("recorded");
    payload["mode"] = "live".into();
    payload["customer"]["email"] = "a@example.com".into();
    let planning = Planning {
        document: serde_json::from_str(DOCUMENT).expect("JSON"),
        happens: Happening::Payload {
            sender: Some(Sender::ThriveCart),
            body: payload.to_string().into_bytes(),
        },
        against: Some("crm".into()),
    };
    let plan = app.handle().plan_document(&planning).await.expect("a plan");
    assert_eq!(plan["steps"][1]["inputs"]["tags"][0], "orders: 3", "{plan:#}");

    let mut draft = planning.document;
    draft["when"] = "contact.orders == 2".into();
    let wanted = Backtest {
        document: draft,
        instead_of: None,
        from: UnixMs(0),
        until: UnixMs(i64::MAX),
        event: None,
    };
    let tested = app.handle().backtest(&wanted).await.expect("tried");
    assert_eq!((tested.events, tested.same), (2, 1), "{tested:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_names_no_item_gets_the_name_of_the_order(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let shop = app.thrivecart();
    shop.order_success("a@example.com").order("7").deliver().await;
    let refund = json!({"refund": {"name": "", "label": ""}});
    let refund = shop.refund("a@example.com").order("7").with(refund);
    refund.deliver().await;
    app.drain().await;
    assert!(
        app.ghl()
            .tags("a@example.com")
            .contains(&"refunded: Course".to_owned()),
        "{:?}",
        app.ghl().tags("a@example.com")
    );
    let refund = &events(&app).await[1];
    let event = app.handle().event(*refund).await.expect("the refund").event;
    assert_eq!(event.facts.items[0].name.as_deref(), Some("Course"));
}
