//! What reading a document says about its faults, and that a sound one survives being stored.

use crate::common::{Catalog, compile};
use cartlane_flow::{Document, OnUnclear};
use insta::assert_snapshot;
use rstest::rstest;

fn faults(yaml: &str) -> String {
    let problems = Document::from_yaml(yaml, &Catalog).expect_err("the document has faults");
    told(&problems)
}

fn told(problems: &cartlane_model::Problems) -> String {
    let lines: Vec<String> = problems
        .0
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    lines.join("\n")
}

#[test]
fn every_fault_is_said_at_once_with_its_place_and_the_nearest_name() {
    let yaml = r#"
nam: Broken
on: [order.succes, "Order!"]
when: event.persn.email
steps:
  - id: contact
    operation: ghl.contacts.sav
    with: {}
  - id: contact
    operation: ghl.contacts.add_tags
    wihh: {}
    on_unclear: resent
    with:
      contactID: "{{ steps.kontact.id }}"
      tags:
        - "{{ event.items | itm_names }}"
        - "{{ event.mode == }}"
  - id: Note
    operation: ghl.contacts.create_note
    when: steps.last.id and event.occurred_at is defned
    with:
      contactId: "{{ evnt.kind }}"
      body: |
        A line
        {{ event.person.emial }}
        {% if event.kind %}
  - id: last
    with: [1]
    on_unclear: true
  - just a text
"#;
    assert_snapshot!(faults(yaml), @r###"
    nam (line 2, column 1): there is no `nam` here; did you mean `name`?
    name (line 2, column 1): an automation needs a name
    on[0] (line 3, column 6): `order.succes` is no kind of event; did you mean `order.success`?
    on[1] (line 3, column 20): `Order!` is no kind of event; they look like `order.success`
    when (line 4, column 7): `event.persn.email`: there is no field `persn`; did you mean `person`?
    steps[0].operation (line 7, column 16): there is no operation `ghl.contacts.sav`; did you mean `ghl.contacts.save`?
    steps[1].id (line 9, column 9): `contact` is the id of steps[0] already
    steps[1].wihh (line 11, column 5): there is no `wihh` here; did you mean `with`?
    steps[1].on_unclear (line 12, column 17): there is no `resent` here; did you mean `resend`?
    steps[1].with.contactID (line 14, column 18): `ghl.contacts.add_tags` has no input `contactID`; did you mean `contactId`?
    steps[1].with.contactID (line 14, column 18): `steps.kontact.id`: there is no earlier step `kontact`; did you mean `contact`?
    steps[1].with.tags[0] (line 16, column 11): there is no filter `itm_names`; did you mean `item_names`?
    steps[1].with.tags[1] (line 17, column 11): not a valid expression: unexpected end of input, expected expression
    steps[2].id (line 18, column 9): `Note` is no id: small letters, digits and `_`, a letter first, 64 at most
    steps[2].when (line 20, column 11): there is no test `defned`; did you mean `defined`?
    steps[2].when (line 20, column 11): `steps.last.id` reads the step `last`, which has not run yet at this point, or runs within a loop
    steps[2].with.contactId (line 22, column 18): `evnt.kind`: there is no name `evnt`; did you mean `event`?
    steps[2].with.body (line 26): not a valid expression: unexpected end of input, expected end of block
    steps[3].operation (line 27, column 5): a step needs an operation, such as `ghl.contacts.save` (or `branch`, `for_each`, `wait`, `set`, `stop`)
    steps[3].with (line 28, column 11): must be a map of inputs, and is a list
    steps[3].on_unclear (line 29, column 17): must be one of ask, resend, skip, and is true or false
    steps[4] (line 30, column 5): must be a map of id, when, operation, with, connection, on_unclear, on_error, and is a text
    steps[4].id (line 30, column 5): a step needs an id, by which its effects are remembered
    steps[4].operation (line 30, column 5): a step needs an operation, such as `ghl.contacts.save` (or `branch`, `for_each`, `wait`, `set`, `stop`)
    "###);
}

#[rstest]
#[case("name: [", "not readable as YAML")]
#[case(
    "name: n\nsteps: [{id: a, id: b}]\nname: m\non: order.succes",
    "name (line 3, column 7): `name` is there twice: in line 1 and in line 3"
)]
#[case("steps: [{id: a, id: b}]\non: order.succes", "did you mean `order.success`?")]
#[case(
    "steps: [{set: {}, id: a, id: b}]",
    "steps[0].id (line 1, column 30): `id` is there twice"
)]
#[case(
    "name: a\n---\nname: b",
    "a second document begins here; give it a file of its own"
)]
#[case("just a text", "must be a map of name, description, on")]
#[case("{}", "an automation needs at least one step")]
fn what_is_no_document_at_all_says_so(#[case] yaml: &str, #[case] part: &str) {
    let faults = faults(yaml);
    assert!(faults.contains(part), "{faults}");
}

