//! Appointments, and what they take of the free slots.

use cartlane_sandbox::Webhook;
use serde_json::{Value, json};

use crate::calendar_events::MONDAY;
use crate::calendars::{calendar, monday, two_hours};
use crate::client::{Ghl, LOCATION};

pub const APPOINTMENTS: &str = "/calendars/events/appointments";
pub const BLOCKS: &str = "/calendars/events/block-slots";

pub fn at(clock: &str) -> String {
    format!("2023-11-20T{clock}:00-05:00")
}

pub fn appointment(calendar: &str, contact: &str, clock: &str) -> Value {
    json!({"locationId": LOCATION, "calendarId": calendar, "contactId": contact, "startTime": at(clock)})
}

/// Books an appointment; answers its id.
pub async fn book(ghl: &Ghl, body: Value) -> String {
    let (status, made) = ghl.post(APPOINTMENTS, body).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().expect("id").to_owned()
}

/// A sandbox with a contact and a calendar that is open for two hours on Mondays.
pub async fn scene(fields: Value) -> (Ghl, String, String) {
    let ghl = Ghl::start().await;
    let contact = ghl
        .contact(json!({"email": "a@x.test", "firstName": "Ada"}))
        .await;
    let mut fields = fields;
    fields["openHours"] = two_hours();
    let calendar = calendar(&ghl, fields).await;
    (ghl, contact, calendar)
}

#[tokio::test]
async fn only_a_free_slot_is_booked_unless_nobody_is_to_look() {
    let (ghl, contact, calendar) = scene(json!({"allowBookingFor": 2, "allowBookingForUnit": "weeks"})).await;
    let body = |clock: &str| appointment(&calendar, &contact, clock);
    let id = book(&ghl, body("09:30")).await;
    assert_eq!(monday(&ghl, &calendar, "").await, ["09:00", "10:00", "10:30"]);
    let mut long = body("09:00");
    long["endTime"] = json!(at("10:00"));
    let mut far = body("09:00");
    far["startTime"] = json!("2023-12-04T09:00:00-05:00");
    let mut past = body("09:00");
    past["startTime"] = json!("2023-11-13T09:00:00-05:00");
    for (mut taken, why) in [
        (body("09:30"), "taken"),
        (long, "reaches into a taken one"),
        (body("09:15"), "no slot begins then"),
        (body("15:00"), "closed"),
    ] {
        let (status, refused) = ghl.post(APPOINTMENTS, taken.clone()).await;
        assert_eq!(status, 400, "{why}: {refused}");
        taken["ignoreDateRange"] = json!(true);
        assert_eq!(ghl.post(APPOINTMENTS, taken).await.0, 400, "{why}");
    }
    for mut outside in [far, past] {
        assert_eq!(ghl.post(APPOINTMENTS, outside.clone()).await.0, 400, "{outside}");
        outside["ignoreDateRange"] = json!(true);
        book(&ghl, outside).await;
    }
    let mut twice = body("09:30");
    twice["ignoreFreeSlotValidation"] = json!(true);
    twice["rrule"] = json!("RRULE:FREQ=DAILY;COUNT=5");
    let (_, series) = ghl.post(APPOINTMENTS, twice).await;
    assert_eq!(series["isRecurring"], true, "{series}");
    let path = format!("{APPOINTMENTS}/{id}");
    assert_eq!(
        ghl.put(&path, json!({"title": "No move"})).await.0,
        200,
        "keeps its place"
    );
    assert_eq!(ghl.put(&path, json!({"startTime": at("15:00")})).await.0, 400);
    ghl.put(&path, json!({"appointmentStatus": "cancelled"})).await;
    let id = series["id"].as_str().expect("id");
    ghl.delete(&format!("/calendars/events/{id}"), json!({})).await;
    book(&ghl, body("09:30")).await;
    let (status, _) = ghl.put(&path, json!({"appointmentStatus": "confirmed"})).await;
    assert_eq!(status, 400, "its slot is somebody else's now");
}

