//! One call over a real connection.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use cartlane_catalog::Catalog;
use cartlane_ghl::files::{Files, Kept};
use cartlane_ghl::{Account, Client, Exchange, Outcome, Rejection};
use cartlane_model::{Clock, FileId, UnixMs};
use cartlane_outbound as outbound;
use serde_json::{Value, json};

struct Frozen;
impl Clock for Frozen {
    fn now(&self) -> UnixMs {
        UnixMs(1_000)
    }
}

type Seen = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

async fn answer(State((seen, make)): State<(Seen, fn() -> Response)>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.expect("a body");
    let line = format!("{} {}", parts.method, parts.uri);
    seen.lock().expect("unpoisoned").push((line, parts.headers, body));
    make()
}

/// Makes a call to a server that answers so. Gives what the server saw, and the exchange.
async fn exchange(
    operation: &str,
    inputs: &Value,
    make: fn() -> Response,
) -> ((String, HeaderMap, Bytes), Exchange) {
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("its address");
    let router = Router::new()
        .fallback(answer)
        .with_state((Arc::clone(&seen), make));
    tokio::spawn(axum::serve(listener, router).into_future());
    outbound::install_crypto_provider();
    let options = outbound::Options {
        allow_private_networks: true,
        ..outbound::Options::default()
    };
    let client = Client::new(
        outbound::Client::new(&options).expect("a client"),
        Arc::new(Frozen),
    );
    let base_url = format!("http://{address}/").parse().expect("a URL");
    let account = Account {
        base_url,
        token: " pit-1\n".to_owned().into(),
        location_id: "loc1".into(),
    };
    let operation = Catalog::builtin().get(operation).expect("an operation");
    let request = operation
        .request(inputs, account.location_id.as_str())
        .expect("right inputs");
    let exchange = client.send(&account, &request).await;
    let seen = seen.lock().expect("unpoisoned").pop().expect("a request");
    (seen, exchange)
}

