//! The two vocabularies of event names, and the one that Cartlane speaks.
//!
//! Account-wide web hooks use dotted names, Event Subscriptions of the API underscored ones; a delivery may carry
//! either. Sources: <https://support.thrivecart.com/help/using-webhook-notifications>,
//! <https://developers.thrivecart.com/documentation/event_subscription/intro/>, the official Postman collection.

use std::borrow::Cow;

/// One item of an order, as Event Subscriptions report it beside the whole order. It is recorded, but is no
/// `order.success`: of the two families only one may count.
pub(crate) const ITEM_PAYMENT: &str = "order.item_payment";

/// Every kind that is known, with its names in the other vocabulary.
const KNOWN: [(&str, &[&str]); 18] = [
    ("order.success", &["order_created"]),
    (
        ITEM_PAYMENT,
        &[
            "order_payment_product",
            "order_payment_bump",
            "order_payment_upsell",
            "order_payment_downsell",
        ],
    ),
    ("order.payment_declined", &["order_payment_declined_product"]),
    (
        "order.refund",
        &[
            "order_refund",
            "order_refund_product",
            "order_refund_bump",
            "order_refund_upsell",
            "order_refund_downsell",
        ],
    ),
    ("order.subscription_payment", &["order_rebill"]),
    ("order.rebill_failed", &["order_rebill_failed"]),
    ("order.subscription_cancelled", &["order_rebill_cancelled"]),
    ("order.subscription_paused", &["subscription_paused"]),
    ("order.subscription_resumed", &["subscription_resumed"]),
    ("order.subscription_completed", &["order_rebill_completed"]),
    ("cart.abandoned", &["cart_abandoned"]),
    ("customer.updated", &["customer_updated"]),
    ("affiliate.created", &["affiliate_created"]),
    ("affiliate.approved", &["affiliate_approved"]),
    ("affiliate.rejected", &["affiliate_rejected"]),
    ("affiliate.commission_earned", &["affiliate_commission_earned"]),
    ("affiliate.commission_payout", &["affiliate_commission_payout"]),
    ("affiliate.commission_refund", &["affiliate_commission_refund"]),
];

/// Longest kind that is kept, in bytes; the longest known name has 32.
const MAX_KIND_BYTES: usize = 100;

/// The kind of an event name, in the dotted vocabulary. Names that are not known stay as they are.
///
/// ```
/// assert_eq!(cartlane_thrivecart::kind("order_rebill"), "order.subscription_payment");
/// assert_eq!(cartlane_thrivecart::kind("order.success"), "order.success");
/// ```
pub fn kind(name: &str) -> Cow<'static, str> {
    let name = name.trim();
    match known(name) {
        Some(kind) => Cow::Borrowed(kind),
        None => Cow::Owned(name[..name.floor_char_boundary(MAX_KIND_BYTES)].to_owned()),
    }
}

fn known(name: &str) -> Option<&'static str> {
    let is_of = |(kind, names): &&(&str, &[&str])| *kind == name || names.contains(&name);
    KNOWN.iter().find(is_of).map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_subscription_key_has_a_dotted_kind() {
        for (kind, keys) in KNOWN {
            for key in keys {
                assert_eq!(super::kind(key), kind);
            }
            assert!(kind.contains('.') && super::kind(kind) == kind, "{kind}");
        }
    }

    #[test]
    fn the_manual_has_a_row_for_every_kind_that_names_its_keys() {
        let manual = include_str!("../../../docs/thrivecart-events.md");
        for (kind, keys) in KNOWN {
            let start = format!("| [`{kind}`]");
            let row = manual.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("no row begins with {start}"));
            for key in keys {
                assert!(row.contains(&format!("`{key}`")), "{key} is missing: {row}");
            }
        }
    }

    #[test]
    fn unknown_names_stay_and_are_bounded() {
        assert_eq!(kind(" order.something_new "), "order.something_new");
        assert_eq!(kind(&"é".repeat(80)).len(), 100);
    }
}
