//! The account's state: orders, subscriptions, what moved money, affiliates, web hooks and what they delivered.

use std::collections::VecDeque;

use cartlane_model::UnixMs;
use serde_json::{Value, json};

use super::oauth::Access;
use super::{Hook, catalog, payload};

/// Everything that the account knows.
pub(super) struct Shop {
    pub account: String,
    pub secret: String,
    pub access: Access,
    pub orders: Vec<Order>,
    /// Rows of the list of transactions, oldest first; `mode` is not shown.
    pub transactions: Vec<Value>,
    pub affiliates: Vec<Value>,
    pub students: Vec<Value>,
    pub hooks: Vec<Hook>,
    /// Web hooks that the API has ordered: `{subscription_id, event, target_url, trigger_fields}`.
    pub subscriptions: Vec<Value>,
    /// All that was delivered, oldest first.
    pub deliveries: Vec<Delivery>,
    /// When requests to the API were taken, in the last minute.
    pub requests: VecDeque<i64>,
    next: u64,
}

/// An order of one customer.
#[derive(Clone)]
pub(super) struct Order {
    pub id: String,
    pub invoice_id: String,
    pub mode: String,
    pub customer_id: String,
    pub email: String,
    pub name: String,
    pub at: UnixMs,
    pub items: Vec<Item>,
}

/// One item of an order.
#[derive(Clone)]
pub(super) struct Item {
    pub kind: String,
    pub id: String,
    pub name: String,
    pub amount: i64,
    pub refunded: bool,
    /// How often it is paid; empty where once.
    pub frequency: String,
    /// `ThriveCart`'s id of its subscription; empty where there is none.
    pub subscription_id: String,
    /// `active`, `paused` or `cancelled`.
    pub status: &'static str,
    /// Further payments so far.
    pub rebills: u64,
}

/// A web hook that was posted.
#[derive(Clone)]
pub(super) struct Delivery {
    pub webhook_id: String,
    pub url: String,
    pub content_type: &'static str,
    pub body: String,
}

impl Item {
    /// `product-12`.
    pub fn reference(&self) -> String {
        format!("{}-{}", self.kind, self.id)
    }
}

impl Shop {
    pub fn new(account: String, secret: String, access: Access, hooks: Vec<Hook>) -> Self {
        Self {
            account,
            secret,
            access,
            orders: Vec::new(),
            transactions: Vec::new(),
            affiliates: Vec::new(),
            students: Vec::new(),
            hooks,
            subscriptions: Vec::new(),
            deliveries: Vec::new(),
            requests: VecDeque::new(),
            next: 1_000,
        }
    }

    /// A number that was not given yet.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A sale of the items `product-12`, …; none where one of them is not for sale.
    pub fn sell(
        &mut self,
        mode: &str,
        email: &str,
        name: &str,
        items: &[String],
        at: UnixMs,
    ) -> Option<Order> {
        let mut sold = Vec::new();
        for wanted in items {
            let (kind, id) = wanted.split_once('-')?;
            let found = catalog::ITEMS
                .iter()
                .find(|item| item.0 == kind && item.1 == id)?;
            let (kind, id, name, amount, frequency) = *found;
            let subscription_id = match frequency {
                "" => String::new(),
                _ => self.number().to_string(),
            };
            sold.push(Item {
                kind: kind.into(),
                id: id.into(),
                name: name.into(),
                amount,
                refunded: false,
                frequency: frequency.into(),
                subscription_id,
                status: "active",
                rebills: 0,
            });
        }
        let known = self.orders.iter().find(|order| order.email == email);
        let customer_id = known.map(|order| order.customer_id.clone());
        let customer_id = customer_id.unwrap_or_else(|| format!("42958365789822{}", self.number()));
        let order = Order {
            id: self.number().to_string(),
            invoice_id: format!("{:09}", self.number()),
            mode: mode.to_owned(),
            customer_id,
            email: email.to_owned(),
            name: name.to_owned(),
            at,
            items: sold,
        };
        for item in &order.items {
            self.record("charge", &order, item, at);
        }
        self.orders.push(order.clone());
        Some(order)
    }