#[tokio::test]
async fn a_call_carries_token_version_and_own_user_agent() {
    let inputs = json!({"email": "a@b.co"});
    let ((line, headers, body), exchange) = exchange("ghl.contacts.create", &inputs, || {
        let rate = [
            ("X-RateLimit-Max", "100"),
            ("X-RateLimit-Remaining", "99"),
            ("X-RateLimit-Daily-Reset", "5000"),
        ];
        (rate, r#"{"contact":{"id":"c1"},"traceId":"t-1"}"#).into_response()
    })
    .await;
    assert_eq!(line, "POST /contacts/");
    assert_eq!(body, r#"{"locationId":"loc1","email":"a@b.co"}"#);
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    assert_eq!(
        (header("authorization"), header("version")),
        ("Bearer pit-1", "2021-07-28")
    );
    assert_eq!(
        (header("content-type"), header("accept")),
        ("application/json", "application/json")
    );
    assert!(header("user-agent").starts_with("Cartlane/"), "{headers:?}");
    assert!(matches!(exchange.outcome, Outcome::Success(answer) if answer["contact"]["id"] == "c1"));
    assert_eq!(exchange.trace_id.as_deref(), Some("t-1"));
    assert_eq!(
        (
            exchange.rate.max,
            exchange.rate.remaining,
            exchange.rate.daily_reset_ms
        ),
        (Some(100), Some(99), Some(5000))
    );
}

#[tokio::test]
async fn a_plus_arrives_as_a_plus_and_a_delete_with_its_body() {
    let inputs = json!({"email": "a+b@c.co"});
    let ((line, ..), _) = exchange("ghl.contacts.find_duplicate", &inputs, || {
        r#"{"contact":null}"#.into_response()
    })
    .await;
    assert_eq!(
        line,
        "GET /contacts/search/duplicate?locationId=loc1&email=a%2Bb%40c.co"
    );
    let inputs = json!({"contactId": "c1", "tags": ["x"]});
    let ((line, _, body), _) = exchange("ghl.contacts.remove_tags", &inputs, || {
        r#"{"tags":[]}"#.into_response()
    })
    .await;
    assert_eq!(line, "DELETE /contacts/c1/tags");
    assert_eq!(body, r#"{"tags":["x"]}"#);
}

#[tokio::test]
async fn a_refusal_keeps_wait_trace_and_needed_scope() {
    let inputs = json!({"contactId": "c1"});
    let (_, limited) = exchange("ghl.contacts.get", &inputs, || {
        let headers = [
            ("retry-after", "3"),
            ("x-ratelimit-daily-remaining", "10"),
            ("traceid", "t-2"),
        ];
        (
            axum::http::StatusCode::TOO_MANY_REQUESTS,
            headers,
            r#"{"message":"Too Many Requests"}"#,
        )
            .into_response()
    })
    .await;
    let expected = Rejection::RateLimited {
        retry_after_ms: Some(3_000),
        daily: false,
    };
    assert_eq!(limited.outcome, Outcome::Rejected(expected));
    assert_eq!(
        (limited.trace_id.as_deref(), limited.retry_after_ms),
        (Some("t-2"), Some(3_000))
    );

    let (_, refused) = exchange("ghl.contacts.get", &inputs, || {
        let message = r#"{"message":"The token is not authorized for this scope."}"#;
        (axum::http::StatusCode::UNAUTHORIZED, message).into_response()
    })
    .await;
    let expected = Rejection::MissingScope {
        scopes: vec!["contacts.readonly".into()],
        of_app: false,
    };
    assert_eq!(refused.outcome, Outcome::Rejected(expected));
}

/// The content type and the body of what an upload sends, and what came of it; `kept` is kept before.
async fn upload(inputs: serde_json::Value, kept: Option<&Kept>) -> (Exchange, String, String) {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new().fallback(move |headers: axum::http::HeaderMap, body: String| async move {
        let kind = headers["content-type"].to_str().expect("text").to_owned();
        told.send((kind, body)).expect("a listener");
        axum::Json(json!({"fileId": "f1", "url": "https://example.com/f1"}))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(axum::serve(listener, router).into_future());
    outbound::install_crypto_provider();
    let options = outbound::Options {
        allow_private_networks: true,
        ..outbound::Options::default()
    };
    let directory = tempfile::tempdir().expect("a directory");
    let files = Files::new(directory.path().to_owned(), 1 << 20);
    if let Some(kept) = kept {
        let path = files.path(kept.id);
        std::fs::write(&path, "RIFF").expect("written");
        std::fs::write(path.with_extension("json"), json!(kept).to_string()).expect("written");
    }
    let client = Client::new(
        outbound::Client::new(&options).expect("a client"),
        Arc::new(Frozen),
    );
    let account = Account {
        base_url: format!("http://{address}/").parse().expect("a URL"),
        token: "pit-1".to_owned().into(),
        location_id: "loc1".into(),
    };
    let operation = Catalog::builtin().get("ghl.medias.upload_media_content");
    let request = operation
        .expect("known")
        .request(&inputs, "loc1")
        .expect("right inputs");
    let exchange = client.with_files(files).send(&account, &request).await;
    let (kind, body) = heard.try_recv().unwrap_or_default();
    (exchange, kind, body)
}

#[tokio::test]
async fn a_file_is_sent_in_a_form_with_its_name_and_type() {
    let inputs =
        json!({"name": "prices", "hosted": false, "file": {"name": "a \"b\".csv", "text": "x,y\r\n1,2"}});
    let (exchange, kind, body) = upload(inputs, None).await;
    assert!(matches!(exchange.outcome, Outcome::Success(_)), "{exchange:?}");
    let boundary = kind
        .strip_prefix("multipart/form-data; boundary=")
        .expect("a form");
    let mut parts: Vec<&str> = body.split(&format!("--{boundary}")).map(str::trim).collect();
    parts.sort_unstable();
    assert_eq!(
        parts,
        [
            "",
            "--",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".csv\"\r\nContent-Type: text/csv\r\n\r\nx,y\r\n1,2",
            "Content-Disposition: form-data; name=\"hosted\"\r\n\r\nfalse",
            "Content-Disposition: form-data; name=\"name\"\r\n\r\nprices",
        ]
    );
}

#[tokio::test]
async fn a_kept_file_is_sent_on_under_its_own_name_and_one_that_is_not_kept_is_told() {
    let kept = Kept {
        id: FileId::new(UnixMs(1)),
        operation: "ghl.conversations.get_recording".into(),
        content_type: "audio/x-wav".into(),
        bytes: 4,
        name: Some("call.wav".into()),
        kept_at: UnixMs(1),
    };
    let inputs = json!({"file": {"kept": kept.id}});
    let (exchange, _, body) = upload(inputs.clone(), Some(&kept)).await;
    assert!(matches!(exchange.outcome, Outcome::Success(_)), "{exchange:?}");
    let part = "name=\"file\"; filename=\"call.wav\"\r\nContent-Type: audio/x-wav\r\n\r\nRIFF";
    assert!(body.contains(part), "{body}");
    let too_large = Kept {
        bytes: (50 << 20) + 1,
        ..kept.clone()
    };
    for kept in [None, Some(&too_large)] {
        let (exchange, kind, _) = upload(inputs.clone(), kept).await;
        let Outcome::Rejected(rejection) = exchange.outcome else {
            panic!("{exchange:?}");
        };
        assert_eq!((rejection.code(), kind.as_str()), ("ghl.unsendable_file", ""));
    }
}

/// Fetches a recording from a server that answers with `make`, into a directory of its own.
async fn fetch(make: fn() -> Response, max_bytes: u64) -> (Exchange, tempfile::TempDir) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("its address");
    let router = Router::new().fallback(move || async move { make() });
    tokio::spawn(axum::serve(listener, router).into_future());
    outbound::install_crypto_provider();
    let options = outbound::Options {
        allow_private_networks: true,
        ..outbound::Options::default()
    };
    let directory = tempfile::tempdir().expect("a directory");
    let http = outbound::Client::new(&options).expect("a client");
    let files = Files::new(directory.path().join("files"), max_bytes);
    let client = Client::new(http, Arc::new(Frozen)).with_files(files);
    let account = Account {
        base_url: format!("http://{address}/").parse().expect("a URL"),
        token: "pit-1".to_owned().into(),
        location_id: "loc1".into(),
    };
    let operation = Catalog::builtin().get("ghl.conversations.get_recording");
    let request = operation
        .expect("known")
        .request(&json!({"messageId": "m"}), "loc1");
    (client.send(&account, &request.expect("right")).await, directory)
}

fn sound() -> Response {
    let head = [
        ("content-type", "audio/x-wav"),
        (
            "content-disposition",
            "attachment; filename=\"../../etc/call.wav\"",
        ),
    ];
    (head, vec![7_u8; 70_000]).into_response()
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_kept_as_a_file() {
    let (exchange, directory) = fetch(sound, 100_000).await;
    let Outcome::Success(answer) = exchange.outcome else {
        panic!("{exchange:?}");
    };
    let kept: Kept = serde_json::from_value(answer["file"].clone()).expect("a reference");
    assert_eq!((kept.content_type.as_str(), kept.bytes), ("audio/x-wav", 70_000));
    assert_eq!(kept.name.as_deref(), Some("call.wav"));
    let files = Files::new(directory.path().join("files"), 0);
    assert_eq!(
        std::fs::read(files.path(kept.id)).expect("the file"),
        vec![7; 70_000]
    );
    let beside = std::fs::read(files.path(kept.id).with_extension("json")).expect("its description");
    assert_eq!(serde_json::from_slice::<Kept>(&beside).expect("JSON"), kept);
}

#[tokio::test]
async fn a_file_beyond_the_cap_is_refused_and_leaves_nothing_behind() {
    let (exchange, directory) = fetch(sound, 69_999).await;
    let too_large = Rejection::FileTooLarge { limit_bytes: 69_999 };
    assert_eq!(exchange.outcome, Outcome::Rejected(too_large));
    let left = std::fs::read_dir(directory.path().join("files")).expect("the directory");
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_refusal_of_a_file_is_read_as_such() {
    let refused = || {
        let body = r#"{"statusCode":401,"message":"The token is not authorized for this scope."}"#;
        (axum::http::StatusCode::UNAUTHORIZED, body).into_response()
    };
    let (exchange, _) = fetch(refused, 1).await;
    let scopes = vec!["conversations/message.readonly".to_owned()];
    assert_eq!(
        exchange.outcome,
        Outcome::Rejected(Rejection::MissingScope {
            scopes,
            of_app: false
        })
    );
}
