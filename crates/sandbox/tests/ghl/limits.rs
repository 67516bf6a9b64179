use cartlane_sandbox::{Fault, Limit};
use reqwest::Method;
use serde_json::json;

use crate::client::{Ghl, LOCATION, START_MS};

const LIST: &str = "/contacts/?locationId=loc1&limit=1";

async fn limited(max: usize, daily: u64) -> Ghl {
    let limit = Limit {
        max,
        interval_ms: 10_000,
        daily,
    };
    Ghl::start_with(|settings| settings.limit = Some(limit)).await
}

#[tokio::test]
async fn no_interval_ever_has_more_than_the_limit() {
    let ghl = limited(5, 1_000).await;
    let mut accepted = Vec::new();
    // Uneven steps, so that fixed windows or buckets would let too many in somewhere.
    for step in 0..400_u32 {
        ghl.state().advance(step * 37 % 911);
        if ghl.get(LIST).await.0 == 200 {
            accepted.push(ghl.state().now().0);
        }
    }
    let spans = accepted.windows(6).map(|six| six[5] - six[0]);
    assert!(spans.min().expect("more than five requests") > 10_000);
    let refused = ghl.state().stats().r429_limit;
    assert_eq!(refused, 400 - accepted.len() as u64);
    assert!(refused > 0);
}

#[tokio::test]
async fn headers_tell_what_is_left() {
    let ghl = limited(3, 10).await;
    let response = ghl.request(Method::GET, LIST).send().await.expect("answer");
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("X-RateLimit-Max"), "3");
    assert_eq!(header("X-RateLimit-Remaining"), "2");
    assert_eq!(header("X-RateLimit-Interval-Milliseconds"), "10000");
    assert_eq!(header("X-RateLimit-Limit-Daily"), "10");
    assert_eq!(header("X-RateLimit-Daily-Remaining"), "9");
    let to_midnight = 86_400_000 - START_MS % 86_400_000;
    assert_eq!(header("X-RateLimit-Daily-Reset"), to_midnight.to_string());
}

#[tokio::test]
async fn daily_limit_ends_with_the_day() {
    let ghl = limited(100, 4).await;
    for expected in [200, 200, 200, 200, 429] {
        assert_eq!(ghl.get(LIST).await.0, expected);
    }
    ghl.state().advance(11_000);
    let (status, body) = ghl.get(LIST).await;
    assert_eq!((status, &body["message"]), (429, &json!("Too Many Requests")));
    ghl.clock.set(START_MS + 86_400_000);
    assert_eq!(ghl.get(LIST).await.0, 200);
}

#[tokio::test]
async fn injected_429s_are_counted_apart_and_cost_nothing() {
    let ghl = limited(1, 100).await;
    ghl.next(Fault::TooMany);
    assert_eq!(ghl.get(LIST).await.0, 429);
    assert_eq!(ghl.get(LIST).await.0, 200);
    assert_eq!(ghl.get(LIST).await.0, 429);
    let stats = ghl.state().stats();
    assert_eq!((stats.r429_injected, stats.r429_limit, stats.requests), (1, 1, 3));
}

#[tokio::test]
async fn clock_set_back_does_not_freeze_the_window() {
    let ghl = limited(1, 100).await;
    assert_eq!(ghl.get(LIST).await.0, 200);
    ghl.clock.set(START_MS - 86_400_000);
    assert_eq!(ghl.get(LIST).await.0, 429);
    ghl.clock.set(START_MS - 86_400_000 + 10_001);
    assert_eq!(ghl.get(LIST).await.0, 200);
}

#[tokio::test]
async fn without_a_limit_there_are_no_rate_headers() {
    let ghl = Ghl::start_with(|settings| settings.limit = None).await;
    let response = ghl.request(Method::GET, LIST).send().await.expect("answer");
    assert!(!response.headers().contains_key("x-ratelimit-max"));
    for _ in 0..150 {
        let id = ghl.state().contacts().len();
        ghl.contact(json!({"email": format!("{id}@x.test"), "locationId": LOCATION}))
            .await;
    }
}
