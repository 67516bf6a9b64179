//! Outcomes that nobody told: an unsafe call is looked up before it is made again.

use cartlane_sandbox::{Fault, Match, Rule};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;

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
