//! A thousand polls over fifty locations, on a clock that goes faster than ours.

use std::collections::HashMap;
use std::time::Duration;

use cartlane_engine::{AccountConfig, ConnectionConfig, GhlConfig, SecretName, Secrets};
use cartlane_model::Clock;
use cartlane_sandbox::{Limit, Location, Token};
use cartlane_testkit::TestApp;
use serde_json::json;

use crate::watch::{apply, figure, poll, polls, watcher};

const LOCATIONS: usize = 50;
const POLLS_EACH: usize = 20;
const EVERY_MS: i64 = 300_000;
/// So many times faster than ours.
const FASTER: i64 = 12;
const INTERVALS: i64 = 2;
const STEP: Duration = Duration::from_millis(50);

fn name(location: usize) -> String {
    format!("place{location}")
}

async fn app() -> TestApp {
    let app = TestApp::builder().sandbox(|settings| {
        settings.limit = Some(Limit {
            max: 100,
            interval_ms: 10_000,
            ..Limit::default()
        });
        for location in 0..LOCATIONS {
            settings.locations.push(Location::new(&name(location)));
            settings
                .tokens
                .push(Token::new(&format!("pit-{location}"), &name(location)));
        }
    });
    let app = app.start().await;
    for location in 0..LOCATIONS {
        let config = GhlConfig {
            base_url: app.ghl_url(),
            location_id: Some(name(location)),
            allow_private_networks: true,
            ..GhlConfig::default()
        };
        let secrets = Secrets::default().with(SecretName::Token, format!("pit-{location}"));
        let account = AccountConfig::Ghl(config);
        let added = app.handle().add_connection(ConnectionConfig {
            name: name(location),
            account,
            secrets,
        });
        added.await.expect("a connection");
    }
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_polls_over_fifty_locations_stay_on_schedule_inside_the_budgets() {
    let app = app().await;
    let documents: Vec<_> = (0..LOCATIONS)
        .map(|location| {
            let polls = (0..POLLS_EACH).map(|number| {
                let mut poll = poll("ghl.contacts.search", &json!({"query": format!("q{number}")}));
                poll["poll"]["connection"] = json!(name(location));
                poll
            });
            watcher(&name(location), &polls.collect::<Vec<_>>())
        })
        .collect();
    apply(&app, &documents).await;
    app.until("all have begun", async || {
        let polls = polls(&app).await;
        polls.len() == LOCATIONS * POLLS_EACH && polls.iter().all(|poll| poll.last_at.is_some())
    })
    .await;
    let from = app.clock().now();
    let real_ms = INTERVALS * EVERY_MS / FASTER;
    let mut passed = Duration::ZERO;
    while passed.as_millis() < u128::from(real_ms.unsigned_abs()) {
        tokio::time::sleep(STEP).await;
        passed += STEP;
        app.clock()
            .advance(i64::from(STEP.subsec_millis()) * (FASTER - 1));
    }
    let to = app.clock().now();

    let rows = polls(&app).await;
    let due_at: HashMap<(String, String), i64> = rows
        .iter()
        .map(|poll| {
            let inputs: serde_json::Value = serde_json::from_str(&poll.inputs).expect("inputs");
            let query = inputs["query"].as_str().unwrap_or_default().to_owned();
            (
                (poll.connection.clone().unwrap_or_default(), query),
                poll.next_at.expect("a time").0,
            )
        })
        .collect();
    let calls = app.ghl().calls();
    let (mut late_ms, mut fetches) = (Vec::new(), HashMap::<_, i64>::new());
    let mut of_location: HashMap<String, Vec<i64>> = HashMap::new();
    for call in calls
        .iter()
        .filter(|call| call.operation == Some("ghl.contacts.search") && call.at_ms >= from)
    {
        assert_eq!(call.status, Some(200), "inside the limits: {call:?}");
        let text = |key: &str| call.request_body[key].as_str().unwrap_or_default().to_owned();
        let poll = (text("locationId"), text("query"));
        of_location.entry(poll.0.clone()).or_default().push(call.at_ms.0);
        late_ms.push((call.at_ms.0 - due_at[&poll]).rem_euclid(EVERY_MS));
        *fetches.entry(poll).or_default() += 1;
    }
    late_ms.sort_unstable();
    let at = |share: usize| late_ms[(late_ms.len() - 1) * share / 100] / 1_000;
    let (median, most) = (at(50), at(99));
    let busiest = of_location.values().map(|at_ms| most_within(at_ms, 10_000)).max();
    figure(&format!(
        "{} polls of {} locations, {} fetches in {} min: late by {median} s (half), {most} s (99 %), {} s (all); at most {} calls of a \
         location in 10 s, of 100; on a clock {FASTER} times faster",
        rows.len(),
        LOCATIONS,
        late_ms.len(),
        to.since_ms(from) / 60_000,
        at(100),
        busiest.unwrap_or(0),
    ));
    let intervals = to.since_ms(from) / EVERY_MS;
    assert_eq!(fetches.len(), LOCATIONS * POLLS_EACH);
    let skipped = fetches
        .values()
        .filter(|count| **count < intervals - 1 || **count > intervals + 1)
        .count();
    assert_eq!(skipped, 0, "each is polled once an interval");
    assert!(
        most < EVERY_MS / 2_000,
        "nearly all begin in the first half of their interval"
    );
    assert!(
        rows.iter()
            .all(|poll| poll.trouble.is_none() && poll.calls_per_day == 288)
    );
}

/// The most of these moments, which are in order, that lie within so many milliseconds.
fn most_within(at_ms: &[i64], within_ms: i64) -> usize {
    let from = |(index, at): (usize, &i64)| at_ms[index..].partition_point(|other| *other < at + within_ms);
    at_ms.iter().enumerate().map(from).max().unwrap_or(0)
}
