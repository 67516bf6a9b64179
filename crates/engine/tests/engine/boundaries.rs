//! A run that is killed at any boundary of a step, in documents that have all there is and in some by chance: its effects are
//! those of one that is not.

use std::collections::BTreeMap;

use cartlane_sandbox::Latency;
use cartlane_testkit::{Backend, TestApp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};

use crate::language::{EMAIL, EVERYTHING, effects, ended, only};

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

/// What a run leaves that is killed at its call of this number and goes on.
async fn killed_at(backend: Backend, document: String, boundary: usize) -> (usize, BTreeMap<String, usize>) {
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
    (boundary, effects(&app))
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_boundary_of_a_step_the_effects_are_the_same(
    #[values((Backend::Sqlite, 3), (Backend::Postgres, 0))] (backend, by_chance): (Backend, usize),
) {
    for document in documents(by_chance) {
        let app = house(backend, &document).await;
        ended(&app).await;
        let (wanted, calls) = (effects(&app), app.ghl().calls().len());
        // What a dead node had of the rate limit counts as spent for a while: all wait for that at once.
        let mut houses = JoinSet::new();
        let all = LocalSet::new();
        for boundary in 1..=calls {
            houses.spawn_local_on(killed_at(backend, document.clone(), boundary), &all);
        }
        for (boundary, left) in all.run_until(houses.join_all()).await {
            assert_eq!(left, wanted, "killed at call {boundary}: {document}");
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
