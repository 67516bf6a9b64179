//! Backtests: which events a draft would treat differently from what was done.

use cartlane_engine::{Backtest, Backtested};
use cartlane_model::UnixMs;
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::json;

use crate::plans::document;

/// Holds a draft against all events, or against one.
async fn tried(app: &TestApp, text: &str, event: Option<&str>) -> Backtested {
    let wanted = Backtest {
        document: document(text),
        instead_of: None,
        from: UnixMs(0),
        until: UnixMs(i64::MAX),
        event: event.map(|event| event.parse().expect("an id")),
    };
    app.handle().backtest(&wanted).await.expect("tried")
}

const TAGGING: &str = r#"
name: Tagging
on: [order.success]
when: event.payload.base_product != "9"
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}"}
  - id: tags
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: ["{{ 'course' if event.payload.base_product == '1' else 'other' }}"]}
  - id: note
    when: "'course' in steps.contact.contact.tags or 'other' in steps.contact.contact.tags"
    operation: ghl.contacts.create_note
    with: {contactId: "{{ steps.contact.id }}", body: "again\nref: {{ reference }}"}
"#;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_finds_exactly_the_events_that_a_changed_rule_treats_differently(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let saved = app.handle().save(&[document(TAGGING)], None, false).await;
    saved.expect("saved");
    let mut by_product: Vec<(u64, String)> = Vec::new();
    for number in 0..12_u64 {
        let product = [1, 2, 9][usize::try_from(number % 3).expect("small")];
        // Every buyer buys twice: the second time the contact is there.
        let email = format!("buyer{}@example.com", number / 6 + number % 3 * 10);
        let sale = app
            .thrivecart()
            .order_success(&email)
            .order(&(5000 + number).to_string());
        let sale = sale.with(json!({"base_product": product.to_string()}));
        let answer = sale.deliver().await;
        let event = answer.split_whitespace().last().expect("an id").to_owned();
        by_product.push((product, event));
        app.drain().await;
    }
    let backtest = async |text: &str, event: Option<&str>| tried(&app, text, event).await;
    let same = backtest(TAGGING, None).await;
    assert_eq!((same.events, same.same, same.open), (12, 12, 0), "{same:#?}");
    // One rule is changed.
    let of = |product: u64| -> Vec<String> {
        let of = by_product.iter().filter(|(its, _)| *its == product);
        of.map(|(_, event)| event.clone()).collect()
    };
    let events = |group: &cartlane_engine::BacktestGroup| -> Vec<String> {
        group.events.iter().map(ToString::to_string).collect()
    };
    let changed = backtest(&TAGGING.replace("'course' if", "'course-2026' if"), None).await;
    assert_eq!(changed.groups.len(), 1, "{changed:#?}");
    assert_eq!(changed.groups[0].differences, ["step `tags`: tags would differ"]);
    assert_eq!(events(&changed.groups[0]), of(1));
    // Nobody is left out any more.
    let wider = backtest(&TAGGING.replace("!= \"9\"", "!= \"none\""), None).await;
    assert_eq!(wider.groups.len(), 1, "{wider:#?}");
    assert_eq!(events(&wider.groups[0]), of(9));
    assert!(
        wider.groups[0].differences[0].starts_with("it would start"),
        "{wider:#?}"
    );
    // What was skipped by an answer of then still is, and what was done for it is known.
    let narrower = backtest(
        &TAGGING.replace(
            "'course' in steps.contact.contact.tags or 'other' in steps.contact.contact.tags",
            "false",
        ),
        None,
    )
    .await;
    assert_eq!(narrower.groups.len(), 1, "{narrower:#?}");
    assert_eq!(
        narrower.groups[0].differences,
        ["step `note` (ghl.contacts.create_note) would not be done"]
    );
    assert_eq!(
        narrower.groups[0].events.len(),
        4,
        "those of the second purchases"
    );
    let opened = backtest(
        &TAGGING.replace("'course' if", "'course-2026' if"),
        Some(&of(1)[0]),
    )
    .await;
    let detail = opened.detail.expect("both sides");
    assert_eq!(
        detail["was"]["steps"][1]["inputs"]["tags"],
        json!(["course"]),
        "{detail:#}"
    );
    assert_eq!(
        detail["would_be"]["steps"][1]["inputs"]["tags"],
        json!(["course-2026"])
    );
}

const WIN_BACK: &str = r#"
name: Win back
on: [order.subscription_cancelled]
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}"}
  - id: back
    wait: {event: [order.success], for: 30 days}
  - id: way
    branch:
      - when: not steps.back.timed_out
        steps:
          - id: won
            operation: ghl.contacts.add_tags
            with: {contactId: "{{ steps.contact.id }}", tags: [won back]}
    else:
      - id: lost
        operation: ghl.contacts.add_tags
        with: {contactId: "{{ steps.contact.id }}", tags: [lost]}
"#;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_knows_which_event_a_run_waited_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    app.handle()
        .save(&[document(WIN_BACK)], None, false)
        .await
        .expect("saved");
    app.thrivecart().cancelled("a@example.com").deliver().await;
    app.until("it waits", async || {
        app.runs().await.iter().any(|run| run.state == "waiting")
    })
    .await;
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    assert!(app.ghl().tags("a@example.com").contains(&"won back".to_owned()));
    let tried = async |text: &str| tried(&app, text, None).await;
    let same = tried(WIN_BACK).await;
    assert_eq!((same.events, same.same), (1, 1), "{same:#?}");
    let changed = tried(&WIN_BACK.replace("[won back]", "[won]")).await;
    assert_eq!(changed.groups[0].differences, ["step `won`: tags would differ"]);
    let elsewhere = tried(&WIN_BACK.replace("tags: [lost]", "tags: [gone]")).await;
    assert_eq!(
        (elsewhere.events, elsewhere.same),
        (1, 1),
        "nobody was lost: {elsewhere:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_then_counts_as_failing_until_its_inputs_change() {
    let app = TestApp::builder().start().await;
    let text = TAGGING.replace("{{ steps.contact.id }}\", tags", "nobodyHasThisId00000\", tags");
    app.handle()
        .save(&[document(&text)], None, false)
        .await
        .expect("saved");
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    let tried = async |text: &str| tried(&app, text, None).await;
    let same = tried(&text).await;
    assert_eq!((same.events, same.same), (1, 1), "{same:#?}");
    let mended = tried(TAGGING).await;
    assert_eq!(mended.groups.len(), 1, "{mended:#?}");
    assert_eq!(
        mended.groups[0].differences[0],
        "step `tags` (ghl.contacts.add_tags) would be done"
    );
}
