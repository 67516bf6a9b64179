//! The REST API: what each call does, and the words in which it is refused.

use cartlane_model::UnixMs;
use serde_json::{Value, json};

use super::call::{Call, Reply, refused, reply};
use super::shop::{Item, Order, Shop};
use super::{catalog, payload};

/// The largest pages of the two lists that have pages.
const TRANSACTIONS_MOST: usize = 100;
const AFFILIATES_MOST: usize = 25;
const MINUTE_MS: i64 = 60_000;

fn unidentified(what: &str) -> Reply {
    let reason = format!("The requested {what} cannot be identified.");
    reply(404, json!({"error": "method.exception", "reason": reason}))
}

impl Shop {
    /// Takes a request to the API.
    pub fn answer(&mut self, call: &Call, per_minute: usize, now: UnixMs) -> Reply {
        if let Some(refusal) = self.access.refusal(call) {
            return refusal;
        }
        while self.requests.front().is_some_and(|at| now.0 - at >= MINUTE_MS) {
            self.requests.pop_front();
        }
        if self.requests.len() >= per_minute {
            return refused(429, "Too many requests.");
        }
        self.requests.push_back(now.0);
        let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        match call.method.as_str() {
            "GET" => self.read(call, &parts),
            "POST" => self.write(call, &parts, now),
            _ => refused(501, "method.invalid"),
        }
    }

    fn read(&self, call: &Call, parts: &[&str]) -> Reply {
        let singular = |plural: &str| plural.trim_end_matches('s').to_owned();
        match parts {
            ["ping"] => reply(
                200,
                json!({
                    "account_name": self.account, "account_id": "1", "account_version": "pro",
                    "account_url": format!("https://{}.thrivecart.com/", self.account), "user_id": "1",
                    "user_username": "owner@example.com", "user_name": "Owner", "custom_domain_enabled": false,
                    "custom_domain": null,
                }),
            ),
            ["transactions"] => self.list_transactions(call),
            ["affiliates"] => {
                let (rows, total) = page(call, &self.affiliates, AFFILIATES_MOST);
                let results = rows.len();
                reply(
                    200,
                    json!({"affiliates": rows, "meta": {"total": total, "results": results}}),
                )
            }
            [kind @ ("products" | "bumps" | "upsells" | "downsells")] => {
                reply(200, catalog::items(&singular(kind), None).into())
            }
            [kind @ ("products" | "bumps" | "upsells" | "downsells"), id] => {
                let found = catalog::items(&singular(kind), Some(id)).pop();
                found.map_or_else(|| unidentified(&singular(kind)), |item| reply(200, item))
            }
            [
                kind @ ("products" | "bumps" | "upsells" | "downsells"),
                id,
                "pricing_options",
            ] => {
                let found = catalog::pricing_options(&singular(kind), id);
                found.map_or_else(|| unidentified(&singular(kind)), |options| reply(200, options))
            }
            _ => refused(501, "method.invalid"),
        }
    }

    fn write(&mut self, call: &Call, parts: &[&str], now: UnixMs) -> Reply {
        match parts {
            ["customer"] => self.customer(call),
            ["customerEmailUpdate"] => self.change_email(call, now),
            ["refund"] => self.refund(call, now),
            ["cancelSubscription"] => self.subscription(call, "cancelled", now),
            ["pauseSubscription"] => self.subscription(call, "paused", now),
            ["resumeSubscription"] => self.subscription(call, "active", now),
            ["affiliate"] => match self.affiliate(&call.text("affiliate_id")) {
                Some(index) => reply(200, self.affiliates[index].clone()),
                None => unidentified("affiliate"),
            },
            ["affiliates"] => self.create_affiliate(call),
            ["affiliates", id, verb] => self.change_affiliate(id, verb),
            ["students"] => self.create_student(call, now),
            ["subscribe"] => self.subscribe(call),
            ["unsubscribe"] => {
                let url = call.text("url") + &call.text("target_url");
                self.subscriptions
                    .retain(|subscription| subscription["target_url"] != url.as_str());
                reply(200, json!([]))
            }
            _ => refused(501, "method.invalid"),
        }
    }

