//! Slack and HTTP requests: what the server gets, and what its answers mean.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cartlane_model::SecretString;
use cartlane_notify::{Http, Slack, without_header_values};
use cartlane_outbound::{Outcome, Refusal};
use serde_json::{Value, json};

use crate::{Still, client};

type Heard = Arc<Mutex<Vec<String>>>;

/// Answers by its path: `/200` with JSON, `/429` with a wait, all else with that status and a word.
async fn answer(State(heard): State<Heard>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let key = parts.headers.get("x-key").and_then(|value| value.to_str().ok());
    heard.lock().expect("no panic").push(format!(
        "{} {} {} {}",
        parts.method,
        parts.uri,
        key.unwrap_or("-"),
        String::from_utf8_lossy(&body)
    ));
    match parts.uri.path().trim_start_matches('/').parse() {
        Ok(200_u16) => (StatusCode::OK, r#"{"id": 7}"#).into_response(),
        Ok(429) => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "slow").into_response(),
        Ok(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, "a_word").into_response()
        }
        Err(_) => (StatusCode::OK, "ok").into_response(),
    }
}

async fn serve() -> (String, Heard) {
    let heard = Heard::default();
    let router = Router::new().fallback(answer).with_state(Arc::clone(&heard));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

#[tokio::test]
async fn a_request_goes_out_as_described_and_its_answer_comes_back() {
    let (url, heard) = serve().await;
    let http = Http::new(client(true), Arc::new(Still));
    let inputs = json!({
        "method": "POST", "url": format!("{url}/200?a=1"), "headers": {"X-Key": "k1"},
        "query": {"tag": ["x y", 2]}, "body": {"order": "1001"},
    });
    let exchange = http.send(&inputs).await;
    let Outcome::Success(output) = exchange.outcome else {
        panic!("{:?}", exchange.outcome)
    };
    assert_eq!(
        (&output["status"], &output["body"]),
        (&json!(200), &json!({"id": 7}))
    );
    let heard = heard.lock().expect("no panic");
    assert_eq!(*heard, ["POST /200?a=1&tag=x+y&tag=2 k1 {\"order\":\"1001\"}"]);
    assert_eq!(without_header_values(&inputs)["headers"], json!({"X-Key": "…"}));
}

#[tokio::test]
async fn what_an_answer_means_is_the_status_unless_it_was_expected() {
    let (url, _) = serve().await;
    let http = Http::new(client(true), Arc::new(Still));
    let came = async |status: u16, expect: Value| {
        let inputs = json!({"method": "POST", "url": format!("{url}/{status}"), "expect": expect});
        http.send(&inputs).await.outcome
    };
    let refusal = |outcome: &Outcome| match outcome {
        Outcome::Rejected(rejection) => Some(rejection.refusal),
        _ => None,
    };
    assert!(matches!(came(409, json!([409])).await, Outcome::Success(_)));
    assert_eq!(refusal(&came(200, json!([201])).await), Some(Refusal::Invalid));
    assert_eq!(refusal(&came(404, json!([])).await), Some(Refusal::NotFound));
    assert!(matches!(came(502, json!([])).await, Outcome::Unclear(_)));
    let limited = came(429, json!([])).await;
    let wait = Refusal::Limited {
        retry_after_ms: Some(7_000),
    };
    assert_eq!(refusal(&limited), Some(wait));
}

#[tokio::test]
async fn private_networks_are_out_of_reach() {
    let (url, heard) = serve().await;
    let http = Http::new(client(false), Arc::new(Still));
    let outcome = http.send(&json!({"method": "GET", "url": url})).await.outcome;
    assert!(
        matches!(&outcome, Outcome::NotSent(why) if why.contains("private network")),
        "{outcome:?}"
    );
    assert!(heard.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn slack_gets_text_and_blocks_and_a_dead_web_hook_pauses_the_connection() {
    let (url, heard) = serve().await;
    let slack = |path: &str| {
        let url = SecretString::from(format!("{url}/{path}"));
        Slack::new(client(true), Arc::new(Still), url)
    };
    let inputs = json!({"text": "A *sale*", "blocks": [{"type": "divider"}]});
    let sent = slack("services/T0/B0/x").send(&inputs).await.outcome;
    assert_eq!(sent, Outcome::Success(json!({"ok": true})));
    assert_eq!(
        heard.lock().expect("no panic")[0],
        r#"POST /services/T0/B0/x - {"text":"A *sale*","blocks":[{"type":"divider"}]}"#
    );
    let Outcome::Rejected(gone) = slack("404").send(&inputs).await.outcome else {
        panic!("a web hook that is gone takes nothing")
    };
    assert_eq!((gone.code, gone.refusal), ("slack.refused", Refusal::Connection));
    let advice = gone.advice();
    assert!(
        advice.contains("a_word") && !advice.contains("127.0.0.1"),
        "{advice}"
    );
}
