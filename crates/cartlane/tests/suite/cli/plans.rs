//! Plans of documents that are not saved, and backtests.

use std::fs;

use super::{assert_fails, text};
use crate::common::{House, payload};

const SALE: &str = r#"
name: Sale
on: [order.success]
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}", city: Oakland}
  - id: tags
    operation: ghl.contacts.add_tags
    with: {contactId: "{{ steps.contact.id }}", tags: ["buyer"]}
"#;

#[test]
fn a_plan_prints_calls_and_what_would_change_and_a_backtest_groups_what_differs() {
    let house = House::open();
    let write = |name: &str, text: &str| fs::write(house.path().join(name), text).expect("a file");
    write("sale.yaml", SALE);
    let plan = house.cli(&[
        "automations",
        "plan",
        "sale.yaml",
        "--event",
        "order.success",
        "--against",
        "crm",
    ]);
    for line in [
        "Sale\n",
        "      read: ghl.contacts.find_duplicate ",
        "      would send: ghl.contacts.create ",
        "\"tags\":[\"buyer\"]}",
        "      not sent, for nothing would change or be news: ghl.contacts.add_tags ",
        "      + contact: ",
        "      + city: \"Oakland\"",
        "      + tag: \"buyer\"",
    ] {
        assert!(plan.out.contains(line), "{line}: {plan:?}");
    }
    assert!(house.contacts().is_empty(), "nothing is written");
    assert_fails(
        &house.cli(&["automations", "plan", "sale.yaml", "--event", "order.sucess"]),
        2,
        "`order.sucess` is neither the id of an event",
    );
    house.json(&["apply", "sale.yaml"]);
    let events: Vec<String> = (1..=3)
        .map(|number| house.deliver(&payload::order(number)).event())
        .collect();
    house.drain();
    write("draft.yaml", &SALE.replace("[\"buyer\"]", "[\"client\"]"));
    let tried = house.cli(&["automations", "backtest", "draft.yaml", "--from", "1h"]);
    for line in [
        "`Sale`, held against what `Sale` did",
        "3 events:\n  step `tags`: tags would differ\n",
        "3 events: 0 as before, 3 differently, 0 not over yet",
        "see one: cartlane automations backtest draft.yaml --event ID",
    ] {
        assert!(tried.out.contains(line), "{line}: {tried:?}");
    }
    let same = house.json(&["automations", "backtest", "sale.yaml"]);
    assert_eq!((&same["events"], &same["same"]), (&3.into(), &3.into()), "{same}");
    let one = house.cli(&["automations", "backtest", "draft.yaml", "--event", &events[0]]);
    assert!(
        one.out.contains("was done:") && one.out.contains("[\"buyer\"]"),
        "{one:?}"
    );
    assert!(
        one.out.contains("would be done:") && one.out.contains("[\"client\"]"),
        "{one:?}"
    );
    let nobody = house.cli(&["automations", "backtest", "draft.yaml", "--instead-of", "Sales"]);
    assert_fails(&nobody, 1, "Sales");
    assert_eq!(text(&same, "instead_of"), "Sale");
}
