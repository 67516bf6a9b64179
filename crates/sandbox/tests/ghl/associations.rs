use cartlane_sandbox::Webhook;
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION};

#[tokio::test]
async fn an_association_links_records_that_exist() {
    let ghl = Ghl::start_with(|settings| {
        settings.webhooks = vec![Webhook {
            url: "http://127.0.0.1:9/hooks".to_owned(),
            location_id: None,
            events: Some(vec!["AssociationCreate".to_owned(), "RelationDelete".to_owned()]),
        }];
    })
    .await;
    let association = json!({
        "locationId": LOCATION, "key": "student_course", "firstObjectLabel": "Student", "firstObjectKey": "contact",
        "secondObjectLabel": "Course", "secondObjectKey": "custom_objects.course",
    });
    let (status, made) = ghl.post("/associations/", association.clone()).await;
    assert_eq!(
        (status, &made["associationType"]),
        (201, &json!("USER_DEFINED")),
        "{made}"
    );
    assert_eq!(
        ghl.post("/associations/", association).await.0,
        400,
        "the key is taken"
    );
    let id = made["id"].as_str().expect("id");
    for path in [
        format!("/associations/{id}"),
        "/associations/key/student_course?locationId=loc1".to_owned(),
        "/associations/objectKey/custom_objects.course?locationId=loc1".to_owned(),
    ] {
        assert_eq!(ghl.get(&path).await, (200, with_trace(&ghl, &made)), "{path}");
    }
    let labels = json!({"firstObjectLabel": "Pupil", "secondObjectLabel": 5});
    assert_eq!(ghl.put(&format!("/associations/{id}"), labels).await.0, 422);

    let contact = ghl.contact(json!({"email": "a@x.test"})).await;
    let relation = |first: &str| json!({"locationId": LOCATION, "associationId": id, "firstRecordId": first, "secondRecordId": "c1"});
    let relations = "/associations/relations";
    assert_eq!(ghl.post(relations, relation("none")).await.0, 400);
    let (status, linked) = ghl.post(relations, relation(&contact)).await;
    assert_eq!(
        (status, &linked["firstRecordId"]),
        (201, &json!(contact)),
        "{linked}"
    );
    let of_contact = format!("{relations}/{contact}?locationId=loc1");
    assert_eq!(ghl.get(&of_contact).await.0, 422, "skip and limit are needed");
    let (_, found) = ghl
        .get(&format!("{of_contact}&skip=0&limit=10&associationIds={id}"))
        .await;
    assert_eq!(found["relations"][0]["id"], linked["id"], "{found}");
    let one = linked["id"].as_str().expect("id");
    assert_eq!(
        ghl.delete(&format!("{relations}/{one}"), json!({})).await.0,
        403,
        "no location"
    );
    assert_eq!(
        ghl.delete(&format!("{relations}/{one}?locationId=loc1"), json!({}))
            .await
            .0,
        200
    );
    ghl.post(relations, relation(&contact)).await;
    assert_eq!(
        ghl.delete(&format!("/associations/{id}"), json!({})).await.1["deleted"],
        true
    );
    let (_, found) = ghl.get(&format!("{of_contact}&skip=0&limit=10")).await;
    assert_eq!(found["relations"], json!([]), "they go with the association");

    let sent = ghl.state().deliveries();
    let events: Vec<&str> = sent.iter().map(|one| one.event.as_str()).collect();
    assert_eq!(events, ["AssociationCreate", "RelationDelete"]);
    let body: Value = serde_json::from_str(&sent[1].body).expect("JSON");
    assert!(body["type"].is_null(), "documented without one");
    assert_eq!(
        (&body["id"], &body["locationId"]),
        (&json!(one), &json!(LOCATION))
    );
}

/// A body with the trace id of the last answer.
fn with_trace(ghl: &Ghl, body: &Value) -> Value {
    let seq = ghl.state().calls().last().expect("a call").seq;
    let mut body = body.clone();
    body["traceId"] = json!(format!("5a4db0c5-0000-4000-8000-{:012x}", seq));
    body
}
