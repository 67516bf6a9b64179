//! The rules table: which outcomes follow, and what is wrong with a table before it ever runs.

use cartlane_flow::{Compiled, Document, Journal, Scope, StepRecord};
use cartlane_model::{Event, Money};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Catalog, compile, event, item, order, run};

const STEPS: &str = "
steps:
  - id: tags
    operation: ghl.contacts.add_tags
    with:
      contactId: x
      tags: \"{{ rules.tags }}\"
";

fn document(rules: &str) -> String {
    format!("name: R\non: order.success\n{rules}{STEPS}")
}

/// What the rules come to for an event: the outcomes, and the warnings.
fn outcomes(rules: &str, event: &Event, steps: &Journal) -> (Value, Vec<String>) {
    let automation = compile(&document(rules));
    decided(&automation, event, steps)
}

fn decided(automation: &Compiled, event: &Event, steps: &Journal) -> (Value, Vec<String>) {
    let scope = Scope {
        event,
        steps,
        reference: &|_| String::new(),
        settings: &json!({}),
        contact: None,
    };
    let outcomes = automation
        .outcomes(&scope)
        .expect("it has rules")
        .expect("no fault");
    (Value::Object(outcomes.outcomes), outcomes.warnings)
}

/// A live order of a product with an upsell and a bump, paid in euros with a coupon.
fn basket() -> Event {
    let mut event = order();
    event.facts.items.push(item("upsell", "12", Some("More"), 100));
    event.facts.items.push(item("bump", "7", None, 50));
    event.facts.coupon = Some("SPRING".into());
    event.facts.amount = Some(Money {
        minor: 500,
        currency: "EUR".into(),
    });
    event
}

fn row(conditions: &str) -> String {
    format!("rules: {{rows: [{{if: {conditions}, then: {{hit: \"yes\"}}}}]}}\n")
}

#[rstest]
#[case("{product: product-12}", true)]
#[case("{product: 12}", true)]
#[case("{product: [nothing-1, bump-7]}", true)]
#[case("{product: upsell-7}", false)]
#[case("{type: upsell}", true)]
#[case("{type: downsell}", false)]
#[case("{type: upsell, product: 7}", false)] // no single item is both
#[case("{plan: 83322}", true)]
#[case("{plan: \"yearly subscription ($4997.00)\"}", true)]
#[case("{coupon: spring}", true)]
#[case("{coupon: autumn}", false)]
#[case("{currency: eur}", false)] // the items say USD
#[case("{currency: [EUR, USD]}", true)]
#[case("{tag: vip}", true)]
#[case("{tag: other}", false)]
#[case("{product: \"*\", coupon: \"*\"}", true)]
#[case("{when: event.amount.minor > 400}", true)]
#[case("{when: item.amount.minor == 50}", true)]
#[case("{type: product, when: item.amount.minor == 50}", false)]
#[case("\"*\"", true)]
fn a_row_fits_where_every_cell_does(#[case] conditions: &str, #[case] fits: bool) {
    let steps = vec![(
        "contact".to_owned(),
        StepRecord::Done {
            output: json!({"contact": {"tags": ["VIP"]}}),
        },
    )];
    let (found, _) = outcomes(&row(conditions), &basket(), &steps);
    assert_eq!(found == json!({"hit": "yes"}), fits, "{conditions}: {found}");
}

