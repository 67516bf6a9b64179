//! Contacts that others work on too.

use std::collections::BTreeSet;

use cartlane_engine::records::EventFilter;
use cartlane_sandbox::Edit;
use cartlane_testkit::{Backend, Ghl, TestApp};
use rstest::rstest;
use serde_json::json;

const EMAIL: &str = "a@example.com";

async fn app(backend: Backend) -> TestApp {
    TestApp::builder().database(backend).start().await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_is_kept(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let app = app(backend).await;
    let ghl = app.ghl();
    ghl.add_contact(
        EMAIL,
        &json!({"source": "Facebook", "city": "Paris", "website": "https://ada.example"}),
    );
    ghl.edit(&Edit {
        add_tags: vec!["vip".into()],
        ..Ghl::edit_of(EMAIL)
    });
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    ghl.edit(&Edit {
        add_tags: vec!["called".into()],
        set: json!({"city": "Rome"}).as_object().cloned().unwrap_or_default(),
        ..Ghl::edit_of(EMAIL)
    });
    app.thrivecart().refund(EMAIL).deliver().await;
    app.drain().await;

    let contact = ghl.contact(EMAIL);
    assert_eq!(contact["source"], "Facebook");
    assert_eq!(contact["city"], "Rome");
    assert_eq!(contact["website"], "https://ada.example");
    assert_eq!(contact["firstName"], "Ada", "what was empty is filled");
    assert_eq!(
        ghl.tags(EMAIL),
        [
            "called",
            "lifecycle: refunded",
            "purchased: Course",
            "refunded: Course",
            "vip"
        ]
    );
    assert_eq!(ghl.contacts().len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_of_another_contact_is_left_out_with_a_warning(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let other = app
        .ghl()
        .add_contact("b@example.com", &json!({"phone": "+14155550123"}));
    let phone = json!({"customer": {"contactno": "+14155550123", "address": {"country": "US"}}});
    app.thrivecart().order_success(EMAIL).with(phone).deliver().await;
    app.drain().await;
    assert_eq!(app.ghl().contact("b@example.com")["id"], json!(other));
    assert!(
        app.ghl().contact(EMAIL)["phone"]
            .as_str()
            .is_none_or(str::is_empty)
    );
    let runs = app.runs().await;
    assert_eq!(runs[0].state, "done");
    assert_eq!(runs[0].warnings.len(), 1, "{:?}", runs[0].warnings);
    assert!(runs[0].warnings[0].contains("phone") && runs[0].warnings[0].contains(&other));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_deleted_is_made_anew_by_the_next_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    app.thrivecart()
        .order_success(EMAIL)
        .order("1001")
        .deliver()
        .await;
    app.drain().await;
    app.ghl().edit(&Edit {
        delete: true,
        ..Ghl::edit_of(EMAIL)
    });
    app.thrivecart()
        .order_success(EMAIL)
        .order("1002")
        .deliver()
        .await;
    app.drain().await;
    assert!(app.runs().await.iter().all(|run| run.state == "done"));
    assert_eq!(app.ghl().effects("contact_created"), 2);
    let notes = app.ghl().notes(EMAIL);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("Order 1002"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_email_is_given_to_the_same_contact_and_splits_nobody(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let shop = app.thrivecart();
    shop.order_success("old@example.com")
        .order("1001")
        .deliver()
        .await;
    app.drain().await;
    let id = app.ghl().contact("old@example.com")["id"].clone();
    shop.email_changed("old@example.com", "new@example.com")
        .deliver()
        .await;
    shop.order_success("new@example.com")
        .order("1002")
        .deliver()
        .await;
    shop.refund("new@example.com").deliver().await;
    app.drain().await;
    assert_eq!(app.ghl().contacts().len(), 1);
    let contact = app.ghl().contact("new@example.com");
    assert_eq!(contact["id"], id);
    assert_eq!(app.ghl().notes("new@example.com").len(), 3);
    let events = app
        .handle()
        .events(EventFilter::default(), 100)
        .await
        .expect("events");
    let people: BTreeSet<_> = events
        .iter()
        .map(|event| event.contact_id.map(|id| id.to_string()))
        .collect();
    assert_eq!((events.len(), people.len()), (4, 1));
}
