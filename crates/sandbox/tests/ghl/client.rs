//! A sandbox with a hand-moved clock, and a client for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cartlane_model::{Clock, UnixMs};
use cartlane_sandbox::{Fault, Match, Options, Rule, Running, Sandbox, Settings, State};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub const TOKEN: &str = "pit-test";
pub const LOCATION: &str = "loc1";

pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

/// 2023-11-14, 22:13:20 UTC.
pub const START_MS: i64 = 1_700_000_000_000;

pub struct Ghl {
    pub clock: Arc<TestClock>,
    running: Running,
    http: reqwest::Client,
}

/// Status and body of an answer.
pub type Answer = (u16, Value);

impl Ghl {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_as(|options| change(&mut options.settings)).await
    }

    pub async fn start_as(change: impl FnOnce(&mut Options)) -> Self {
        // A second test of this process finds it installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let clock = Arc::new(TestClock(AtomicI64::new(START_MS)));
        let mut options = Options::new(clock.clone());
        options.settings = Settings::single(TOKEN, LOCATION);
        change(&mut options);
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .expect("client");
        Self {
            clock,
            running: Sandbox::bind(options).await.expect("free port"),
            http,
        }
    }

    /// Stops the sandbox; true where it did within the client's patience.
    pub async fn shutdown(self) -> bool {
        tokio::time::timeout(Duration::from_secs(10), self.running.shutdown())
            .await
            .is_ok()
    }

    pub fn url(&self) -> String {
        self.running.url()
    }

    pub fn state(&self) -> &State {
        self.running.state()
    }

    /// A request without any headers.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url()))
    }

    /// A request as a well-behaved client makes it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.bare(method, path).header("user-agent", "cartlane-test");
        request.header("version", "2021-07-28").bearer_auth(TOKEN)
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::DELETE, path).json(&body)).await
    }

    /// Creates a contact; answers its id.
    pub async fn contact(&self, mut fields: Value) -> String {
        fields["locationId"] = json!(LOCATION);
        let (status, body) = self.post("/contacts/", fields).await;
        assert_eq!(status, 201, "{body}");
        body["contact"]["id"].as_str().expect("id").to_owned()
    }

    /// Has the next request meet a fault.
    pub fn next(&self, fault: Fault) {
        self.state().script([Rule::new(Match::default(), fault, 1)]);
    }
}

/// Sends a request and reads its answer, which must have come; a body that isn't JSON is given as text.
pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
