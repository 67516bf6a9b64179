//! One thing that happened.
//!
//! A source's decoder (`thrivecart::decode`) makes a [`NewEvent`] of bytes; the inbox stores it and gives it an id,
//! a contact and a moment of receipt, which makes it an [`Event`].
//!
//! ```json
//! {"kind": "order.success", "mode": "live", "occurred_at": 1699487300000,
//!  "person": {"email": "buyer1@example.com", "first_name": "Alex"},
//!  "items": [{"type": "product", "id": "12", "name": "Alpha & Omega Plan Pro"}],
//!  "amount": {"minor": 499700, "currency": "USD"}, "order_id": "23370556"}
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ConnectionId, ContactId, EventId, Money, Person, UnixMs, WorkspaceId};

/// What happened, in the dotted vocabulary: `order.success`. Unknown kinds are kept as they came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKind(pub String);

impl EventKind {
    /// The kind as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether money was real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Real customers, real money.
    Live,
    /// The checkout's test mode.
    Test,
}

impl Mode {
    /// `live` or `test`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// One thing bought, paid back or cancelled. Its identity is type **and** id: a bump has the id of its product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    /// `product`, `bump`, `upsell`, `downsell`, or what the source wrote.
    #[serde(rename = "type")]
    pub item_type: String,
    /// The id within its type.
    pub id: String,
    /// The name as people wrote it, HTML-unescaped.
    pub name: Option<String>,
    /// What was charged for it in this event.
    pub amount: Option<Money>,
    /// How many.
    pub quantity: Option<i64>,
    /// The pricing option's id.
    pub plan_id: Option<String>,
    /// The pricing option's name.
    pub plan_name: Option<String>,
}

impl Item {
    /// `product-12`: how `ThriveCart`'s purchase maps write an item.
    pub fn key(&self) -> String {
        format!("{}-{}", self.item_type, self.id)
    }
}

/// A name under which an event is recognised when it comes again. Scoped by source account; any match is the same event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupeKey(pub String);

/// The subscription behind an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subscription {
    /// The id by which the source's API knows it; never the item's id.
    pub id: Option<String>,
    /// `month`, `year`, …
    pub frequency: Option<String>,
    /// End of the period that is paid for: access lasts until then.
    pub paid_until: Option<UnixMs>,
    /// When the next payment is due.
    pub next_payment_at: Option<UnixMs>,
    /// Payments still to come; `None` where it has no end or the source does not say.
    pub remaining_payments: Option<i64>,
}

/// What a source says happened, on the way in.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// When it happened; `None` where the source does not say.
    pub occurred_at: Option<UnixMs>,
    /// What the source said.
    pub facts: Facts,
    /// The names under which this event is recognised when it comes again.
    pub dedupe_keys: Vec<DedupeKey>,
}

/// What a source said. Everything but the kind may be missing: a delivery is never refused for its shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// What happened.
    pub kind: EventKind,
    /// Live or test; `None` where the source does not say (`cart.abandoned`).
    pub mode: Option<Mode>,
    /// Who it is about.
    pub person: Person,
    /// What it is about.
    pub items: Vec<Item>,
    /// The money that this event is about (a refund's own amount, not its order's total).
    pub amount: Option<Money>,
    /// The order, for life: a subscription's payments all carry the first order's id.
    pub order_id: Option<String>,
    /// The invoice; one per payment.
    pub invoice_id: Option<String>,
    /// The coupon used.
    pub coupon: Option<String>,
    /// The subscription behind it, where there is one.
    pub subscription: Option<Subscription>,
    /// The whole payload as nested data, its secret masked.
    pub payload: serde_json::Value,
}

/// A stored event. This, as JSON, is what expressions read as `event`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// The connection it came by.
    pub connection_id: ConnectionId,
    /// The person, where it is about one.
    pub contact_id: Option<ContactId>,
    /// When it came in.
    pub received_at: UnixMs,
    /// When it happened; when it came in where the source does not say.
    pub occurred_at: UnixMs,
    /// What the source said; its fields stand beside these in JSON.
    #[serde(flatten)]
    pub facts: Facts,
}