#[tokio::test]
async fn a_wrong_appointment_is_refused() {
    let (ghl, contact, calendar) = scene(json!({})).await;
    let right = appointment(&calendar, &contact, "09:00");
    for (field, value, status) in [
        ("contactId", json!("none"), 400),
        ("calendarId", json!("none"), 400),
        ("locationId", json!("loc2"), 403),
        ("startTime", json!("2023-11-20T09:00:00"), 422),
        ("startTime", json!("soon"), 422),
        ("endTime", json!(at("08:30")), 422),
        ("appointmentStatus", json!("perhaps"), 422),
        ("meetingLocationType", json!("pub"), 422),
        ("toNotify", json!("no"), 422),
        ("colour", json!("red"), 422),
        ("startTime", Value::Null, 422),
    ] {
        let mut body = right.clone();
        body[field] = value.clone();
        let (is, answer) = ghl.post(APPOINTMENTS, body).await;
        assert_eq!(is, status, "{field} {value}: {answer}");
    }
    let (_, made) = ghl.post(APPOINTMENTS, right).await;
    assert_eq!(made["title"], "Ada");
    assert!(made.get("dateAdded").is_none(), "the bare object: {made}");
    let path = format!("{APPOINTMENTS}/{}", made["id"].as_str().expect("id"));
    for field in ["locationId", "contactId"] {
        let (status, body) = ghl.put(&path, json!({ field: "x" })).await;
        let message = json!(format!("property {field} should not exist"));
        assert_eq!((status, &body["message"][0]), (422, &message));
    }
    let (status, read) = ghl.get(&path).await;
    assert_eq!(
        (status, &read["appointment"]["contactId"]),
        (200, &json!(contact))
    );
    assert_eq!(read["appointment"]["dateAdded"], "2023-11-14T22:13:20.000Z");
    let (status, body) = ghl.get(&format!("{APPOINTMENTS}/none")).await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("Appointment with id none not found"))
    );
}

#[tokio::test]
async fn a_members_time_is_taken_in_all_calendars_and_places_are_counted() {
    let team = json!([{"userId": "u1"}, {"userId": "u2"}]);
    let (ghl, contact, robin) = scene(json!({"calendarType": "round_robin", "teamMembers": team})).await;
    let own =
        json!({"calendarType": "personal", "teamMembers": [{"userId": "u1"}], "openHours": two_hours()});
    let own = calendar(&ghl, own).await;
    book(&ghl, appointment(&own, &contact, "09:00")).await;
    assert_eq!(monday(&ghl, &robin, "&userId=u1").await[0], "09:30");
    assert_eq!(
        monday(&ghl, &robin, "").await[0],
        "09:00",
        "the other one is free"
    );
    assert_eq!(
        monday(&ghl, &robin, "&userIds[]=u1&userIds[]=u2").await[0],
        "09:00"
    );
    let (_, made) = ghl
        .post(APPOINTMENTS, appointment(&robin, &contact, "09:00"))
        .await;
    assert_eq!(made["assignedUserId"], "u2", "{made}");
    assert_eq!(
        ghl.post(APPOINTMENTS, appointment(&robin, &contact, "09:00"))
            .await
            .0,
        400
    );
    let mut stranger = appointment(&robin, &contact, "10:00");
    stranger["assignedUserId"] = json!("u3");
    assert_eq!(ghl.post(APPOINTMENTS, stranger).await.0, 400);
    let path = format!("/calendars/{own}");
    ghl.put(&path, json!({"appoinmentPerSlot": 2})).await;
    book(&ghl, appointment(&own, &contact, "09:00")).await;
    assert_eq!(monday(&ghl, &own, "").await[0], "09:30");
    ghl.put(&path, json!({"slotBuffer": 15})).await;
    assert_eq!(monday(&ghl, &own, "").await, ["10:00", "10:30"]);
    ghl.put(&path, json!({"appoinmentPerDay": 2})).await;
    assert!(monday(&ghl, &own, "").await.is_empty());
}

#[tokio::test]
async fn a_collective_calendar_needs_all_its_members() {
    let team = json!([{"userId": "u1"}, {"userId": "u2", "isPrimary": true}]);
    let (ghl, contact, id) = scene(json!({"calendarType": "collective", "teamMembers": team})).await;
    let block = json!({"locationId": LOCATION, "assignedUserId": "u1", "startTime": at("09:00"), "endTime": at("09:10")});
    assert_eq!(ghl.post(BLOCKS, block).await.0, 201);
    assert_eq!(monday(&ghl, &id, "").await[0], "09:30");
    let (_, made) = ghl.post(APPOINTMENTS, appointment(&id, &contact, "09:30")).await;
    assert_eq!(made["assignedUserId"], "u2");
    let (_, read) = ghl.get(&format!("/calendars/events?{MONDAY}&userId=u2")).await;
    assert_eq!(read["events"][0]["users"], json!(["u2", "u1"]));
}

