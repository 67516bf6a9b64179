//! The two vocabularies of event names, and the one that Cartlane speaks.
//!
//! Account-wide web hooks use dotted names, Event Subscriptions of the API underscored ones; a delivery may carry
//! either. Sources: <https://support.thrivecart.com/help/using-webhook-notifications>,
//! <https://developers.thrivecart.com/documentation/event_subscription/intro/>, the official Postman collection.

use std::borrow::Cow;

/// One item of an order, as Event Subscriptions report it beside the whole order. It is recorded, but is no
/// `order.success`: of the two families only one may count.
pub(crate) const ITEM_PAYMENT: &str = "order.item_payment";

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
    Some(match name {
        "order.success" | "order_created" => "order.success",
        "order_payment_product"
        | "order_payment_bump"
        | "order_payment_upsell"
        | "order_payment_downsell" => ITEM_PAYMENT,
        "order_payment_declined_product" => "order.payment_declined",
        "order.subscription_payment" | "order_rebill" => "order.subscription_payment",
        "order.rebill_failed" | "order_rebill_failed" => "order.rebill_failed",
        "order_rebill_completed" => "order.subscription_completed",
        "order.subscription_cancelled" | "order_rebill_cancelled" => "order.subscription_cancelled",
        "order.subscription_paused" | "subscription_paused" => "order.subscription_paused",
        "order.subscription_resumed" | "subscription_resumed" => "order.subscription_resumed",
        "order.refund"
        | "order_refund"
        | "order_refund_product"
        | "order_refund_bump"
        | "order_refund_upsell"
        | "order_refund_downsell" => "order.refund",
        "cart.abandoned" | "cart_abandoned" => "cart.abandoned",
        "customer.updated" | "customer_updated" => "customer.updated",
        "affiliate_created" => "affiliate.created",
        "affiliate_approved" => "affiliate.approved",
        "affiliate_rejected" => "affiliate.rejected",
        "affiliate_commission_earned" => "affiliate.commission_earned",
        "affiliate_commission_payout" => "affiliate.commission_payout",
        "affiliate_commission_refund" => "affiliate.commission_refund",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_subscription_key_has_a_dotted_kind() {
        let keys = "order_created order_payment_product order_payment_bump order_payment_upsell \
            order_payment_downsell order_payment_declined_product order_rebill order_rebill_failed \
            order_rebill_completed order_rebill_cancelled order_refund order_refund_product order_refund_bump \
            order_refund_upsell order_refund_downsell subscription_paused subscription_resumed cart_abandoned \
            affiliate_created affiliate_approved affiliate_rejected affiliate_commission_earned \
            affiliate_commission_payout affiliate_commission_refund customer_updated";
        for key in keys.split_whitespace() {
            let kind = kind(key);
            assert!(kind.contains('.'), "{key} -> {kind}");
            assert_eq!(super::kind(&kind), kind, "a kind must be its own kind");
        }
    }

    #[test]
    fn unknown_names_stay_and_are_bounded() {
        assert_eq!(kind(" order.something_new "), "order.something_new");
        assert_eq!(kind(&"é".repeat(80)).len(), 100);
    }
}
