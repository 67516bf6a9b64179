//! Outcomes that nobody told: an unsafe call is looked up before it is made again.

use cartlane_engine::Replay;
use cartlane_engine::records::{EventFilter, RunRow, StepState};
use cartlane_sandbox::{Fault, Match, Rule};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

const EMAIL: &str = "a@example.com";

/// Late effects come well within `settle_ms`, which is 300 here.
const LATE_MS: u32 = 200;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_contact_and_one_note_whatever_became_of_the_answer(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::LateEffect,
        Fault::ServerError,
        Fault::ServerErrorAfter,
        Fault::GatewayTimeout,
        Fault::NoAnswer,
        Fault::Unreadable
    )]
    fault: Fault,
) {
    let app = TestApp::builder().database(backend).start().await;
    for (path, body) in [("/contacts/", "\"email\""), ("/notes", "\"body\"")] {
        let creates = Match {
            method: Some("POST".into()),
            path_contains: Some(path.into()),
            body_contains: Some(body.into()),
            nth: None,
        };
        app.ghl().script(Rule {
            delay_ms: Some(LATE_MS),
            ..Rule::new(creates, fault, 1)
        });
    }
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    let runs = app.runs().await;
    assert_eq!(runs[0].state, "done", "{runs:#?}");
    let injected = app
        .ghl()
        .calls()
        .iter()
        .filter(|call| call.fault == Some(fault))
        .count();
    assert_eq!(injected, 2, "both faults were met");
    assert_eq!(app.ghl().effects("contact_created"), 1);
    assert_eq!(app.ghl().effects("note_created"), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_note_although_every_second_look_fails_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    app.ghl().fail_notes(Fault::CutAfter, 1);
    let looks = Match {
        method: Some("GET".into()),
        path_contains: Some("/notes".into()),
        ..Match::default()
    };
    app.ghl().script(Rule::new(looks, Fault::ServerError, 3));
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    assert_eq!(app.runs().await[0].state, "done");
    assert_eq!(app.ghl().effects("note_created"), 1);
}

/// The second create is settled by a later turn, from a journal that holds the reads of both.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_lost_once_and_late_once_is_one_contact(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    app.ghl().fail_creates(Fault::CutBefore, 1);
    app.ghl().late_creates(LATE_MS, 1);
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    let runs = app.runs().await;
    assert_eq!(runs[0].state, "done", "{runs:#?}");
    assert_eq!(app.ghl().effects("contact_created"), 1);
    assert_eq!(app.ghl().notes(EMAIL).len(), 1);
}

/// A note without a reference cannot be looked for.
async fn app_with_a_note_that_cannot_be_found(backend: Backend, on_unclear: &str) -> TestApp {
    let app = TestApp::builder().database(backend).start().await;
    let document = json!({
    "name": "Greet", "on": ["order.success"], "steps": [
        {"id": "contact", "operation": "ghl.contacts.save", "with": {"email": "{{ event.person.email }}"}},
        {"id": "note", "operation": "ghl.contacts.create_note", "on_unclear": on_unclear,
         "with": {"contactId": "{{ steps.contact.id }}", "body": "Hello"}},
        {"id": "tags", "operation": "ghl.contacts.add_tags",
         "with": {"contactId": "{{ steps.contact.id }}", "tags": ["greeted"]}},
    ]});
    app.handle()
        .apply(&[document], "test")
        .await
        .expect("the automation is saved");
    app
}

/// The newest run of it.
async fn greeting(app: &TestApp) -> RunRow {
    let mut runs = app.runs().await;
    runs.retain(|run| run.automation == "Greet");
    runs.pop().expect("a run")
}

fn greetings(app: &TestApp) -> usize {
    app.ghl()
        .notes(EMAIL)
        .iter()
        .filter(|note| note.contains("Hello"))
        .count()
}

