//! What customers do, and what nobody can do at the real one: `/_sandbox/…`.
//!
//! | call | body | does |
//! |---|---|---|
//! | `POST sale` | `email`, `name`, `items` (`["product-12"]`), `mode` | an order; web hooks |
//! | `POST rebill`, `rebill_failed`, `refund`, `cancel`, `pause`, `resume` | `order_id`, `item`, `mode` | that, to one item; web hooks |
//! | `POST hooks` | `url`, `format` (`form`, `json`) | adds an account-wide web hook, once its address answers HEAD and POST |
//! | `POST apps` | `client_id`, `client_secret`, `redirect_uris` | registers an app |
//! | `POST revoke` | `client_id` | the person shuts this app out again, or all apps |
//! | `POST resend` | `webhook_id` | posts that delivery once more, the same to the byte |
//! | `GET deliveries` | | all that was delivered |

use cartlane_model::UnixMs;
use serde_json::{Value, json};

use super::Hook;
use super::call::{Call, Reply, reply};
use super::shop::{Item, Shop};

/// The hook that a request wants added.
pub(super) fn wanted_hook(call: &Call) -> Option<Hook> {
    let url = call.body["url"].as_str().filter(|url| url.starts_with("http"))?;
    Some(Hook {
        url: url.to_owned(),
        is_json: call.body["format"] == "json",
    })
}

fn refused(message: &str) -> Reply {
    reply(400, json!({"error": message}))
}

impl Shop {
    /// Takes a request of the admin's.
    pub fn control(&mut self, call: &Call, now: UnixMs) -> Reply {
        match (call.method.as_str(), call.path.trim_matches('/')) {
            ("POST", "sale") => self.sale(call, now),
            ("POST", "resend") => {
                let is_it = |id: &str| call.body["webhook_id"] == id;
                let found = self
                    .deliveries
                    .iter()
                    .find(|delivery| is_it(&delivery.webhook_id))
                    .cloned();
                match found {
                    Some(delivery) => Reply {
                        deliveries: vec![delivery],
                        ..reply(200, json!({}))
                    },
                    None => refused("no delivery has this webhook_id"),
                }
            }
            ("POST", "apps") => match serde_json::from_value(call.body.clone()) {
                Ok(app) => {
                    self.access.register(app);
                    reply(200, json!({}))
                }
                Err(error) => refused(&error.to_string()),
            },
            ("POST", "revoke") => {
                let revoked = self.access.end(call.body["client_id"].as_str());
                reply(200, json!({"revoked": revoked}))
            }
            ("POST", what) => self.happen(what, call, now),
            ("GET", "deliveries") => {
                let shown = self.deliveries.iter().map(|delivery| {
                    json!({"webhook_id": delivery.webhook_id, "url": delivery.url, "body": delivery.body})
                });
                reply(200, shown.collect())
            }
            _ => refused("no such call; see docs/sandbox.md"),
        }
    }

    fn sale(&mut self, call: &Call, now: UnixMs) -> Reply {
        let text = |name: &str| call.body[name].as_str();
        let listed = call.body["items"].as_array().cloned().unwrap_or_default();
        let items: Vec<String> = listed
            .iter()
            .filter_map(|item| Some(item.as_str()?.to_owned()))
            .collect();
        let items = if items.is_empty() {
            vec!["product-101".to_owned()]
        } else {
            items
        };
        let Some(email) = text("email") else {
            return refused("email is missing");
        };
        let name = text("name").unwrap_or("Ada Lovelace");
        let Some(order) = self.sell(&mode(call), email, name, &items, now) else {
            return refused(
                "one of the items is not for sale; GET /api/external/products and its like list them",
            );
        };
        let ids = order
            .items
            .iter()
            .map(|item| (item.reference(), item.subscription_id.clone().into()));
        let ids: serde_json::Map<String, Value> = ids.collect();
        Reply {
            deliveries: self.announce("order.success", &order, &order.items[0], now),
            ..reply(200, json!({"order_id": order.id, "subscription_ids": ids}))
        }
    }

    /// Something happens to one item of an order.
    fn happen(&mut self, what: &str, call: &Call, now: UnixMs) -> Reply {
        let (order_id, wanted) = (call.body["order_id"].as_str(), call.body["item"].as_str());
        let is_it = |item: &Item| wanted.is_none_or(|wanted| item.reference() == wanted);
        let (kind, row): (_, Option<&str>) = match what {
            "rebill" => ("order.subscription_payment", Some("rebill")),
            // A declined payment is no transaction.
            "rebill_failed" => ("order.rebill_failed", None),
            "refund" => ("order.refund", Some("refund")),
            "cancel" => ("order.subscription_cancelled", Some("cancel")),
            "pause" => ("order.subscription_paused", None),
            "resume" => ("order.subscription_resumed", None),
            _ => return refused("no such call; see docs/sandbox.md"),
        };
        let changed = self.change(
            &mode(call),
            order_id.unwrap_or_default(),
            is_it,
            |item| match what {
                "rebill" => item.rebills += 1,
                "refund" => item.refunded = true,
                "cancel" => item.status = "cancelled",
                "pause" => item.status = "paused",
                "resume" => item.status = "active",
                _ => {}
            },
        );
        let Some((order, item)) = changed else {
            return refused("there is no such order, or it has no such item");
        };
        if let Some(row) = row {
            self.record(row, &order, &item, now);
        }
        Reply {
            deliveries: self.announce(kind, &order, &item, now),
            ..reply(200, json!({"order_id": order.id}))
        }
    }
}

fn mode(call: &Call) -> String {
    let mode = call.body["mode"].as_str().filter(|mode| *mode == "test");
    mode.unwrap_or("live").to_owned()
}
