//! The REST client over the wire: what it sends, and what `ThriveCart`'s answers mean.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cartlane_catalog::Catalog;
use cartlane_model::event::Mode;
use cartlane_model::{Clock, SecretString, UnixMs};
use cartlane_outbound::{Options, Outcome, Refusal, install_crypto_provider};
use cartlane_thrivecart::rest::{Account, Client, NewestFirst};
use rstest::rstest;
use serde_json::{Value, json};

struct Still;

impl Clock for Still {
    fn now(&self) -> UnixMs {
        UnixMs(1_800_000_000_000)
    }
}

type Script = Arc<(u16, &'static str, Mutex<Vec<String>>)>;

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let heard = format!(
        "{} {} {} {} {}",
        parts.method,
        parts.uri,
        header("authorization").unwrap_or("-"),
        header("x-tc-mode").unwrap_or("-"),
        String::from_utf8_lossy(&body)
    );
    script.2.lock().expect("no panic").push(heard);
    let status = StatusCode::from_u16(script.0).expect("a status");
    (
        status,
        [("x-thrivecart-requestid", "req-1"), ("retry-after", "15")],
        script.1,
    )
        .into_response()
}

/// Makes the call against a server that answers so. Gives the outcome, ThriveCart's id of the request, and what was heard.
async fn call(
    operation: &str,
    inputs: &Value,
    (status, body): (u16, &'static str),
) -> (Outcome, Option<String>, String) {
    install_crypto_provider();
    let script: Script = Arc::new((status, body, Mutex::default()));
    let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!(
        "http://{}/api/external",
        listener.local_addr().expect("an address")
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let options = Options {
        allow_private_networks: true,
        ..Options::default()
    };
    let http = cartlane_outbound::Client::new(&options).expect("a client");
    let account = Account {
        base_url: url.parse().expect("an address"),
        key: SecretString::from("AAAA-BBBB".to_owned()),
        mode: Mode::Test,
    };
    let operation = Catalog::builtin().get(operation).expect("an operation");
    let request = operation.request(inputs, "").expect("right inputs");
    let exchange = Client::new(http, Arc::new(Still)).send(&account, &request).await;
    let heard = script.2.lock().expect("no panic").join("\n");
    (exchange.outcome, exchange.trace_id, heard)
}

#[tokio::test]
async fn a_call_carries_key_mode_and_inputs() {
    let inputs = json!({"order_id": "851362", "reference": "product-299"});
    let answer = (
        200,
        r#"{"success": true, "message": "This refund has been issued successfully."}"#,
    );
    let (outcome, trace_id, heard) = call("thrivecart.transactions.refund", &inputs, answer).await;
    assert!(matches!(outcome, Outcome::Success(_)), "{outcome:?}");
    assert_eq!(trace_id.as_deref(), Some("req-1"));
    let body = r#"{"order_id":"851362","reference":"product-299"}"#;
    assert_eq!(
        heard,
        format!("POST /api/external/refund Bearer AAAA-BBBB test {body}")
    );
}

#[rstest]
#[case(
    401,
    r#"{"error":"auth.missing"}"#,
    "thrivecart.invalid_token",
    Refusal::Connection
)]
#[case(
    401,
    r#"{"error":"invalid_token","error_description":"The access token provided is invalid"}"#,
    "thrivecart.invalid_token",
    Refusal::Connection
)]
#[case(
    404,
    r#"{"error":"method.exception","reason":"The requested bump cannot be identified."}"#,
    "thrivecart.not_found",
    Refusal::NotFound
)]
#[case(
    404,
    r#"{"error":"There are no orders associated with this customer."}"#,
    "thrivecart.not_found",
    Refusal::NotFound
)]
#[case(
    400,
    r#"{"error":"You must provide a valid order ID."}"#,
    "thrivecart.invalid",
    Refusal::Invalid
)]
#[case(
    400,
    r#"{"error":"You do not have permission to access this subscription."}"#,
    "thrivecart.invalid",
    Refusal::Invalid
)]
#[case(
    501,
    r#"{"error":"method.invalid"}"#,
    "thrivecart.no_such_call",
    Refusal::Invalid
)]
#[case(404, "<html>", "thrivecart.no_such_call", Refusal::Invalid)]
#[case(429, "", "thrivecart.rate_limited", Refusal::Limited { retry_after_ms: Some(15_000) })]
#[tokio::test]
async fn every_known_error_has_its_meaning(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] code: &str,
    #[case] refusal: Refusal,
) {
    let (outcome, ..) = call("thrivecart.account.ping", &json!({}), (status, body)).await;
    let Outcome::Rejected(rejection) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((rejection.code, rejection.refusal), (code, refusal));
}

#[tokio::test]
async fn an_answer_that_nobody_can_read_leaves_it_unclear() {
    for answer in [(200, "<html>"), (502, ""), (500, r#"{"error":"oops"}"#)] {
        let (outcome, ..) = call("thrivecart.account.ping", &json!({}), answer).await;
        assert!(matches!(outcome, Outcome::Unclear(_)), "{answer:?}: {outcome:?}");
    }
}

#[test]
fn rows_that_slide_onto_the_next_page_are_given_once() {
    let page = |ids: std::ops::Range<i64>| {
        let rows = ids.map(|id| json!({"event_id": id.to_string(), "timestamp": 1_000 - id}));
        json!({"transactions": rows.collect::<Vec<_>>(), "meta": {"total": 9}})
    };
    let mut reading = NewestFirst::back_to(UnixMs(994_000));
    assert_eq!(reading.took(&page(0..3)).len(), 3);
    assert_eq!(reading.took(&page(2..5)).len(), 2);
    assert_eq!(reading.next_page().expect("more")["page"], 3);
    assert_eq!(reading.took(&page(5..9)).len(), 2, "7 and 8 are older");
    assert_eq!(reading.next_page(), None);
}
