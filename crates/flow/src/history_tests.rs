//! What a history of events comes to.

use cartlane_model::{
    ConnectionId, ContactId, Event, EventId, EventKind, Facts, Item, Mode, Money, Person, Subscription,
    UnixMs, WorkspaceId,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const DAY: i64 = 86_400_000;

/// An event on a day: kind, order, item, hundredths.
fn event(day: i64, kind: &str, order: &str, item: &str, minor: i64) -> Event {
    let at = UnixMs(day * DAY);
    let (item_type, id) = item.split_once('-').expect("an item's key");
    let amount = Money {
        minor,
        currency: "USD".into(),
    };
    let bits = u128::try_from(day).unwrap();
    Event {
        id: EventId::from_u128(bits),
        workspace_id: WorkspaceId::from_u128(2),
        connection_id: ConnectionId::from_u128(3),
        contact_id: Some(ContactId::from_u128(4)),
        received_at: at,
        occurred_at: at,
        facts: Facts {
            kind: EventKind(kind.to_owned()),
            mode: Some(Mode::Live),
            person: Person::default(),
            items: vec![Item {
                item_type: item_type.into(),
                id: id.into(),
                name: Some(format!("Name of {item}")),
                amount: (minor > 0).then(|| amount.clone()),
                ..Item::default()
            }],
            amount: (minor > 0).then_some(amount),
            order_id: Some(order.to_owned()),
            invoice_id: None,
            coupon: None,
            subscription: None,
            payload: Value::Null,
        },
    }
}

fn subscribed(mut event: Event, id: Option<&str>, paid_until_day: i64) -> Event {
    event.facts.subscription = Some(Subscription {
        id: id.map(str::to_owned),
        paid_until: Some(UnixMs(paid_until_day * DAY)),
        ..Subscription::default()
    });
    event
}

fn known(events: &[Event], day: i64) -> Known {
    let mut history = History::for_mode(Some(Mode::Live));
    for event in events {
        history.add(event);
    }
    history.at(UnixMs(day * DAY))
}

fn keys(known: &Known) -> Vec<&str> {
    known
        .products
        .iter()
        .map(|product| product.key.as_str())
        .collect()
}

#[test]
fn orders_are_counted_by_their_id_and_money_is_net_of_refunds_per_currency() {
    let mut euros = event(3, "order.success", "B", "product-2", 500);
    euros.facts.amount.as_mut().unwrap().currency = "EUR".into();
    let events = [
        event(1, "order.success", "A", "product-1", 2_000),
        euros,
        event(4, "order.success", "A", "product-1", 2_500), // told anew: the newer word counts
        event(5, "order.item_payment", "A", "product-1", 2_500),
        event(6, "order.refund", "A", "product-1", 1_000),
        event(7, "order.rebill_failed", "A", "product-1", 0),
    ];
    let known = known(&events, 9);
    assert_eq!(known.orders, 2);
    assert_eq!(known.first_order_at, Some(UnixMs(DAY)));
    assert_eq!(known.last_order_at, Some(UnixMs(3 * DAY)));
    let value: Vec<String> = known.lifetime_value.iter().map(ToString::to_string).collect();
    assert_eq!(value, ["5.00 EUR", "15.00 USD"]);
    assert_eq!(known.refunds.len(), 1);
    assert_eq!(known.refunds[0].item.as_deref(), Some("product-1"));
}

#[test]
fn a_product_is_owned_until_all_that_was_paid_for_it_was_paid_back() {
    let mut events = vec![
        event(1, "order.success", "A", "product-1", 2_000),
        event(2, "order.refund", "A", "product-1", 500),
    ];
    assert_eq!(keys(&known(&events, 9)), ["product-1"], "a part of it");
    events.push(event(3, "order.refund", "A", "product-1", 1_500));
    assert!(known(&events, 9).products.is_empty(), "all of it");
    events.push(event(4, "order.success", "B", "product-1", 2_000));
    assert_eq!(keys(&known(&events, 9)), ["product-1"], "bought again");
    let other = [
        event(1, "order.success", "A", "product-1", 2_000),
        event(2, "order.refund", "A", "upsell-1", 2_000),
    ];
    assert_eq!(
        keys(&known(&other, 9)),
        ["product-1"],
        "an upsell with the product's id"
    );
}

#[test]
fn a_subscription_is_active_until_it_is_cancelled_and_owned_until_the_paid_time_is_over() {
    let mut events = vec![
        subscribed(event(1, "order.success", "A", "product-1", 900), None, 31),
        subscribed(
            event(31, "order.subscription_payment", "A", "product-1", 900),
            Some("sub_1"),
            61,
        ),
    ];
    let active = known(&events, 40).subscriptions;
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].id.as_deref(), Some("sub_1"));
    assert_eq!(
        (active[0].since, active[0].paid_until),
        (UnixMs(DAY), Some(UnixMs(61 * DAY)))
    );
    let value = known(&events, 40).lifetime_value;
    assert_eq!(value[0].minor, 1_800);

    events.push(subscribed(
        event(45, "order.subscription_paused", "A", "product-1", 0),
        Some("sub_1"),
        61,
    ));
    assert!(known(&events, 46).subscriptions.is_empty(), "paused");
    assert_eq!(keys(&known(&events, 46)), ["product-1"]);
    events.push(subscribed(
        event(47, "order.subscription_resumed", "A", "product-1", 0),
        Some("sub_1"),
        61,
    ));
    assert_eq!(known(&events, 48).subscriptions.len(), 1, "resumed");
    events.push(subscribed(
        event(50, "order.subscription_cancelled", "A", "product-1", 0),
        Some("sub_1"),
        61,
    ));
    assert!(known(&events, 51).subscriptions.is_empty());
    assert_eq!(keys(&known(&events, 51)), ["product-1"], "paid until day 61");
    assert!(known(&events, 61).products.is_empty());
}

