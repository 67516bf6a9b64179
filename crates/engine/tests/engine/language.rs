//! Automations that branch, loop, wait and go on after errors, on every database.

use cartlane_engine::Replay;
use std::collections::BTreeMap;

use cartlane_catalog::Catalog;
use cartlane_flow::Document;
use cartlane_sandbox::{Fault, Match, Rule};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

pub const EMAIL: &str = "a@example.com";
const DAY_MS: i64 = 24 * 60 * 60_000;

/// Applies a document alone; the defaults are removed.
pub async fn only(app: &TestApp, yaml: &str) {
    let handle = app.handle();
    for automation in handle.automations().await.expect("the defaults") {
        handle
            .remove_automation(automation.id)
            .await
            .expect("it is removed");
    }
    let document =
        Document::from_yaml(yaml, Catalog::builtin()).unwrap_or_else(|problems| panic!("{problems}"));
    handle
        .apply(&[document.to_json()], "test")
        .await
        .expect("it is applied");
}

pub async fn states(app: &TestApp) -> Vec<String> {
    app.runs().await.into_iter().map(|run| run.state).collect()
}

const WINBACK: &str = r#"
name: Thanks, unless it is refunded
on: order.success
steps:
  - {id: contact, operation: ghl.contacts.save, with: {email: "{{ event.person.email }}"}}
  - id: refund
    wait: {for: 7 days, event: order.refund}
  - id: thanks
    when: steps.refund.timed_out
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: [thanks]}
  - id: sorry
    when: not steps.refund.timed_out
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: ["sorry {{ steps.refund.event.kind }}"]}
"#;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_holds_nobody_up_and_ends_with_its_event_or_its_time(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut app = TestApp::builder().database(backend).start().await;
    only(&app, WINBACK).await;
    app.thrivecart().order_success(EMAIL).order("1").deliver().await;
    app.thrivecart()
        .order_success("b@example.com")
        .order("2")
        .deliver()
        .await;
    app.until("both wait", async || states(&app).await == ["waiting", "waiting"])
        .await;
    app.restart().await;
    app.thrivecart().order_success(EMAIL).order("3").deliver().await;
    app.until("the next order is not held up", async || {
        app.runs().await.len() == 3 && states(&app).await[0] == "waiting"
    })
    .await;
    app.thrivecart().refund(EMAIL).order("1").deliver().await;
    app.until("the refund ends both waits of its contact", async || {
        app.ghl().tags(EMAIL) == ["sorry order.refund"]
            && states(&app).await.iter().filter(|state| *state == "done").count() == 2
    })
    .await;
    app.clock().advance(7 * DAY_MS + 1);
    app.until("the time of the other is over", async || {
        app.ghl().tags("b@example.com") == ["thanks"]
    })
    .await;
    app.drain().await;
    assert!(states(&app).await.iter().all(|state| state == "done"));
}

const SECOND_ORDER: &str = r#"
name: Second order
on: order.success
steps:
  - {id: contact, operation: ghl.contacts.save, with: {email: "{{ event.person.email }}"}}
  - id: second
    wait: {when: contact.orders > 1, for: 30 days}
  - id: tag
    when: not steps.second.timed_out
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: ["second by {{ steps.second.event.order_id }}"]}
"#;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_its_condition_holds(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    only(&app, SECOND_ORDER).await;
    let waits = async || {
        states(&app)
            .await
            .iter()
            .filter(|state| *state == "waiting")
            .count()
    };
    app.thrivecart().order_success(EMAIL).order("1").deliver().await;
    app.until("it waits", async || waits().await == 1).await;
    app.thrivecart()
        .order_success("b@example.com")
        .order("5")
        .deliver()
        .await;
    app.until("the other waits, too", async || waits().await == 2)
        .await;
    app.thrivecart().order_success(EMAIL).order("2").deliver().await;
    app.until("both of theirs are over", async || {
        waits().await == 1 && states(&app).await.iter().filter(|state| *state == "done").count() == 2
    })
    .await;
    assert_eq!(app.ghl().tags(EMAIL), ["second by 2"]);
    assert!(app.ghl().tags("b@example.com").is_empty());
    app.clock().advance(31 * DAY_MS);
    ended(&app).await;
    assert!(app.ghl().tags("b@example.com").is_empty());
}

pub const EVERYTHING: &str = r#"
name: Everything
on: order.success
steps:
  - {id: contact, operation: ghl.contacts.save, with: {email: "{{ event.person.email }}"}}
  - id: each
    for_each: "['a', 'b', 'c']"
    steps:
      - id: odd
        branch:
          - when: index % 2 == 0
            steps:
              - id: note
                operation: ghl.contacts.create_note
                with: {contactId: "{{ steps.contact.id }}", body: "{{ item }}\nref: {{ reference }}"}
        else:
          - {id: tag, operation: ghl.contacts.add_tags, with: {contactId: "{{ steps.contact.id }}", tags: ["{{ item }}"]}}
  - {id: pause, wait: {for: 50ms}}
  - id: broken
    operation: ghl.contacts.add_to_workflow
    with: {contactId: "{{ steps.contact.id }}", workflowId: nothing-of-this-kind}
    on_error:
      - id: told
        operation: ghl.contacts.create_note
        with: {contactId: "{{ steps.contact.id }}", body: "no workflow: {{ steps.broken.failed }}\nref: {{ reference }}"}
  - {id: end, stop: "that is all"}
  - {id: never, operation: ghl.contacts.add_tags, with: {contactId: "{{ steps.contact.id }}", tags: [never]}}
"#;

/// Every write that GHL did, and how often; of those that may be repeated only that they were done.
pub fn effects(app: &TestApp) -> BTreeMap<String, usize> {
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for call in app.ghl().calls() {
        let Some(effect) = &call.effect else { continue };
        if effect.kind == "tags_added" {
            // Tags are added again after a kill, in one call or in several, which changes nothing.
            let tags = effect.detail["tags"].as_array().into_iter().flatten();
            effects.extend(tags.map(|tag| (tag.to_string(), 1)));
            continue;
        }
        let first_line = |body: &Value| {
            body.as_str()
                .and_then(|body| body.lines().next())
                .map(str::to_owned)
        };
        let body = effect.detail.get("body").and_then(first_line); // the reference is each run's own
        *effects.entry(json!([effect.kind, body]).to_string()).or_default() += 1;
    }
    effects
}

pub async fn ended(app: &TestApp) {
    app.until("the run is over", async || {
        states(app).await.iter().all(|state| state == "done")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_tries_again_what_had_failed_and_repeats_nothing() {
    let app = TestApp::builder().start().await;
    only(&app, EVERYTHING).await;
    let workflows = Match {
        path_contains: Some("/workflow/".into()),
        ..Match::default()
    };
    app.ghl().script(Rule {
        status: Some(400),
        body: json!({"message": "no such workflow", "statusCode": 400}),
        ..Rule::new(workflows, Fault::Answer, 1)
    });
    app.thrivecart().order_success(EMAIL).deliver().await;
    ended(&app).await;
    let before = effects(&app);
    let run = app.runs().await.remove(0);
    assert!(
        run.warnings
            .iter()
            .any(|warning| warning.contains("broken has failed")),
        "{:?}",
        run.warnings
    );
    app.handle()
        .replay(
            Replay::Fitting(cartlane_engine::records::EventFilter::default()),
            None,
        )
        .await
        .expect("a replay");
    ended(&app).await;
    assert_eq!(effects(&app), before);
}
