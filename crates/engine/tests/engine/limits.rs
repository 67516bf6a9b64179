//! GHL's rate limit.

use cartlane_sandbox::{Fault, Limit, Match, Rule};
use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_429_nothing_is_sent_before_retry_after() {
    let app = TestApp::builder().start().await;
    let to_notes = Match {
        method: Some("POST".into()),
        path_contains: Some("/notes".into()),
        ..Match::default()
    };
    let mut rule = Rule::new(to_notes, Fault::TooMany, 1);
    rule.headers.insert("retry-after".into(), "1".into());
    app.ghl().script(rule);
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    let calls = app.ghl().calls();
    let refused = calls
        .iter()
        .position(|call| call.status == Some(429))
        .expect("the 429");
    let waited_ms = calls[refused + 1].at_ms.since_ms(calls[refused].at_ms);
    assert!(waited_ms >= 1_000, "only {waited_ms} ms");
    assert_eq!(app.ghl().effects("note_created"), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_leaves_the_others_all_that_it_did_not_spend(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let limit = Limit {
        max: 50,
        interval_ms: 600_000,
        ..Limit::default()
    };
    let app = TestApp::builder().database(backend);
    let app = app.sandbox(move |settings| settings.limit = Some(limit));
    let mut app = app.start().await;
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    let spent = i64::try_from(app.ghl().calls().len()).expect("few calls");
    app.restart().await;
    let health = app.handle().health().await.expect("read");
    let left = health.budgets.iter().find_map(|left| left.burst);
    assert_eq!(left, Some(50 - spent));
}

#[rstest]
#[case::sqlite(Backend::Sqlite, 1)]
#[case::postgres(Backend::Postgres, 1)]
#[case::two_nodes(Backend::Postgres, 2)]
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_never_overdrawn(#[case] backend: Backend, #[case] nodes: usize) {
    let app = TestApp::builder().database(backend).nodes(nodes);
    let app = app.sandbox(|settings| {
        settings.limit = Some(Limit {
            max: 20,
            interval_ms: 1_000,
            ..Limit::default()
        });
    });
    let app = app.start().await;
    for number in 0..24 {
        let shop = app.thrivecart_of(number % nodes);
        let sale = shop.order_success(&format!("buyer{number}@example.com"));
        sale.order(&number.to_string()).deliver().await;
    }
    app.drain().await;
    let stats = app.ghl().stats();
    assert_eq!(stats.r429_limit, 0);
    assert_eq!(stats.notes, 24);
    assert!(
        stats.requests >= 60,
        "too few requests to reach the limit: {}",
        stats.requests
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_day_is_not_overdrawn_and_the_next_one_goes_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    const A_DAY: u64 = 12;
    let app = TestApp::builder().database(backend).sandbox(|settings| {
        settings.limit = Some(Limit {
            max: 1_000,
            interval_ms: 1_000,
            daily: A_DAY,
        });
    });
    let app = app.start().await;
    for number in 0..4 {
        let sale = app
            .thrivecart()
            .order_success(&format!("buyer{number}@example.com"));
        sale.order(&number.to_string()).deliver().await;
    }
    let all_used = async || app.ghl().stats().requests == A_DAY;
    app.until("the day is used up", all_used).await;
    // An answer of this day must not be taken for one of the next.
    let is_known = async || {
        let health = app.handle().health().await.expect("health");
        health.budgets.iter().any(|budget| budget.all.day == Some(0))
    };
    app.until("that is known", is_known).await;
    assert!(app.ghl().stats().notes < 4, "a day was enough for all");
    app.clock().advance(86_400_000);
    app.drain().await;
    assert_eq!((app.ghl().stats().notes, app.ghl().stats().r429_limit), (4, 0));
}
