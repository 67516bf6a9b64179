use cartlane_sandbox::{CustomField, Webhook};
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION};

/// The first location's pipelines.
async fn pipelines(ghl: &Ghl) -> Value {
    let (status, body) = ghl.get("/opportunities/pipelines?locationId=loc1").await;
    assert_eq!(status, 200, "{body}");
    body["pipelines"].clone()
}

fn opportunity(contact: &str, pipeline: &Value, name: &str) -> Value {
    json!({
        "locationId": LOCATION, "contactId": contact, "pipelineId": pipeline["id"], "name": name, "status": "open",
    })
}

async fn make(ghl: &Ghl, body: Value) -> String {
    let (status, made) = ghl.post("/opportunities/", body).await;
    assert_eq!(status, 201, "{made}");
    made["opportunity"]["id"].as_str().expect("id").to_owned()
}

#[tokio::test]
async fn a_contact_has_one_opportunity_in_each_pipeline_unless_the_location_allows_more() {
    let ghl = Ghl::start().await;
    let pipelines = pipelines(&ghl).await;
    let contact = ghl.contact(json!({"email": "a@x.test"})).await;
    make(&ghl, opportunity(&contact, &pipelines[0], "one")).await;
    make(&ghl, opportunity(&contact, &pipelines[1], "two")).await;
    let again = opportunity(&contact, &pipelines[0], "three");
    assert_eq!(ghl.post("/opportunities/", again.clone()).await.0, 400);
    ghl.state()
        .change(|settings| settings.locations[0].allow_duplicate_opportunities = true);
    make(&ghl, again).await;
    let mut wrong = opportunity(&contact, &pipelines[0], "four");
    wrong["pipelineStageId"] = pipelines[1]["stages"][0]["id"].clone();
    assert_eq!(
        ghl.post("/opportunities/", wrong.clone()).await.0,
        400,
        "another's stage"
    );
    wrong["pipelineStageId"] = Value::Null;
    wrong["status"] = json!("all");
    assert_eq!(ghl.post("/opportunities/", wrong).await.0, 422);
    let nobody = opportunity("none", &pipelines[0], "five");
    let (status, body) = ghl.post("/opportunities/", nobody).await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("Contact with id none not found"))
    );
    ghl.delete(&format!("/contacts/{contact}"), json!({})).await;
    let (_, found) = ghl.get("/opportunities/search?location_id=loc1").await;
    assert_eq!(found["meta"]["total"], 0, "they go with the contact");
}

#[tokio::test]
async fn search_takes_snake_case_and_pages_behind_the_last_row() {
    let ghl = Ghl::start().await;
    let pipelines = pipelines(&ghl).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let contact = ghl.contact(json!({"email": format!("c{number}@x.test")})).await;
        ids.push(
            make(
                &ghl,
                opportunity(&contact, &pipelines[0], &format!("Order {number}")),
            )
            .await,
        );
        ghl.state().advance(if number == 2 { 86_400_000 } else { 0 });
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/opportunities/search?location_id=loc1&limit=2{cursor}");
        let (status, body) = ghl.get(&path).await;
        assert_eq!((status, &body["meta"]["total"]), (200, &json!(5)), "{body}");
        let rows = body["opportunities"].as_array().expect("rows");
        found.extend(rows.iter().map(|row| row["id"].as_str().expect("id").to_owned()));
        let meta = &body["meta"];
        let Some(id) = meta["startAfterId"].as_str() else {
            break;
        };
        cursor = format!("&startAfter={}&startAfterId={id}", meta["startAfter"]);
    }
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
    let search = "/opportunities/search?location_id=loc1";
    for (query, total) in [
        ("&q=order%203", 1),
        ("&status=all", 5),
        ("&status=won", 0),
        ("&date=11-15-2023", 2),
        ("&endDate=11-14-2023", 3),
        ("&q=c4@x", 1),
    ] {
        let (_, body) = ghl.get(&format!("{search}{query}")).await;
        assert_eq!(body["meta"]["total"], total, "{query}: {body}");
    }
    for query in [
        "&limit=101",
        "&sortBy=name",
        "&pipelineId=x",
        "&date=2023-11-15",
        "&status=gone",
    ] {
        assert_eq!(ghl.get(&format!("{search}{query}")).await.0, 422, "{query}");
    }
    assert_eq!(ghl.get("/opportunities/search?limit=1").await.0, 403);
}