    /// The order with this id, in this mode.
    pub fn order(&self, mode: &str, id: &str) -> Option<&Order> {
        self.orders
            .iter()
            .find(|order| order.mode == mode && order.id == id)
    }

    /// Changes an item of an order, and gives both as they are then; none where there is no such item.
    pub fn change(
        &mut self,
        mode: &str,
        order_id: &str,
        which: impl Fn(&Item) -> bool,
        change: impl FnOnce(&mut Item),
    ) -> Option<(Order, Item)> {
        let mut orders = self.orders.iter_mut();
        let order = orders.find(|order| order.mode == mode && order.id == order_id)?;
        let item = order.items.iter_mut().find(|item| which(item))?;
        change(item);
        let item = item.clone();
        Some((order.clone(), item))
    }

    /// Adds a row to the list of transactions.
    pub fn record(&mut self, kind: &str, order: &Order, item: &Item, at: UnixMs) {
        let event_id = self.number().to_string();
        let time = payload::moment(at);
        let subscription_id: Option<i64> = item.subscription_id.parse().ok();
        self.transactions.push(json!({
            "event_id": event_id, "base_product": order.items[0].id, "date": &time[..10], "time": time,
            "timestamp": at.0 / 1000, "transaction_type": kind, "item_type": item.kind,
            "item_id": item.id.parse::<i64>().unwrap_or_default(), "item_name": item.name,
            "internal_subscription_id": subscription_id, "amount": item.amount, "order_id": order.id,
            "invoice_id": order.invoice_id, "currency": "USD", "processor": "stripe",
            "customer": {"id": order.customer_id, "name": order.name, "email": order.email},
            "reference": item.reference(), "mode": order.mode,
        }));
    }

    /// Makes the deliveries of an event: to the account-wide web hooks, and to those that the API ordered.
    pub fn announce(&mut self, kind: &str, order: &Order, item: &Item, at: UnixMs) -> Vec<Delivery> {
        let event_id = self.number().to_string();
        let mut made = Vec::new();
        let hooks = self.hooks.clone();
        for hook in hooks {
            let mut body = payload::of(kind, order, item, at);
            let webhook_id = self.sign(&mut body, &event_id);
            made.push(delivery(webhook_id, hook.url, &body, hook.is_json));
        }
        for subscription in self.subscriptions.clone() {
            for name in payload::api_names(kind, order, item) {
                let wanted = subscription["event"].as_str().unwrap_or_default();
                let mut body = payload::of(kind, order, item, at);
                body["event"] = json!(name);
                // `*` is the account-wide web hook in all but its format: an order comes once.
                let is_for_all = wanted == "*" && !name.starts_with("order_payment_");
                let is_wanted = is_for_all || wanted == name;
                if !is_wanted || !payload::matches(&body, &subscription["trigger_fields"]) {
                    continue;
                }
                let webhook_id = self.sign(&mut body, &event_id);
                let url = subscription["target_url"].as_str().unwrap_or_default();
                made.push(delivery(webhook_id, url.to_owned(), &body, true));
            }
        }
        self.deliveries.extend(made.iter().cloned());
        made
    }

    /// Puts the account's marks on a payload. Gives the delivery's id.
    fn sign(&mut self, body: &mut Value, event_id: &str) -> String {
        let webhook_id = format!("00000000-0000-4000-8000-{:012}", self.number());
        body["thrivecart_account"] = json!(self.account);
        body["thrivecart_secret"] = json!(self.secret);
        body["event_id"] = json!(event_id);
        body["webhook_id"] = json!(webhook_id);
        webhook_id
    }
}

fn delivery(webhook_id: String, url: String, body: &Value, is_json: bool) -> Delivery {
    Delivery {
        webhook_id,
        url,
        content_type: if is_json {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        },
        body: if is_json {
            body.to_string()
        } else {
            payload::form(body)
        },
    }
}