#[test]
fn the_line_of_a_fault_in_a_block_is_the_line_of_the_file() {
    let yaml = "name: n\non: cart.abandoned\nsteps:\n  - id: note\n    operation: ghl.contacts.create_note\n    with:\n      \
                body: |\n        one\n        two\n        {{ 1 + }}\n";
    assert_snapshot!(faults(yaml), @r###"
    steps[0].with.body (line 10): not a valid expression: unexpected end of variable block
    "###);
}

#[test]
fn json_has_paths_without_lines() {
    let value = serde_json::json!({"name": "n", "on": ["cart.abandoned"], "steps": [{"id": "a", "operation": "b.c"}]});
    let problems = Document::from_json(&value, &Catalog).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "steps[0].operation: there is no operation `b.c`"
    );
}

#[test]
fn a_document_survives_being_stored_as_json() {
    for (file, yaml) in cartlane_flow::defaults() {
        let document = compile(yaml).document().clone();
        let stored = serde_json::to_string(&document.to_json()).unwrap();
        let stored = serde_json::from_str(&stored).unwrap();
        assert_eq!(Document::from_json(&stored, &Catalog), Ok(document), "{file}");
    }
}

#[test]
fn what_to_do_when_it_is_unclear_is_kept_and_is_to_ask_unless_said() {
    let yaml = "name: n\non: cart.abandoned\nsteps:\n  - {id: a, operation: ghl.contacts.save, on_unclear: skip}\n  - \
                {id: b, operation: ghl.contacts.save, on_unclear: ask}\n";
    let document = compile(yaml).document().clone();
    let on_unclear: Vec<OnUnclear> = document.calls().map(|(_, call)| call.on_unclear).collect();
    assert_eq!(on_unclear, [OnUnclear::Skip, OnUnclear::Ask]);
    let stored = document.to_json();
    assert_eq!(stored["steps"][0]["on_unclear"], "skip");
    assert!(stored["steps"][1].get("on_unclear").is_none(), "{stored}");
    assert_eq!(Document::from_json(&stored, &Catalog), Ok(document));
}

#[test]
fn words_that_yaml_once_took_for_booleans_are_texts() {
    let yaml =
        "{name: n, on: cart.abandoned, steps: [{id: a, operation: ghl.contacts.save, with: {country: NO}}]}";
    let automation = compile(yaml);
    let (_, call) = automation.document().calls().next().expect("a call");
    assert_eq!(call.with["country"], "NO");
}

#[test]
fn an_event_kind_that_is_not_known_is_accepted_unless_it_looks_like_a_slip() {
    let yaml = "{name: n, on: order.rebill_completed, steps: [{id: a, operation: ghl.contacts.save}]}";
    assert!(compile(yaml).document().runs_on("order.rebill_completed"));
}

#[test]
fn the_manual_shows_documents_and_conditions_that_are_sound() {
    let manual = include_str!("../../../../docs/automations.md");
    let blocks: Vec<&str> = manual
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let (documents, blocks): (Vec<&str>, Vec<&str>) =
        blocks.into_iter().partition(|block| block.starts_with("name: "));
    assert_eq!(documents.len(), 3);
    for document in documents {
        compile(document);
    }
    let parts = blocks
        .iter()
        .filter(|block| block.starts_with("steps:") || block.starts_with("when:\n"));
    let mut checked = 0;
    for part in parts {
        let steps = if part.starts_with("when") {
            "steps: [{id: a, set: {x: 1}}]"
        } else {
            ""
        };
        let yaml = format!("name: n\non: order.success\n{part}\n{steps}\n");
        let document = Document::from_yaml(&yaml, cartlane_catalog::Catalog::builtin());
        document.unwrap_or_else(|problems| panic!("{problems} in\n{part}"));
        checked += 1;
    }
    assert!(checked >= 4, "{checked}");
    let lines = blocks.iter().flat_map(|block| block.lines());
    let conditions: Vec<&str> = lines.filter(|line| line.starts_with("when: ")).collect();
    assert_eq!(conditions.len(), 6);
    for when in conditions {
        compile(&format!(
            "name: n\non: order.success\nsteps:\n  - id: contact\n    operation: ghl.contacts.save\n  - id: a\n    \
             operation: ghl.contacts.save\n    {when}\n"
        ));
    }
}