#[test]
fn first_match_goes_by_item_and_unites_the_outcomes() {
    let rules = "
rules:
  rows:
    - if: {product: product-12}
      then: {tags: [a, \"bought {{ item.name }}\"], workflow: w1, fields: {Size: 1}}
    - if: {type: [product, upsell]}
      then: {tags: [A, b], workflow: w2, fields: {Size: 2, Colour: red}}
    - then: {tags: c}
";
    let (found, warnings) = outcomes(rules, &basket(), &Journal::new());
    let expected = json!({
        "tags": ["a", "bought Alpha & Omega Plan Pro", "b", "c"], "workflow": "w1",
        "fields": {"Size": 1, "Colour": "red"},
    });
    assert_eq!(found, expected);
    assert_eq!(
        warnings,
        [
            "rules.rows[1] says \"w2\" for `workflow`; an earlier row says \"w1\", which counts",
            "rules.rows[1] says 2 for `fields.Size`; an earlier row says 1, which counts",
        ]
    );
}

#[test]
fn all_matches_unite_and_a_tag_to_be_added_is_not_removed() {
    let rules = "
rules:
  match: all
  rows:
    - then: {tags: customer, remove_tags: [prospect, Lead]}
    - if: {coupon: spring}
      then: {tags: lead}
";
    let (found, warnings) = outcomes(rules, &basket(), &Journal::new());
    assert_eq!(
        found,
        json!({"tags": ["customer", "lead"], "remove_tags": ["prospect"]})
    );
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn an_event_that_no_row_fits_has_empty_outcomes_that_can_be_read() {
    let yaml = "
name: R
on: order.success
rules: {rows: [{if: {product: 99}, then: {tags: x, owner: ann, colour: red}}]}
steps:
  - id: tags
    operation: ghl.contacts.create_note
    with:
      contactId: \"{{ rules.owner }}\"
      body: \"{{ rules.matched }} {{ rules.tags }} {{ rules.colour or 'none' }} {{ rules.fields.Size | default('-') }}\"
";
    let done = run(&compile(yaml), &order());
    assert_eq!(
        done["tags"]["ghl.contacts.create_note"],
        json!({"body": "False [] none -"})
    );
}

#[test]
fn an_event_without_items_is_decided_once() {
    let rules =
        "rules: {rows: [{if: {type: product}, then: {a: 1}}, {then: {b: \"{{ item.id }}\", c: 2}}]}\n";
    let (found, _) = outcomes(rules, &event("customer.updated"), &Journal::new());
    assert_eq!(found, json!({"c": 2}));
}

#[test]
fn tags_of_a_ghl_event_are_known_without_a_step() {
    let mut event = event("ghl.contact.tags_changed");
    event.facts.payload = json!({"tags": ["Member"]});
    assert_eq!(
        outcomes(&row("{tag: member}"), &event, &Journal::new()).0,
        json!({"hit": "yes"})
    );
    event.facts.payload = json!({"tags": "a, member"});
    assert_eq!(
        outcomes(&row("{tag: member}"), &event, &Journal::new()).0,
        json!({"hit": "yes"})
    );
}

#[test]
fn a_row_by_tag_still_fits_after_its_own_outcomes_were_carried_out() {
    let done = |step: &str, output: Value| (step.to_owned(), StepRecord::Done { output });
    let steps = vec![
        done("contact", json!({"contact": {"tags": ["prospect"]}})),
        done("tags", json!({"tags": ["prospect", "customer"]})),
        done("removed", json!({"tags": ["customer"]})),
    ];
    assert_eq!(
        outcomes(&row("{tag: prospect}"), &basket(), &steps).0,
        json!({"hit": "yes"})
    );
    // What a later look at the contact finds counts.
    let looked = done("again", json!({"contact": {"tags": ["customer"]}}));
    let steps = [steps, vec![looked]].concat();
    assert_eq!(outcomes(&row("{tag: prospect}"), &basket(), &steps).0, json!({}));
}

#[test]
fn what_each_row_gives_to_each_call_is_known_before_any_event_as_far_as_rows_tell() {
    let yaml = "
name: R
on: order.success
tables: {flows: {a: w1}}
rules:
  rows:
    - if: {product: 12}
      then: {tags: [pro, \"{{ item.name }}\"], workflow: \"{{ tables.flows.a }}\", fields: {Size: 1}, colour: red}
    - then: {tags: other}
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: \"{{ event.person.email }}\"}
  - id: paid
    branch:
      - when: event.amount
        steps:
          - id: flow
            operation: ghl.contacts.create_note
            with: {contactId: \"{{ steps.contact.id }}\", body: \"{{ rules.workflow or 'w0' }}\"}
    else:
      - id: tags
        operation: ghl.contacts.add_tags
        with: {contactId: \"{{ rules.fields.Size | default('-') }} {{ event.kind }}\", tags: \"{{ rules.tags + ['always'] }}\"}
";
    let automation = compile(yaml);
    let told: Vec<_> = automation
        .inputs_by_row()
        .into_iter()
        .map(|given| (given.row, given.step, Value::Object(given.inputs)))
        .collect();
    assert_eq!(
        told,
        [
            (0, "flow".into(), json!({"body": "w1"})),
            (0, "tags".into(), json!({"tags": ["pro", "always"]})),
            (1, "flow".into(), json!({"body": "w0"})),
            (1, "tags".into(), json!({"tags": ["other", "always"]})),
        ]
    );
    assert_eq!(automation.unread_outcomes(), ["colour"]);
}

#[rstest]
#[case(
    "rules: {match: some, rows: [{then: {a: 1}}]}",
    "rules.match (line 3, column 16): there is no `some` here; there are first, all"
)]
#[case("rules: {rows: []}", "needs at least one row")]
#[case(
    "rules: {rows: [{if: {produkt: 1}, then: {a: 1}}]}",
    "did you mean `product`?"
)]
#[case(
    "rules: {rows: [{if: {product: prodct-12}, then: {a: 1}}]}",
    "did you mean `product-12`?"
)]
#[case(
    "rules: {rows: [{if: {type: upsel}, then: {a: 1}}]}",
    "did you mean `upsell`?"
)]
#[case(
    "rules: {rows: [{if: {currency: EURO}, then: {a: 1}}]}",
    "`EURO` is no currency"
)]
#[case(
    "rules: {rows: [{if: {coupon: []}, then: {a: 1}}]}",
    "an empty list fits nothing"
)]
#[case(
    "rules: {rows: [{if: {coupon: \"{{ event.coupon }}\"}, then: {a: 1}}]}",
    "belongs into `when`"
)]
#[case(
    "rules: {rows: [{if: {when: evnt.kind}, then: {a: 1}}]}",
    "did you mean `event`?"
)]
#[case("rules: {rows: [{then: {a: \"{{ item.nam }}\"}}]}", "did you mean `name`?")]
#[case(
    "rules: {rows: [{then: {a: \"{{ steps.tags.id }}\"}}]}",
    "a rule cannot read this"
)]
#[case("rules: {rows: [{then: {}}]}", "this row does nothing")]
#[case("rules: {rows: [{then: {tag: x}}]}", "did you mean `tags`?")]
#[case("rules: {rows: [{then: {matched: x}}]}", "take another name")]
#[case("rules: {rows: [{then: {workflow: [a]}}]}", "must be one value")]
#[case("rules: {rows: [{then: {fields: a}}]}", "must be a map of custom fields")]
#[case("rules: {rows: [{then: {status: opened}}]}", "did you mean `open`?")]
#[case(
    "rules: {rows: [{then: {a: 1}}, {if: {type: bump}, then: {a: 2}}]}",
    "rules.rows[1] (line 3, column 32): nothing ever gets to this row: rules.rows[0]"
)]
#[case(
    "rules: {rows: [{if: {product: 12}, then: {a: 1}}, {if: {product: product-12, coupon: x}, then: {a: 2}}]}",
    "nothing ever gets to this row"
)]
fn a_fault_of_the_table_is_told_with_its_place(#[case] rules: &str, #[case] part: &str) {
    let problems = Document::from_yaml(&document(&format!("{rules}\n")), &Catalog)
        .expect_err("a fault")
        .to_string();
    assert!(problems.contains(part), "{problems}");
}