#[test]
fn what_was_paid_in_full_by_instalments_stays_owned() {
    let events = [
        subscribed(event(1, "order.success", "A", "product-1", 900), Some("1"), 31),
        subscribed(
            event(31, "order.subscription_payment", "A", "product-1", 900),
            Some("1"),
            61,
        ),
        event(31, "order.subscription_completed", "A", "product-1", 0),
    ];
    assert!(known(&events, 99).subscriptions.is_empty());
    assert_eq!(keys(&known(&events, 99)), ["product-1"]);
}

#[test]
fn each_item_with_a_subscription_id_is_a_subscription_of_its_own() {
    let mut order = subscribed(event(1, "order.success", "A", "product-1", 900), Some("10"), 31);
    let upsell = event(1, "order.success", "A", "upsell-2", 400)
        .facts
        .items
        .remove(0);
    order.facts.items.push(upsell);
    order.facts.payload = json!({"subscription_ids": {"product-1": "10", "upsell-2": "20"}});
    let cancelled = subscribed(
        event(5, "order.subscription_cancelled", "A", "upsell-2", 0),
        Some("20"),
        4,
    );
    let known = known(&[order, cancelled], 6);
    let active: Vec<_> = known
        .subscriptions
        .iter()
        .map(|active| active.item.as_deref())
        .collect();
    assert_eq!(active, [Some("product-1")]);
    assert_eq!(keys(&known), ["product-1"]);
}

#[test]
fn test_mode_has_a_history_of_its_own() {
    let mut test = event(1, "order.success", "A", "product-1", 2_000);
    test.facts.mode = Some(Mode::Test);
    let live = event(2, "order.success", "B", "product-2", 300);
    let of = |mode| {
        let mut history = History::for_mode(mode);
        history.add(&test);
        history.add(&live);
        let known = history.at(UnixMs(9 * DAY));
        (known.orders, known.lifetime_value[0].minor)
    };
    assert_eq!(of(Some(Mode::Live)), (1, 300));
    assert_eq!(of(None), (1, 300), "an abandoned cart has no mode");
    assert_eq!(of(Some(Mode::Test)), (1, 2_000));
}

#[test]
fn what_is_known_does_not_depend_on_the_order_in_which_events_come() {
    let events = vec![
        subscribed(event(1, "order.success", "A", "product-1", 900), None, 31),
        event(2, "order.success", "B", "product-2", 700),
        subscribed(
            event(31, "order.subscription_payment", "A", "product-1", 900),
            None,
            61,
        ),
        event(33, "order.refund", "B", "product-2", 700),
        subscribed(
            event(40, "order.subscription_cancelled", "A", "product-1", 0),
            None,
            61,
        ),
        event(41, "order.success", "B", "product-2", 800),
    ];
    let expected = known(&events, 50);
    assert_eq!(expected.lifetime_value[0].minor, 900 + 800 + 900 - 700);
    let strategy = Just(events).prop_shuffle();
    proptest!(|(shuffled in strategy)| {
        prop_assert_eq!(known(&shuffled, 50), expected.clone());
    });
}
