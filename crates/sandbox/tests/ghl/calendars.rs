//! Calendars, groups, free slots, notifications, rooms and equipment.

use cartlane_sandbox::{Location, Token};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION, answer};

const DAY_MS: i64 = 86_400_000;
/// Monday, 2023-11-20, midnight in New York.
const MONDAY_MS: i64 = 1_700_456_400_000;

/// Creates a calendar; answers its id.
pub async fn calendar(ghl: &Ghl, mut fields: Value) -> String {
    fields["locationId"] = json!(LOCATION);
    fields["name"] = json!("Talk");
    let (status, body) = ghl.post("/calendars/", fields).await;
    assert_eq!(status, 200, "{body}");
    body["calendar"]["id"].as_str().expect("id").to_owned()
}

/// The free slots of that Monday by the clock on the wall, `HH:MM`.
pub async fn monday(ghl: &Ghl, calendar: &str, more: &str) -> Vec<String> {
    let end_ms = MONDAY_MS + DAY_MS;
    let path = format!("/calendars/{calendar}/free-slots?startDate={MONDAY_MS}&endDate={end_ms}{more}");
    let (status, body) = ghl.get(&path).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["traceId"].is_string(), "{body}");
    let slots = body["2023-11-20"]["slots"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let texts = slots.iter().map(|slot| slot.as_str().expect("a text"));
    texts.map(|slot| slot[11..16].to_owned()).collect()
}

/// Open from nine to eleven on Mondays.
pub fn two_hours() -> Value {
    json!([{"daysOfTheWeek": [1], "hours": [{"openHour": 9, "openMinute": 0, "closeHour": 11, "closeMinute": 0}]}])
}

#[tokio::test]
async fn slots_follow_hours_length_notice_and_range() {
    let ghl = Ghl::start().await;
    let id = calendar(&ghl, json!({"openHours": two_hours()})).await;
    let all = ["09:00", "09:30", "10:00", "10:30"];
    assert_eq!(monday(&ghl, &id, "").await, all);
    assert_eq!(
        monday(&ghl, &id, "&timezone=Europe/Berlin").await,
        ["15:00", "15:30", "16:00", "16:30"]
    );
    for (change, slots) in [
        (json!({"slotDuration": 1, "slotDurationUnit": "hours"}), &all[..3]),
        (json!({"slotInterval": 60}), &["09:00", "10:00"][..]),
        (
            json!({"allowBookingFor": 5, "allowBookingForUnit": "days"}),
            &[][..],
        ),
        (
            json!({"allowBookingFor": 2, "allowBookingForUnit": "weeks"}),
            &["09:00", "10:00"][..],
        ),
        (
            json!({"allowBookingAfter": 7, "allowBookingAfterUnit": "days"}),
            &[][..],
        ),
        (json!({"allowBookingAfter": 1}), &["09:00", "10:00"][..]),
        (
            json!({"availabilities": [{"date": "2023-11-20T00:00:00.000Z", "hours": [
                {"openHour": 13, "openMinute": 30, "closeHour": 14, "closeMinute": 30}]}]}),
            &["13:30"][..],
        ),
        (json!({"availabilityType": 0}), &["09:00", "10:00"][..]),
    ] {
        let (status, body) = ghl.put(&format!("/calendars/{id}"), change.clone()).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(monday(&ghl, &id, "").await, slots, "{change}");
    }
    ghl.state().advance(7 * 86_400_000);
    assert!(monday(&ghl, &id, "").await.is_empty(), "nothing in the past");
}

#[tokio::test]
async fn free_slots_are_asked_for_in_milliseconds_and_for_31_days_at_most() {
    let ghl = Ghl::start().await;
    let id = calendar(&ghl, json!({})).await;
    let path = format!("/calendars/{id}/free-slots");
    for (query, status) in [
        (
            format!("startDate={MONDAY_MS}&endDate={}", MONDAY_MS + 31 * DAY_MS),
            200,
        ),
        (
            format!("startDate={MONDAY_MS}&endDate={}", MONDAY_MS + 31 * DAY_MS + 1),
            400,
        ),
        (format!("startDate={MONDAY_MS}&endDate={}", MONDAY_MS - 1), 400),
        (format!("startDate={MONDAY_MS}"), 422),
        (format!("startDate=2023-11-20&endDate={MONDAY_MS}"), 422),
        (format!("startDate={MONDAY_MS}&endDate={}", i64::MAX), 422),
        (
            format!("startDate={MONDAY_MS}&endDate={MONDAY_MS}&timezone=Mars/Base"),
            422,
        ),
        (
            format!("startDate={MONDAY_MS}&endDate={MONDAY_MS}&colour=red"),
            422,
        ),
    ] {
        let (is, body) = ghl.get(&format!("{path}?{query}")).await;
        assert_eq!(is, status, "{query}: {body}");
    }
    let (status, body) = ghl.get("/calendars/none/free-slots?startDate=1&endDate=2").await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("Calendar with id none not found"))
    );
}

