//! Conditions as trees, and steps that hold steps.

use cartlane_flow::{Compiled, Document, Journal, Next, Scope, StepRecord, awaits};
use cartlane_model::Event;
use insta::assert_snapshot;
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Catalog, compile, next, order, run};

fn document(steps: &str) -> String {
    format!("name: n\non: order.success\nsteps:\n{steps}")
}

fn faults(yaml: &str) -> String {
    let problems = Document::from_yaml(yaml, &Catalog).expect_err("the document has faults");
    let lines = problems
        .0
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a condition holds for the recorded order; else why not.
fn holds(condition: &str) -> Result<(), String> {
    let yaml = format!("name: n\non: order.success\nwhen: {condition}\nsteps: [{{id: a, set: {{x: 1}}}}]");
    match next(&compile(&yaml), &order(), &Journal::new()).expect("it can be evaluated") {
        Next::NotApplicable { reason } => Err(reason),
        _ => Ok(()),
    }
}

#[rstest]
#[case("{field: event.kind, is: equals, value: ORDER.success}")]
#[case("{field: event.amount.minor, is: at_least, value: \"1\"}")]
#[case("{field: event.items, is: contains, value: product-12}")]
#[case("{field: event.amount.minor, is: equals, value: 499700}")]
#[case("{field: event.amount.minor, is: one_of, value: \"1, 499700\"}")]
#[case("{field: event.occurred_at, is: at_least, value: \"2020-01-01\"}")]
#[case("{field: event.occurred_at, is: less_than, value: \"2023-11-09\"}")]
#[case("{field: event.occurred_at, is: at_least, value: \"2023-11-09T01:48:20+02:00\"}")]
#[case("{field: event.occurred_at, is: at_most, value: \"2023-11-09T01:48:20+02:00\"}")]
#[case("{field: \"'2026-01-31T09:00:00Z'\", is: at_least, value: \"2026-01-31T10:00:00+02:00\"}")]
#[case("{field: \"'2026-01-31T09:00:00Z'\", is: equals, value: \"2026-01-31T11:00:00+02:00\"}")]
#[case("{field: \"'01234'\", is: differs_from, value: \"1234\"}")]
#[case("{field: \"'1E3'\", is: none_of, value: [\"1000\", \"inf\"]}")]
#[case("{field: \"'01234'\", is: equals, value: 1234}")]
#[case("{field: \"'99'\", is: less_than, value: \"100\"}")]
#[case("{field: event.person.country, is: one_of, value: [DE, ID]}")]
#[case("{field: event.person.country, is: one_of, value: \"DE, id\"}")]
#[case("{field: event.coupon, is: missing}")]
#[case("{field: event.payload.nothing.at.all, is: missing}")]
#[case("{field: event.payload.nothing, is: differs_from, value: x}")]
#[case("{field: \"event.person.email | upper\", is: ends_with, value: \"@example.com\"}")]
#[case("{field: event.occurred_at, is: less_than, value: \"{{ event.received_at }}\"}")]
#[case("{not: {field: event.mode, is: equals, value: live}}")]
#[case("{any: [{field: event.mode, is: equals, value: live}, event.order_id]}")]
#[case("{all: [event.order_id, {not: {all: [event.order_id, event.coupon]}}]}")]
fn these_hold(#[case] condition: &str) {
    assert_eq!(holds(condition), Ok(()));
}

#[test]
fn what_does_not_hold_is_explained() {
    let why = |condition: &str| holds(condition).expect_err("it does not hold");
    assert_snapshot!(why("{field: event.amount.minor, is: more_than, value: 9999999}"), @"`event.amount.minor` is 499700; wanted: it is more than 9999999");
    assert_snapshot!(why("{any: [{field: event.mode, is: equals, value: live}, event.coupon]}"), @r#"`event.mode` is "test"; wanted: it equals "live", and its condition is not met: event.coupon"#);
    assert_snapshot!(why("{not: {field: event.mode, is: equals, value: test}}"), @"it holds, and must not: `event.mode` equals");
    assert_snapshot!(why("{field: event.coupon, is: starts_with, value: X}"), @r#"`event.coupon` is null; wanted: it starts with "X""#);
}

#[test]
fn a_value_that_its_field_can_never_be_is_a_fault() {
    let yaml = document(
        r#"
  - {id: a, set: {x: 1}, when: {field: event.amount.minor, is: more_than, value: lots}}
  - {id: b, set: {x: 1}, when: {field: "{{ event.occurred_at }}", is: at_least, value: yesterday}}
  - {id: c, set: {x: 1}, when: {all: [{field: event.amount, is: at_least, value: 5}, {field: event.items, is: more_than, value: 2}]}}
  - {id: d, set: {x: 1}, when: {field: contact.spent.EUR.minor, is: one_of, value: [1, two]}}
  - {id: e, set: {x: 1}, when: {field: event.person.email, is: equals, value: [a@example.com]}}
  - id: f
    for_each: event.items
    steps: [{id: g, set: {x: 1}, when: {field: item.quantity, is: equals, value: many}}]
  - {id: h, set: {x: 1}, when: {field: event.payload.total, is: more_than, value: lots}}
  - {id: i, set: {x: 1}, when: {field: event.amount.minor, is: more_than, value: "{{ settings.lots }}"}}
"#,
    );
    assert_snapshot!(faults(&yaml), @r#"
    steps[0].when.value (line 5, column 82): `event.amount.minor` is a number; `lots` is none
    steps[1].when.value (line 6, column 88): `event.occurred_at` is a moment: a date such as `2026-01-31`, a time such as `2026-01-31T10:00:00+02:00`, or milliseconds since 1970; `yesterday` is none
    steps[2].when.all[0].value (line 7, column 82): `event.amount` is an amount; compare `event.amount.minor`, its hundredths
    steps[2].when.all[1].value (line 7, column 129): `event.items` is a list; say what it `contains`, or `lacks`
    steps[3].when.value (line 8, column 84): `contact.spent.EUR.minor` is a number; `two` is none
    steps[4].when.value (line 9, column 79): `event.person.email` is a text; `["a@example.com"]` is none
    steps[5].steps[0].when.value (line 12, column 82): `item.quantity` is a number; `many` is none
    "#);
}

/// Names that a text reads behind a list, or in what a step that holds steps brought.
#[test]
fn a_name_that_cannot_be_there_is_a_fault_also_behind_a_list() {
    let yaml = document(
        r#"
  - {id: a, set: {x: "{{ event.items[0].nme }} {{ event.items[0].amount.minr }} {{ contact.products[0].nam }}"}}
  - {id: b, set: {x: "{{ event.items | selectattr('typ') | map(attribute='nme') }}", y: "{{ contact.subscriptions[0].nme }}"}}
  - id: c
    for_each: event.items
    steps: [{id: d, set: {x: "{{ item.nme }} {{ itm.name }} {{ item.amount.minor }} {{ inde }}"}}]
  - {id: e, set: {x: "{{ steps.c.cont }} {{ steps.c.items[0].nme }} {{ steps.c.items[0].name }}", all: "{{ event.items }}"}}
  - id: f
    for_each: steps.e.all
    steps: [{id: g, set: {x: "{{ item.nam }}"}}]
  - {id: h, set: {x: "{% for one in event.items %}{{ one.nme }}{{ one.name }}{% endfor %}{{ steps.e.al }}"}}
  - {id: i, wait: {for: 1 day, event: order.refund, when: "awaitd.kind and awaited.items[0].nme"}}
  - {id: j, set: {x: "{{ steps.i.timedout }} {{ steps.i.event.order }} {{ steps.i.event.items[0].nme }} {{ steps.i.event.id }}"}}
  - {id: k, branch: [{when: "true", steps: [{id: l, set: {x: 1}}]}]}
  - {id: m, set: {x: "{{ steps.k.take }} {{ steps.k.taken }} {{ event.payload.list[0].nme }} {{ contact.orders.x }}"}}
"#,
    );
    assert_snapshot!(faults(&yaml), @r"
    steps[0].set.x (line 5, column 22): `contact.products[].nam`: there is no field `nam`; did you mean `name`?
    steps[0].set.x (line 5, column 22): `event.items[].amount.minr`: there is no field `minr`; did you mean `minor`?
    steps[0].set.x (line 5, column 22): `event.items[].nme`: there is no field `nme`; did you mean `name`?
    steps[1].set.x (line 6, column 22): `event.items[].nme`: there is no field `nme`; did you mean `name`?
    steps[1].set.x (line 6, column 22): `event.items[].typ`: there is no field `typ`; did you mean `type`?
    steps[1].set.y (line 6, column 89): `contact.subscriptions[].nme`: there is no field `nme`; did you mean `name`?
    steps[2].steps[0].set.x (line 9, column 30): `inde`: there is no name `inde`; did you mean `index`?
    steps[2].steps[0].set.x (line 9, column 30): `item.nme`: there is no field `nme`; did you mean `name`?
    steps[2].steps[0].set.x (line 9, column 30): `itm.name`: there is no name `itm`; did you mean `item`?
    steps[3].set.x (line 10, column 22): `steps.c.cont`: there is no field `cont`; did you mean `count`?
    steps[3].set.x (line 10, column 22): `steps.c.items[].nme`: there is no field `nme`; did you mean `name`?
    steps[4].steps[0].set.x (line 13, column 30): `item.nam`: there is no field `nam`; did you mean `name`?
    steps[5].set.x (line 14, column 22): `event.items[].nme`: there is no field `nme`; did you mean `name`?
    steps[5].set.x (line 14, column 22): `steps.e.al`: there is no field `al`; did you mean `all`?
    steps[6].wait.when (line 15, column 59): `awaitd.kind`: there is no name `awaitd`; did you mean `awaited`?
    steps[6].wait.when (line 15, column 59): `awaited.items[].nme`: there is no field `nme`; did you mean `name`?
    steps[7].set.x (line 16, column 22): `steps.i.event.id`: there is no field `id`; there are kind, mode, person, items, amount, order_id, invoice_id, coupon, subscription, payload
    steps[7].set.x (line 16, column 22): `steps.i.event.items[].nme`: there is no field `nme`; did you mean `name`?
    steps[7].set.x (line 16, column 22): `steps.i.event.order`: there is no field `order`; did you mean `order_id`?
    steps[7].set.x (line 16, column 22): `steps.i.timedout`: there is no field `timedout`; did you mean `timed_out`?
    steps[9].set.x (line 18, column 22): `contact.orders.x` looks into `orders`, which has no fields
    steps[9].set.x (line 18, column 22): `steps.k.take`: there is no field `take`; did you mean `taken`?
    ");
}

const BRANCH: &str = r#"
  - id: size
    branch:
      - when: {field: event.amount.minor, is: more_than, value: 100000000}
        steps: [{id: big, operation: ghl.contacts.add_tags, with: {tags: [big]}}]
      - when: event.mode == "test"
        steps: [{id: tried, operation: ghl.contacts.add_tags, with: {tags: [test]}}]
    else: [{id: rest, operation: ghl.contacts.add_tags, with: {tags: [rest]}}]
  - {id: after, operation: ghl.contacts.create_note, with: {body: "{{ steps.tried.id }}{{ steps.rest.id }}"}}
"#;

#[test]
fn the_first_case_that_holds_is_taken_and_stays_taken() {
    let automation = compile(&document(BRANCH));
    let done = run(&automation, &order());
    assert_eq!(done["size"]["taken"], 1);
    assert!(done.get("big").is_none() && done.get("rest").is_none());
    assert_eq!(
        done["after"]["ghl.contacts.create_note"]["body"], "ghl-1",
        "what did not run is none"
    );
    let mut other = order();
    other.facts.mode = None;
    assert_eq!(
        run(&automation, &other)["rest"]["ghl.contacts.add_tags"]["tags"],
        json!(["rest"])
    );
}

const LOOP: &str = r#"
  - id: each
    for_each: event.items
    steps:
      - id: keep
        when: index != 1
        set: {name: "{{ item.name }}"}
      - id: inner
        for_each: "[1, 2]"
        steps:
          - {id: note, operation: ghl.contacts.create_note, with: {body: "{{ steps.keep.name }} {{ item }} {{ reference }}"}}
"#;

fn with_items(count: usize) -> Event {
    let mut event = order();
    let item = event.facts.items[0].clone();
    let named = |number: usize| {
        let mut item = item.clone();
        item.name = Some(format!("item {number}"));
        item
    };
    event.facts.items = (0..count).map(named).collect();
    event
}

#[test]
fn a_loop_does_its_steps_for_each_item_with_names_of_their_own() {
    let done = run(&compile(&document(LOOP)), &with_items(2));
    let names: Vec<&String> = done.as_object().expect("a map").keys().collect();
    assert_eq!(
        names,
        [
            "each", "keep#0", "inner#0", "note#0.0", "note#0.1", "keep#1", "inner#1", "note#1.0", "note#1.1"
        ]
    );
    let body = |name: &str| done[name]["ghl.contacts.create_note"]["body"].clone();
    assert_eq!(body("note#0.1"), "item 0 2 ref-note#0.1");
    assert_eq!(
        body("note#1.0"),
        " 1 ref-note#1.0",
        "a skipped step of this round is none, not that of another round"
    );
}

#[test]
fn a_list_that_is_too_long_or_none_is_a_fault() {
    let automation = compile(&document(LOOP));
    let fault = next(&automation, &with_items(101), &Journal::new()).expect_err("it is too long");
    assert_snapshot!(fault, @"steps[0].for_each: the list has 101 items, and at most 100 are gone through; raise `at_most`, or cut the list");
    let none = compile(&document(
        "  - {id: each, for_each: event.order_id, steps: [{id: a, set: {x: 1}}]}\n",
    ));
    let fault = next(&none, &order(), &Journal::new()).expect_err("it is no list");
    assert_snapshot!(fault, @r#"steps[0].for_each: comes to "23370556", which is no list"#);
}

const ERRORS: &str = r#"
  - id: tags
    operation: ghl.contacts.add_tags
    on_error:
      - {id: tell, operation: ghl.contacts.create_note, with: {body: "{{ steps.tags.error }}"}}
  - {id: soft, operation: ghl.contacts.add_tags, on_error: continue}
  - {id: end, stop: "{{ steps.soft.failed }}"}
  - {id: never, set: {x: 1}}
"#;

#[test]
fn a_step_that_fails_is_followed_by_its_own_steps_and_the_run_goes_on_until_stop() {
    let automation = compile(&document(ERRORS));
    let failed = |message: &str| StepRecord::Failed {
        message: message.into(),
    };
    let mut journal: Journal = vec![("tags".into(), failed("no"))];
    let Ok(Next::Call {
        step,
        inputs,
        goes_on,
        ..
    }) = next(&automation, &order(), &journal)
    else {
        panic!("a call comes next")
    };
    assert_eq!(
        (step.as_str(), &inputs["body"], goes_on),
        ("tell", &json!("no"), false)
    );
    journal.push(("tell".into(), StepRecord::Done { output: Value::Null }));
    journal.push(("soft".into(), failed("no again")));
    let Ok(Next::Note { step, output }) = next(&automation, &order(), &journal) else {
        panic!("a note comes next")
    };
    assert_eq!((step.as_str(), &output), ("end", &json!({"reason": true})));
    journal.push((
        step,
        StepRecord::Done {
            output: json!({"reason": "so it is"}),
        },
    ));
    let ended = next(&automation, &order(), &journal).expect("an end");
    assert_eq!(
        ended,
        Next::Ended {
            step: "end".into(),
            reason: "so it is".into()
        }
    );
}

const WAIT: &str = r#"
  - id: refund
    wait: {for: 7 days, event: [order.refund], when: awaited.order_id == event.order_id}
  - {id: kept, when: steps.refund.timed_out, operation: ghl.contacts.add_tags, with: {tags: [kept]}}
  - {id: day, wait: {until: "2024-03-01"}}
"#;

fn waits_for(automation: &Compiled, event: &Event, awaited: &Event) -> bool {
    let journal = Journal::new();
    let scope = Scope {
        event,
        steps: &journal,
        reference: &|_| String::new(),
        settings: &Value::Null,
        contact: None,
    };
    awaits(automation, &scope, "refund", awaited).expect("it can be evaluated")
}

#[test]
fn a_wait_ends_with_the_event_that_fits_or_with_its_time() {
    let automation = compile(&document(WAIT));
    let done = run(&automation, &order());
    assert_eq!(
        done["refund"],
        json!({"ms": 604_800_000, "until": null, "for": ["order.refund"]})
    );
    assert_eq!(done["day"]["until"], 1_709_251_200_000_i64);
    assert!(done["kept"].is_object());
    let mut refund = order();
    assert!(!waits_for(&automation, &order(), &refund), "another kind");
    refund.facts.kind = cartlane_model::EventKind("order.refund".into());
    assert!(waits_for(&automation, &order(), &refund));
    refund.facts.order_id = Some("another".into());
    assert!(!waits_for(&automation, &order(), &refund), "another order");
}

#[test]
fn every_fault_of_form_is_said_with_its_place() {
    let yaml = document(
        r#"
  - {id: a, operation: ghl.contacts.save, branch: [], wiht: {}}
  - {id: b, branch: [{steps: []}, {when: {field: event.kind, is: eqals}}]}
  - {id: b, for_each: event.itms, at_most: 0, steps: []}
  - {id: c, wait: {for: soon, event: order.refnd, when: "awaited.kin == 1"}}
  - {id: d, wait: {event: order.refund}}
  - {id: e, set: {x: "{{ item }}"}, on_error: contine}
  - {id: f, operation: ghl.contacts.save, on_error: contine, when: {any: []}}
  - {id: g, set: {x: "{{ steps.h.x }} {{ awaited.kind }}"}}
  - {id: w, for_each: event.items, steps: [{id: h, set: {x: 1}}]}
  - {id: i, set: {x: "{{ steps.h.x }}"}}
"#,
    );
    assert_snapshot!(faults(&yaml), @r"
    steps[0].branch (line 5, column 51): `branch` does not go with `operation` in one step
    steps[0].wiht (line 5, column 55): there is no `wiht` here; did you mean `with`?
    steps[1].branch[0].when (line 6, column 22): a case needs a condition; use `else` for the rest
    steps[1].branch[1].when (line 6, column 42): a case needs a condition; use `else` for the rest
    steps[1].branch[1].when.is (line 6, column 66): there is no `eqals` here; did you mean `equals`?
    steps[2].id (line 7, column 10): `b` is the id of steps[1] already
    steps[2].for_each (line 7, column 23): `event.itms`: there is no field `itms`; did you mean `items`?
    steps[2].at_most (line 7, column 44): must be 1 to 1000
    steps[2].steps (line 7, column 54): say what is done with each item
    steps[3].wait.for (line 8, column 25): `soon` is no time to wait: write `30 minutes`, `3 days` or `2h 30m`, a year at most
    steps[3].wait.event[0] (line 8, column 38): `order.refnd` is no kind of event; did you mean `order.refund`?
    steps[3].wait.when (line 8, column 57): `awaited.kin`: there is no field `kin`; did you mean `kind`?
    steps[4].wait (line 9, column 19): say how long: `for: 3 days` or `until: …`; beside `event` that is the time-out
    steps[5].set.x (line 10, column 22): `item` is only there within `for_each`
    steps[5].on_error (line 10, column 47): `on_error` does not go with `set` in one step
    steps[6].on_error (line 11, column 53): there is no `contine` here; did you mean `continue`?
    steps[6].when.any (line 11, column 74): needs at least one condition
    steps[7].set.x (line 12, column 22): `awaited.kind` is only there in the `when` of a `wait`
    steps[7].set.x (line 12, column 22): `steps.h.x` reads the step `h`, which has not run yet at this point, or runs within a loop
    steps[9].set.x (line 14, column 22): `steps.h.x` reads the step `h`, which has not run yet at this point, or runs within a loop
    ");
}

#[test]
fn merge_goes_with_what_no_later_event_can_be_ahead_of() {
    let yaml = document(
        r#"
  - {id: note, operation: ghl.contacts.create_note, with: {contactId: x, body: "{{ event.kind }}"}}
  - {id: who, operation: ghl.contacts.save, with: {email: "{{ event.person.email }}"}, when: steps.note.failed}
  - {id: tag, operation: ghl.contacts.add_tags, with: {contactId: "{{ steps.who.id }}", tags: ["{{ steps.who['id'] }}"]}}
  - {id: off, operation: ghl.contacts.remove_tags, with: {contactId: "{{ steps.who.id }}", tags: [a]}}
  - {id: day, wait: {for: 1 day}}
  - id: stage
    operation: ghl.contacts.set_lifecycle
    with: {contact_id: "{{ steps.who.id }}", stage: lead}
    on_error: [{id: end, stop: enough}]
"#,
    );
    assert_snapshot!(faults(&format!("merge: true\n{yaml}")), @r"
    steps[0].operation (line 6, column 27): with `merge: true` the first step is `ghl.contacts.save`, which tells whose the tags are
    steps[1].when (line 7, column 94): with `merge: true` this is worked out before the step's turn: it can read neither `steps` nor rules that ask for the contact's tags
    steps[2].with.tags (line 8, column 95): with `merge: true` this is worked out before the step's turn: it can read neither `steps` nor rules that ask for the contact's tags
    steps[3] (line 9, column 5): `merge: true` goes with these operations only: ghl.contacts.save, ghl.contacts.add_tags, ghl.contacts.set_lifecycle, ghl.contacts.create_note, ghl.contacts.create_task; take `merge` away, or do this in another automation
    steps[4] (line 10, column 5): `merge: true` goes with these operations only: ghl.contacts.save, ghl.contacts.add_tags, ghl.contacts.set_lifecycle, ghl.contacts.create_note, ghl.contacts.create_task; take `merge` away, or do this in another automation
    steps[5].on_error (line 14, column 15): with `merge: true` a step that fails can stop the run or let it go on, nothing else
    ");
    assert_snapshot!(faults(&format!("merge: often\n{yaml}")), @"merge (line 1, column 8): must be true or false, and is a text");
}

#[test]
fn every_form_survives_being_stored() {
    for steps in [BRANCH, LOOP, ERRORS, WAIT] {
        let document = compile(&document(steps)).document().clone();
        assert_eq!(Document::from_json(&document.to_json(), &Catalog), Ok(document));
    }
}
