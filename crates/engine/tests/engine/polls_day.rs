//! A day of polls on a test clock: every trigger of the published list, while the account changes by the scenarios of
//! `listed.json`, by bursts that the index shows late, by kills and restarts, by edits of the automations.
//!
//! What is expected is found without the engine's polls: after each round every list that was polled is read once more,
//! whole, and compared with what it was in the round before. The account does not change between a poll and that look.

use std::collections::{BTreeMap, BTreeSet};

use cartlane_catalog::{Catalog, Kind};
use cartlane_engine::PollHealth;
use cartlane_model::UnixMs;
use cartlane_sandbox::{CustomField, Edit, Message, Token};
use cartlane_testkit::{Backend, Ghl, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

use crate::listed::{Scenario, filled, scenarios};
use crate::oauth;
use crate::watch::{apply, events, figure, polls, settle, watcher};

/// Of 30 minutes each.
const ROUNDS: usize = 48;
const STEPS_A_ROUND: usize = 6;
const BURST: usize = 70;

/// Kinds that have nothing to tell that day: the scenarios change nothing of what they list once it is watched.
const QUIET: [&str; 17] = [
    "ghl.associations.list_relations",
    "ghl.blogs.list_authors",
    "ghl.blogs.list_blogs",
    "ghl.blogs.list_categories",
    "ghl.blogs.list_posts",
    "ghl.campaigns.list",
    "ghl.companies.get",
    "ghl.contacts.list_by_business",
    "ghl.conversations.download_transcription",
    "ghl.conversations.get_email",
    "ghl.conversations.get_recording",
    "ghl.conversations.get_transcription",
    "ghl.locations.list_custom_fields",
    "ghl.locations.search",
    "ghl.opportunities.list_pipelines",
    "ghl.snapshots.list",
    "ghl.workflows.list",
];

/// What a thing is like, by its poll and its id.
type States = BTreeMap<(String, String), String>;

/// The day so far.
struct Day {
    app: TestApp,
    steps: Vec<(usize, usize)>,
    scenarios: Vec<Scenario>,
    kept: Vec<BTreeMap<String, Value>>,
    watched: BTreeSet<String>,
    polled_at: BTreeMap<String, UnixMs>,
    states: States,
    expected: Vec<(String, String, String)>,
    edits: usize,
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_all_triggers_tells_each_state_that_is_there_at_a_poll_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut day = Day::begin(backend).await;
    for round in 0..ROUNDS {
        for _ in 0..STEPS_A_ROUND {
            day.next_step().await;
        }
        match round % 12 {
            2 => day.burst(round),
            // Visible after the round is over, and in the next one.
            5 | 9 => {
                day.wait(29).await;
                day.burst(round);
                day.wait(1).await;
                continue;
            }
            7 => day.edit_automations().await,
            _ => {}
        }
        day.app.clock().advance(30 * 60_000);
        match round % 16 {
            6 => day.app.restart().await,
            13 => {
                tokio::time::sleep(std::time::Duration::from_millis(220)).await; // into the polls
                day.app.kill(0).await;
                day.app.start(0).await;
                day.app.clock().advance(61_000); // leases end
            }
            _ => {}
        }
        day.look().await;
    }
    day.end().await;
}

impl Day {
    async fn begin(backend: Backend) -> Self {
        let app = TestApp::builder()
            .database(backend)
            .agency()
            .provider()
            .sandbox(|settings| {
                settings.tokens.push(Token::agency("pit-agency"));
                settings.locations[0].allow_duplicates = true;
                settings.locations[0]
                    .custom_fields
                    .push(CustomField::new("shoeSizeShoeSizeShoe", "shoe_size"));
            });
        let app = app.start().await;
        let authorized = oauth::authorize_as(app.handle(), "provider").await;
        authorized.expect("the provider's app is authorized");
        let scenarios = scenarios();
        // A step of each scenario in turn, so that all go on through the day.
        let longest = scenarios
            .iter()
            .map(|scenario| scenario.steps.len())
            .max()
            .unwrap_or(0);
        let turn = |step: usize| (0..scenarios.len()).map(move |scenario| (scenario, step));
        let steps = (0..longest).flat_map(turn);
        let mut steps: Vec<_> = steps
            .filter(|(scenario, step)| *step < scenarios[*scenario].steps.len())
            .collect();
        steps.reverse();
        let kept = vec![BTreeMap::new(); scenarios.len()];
        let mut day = Self {
            app,
            steps,
            scenarios,
            kept,
            watched: BTreeSet::new(),
            polled_at: BTreeMap::new(),
            states: States::new(),
            expected: Vec::new(),
            edits: 0,
        };
        day.watch("crm", "ghl.contacts.search", &json!({"pageLimit": 50}))
            .await;
        day.watch("crm", "ghl.contacts.list", &json!({"limit": 50})).await;
        day
    }

    /// The next step of a scenario; where it reads what can be watched, that is watched from now on.
    async fn next_step(&mut self) {
        let Some((scenario, step)) = self.steps.pop() else {
            return;
        };
        let step = &self.scenarios[scenario].steps[step];
        let kept = &self.kept[scenario];
        let Some(inputs) = filled(&step.with, kept) else {
            return;
        };
        let connection = step.r#as.as_deref().unwrap_or("crm").to_owned();
        let answer = if step.call == "sandbox.message" {
            let message: Message = serde_json::from_value(inputs.clone()).expect("a message");
            serde_json::to_value(self.app.ghl().message(&message)).ok()
        } else {
            let executor = self.app.handle().executor();
            let answered = executor.call(&connection, &step.call, &inputs).await;
            answered.ok().map(|output| output.value)
        };
        let Some(answer) = answer else { return };
        for (name, pointer) in &step.keep {
            if let Some(value) = answer.pointer(pointer) {
                self.kept[scenario].insert(name.clone(), value.clone());
            }
        }
        let call = step.call.clone();
        let operation = Catalog::builtin().get(&call);
        if operation.is_some_and(|operation| operation.kind == Kind::Trigger) {
            self.watch(&connection, &call, &inputs).await;
        }
    }

    async fn watch(&mut self, connection: &str, operation: &str, with: &Value) {
        let trigger = json!({"poll": {
            "operation": operation, "with": with, "every": "15m", "connection": connection}});
        let name = format!("{connection} {operation} {with}");
        if self.watched.insert(name.clone()) {
            apply(&self.app, &[watcher(&name, &[trigger])]).await;
            self.look().await; // its baseline
        }
    }

    /// People make and change many contacts within a few milliseconds; the index shows it five minutes later.
    fn burst(&mut self, round: usize) {
        self.app
            .ghl()
            .change(|settings| settings.index_lag_ms = 5 * 60_000);
        for number in 0..BURST {
            let email = format!("r{round}-{number}@example.com");
            self.app.ghl().add_contact(&email, &json!({"firstName": "New"}));
            if number % 3 == 0 {
                let set = json!({"firstName": format!("n{number}")});
                self.app.ghl().edit(&Edit {
                    set: set.as_object().cloned().unwrap_or_default(),
                    ..Ghl::edit_of(&email)
                });
            }
        }
        self.app.ghl().change(|settings| settings.index_lag_ms = 0);
    }

    async fn edit_automations(&mut self) {
        self.edits += 1;
        let rows = self.app.handle().automations().await.expect("automations");
        let ours = rows
            .into_iter()
            .filter(|row| self.watched.contains(&row.name))
            .map(|row| row.document);
        let edited: Vec<Value> = ours
            .step_by(2)
            .map(|mut document| {
                document["description"] = json!(format!("edited {} times", self.edits));
                document
            })
            .collect();
        apply(&self.app, &edited).await;
    }

    async fn wait(&mut self, minutes: i64) {
        self.app.clock().advance(minutes * 60_000);
        self.look().await;
    }

    /// Lets polls come to their ends, and reads once more what was polled.
    async fn look(&mut self) {
        settle(&self.app, self.watched.len()).await;
        for poll in polls(&self.app).await {
            let (Some(id), Some(last_at)) = (poll.id.clone(), poll.last_at) else {
                continue;
            };
            let before = self.polled_at.insert(id.clone(), last_at);
            if before != Some(last_at) {
                self.compare(&id, &poll, before.is_none()).await;
            }
        }
    }

    async fn compare(&mut self, id: &str, poll: &PollHealth, is_first: bool) {
        let now = visible(&self.app, poll).await;
        let operation = Catalog::builtin().get(&poll.operation).expect("an operation");
        let has_ids = operation.poll.as_ref().is_some_and(|rule| rule.id.is_some());
        for (item, state) in &now {
            let key = (id.to_owned(), item.clone());
            if self.states.insert(key, state.clone()).as_ref() != Some(state) && !is_first {
                self.expected
                    .push((poll.operation.clone(), item.clone(), state.clone()));
            }
        }
        if !has_ids {
            self.states
                .retain(|(of, item), _| of != id || now.contains_key(item));
        }
    }

    async fn end(mut self) {
        self.app.drain().await;
        let mut told: Vec<(String, String, String)> = Vec::new();
        for event in events(&self.app, "poll.item").await {
            let payload = &event.facts.payload;
            let operation = payload["operation"].as_str().expect("an operation");
            let (id, state) = state_of(operation, &payload["item"]);
            told.push((operation.to_owned(), id, state));
        }
        told.sort();
        self.expected.sort();
        let missed: Vec<_> = difference(&self.expected, &told);
        let doubled: Vec<_> = difference(&told, &self.expected);
        assert!(missed.is_empty(), "missed: {:#?}", &missed[..missed.len().min(5)]);
        assert!(
            doubled.is_empty(),
            "not there, or told twice: {:#?}",
            &doubled[..doubled.len().min(5)]
        );
        let listed = Catalog::builtin().listed();
        let kinds = listed.iter().filter(|operation| operation.kind == Kind::Trigger);
        let all: BTreeSet<&str> = kinds.clone().map(|operation| operation.id.as_str()).collect();
        let rows = polls(&self.app).await;
        let was_polled = |id: &str| {
            rows.iter()
                .any(|poll| poll.operation == id && poll.last_at.is_some())
        };
        let never: Vec<_> = kinds
            .map(|operation| operation.id.as_str())
            .filter(|id| !was_polled(id))
            .collect();
        assert!(never.is_empty(), "never polled: {never:?}");
        let kinds: BTreeSet<&str> = told.iter().map(|(operation, ..)| operation.as_str()).collect();
        figure(&format!(
            "{} polls, {} events of {} kinds: {kinds:?}",
            rows.len(),
            told.len(),
            kinds.len()
        ));
        let quiet: Vec<&str> = all.difference(&kinds).copied().collect();
        assert_eq!(quiet, QUIET);
        assert!(told.len() > 1_000, "the day was too quiet");
    }
}

/// All that a poll's list shows now, read without the poll.
async fn visible(app: &TestApp, poll: &PollHealth) -> BTreeMap<String, String> {
    let inputs: Value = serde_json::from_str(&poll.inputs).expect("inputs");
    let connection = poll.connection.as_deref().expect("a connection");
    let executor = app.handle().executor();
    let pages = executor.pages(connection, &poll.operation, &inputs).await;
    let mut pages = pages.expect("a list");
    let mut visible = BTreeMap::new();
    while let Some(item) = pages
        .next()
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", poll.operation))
    {
        let (id, state) = state_of(&poll.operation, &item);
        visible.insert(id, state);
    }
    visible
}

/// Who a thing is and what it is like, by the catalog's rule.
fn state_of(operation: &str, item: &Value) -> (String, String) {
    let operation = Catalog::builtin().get(operation).expect("an operation");
    let rule = operation.poll.as_ref().expect("a rule");
    let mut content = item.clone();
    if let Some(fields) = content.as_object_mut() {
        for key in ["traceId", "searchAfter", "sort"] {
            fields.remove(key);
        }
        if let Some(file) = fields.get_mut("file") {
            *file = json!([file["content_type"], file["bytes"]]);
        }
        fields.sort_keys();
    }
    let changed = rule.changed.as_ref().map(|key| &item[key.as_str()]);
    let state = changed
        .filter(|value| !value.is_null())
        .unwrap_or(&content)
        .to_string();
    let is_list = operation.id.ends_with("list_resources");
    let id = rule
        .id
        .as_ref()
        .map(|key| &item[key.as_str()])
        .filter(|id| !id.is_null());
    let id = id.map_or_else(
        || {
            if is_list {
                content.to_string()
            } else {
                "the one".into()
            }
        },
        Value::to_string,
    );
    (id, state)
}

/// What is in `all` more often than in `others`; both are sorted.
fn difference<'a, T: Ord>(all: &'a [T], others: &[T]) -> Vec<&'a T> {
    let count = |list: &[T], one: &T| {
        list.partition_point(|other| other <= one) - list.partition_point(|other| other < one)
    };
    all.iter()
        .filter(|one| count(all, one) > count(others, one))
        .collect()
}