#[tokio::test]
async fn a_calendar_is_made_by_the_rules_of_its_kind() {
    let ghl = Ghl::start().await;
    let body = |fields: Value| {
        let mut body = json!({"locationId": LOCATION, "name": "Talk"});
        body.as_object_mut()
            .expect("object")
            .extend(fields.as_object().expect("object").clone());
        body
    };
    let (one, two) = (
        json!({"userId": "u1"}),
        json!({"userId": "u2", "isPrimary": true}),
    );
    for (fields, status) in [
        (json!({"calendarType": "personal"}), 422),
        (
            json!({"calendarType": "personal", "teamMembers": [one, two]}),
            422,
        ),
        (json!({"calendarType": "personal", "teamMembers": [one]}), 200),
        (json!({"calendarType": "round_robin"}), 422),
        (json!({"calendarType": "collective", "teamMembers": [one]}), 422),
        (
            json!({"calendarType": "collective", "teamMembers": [one, two]}),
            200,
        ),
        (json!({"calendarType": "weekly"}), 422),
        (json!({"colour": "red"}), 422),
        (json!({"name": null}), 422),
        (json!({"groupId": "none"}), 400),
        (json!({"locationId": "loc2"}), 403),
        (json!({"slug": "talk"}), 200),
        (json!({"slug": "talk"}), 400),
    ] {
        let (is, answer) = ghl.post("/calendars/", body(fields.clone())).await;
        assert_eq!(is, status, "{fields}: {answer}");
    }
    let id = calendar(&ghl, json!({"isActive": false})).await;
    for (fields, status) in [
        (json!({"calendarType": "personal"}), 422),
        (json!({"locationId": LOCATION}), 422),
        (json!({"slug": "talk"}), 400),
        (json!({"slug": "talk-2"}), 200),
    ] {
        let (is, answer) = ghl.put(&format!("/calendars/{id}"), fields.clone()).await;
        assert_eq!(is, status, "{fields}: {answer}");
    }
    let (_, all) = ghl.get("/calendars/?locationId=loc1").await;
    assert_eq!(all["calendars"].as_array().map(Vec::len), Some(4));
    let (_, shown) = ghl.get("/calendars/?locationId=loc1&showDrafted=false").await;
    assert_eq!(shown["calendars"].as_array().map(Vec::len), Some(3));
    assert_eq!(ghl.get("/calendars/").await.0, 403);
    assert_eq!(ghl.get("/calendars/none").await.0, 400);
}

#[tokio::test]
async fn a_groups_slug_is_its_own_within_the_location() {
    let ghl = Ghl::start_with(|settings| {
        settings.locations.push(Location::new("loc2"));
        settings.tokens.push(Token::new("pit-two", "loc2"));
    })
    .await;
    let group = |slug: &str| json!({"locationId": LOCATION, "name": "G", "description": "d", "slug": slug});
    let (status, made) = ghl.post("/calendars/groups", group("one")).await;
    assert_eq!(status, 201, "{made}");
    let (_, two) = ghl.post("/calendars/groups", group("two")).await;
    let path = format!("/calendars/groups/{}", two["group"]["id"].as_str().expect("id"));
    assert_eq!(ghl.post("/calendars/groups", group("one")).await.0, 400);
    let other = json!({"name": "G", "description": "d", "slug": "one"});
    assert_eq!(ghl.put(&path, other).await.0, 400);
    let same = json!({"name": "H", "description": "d", "slug": "two"});
    assert_eq!(ghl.put(&path, same).await.1["group"]["name"], "H");
    assert_eq!(
        ghl.put(&path, json!({"name": "H"})).await.0,
        422,
        "all three are wanted"
    );
    assert_eq!(ghl.put(&format!("{path}/status"), json!({})).await.0, 422);
    let ask = |slug: &str| json!({"locationId": LOCATION, "slug": slug});
    let check = "/calendars/groups/validate-slug";
    assert_eq!(
        ghl.post(check, ask("two")).await,
        (200, with_trace(&ghl, json!({"available": false})))
    );
    assert_eq!(ghl.post(check, ask("three")).await.1["available"], true);
    let foreign = ghl.bare(Method::DELETE, &path).header("user-agent", "test");
    let foreign = foreign.header("version", "2021-04-15").bearer_auth("pit-two");
    assert_eq!(answer(foreign).await.0, 403);
    let elsewhere = ghl.bare(Method::POST, check).header("user-agent", "test");
    let elsewhere = elsewhere.header("version", "2021-04-15").bearer_auth("pit-two");
    let body = json!({"locationId": "loc2", "slug": "two"});
    assert_eq!(answer(elsewhere.json(&body)).await.1["available"], true);
    assert_eq!(ghl.delete("/calendars/groups/none", json!({})).await.0, 400);
}

/// The answer with the trace id that the last one had.
fn with_trace(ghl: &Ghl, mut body: Value) -> Value {
    let seq = ghl.state().calls().last().expect("a call").seq;
    body["traceId"] = json!(format!("5a4db0c5-0000-4000-8000-{seq:012x}"));
    body
}

