//! Order: of a contact's events, of an event's automations, and of a state that late news must not undo.

use cartlane_engine::Replay;
use cartlane_engine::records::RunRow;
use cartlane_sandbox::{Fault, Match, Rule};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

const EMAIL: &str = "a@example.com";

async fn app(backend: Backend) -> TestApp {
    TestApp::builder().database(backend).start().await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_never_overtakes_its_purchase(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    app.ghl().fail_notes(Fault::ServerError, 5);
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.thrivecart().refund(EMAIL).deliver().await;
    app.drain().await;
    let notes = app.ghl().notes(EMAIL);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].starts_with("Order") && notes[1].starts_with("Refund"),
        "{notes:?}"
    );
    assert_eq!(
        app.ghl().tags(EMAIL),
        ["lifecycle: refunded", "purchased: Course", "refunded: Course"]
    );
}

fn state_of<'a>(runs: &'a [RunRow], automation: &str) -> &'a RunRow {
    let found = runs.iter().find(|run| run.automation == automation);
    found.unwrap_or_else(|| panic!("no run of {automation}: {runs:#?}"))
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_stops_nobody_and_a_retry_repeats_no_effect(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let second = json!({
        "name": "Welcome", "on": ["order.success"],
        "steps": [
            {"id": "contact", "operation": "ghl.contacts.save", "with": {"email": "{{ event.person.email }}"}},
            {"id": "note", "operation": "ghl.contacts.create_note",
             "with": {"contactId": "{{ steps.contact.id }}", "body": "Welcome\nref: {{ reference }}"}},
        ],
    });
    app.handle()
        .apply(&[second], "test")
        .await
        .expect("the automation is saved");
    let about_the_order = Match {
        method: Some("POST".into()),
        path_contains: Some("/notes".into()),
        body_contains: Some("Order".into()),
        ..Match::default()
    };
    app.ghl().script(Rule {
        status: Some(422),
        body: json!({"statusCode": 422, "message": ["body must be shorter"]}),
        ..Rule::new(about_the_order, Fault::Answer, 1)
    });
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.thrivecart().refund(EMAIL).deliver().await;
    app.drain().await;

    let runs = app.runs().await;
    let failed = state_of(&runs, "Sync customers");
    assert_eq!(failed.state, "failed");
    assert!(
        failed
            .error
            .as_deref()
            .is_some_and(|error| error.contains("body must be shorter")),
        "{failed:?}"
    );
    assert_eq!(state_of(&runs, "Welcome").state, "done");
    assert_eq!(state_of(&runs, "Refunds").state, "done");

    let tagged = app.ghl().effects("tags_added");
    let newer = app
        .handle()
        .retry(failed.id)
        .await
        .expect("a failed run can be retried");
    assert_eq!(newer.len(), 2, "it comes after the two runs that went ahead");
    app.drain().await;
    assert_eq!(state_of(&app.runs().await, "Sync customers").state, "done");
    assert_eq!(app.ghl().effects("contact_created"), 1);
    assert_eq!(app.ghl().effects("tags_added"), tagged);
    let notes = app.ghl().notes(EMAIL);
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[2].starts_with("Order"), "{notes:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn late_news_never_undoes_a_newer_lifecycle(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    app.thrivecart()
        .cancelled(EMAIL)
        .at(1_700_200_000)
        .deliver()
        .await;
    app.thrivecart()
        .order_success(EMAIL)
        .at(1_700_100_000)
        .deliver()
        .await;
    app.drain().await;
    assert_eq!(
        app.ghl().tags(EMAIL),
        ["lifecycle: cancelled", "purchased: Course"]
    );
    assert_eq!(
        app.ghl().notes(EMAIL).len(),
        2,
        "the late event's other steps are made"
    );
    app.thrivecart()
        .rebill(EMAIL, "renewal")
        .at(1_700_300_000)
        .deliver()
        .await;
    app.drain().await;
    assert_eq!(
        app.ghl().tags(EMAIL),
        ["lifecycle: customer", "purchased: Course"]
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_makes_no_effect_again(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let app = app(backend).await;
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    let replayed = app
        .handle()
        .replay(
            Replay::Fitting(cartlane_engine::records::EventFilter::default()),
            None,
        )
        .await;
    assert_eq!(replayed.expect("events are replayed").events, 1);
    app.drain().await;
    let states: Vec<String> = app.runs().await.into_iter().map(|run| run.state).collect();
    assert_eq!(states, ["done", "done"]);
    assert_eq!(app.ghl().notes(EMAIL).len(), 1);
    assert_eq!(app.ghl().effects("contact_created"), 1);
}
