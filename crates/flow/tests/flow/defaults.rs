//! What the default automations make of events as they really come, the sparse ones too.

use crate::common::{compile, event, item, order, run, usd};
use cartlane_flow::{Compiled, defaults};
use cartlane_model::{Event, Mode, Money, Person, Subscription, UnixMs};
use insta::assert_json_snapshot;
use serde_json::json;

fn default(file: &str) -> Compiled {
    let (_, yaml) = defaults()
        .iter()
        .find(|(name, _)| *name == file)
        .expect("a default of this name");
    compile(yaml)
}

fn with_email(kind: &str, email: &str) -> Event {
    let mut event = event(kind);
    event.facts.person = Person {
        email: Some(email.to_owned()),
        ..Person::default()
    };
    event
}

#[test]
fn the_manual_of_events_names_the_automation_of_each_kind() {
    let manual = include_str!("../../../../docs/thrivecart-events.md");
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| [`"));
    let named = |row: &str| {
        (
            row.split('`').next().map(str::to_owned),
            row.split(" | ").nth(2).map(str::to_owned),
        )
    };
    for (kind, automation) in rows.map(named) {
        let kind = kind.unwrap_or_default();
        let documents = defaults()
            .iter()
            .map(|(_, yaml)| compile(yaml).document().clone());
        let expected: Vec<String> = documents
            .filter(|document| document.runs_on(&kind))
            .map(|document| document.name)
            .collect();
        let expected = if expected.is_empty() {
            "–".to_owned()
        } else {
            expected.join(", ")
        };
        assert_eq!(automation.unwrap_or_default(), expected, "{kind}");
    }
}

