//! Automations that branch, loop, wait and go on after errors: on every database, and killed at every boundary of a step.

use std::collections::BTreeMap;

use cartlane_catalog::Catalog;
use cartlane_flow::Document;
use cartlane_sandbox::{Fault, Latency, Match, Rule};
use cartlane_testkit::{Backend, TestApp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rstest::rstest;
use serde_json::{Value, json};

const EMAIL: &str = "a@example.com";
const DAY_MS: i64 = 24 * 60 * 60_000;

/// Applies a document alone; the defaults are removed.
async fn only(app: &TestApp, yaml: &str) {
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

async fn states(app: &TestApp) -> Vec<String> {
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

const EVERYTHING: &str = r#"
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

/// A piece of an automation.
#[derive(Clone, Debug)]
enum Block {
    Note,
    Tag,
    Wait,
    /// A step that fails, and what is done then.
    Broken(Vec<Block>),
    /// Whether its condition holds, and what is done then, or else.
    Branch(bool, Vec<Block>, Vec<Block>),
    Each(usize, Vec<Block>),
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let leaf = prop_oneof![3 => Just(Block::Note), 2 => Just(Block::Tag), 1 => Just(Block::Wait)];
    let block = leaf.prop_recursive(2, 8, 2, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            some().prop_map(Block::Broken),
            (any::<bool>(), some(), some())
                .prop_map(|(holds, then, other)| Block::Branch(holds, then, other)),
            (1..3_usize, some()).prop_map(|(rounds, each)| Block::Each(rounds, each)),
        ]
    });
    prop::collection::vec(block, 2..5)
}

/// The steps of blocks; each has a name and words of its own.
fn steps(blocks: &[Block], names: &mut usize) -> Vec<Value> {
    let step = |block: &Block| {
        *names += 1;
        let name = format!("s{names}");
        let contact = "{{ steps.contact.id }}";
        let body = format!("{name}\nref: {{{{ reference }}}}");
        match block {
            Block::Note => json!({"id": name, "operation": "ghl.contacts.create_note",
                                  "with": {"contactId": contact, "body": body}}),
            Block::Tag => json!({"id": name, "operation": "ghl.contacts.add_tags",
                                 "with": {"contactId": contact, "tags": [name]}}),
            Block::Wait => json!({"id": name, "wait": {"for": "50ms"}}),
            Block::Broken(then) => json!({"id": name, "operation": "ghl.contacts.add_to_workflow",
                                          "with": {"contactId": contact, "workflowId": "nothing-of-this-kind"},
                                          "on_error": steps(then, names)}),
            Block::Branch(holds, then, other) => {
                json!({"id": name, "branch": [{"when": holds.to_string(), "steps": steps(then, names)}],
                                                        "else": steps(other, names)})
            }
            Block::Each(rounds, each) => {
                json!({"id": name, "for_each": format!("range({rounds}) | list"), "steps": steps(each, names)})
            }
        }
    };
    blocks.iter().map(step).collect()
}

/// A document that has all, and some by chance, the same each time.
fn documents(by_chance: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let document = |_| {
        let blocks = blocks().new_tree(&mut runner).expect("blocks").current();
        let mut all = vec![
            json!({"id": "contact", "operation": "ghl.contacts.save", "with": {"email": "{{ event.person.email }}"}}),
        ];
        all.extend(steps(&blocks, &mut 0));
        json!({"name": "Everything", "on": ["order.success"], "steps": all}).to_string()
    };
    let by_chance: Vec<String> = (0..by_chance).map(document).collect();
    [EVERYTHING.to_owned()].into_iter().chain(by_chance).collect()
}

/// Every write that GHL did, and how often; of those that may be repeated only that they were done.
fn effects(app: &TestApp) -> BTreeMap<String, usize> {
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

async fn house(backend: Backend, document: &str) -> TestApp {
    let app = TestApp::builder()
        .database(backend)
        .limits(|limits| limits.lease_ms = 1_000)
        .start()
        .await;
    only(&app, document).await;
    app.thrivecart().order_success(EMAIL).deliver().await;
    app
}

async fn ended(app: &TestApp) {
    app.until("the run is over", async || {
        states(app).await.iter().all(|state| state == "done")
    })
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_boundary_of_a_step_the_effects_are_the_same(
    #[values((Backend::Sqlite, 1, 3), (Backend::Postgres, 3, 0))] (backend, every, by_chance): (
        Backend,
        usize,
        usize,
    ),
) {
    for document in documents(by_chance) {
        let app = house(backend, &document).await;
        ended(&app).await;
        let (wanted, calls) = (effects(&app), app.ghl().calls().len());
        for boundary in (1..=calls).step_by(every) {
            let mut app = house(backend, &document).await;
            app.ghl()
                .change(|settings| settings.latency_ms = Latency { mean: 20, spread: 0 });
            app.until("so many calls were made", async || {
                app.ghl().calls().len() >= boundary
            })
            .await;
            app.kill(0).await;
            app.ghl()
                .change(|settings| settings.latency_ms = Latency::default());
            app.start(0).await;
            ended(&app).await;
            assert_eq!(effects(&app), wanted, "killed at call {boundary}: {document}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kills_are_tried_on_has_all_that_there_is() {
    let all = documents(3).join("\n");
    for form in ["for_each", "\"wait\"", "\"branch\"", "\"on_error\""] {
        assert!(all[EVERYTHING.len()..].contains(form), "{form} by chance: {all}");
    }
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
        .replay(cartlane_engine::records::EventFilter::default())
        .await
        .expect("a replay");
    ended(&app).await;
    assert_eq!(effects(&app), before);
}
