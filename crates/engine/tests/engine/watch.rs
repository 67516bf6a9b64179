//! What tests of polls share: automations that watch and do nothing else, and what came of them.

use cartlane_engine::PollHealth;
use cartlane_engine::records::EventFilter;
use cartlane_model::{Clock, Event};
use cartlane_testkit::TestApp;
use serde_json::{Value, json};

/// An automation that is started by `on`, and whose runs do nothing.
pub fn watcher(name: &str, on: &[Value]) -> Value {
    let step = json!({"id": "nothing", "operation": "ghl.contacts.get", "with": {"contactId": "x"}});
    json!({"name": name, "on": on, "when": "false", "steps": [step]})
}

/// A poll as a trigger.
pub fn poll(operation: &str, with: &Value) -> Value {
    json!({"poll": {"operation": operation, "with": with, "every": "5m"}})
}

pub async fn apply(app: &TestApp, documents: &[Value]) {
    let applied = app.handle().apply(documents, "test").await;
    applied.expect("it is saved");
}

pub async fn polls(app: &TestApp) -> Vec<PollHealth> {
    app.handle().polls().await.expect("polls")
}

/// Waits until there are `count` polls that somebody asks for, and none of them is due.
pub async fn settle(app: &TestApp, count: usize) {
    app.until("no poll is due", async || {
        let now = app.clock().now();
        let mut polls = polls(app).await;
        polls.retain(|poll| poll.next_at.is_some());
        polls.len() == count
            && polls.iter().all(|poll| {
                (poll.last_at.is_some() || poll.failures > 0 || poll.trouble.is_some())
                    && poll.next_at.is_some_and(|at| at > now)
            })
    })
    .await;
}

/// Lets so much time pass, and polls that are due come to their ends.
pub async fn pass(app: &TestApp, minutes: i64, count: usize) {
    app.clock().advance(minutes * 60_000);
    settle(app, count).await;
}

/// Events of a kind, in the order in which they were made.
pub async fn events(app: &TestApp, kind: &str) -> Vec<Event> {
    let (mut ids, mut before) = (Vec::new(), None);
    loop {
        let filter = EventFilter {
            kind: Some(kind.into()),
            before,
            ..EventFilter::default()
        };
        let page = app.handle().events(filter, 500).await.expect("events");
        before = page.last().map(|row| row.id);
        ids.extend(page.iter().map(|row| row.id));
        if before.is_none() {
            break;
        }
    }
    let mut events = Vec::new();
    for id in ids.into_iter().rev() {
        events.push(app.handle().event(id).await.expect("an event").event);
    }
    events
}

/// What changed, and the item's name: `new a@example.com`.
pub async fn told(app: &TestApp) -> Vec<String> {
    let mut told = Vec::new();
    for event in events(app, "poll.item").await {
        let payload = &event.facts.payload;
        let item = &payload["item"];
        let name = item["email"].as_str().or(item["id"].as_str()).unwrap_or("?");
        told.push(format!("{} {name}", payload["change"].as_str().unwrap_or("?")));
    }
    told.sort();
    told
}

/// Tells what a test measured, with `--nocapture`.
#[expect(clippy::print_stdout, reason = "a figure for people")]
pub fn figure(text: &str) {
    println!("{text}");
}
