//! A payload of each kind to try automations on: recorded ones where there are any.

use serde_json::{Value, json};

use crate::wire;

/// How sure it is that `ThriveCart` sends it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// A delivery was recorded; names, ids and secrets are replaced.
    Recorded,
    /// Abridged, in the style of the documentation.
    Documented,
    /// Nobody has published one: made after its neighbours.
    Inferred,
}

impl Certainty {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Documented => "documented",
            Self::Inferred => "inferred",
        }
    }
}

/// Kind, form body, and how sure it is.
const FORMS: [(&str, &str, Certainty); 9] = [
    (
        "order.success",
        include_str!("../fixtures/order.success.subscription.stripe.testmode.2023.form"),
        Certainty::Recorded,
    ),
    (
        "order.subscription_payment",
        include_str!("../fixtures/order.subscription_payment.stripe.live.2020.form"),
        Certainty::Recorded,
    ),
    (
        "cart.abandoned",
        include_str!("../fixtures/cart.abandoned.2020.form"),
        Certainty::Recorded,
    ),
    (
        "order.refund",
        include_str!("../fixtures/docstyle/order.refund.upsell.form"),
        Certainty::Documented,
    ),
    (
        "order.rebill_failed",
        include_str!("../fixtures/docstyle/order.rebill_failed.form"),
        Certainty::Documented,
    ),
    (
        "order.subscription_cancelled",
        include_str!("../fixtures/docstyle/order.subscription_cancelled.form"),
        Certainty::Documented,
    ),
    (
        "order.subscription_resumed",
        include_str!("../fixtures/docstyle/order.subscription_resumed.form"),
        Certainty::Documented,
    ),
    (
        "order.item_payment",
        "event=order_payment_product&mode=live&order_id=1514394&invoice_id=000000004&currency=USD\
         &customer[email]=buyer1@example.com&purchase[type]=product&purchase[id]=101&purchase[name]=Course\
         &purchase[amount]=4900&date_unix=1788512400",
        Certainty::Inferred,
    ),
    (
        "order.payment_declined",
        "event=order_payment_declined_product&mode=live&currency=USD&customer[email]=buyer1@example.com\
         &purchase[type]=product&purchase[id]=101&purchase[name]=Course&date_unix=1788512400",
        Certainty::Inferred,
    ),
];

/// The payload of a kind in the dotted vocabulary; `None` where not even a likely one can be made.
///
/// ```
/// let (payload, _) = cartlane_thrivecart::recorded::payload("order.success").expect("it was recorded");
/// assert_eq!(payload["customer"]["email"], "buyer1@example.com");
/// ```
pub fn payload(kind: &str) -> Option<(Value, Certainty)> {
    if let Some((_, form, certainty)) = FORMS.iter().find(|(known, ..)| *known == kind) {
        return Some((wire::to_json(form.trim_end()), *certainty));
    }
    let like = |other: &str| {
        let (mut payload, _) = payload(other)?;
        payload["event"] = kind.into();
        Some(payload)
    };
    let made = match kind {
        "order.subscription_paused" => like("order.subscription_cancelled")?,
        "order.subscription_completed" => like("order.subscription_payment")?,
        "customer.updated" => json!({
            "event": kind, "mode": "live", "previous_email": "former@example.com", "current_email": "new@example.com",
            "customer_id": "16099259",
        }),
        kind if kind.starts_with("affiliate.") => json!({
            "event": kind, "mode": "live", "affiliate_id": "affiliate-7", "affiliate_user_id": "7",
            "order_id": "23370556", "currency": "USD", "commission_amount": "1500",
        }),
        _ => return None,
    };
    Some((made, Certainty::Inferred))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Delivery, Limits, decode};

    #[test]
    fn every_payload_is_read_as_an_event_of_its_kind() {
        let made = [
            "order.subscription_paused",
            "order.subscription_completed",
            "customer.updated",
            "affiliate.commission_earned",
        ];
        for kind in FORMS.iter().map(|(kind, ..)| *kind).chain(made) {
            let (payload, _) = payload(kind).unwrap_or_else(|| panic!("{kind} has a payload"));
            let body = wire::to_form(&payload);
            let Ok(Delivery::Event(incoming)) = decode(None, body.as_bytes(), &Limits::default()) else {
                panic!("{kind} is no event");
            };
            assert_eq!(incoming.event.facts.kind.as_str(), kind);
            let secret = &incoming.event.facts.payload["thrivecart_secret"];
            assert!(secret.is_null() || secret == "***", "{kind}");
        }
        assert!(payload("order.something_new").is_none());
    }
}
