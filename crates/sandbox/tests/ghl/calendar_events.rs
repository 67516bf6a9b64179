//! Blocked times, lists of events, and notes of appointments.

use serde_json::{Value, json};

use crate::appointments::{BLOCKS, appointment, at, book, scene};
use crate::calendars::monday;
use crate::client::LOCATION;

/// All of that Monday, as a query.
pub const MONDAY: &str = "locationId=loc1&startTime=1700456400000&endTime=1700542800000";

#[tokio::test]
async fn a_time_is_blocked_for_a_calendar_or_a_user() {
    let (ghl, _, id) = scene(json!({})).await;
    let block = |fields: Value| {
        let mut body = json!({"locationId": LOCATION, "startTime": at("09:00"), "endTime": at("10:00")});
        body.as_object_mut()
            .expect("object")
            .extend(fields.as_object().expect("object").clone());
        body
    };
    for (fields, status) in [
        (json!({}), 422),
        (json!({"calendarId": id, "assignedUserId": "u1"}), 422),
        (json!({"calendarId": "none"}), 400),
        (json!({"calendarId": id, "locationId": "loc2"}), 403),
        (json!({"calendarId": id, "endTime": at("08:00")}), 422),
        (json!({"calendarId": id, "startTime": "soon"}), 422),
        (json!({"calendarId": id, "colour": "red"}), 422),
    ] {
        let (is, answer) = ghl.post(BLOCKS, block(fields.clone())).await;
        assert_eq!(is, status, "{fields}: {answer}");
    }
    let (status, made) = ghl
        .post(BLOCKS, block(json!({"calendarId": id, "title": "Off"})))
        .await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(monday(&ghl, &id, "").await, ["10:00", "10:30"]);
    let path = format!("{BLOCKS}/{}", made["id"].as_str().expect("id"));
    let user = json!({"locationId": LOCATION, "assignedUserId": "u1"});
    let (status, moved) = ghl.put(&path, user).await;
    assert_eq!((status, moved.get("calendarId")), (201, None), "{moved}");
    assert_eq!(monday(&ghl, &id, "").await.len(), 4);
    assert_eq!(
        ghl.put(&path, json!({"assignedUserId": "u1"})).await.0,
        422,
        "no location"
    );
    let list = format!("/calendars/blocked-slots?{MONDAY}");
    assert_eq!(
        ghl.get(&format!("{list}&userId=u1")).await.1["events"][0]["title"],
        "Off"
    );
    assert_eq!(
        ghl.get(&format!("{list}&calendarId={id}")).await.1["events"],
        json!([])
    );
}

#[tokio::test]
async fn events_are_listed_of_exactly_one_user_calendar_or_group() {
    let (ghl, contact, id) = scene(json!({})).await;
    let group = json!({"locationId": LOCATION, "name": "G", "description": "d", "slug": "g"});
    let (_, group) = ghl.post("/calendars/groups", group).await;
    let group = group["group"]["id"].as_str().expect("id");
    ghl.put(&format!("/calendars/{id}"), json!({"groupId": group}))
        .await;
    let mut body = appointment(&id, &contact, "09:00");
    body["assignedUserId"] = json!("u1");
    let event = book(&ghl, body).await;
    let list = format!("/calendars/events?{MONDAY}");
    for of in [
        format!("&calendarId={id}"),
        format!("&groupId={group}"),
        "&userId=u1".to_owned(),
    ] {
        let (status, body) = ghl.get(&format!("{list}{of}")).await;
        assert_eq!(
            (status, &body["events"][0]["id"]),
            (200, &json!(event)),
            "{of}: {body}"
        );
        assert_eq!(body["events"][0]["groupId"], json!(group));
    }
    assert_eq!(ghl.get(&format!("{list}&userId=u2")).await.1["events"], json!([]));
    for (query, status) in [
        (list.clone(), 422),
        (format!("{list}&calendarId={id}&userId=u1"), 422),
        (format!("{list}&calendarId=none"), 400),
        (format!("{list}&groupId=none"), 400),
        (
            "/calendars/events?locationId=loc1&userId=u1&startTime=2023-11-20&endTime=1".to_owned(),
            422,
        ),
        (
            "/calendars/events?locationId=loc1&userId=u1&startTime=1".to_owned(),
            422,
        ),
        (
            "/calendars/events?userId=u1&startTime=1&endTime=2".to_owned(),
            403,
        ),
    ] {
        let (is, body) = ghl.get(&query).await;
        assert_eq!(is, status, "{query}: {body}");
    }
    let later = "/calendars/events?locationId=loc1&userId=u1&startTime=1700490600000&endTime=1700542800000";
    assert_eq!(
        ghl.get(later).await.1["events"],
        json!([]),
        "it ends as the span begins"
    );
}

