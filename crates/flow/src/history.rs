//! What is known about a contact from their stored events: orders, money, subscriptions, products, refunds.
//!
//! ```text
//! fold: add(event), each of the contact's events once ─► at(moment) ─► what expressions read as `contact`
//! ```
//!
//! The fold is pure, and what it comes to depends on when things happened, not on the order in which events are added: a
//! refund may be added before its order. Live and test mode are kept apart. What is taken for what:
//!
//! - `order.success` is an order, counted once for its order id; where it comes again, the newest one counts.
//! - Money is what these orders and `order.subscription_payment` brought, less `order.refund`. `order.item_payment`
//!   tells of money that the order has told of, and does not count.
//! - A subscription begins with the first event that tells of it, and is active until it is cancelled, paused or completed.
//! - A product is owned until as much of it was paid back as was paid for it or, where its subscription was cancelled,
//!   until the paid time is over.

use std::collections::BTreeMap;

use cartlane_model::{Event, Item, Mode, Money, UnixMs};
use serde::Serialize;

use crate::tenure::{Change, Tenure};

/// The kinds of event that are added; others tell nothing.
pub const KINDS: [&str; 7] = [
    "order.success",
    "order.subscription_payment",
    "order.refund",
    "order.subscription_cancelled",
    "order.subscription_paused",
    "order.subscription_resumed",
    "order.subscription_completed",
];

/// An item of an order: what payments, refunds and subscriptions are about.
type Bought = (Option<String>, String);

/// What a contact's events said so far.
#[derive(Clone, Debug, Default)]
pub struct History {
    is_test: bool,
    orders: BTreeMap<String, Order>,
    /// By currency, what came in beside orders.
    payments: BTreeMap<String, i64>,
    refunds: Vec<Refund>,
    owned: BTreeMap<Bought, Owned>,
    tenures: Vec<Tenure>,
}

#[derive(Clone, Debug)]
struct Order {
    first_at: UnixMs,
    newest_at: UnixMs,
    amount: Option<Money>,
}

#[derive(Clone, Debug)]
struct Owned {
    item: Item,
    since: UnixMs,
    /// What its order charged for it; the newest word counts.
    charged: i64,
    charged_at: UnixMs,
    /// What later payments brought.
    paid: i64,
}

/// Money that was given back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Refund {
    /// When.
    pub at: UnixMs,
    /// How much.
    pub amount: Option<Money>,
    /// For what: `product-12`.
    pub item: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// The order that it belongs to.
    pub order_id: Option<String>,
}

/// What a contact owns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Product {
    /// `product-12`.
    pub key: String,
    /// `product`, `upsell`, …
    #[serde(rename = "type")]
    pub item_type: String,
    /// The id within its type.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Since when.
    pub since: UnixMs,
}

/// A subscription that is active.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Active {
    /// Its own id, by which the shop's API cancels it.
    pub id: Option<String>,
    /// What it is to: `product-12`.
    pub item: Option<String>,
    /// What people call that.
    pub name: Option<String>,
    /// The order that began it.
    pub order_id: Option<String>,
    /// When it began, as far as events tell.
    pub since: UnixMs,
    /// Until when it is paid, where that was told.
    pub paid_until: Option<UnixMs>,
}

/// What is known about a contact at a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Known {
    /// How many orders.
    pub orders: usize,
    /// When the first was placed.
    pub first_order_at: Option<UnixMs>,
    /// When the last was placed.
    pub last_order_at: Option<UnixMs>,
    /// What came in less what was given back, one amount for each currency, the currencies in order.
    pub lifetime_value: Vec<Money>,
    /// The active subscriptions, the oldest first.
    pub subscriptions: Vec<Active>,
    /// What they own, each once, the oldest first.
    pub products: Vec<Product>,
    /// What was given back, the oldest first.
    pub refunds: Vec<Refund>,
}

