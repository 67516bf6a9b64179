//! Tasks, memberships, changes in bulk and businesses.

use cartlane_sandbox::Edit;
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION};

#[tokio::test]
async fn a_task_is_made_changed_completed_and_deleted() {
    let ghl = Ghl::start().await;
    let contact = ghl.contact(json!({"email": "a@x.test"})).await;
    let other = ghl.contact(json!({"email": "b@x.test"})).await;
    let tasks = format!("/contacts/{contact}/tasks");
    let mut task = json!({"title": "Call", "dueDate": "tomorrow", "completed": false, "colour": "red"});
    let (status, body) = ghl.post(&tasks, task.clone()).await;
    assert_eq!(
        (status, &body["message"][0]),
        (422, &json!("property colour should not exist"))
    );
    task.as_object_mut().expect("object").remove("colour");
    assert_eq!(ghl.post(&tasks, task.clone()).await.0, 422, "no date");
    task["dueDate"] = json!("2026-01-31T10:00:00Z");
    let (status, made) = ghl.post(&tasks, task).await;
    assert_eq!(status, 201, "{made}");
    let id = made["task"]["id"].as_str().expect("id");
    let (status, done) = ghl
        .put(&format!("{tasks}/{id}/completed"), json!({"completed": true}))
        .await;
    assert_eq!((status, &done["task"]["completed"]), (200, &json!(true)));
    let (_, listed) = ghl.get(&tasks).await;
    assert_eq!(listed["tasks"], json!([done["task"]]));
    let (status, body) = ghl.get(&format!("/contacts/{other}/tasks/{id}")).await;
    assert_eq!(status, 400, "another contact's: {body}");
    assert_eq!(
        ghl.delete(&format!("{tasks}/{id}"), json!({})).await.1["succeded"],
        true
    );
    assert_eq!(ghl.get(&format!("{tasks}/{id}")).await.0, 400);
    let kinds: Vec<&str> = ghl
        .state()
        .calls()
        .iter()
        .filter_map(|call| call.effect.as_ref())
        .map(|effect| effect.kind)
        .collect();
    assert_eq!(kinds[2..], ["task_created", "task_completed", "task_deleted"]);
}

/// What the catalog's confirming read of an enrolment finds.
async fn enrolled(ghl: &Ghl, contact: &str, workflow: &str) -> bool {
    let catalog = cartlane_catalog::Catalog::builtin();
    let operation = catalog.get("ghl.contacts.add_to_workflow").expect("an operation");
    let inputs = json!({"contactId": contact, "workflowId": workflow});
    let (read, mut question) =
        cartlane_catalog::confirm_request(operation, &inputs).expect("a confirming read");
    assert_eq!(read, "ghl.contacts.search");
    question["locationId"] = json!(LOCATION);
    let (status, answer) = ghl.post("/contacts/search", question).await;
    assert_eq!(status, 200, "{answer}");
    cartlane_catalog::confirm_finds(operation, &inputs, &answer).is_some()
}

#[tokio::test]
async fn an_enrolment_shows_in_the_catalogs_confirming_search() {
    let ghl = Ghl::start_with(|settings| settings.index_lag_ms = 2_000).await;
    let contact = ghl.contact(json!({"email": "a@x.test"})).await;
    let (_, listed) = ghl.get("/workflows/?locationId=loc1").await;
    let workflow = listed["workflows"][0]["id"].as_str().expect("a workflow");
    let path = format!("/contacts/{contact}/workflow/{workflow}");
    let (status, body) = ghl
        .post(&format!("/contacts/{contact}/workflow/none"), json!({}))
        .await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("Workflow with id none not found"))
    );
    ghl.state().advance(2_000);
    assert!(!enrolled(&ghl, &contact, workflow).await);
    assert_eq!(ghl.post(&path, json!({})).await.1["succeded"], true);
    assert!(!enrolled(&ghl, &contact, workflow).await, "search lags");
    ghl.state().advance(2_000);
    assert!(enrolled(&ghl, &contact, workflow).await);
    ghl.state()
        .edit(&Edit {
            contact_id: Some(contact.clone()),
            finish_workflow: Some(workflow.to_owned()),
            ..Edit::default()
        })
        .expect("an edit");
    ghl.delete(&path, json!({})).await;
    ghl.state().advance(2_000);
    assert!(
        enrolled(&ghl, &contact, workflow).await,
        "who has been through it"
    );
    let again = Ghl::start().await;
    assert_eq!(
        again.get("/workflows/?locationId=loc1").await.1["workflows"],
        listed["workflows"]
    );
}