#[tokio::test]
async fn notes_of_an_appointment_come_in_pages_of_twenty() {
    let (ghl, contact, calendar) = scene(json!({})).await;
    let one = book(&ghl, appointment(&calendar, &contact, "09:00")).await;
    let two = book(&ghl, appointment(&calendar, &contact, "09:30")).await;
    let path = format!("/calendars/appointments/{one}/notes");
    for number in 0..21 {
        let (status, body) = ghl.post(&path, json!({"body": format!("note {number}")})).await;
        assert_eq!(status, 201, "{body}");
    }
    let (_, page) = ghl.get(&format!("{path}?limit=20&offset=0")).await;
    assert_eq!(
        (page["notes"].as_array().map(Vec::len), &page["hasMore"]),
        (Some(20), &json!(true))
    );
    assert_eq!(page["notes"][0]["body"], "note 20");
    let (_, page) = ghl.get(&format!("{path}?limit=20&offset=20")).await;
    assert_eq!(
        (&page["notes"][0]["body"], &page["hasMore"]),
        (&json!("note 0"), &json!(false))
    );
    for query in [
        "",
        "limit=20",
        "offset=0",
        "limit=21&offset=0",
        "limit=0&offset=0",
        "limit=1&offset=-1",
    ] {
        assert_eq!(ghl.get(&format!("{path}?{query}")).await.0, 422, "{query}");
    }
    let note = page["notes"][0]["id"].as_str().expect("id");
    let long = json!({"body": "é".repeat(5_001)});
    assert_eq!(ghl.post(&path, long).await.0, 422);
    assert_eq!(ghl.post(&path, json!({"body": "é".repeat(5_000)})).await.0, 201);
    assert_eq!(ghl.post(&path, json!({"title": "x"})).await.0, 422);
    let foreign = format!("/calendars/appointments/{two}/notes/{note}");
    assert_eq!(ghl.put(&foreign, json!({"body": "x"})).await.0, 400);
    assert_eq!(
        ghl.delete(&format!("{path}/{note}"), json!({})).await.1["success"],
        true
    );
    assert_eq!(ghl.delete(&format!("{path}/{note}"), json!({})).await.0, 400);
    assert_eq!(
        ghl.get("/calendars/appointments/none/notes?limit=1&offset=0")
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn an_opportunitys_search_shows_the_appointments_of_its_contact_where_asked() {
    let (ghl, contact, calendar) = scene(json!({})).await;
    let event = book(&ghl, appointment(&calendar, &contact, "09:00")).await;
    let (_, listed) = ghl.get("/opportunities/pipelines?locationId=loc1").await;
    let pipeline = &listed["pipelines"][0]["id"];
    let body = json!({"locationId": LOCATION, "contactId": contact, "pipelineId": pipeline, "name": "Order", "status": "open"});
    assert_eq!(ghl.post("/opportunities/", body).await.0, 201);
    let search = "/opportunities/search?location_id=loc1";
    let (_, found) = ghl.get(&format!("{search}&getCalendarEvents=true")).await;
    let events = &found["opportunities"][0]["calendarEvents"];
    assert_eq!(
        (&events[0]["id"], &events[0]["startTime"]),
        (&json!(event), &json!("2023-11-20 09:00:00"))
    );
    let (_, found) = ghl.get(search).await;
    assert!(found["opportunities"][0].get("calendarEvents").is_none());
}
