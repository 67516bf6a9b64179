//! Stopping as one is told to.

use std::time::Duration;

use cartlane_sandbox::{Fault, Latency};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;

/// The promise: a server that is told to stop is gone within 10 s.
const PROMISED: Duration = Duration::from_secs(10);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_gives_back_its_lanes_and_another_goes_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    // Nobody outlives such a lease: what is not given back is never finished here.
    let app = TestApp::builder()
        .database(backend)
        .limits(|limits| limits.lease_ms = 3_600_000);
    let mut app = app.start().await;
    app.ghl().change(|settings| {
        settings.latency_ms = Latency {
            mean: 100,
            spread: 50,
        }
    });
    app.ghl().fail_notes(Fault::NoAnswer, 1);
    let shop = app.thrivecart();
    for number in 0..6 {
        let email = format!("buyer{number}@example.com");
        shop.order_success(&email)
            .order(&number.to_string())
            .deliver()
            .await;
    }
    app.until("work is going on", async || app.ghl().calls().len() > 6)
        .await;
    let stopped = tokio::time::timeout(PROMISED, app.stop(0)).await;
    stopped.expect("it stops within 10 s");
    app.start(0).await;
    app.drain().await;
    assert!(app.runs().await.iter().all(|run| run.state == "done"));
    assert_eq!(app.ghl().effects("note_created"), 6);
    assert_eq!(app.ghl().effects("contact_created"), 6);
}
