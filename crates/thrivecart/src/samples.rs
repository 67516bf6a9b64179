//! A body for each kind of event, for editors and for whoever wants to see what an automation would do.

use cartlane_model::NewEvent;

use crate::{ContentType, decode_stored};

/// Where a sample is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A delivery that was recorded; names, addresses and ids are replaced.
    Recorded,
    /// Written after documents and reports that show parts of one.
    Documented,
    /// Made of what the decoder reads: nobody has shown one.
    Made,
}

impl Origin {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Documented => "documented",
            Self::Made => "made",
        }
    }
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../fixtures/", $name, ".form"))
    };
}

/// Kind, origin, body. Kinds that tell nothing but their payload have none.
const SAMPLES: [(&str, Origin, &str); 12] = [
    (
        "order.success",
        Origin::Recorded,
        fixture!("order.success.subscription.stripe.testmode.2023"),
    ),
    (
        "order.subscription_payment",
        Origin::Recorded,
        fixture!("order.subscription_payment.stripe.live.2020"),
    ),
    (
        "cart.abandoned",
        Origin::Recorded,
        fixture!("cart.abandoned.2020"),
    ),
    (
        "order.refund",
        Origin::Documented,
        fixture!("docstyle/order.refund.upsell"),
    ),
    (
        "order.rebill_failed",
        Origin::Documented,
        fixture!("docstyle/order.rebill_failed"),
    ),
    (
        "order.subscription_cancelled",
        Origin::Documented,
        fixture!("docstyle/order.subscription_cancelled"),
    ),
    (
        "order.subscription_resumed",
        Origin::Documented,
        fixture!("docstyle/order.subscription_resumed"),
    ),
    (
        "order.subscription_paused",
        Origin::Made,
        "event=order.subscription_paused&mode=live&order_id=1514394&subscription_id=3498819&currency=USD\
         &customer[email]=buyer1@example.com&subscription[type]=product&subscription[id]=101\
         &subscription[name]=Course&subscription[amount]=4900&subscription[frequency]=month\
         &subscription[billing_period_end]=1791104400&date_unix=1788512400",
    ),
    (
        "order.subscription_completed",
        Origin::Made,
        "event=order_rebill_completed&mode=live&order_id=1514394&subscription_id=3498819&currency=USD\
         &customer[email]=buyer1@example.com&subscription[type]=product&subscription[id]=101\
         &subscription[name]=Course&subscription[remaining_rebills]=0&date_unix=1788512400",
    ),
    (
        "order.item_payment",
        Origin::Made,
        "event=order_payment_product&mode=live&order_id=1514394&invoice_id=000000004&currency=USD\
         &customer[email]=buyer1@example.com&purchase[type]=product&purchase[id]=101&purchase[name]=Course\
         &purchase[amount]=4900&date_unix=1788512400",
    ),
    (
        "order.payment_declined",
        Origin::Made,
        "event=order_payment_declined_product&mode=live&currency=USD&customer[email]=buyer1@example.com\
         &purchase[type]=product&purchase[id]=101&purchase[name]=Course&date_unix=1788512400",
    ),
    (
        "customer.updated",
        Origin::Made,
        "event=customer_updated&mode=live&previous_email=buyer1@example.com&current_email=buyer2@example.com",
    ),
];

/// The event of the kind's sample, and where that is from; `None` where there is none.
pub fn sample(kind: &str) -> Option<(NewEvent, Origin)> {
    let (_, origin, body) = SAMPLES.iter().find(|(known, ..)| *known == kind)?;
    let body = body.trim_end().as_bytes();
    Some((decode_stored(ContentType::Form, body), *origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_of_its_kind_and_bears_no_secret() {
        for (kind, ..) in SAMPLES {
            let (event, _) = sample(kind).unwrap();
            assert_eq!(event.facts.kind.as_str(), kind);
            assert!(event.facts.person.email.is_some(), "{kind}");
            let secret = &event.facts.payload["thrivecart_secret"];
            assert!(secret.is_null() || secret == "***", "{kind}");
        }
    }
}