impl History {
    /// The empty history that events of `mode` read: test mode has one of its own, all else counts as live.
    pub fn for_mode(mode: Option<Mode>) -> Self {
        Self {
            is_test: mode == Some(Mode::Test),
            ..Self::default()
        }
    }

    /// Adds an event. Each event of the contact is to be added once; what does not count is ignored.
    pub fn add(&mut self, event: &Event) {
        let (at, facts) = (event.occurred_at, &event.facts);
        if (facts.mode == Some(Mode::Test)) != self.is_test {
            return;
        }
        match facts.kind.as_str() {
            "order.success" => self.add_order(event),
            "order.subscription_payment" => self.add_payment(event),
            "order.refund" => {
                let item = facts.items.first();
                self.refunds.push(Refund {
                    at,
                    amount: facts.amount.clone(),
                    item: item.map(Item::key),
                    name: item.and_then(|item| item.name.clone()),
                    order_id: facts.order_id.clone(),
                });
            }
            "order.subscription_cancelled" => self.change(event, Change::Cancelled),
            "order.subscription_paused" => self.change(event, Change::Paused),
            "order.subscription_resumed" => self.change(event, Change::Active),
            "order.subscription_completed" => self.change(event, Change::Completed),
            _ => {}
        }
    }

    fn add_order(&mut self, event: &Event) {
        let (at, facts) = (event.occurred_at, &event.facts);
        let id = facts.order_id.clone().unwrap_or_else(|| event.id.to_string());
        let order = self.orders.entry(id).or_insert_with(|| Order {
            first_at: at,
            newest_at: at,
            amount: facts.amount.clone(),
        });
        order.first_at = order.first_at.min(at);
        if at >= order.newest_at {
            (order.newest_at, order.amount) = (at, facts.amount.clone());
        }
        for item in &facts.items {
            let owned = self.own(event, item);
            if at >= owned.charged_at {
                (owned.charged_at, owned.charged) = (at, item.amount.as_ref().map_or(0, |money| money.minor));
            }
        }
        for (item, id) in begun(event) {
            self.tenure(event, item, id, Change::Active);
        }
    }

    fn add_payment(&mut self, event: &Event) {
        let facts = &event.facts;
        let minor = facts.amount.as_ref().map_or(0, |money| money.minor);
        if let Some(money) = &facts.amount {
            *self.payments.entry(money.currency.clone()).or_default() += minor;
        }
        if let Some(item) = facts.items.first() {
            self.own(event, item).paid += minor;
        }
        self.change(event, Change::Active);
    }

    fn own(&mut self, event: &Event, item: &Item) -> &mut Owned {
        let at = event.occurred_at;
        let bought = (event.facts.order_id.clone(), item.key());
        let owned = self.owned.entry(bought).or_insert_with(|| Owned {
            item: item.clone(),
            since: at,
            charged: 0,
            charged_at: UnixMs(i64::MIN),
            paid: 0,
        });
        owned.since = owned.since.min(at);
        if owned.item.name.is_none() {
            owned.item.name.clone_from(&item.name);
        }
        owned
    }

    fn change(&mut self, event: &Event, change: Change) {
        let subscription = event.facts.subscription.as_ref();
        let id = subscription.and_then(|subscription| subscription.id.clone());
        self.tenure(event, event.facts.items.first(), id, change);
    }

    fn tenure(&mut self, event: &Event, item: Option<&Item>, id: Option<String>, change: Change) {
        let news = Tenure::of(event, item, id, change);
        match self.tenures.iter_mut().find(|known| known.is_same(&news)) {
            Some(known) => known.take(&news),
            None => self.tenures.push(news),
        }
    }

    /// What the item of this key is called: in this order, else in the newest that has a name for it.
    pub fn name_of(&self, order: Option<&str>, key: &str) -> Option<&str> {
        let same = |((_, known), _): &(&Bought, &Owned)| known == key;
        let named = self.owned.iter().filter(same).filter_map(|((id, _), owned)| {
            let name = owned.item.name.as_deref()?;
            Some((id.as_deref() == order, owned.since, name))
        });
        named.max().map(|(.., name)| name)
    }

