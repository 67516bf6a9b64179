//! What starts an automation, as it is written.

use cartlane_catalog::Catalog;
use cartlane_flow::Document;
use serde_json::{Value, json};

use crate::common::against_schema;

fn read(on: &str) -> Result<Document, String> {
    let yaml = format!("name: n\non:\n{on}\nsteps: [{{id: a, set: {{x: 1}}}}]\n");
    Document::from_yaml(&yaml, Catalog::builtin()).map_err(|faults| faults.to_string())
}

#[test]
fn a_trigger_is_stored_as_it_was_written() {
    let on = json!([
        "order.success",
        {"poll": {"operation": "ghl.contacts.search", "with": {"query": "x"}, "every": "5m", "connection": "crm", "existing": true}},
        {"poll": {"operation": "ghl.contacts.get", "with": {"contactId": "c1"}}},
        {"schedule": {"cron": "0 9 * * 1", "zone": "Europe/Berlin"}},
        {"schedule": {"cron": "*/10 * * * *"}},
        "manual",
        {"automation": {"name": "Sync customers", "outcome": ["done", "failed"]}},
        {"automation": {"name": "Refunds"}},
    ]);
    let document = json!({"name": "n", "on": on, "steps": [{"id": "a", "set": {"x": 1}}]});
    let read = Document::from_json(&document, Catalog::builtin()).expect("a document");
    assert_eq!(read.to_json()["on"], on);
    let faults = against_schema(&document);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(
        read.polls()
            .map(cartlane_flow::on::Poll::every_ms)
            .collect::<Vec<_>>(),
        [300_000, 300_000]
    );
    assert!(read.is_manual() && read.runs_on("order.success") && !read.runs_on("manual"));
    let one = Document::from_yaml(
        "{name: n, on: {schedule: {cron: 0 9 * * 1}}, steps: [{id: a, set: {x: 1}}]}",
        Catalog::builtin(),
    );
    assert_eq!(one.expect("one trigger alone").schedules().count(), 1);
}

#[test]
fn every_fault_is_said_with_its_place_and_what_was_meant() {
    let faults = read(
        "  - pol: {operation: ghl.contacts.search}
  - poll: {operation: ghl.contacts.serch}
  - poll: {operation: ghl.contacts.create, with: {email: a@example.com}}
  - poll: {operation: ghl.contacts.get, with: {contactID: c}, evry: 5m}
  - poll: {operation: ghl.contacts.search, every: 16m}
  - schedule: {cron: '0 9 * *', zone: Europe/Berln}
  - schedule: {cron: '0 9 * * *', zone: Berlin}
  - automation: {name: n, outcome: finished}
  - automation: {outcome: doen}
  - manuel
  - poll.item
  - [a]",
    )
    .expect_err("faults");
    let expected = [
        "on[0].pol (line 3, column 5): there is no `pol` here; did you mean `poll`?",
        "on[1].poll.operation (line 4, column 23): there is no operation `ghl.contacts.serch`; did you mean `ghl.contacts.search`?",
        "on[2].poll.operation (line 5, column 23): `ghl.contacts.create` changes something; only what reads can be polled",
        "on[3].poll.evry (line 6, column 63): there is no `evry` here; did you mean `every`?",
        "on[4].poll.every (line 7, column 51): say how often in minutes, from `1m` to `15m`",
        "five fields are wanted (minute, hour, day, month, day of week), and there are 4",
        "on[6].schedule.zone (line 9, column 41): there is no time zone `Berlin`; did you mean `Europe/Berlin`?",
        "on[5].schedule.zone (line 8, column 39): there is no time zone `Europe/Berln`; did you mean `Europe/Berlin`?",
        "on[7].automation.name (line 10, column 24): an automation cannot start itself",
        "on[7].automation.outcome (line 10, column 36): there is no `finished` here",
        "on[8].automation.outcome (line 11, column 27): there is no `doen` here; did you mean `done`?",
        "on[8].automation (line 11, column 17): say which automation, by its `name`",
        "`manuel` is no kind of event; did you mean `manual`?",
        "`poll.item` is said as `poll: {operation: …}`",
        "must be a kind of event, or one of poll, schedule, manual, automation, and is a list",
    ];
    for expected in expected {
        assert!(faults.contains(expected), "{expected}\nis not in\n{faults}");
    }
    assert!(
        faults.contains("`contactID` of `ghl.contacts.get`") && faults.contains("contactId"),
        "{faults}"
    );
}

#[test]
fn every_trigger_of_the_published_list_can_be_polled() {
    let kinds = Catalog::builtin().listed().into_iter();
    let kinds: Vec<_> = kinds
        .filter(|operation| operation.kind == cartlane_catalog::Kind::Trigger)
        .collect();
    assert_eq!(kinds.len(), 55);
    for operation in kinds {
        let poll = json!({"poll": {"operation": operation.id, "with": operation.example}});
        let document: Value = json!({"name": "n", "on": [poll], "steps": [{"id": "a", "set": {"x": 1}}]});
        let read = Document::from_json(&document, Catalog::builtin());
        assert!(read.is_ok(), "{}: {read:?}", operation.id);
        assert!(against_schema(&document).is_empty(), "{}", operation.id);
    }
}