#[test]
fn rows_that_can_be_reached_are_no_fault() {
    for rules in [
        "rules: {rows: [{if: {when: event.coupon}, then: {a: 1}}, {if: {type: bump}, then: {a: 2}}]}",
        "rules: {rows: [{if: {product: product-12}, then: {a: 1}}, {if: {product: 12}, then: {a: 2}}]}",
        "rules: {match: all, rows: [{then: {a: 1}}, {if: {type: bump}, then: {a: 2}}]}",
    ] {
        compile(&document(&format!("{rules}\n")));
    }
}

#[test]
fn reading_an_outcome_that_no_row_can_give_is_a_fault() {
    let fault = |yaml: &str| {
        Document::from_yaml(yaml, &Catalog)
            .expect_err("a fault")
            .to_string()
    };
    let problems = fault(&format!("name: R\non: order.success\n{STEPS}"));
    assert!(
        problems.contains("`rules.tags`: this automation has no `rules`"),
        "{problems}"
    );
    let yaml = document("rules: {rows: [{then: {colour: red}}]}\n").replace("rules.tags", "rules.color");
    assert!(fault(&yaml).contains("did you mean `colour`?"));
}

#[test]
fn a_table_is_looked_up_by_key_and_its_name_is_checked() {
    let yaml = "
name: T
on: order.success
tables:
  levels: {\"12\": gold, \"13\": silver}
rules:
  rows:
    - then: {tags: \"{{ tables.levels | lookup(item.id, 'basic') }}\"}
steps:
  - id: tags
    operation: ghl.contacts.add_tags
    with:
      contactId: \"{{ lookup(tables.levels, event.items[0].id) }}\"
      tags: \"{{ rules.tags }}\"
";
    let automation = compile(yaml);
    let inputs = &run(&automation, &basket())["tags"]["ghl.contacts.add_tags"];
    assert_eq!(inputs, &json!({"contactId": "gold", "tags": ["gold", "basic"]}));
    let stored = Document::from_json(&automation.document().to_json(), &Catalog).expect("no faults");
    assert_eq!(&stored, automation.document());

    let slip = yaml.replace("lookup(tables.levels", "lookup(tables.level");
    let problems = Document::from_yaml(&slip, &Catalog)
        .expect_err("a fault")
        .to_string();
    assert!(
        problems.contains("there is no table `level`; did you mean `levels`?"),
        "{problems}"
    );
}
