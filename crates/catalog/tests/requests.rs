//! Requests and faults, as an automation's author meets them.

use cartlane_catalog::{Catalog, Operation, confirm_finds, confirm_request};
use serde_json::{Value, json};

fn operation(id: &str) -> &'static Operation {
    Catalog::builtin()
        .get(id)
        .unwrap_or_else(|| panic!("no operation {id}"))
}

fn faults(id: &str, inputs: &Value) -> String {
    operation(id)
        .request(inputs, "loc1")
        .expect_err("these inputs are wrong")
        .to_string()
}

#[test]
fn query_values_keep_plus_and_at() {
    let inputs = json!({"email": "test+abc@example.com", "number": "+14231645160"});
    let request = operation("ghl.contacts.find_duplicate")
        .request(&inputs, "loc 1")
        .expect("right");
    let query = "locationId=loc%201&number=%2B14231645160&email=test%2Babc%40example.com";
    assert_eq!(request.path, format!("/contacts/search/duplicate?{query}"));
    assert_eq!(request.body, None);
}

#[test]
fn a_path_value_stays_one_segment() {
    let get = |id: &str| operation("ghl.contacts.get").request(&json!({"contactId": id}), "loc1");
    assert_eq!(
        get("a/../b?c#d%").expect("encoded").path,
        "/contacts/a%2F..%2Fb%3Fc%23d%25"
    );
    for id in ["", " ", ".", "..", "a\nb"] {
        assert_eq!(
            get(id).expect_err("refused").to_string(),
            "contactId: is not an id",
            "{id:?}"
        );
    }
}

#[test]
fn create_keeps_its_trailing_slash_and_puts_the_location_into_the_body() {
    let request = operation("ghl.contacts.create")
        .request(&json!({"email": "a@b.co"}), "loc1")
        .expect("right");
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/contacts/")
    );
    assert_eq!(
        request.body,
        Some(json!({"locationId": "loc1", "email": "a@b.co"}))
    );
}

#[test]
fn removing_tags_is_a_delete_with_a_body() {
    let inputs = json!({"contactId": "c1", "tags": ["x"]});
    let request = operation("ghl.contacts.remove_tags")
        .request(&inputs, "loc1")
        .expect("right");
    assert_eq!(
        (request.method.as_str(), request.body),
        ("DELETE", Some(json!({"tags": ["x"]})))
    );
}

