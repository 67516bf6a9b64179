//! Events that nobody sent: a poll saw something, a schedule is due, a person asked, an automation's run is over.
//!
//! They take the same path as deliveries (`cartlane_store::inbox::take`) and are kept as `made`, in the names that events
//! have, so that they are read again as they were written.

use cartlane_model::event::Mode;
use cartlane_model::{
    ConnectionId, EventId, EventKind, Facts, Item, Money, Person, Subscription, UnixMs, WorkspaceId,
};
use cartlane_store::inbox::{Delivery, NewRun};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// How it is kept.
pub(crate) const MADE: &str = "made";

/// What such an event says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Made {
    pub kind: String,
    pub mode: Option<Mode>,
    pub person: Person,
    pub items: Vec<Item>,
    pub amount: Option<Money>,
    pub order_id: Option<String>,
    pub invoice_id: Option<String>,
    pub coupon: Option<String>,
    pub subscription: Option<Subscription>,
    pub payload: Json,
}

/// Where and when such an event happened, and what it starts.
pub(crate) struct Occasion {
    pub workspace_id: WorkspaceId,
    pub connection_id: ConnectionId,
    pub occurred_at: UnixMs,
    /// Under which it is recognised; `None` where it cannot come twice.
    pub key: Option<String>,
    pub runs: Vec<NewRun>,
}

impl Made {
    /// Reads what was kept.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| format!("an event of our own cannot be read: {error}"))
    }

    /// As it is given by hand, with its kind.
    pub fn to_json(&self) -> Json {
        let mut fields = serde_json::to_value(self).unwrap_or_default(); // texts, numbers and JSON only: it cannot fail
        if let Some(fields) = fields.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        fields
    }

    /// The same as facts.
    pub fn facts(self) -> Facts {
        Facts {
            kind: EventKind(self.kind),
            mode: self.mode,
            person: self.person,
            items: self.items,
            amount: self.amount,
            order_id: self.order_id,
            invoice_id: self.invoice_id,
            coupon: self.coupon,
            subscription: self.subscription,
            payload: self.payload,
        }
    }

    /// The event, ready to be taken.
    pub fn delivery(self, occasion: Occasion, now: UnixMs) -> Delivery {
        let event_id = EventId::new(now);
        let body = serde_json::to_vec(&self).unwrap_or_default(); // texts, numbers and JSON only: it cannot fail
        let key = occasion.key.unwrap_or_else(|| format!("made/{event_id}"));
        Delivery {
            event_id,
            workspace_id: occasion.workspace_id,
            connection_id: occasion.connection_id,
            mode: self.mode.map(Mode::as_str),
            occurred_at: occasion.occurred_at,
            received_at: now,
            contact_keys: self.person.keys(&occasion.connection_id.to_string()),
            email: self.person.email,
            order_id: self.order_id,
            items: self.items.iter().map(crate::inbox::delivered).collect(),
            amount_minor: self.amount.as_ref().map(|money| money.minor),
            currency: self.amount.map(|money| money.currency),
            content_type: MADE,
            body,
            dedupe_keys: vec![key],
            runs: occasion.runs,
            kind: self.kind,
            install: None,
        }
    }
}
