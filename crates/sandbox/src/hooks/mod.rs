//! Events that the sandbox sends out, signed, to the receivers of `settings.webhooks`.
//!
//! An effect becomes [`events`], each one body with an id of its own; the body's bytes are signed with the sandbox's
//! Ed25519 key (`X-GHL-Signature`, base64) under the lock, and sent outside of it ([`deliver`]). What always holds: the
//! key and the ids follow from the seed; what is sent again is the same bytes with the same signature. Only a 429 has
//! anything sent again, as GHL documents it: six times, each after ten minutes and up to two more by the sandbox's
//! clock.
//!
//! There is no `x-wh-signature`: it is an RSA one that GHL has given up.

pub(crate) mod deliver;
mod events;
mod messages;

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cartlane_model::UnixMs;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::auth::Admitted;
use crate::faults::Dice;
use crate::log::Effect;
use crate::reply::{Body, Done};
use crate::state::Inner;
use events::Event;

/// How often a receiver that answers 429 gets the same event again.
const AGAIN_MAX: u32 = 6;
const AGAIN_AFTER_MS: i64 = 600_000;
const AGAIN_JITTER_MS: u32 = 120_000;
/// Events about these are documented without a `type`.
const TYPELESS: [&str; 2] = ["Association", "Relation"];
/// How many deliveries are remembered.
const KEPT: usize = 10_000;

/// One event on its way to one receiver, or there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Number of the delivery, from 1.
    pub number: u64,
    /// The event's id; the same for all its receivers.
    pub webhook_id: String,
    /// `ContactCreate`, `INSTALL`, ….
    pub event: String,
    /// Where it goes.
    pub url: String,
    /// How often it was sent.
    pub attempts: u32,
    /// Status of the last answer; none while there is none.
    pub status: Option<u16>,
    /// Why the last attempt got no answer.
    pub error: Option<String>,
    /// When it will be sent again; none once it is over.
    pub again_at_ms: Option<UnixMs>,
    /// What is sent, as text.
    pub body: String,
}

/// What a delivery needs on the wire.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) url: String,
    pub(crate) body: Bytes,
    pub(crate) signature: String,
    pub(crate) due: UnixMs,
}

/// Key, queue and memory.
pub(crate) struct Hooks {
    key: Ed25519KeyPair,
    dice: Dice,
    queue: mpsc::UnboundedSender<Job>,
    sent: VecDeque<Delivery>,
    last: u64,
}

impl Hooks {
    pub(crate) fn new(seed: u64, queue: mpsc::UnboundedSender<Job>) -> Self {
        let mut dice = Dice::new(seed ^ 0x0b0e_0b0e);
        let bytes: Vec<u8> = (0..4).flat_map(|_| dice.next().to_be_bytes()).collect();
        let key = Ed25519KeyPair::from_seed_unchecked(&bytes).expect("any 32 bytes are a seed");
        Self {
            key,
            dice,
            queue,
            sent: VecDeque::new(),
            last: 0,
        }
    }

