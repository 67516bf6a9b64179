//! Contacts that others work on too.

use cartlane_engine::Replay;
use std::collections::BTreeSet;

use cartlane_engine::records::EventFilter;
use cartlane_sandbox::{Edit, Fault, Match, Rule};
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

/// GHL refuses the next lifecycle tag.
fn refuse_tags(app: &TestApp, status: u16, message: &str) {
    let tags = Match {
        method: Some("POST".into()),
        path_contains: Some("/tags".into()),
        body_contains: Some("lifecycle".into()),
        ..Match::default()
    };
    app.ghl().script(Rule {
        status: Some(status),
        body: json!({"statusCode": status, "message": message}),
        ..Rule::new(tags, Fault::Answer, 1)
    });
}

/// The default automation, with its note before its tags.
async fn app_that_writes_its_note_first(backend: Backend) -> TestApp {
    let app = app(backend).await;
    let automations = app.handle().automations().await.expect("automations");
    let mut document = automations[0].document.clone();
    let steps = document["steps"].as_array_mut().expect("steps");
    let note = steps
        .iter()
        .position(|step| step["id"] == "note")
        .expect("a note");
    let note = steps.remove(note);
    steps.insert(1, note);
    app.handle()
        .apply(&[document], "test")
        .await
        .expect("it is saved");
    app
}

#[derive(Clone, Copy, Debug)]
enum Again {
    Retry,
    Replay,
}

async fn again(app: &TestApp, again: Again) {
    let failed = app
        .runs()
        .await
        .into_iter()
        .find(|run| run.state == "failed")
        .expect("a failed run");
    match again {
        Again::Retry => drop(app.handle().retry(failed.id).await.expect("it is retried")),
        Again::Replay => drop(
            app.handle()
                .replay(Replay::Fitting(EventFilter::default()), None)
                .await
                .expect("it is replayed"),
        ),
    }
    app.drain().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_deleted_is_made_anew_with_all_that_was_done_to_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Again::Retry, Again::Replay)] how: Again,
) {
    let app = app_that_writes_its_note_first(backend).await;
    refuse_tags(&app, 422, "not today");
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    assert_eq!(app.ghl().notes(EMAIL).len(), 1);
    app.ghl().edit(&Edit {
        delete: true,
        ..Ghl::edit_of(EMAIL)
    });
    again(&app, how).await;
    assert_eq!(app.runs().await.last().expect("a run").state, "done");
    assert_eq!(app.ghl().effects("contact_created"), 2);
    assert_eq!(
        app.ghl().tags(EMAIL),
        ["lifecycle: customer", "purchased: Course"]
    );
    assert_eq!(
        app.ghl().notes(EMAIL).len(),
        1,
        "the note went with the former contact"
    );
    assert_eq!(app.ghl().effects("note_created"), 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_only_seemed_to_be_gone_gets_nothing_twice(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Again::Retry, Again::Replay)] how: Again,
) {
    let app = app_that_writes_its_note_first(backend).await;
    refuse_tags(&app, 400, "Contact not found");
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    assert_eq!(app.runs().await[0].error_code.as_deref(), Some("ghl.not_found"));
    again(&app, how).await;
    assert_eq!(app.runs().await.last().expect("a run").state, "done");
    assert_eq!(app.ghl().effects("contact_created"), 1);
    assert_eq!(app.ghl().effects("note_created"), 1);
    assert_eq!(
        app.ghl().tags(EMAIL),
        ["lifecycle: customer", "purchased: Course"]
    );
}