#[tokio::test]
async fn notifications_come_as_a_list_and_hide_once_deleted() {
    let ghl = Ghl::start().await;
    let (id, other) = (calendar(&ghl, json!({})).await, calendar(&ghl, json!({})).await);
    let path = format!("/calendars/{id}/notifications");
    let one = json!({"receiverType": "contact", "channel": "email", "notificationType": "booked"});
    for wrong in [
        one.clone(),
        json!([]),
        json!([{"receiverType": "contact", "channel": "fax", "notificationType": "booked"}]),
        json!([{"receiverType": "contact", "channel": "sms"}]),
        json!([{"receiverType": "contact", "channel": "sms", "notificationType": "booked", "loud": true}]),
    ] {
        let (status, body) = ghl.post(&path, wrong.clone()).await;
        assert_eq!(status, 422, "{wrong}: {body}");
    }
    let (status, made) = ghl.post(&path, json!([one, one, one])).await;
    assert_eq!((status, made.as_array().map(Vec::len)), (200, Some(3)), "{made}");
    let first = format!("{path}/{}", made[0]["_id"].as_str().expect("id"));
    let (_, body) = ghl.put(&first, json!({"deleted": true})).await;
    assert!(body["message"].is_string(), "{body}");
    assert_eq!(ghl.get(&path).await.1, json!([made[1], made[2]]));
    assert_eq!(
        ghl.get(&format!("{path}?skip=1&limit=1")).await.1,
        json!([made[2]])
    );
    assert_eq!(ghl.get(&format!("{path}?isActive=false")).await.1, json!([]));
    assert_eq!(
        ghl.get(&format!("{path}?deleted=true")).await.1[0]["_id"],
        made[0]["_id"]
    );
    assert_eq!(ghl.get(&format!("{path}?limit=101")).await.0, 422);
    let foreign = first.replace(&id, &other);
    assert_eq!(ghl.get(&foreign).await.0, 400, "another calendar's");
    assert_eq!(ghl.delete(&first, json!({})).await.0, 200);
    assert_eq!(ghl.get(&first).await.0, 400);
    ghl.delete(&format!("/calendars/{id}"), json!({})).await;
    assert_eq!(ghl.get(&path).await.0, 400);
}

#[tokio::test]
async fn rooms_and_equipment_are_kept_apart_and_paged() {
    let ghl = Ghl::start().await;
    let (one, two) = (calendar(&ghl, json!({})).await, calendar(&ghl, json!({})).await);
    let room = |calendars: Value| {
        json!({"locationId": LOCATION, "name": "Blue", "description": "First floor", "quantity": 1,
            "outOfService": 0, "capacity": 4, "calendarIds": calendars})
    };
    let (rooms, equipment) = ("/calendars/resources/rooms", "/calendars/resources/equipments");
    assert_eq!(
        ghl.post("/calendars/resources/cars", room(json!([]))).await.0,
        422
    );
    assert_eq!(ghl.post(rooms, room(json!(["none"]))).await.0, 400);
    assert_eq!(
        ghl.post(equipment, room(json!([one, two]))).await.0,
        422,
        "one calendar at most"
    );
    let mut short = room(json!([]));
    short.as_object_mut().expect("object").remove("capacity");
    assert_eq!(ghl.post(rooms, short).await.0, 422);
    let (status, made) = ghl.post(rooms, room(json!([one, two]))).await;
    assert_eq!(status, 201, "{made}");
    let id = made["_id"].as_str().expect("id");
    let path = format!("{rooms}/{id}");
    assert_eq!(ghl.get(&format!("{equipment}/{id}")).await.0, 400);
    assert_eq!(
        ghl.get(&format!("{rooms}?locationId=loc1")).await.0,
        422,
        "skip and limit are wanted"
    );
    let (_, page) = ghl.get(&format!("{rooms}?locationId=loc1&limit=10&skip=0")).await;
    assert_eq!(
        (page.as_array().map(Vec::len), &page[0]["capacity"]),
        (Some(1), &json!(4))
    );
    assert_eq!(
        ghl.get(&format!("{rooms}?locationId=loc1&limit=10&skip=1"))
            .await
            .1,
        json!([])
    );
    let (_, changed) = ghl.put(&path, json!({"capacity": 6, "isActive": false})).await;
    assert_eq!(
        (&changed["capacity"], &changed["isActive"]),
        (&json!(6), &json!(false))
    );
    assert!(changed.get("calendarIds").is_none(), "{changed}");
    assert_eq!(ghl.put(&path, json!({"locationId": "loc2"})).await.0, 403);
    ghl.delete(&format!("/calendars/{one}"), json!({})).await;
    assert_eq!(ghl.get(&path).await.1["calendarIds"], json!([two]));
    assert_eq!(ghl.delete(&path, json!({})).await.1["success"], true);
    assert_eq!(ghl.get(&path).await.0, 400);
}
