//! The shop: deliveries as ThriveCart posts them.

use std::net::SocketAddr;

use cartlane_thrivecart::wire;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::SECRET;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// When things happen that were not given a moment: 2023-11-14T22:13:20Z.
const SOME_DAY: i64 = 1_700_000_000;

/// Posts to the address of one hook.
#[derive(Clone)]
pub struct ThriveCart {
    client: Client,
    url: String,
}

impl ThriveCart {
    pub(super) fn new(address: SocketAddr, hook_key: &str) -> Self {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build();
        Self {
            client: client.expect("a client"),
            url: format!("http://{address}/hooks/thrivecart/{hook_key}"),
        }
    }

    /// The same shop, posting to another hook key.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        if let Some((before, _)) = self.url.rsplit_once('/') {
            self.url = format!("{before}/{key}");
        }
        self
    }

    /// An order of one product.
    pub fn order_success(&self, email: &str) -> Delivery {
        self.event("order.success", email).at(SOME_DAY).with(json!({
            "base_product": "101",
            "order": {
                "total": 4900,
                "charges": [
                    {"name": "Course", "item_type": "product", "reference": "101", "amount": 4900, "type": "single"}
                ],
            },
        }))
    }

    /// The same order in the other vocabulary.
    pub fn order_created(&self, email: &str) -> Delivery {
        let mut delivery = self.order_success(email);
        delivery.payload["event"] = json!("order_created");
        delivery
    }

    /// The refund of the product.
    pub fn refund(&self, email: &str) -> Delivery {
        let refund = json!({"refund": {"type": "product", "id": "101", "name": "Course", "amount": 4900}});
        self.event("order.refund", email).at(SOME_DAY + 3600).with(refund)
    }

    /// A further payment of a subscription, named by its event id.
    pub fn rebill(&self, email: &str, event_id: &str) -> Delivery {
        let payment = json!({
            "event_id": event_id,
            "subscription": {"type": "product", "id": "101", "name": "Course", "amount": 4900},
        });
        self.event("order.subscription_payment", email)
            .at(SOME_DAY + 7200)
            .with(payment)
    }

    /// The end of a subscription.
    pub fn cancelled(&self, email: &str) -> Delivery {
        let subscription = json!({"subscription": {"type": "product", "id": "101", "name": "Course"}});
        self.event("order.subscription_cancelled", email)
            .at(SOME_DAY + 9000)
            .with(subscription)
    }

    /// A change of e-mail.
    pub fn email_changed(&self, previous: &str, current: &str) -> Delivery {
        let payload =
            json!({"event": "customer_updated", "previous_email": previous, "current_email": current});
        Delivery::new(self, payload)
    }

    fn event(&self, name: &str, email: &str) -> Delivery {
        let payload = json!({
            "event": name,
            "mode": "live",
            "thrivecart_account": "exampleacct",
            "order_id": "1001",
            "invoice_id": "1",
            "currency": "USD",
            "customer": {"email": email, "name": "Ada Lovelace"},
        });
        Delivery::new(self, payload)
    }

    /// Any request to the hook: status and text.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn request(&self, method: &str, content_type: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let answer = self.try_request(method, content_type, body.into()).await;
        answer.expect("the server answers")
    }

    async fn try_request(
        &self,
        method: Method,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(u16, String), reqwest::Error> {
        let request = self
            .client
            .request(method, &self.url)
            .header(CONTENT_TYPE, content_type);
        let answer = request.body(body).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}

/// One delivery, to be changed and sent, as often as wanted.
#[derive(Clone)]
pub struct Delivery {
    shop: ThriveCart,
    /// What is posted.
    pub payload: Value,
    is_json: bool,
}

impl Delivery {
    fn new(shop: &ThriveCart, mut payload: Value) -> Self {
        payload["thrivecart_secret"] = json!(SECRET);
        Self {
            shop: shop.clone(),
            payload,
            is_json: false,
        }
    }

    /// Of this order.
    #[must_use]
    pub fn order(mut self, id: &str) -> Self {
        self.payload["order_id"] = json!(id);
        self
    }

    /// It happened then, in Unix seconds.
    #[must_use]
    pub fn at(mut self, unix_seconds: i64) -> Self {
        let is_order = self.payload["event"] == "order.success" || self.payload["event"] == "order_created";
        let field = if is_order { "order_timestamp" } else { "date_unix" };
        self.payload[field] = json!(unix_seconds);
        self
    }

    /// With another secret word.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        self.payload["thrivecart_secret"] = json!(secret);
        self
    }

    /// In the checkout's test mode.
    #[must_use]
    pub fn test_mode(mut self) -> Self {
        self.payload["mode"] = json!("test");
        self
    }

    /// With these fields; objects are merged.
    #[must_use]
    pub fn with(mut self, fields: Value) -> Self {
        merge(&mut self.payload, fields);
        self
    }

    /// What is delivered.
    pub fn payload(&self) -> &Value {
        &self.payload
    }

    /// Posted as JSON instead of a form.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.is_json = true;
        self
    }

    /// Sends it: status and text of the answer.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(&self) -> (u16, String) {
        let (content_type, body) = self.body();
        self.shop.request("POST", content_type, body).await
    }

    /// Sends it; whether it was acknowledged. No answer is no.
    pub async fn try_send(&self) -> bool {
        let (content_type, body) = self.body();
        let answer = self.shop.try_request(Method::POST, content_type, body).await;
        answer.is_ok_and(|(status, _)| status == 200)
    }

    /// Sends it and expects a 200.
    ///
    /// # Panics
    /// On any other answer, and when none comes.
    pub async fn deliver(&self) -> String {
        let (status, text) = self.send().await;
        assert_eq!(status, 200, "{text}");
        text
    }

    fn body(&self) -> (&'static str, Vec<u8>) {
        if self.is_json {
            (JSON, self.payload.to_string().into_bytes())
        } else {
            (FORM, wire::to_form(&self.payload).into_bytes())
        }
    }
}

fn merge(base: &mut Value, fields: Value) {
    match (base, fields) {
        (Value::Object(base), Value::Object(fields)) => {
            for (key, value) in fields {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, value) => *base = value,
    }
}
