//! Lists that people choose from.

use std::collections::BTreeSet;

use cartlane_catalog::Catalog;
use cartlane_testkit::TestApp;
use serde_json::{Value, json};

use crate::executor::call;

#[tokio::test(flavor = "multi_thread")]
async fn choices_are_read_once_and_anew_on_demand() {
    let app = TestApp::builder().start().await;
    let executor = app.handle().executor();
    for (refresh, calls) in [(false, 1), (false, 1), (true, 2)] {
        let users = executor
            .choices("crm", "users", &Value::Null, refresh)
            .await
            .expect("a list");
        assert_eq!((users.is_cut, app.ghl().calls().len()), (false, calls));
    }
    let error = executor
        .choices("crm", "colours", &Value::Null, false)
        .await
        .expect_err("none");
    assert_eq!(error.code(), "call.no_such_list");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_of_choices_can_be_read() {
    let app = TestApp::builder().start().await;
    let catalog = Catalog::builtin();
    let named = catalog.operations().flat_map(|operation| &operation.inputs);
    let lists: BTreeSet<&String> = named.filter_map(|input| input.option_source.as_ref()).collect();
    assert!(lists.len() > 15, "{lists:?}");
    for list in lists {
        let source = catalog.option_source(list).expect("a list");
        if source.operation.starts_with("thrivecart.") {
            continue;
        }
        let read = app
            .handle()
            .executor()
            .choices("crm", list, &Value::Null, false)
            .await;
        if !source.of.is_empty() {
            let faults = read.expect_err("nothing is given").to_string();
            assert!(
                source.of.iter().all(|name| faults.contains(name)),
                "{list}: {faults}"
            );
            continue;
        }
        // These ask for more than a location's token can tell.
        let is_agencys = ["locations", "snapshots"].contains(&list.as_str());
        assert!(read.is_ok() || is_agencys, "{list}: {read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_depend_on_another_input_are_chosen_from() {
    let app = TestApp::builder().start().await;
    let make = async |operation: &str, inputs: Value, id: &str| {
        let made = call(&app, operation, inputs).await.expect(operation);
        made.pointer(id)
            .cloned()
            .unwrap_or_else(|| panic!("{operation}: {made}"))
    };
    let contact = make(
        "ghl.contacts.create",
        json!({"email": "a@example.com"}),
        "/contact/id",
    )
    .await;
    let task = json!({"contactId": contact, "title": "Call", "dueDate": "2027-01-31", "completed": false});
    let task = make("ghl.contacts.create_task", task, "/task/id").await;
    let note = json!({"contactId": contact, "body": "Likes tea"});
    let note = make("ghl.contacts.create_note", note, "/note/id").await;
    let calendar = json!({"name": "Talk", "calendarType": "event"});
    let calendar = make("ghl.calendars.create", calendar, "/calendar/id").await;
    let one = json!([{"receiverType": "contact", "channel": "email", "notificationType": "booked"}]);
    let notification = json!({"calendarId": calendar, "notifications": one});
    let notification = make("ghl.calendars.create_notifications", notification, "/0/_id").await;
    let room = json!({
        "resourceType": "rooms", "name": "Attic", "description": "x", "quantity": 1, "outOfService": 0, "capacity": 2,
        "calendarIds": [],
    });
    let room = make("ghl.calendars.create_resource", room, "/_id").await;
    let book = json!({
        "calendarId": calendar, "contactId": contact, "startTime": "2027-01-31T10:00:00Z",
        "ignoreFreeSlotValidation": true,
    });
    let appointment = make("ghl.calendars.create_appointment", book, "/id").await;
    let remark = json!({"appointmentId": appointment, "body": "Door 4"});
    let remark = make("ghl.calendars.create_appointment_note", remark, "/note/id").await;
    for (list, given, value, label) in [
        ("tasks", json!({"contactId": contact}), task, "Call"),
        ("notes", json!({"contactId": contact}), note, "Likes tea"),
        (
            "calendar_notifications",
            json!({"calendarId": calendar}),
            notification,
            "booked",
        ),
        (
            "calendar_resources",
            json!({"resourceType": "rooms"}),
            room,
            "Attic",
        ),
        (
            "appointment_notes",
            json!({"appointmentId": appointment}),
            remark,
            "Door 4",
        ),
    ] {
        let executor = app.handle().executor();
        let read = executor.choices("crm", list, &given, false).await.expect(list);
        let found: Vec<(&str, &str)> = read
            .choices
            .iter()
            .map(|choice| (choice.value.as_str(), choice.label.as_str()))
            .collect();
        assert_eq!(found, [(value.as_str().expect("a text"), label)], "{list}");
    }
}
