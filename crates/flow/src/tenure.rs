//! A subscription through its events: when it began, what became of it, until when it is paid.

use cartlane_model::{Event, Item, UnixMs};

/// What became of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Active,
    Paused,
    Cancelled,
    /// All its payments were made.
    Completed,
}

/// One subscription, as far as events told.
#[derive(Clone, Debug)]
pub(crate) struct Tenure {
    pub id: Option<String>,
    pub order_id: Option<String>,
    pub item: Option<String>,
    pub name: Option<String>,
    pub since: UnixMs,
    pub paid_until: Option<UnixMs>,
    pub change: Change,
    changed_at: UnixMs,
}

impl Tenure {
    /// What one event tells of the subscription `id` to `item`.
    pub fn of(event: &Event, item: Option<&Item>, id: Option<String>, change: Change) -> Self {
        let subscription = event.facts.subscription.as_ref();
        Self {
            id,
            order_id: event.facts.order_id.clone(),
            item: item.map(Item::key),
            name: item.and_then(|item| item.name.clone()),
            since: event.occurred_at,
            // A payment says when the next one is due: until then it has paid.
            paid_until: subscription.and_then(|told| told.paid_until.or(told.next_payment_at)),
            change,
            changed_at: event.occurred_at,
        }
    }

    /// Whether `other` is of the same subscription: by its id where both have one, else by order and item.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(id), Some(other)) => id == other,
            _ => self.order_id == other.order_id && self.item == other.item,
        }
    }

    /// Takes in what another event told of it; the newer word counts.
    pub fn take(&mut self, news: &Self) {
        self.since = self.since.min(news.since);
        let is_newer = news.changed_at >= self.changed_at;
        let (newer, older) = if is_newer { (news, &*self) } else { (&*self, news) };
        let first = |newer: &Option<String>, older: &Option<String>| newer.clone().or_else(|| older.clone());
        let merged = Self {
            id: first(&newer.id, &older.id),
            order_id: first(&newer.order_id, &older.order_id),
            item: first(&newer.item, &older.item),
            name: first(&newer.name, &older.name),
            since: self.since,
            paid_until: newer.paid_until.or(older.paid_until),
            change: newer.change,
            changed_at: newer.changed_at,
        };
        *self = merged;
    }

    /// Whether what it gave access to is over: it was cancelled, and the paid time has passed.
    pub fn is_over(&self, now: UnixMs) -> bool {
        self.change == Change::Cancelled && self.paid_until.is_none_or(|until| until <= now)
    }
}
