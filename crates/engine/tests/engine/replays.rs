//! Doing it again: one event, one automation, one run, from the start; nothing that was done is done twice.

use cartlane_catalog::Catalog;
use cartlane_engine::Replay;
use cartlane_engine::records::EventFilter;
use cartlane_flow::Document;
use cartlane_sandbox::{Fault, Match, Rule};
use cartlane_store::audit::Filter;
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

use crate::language::states;

const EMAIL: &str = "a@example.com";

fn noting(name: &str) -> String {
    let steps = r#"
on: [order.success]
steps:
  - {id: contact, operation: ghl.contacts.save, with: {email: "{{ event.person.email }}"}}
  - {id: note, operation: ghl.contacts.create_note, with: {contactId: "{{ steps.contact.id }}", body: "NAME\nref: {{ reference }}"}}
"#;
    format!("name: {name}{}", steps.replace("NAME", name))
}

/// Two automations, and no other.
async fn house(backend: Backend) -> TestApp {
    let app = TestApp::builder().database(backend).start().await;
    crate::language::only(&app, &noting("One")).await;
    let document = Document::from_yaml(&noting("Two"), Catalog::builtin()).expect("a document");
    let saved = app.handle().save(&[document.to_json()], None, false).await;
    saved.expect("saved");
    app
}

async fn drained(app: &TestApp, runs: usize) {
    app.until("all is over", async || {
        let states = states(app).await;
        states.len() == runs && states.iter().all(|state| state == "done" || state == "failed")
    })
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_event_one_automation_or_one_run_is_done_again_and_nothing_twice(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = house(backend).await;
    let handle = app.handle().by("ada");
    for order in ["1", "2"] {
        app.thrivecart().order_success(EMAIL).order(order).deliver().await;
    }
    drained(&app, 4).await;
    assert_eq!(app.ghl().notes(EMAIL).len(), 4);
    let events = handle.events(EventFilter::default(), 10).await.expect("events");
    let rows = handle.automations().await.expect("both");
    let one = rows.iter().find(|row| row.name == "One").expect("it");

    let replayed = handle.replay(Replay::These(vec![events[0].id]), None).await;
    let replayed = replayed.expect("replayed");
    assert_eq!((replayed.events, replayed.runs), (1, 2));
    drained(&app, 6).await;
    app.thrivecart().refund(EMAIL).order("1").deliver().await; // on which nothing runs
    let fitting = Replay::Fitting(EventFilter::default());
    let replayed = handle.replay(fitting, Some(one.id)).await.expect("replayed");
    assert_eq!((replayed.events, replayed.runs), (2, 2));
    drained(&app, 8).await;
    let run = &app.runs().await[0];
    let replayed = handle.replay_run(run.id).await.expect("replayed");
    assert_eq!((replayed.events, replayed.runs), (1, 1));
    drained(&app, 9).await;
    assert_eq!(app.ghl().notes(EMAIL).len(), 4, "no note is written again");

    handle.disable_automation(one.id).await.expect("disabled");
    let refused = handle
        .replay(Replay::These(vec![events[0].id]), Some(one.id))
        .await;
    assert!(
        refused
            .expect_err("it is disabled")
            .to_string()
            .contains("enable")
    );
    let log = handle.audit(Filter::default(), 100).await.expect("the log");
    let told: Vec<&str> = log
        .iter()
        .map(|row| &row.entry)
        .filter(|entry| entry.action == "events.replayed" && entry.actor == "ada")
        .map(|entry| entry.subject.as_str())
        .collect();
    let event = run.event_id.to_string();
    assert_eq!(told, [event.as_str(), "events", &events[0].id.to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_replayed_from_the_start_or_retried_where_it_failed() {
    let app = house(Backend::Sqlite).await;
    let notes = Match {
        path_contains: Some("/notes".into()),
        ..Match::default()
    };
    app.ghl().script(Rule {
        status: Some(403),
        body: json!({"message": "not today", "statusCode": 403}),
        ..Rule::new(notes, Fault::Answer, 2)
    });
    app.thrivecart().order_success(EMAIL).deliver().await;
    drained(&app, 2).await;
    assert_eq!(states(&app).await, ["failed", "failed"]);
    let runs = app.runs().await;
    app.handle().replay_run(runs[0].id).await.expect("replayed");
    drained(&app, 3).await;
    app.handle().retry(runs[1].id).await.expect("retried");
    app.until("both are done", async || app.ghl().notes(EMAIL).len() == 2)
        .await;
    let log = app.handle().audit(Filter::default(), 100).await.expect("the log");
    let actions: Vec<&str> = log.iter().map(|row| row.entry.action.as_str()).collect();
    assert!(actions.contains(&"runs.retried") && actions.contains(&"events.replayed"));
}