    /// The public key in PEM, as GHL publishes its own.
    pub(crate) fn public_key(&self) -> String {
        // SubjectPublicKeyInfo of an Ed25519 key, RFC 8410.
        let mut der = vec![
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ];
        der.extend_from_slice(self.key.public_key().as_ref());
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der)
        )
    }

    pub(crate) fn sent(&self) -> impl Iterator<Item = &Delivery> {
        self.sent.iter()
    }

    pub(crate) fn forget(&mut self) {
        self.sent.clear();
    }

    /// Sends a remembered event once more, bytes and id as they were; whether there is one.
    pub(crate) fn repeat(&mut self, webhook_id: &str, now: UnixMs) -> bool {
        let found = self
            .sent
            .iter()
            .rev()
            .find(|delivery| delivery.webhook_id == webhook_id)
            .cloned();
        let Some(found) = found else { return false };
        self.send(&found.event, webhook_id, &found.url, found.body, now);
        true
    }

    fn send(&mut self, event: &str, webhook_id: &str, url: &str, body: String, now: UnixMs) {
        self.last += 1;
        let signature = STANDARD.encode(self.key.sign(body.as_bytes()));
        let job = Job {
            number: self.last,
            url: url.to_owned(),
            body: Bytes::from(body.clone()),
            signature,
            due: now,
        };
        self.sent.push_back(Delivery {
            number: self.last,
            webhook_id: webhook_id.to_owned(),
            event: event.to_owned(),
            url: url.to_owned(),
            attempts: 0,
            status: None,
            error: None,
            again_at_ms: Some(now),
            body,
        });
        while self.sent.len() > KEPT {
            self.sent.pop_front();
        }
        if self.queue.send(job).is_err() {
            tracing::debug!("the sandbox stops: an event isn't sent");
        }
    }

    /// Notes how an attempt went; queues the next one after a 429.
    pub(crate) fn came(&mut self, job: Job, answer: Result<u16, String>, now: UnixMs) {
        let jitter_ms = i64::from(self.dice.up_to(AGAIN_JITTER_MS));
        let Some(delivery) = self
            .sent
            .iter_mut()
            .find(|delivery| delivery.number == job.number)
        else {
            return;
        };
        delivery.attempts += 1;
        delivery.again_at_ms = None;
        (delivery.status, delivery.error) = match answer {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        };
        if delivery.status == Some(429) && delivery.attempts <= AGAIN_MAX {
            let due = now.plus_ms(AGAIN_AFTER_MS + jitter_ms);
            delivery.again_at_ms = Some(due);
            if self.queue.send(Job { due, ..job }).is_err() {
                tracing::debug!("the sandbox stops: an event isn't sent again");
            }
        }
    }

    fn new_webhook_id(&mut self) -> String {
        let (high, low) = (self.dice.next(), self.dice.next());
        let hex = format!("{high:016x}{low:016x}");
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..]
        )
    }
}

impl Inner {
    /// Sends the events of what was done.
    pub(crate) fn announce(&mut self, done: &Done, admitted: Option<&Admitted>, now: UnixMs) {
        let Some(effect) = &done.effect else { return };
        let reply = match &done.reply.body {
            Body::Json(reply) => Some(reply),
            _ => None,
        };
        let holder = admitted.and_then(|admitted| admitted.holder.as_ref());
        let location = holder.map(|holder| holder.location.as_str());
        self.announce_effect(effect, reply, location, now);
    }

    /// Sends the events of an effect. `location` is whose it is, where the effect doesn't say it.
    pub(crate) fn announce_effect(
        &mut self,
        effect: &Effect,
        reply: Option<&Value>,
        location: Option<&str>,
        now: UnixMs,
    ) {
        if self.settings.webhooks.is_empty() {
            return;
        }
        let company = self.settings.company.id.clone();
        for event in events::of(effect, reply, location, &self.store, &company) {
            self.send_event(event, now);
        }
    }

    /// Sends an event of any kind to whom it concerns.
    pub(crate) fn send_any(
        &mut self,
        kind: &str,
        location: Option<&str>,
        payload: Map<String, Value>,
        now: UnixMs,
    ) {
        let location = location.map(str::to_owned);
        self.send_event(
            Event {
                kind: kind.to_owned(),
                location,
                payload,
            },
            now,
        );
    }

    fn send_event(&mut self, event: Event, now: UnixMs) {
        let Event {
            kind,
            location,
            payload,
        } = event;
        let concerned = self.settings.webhooks.iter().filter(|webhook| {
            let of_location = webhook.location_id.is_none() || webhook.location_id == location;
            of_location
                && webhook
                    .events
                    .as_ref()
                    .is_none_or(|events| events.contains(&kind))
        });
        let urls: Vec<String> = concerned.map(|webhook| webhook.url.clone()).collect();
        if urls.is_empty() {
            return;
        }
        let webhook_id = self.hooks.new_webhook_id();
        let mut body = Map::new();
        if !TYPELESS.iter().any(|subject| kind.starts_with(subject)) {
            body.insert("type".to_owned(), json!(kind));
        }
        if let Some(location) = &location {
            body.insert("locationId".to_owned(), json!(location));
        }
        body.extend(payload);
        let app = self
            .settings
            .app(None)
            .map(|app| app.id().to_owned())
            .unwrap_or_default();
        for (key, value) in [
            ("timestamp", json!(now.to_string())),
            ("webhookId", json!(webhook_id)),
            ("appId", json!(app)),
            ("versionId", json!(app)),
        ] {
            body.entry(key).or_insert(value);
        }
        let body = Value::Object(body).to_string();
        for url in urls {
            self.hooks.send(&kind, &webhook_id, &url, body.clone(), now);
        }
    }
}
