//! Ends without warning.

use cartlane_engine::records::{Call, Outcome};
use cartlane_sandbox::{Fault, Latency};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;

const EMAIL: &str = "a@example.com";

/// A lease that the next node need not wait long for.
async fn app(backend: Backend) -> TestApp {
    let app = TestApp::builder()
        .database(backend)
        .limits(|limits| limits.lease_ms = 1_000);
    app.start().await
}

/// Calls that create notes, as far as they are journaled.
async fn note_calls(app: &TestApp) -> Vec<Call> {
    let mut calls = Vec::new();
    for run in app.runs().await {
        calls.extend(app.handle().run(run.id).await.expect("the run").calls);
    }
    calls.retain(|call| call.operation == "ghl.contacts.create_note");
    calls
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    BeforeEffect,
    AfterEffect,
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn killed_between_intent_and_outcome_there_is_one_note(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Moment::BeforeEffect, Moment::AfterEffect)] moment: Moment,
) {
    let mut app = app(backend).await;
    // 200 ms to the effect, 200 ms more to the answer
    app.ghl()
        .change(|settings| settings.latency_ms = Latency { mean: 400, spread: 0 });
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.until("the note is on its way", async || match moment {
        Moment::BeforeEffect => note_calls(&app)
            .await
            .iter()
            .any(|call| call.outcome == Outcome::Intent),
        Moment::AfterEffect => app.ghl().effects("note_created") == 1,
    })
    .await;
    app.kill(0).await;
    app.ghl()
        .change(|settings| settings.latency_ms = Latency::default());
    app.start(0).await;
    app.drain().await;
    assert_eq!(app.runs().await[0].state, "done");
    assert_eq!(app.ghl().effects("note_created"), 1);
    assert_eq!(
        note_calls(&app).await.len(),
        1,
        "what was found is not sent again"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_no_answer_comes_there_is_one_note(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut app = app(backend).await;
    app.ghl().fail_notes(Fault::CutBefore, 1);
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.until("the note was cut off", async || {
        app.ghl()
            .calls()
            .iter()
            .any(|call| call.fault == Some(Fault::CutBefore))
    })
    .await;
    app.kill(0).await;
    app.start(0).await;
    app.drain().await;
    assert_eq!(app.ghl().effects("note_created"), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_delivery_survives_a_kill_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut app = app(backend).await;
    let shop = app.thrivecart();
    for number in 0..10 {
        shop.order_success(&format!("buyer{number}@example.com"))
            .order(&number.to_string())
            .deliver()
            .await;
    }
    app.kill(0).await;
    app.start(0).await;
    app.drain().await;
    for number in 0..10 {
        let notes = app.ghl().notes(&format!("buyer{number}@example.com"));
        assert_eq!(notes.len(), 1, "buyer {number}: {notes:?}");
    }
}
