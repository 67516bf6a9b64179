//! Where values go: from the connection, by default, twice, or as the whole body.

use cartlane_catalog::{Catalog, Effect, Operation, PartContent, Request, confirm_finds, confirm_request};
use serde_json::{Value, json};

fn operation(id: &str) -> &'static Operation {
    Catalog::builtin()
        .get(id)
        .unwrap_or_else(|| panic!("no operation {id}"))
}

fn request(id: &str, inputs: &Value) -> Request {
    operation(id)
        .request(inputs, "loc1")
        .unwrap_or_else(|problems| panic!("{id}: {problems}"))
}

#[test]
fn the_location_goes_wherever_the_operation_has_it() {
    let fields = request("ghl.locations.list_custom_fields", &json!({"model": "contact"}));
    assert_eq!(fields.path, "/locations/loc1/customFields?model=contact");
    let search = request("ghl.opportunities.search", &json!({"limit": 5}));
    assert_eq!(search.path, "/opportunities/search?location_id=loc1&limit=5");
    let invoice = request("ghl.invoices.get_invoice", &json!({"invoiceId": "i1"}));
    assert_eq!(invoice.path, "/invoices/i1?altId=loc1&altType=location");
}

#[test]
fn a_location_that_an_operation_is_about_is_an_input() {
    let get = request("ghl.locations.get", &json!({"locationId": "loc2"}));
    assert_eq!(get.path, "/locations/loc2");
    let pause = operation("ghl.saas_api.pause_location");
    let problems = pause
        .request(&json!({"paused": true, "companyId": "a1"}), "loc1")
        .expect_err("no location");
    assert!(
        problems.to_string().contains("locationId: is missing"),
        "{problems}"
    );
}

#[test]
fn what_is_left_out_has_a_default_where_there_is_a_sensible_one() {
    let task = json!({"contactId": "c1", "taskId": "t1"});
    let completed = |inputs: &Value| request("ghl.contacts.complete_task", inputs).body;
    assert_eq!(completed(&task), Some(json!({"completed": true})));
    let reopened = json!({"contactId": "c1", "taskId": "t1", "completed": false});
    assert_eq!(completed(&reopened), Some(json!({"completed": false})));
}

#[test]
fn a_body_that_is_a_list_is_one_input() {
    let one = json!({"receiverType": "contact", "channel": "email", "notificationType": "booked"});
    let inputs = json!({"calendarId": "k1", "notifications": [one]});
    assert_eq!(
        request("ghl.calendars.create_notifications", &inputs).body,
        Some(json!([one]))
    );
    let wrong = json!({"calendarId": "k1", "notifications": [{"channel": "fax"}]});
    let problems = operation("ghl.calendars.create_notifications")
        .validate(&wrong)
        .expect_err("wrong")
        .to_string();
    assert!(
        problems.contains("notifications[0].channel: `fax` is none of"),
        "{problems}"
    );
    assert!(
        problems.contains("notifications[0].receiverType: is missing"),
        "{problems}"
    );
}

#[test]
fn path_parameters_that_the_vendors_file_forgot_are_inputs() {
    let inputs = json!({"type": "add", "contacts": ["c1"], "tags": ["vip"]});
    let bulk = request("ghl.contacts.update_tags_in_bulk", &inputs);
    assert_eq!(bulk.path, "/contacts/bulk/tags/update/add");
    assert_eq!(
        bulk.body,
        Some(json!({"locationId": "loc1", "contacts": ["c1"], "tags": ["vip"]}))
    );
    let wrong = json!({"type": "replace", "contacts": [], "tags": []});
    assert!(
        operation("ghl.contacts.update_tags_in_bulk")
            .validate(&wrong)
            .is_err()
    );
}

#[test]
fn numbers_may_come_as_text_where_everything_is_text_on_the_wire() {
    let slots =
        |start: Value| json!({"calendarId": "k1", "startDate": start, "endDate": 1_769_932_800_000_i64});
    let path = |start: Value| request("ghl.calendars.free_slots", &slots(start)).path;
    assert_eq!(path(json!("1769846400000")), path(json!(1_769_846_400_000_i64)));
    let problems = operation("ghl.calendars.free_slots")
        .validate(&slots(json!("soon")))
        .expect_err("wrong");
    let told = problems.to_string();
    assert!(
        told.starts_with("startDate: `soon` is not a time with its offset"),
        "{told}"
    );
}

#[test]
fn what_is_withheld_is_refused_with_the_reason() {
    let token = operation("ghl.oauth.get_access_token");
    let problems = token.validate(&token.example).expect_err("withheld");
    assert_eq!(
        problems.to_string(),
        "ghl.oauth.get_access_token cannot be used: connections ask for their tokens themselves (`cartlane connections add`); \
         as a step's answer they would stand readable in journals"
    );
    let unusable = |operation: &&Operation| operation.unusable.is_some();
    let unusable: Vec<&str> = Catalog::builtin()
        .operations()
        .filter(unusable)
        .map(|operation| operation.id.as_str())
        .collect();
    assert_eq!(
        unusable,
        [
            "ghl.oauth.get_access_token",
            "ghl.oauth.get_location_access_token"
        ]
    );
}

