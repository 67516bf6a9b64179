//! What an order comes to, and what makes two deliveries one event.

use cartlane_engine::records::EventFilter;
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

async fn app(backend: Backend) -> TestApp {
    TestApp::builder().database(backend).start().await
}

async fn repeats(app: &TestApp) -> Vec<i64> {
    let events = app
        .handle()
        .events(EventFilter::default(), 100)
        .await
        .expect("events");
    events.iter().rev().map(|event| event.repeats).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_becomes_a_contact_with_tags_lifecycle_and_one_note(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let address = json!({"customer": {
        "contactno": "(415) 555-0123", "business_name": "Engines", "address": {"city": "Oakland", "country": "US"}
    }});
    app.thrivecart()
        .order_success("Ada@Example.com")
        .order("1001")
        .with(address)
        .deliver()
        .await;
    app.drain().await;

    let contact = app.ghl().contact("ada@example.com");
    assert_eq!(contact["firstName"], "Ada");
    assert_eq!(contact["lastName"], "Lovelace");
    assert_eq!(contact["phone"], "+14155550123");
    assert_eq!(contact["city"], "Oakland");
    assert_eq!(contact["country"], "US");
    assert_eq!(contact["source"], "ThriveCart");
    assert_eq!(
        app.ghl().tags("ada@example.com"),
        ["lifecycle: customer", "purchased: Course"]
    );
    let notes = app.ghl().notes("ada@example.com");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("Order 1001") && notes[0].contains("49.00"),
        "{}",
        notes[0]
    );
    assert_eq!(app.ghl().contacts().len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_same_delivery_again_in_either_form_makes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let sale = app.thrivecart().order_success("a@example.com").order("1001");
    let stored = sale.deliver().await;
    app.drain().await;
    let calls = app.ghl().calls().len();
    for again in [sale.clone(), sale.json()] {
        let text = again.deliver().await;
        assert!(text.contains("already stored"), "{text}");
        assert_eq!(
            text.rsplit(' ').next(),
            stored.rsplit(' ').next(),
            "another event"
        );
    }
    app.drain().await;
    assert_eq!(repeats(&app).await, [2]);
    assert_eq!(app.ghl().calls().len(), calls);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn two_rebills_of_one_order_are_two_events(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let shop = app.thrivecart();
    shop.rebill("a@example.com", "renewal-1")
        .at(1_700_010_000)
        .deliver()
        .await;
    shop.rebill("a@example.com", "renewal-2")
        .at(1_702_610_000)
        .deliver()
        .await;
    shop.rebill("a@example.com", "renewal-2")
        .at(1_702_610_000)
        .deliver()
        .await;
    app.drain().await;
    assert_eq!(repeats(&app).await, [0, 1]);
    assert_eq!(app.ghl().notes("a@example.com").len(), 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_order_told_in_both_vocabularies_is_one_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let shop = app.thrivecart();
    shop.order_success("a@example.com").order("1001").deliver().await;
    shop.order_created("a@example.com").order("1001").deliver().await;
    app.drain().await;
    assert_eq!(repeats(&app).await, [1]);
    assert_eq!(app.ghl().notes("a@example.com").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_delivery_sent_many_times_at_once_is_one_event() {
    let app = app(Backend::Postgres).await;
    let sale = app.thrivecart().order_success("a@example.com").order("1001");
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let sale = sale.clone();
            tokio::spawn(async move { sale.deliver().await })
        })
        .collect();
    for sender in senders {
        sender.await.expect("a 200");
    }
    app.drain().await;
    assert_eq!(repeats(&app).await, [7]);
    assert_eq!(app.ghl().notes("a@example.com").len(), 1);
}