    /// Newest first. Parameters that nobody knows are ignored, as over there.
    fn list_transactions(&self, call: &Call) -> Reply {
        let (query, kind, currency) = (
            call.text("query").to_lowercase(),
            call.text("transactionType"),
            call.text("currency"),
        );
        let is_wanted = |row: &&Value| {
            let has = |value: &Value| value.as_str().is_some_and(|text| text.to_lowercase() == query);
            row["mode"] == call.mode.as_str()
                && (query.is_empty() || has(&row["customer"]["email"]) || has(&row["order_id"]))
                && (matches!(kind.as_str(), "" | "any") || row["transaction_type"] == kind.as_str())
                && (currency.is_empty() || row["currency"] == currency.as_str())
        };
        let shown = |row: &Value| {
            let mut row = row.clone();
            let id = row["internal_subscription_id"].to_string();
            let items = self.orders.iter().flat_map(|order| &order.items);
            if let Some(item) = items.into_iter().find(|item| item.subscription_id == id) {
                row["subscription_current_status"] = json!(item.status);
            }
            if let Some(row) = row.as_object_mut() {
                row.retain(|name, value| name != "mode" && !value.is_null());
            }
            row
        };
        let wanted: Vec<Value> = self
            .transactions
            .iter()
            .rev()
            .filter(is_wanted)
            .map(shown)
            .collect();
        let (rows, total) = page(call, &wanted, TRANSACTIONS_MOST);
        let results = rows.len();
        reply(
            200,
            json!({"transactions": rows, "meta": {"total": total, "results": results}}),
        )
    }

    fn customer(&self, call: &Call) -> Reply {
        let email = call.text("email").to_lowercase();
        let is_theirs = |order: &&Order| order.mode == call.mode && order.email.to_lowercase() == email;
        let orders: Vec<&Order> = self.orders.iter().filter(is_theirs).collect();
        let Some(first) = orders.first() else {
            return refused(404, "There are no orders associated with this customer.");
        };
        let (mut purchases, mut subscriptions, mut paid) = (Vec::new(), Vec::new(), 0);
        for (order, item) in orders
            .iter()
            .flat_map(|order| order.items.iter().map(move |item| (order, item)))
        {
            let net = if item.refunded { 0 } else { item.amount };
            paid += net;
            let mut row = json!({
                "status": if item.refunded { "refunded" } else { "paid" }, "order_id": order.id,
                "invoice_id": order.invoice_id, "processor": "stripe", "amount": item.amount, "net_amount": net,
                "currency": "USD", "item_name": item.name, "item_type": item.kind, "item_id": item.id,
                "reference": item.reference(),
            });
            if item.subscription_id.is_empty() {
                purchases.push(row);
                continue;
            }
            row["status"] = json!(item.status);
            row["amount"] = json!(item.amount.to_string());
            row["subscription_id"] = json!(item.subscription_id);
            row["frequency"] = json!(item.frequency);
            row["payments"] = json!((item.rebills + 1).to_string());
            subscriptions.push(row);
        }
        reply(
            200,
            json!({
                "customer": {"name": first.name, "email": first.email}, "purchases": purchases,
                "subscriptions": subscriptions, "lifetime_value": {"USD": paid},
            }),
        )
    }

    fn change_email(&mut self, call: &Call, now: UnixMs) -> Reply {
        let (current, new) = (call.text("current_email"), call.text("new_email"));
        let is_known = |email: &str| self.orders.iter().any(|order| order.email == email);
        if !is_known(&current) {
            return refused(404, "There are no orders associated with this customer.");
        }
        if is_known(&new) && call.text("allow_merge") != "true" {
            return refused(400, "Another customer already uses this email address.");
        }
        let mut customer_id = String::new();
        for order in self.orders.iter_mut().filter(|order| order.email == current) {
            order.email.clone_from(&new);
            customer_id.clone_from(&order.customer_id);
        }
        let updated_at = payload::moment(now).replace(' ', "T") + "Z";
        let data = json!({
            "previous_email": current, "current_email": new, "updated_at": updated_at, "customer_id": customer_id,
        });
        reply(
            200,
            json!({"success": true, "message": "Customer email updated successfully", "data": data}),
        )
    }

    fn refund(&mut self, call: &Call, now: UnixMs) -> Reply {
        let (order_id, reference) = (call.text("order_id"), call.text("reference"));
        if self.order(&call.mode, &order_id).is_none() {
            return refused(400, "You must provide a valid order ID.");
        }
        let is_it = |item: &Item| item.reference() == reference && !item.refunded;
        let refunded = self.change(&call.mode, &order_id, is_it, |item| item.refunded = true);
        let Some((order, item)) = refunded else {
            return refused(404, "The requested charge could not be identified.");
        };
        self.record("refund", &order, &item, now);
        Reply {
            deliveries: self.announce("order.refund", &order, &item, now),
            ..reply(
                200,
                json!({"success": true, "message": "This refund has been issued successfully."}),
            )
        }
    }