#[tokio::test]
async fn changes_are_told_by_events_of_what_is_different() {
    let ghl = Ghl::start_with(|settings| {
        let mut field = CustomField::new("f1", "plan");
        "opportunity".clone_into(&mut field.model);
        settings.locations[0].custom_fields.push(field);
        settings.webhooks = vec![Webhook {
            url: "http://127.0.0.1:9/hooks".to_owned(),
            location_id: None,
            events: None,
        }];
    })
    .await;
    let pipelines = pipelines(&ghl).await;
    let contact = ghl.contact(json!({"email": "a@x.test"})).await;
    let id = make(&ghl, opportunity(&contact, &pipelines[0], "Order")).await;
    let path = format!("/opportunities/{id}");
    let body = json!({
        "name": "Order", "monetaryValue": 14.5, "pipelineStageId": pipelines[0]["stages"][2]["id"],
        "customFields": [{"key": "plan", "field_value": "gold"}],
    });
    let (status, changed) = ghl.put(&path, body).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(
        changed["opportunity"]["customFields"],
        json!([{"id": "f1", "fieldValue": "gold"}])
    );
    assert_eq!(
        ghl.put(&format!("{path}/status"), json!({"status": "won"}))
            .await
            .1["succeded"],
        true
    );
    let (status, followed) = ghl
        .post(&format!("{path}/followers"), json!({"followers": ["u1"]}))
        .await;
    assert_eq!((status, &followed["followersAdded"]), (201, &json!(["u1"])));
    let eleven: Vec<String> = (0..11).map(|number| format!("u{number}")).collect();
    let (status, _) = ghl
        .post(&format!("{path}/followers"), json!({"followers": eleven}))
        .await;
    assert_eq!(status, 422);
    let (_, left) = ghl
        .delete(
            &format!("{path}/followers?isRemoveAllFollowers=true"),
            json!({"followers": []}),
        )
        .await;
    assert_eq!(left["followersRemoved"], json!(["u1"]));
    ghl.delete(&path, json!({})).await;
    let sent = ghl.state().deliveries();
    let events: Vec<&str> = sent[1..].iter().map(|one| one.event.as_str()).collect();
    assert_eq!(
        events,
        [
            "OpportunityCreate",
            "OpportunityUpdate",
            "OpportunityStageUpdate",
            "OpportunityMonetaryValueUpdate",
            "OpportunityUpdate",
            "OpportunityStatusUpdate",
            "OpportunityDelete"
        ]
    );
    let last: Value = serde_json::from_str(&sent[7].body).expect("JSON");
    assert_eq!(
        (&last["id"], &last["status"], &last["contactId"]),
        (&json!(id), &json!("won"), &json!(contact))
    );
}

#[tokio::test]
async fn upsert_goes_by_id_or_by_contact_and_pipeline() {
    let ghl = Ghl::start().await;
    let pipelines = pipelines(&ghl).await;
    let contact = ghl.contact(json!({"email": "a@x.test"})).await;
    let body = opportunity(&contact, &pipelines[0], "Order");
    let (status, made) = ghl.post("/opportunities/upsert", body.clone()).await;
    assert_eq!((status, &made["new"]), (201, &json!(true)), "{made}");
    let (status, same) = ghl.post("/opportunities/upsert", body).await;
    assert_eq!((status, &same["new"]), (200, &json!(false)));
    assert_eq!(same["opportunity"]["id"], made["opportunity"]["id"]);
    let by_id = json!({
        "id": made["opportunity"]["id"], "locationId": LOCATION, "pipelineId": pipelines[1]["id"],
        "followers": ["u1"], "isRemoveAllFollowers": false, "followersActionType": "add",
    });
    let (_, moved) = ghl.post("/opportunities/upsert", by_id).await;
    let moved = &moved["opportunity"];
    assert_eq!(moved["pipelineStageId"], pipelines[1]["stages"][0]["id"]);
    assert_eq!(
        (&moved["followers"], &moved["name"]),
        (&json!(["u1"]), &json!("Order"))
    );
}