#[test]
fn an_order_becomes_contact_lifecycle_tags_and_note() {
    assert_json_snapshot!(run(&default("10-sync-customers.yaml"), &order()), @r###"
    {
      "contact": {
        "ghl.contacts.save": {
          "email": "buyer1@example.com",
          "first_name": "Alex",
          "last_name": "Example",
          "phone": "+6281234567890",
          "company": "Example Studio",
          "country": "ID",
          "source": "ThriveCart",
          "if_empty": [
            "source"
          ]
        }
      },
      "lifecycle": {
        "ghl.contacts.set_lifecycle": {
          "contact_id": "ghl-1",
          "stage": "customer"
        }
      },
      "tags": {
        "ghl.contacts.add_tags": {
          "contactId": "ghl-1",
          "tags": [
            "purchased: Alpha & Omega Plan Pro",
            "test mode"
          ]
        }
      },
      "note": {
        "ghl.contacts.create_note": {
          "contactId": "ghl-1",
          "body": "Order 23370556 (invoice 000001382)\n- 1 × Alpha & Omega Plan Pro (Yearly Subscription ($4997.00)): 4997.00 USD\nTotal: 4997.00 USD\nMode: test\nref: ref-note"
        }
      }
    }
    "###);
}

#[test]
fn an_order_with_several_items_and_a_coupon_lists_them_all() {
    let mut event = order();
    event.facts.mode = Some(Mode::Live);
    event.facts.items.push(item("upsell", "2", None, 1499));
    event.facts.coupon = Some("SPRING".to_owned());
    let done = run(&default("10-sync-customers.yaml"), &event);
    assert_json_snapshot!(json!([done["tags"], done["note"]]), @r###"
    [
      {
        "ghl.contacts.add_tags": {
          "contactId": "ghl-1",
          "tags": [
            "purchased: Alpha & Omega Plan Pro",
            "purchased: upsell-2"
          ]
        }
      },
      {
        "ghl.contacts.create_note": {
          "contactId": "ghl-1",
          "body": "Order 23370556 (invoice 000001382)\n- 1 × Alpha & Omega Plan Pro (Yearly Subscription ($4997.00)): 4997.00 USD\n- 1 × upsell-2: 14.99 USD\nTotal: 4997.00 USD\nCoupon: SPRING\nMode: live\nref: ref-note"
        }
      }
    ]
    "###);
}

#[test]
fn an_order_of_which_only_the_email_is_known_still_gets_through() {
    let event = with_email("order.success", "buyer@example.com");
    assert_json_snapshot!(run(&default("10-sync-customers.yaml"), &event), @r###"
    {
      "contact": {
        "ghl.contacts.save": {
          "email": "buyer@example.com",
          "source": "ThriveCart",
          "if_empty": [
            "source"
          ]
        }
      },
      "lifecycle": {
        "ghl.contacts.set_lifecycle": {
          "contact_id": "ghl-1",
          "stage": "customer"
        }
      },
      "tags": "its condition is not met: event.items or event.mode == \"test\"",
      "note": {
        "ghl.contacts.create_note": {
          "contactId": "ghl-1",
          "body": "Order\nref: ref-note"
        }
      }
    }
    "###);
}

#[test]
fn an_event_without_email_is_left_alone_by_every_default() {
    for (file, _) in defaults() {
        let answer = run(&default(file), &event("order.success"));
        assert_eq!(
            answer,
            json!("its condition is not met: event.person.email"),
            "{file}"
        );
    }
}

#[test]
fn a_sparse_refund_names_item_amount_and_order() {
    let mut event = with_email("order.refund", "buyer@example.com");
    event.facts.mode = Some(Mode::Live);
    event.facts.items = vec![item("upsell", "101", None, 4000)];
    event.facts.amount = Some(Money {
        minor: 4000,
        currency: String::new(),
    });
    event.facts.order_id = Some("1514394".to_owned());
    assert_json_snapshot!(run(&default("20-refunds.yaml"), &event), @r###"
    {
      "contact": {
        "ghl.contacts.save": {
          "email": "buyer@example.com",
          "source": "ThriveCart",
          "if_empty": [
            "first_name",
            "last_name",
            "source"
          ]
        }
      },
      "lifecycle": {
        "ghl.contacts.set_lifecycle": {
          "contact_id": "ghl-1",
          "stage": "refunded"
        }
      },
      "tags": {
        "ghl.contacts.add_tags": {
          "contactId": "ghl-1",
          "tags": [
            "refunded: upsell-101"
          ]
        }
      },
      "note": {
        "ghl.contacts.create_note": {
          "contactId": "ghl-1",
          "body": "Refund of 40.00: upsell-101\nOrder 1514394\nref: ref-note"
        }
      }
    }
    "###);
}

#[test]
fn a_subscription_payment_makes_a_customer_and_says_what_was_paid() {
    let mut event = with_email("order.subscription_payment", "buyer@example.com");
    event.facts.person.name = Some("Alex van Example".to_owned());
    event.facts.items = vec![item("product", "17", Some("Club"), 1900)];
    event.facts.amount = Some(usd(1900));
    event.facts.order_id = Some("8112233".to_owned());
    event.facts.invoice_id = Some("000000141-6".to_owned());
    event.facts.subscription = Some(Subscription {
        next_payment_at: Some(UnixMs(1_598_227_200_000)),
        ..Subscription::default()
    });
    assert_json_snapshot!(run(&default("30-subscription-payments.yaml"), &event), @r###"
    {
      "contact": {
        "ghl.contacts.save": {
          "email": "buyer@example.com",
          "first_name": "Alex",
          "last_name": "van Example",
          "source": "ThriveCart",
          "if_empty": [
            "first_name",
            "last_name",
            "source"
          ]
        }
      },
      "lifecycle": {
        "ghl.contacts.set_lifecycle": {
          "contact_id": "ghl-1",
          "stage": "customer"
        }
      },
      "note": {
        "ghl.contacts.create_note": {
          "contactId": "ghl-1",
          "body": "Subscription payment of 19.00 USD: Club\nOrder 8112233 (invoice 000000141-6)\nNext payment: 2020-08-24\nref: ref-note"
        }
      }
    }
    "###);
}

#[test]
fn a_failed_payment_makes_the_contact_past_due() {
    let mut event = with_email("order.rebill_failed", "buyer@example.com");
    event.facts.items = vec![item("product", "17", None, 1900)];
    event.facts.mode = Some(Mode::Test);
    let done = run(&default("40-failed-payments.yaml"), &event);
    assert_json_snapshot!(json!([done["lifecycle"], done["tags"], done["note"]]), @r###"
    [
      {
        "ghl.contacts.set_lifecycle": {
          "contact_id": "ghl-1",
          "stage": "past due"
        }
      },
      {
        "ghl.contacts.add_tags": {
          "contactId": "ghl-1",
          "tags": [
            "payment failed"
          ]
        }
      },
      {
        "ghl.contacts.create_note": {
          "contactId": "ghl-1",
          "body": "Payment failed: product-17\nMode: test\nref: ref-note"
        }
      }
    ]
    "###);
}

#[test]
fn cancel_pause_and_resume_each_set_their_stage_and_say_until_when_access_lasts() {
    let automation = default("50-cancel-pause-resume.yaml");
    let done = ["cancelled", "paused", "resumed"].map(|what| {
        let mut event = with_email(&format!("order.subscription_{what}"), "buyer@example.com");
        event.facts.items = vec![item("product", "10", Some("Club"), 1900)];
        event.facts.subscription = Some(Subscription {
            paid_until: Some(UnixMs(1_731_109_699_000)),
            ..Subscription::default()
        });
        assert!(automation.document().runs_on(event.facts.kind.as_str()));
        let done = run(&automation, &event);
        json!([
            done["lifecycle"]["ghl.contacts.set_lifecycle"]["stage"],
            done["note"]["ghl.contacts.create_note"]["body"]
        ])
    });
    assert_json_snapshot!(done, @r###"
    [
      [
        "cancelled",
        "Subscription cancelled: Club\naccess until 2024-11-08\nref: ref-note"
      ],
      [
        "paused",
        "Subscription paused: Club\naccess until 2024-11-08\nref: ref-note"
      ],
      [
        "customer",
        "Subscription resumed: Club\nref: ref-note"
      ]
    ]
    "###);
}

#[test]
fn a_cancellation_without_an_end_of_the_paid_period_says_nothing_about_access() {
    let event = with_email("order.subscription_cancelled", "buyer@example.com");
    let done = run(&default("50-cancel-pause-resume.yaml"), &event);
    assert_json_snapshot!(done["note"], @r###"
    {
      "ghl.contacts.create_note": {
        "contactId": "ghl-1",
        "body": "Subscription cancelled\nref: ref-note"
      }
    }
    "###);
}

#[test]
fn an_abandoned_cart_is_a_tag_and_no_lifecycle() {
    let mut event = with_email("cart.abandoned", "visitor3@example.com");
    event.facts.person.first_name = Some("Robin".to_owned());
    event.facts.person.country = Some("US".to_owned());
    event.facts.items = vec![item("product", "24", Some("Example CRM Lead Integration"), 0)];
    assert_json_snapshot!(run(&default("60-abandoned-carts.yaml"), &event), @r###"
    {
      "contact": {
        "ghl.contacts.save": {
          "email": "visitor3@example.com",
          "first_name": "Robin",
          "country": "US",
          "source": "ThriveCart",
          "if_empty": [
            "first_name",
            "last_name",
            "country",
            "source"
          ]
        }
      },
      "tags": {
        "ghl.contacts.add_tags": {
          "contactId": "ghl-1",
          "tags": [
            "abandoned cart: Example CRM Lead Integration"
          ]
        }
      }
    }
    "###);
}

#[test]
fn a_changed_email_is_saved_with_the_one_before() {
    let mut event = with_email("customer.updated", "new@example.com");
    event.facts.person.previous_email = Some("old@example.com".to_owned());
    assert_json_snapshot!(run(&default("70-email-changed.yaml"), &event), @r###"
    {
      "contact": {
        "ghl.contacts.save": {
          "email": "new@example.com",
          "previous_email": "old@example.com",
          "source": "ThriveCart",
          "if_empty": [
            "first_name",
            "last_name",
            "source"
          ]
        }
      }
    }
    "###);
}