#[rstest]
#[case("ghl.contact.tag_changed", "did you mean `ghl.contact.tags_changed`?")]
#[case(
    "ghl.opportunity.stage_change",
    "did you mean `ghl.opportunity.stage_changed`?"
)]
#[case("order.succes", "did you mean `order.success`?")]
fn a_kind_of_event_that_ghl_does_not_send_is_told_with_the_nearest_one(
    #[case] kind: &str,
    #[case] part: &str,
) {
    let document = |kind: &str| {
        format!(
            "name: n\non: {kind}\nsteps:\n  - {{id: a, operation: ghl.contacts.save, with: {{email: a}}}}\n"
        )
    };
    let faults = faults(&document(kind));
    assert!(faults.contains(part), "{faults}");
    assert!(Document::from_yaml(&document("ghl.contact.tags_changed"), &Catalog).is_ok());
}

/// What the catalog says of inputs that are written out.
#[test]
fn inputs_that_are_wrong_whatever_comes_are_faults() {
    let yaml = r#"
name: n
on: order.success
steps:
  - id: deal
    operation: ghl.opportunities.create
    with: {status: opne, name: 5}
  - id: tags
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.deal.contactId }}", tags: 5}
  - {id: note, operation: ghl.contacts.create_note, with: {contactId: abc, body: null}}
  - {id: who, operation: ghl.contacts.save}
  - id: right
    operation: ghl.contacts.save
    with:
      email: "{{ event.person.email }}"
      phone: 0170 1234567
      country: Germany
      custom_fields: {Shoe size: 44, colour: "{{ event.mode }}"}
  - {id: far, operation: ghl.contacts.save, with: {email: a@example.com, country: Narnia}}
  - {id: more, operation: ghl.contacts.add_tags, with: {contactId: abc, tags: [vip, "{{ event.mode }}"]}}
  - {id: day, operation: ghl.contacts.update, with: {contactId: abc, dateOfBirth: 31.01.1990, phone: +1 (888) 888-8888}}
"#;
    let problems =
        Document::from_yaml(yaml, cartlane_catalog::Catalog::builtin()).expect_err("it has faults");
    assert_snapshot!(told(&problems), @r"
    steps[0].with.pipelineId (line 7, column 11): `pipelineId` of `ghl.opportunities.create`: is missing. The pipeline's id.
    steps[0].with.contactId (line 7, column 11): `contactId` of `ghl.opportunities.create`: is missing. The contact's id in GHL.
    steps[0].with.status (line 7, column 20): `status` of `ghl.opportunities.create`: `opne` is none of: open, won, lost, abandoned
    steps[0].with.name (line 7, column 32): `name` of `ghl.opportunities.create`: is a number, must be text
    steps[1].with.tags (line 10, column 59): `tags` of `ghl.contacts.add_tags`: is a number, must be a list
    steps[2].with.body (line 11, column 82): `body` of `ghl.contacts.create_note`: is missing. The note's text.
    steps[3].with.email (line 12, column 5): `email` of `ghl.contacts.save`: is missing. The e-mail by which the contact is found.
    ");
}

#[test]
fn what_follows_a_fault_keeps_its_place() {
    let yaml = r"
name: n
on: order.success
when:
  all:
    - {field: event.kind, is: eqals, value: x}
    - event.knd
steps:
  - id: a
    wait:
      for: 1 day
      event: [[x], order.refnd]
      when:
        any: [5, awaited.knd]
";
    assert_snapshot!(faults(yaml), @r"
    when.all[0].is (line 6, column 31): there is no `eqals` here; did you mean `equals`?
    when.all[1] (line 7, column 7): `event.knd`: there is no field `knd`; did you mean `kind`?
    steps[0].wait.event[0] (line 12, column 15): must be a kind of event such as `order.success`, and is a list
    steps[0].wait.event[1] (line 12, column 20): `order.refnd` is no kind of event; did you mean `order.refund`?
    steps[0].wait.when.any[0] (line 14, column 15): must be an expression, or a map of `all`, `any`, `not`, or `field`, `is`, `value`, and is a number
    steps[0].wait.when.any[1] (line 14, column 18): `awaited.knd`: there is no field `knd`; did you mean `kind`?
    ");
}
