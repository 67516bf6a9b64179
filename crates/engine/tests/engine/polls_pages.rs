//! Polls of lists that change while they are read, that an index shows late, and that have more than a page.

use cartlane_testkit::TestApp;
use rstest::rstest;
use serde_json::json;

use crate::polls::{SEARCH, rename};
use crate::watch::{apply, events, pass, poll, settle, told, watcher};

#[tokio::test(flavor = "multi_thread")]
async fn what_an_index_shows_late_is_not_missed_and_equal_times_are_told_apart() {
    let app = TestApp::builder()
        .sandbox(|settings| settings.index_lag_ms = 3 * 60_000)
        .start()
        .await;
    app.ghl()
        .change(|settings| settings.locations[0].allow_duplicates = true);
    apply(
        &app,
        &[watcher("Watch", &[poll(SEARCH, &json!({"pageLimit": 7}))])],
    )
    .await;
    settle(&app, 1).await;
    pass(&app, 4, 1).await;
    for number in 0..40 {
        app.ghl()
            .add_contact(&format!("c{number}@example.com"), &json!({})); // within a few milliseconds
    }
    pass(&app, 2, 1).await;
    pass(&app, 5, 1).await;
    pass(&app, 5, 1).await;
    assert_eq!(told(&app).await.len(), 40);
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_while_pages_are_read_are_neither_lost_nor_doubled() {
    let app = TestApp::builder()
        .sandbox(|settings| settings.latency_ms = cartlane_sandbox::Latency { mean: 8, spread: 3 })
        .start()
        .await;
    for number in 0..30 {
        app.ghl()
            .add_contact(&format!("c{number}@example.com"), &json!({}));
    }
    app.clock().advance(3_600_000);
    let watch = [
        poll(SEARCH, &json!({"pageLimit": 3})),
        poll("ghl.contacts.list", &json!({"limit": 3})),
    ];
    apply(&app, &[watcher("Watch", &watch)]).await;
    settle(&app, 2).await;
    for round in 0..12 {
        app.clock().advance(5 * 60_000);
        for edit in 0..10 {
            rename(
                &app,
                &format!("c{}@example.com", (round * 7 + edit * 3) % 30),
                &format!("n{round}-{edit}"),
            );
            tokio::time::sleep(std::time::Duration::from_millis(15)).await; // pages are read meanwhile
        }
        settle(&app, 2).await;
    }
    pass(&app, 5, 2).await;
    app.drain().await;
    let events = events(&app, "poll.item").await;
    let items = |operation: &str, id: &serde_json::Value| -> Vec<serde_json::Value> {
        let of_it = events.iter().map(|event| &event.facts.payload);
        let of_it = of_it.filter(|payload| payload["operation"] == operation && payload["item"]["id"] == *id);
        of_it.map(|payload| payload["item"].clone()).collect()
    };
    for contact in app.ghl().contacts() {
        for (operation, key) in [(SEARCH, "dateUpdated"), ("ghl.contacts.list", "firstName")] {
            let mut seen = items(operation, &contact["id"]);
            let last = seen.iter().max_by_key(|item| item["dateUpdated"].to_string());
            let last = last.unwrap_or_else(|| panic!("{operation}: {contact} was changed"));
            assert_eq!(last[key], contact[key], "{operation}: its last state is seen");
            let count = seen.len();
            seen.sort_by_key(|item| item[key].to_string());
            seen.dedup_by_key(|item| item[key].clone());
            assert_eq!(seen.len(), count, "{operation}: each state once: {seen:?}");
        }
    }
}

#[rstest]
#[case::pages_that_overlap("3")]
#[case::pages_of_one("1")]
#[tokio::test(flavor = "multi_thread")]
async fn what_slips_through_while_a_list_is_read_for_the_first_time_is_not_new(#[case] limit: &str) {
    let app = TestApp::builder().start().await;
    let mut ids = Vec::new();
    for number in 0..8 {
        let made = app
            .handle()
            .executor()
            .call(
                "crm",
                "ghl.businesses.create",
                &json!({"name": format!("B{number}")}),
            )
            .await
            .expect("made");
        ids.push(made.value["business"]["id"].as_str().expect("an id").to_owned());
    }
    app.clock().advance(3_600_000);
    app.ghl().change(|settings| {
        settings.latency_ms = cartlane_sandbox::Latency { mean: 100, spread: 0 };
    });
    let before = app.ghl().calls().len();
    apply(
        &app,
        &[watcher(
            "Watch",
            &[poll("ghl.businesses.list", &json!({"limit": limit}))],
        )],
    )
    .await;
    app.until("the second page is asked for", async || {
        app.ghl().calls().len() > before + 1
    })
    .await;
    app.handle()
        .executor()
        .call("crm", "ghl.businesses.delete", &json!({"businessId": ids[0]}))
        .await
        .expect("deleted");
    settle(&app, 1).await;
    app.ghl()
        .change(|settings| settings.latency_ms = cartlane_sandbox::Latency::default());
    pass(&app, 5, 1).await;
    pass(&app, 5, 1).await;
    assert_eq!(told(&app).await, Vec::<String>::new(), "all were there before");
    app.drain().await;
}