#[tokio::test]
async fn followers_and_campaigns_of_a_contact_are_sets() {
    let ghl = Ghl::start().await;
    let id = ghl.contact(json!({"email": "a@x.test"})).await;
    let path = format!("/contacts/{id}/followers");
    ghl.post(&path, json!({"followers": ["u1"]})).await;
    let (status, body) = ghl.post(&path, json!({"followers": ["u1", "u2"]})).await;
    assert_eq!((status, &body["followersAdded"]), (201, &json!(["u2"])));
    let filter = json!([{"field": "followers", "operator": "eq", "value": "u2"}]);
    let search = json!({"locationId": LOCATION, "pageLimit": 5, "filters": filter});
    assert_eq!(ghl.post("/contacts/search", search.clone()).await.1["total"], 1);
    let (_, body) = ghl.delete(&path, json!({"followers": ["u2", "u3"]})).await;
    assert_eq!(
        (&body["followers"], &body["followersRemoved"]),
        (&json!(["u1"]), &json!(["u2"]))
    );
    assert_eq!(ghl.post("/contacts/search", search).await.1["total"], 0);
    let (_, drafts) = ghl.get("/campaigns/?locationId=loc1&status=draft").await;
    assert_eq!(drafts["campaigns"], json!([]));
    let (_, campaigns) = ghl.get("/campaigns/?locationId=loc1").await;
    let campaign = campaigns["campaigns"][0]["id"].as_str().expect("a campaign");
    let path = format!("/contacts/{id}/campaigns");
    assert_eq!(ghl.post(&format!("{path}/{campaign}"), json!({})).await.0, 201);
    assert_eq!(ghl.post(&format!("{path}/none"), json!({})).await.0, 400);
    assert_eq!(ghl.delete(&format!("{path}/removeAll"), json!({})).await.0, 200);
    let calls = ghl.state().calls();
    let last = calls.last().expect("a call");
    assert_eq!(last.operation, Some("ghl.contacts.remove_from_all_campaigns"));
    assert_eq!(
        last.effect.as_ref().expect("an effect").detail["campaign_ids"],
        json!([campaign])
    );
}

#[tokio::test]
async fn tags_in_bulk_change_whom_they_can() {
    let ghl = Ghl::start().await;
    let one = ghl.contact(json!({"email": "a@x.test", "tags": ["old"]})).await;
    let two = ghl.contact(json!({"email": "b@x.test", "tags": ["VIP"]})).await;
    let body = json!({"locationId": LOCATION, "contacts": [one, "none", two], "tags": ["vip"]});
    assert_eq!(
        ghl.post("/contacts/bulk/tags/update/swap", body.clone()).await.0,
        422
    );
    let (status, answer) = ghl.post("/contacts/bulk/tags/update/add", body).await;
    assert_eq!((status, &answer["errorCount"]), (201, &json!(1)), "{answer}");
    let added: Vec<&Value> = answer["responses"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row["tagsAdded"])
        .collect();
    assert_eq!(added, [&json!(["vip"]), &Value::Null, &json!([])]);
    let all = json!({"locationId": LOCATION, "contacts": [one], "tags": [], "removeAllTags": true});
    ghl.post("/contacts/bulk/tags/update/remove", all).await;
    assert_eq!(
        ghl.state().contact("a@x.test").expect("a contact")["tags"],
        json!([])
    );
    assert_eq!(
        ghl.state().contact("b@x.test").expect("a contact")["tags"],
        json!(["VIP"])
    );
}

#[tokio::test]
async fn a_business_has_contacts_for_as_long_as_it_exists() {
    let ghl = Ghl::start().await;
    let contact = ghl.contact(json!({"email": "a@x.test"})).await;
    let (status, made) = ghl
        .post("/businesses/", json!({"locationId": LOCATION, "name": "Acme"}))
        .await;
    assert_eq!(
        (status, &made["buiseness"]["name"]),
        (201, &json!("Acme")),
        "{made}"
    );
    let id = made["buiseness"]["id"].as_str().expect("id");
    let path = format!("/businesses/{id}");
    let refused = ghl.put(&path, json!({"locationId": LOCATION})).await;
    assert_eq!(refused.0, 422, "{}", refused.1);
    ghl.put(&path, json!({"city": "Ely"})).await;
    assert_eq!(ghl.get(&path).await.1["business"]["city"], "Ely");
    let link =
        |ids: Value, business: Value| json!({"locationId": LOCATION, "ids": ids, "businessId": business});
    let bulk = "/contacts/bulk/business";
    assert_eq!(ghl.post(bulk, link(json!([contact]), json!("none"))).await.0, 400);
    assert_eq!(ghl.post(bulk, link(json!(vec!["x"; 51]), json!(id))).await.0, 422);
    assert_eq!(ghl.post(bulk, link(json!([contact]), json!(id))).await.0, 200);
    let linked = format!("/contacts/business/{id}?locationId=loc1");
    let (_, body) = ghl.get(&linked).await;
    assert_eq!(
        (&body["count"], &body["contacts"][0]["id"]),
        (&json!(1), &json!(contact))
    );
    assert_eq!(ghl.get(&format!("{linked}&limit=101")).await.0, 422);
    assert_eq!(
        ghl.get("/businesses/?locationId=loc1&skip=1").await.1["businesses"],
        json!([])
    );
    assert_eq!(ghl.delete(&path, json!({})).await.1["success"], true);
    assert!(ghl.state().contact("a@x.test").expect("a contact")["businessId"].is_null());
    assert_eq!(ghl.get(&path).await.0, 400);
}