fn note_says_hello(fault: Fault) -> Rule {
    let hello = Match {
        body_contains: Some("Hello".into()),
        ..Match::default()
    };
    Rule::new(hello, fault, 1)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_for_asks_a_person_and_a_retry_of_a_replay_sends_it_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app_with_a_note_that_cannot_be_found(backend, "ask").await;
    app.ghl().script(note_says_hello(Fault::CutBefore));
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    let asked = greeting(&app).await;
    assert_eq!(
        (asked.state.as_str(), asked.error_code.as_deref()),
        ("failed", Some("call.unclear"))
    );
    let replayed = app
        .handle()
        .replay(Replay::Fitting(EventFilter::default()), None)
        .await;
    assert_eq!(replayed.map(|replayed| replayed.events).ok(), Some(1));
    app.drain().await;
    let asked = greeting(&app).await;
    assert!(
        asked.is_replay && asked.state == "failed",
        "nobody has decided: {asked:?}"
    );
    app.handle().retry(asked.id).await.expect("it is retried");
    app.drain().await;
    assert_eq!(greeting(&app).await.state, "done");
    assert_eq!(greetings(&app), 1);
    assert!(app.ghl().tags(EMAIL).contains(&"greeted".into()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_for_is_sent_again_or_left_out_as_its_step_says(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(("resend", Fault::CutBefore, 1), ("resend", Fault::CutAfter, 2), ("skip", Fault::CutBefore, 0),
        ("skip", Fault::CutAfter, 1))]
    (on_unclear, fault, notes): (&str, Fault, usize),
) {
    let app = app_with_a_note_that_cannot_be_found(backend, on_unclear).await;
    app.ghl().script(note_says_hello(fault));
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    let run = greeting(&app).await;
    assert_eq!(run.state, "done", "{run:?}");
    assert_eq!(greetings(&app), notes);
    assert!(
        app.ghl().tags(EMAIL).contains(&"greeted".into()),
        "the run went on"
    );
    let detail = app.handle().run(run.id).await.expect("the run");
    let note = detail
        .steps
        .iter()
        .find(|step| step.step_id == "note")
        .expect("the step");
    let is_skipped = note.state == StepState::Skipped;
    assert_eq!(is_skipped, on_unclear == "skip");
    assert_eq!(run.warnings.len(), usize::from(is_skipped), "{:?}", run.warnings);
    app.handle()
        .replay(Replay::Fitting(EventFilter::default()), None)
        .await
        .expect("it is replayed");
    app.drain().await;
    assert_eq!(greetings(&app), notes, "a replay does not send it again");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_is_refused_for_ever_gives_its_lane_up(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder()
        .database(backend)
        .limits(|limits| limits.hold_ms = 1_500)
        .start()
        .await;
    let creates = Match {
        method: Some("POST".into()),
        body_contains: Some("\"email\"".into()),
        ..Match::default()
    };
    app.ghl().script(Rule {
        status: Some(405),
        body: json!({"statusCode": 405, "message": "not now"}),
        ..Rule::new(creates, Fault::Answer, 1_000)
    });
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    let runs = app.runs().await;
    assert_eq!(runs[0].state, "failed");
    let error = runs[0].error.clone().unwrap_or_default();
    assert!(error.contains("given up") && error.contains("not now"), "{error}");
}

/// The second request finds nothing to delete, which is what was wanted.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_answer_was_lost_is_done(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let document = json!({
    "name": "Forget", "on": ["order.success"], "steps": [
        {"id": "contact", "operation": "ghl.contacts.save", "with": {"email": "{{ event.person.email }}"}},
        {"id": "gone", "operation": "ghl.contacts.delete", "with": {"contactId": "{{ steps.contact.id }}"}},
    ]});
    let applied = app.handle().apply(&[document], "test").await;
    applied.expect("the automation is saved");
    let deletion = Match {
        method: Some("DELETE".into()),
        ..Match::default()
    };
    app.ghl().script(Rule::new(deletion, Fault::CutAfter, 1));
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    let runs = app.runs().await;
    let run = runs.iter().find(|run| run.automation == "Forget");
    let run = run.expect("the automation ran");
    assert_eq!(run.state, "done", "{run:#?}");
    assert!(
        run.warnings
            .iter()
            .any(|warning| warning.contains("not there any more"))
    );
    assert_eq!(app.ghl().effects("contact_deleted"), 1);
}
