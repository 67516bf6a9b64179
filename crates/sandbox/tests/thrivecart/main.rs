//! The emulated ThriveCart account through its front door: its API, and the web hooks that it sends.

mod api;
mod hooks;
mod oauth;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cartlane_model::{Clock, UnixMs};
use cartlane_sandbox::thrivecart::{Options, Running, ThriveCart};
use serde_json::Value;

/// A clock that stands until it is moved.
#[derive(Clone)]
pub struct Moved(Arc<AtomicI64>);

impl Moved {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_800_000_000_000)))
    }

    /// Moves it on.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Moved {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::Relaxed))
    }
}

/// An account, its clock, and a client of it.
pub struct Account {
    running: Running,
    clock: Moved,
    client: reqwest::Client,
}

impl Account {
    async fn open() -> Self {
        let clock = Moved::new();
        let running = ThriveCart::bind(Options::new(Arc::new(clock.clone()))).await;
        let running = running.expect("it starts");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = client.build().expect("a client");
        Self {
            running,
            clock,
            client,
        }
    }

    /// A call to the API with the right key, in a mode.
    pub async fn api(&self, method: &str, path: &str, mode: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.running.api_url());
        let headers = [("authorization", "Bearer tc-sandbox"), ("x-tc-mode", mode)];
        self.send(method, &url, &headers, body).await
    }

    /// Something that a customer or the admin does.
    pub async fn happen(&self, what: &str, body: &Value) -> Value {
        let url = format!("{}/{what}", self.running.admin_url());
        let (status, answer) = self.send("POST", &url, &[], body).await;
        assert_eq!(status, 200, "{what}: {answer}");
        answer
    }

    async fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a text");
        (status, serde_json::from_str(&text).unwrap_or_default())
    }
}
