//! What is delivered: every contact's own story, in the shapes of recorded payloads.
//!
//! A delivery's order id is unique, so that a note which names it is the effect of that delivery and no other.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::processes::{ACCOUNT, SECRET};
use crate::wire::{Form, ORDER_SUCCESS};

const FIRST_ORDER: u32 = 70_000_000;
/// 2025-10-09; the past, as every delivery's moment is.
const FIRST_MOMENT: i64 = 1_760_000_000;

const PAYMENT: &str =
    include_str!("../../../crates/thrivecart/fixtures/order.subscription_payment.stripe.live.2020.form");
const REFUND: &str = include_str!("../../../crates/thrivecart/fixtures/docstyle/order.refund.upsell.form");
const FAILED: &str = include_str!("../../../crates/thrivecart/fixtures/docstyle/order.rebill_failed.form");
const CANCELLED: &str =
    include_str!("../../../crates/thrivecart/fixtures/docstyle/order.subscription_cancelled.form");
const RESUMED: &str =
    include_str!("../../../crates/thrivecart/fixtures/docstyle/order.subscription_resumed.form");

/// What is told by a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sale.
    Success,
    /// A later payment of a subscription.
    Payment,
    /// Money back.
    Refund,
    /// A payment that failed.
    Failed,
    /// A subscription cancelled.
    Cancelled,
    /// A subscription paused.
    Paused,
    /// A subscription resumed.
    Resumed,
}

impl Kind {
    const LATER: [Self; 8] = [
        Self::Payment,
        Self::Payment,
        Self::Refund,
        Self::Failed,
        Self::Cancelled,
        Self::Paused,
        Self::Resumed,
        Self::Success,
    ];

    /// The tag that the default automations leave as the contact's only `lifecycle:` tag.
    pub fn lifecycle(self) -> &'static str {
        match self {
            Self::Success | Self::Payment | Self::Resumed => "lifecycle: customer",
            Self::Refund => "lifecycle: refunded",
            Self::Failed => "lifecycle: past due",
            Self::Cancelled => "lifecycle: cancelled",
            Self::Paused => "lifecycle: paused",
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Success => "order.success",
            Self::Payment => "order.subscription_payment",
            Self::Refund => "order.refund",
            Self::Failed => "order.rebill_failed",
            Self::Cancelled => "order.subscription_cancelled",
            Self::Paused => "order.subscription_paused",
            Self::Resumed => "order.subscription_resumed",
        }
    }

    fn template(self) -> Form {
        Form::parse(match self {
            Self::Success => ORDER_SUCCESS,
            Self::Payment => PAYMENT,
            Self::Refund => REFUND,
            Self::Failed => FAILED,
            Self::Cancelled => CANCELLED,
            // No pause was ever captured; it has the shape of the other subscription events.
            Self::Paused | Self::Resumed => RESUMED,
        })
    }
}

/// One delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Unique; the order id in the payload and in the note that is its effect.
    pub order: u32,
    /// Index of the contact.
    pub contact: usize,
    /// Position in the contact's story, from 0.
    pub sequence: usize,
    /// What it tells.
    pub kind: Kind,
    /// The form body.
    pub body: String,
}

/// Everything that will be delivered.
pub struct Workload {
    /// In no particular order between contacts; `order` of delivery i is [`Workload::order_of`] i.
    pub deliveries: Vec<Delivery>,
    /// E-mail address of each contact.
    pub emails: Vec<String>,
}

impl Workload {
    /// `deliveries` spread evenly over `contacts`; the same for the same random numbers.
    pub fn generate(deliveries: usize, contacts: usize, random: &mut StdRng) -> Self {
        let emails: Vec<_> = (0..contacts)
            .map(|contact| format!("buyer-{contact:04}@example.com"))
            .collect();
        let made = (0..deliveries).map(|index| {
            let (contact, sequence) = (index % contacts, index / contacts);
            let mut later = || Kind::LATER.choose(&mut *random).copied().unwrap_or(Kind::Payment);
            let kind = if sequence == 0 { Kind::Success } else { later() };
            let order = Self::order_of(index);
            let body = body(order, contact, sequence, kind, &emails[contact]);
            Delivery {
                order,
                contact,
                sequence,
                kind,
                body,
            }
        });
        let deliveries = made.collect();
        Self { deliveries, emails }
    }

    /// Order id of delivery `index`.
    pub fn order_of(index: usize) -> u32 {
        FIRST_ORDER + u32::try_from(index).unwrap_or(u32::MAX - FIRST_ORDER)
    }

    /// The delivery with this order id.
    pub fn delivery(&self, order: u32) -> Option<&Delivery> {
        let index = usize::try_from(order.checked_sub(FIRST_ORDER)?).ok()?;
        self.deliveries.get(index)
    }

    /// Indexes of one contact's deliveries, in the order of its story.
    pub fn story(&self, contact: usize) -> Vec<usize> {
        (contact..self.deliveries.len())
            .step_by(self.emails.len())
            .collect()
    }
}

/// The form body of a delivery: the order id, the contact's index, the place in its story, what it tells, and to whom it happened.
pub fn body(order: u32, contact: usize, sequence: usize, kind: Kind, email: &str) -> String {
    // An hour apart, so that no two moments of one contact are equal in any resolution.
    let moment = FIRST_MOMENT + i64::try_from(sequence * 3_600 + contact).unwrap_or_default();
    let mut form = kind.template();
    // Dates of the recording; the moment stays as the number that ThriveCart sends with each of them.
    form.remove(|name| name.starts_with("date") || name.starts_with("order[date") || name == "order_date");
    form.set("event", kind.event())
        .set("mode", "live")
        .set("mode_int", 2);
    form.set("thrivecart_account", ACCOUNT)
        .set("thrivecart_secret", SECRET);
    form.set("order_id", order)
        .set("invoice_id", format!("{order:09}"));
    form.set("customer_id", 16_000_000 + contact)
        .set("customer[id]", 16_000_000 + contact);
    form.set("customer[email]", email)
        .set("customer[first_name]", "Buyer");
    form.set("customer[last_name]", format!("Number{contact}"))
        .set("customer[name]", format!("Buyer Number{contact}"));
    form.set("customer[address][country]", "US")
        .set("customer[contactno]", format!("2012{contact:06}"));
    if matches!(kind, Kind::Success | Kind::Payment) {
        form.set("order[id]", order)
            .set("order[invoice_id]", format!("{order:09}"));
    }
    match kind {
        Kind::Success => {
            form.set("order_timestamp", moment)
                .set("order[date_unix]", moment);
            form.set("transactions[product-12]", format!("ch_torture_{order}"));
        }
        _ => {
            form.set("date_unix", moment);
        }
    }
    form.encode()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_story_begins_with_a_sale_and_every_order_is_unique() {
        let workload = Workload::generate(50, 7, &mut StdRng::seed_from_u64(1));
        for contact in 0..7 {
            let story: Vec<_> = workload
                .story(contact)
                .iter()
                .map(|&index| &workload.deliveries[index])
                .collect();
            assert_eq!(story[0].kind, Kind::Success);
            assert!(
                story
                    .iter()
                    .enumerate()
                    .all(|(at, delivery)| delivery.sequence == at && delivery.contact == contact)
            );
        }
        for delivery in &workload.deliveries {
            assert_eq!(
                workload.delivery(delivery.order).map(|found| &found.body),
                Some(&delivery.body)
            );
            assert!(delivery.body.contains(&format!("order%5Fid={}", delivery.order)));
        }
    }
}