#[tokio::test]
async fn what_is_deleted_takes_its_appointments() {
    let (ghl, contact, one) = scene(json!({})).await;
    let two = calendar(&ghl, json!({"openHours": two_hours()})).await;
    let other = ghl.contact(json!({"email": "b@x.test"})).await;
    let in_one = book(&ghl, appointment(&one, &contact, "09:00")).await;
    let in_two = book(&ghl, appointment(&two, &contact, "09:30")).await;
    book(&ghl, appointment(&two, &other, "10:00")).await;
    let (_, listed) = ghl.get(&format!("/contacts/{contact}/appointments")).await;
    let times: Vec<&Value> = listed["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|one| &one["startTime"])
        .collect();
    assert_eq!(times, ["2023-11-20 09:30:00", "2023-11-20 09:00:00"]);
    assert_eq!(ghl.get("/contacts/none/appointments").await.0, 400);
    ghl.delete(&format!("/calendars/{one}"), json!({})).await;
    let (_, listed) = ghl.get(&format!("/contacts/{contact}/appointments")).await;
    assert_eq!(
        (
            listed["events"].as_array().map(Vec::len),
            &listed["events"][0]["id"]
        ),
        (Some(1), &json!(in_two))
    );
    assert_eq!(ghl.get(&format!("{APPOINTMENTS}/{in_one}")).await.0, 400);
    ghl.delete(&format!("/contacts/{contact}"), json!({})).await;
    assert_eq!(monday(&ghl, &two, "").await, ["09:00", "09:30", "10:30"]);
    let (status, body) = ghl.delete("/calendars/events/none", json!({})).await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("Event with id none not found"))
    );
}

/// A sandbox in which an appointment was made, changed and deleted, as a blocked time was before; the ids of contact,
/// calendar and appointment.
async fn history() -> (Ghl, [String; 3]) {
    let ghl = Ghl::start_with(|settings| {
        settings.webhooks = vec![Webhook {
            url: "http://127.0.0.1:9/hooks".to_owned(),
            location_id: None,
            events: None,
        }];
    })
    .await;
    let contact = ghl
        .contact(json!({"email": "a@x.test", "firstName": "Ada"}))
        .await;
    let id = calendar(&ghl, json!({"openHours": two_hours()})).await;
    let block =
        json!({"locationId": LOCATION, "calendarId": id, "startTime": at("10:00"), "endTime": at("10:30")});
    let (_, block) = ghl.post(BLOCKS, block).await;
    ghl.delete(
        &format!("/calendars/events/{}", block["id"].as_str().expect("id")),
        json!({}),
    )
    .await;
    let mut body = appointment(&id, &contact, "09:00");
    body["description"] = json!("Bring the contract");
    body["assignedUserId"] = json!("u1");
    let event = book(&ghl, body).await;
    ghl.post(
        &format!("/calendars/appointments/{event}/notes"),
        json!({"body": "x"}),
    )
    .await;
    ghl.put(
        &format!("{APPOINTMENTS}/{event}"),
        json!({"appointmentStatus": "showed"}),
    )
    .await;
    let (status, body) = ghl.delete(&format!("/calendars/events/{event}"), json!({})).await;
    assert_eq!((status, &body["succeeded"]), (201, &json!(true)));
    (ghl, [contact, id, event])
}

#[tokio::test]
async fn appointments_are_told_by_events_and_blocked_times_are_not() {
    let (ghl, [contact, id, event]) = history().await;
    let sent = ghl.state().deliveries();
    let events: Vec<&str> = sent.iter().map(|one| one.event.as_str()).collect();
    assert_eq!(
        events,
        [
            "ContactCreate",
            "AppointmentCreate",
            "AppointmentUpdate",
            "AppointmentDelete"
        ]
    );
    let bodies: Vec<Value> = sent[1..]
        .iter()
        .map(|one| serde_json::from_str(&one.body).expect("JSON"))
        .collect();
    for body in &bodies {
        assert_eq!(
            (&body["locationId"], &body["appointment"]["id"]),
            (&json!(LOCATION), &json!(event))
        );
    }
    assert_eq!(
        bodies[0]["appointment"],
        json!({
            "id": event, "address": "", "title": "Ada", "calendarId": id, "contactId": contact,
            "appointmentStatus": "confirmed", "assignedUserId": "u1", "users": ["u1"], "notes": "Bring the contract",
            "source": "third_party", "startTime": at("09:00"), "endTime": at("09:30"),
            "dateAdded": "2023-11-14T22:13:20.000Z", "dateUpdated": "2023-11-14T22:13:20.000Z",
        })
    );
    assert_eq!(bodies[2]["appointment"]["appointmentStatus"], "showed");
}

#[tokio::test]
async fn the_log_has_what_became_of_calendars() {
    let (ghl, _) = history().await;
    let kinds: Vec<&str> = ghl
        .state()
        .calls()
        .iter()
        .filter_map(|call| call.effect.as_ref())
        .map(|effect| effect.kind)
        .collect();
    assert_eq!(
        kinds[1..],
        [
            "calendar_created",
            "block_slot_created",
            "block_slot_deleted",
            "appointment_created",
            "appointment_note_created",
            "appointment_updated",
            "appointment_deleted"
        ]
    );
}