    fn subscription(&mut self, call: &Call, status: &'static str, now: UnixMs) -> Reply {
        let (order_id, id) = (call.text("order_id"), call.text("subscription_id"));
        if self.order(&call.mode, &order_id).is_none() {
            return refused(400, "You must provide a valid order ID.");
        }
        if status == "paused" && !may_resume(&call.text("auto_resume"), now) {
            return refused(
                400,
                "The auto resume date must be at least 24 hours in the future.",
            );
        }
        let is_it = |item: &Item| !id.is_empty() && item.subscription_id == id && item.status != "cancelled";
        let changed = self.change(&call.mode, &order_id, is_it, |item| item.status = status);
        let Some((order, item)) = changed else {
            return refused(400, "You do not have permission to access this subscription.");
        };
        let (kind, done) = match status {
            "cancelled" => ("order.subscription_cancelled", "cancelled"),
            "paused" => ("order.subscription_paused", "paused"),
            _ => ("order.subscription_resumed", "resumed"),
        };
        if status == "cancelled" {
            self.record("cancel", &order, &item, now);
        }
        let message = format!("This subscription has been successfully {done}.");
        Reply {
            deliveries: self.announce(kind, &order, &item, now),
            ..reply(200, json!({"success": true, "message": message}))
        }
    }

    fn affiliate(&self, id: &str) -> Option<usize> {
        let is_it = |affiliate: &Value| {
            ["affiliate_id", "user_id", "email"]
                .iter()
                .any(|name| affiliate[name] == id)
        };
        self.affiliates.iter().position(is_it)
    }

    fn create_affiliate(&mut self, call: &Call) -> Reply {
        let email = call.text("email");
        if !email.contains('@') {
            return refused(400, "You must provide a valid email address.");
        }
        let user_id = self.number().to_string();
        let wanted = call.text("affiliate_id");
        let id = if wanted.is_empty() {
            format!("affiliate_{user_id}")
        } else {
            wanted
        };
        let affiliate = json!({
            "user_id": user_id, "email": email, "affiliate_id": id, "label": format!("{id} ({email})"),
            "name": call.text("name"), "is_favourite": false, "products": [],
        });
        self.affiliates.push(affiliate.clone());
        reply(200, affiliate)
    }

    fn change_affiliate(&mut self, id: &str, verb: &str) -> Reply {
        let Some(index) = self.affiliate(id) else {
            return unidentified("affiliate");
        };
        match verb {
            "favorite" | "unfavorite" => self.affiliates[index]["is_favourite"] = json!(verb == "favorite"),
            "delete" => drop(self.affiliates.remove(index)),
            "register" | "approve" | "reject" | "custom_commissions" => {}
            _ => return refused(501, "method.invalid"),
        }
        reply(200, json!({"success": true}))
    }

    fn create_student(&mut self, call: &Call, now: UnixMs) -> Reply {
        let email = call.text("email");
        if !email.contains('@') {
            return refused(400, "You must provide a valid email address.");
        }
        let student = json!({
            "id": self.number().to_string(), "username": email, "name": call.text("name"), "status": "1",
            "date_created": payload::moment(now), "account_id": "1",
        });
        self.students.push(student.clone());
        let base = format!("https://{}.thrivecart.com", self.account);
        reply(
            200,
            json!({
                "auto_signin_url": format!("{base}/signin/"), "signin_url": format!("{base}/l/course/"),
                "student": student,
            }),
        )
    }

    fn subscribe(&mut self, call: &Call) -> Reply {
        let (event, url) = (call.text("event"), call.text("target_url"));
        if event.is_empty() || !url.starts_with("http") {
            return refused(400, "You must provide a valid event and target URL.");
        }
        if !self.access.may_target(call, &url) {
            return refused(
                400,
                "The target URL must start with a URL that is registered for your app.",
            );
        }
        let id = self.number();
        self.subscriptions.push(json!({
            "subscription_id": id, "event": event, "target_url": url, "trigger_fields": call.body["trigger_fields"],
        }));
        reply(201, json!({"subscription_id": id}))
    }
}

/// Whether a pause may end by itself then: never, or in seconds since 1970 that are at least a day ahead.
fn may_resume(auto_resume: &str, now: UnixMs) -> bool {
    const DAY_S: i64 = 24 * 60 * 60;
    let ahead = |at: i64| at >= now.0.div_euclid(1_000) + DAY_S;
    auto_resume.is_empty() || auto_resume.parse().is_ok_and(ahead)
}

/// One page of rows, and how many there are in all.
fn page(call: &Call, rows: &[Value], most: usize) -> (Vec<Value>, usize) {
    let size = call.number("perPage", most).min(most);
    let from = (call.number("page", 1) - 1).saturating_mul(size);
    (rows.iter().skip(from).take(size).cloned().collect(), rows.len())
}