#[test]
fn files_go_into_parts_of_a_form_and_values_beside_them() {
    let upload = operation("ghl.conversations.upload_file_attachments");
    let inputs = json!({
        "conversationId": "cnv", "contactId": "con",
        "fileAttachment": [{"name": "a.txt", "text": "A"}, {"name": "b.bin", "base64": "AP8=", "content_type": "x/y"}],
    });
    let request = upload.request(&inputs, "loc1").expect("right inputs");
    let parts = upload
        .parts(&request.body.expect("a body"))
        .expect("a form")
        .expect("files");
    let shown: Vec<String> = parts
        .iter()
        .map(|part| match &part.content {
            PartContent::Text(text) => format!("{}={text}", part.name),
            PartContent::File(file) => format!(
                "{}: {:?} {:?} {:?}",
                part.name, file.name, file.content_type, file.bytes
            ),
        })
        .collect();
    let mut expected = [
        "locationId=loc1",
        "conversationId=cnv",
        "contactId=con",
        r#"fileAttachment: Some("a.txt") None Here([65])"#,
        r#"fileAttachment: Some("b.bin") Some("x/y") Here([0, 255])"#,
    ];
    let mut shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    shown.sort_unstable();
    expected.sort_unstable();
    assert_eq!(shown, expected);
}

#[test]
fn what_is_no_file_is_told_by_its_place() {
    let upload = operation("ghl.forms.upload_to_custom_fields");
    let inputs = json!({"contactId": "con", "files": [
        {"name": "a", "text": "A"}, {"part": "f_1", "name": "a"}, {"part": "f_1", "base64": "?"},
        {"part": "f_1", "kept": "call.wav"}, {"part": "f_1", "text": "A", "base64": "AP8="},
    ]});
    let problems = upload.validate(&inputs).expect_err("no files");
    let told: Vec<String> = problems
        .0
        .iter()
        .map(|problem| format!("{} {}", problem.path, problem.message))
        .collect();
    assert_eq!(
        told,
        [
            "files[0].part is missing",
            "files[1] needs at least one of: text, base64, kept",
            "files[2].base64 `?` is not base64",
            "files[3].kept `call.wav` is not the id of a kept file",
            "files[4] takes only one of: text, base64, kept",
        ]
    );
}

#[test]
fn a_request_of_ones_own_goes_to_the_connections_address_only() {
    let inputs = json!({
        "method": "POST", "path": "/locations/{locationId}/tags", "query": {"a b": [1, "x&y"], "l": "{locationId}"},
        "body": {"locationId": "{locationId}", "name": "vip"}, "version": "2021-04-15",
    });
    let sent = request("ghl.request", &inputs);
    assert_eq!(
        (sent.method.as_str(), sent.version.as_str()),
        ("POST", "2021-04-15")
    );
    assert_eq!(sent.path, "/locations/loc1/tags?a%20b=1&a%20b=x%26y&l=loc1");
    assert_eq!(sent.body, Some(json!({"locationId": "loc1", "name": "vip"})));
    let raw = operation("ghl.request");
    for path in [
        "contacts/",
        "//evil.example/",
        "https://evil.example/",
        "/a/../b",
        "/a/%2E%2e/b",
        "/a\\b",
        "/a?b=c",
        "/a#b",
        "/a b",
        "/{id}",
    ] {
        let problems = raw.validate(&json!({"method": "GET", "path": path}));
        assert!(
            problems.is_err_and(|problems| problems.to_string().starts_with("path: ")),
            "{path}"
        );
    }
    assert_eq!(raw.effect_with(&json!({"method": "GET"})), Effect::Read);
    assert_eq!(raw.effect_with(&json!({"method": "PUT"})), Effect::Unsafe);
}

#[test]
fn an_enrolment_is_confirmed_by_a_search_for_the_contact_in_the_workflow() {
    let enrol = operation("ghl.contacts.add_to_workflow");
    let inputs = json!({"contactId": "c1", "workflowId": "w1"});
    let (read, search) = confirm_request(enrol, &inputs).expect("can be confirmed");
    let eq = |field: &str, value: &str| json!({"field": field, "operator": "eq", "value": value});
    let either = json!([eq("activeWorkflows", "w1"), eq("finishedWorkflows", "w1")]);
    assert_eq!(read, "ghl.contacts.search");
    assert_eq!(
        search["filters"],
        json!([eq("id", "c1"), {"group": "OR", "filters": either}])
    );
    request(read, &search);
    let finds = |contacts: Value| confirm_finds(enrol, &inputs, &json!({"contacts": contacts}));
    assert_eq!(finds(json!([])), None);
    assert_eq!(finds(json!([{"id": "c2"}])), None);
    assert_eq!(
        finds(json!([{"id": "c1"}])),
        Some(json!({"contact": {"id": "c1"}}))
    );
}

