//! Schedules, runs by hand, and automations that start after others.

use cartlane_model::{Clock, UnixMs};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

use crate::watch::{apply, events, watcher};

const EMAIL: &str = "a@example.com";

fn schedule(cron: &str) -> Value {
    json!({"schedule": {"cron": cron, "zone": "Europe/Berlin"}})
}

async fn due(app: &TestApp) -> Vec<(i64, i64)> {
    let events = events(app, "schedule.due").await;
    let of = |payload: &Value| {
        (
            payload["due_at"].as_i64().unwrap_or_default(),
            payload["missed"].as_i64().unwrap_or_default(),
        )
    };
    events.iter().map(|event| of(&event.facts.payload)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_makes_one_event_for_each_time_whatever_the_number_of_servers() {
    let app = TestApp::builder()
        .database(Backend::Postgres)
        .nodes(3)
        .start()
        .await;
    let on = [schedule("0 * * * *")];
    apply(
        &app,
        &[
            watcher("A", &on),
            watcher("B", &on),
            watcher("C", &[schedule("59 23 31 12 *")]),
        ],
    )
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await; // all servers know of it
    for hour in 1..=4 {
        app.clock().advance(3_600_000);
        app.until("it is due", async || due(&app).await.len() >= hour)
            .await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let due = due(&app).await;
    assert_eq!(due.len(), 4, "{due:?}");
    assert!(
        due.windows(2).all(|two| two[1].0 - two[0].0 == 3_600_000),
        "{due:?}"
    );
    app.drain().await;
    let runs = app.runs().await;
    assert_eq!(runs.iter().filter(|run| run.automation == "A").count(), 4);
    assert_eq!(
        runs.len(),
        8,
        "A and B share the events, C is due at another time"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_what_was_missed_the_last_is_made_up_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut app = TestApp::builder().database(backend).start().await;
    apply(&app, &[watcher("A", &[schedule("*/10 * * * *")])]).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(
        due(&app).await.is_empty(),
        "what was due before it was there is not missed"
    );
    app.stop(0).await;
    app.clock().advance(3 * 3_600_000);
    app.start(0).await;
    app.until("it is made up for", async || !due(&app).await.is_empty())
        .await;
    let now = app.clock().now();
    let due = due(&app).await;
    assert_eq!(due.len(), 1, "{due:?}");
    assert!((17..=18).contains(&due[0].1), "{due:?}");
    assert!(now.since_ms(UnixMs(due[0].0)) < 600_000 + 90_000);
    app.drain().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_person_starts_what_is_to_be_started_by_hand(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let mut save = watcher("By hand", &[json!("manual")]);
    save["when"] = json!("event.person.email");
    save["steps"] = json!([{"id": "contact", "operation": "ghl.contacts.save", "with": {
        "email": "{{ event.person.email }}", "source": "{{ event.payload.tag | default('none') }}"}}]);
    apply(
        &app,
        &[
            save,
            watcher("Other", &[json!("manual")]),
            watcher("Hook", &[json!("order.refund")]),
        ],
    )
    .await;
    let rows = app.handle().automations().await.expect("automations");
    let id = |name: &str| rows.iter().find(|row| row.name == name).expect("it").id;
    let event = json!({"person": {"email": EMAIL}, "amount": {"minor": 100, "currency": "USD"}, "payload": {"tag": "vip"}});
    let started = app
        .handle()
        .run_automation(id("By hand"), &event)
        .await
        .expect("it is started");
    app.drain().await;
    assert_eq!(app.ghl().contact(EMAIL)["email"], EMAIL);
    let detail = app.handle().event(started).await.expect("the event");
    assert_eq!(
        (detail.event.facts.kind.as_str(), detail.runs.len()),
        ("manual.run", 1)
    );
    assert_eq!(detail.event.facts.amount.map(|money| money.minor), Some(100));
    let plan = app.handle().plan(started).await.expect("a plan");
    assert_eq!(plan["automations"].as_array().map(Vec::len), Some(1), "{plan}");

    let keyed = |key: Value| json!({"key": key, "person": {"email": EMAIL}});
    let start = async |name: &str, key: Value| app.handle().run_automation(id(name), &keyed(key)).await;
    let first = start("By hand", json!("order 7")).await.expect("it is started");
    let again = start("By hand", json!("order 7")).await.expect("it was started");
    let other = start("Other", json!("order 7"))
        .await
        .expect("another automation");
    assert_eq!(first, again, "the same key starts it once");
    assert!(first != other && first != started);
    app.drain().await;
    assert_eq!(app.handle().event(first).await.expect("the event").runs.len(), 1);
    let error = start("By hand", json!(7)).await.expect_err("no text");
    assert!(error.to_string().contains("key"), "{error}");

    let error = app
        .handle()
        .run_automation(id("Hook"), &json!({}))
        .await
        .expect_err("not by hand");
    assert!(error.to_string().contains("add `manual`"), "{error}");
    let faulty = json!({"persn": {}, "person": {"emial": "x"}});
    let error = app
        .handle()
        .run_automation(id("By hand"), &faulty)
        .await
        .expect_err("slips")
        .to_string();
    assert!(
        error.contains("did you mean `person`?") && error.contains("did you mean `email`?"),
        "{error}"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_automation_starts_when_another_has_ended_as_it_waits_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = TestApp::builder().database(backend).start().await;
    let after = |name: &str, of: &str, outcome: &[&str]| {
        watcher(name, &[json!({"automation": {"name": of, "outcome": outcome}})])
    };
    apply(
        &app,
        &[
            after("Done", "Sync customers", &["done"]),
            after("Bad", "Sync customers", &["failed", "skipped"]),
            after("Next", "Done", &["skipped"]),
        ],
    )
    .await;
    app.thrivecart().order_success(EMAIL).order("1").deliver().await;
    app.drain().await;
    let done = events(&app, "automation.done").await;
    assert_eq!(done.len(), 1);
    let facts = &done[0].facts;
    assert_eq!(
        (facts.person.email.as_deref(), facts.order_id.as_deref()),
        (Some(EMAIL), Some("1"))
    );
    assert_eq!(facts.payload["automation"], "Sync customers");
    assert_eq!(
        done[0].contact_id,
        events(&app, "order.success").await[0].contact_id,
        "in the contact's lane"
    );
    assert_eq!(
        events(&app, "automation.skipped").await.len(),
        1,
        "`Done` was skipped, and `Next` waited for that"
    );
    let runs = app.runs().await;
    let names: Vec<&str> = runs.iter().map(|run| run.automation.as_str()).collect();
    assert_eq!(names, ["Sync customers", "Done", "Next"]);

    let mut faulty = watcher("Faulty", &[json!("order.refund")]);
    faulty["when"] = json!("true");
    faulty["steps"][0]["with"]["contactId"] = json!("{{ event.payload.nothing.here }}");
    apply(&app, &[faulty, after("Alarm", "Faulty", &["failed"])]).await;
    app.thrivecart().refund(EMAIL).order("1").deliver().await;
    app.drain().await;
    let failed = events(&app, "automation.failed").await;
    assert_eq!(failed.len(), 1);
    assert!(
        failed[0].facts.payload["code"].is_string(),
        "{}",
        failed[0].facts.payload
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn automations_that_would_start_each_other_for_ever_are_refused() {
    let app = TestApp::builder().start().await;
    let after = |name: &str, of: &str| watcher(name, &[json!({"automation": {"name": of}})]);
    apply(&app, &[after("B", "Refunds"), after("C", "B")]).await;
    let mut refunds = after("Refunds", "C");
    refunds["on"] = json!(["order.refund", {"automation": {"name": "C"}}]);
    let error = app
        .handle()
        .apply(&[refunds], "test")
        .await
        .expect_err("a loop")
        .to_string();
    assert!(
        error.contains("`Refunds`") && error.contains("`B`") && error.contains("for ever"),
        "{error}"
    );
    let error = app
        .handle()
        .apply(&[after("D", "Refnds")], "test")
        .await
        .expect_err("a slip")
        .to_string();
    assert!(error.contains("did you mean `Refunds`?"), "{error}");
}