#[test]
fn update_says_what_to_do_instead_of_each_field_it_lacks() {
    let inputs = json!({"contactId": "c1", "tags": [], "locationId": "l", "gender": "x", "companyName": "y"});
    assert_eq!(
        faults("ghl.contacts.update", &inputs),
        "tags: is not an input of ghl.contacts.update: it would replace all tags of the contact, other people's too; \
         use ghl.contacts.add_tags and ghl.contacts.remove_tags; \
         locationId: comes from the connection; leave it out; \
         gender: is not an input of ghl.contacts.update: GHL takes the gender only when a contact is created; \
         companyName: is not an input of ghl.contacts.update: GHL takes the company's name only when a contact is created"
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let inputs = json!({
        "frstName": "A", "email": "no", "dnd": "yes", "dateOfBirth": "1990-13-01", "source": null,
        "tags": ["a", 1], "customFields": [{"field_value": 1}, {"key": "k"}],
        "dndSettings": {"Email": {"status": "off"}},
    });
    let expected = [
        "frstName: is not known here; did you mean `firstName`?",
        "email: `no` is not an e-mail address",
        "dnd: is text, must be true or false",
        "dateOfBirth: `1990-13-01` is not a date of the form YYYY-MM-DD",
        "source: is null; leave it out, or give it a value",
        "tags[1]: is a number, must be text",
        "customFields[0]: needs at least one of: id, key",
        "customFields[1].field_value: is missing",
        "dndSettings.Email.status: `off` is none of: active, inactive, permanent",
    ];
    assert_eq!(faults("ghl.contacts.create", &inputs), expected.join("; "));
    assert_eq!(
        faults("ghl.contacts.find_duplicate", &json!({})),
        "needs at least one of: email, number"
    );
    assert_eq!(
        faults("ghl.contacts.add_tags", &json!({"tags": ["x"]})),
        "contactId: is missing. The contact's id in GHL."
    );
}

#[test]
fn a_composite_checks_its_inputs_but_is_no_single_request() {
    let save = operation("ghl.contacts.save");
    let inputs =
        json!({"email": "a@b.co", "phone": "0170 1", "country": "Narnia", "if_empty": ["tags"], "tags": []});
    let problems = save.validate(&inputs).expect_err("wrong").to_string();
    let fields = ["phone: ", "country: ", "if_empty[0]: ", "tags: "];
    assert!(fields.iter().all(|field| problems.contains(field)), "{problems}");
    assert!(faults("ghl.contacts.save", &save.example).contains("several calls"));
    assert_eq!(
        Catalog::builtin().scopes(save),
        ["contacts.readonly", "contacts.write"]
    );
}

#[test]
fn a_mistyped_operation_is_recognised() {
    assert_eq!(
        Catalog::builtin().nearest("ghl.contact.add_tag"),
        Some("ghl.contacts.add_tags")
    );
    assert_eq!(Catalog::builtin().nearest("slack"), None);
}

#[test]
fn a_note_is_confirmed_by_its_reference() {
    let note = operation("ghl.contacts.create_note");
    let inputs = json!({"contactId": "c1", "body": "Order 7\nref: 7f3k2m9q4t8w\n"});
    let read = confirm_request(note, &inputs).expect("has a reference");
    assert_eq!(read, ("ghl.contacts.list_notes", json!({"contactId": "c1"})));

    let ours = json!({"id": "n2", "body": "<p>Order 7</p><p>ref:&nbsp;7f3k2m9q4t8w</p>"});
    let other = json!({"id": "n1", "body": "Order 7\nref: 7f3k2m9q4t8x"});
    let found = confirm_finds(note, &inputs, &json!({"notes": [other, ours]}));
    assert_eq!(found, Some(json!({"note": ours})));
    assert_eq!(confirm_finds(note, &inputs, &json!({"notes": [other]})), None);
}

#[test]
fn what_has_no_mark_cannot_be_confirmed() {
    let note = operation("ghl.contacts.create_note");
    for body in ["", "Order 7", "ref: 7f3k2m9q4t8w\nmore", "ref: a"] {
        assert_eq!(
            confirm_request(note, &json!({"contactId": "c1", "body": body})),
            None,
            "{body:?}"
        );
    }
    let create = operation("ghl.contacts.create");
    assert_eq!(confirm_request(create, &json!({"phone": "+14231645160"})), None);
    assert_eq!(
        confirm_request(operation("ghl.contacts.get"), &json!({"contactId": "c1"})),
        None
    );
}

#[test]
fn a_created_contact_is_confirmed_by_its_own_email_only() {
    let create = operation("ghl.contacts.create");
    let inputs = json!({"email": "A@b.co"});
    let finds = |contact: Value| confirm_finds(create, &inputs, &json!({"contact": contact}));
    assert_eq!(
        confirm_request(create, &inputs),
        Some(("ghl.contacts.find_duplicate", json!({"email": "A@b.co"})))
    );
    assert_eq!(
        finds(json!({"id": "c1", "email": "a@B.co"})),
        Some(json!({"contact": {"id": "c1", "email": "a@B.co"}}))
    );
    assert_eq!(finds(json!({"id": "c1", "email": "other@b.co"})), None);
    assert_eq!(finds(Value::Null), None);
}

#[test]
fn what_is_written_as_a_phone_is_one_before_it_is_sent() {
    let is_told = |id: &str, inputs: &Value, path: &str| {
        let told = faults(id, inputs);
        assert!(
            told.contains(&format!("{path}: `")) && told.contains("is not a phone"),
            "{id}: {told}"
        );
    };
    is_told(
        "ghl.contacts.create",
        &json!({"email": "a@b.co", "phone": "garbage"}),
        "phone",
    );
    is_told(
        "ghl.contacts.update",
        &json!({"contactId": "c1", "phone": "garbage"}),
        "phone",
    );
    is_told(
        "ghl.contacts.upsert",
        &json!({"phone": "(888) 888-8888"}),
        "phone",
    );
    is_told(
        "ghl.contacts.find_duplicate",
        &json!({"number": "(888) 888-8888"}),
        "number",
    );
    let inputs = json!({"calendarId": "k1", "notifications": [{
        "receiverType": "phoneNumbers", "channel": "sms", "notificationType": "booked",
        "fromNumber": "x", "additionalPhoneNumbers": ["+1 888 888 8888", "y"],
    }]});
    let id = "ghl.calendars.create_notifications";
    is_told(id, &inputs, "notifications[0].fromNumber");
    is_told(id, &inputs, "notifications[0].additionalPhoneNumbers[1]");
    let changed =
        json!({"calendarId": "k1", "notificationId": "n1", "additionalPhoneNumbers": ["+1 (888) 888-8888"]});
    let request = operation("ghl.calendars.update_notification").request(&changed, "loc1");
    let body = request.expect("right").body.expect("a body");
    assert_eq!(body["additionalPhoneNumbers"], json!(["+18888888888"]));
}

#[test]
fn a_national_phone_is_of_the_country_beside_it() {
    let inputs = json!({"phone": "(888) 888-8888", "country": "United States"});
    let find = operation("ghl.contacts.find");
    assert_eq!(find.validate(&inputs), Ok(()));
    let plain = find.friendly(&inputs, None).expect("right");
    assert_eq!(plain["phone"], "+18888888888");
    let alone = find
        .validate(&json!({"phone": "(888) 888-8888"}))
        .expect_err("no country");
    assert!(
        alone
            .to_string()
            .starts_with("phone: `(888) 888-8888` is not a phone"),
        "{alone}"
    );
    let create = operation("ghl.contacts.create")
        .request(&inputs, "loc1")
        .expect("right");
    assert_eq!(create.body.expect("a body")["phone"], "+18888888888");
}

#[test]
fn known_limits_are_kept_before_anything_is_sent() {
    let ids: Vec<String> = (0..51).map(|number| format!("c{number}")).collect();
    let days = |last: &str| json!({"calendarId": "k1", "startDate": "2026-01-01", "endDate": last});
    let contacts = |more: Value| {
        let mut inputs = json!({"pageLimit": 100});
        let fields = inputs.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        inputs
    };
    let by = |field: &str| json!({"field": field, "direction": "asc"});
    for (id, inputs, told) in [
        (
            "ghl.contacts.search",
            contacts(json!({"pageLimit": 501})),
            "pageLimit: is more than 500",
        ),
        (
            "ghl.contacts.search",
            json!({"page": 101}),
            "page: times pageLimit is more than 10000",
        ),
        (
            "ghl.contacts.search",
            contacts(json!({"sort": [by("email"), by("dnd"), by("source")]})),
            "sort: has 3 items, 2 at most",
        ),
        (
            "ghl.contacts.search",
            contacts(
                json!({"filters": [{"group": "OR", "filters": [{"field": "email", "operator": "eqq", "value": "a"}]}]}),
            ),
            "filters[0].filters[0].operator: `eqq` is none of: eq, not_eq, contains, not_contains, exists, not_exists, range, nested",
        ),
        (
            "ghl.contacts.search",
            contacts(json!({"filters": [{"field": "dateAdded", "operator": "range", "value": {"from": 1}}]})),
            "filters[0].value: must be an object of gt, gte, lt, lte",
        ),
        (
            "ghl.contacts.search",
            contacts(json!({"query": "x".repeat(76)})),
            "query: is longer than 75 characters",
        ),
        (
            "ghl.opportunities.search",
            json!({"limit": 101}),
            "limit: is more than 100",
        ),
        (
            "ghl.calendars.list_appointment_notes",
            json!({"appointmentId": "a1", "limit": 21}),
            "limit: is more than 20",
        ),
        (
            "ghl.users.search",
            json!({"companyId": "k", "limit": "101"}),
            "limit: is more than 100",
        ),
        (
            "ghl.calendars.free_slots",
            days("2026-03-01"),
            "endDate: is more than 31 days after startDate",
        ),
        (
            "ghl.contacts.add_followers",
            json!({"contactId": "c1", "followers": &ids[..11]}),
            "followers: has 11 items, 10 at most",
        ),
        (
            "ghl.contacts.set_business_in_bulk",
            json!({"ids": ids, "businessId": null}),
            "ids: has 51 items, 50 at most",
        ),
        (
            "ghl.conversations.send_message",
            json!({"type": "Email", "contactId": "c1", "message": "text alone"}),
            "type: `Email` needs at least one of: html, attachments, templateId",
        ),
        (
            "thrivecart.affiliates.list",
            json!({"perPage": 26}),
            "perPage: is more than 25",
        ),
    ] {
        assert_eq!(faults(id, &inputs), told, "{id}");
    }
    assert_eq!(
        operation("ghl.calendars.free_slots").validate(&days("2026-02-01")),
        Ok(())
    );
    let hundred_pages = contacts(json!({"page": 100}));
    assert_eq!(operation("ghl.contacts.search").validate(&hundred_pages), Ok(()));
}

#[test]
fn a_date_is_a_day_of_the_calendar() {
    for date in ["2026-02-31", "02/31/2026", "2025-02-29"] {
        assert_eq!(
            faults(
                "ghl.contacts.create",
                &json!({"email": "a@b.co", "dateOfBirth": date})
            ),
            format!("dateOfBirth: `{date}` is not a date of the form YYYY-MM-DD")
        );
    }
    let search = json!({"date": "02-31-2026"});
    assert!(faults("ghl.opportunities.search", &search).starts_with("date: `02-31-2026` is not a day"));
}

#[test]
fn users_of_a_calendar_are_chosen_from_the_list_of_users() {
    for id in ["ghl.calendars.create", "ghl.calendars.update"] {
        let members = &operation(id).input("teamMembers").expect("an input").shape;
        let fields = &members.items.as_ref().expect("a list").fields;
        let user = fields
            .iter()
            .find(|field| field.name == "userId")
            .expect("a field");
        assert_eq!(user.option_source.as_deref(), Some("users"), "{id}");
    }
}

#[test]
fn thrivecarts_ids_are_chosen_and_written_as_people_do() {
    let source = |id: &str, name: &str| {
        let input = operation(id).input(name).expect("an input");
        input.option_source.clone().unwrap_or_default()
    };
    assert_eq!(source("thrivecart.products.get", "product_id"), "products");
    assert_eq!(source("thrivecart.bumps.get", "bump_id"), "bumps");
    assert_eq!(
        source("thrivecart.affiliates.approve", "affiliate_id"),
        "affiliates"
    );
    assert_eq!(source("thrivecart.affiliates.create", "affiliate_id"), "");
    for ids in [
        json!("[1, 15]"),
        json!("1,15"),
        json!([1, 15]),
        json!(["1", "15"]),
    ] {
        let inputs = json!({"affiliate_id": "jane", "product_ids": ids});
        let request = operation("thrivecart.affiliates.approve").request(&inputs, "");
        let body = request.expect("right").body.expect("a body");
        assert_eq!(body["product_ids"], "[1,15]", "{ids}");
    }
    let wrong = json!({"affiliate_id": "jane", "product_ids": "all"});
    assert_eq!(
        faults("thrivecart.affiliates.approve", &wrong),
        "product_ids: `all` is not a list of ids, such as 1,15"
    );
    let pause = |at: &str| json!({"order_id": "1", "subscription_id": "2", "auto_resume": at});
    let request = operation("thrivecart.subscriptions.pause").request(&pause("2026-01-31T10:00:00Z"), "");
    assert_eq!(
        request.expect("right").body.expect("a body")["auto_resume"],
        "1769853600"
    );
    assert_eq!(
        operation("thrivecart.subscriptions.pause").validate(&pause("")),
        Ok(())
    );
    assert!(faults("thrivecart.subscriptions.pause", &pause("soon")).contains("is not a time"));
}