#[test]
fn a_relation_is_confirmed_only_by_all_of_its_fields() {
    let create = operation("ghl.associations.create_relation");
    let inputs = json!({"associationId": "a1", "firstRecordId": "r1", "secondRecordId": "r2"});
    let (read, asked) = confirm_request(create, &inputs).expect("can be confirmed");
    assert_eq!(
        (read, &asked),
        ("ghl.associations.list_relations", &json!({"recordId": "r1"}))
    );
    let finds = |relation: Value| confirm_finds(create, &inputs, &json!({"relations": [relation]}));
    assert_eq!(
        finds(json!({"associationId": "a1", "secondRecordId": "r3"})),
        None
    );
    let ours = json!({"id": "x", "associationId": "a1", "secondRecordId": "r2"});
    assert_eq!(finds(ours.clone()), Some(ours));
}

#[test]
fn what_people_write_goes_out_in_one_form() {
    let inputs = json!({
        "contactId": "c1", "phone": "+1 (888) 888-8888", "dateOfBirth": "09/25/1990",
        "customFields": {"my_key": 3, "6dvNaf7VhkQ9snc5vnjJ": "x"},
    });
    let fields =
        json!([{"key": "my_key", "field_value": 3}, {"id": "6dvNaf7VhkQ9snc5vnjJ", "field_value": "x"}]);
    let body = json!({"phone": "+18888888888", "dateOfBirth": "1990-09-25", "customFields": fields});
    assert_eq!(request("ghl.contacts.update", &inputs).body, Some(body));
    let found = request(
        "ghl.contacts.find_duplicate",
        &json!({"number": "001 423 164 5160"}),
    );
    assert!(found.path.ends_with("&number=%2B14231645160"), "{}", found.path);
}

#[test]
fn times_go_out_as_each_endpoint_counts_them() {
    let day = json!({"calendarId": "k1", "startDate": "31.01.2026", "endDate": "2026-02-01T12:00:00+01:00"});
    let slots = request("ghl.calendars.free_slots", &day).path;
    assert_eq!(
        slots,
        "/calendars/k1/free-slots?startDate=1769817600000&endDate=1769943600000"
    );
    let span = json!({"calendarId": "k1", "startTime": "Jan 31, 2026", "endTime": "1769943600000"});
    let events = request("ghl.calendars.list_events", &span).path;
    assert!(
        events.ends_with("startTime=1769817600000&endTime=1769943600000"),
        "{events}"
    );
    let search = request("ghl.opportunities.search", &json!({"date": "2026-01-31"})).path;
    assert!(search.ends_with("&date=01-31-2026"), "{search}");
    let task = json!({"contactId": "c1", "title": "Call", "dueDate": "31 January 2026", "completed": false});
    let due = request("ghl.contacts.create_task", &task).body.expect("a body");
    assert_eq!(due["dueDate"], "2026-01-31T00:00:00Z");
    let message = json!({
        "type": "SMS", "contactId": "c1", "message": "x", "toNumber": "+44 (0)20 7946 0958",
        "scheduledTimestamp": "2026-01-31T10:00:00Z",
    });
    let sent = request("ghl.conversations.send_message", &message)
        .body
        .expect("a body");
    assert_eq!(
        (&sent["scheduledTimestamp"], &sent["toNumber"]),
        (&json!(1_769_853_600), &json!("+442079460958"))
    );
    let book = json!({"calendarId": "k1", "contactId": "c1", "startTime": "2026-01-31 10:00"});
    let problems = operation("ghl.calendars.create_appointment").validate(&book);
    let told = problems.expect_err("no offset").to_string();
    assert!(
        told.starts_with("startTime: `2026-01-31 10:00` is not a time with its offset"),
        "{told}"
    );
}

#[test]
fn phones_are_read_wherever_there_is_one() {
    let inputs = json!({"name": "Acme", "phone": "0170 1234567", "country": "DE"});
    for id in ["ghl.businesses.create", "ghl.locations.create"] {
        let plain = operation(id).friendly(&inputs, None).expect("right");
        assert_eq!(plain["phone"], "+491701234567", "{id}");
    }
    let user = json!({"userId": "u1", "phone": "+1 (888) 888-8888"});
    let body = request("ghl.users.update", &user).body.expect("a body");
    assert_eq!(body["phone"], "+18888888888");
}

#[test]
fn where_one_of_several_is_meant_two_are_a_fault() {
    let list = operation("ghl.calendars.list_events");
    let both =
        json!({"calendarId": "k1", "userId": "u1", "startTime": "2026-01-31", "endTime": "2026-02-01"});
    assert_eq!(
        list.validate(&both).expect_err("two").to_string(),
        "takes only one of: calendarId, userId, groupId"
    );
    let one = json!({"userId": "u1", "startTime": "2026-01-31", "endTime": "2026-02-01"});
    assert!(list.validate(&one).is_ok());
}