    /// What is known at the moment `now`, which decides whether paid time is over.
    pub fn at(&self, now: UnixMs) -> Known {
        let mut refunds = self.refunds.clone();
        refunds.sort_by_key(|refund| refund.at);
        Known {
            orders: self.orders.len(),
            first_order_at: self.orders.values().map(|order| order.first_at).min(),
            last_order_at: self.orders.values().map(|order| order.first_at).max(),
            lifetime_value: self.lifetime_value(),
            subscriptions: self.subscriptions(),
            products: self.products(now),
            refunds,
        }
    }

    fn lifetime_value(&self) -> Vec<Money> {
        let mut sums = self.payments.clone();
        for money in self.orders.values().filter_map(|order| order.amount.as_ref()) {
            *sums.entry(money.currency.clone()).or_default() += money.minor;
        }
        for money in self.refunds.iter().filter_map(|refund| refund.amount.as_ref()) {
            *sums.entry(money.currency.clone()).or_default() -= money.minor.abs();
        }
        sums.into_iter()
            .map(|(currency, minor)| Money { minor, currency })
            .collect()
    }

    fn subscriptions(&self) -> Vec<Active> {
        let active = self
            .tenures
            .iter()
            .filter(|tenure| tenure.change == Change::Active);
        let mut active: Vec<Active> = active
            .map(|tenure| Active {
                id: tenure.id.clone(),
                item: tenure.item.clone(),
                name: tenure.name.clone(),
                order_id: tenure.order_id.clone(),
                since: tenure.since,
                paid_until: tenure.paid_until,
            })
            .collect();
        active.sort_by(|a, b| (a.since, &a.item, &a.id).cmp(&(b.since, &b.item, &b.id)));
        active
    }

    fn products(&self, now: UnixMs) -> Vec<Product> {
        let mut products: Vec<Product> = Vec::new();
        let mut owned: Vec<_> = self
            .owned
            .iter()
            .filter(|owned| self.is_owned(*owned, now))
            .collect();
        owned.sort_by(|(a_key, a), (b_key, b)| (a.since, a_key).cmp(&(b.since, b_key)));
        for ((_, key), Owned { item, since, .. }) in owned {
            if products.iter().all(|product| product.key != *key) {
                products.push(Product {
                    key: key.clone(),
                    item_type: item.item_type.clone(),
                    id: item.id.clone(),
                    name: item.name.clone(),
                    since: *since,
                });
            }
        }
        products
    }

    fn is_owned(&self, ((order, key), owned): (&Bought, &Owned), now: UnixMs) -> bool {
        let of_this = |refund: &&Refund| refund.order_id == *order && refund.item.as_ref() == Some(key);
        let mut refunds = self.refunds.iter().filter(of_this).peekable();
        let was_refunded = refunds.peek().is_some();
        let refunded: i64 = refunds
            .filter_map(|refund| refund.amount.as_ref())
            .map(|money| money.minor.abs())
            .sum();
        let is_over = self.tenures.iter().any(|tenure| {
            tenure.order_id == *order && tenure.item.as_ref() == Some(key) && tenure.is_over(now)
        });
        let is_paid_back = was_refunded && refunded >= owned.charged + owned.paid;
        !is_over && !is_paid_back
    }
}

/// The subscriptions that an order begins: each item with an id of its own or, where the shop names none, the first.
fn begun(event: &Event) -> Vec<(Option<&Item>, Option<String>)> {
    let Some(subscription) = &event.facts.subscription else {
        return Vec::new();
    };
    let ids = &event.facts.payload["subscription_ids"];
    let named: Vec<_> = event
        .facts
        .items
        .iter()
        .filter_map(|item| Some((Some(item), Some(ids.get(item.key())?.as_str()?.to_owned()))))
        .collect();
    if named.is_empty() {
        vec![(event.facts.items.first(), subscription.id.clone())]
    } else {
        named
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
