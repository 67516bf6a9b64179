use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION, answer};

/// Searches with `body`; the first names found, in order.
async fn names(ghl: &Ghl, body: Value) -> Vec<String> {
    let (status, body) = search(ghl, body).await;
    assert_eq!(status, 200, "{body}");
    let contacts = body["contacts"].as_array().expect("contacts");
    let name = |contact: &Value| contact["firstName"].as_str().unwrap_or_default().to_owned();
    contacts.iter().map(name).collect()
}

async fn search(ghl: &Ghl, mut body: Value) -> (u16, Value) {
    body["locationId"] = json!(LOCATION);
    if body.get("pageLimit").is_none() {
        body["pageLimit"] = json!(100);
    }
    ghl.post("/contacts/search", body).await
}

async fn with_people() -> Ghl {
    let ghl = Ghl::start().await;
    for (name, tags, city) in [
        ("Ada", json!(["VIP", "one"]), "Ely"),
        ("Bob", json!(["vip"]), "York"),
        ("Cyd", json!([]), "Ely"),
    ] {
        let email = format!("{}@x.test", name.to_lowercase());
        let phone = format!(
            "+1212555010{}",
            name.len() + usize::from(name.as_bytes()[0] - b'A')
        );
        ghl.contact(json!({"firstName": name, "email": email, "phone": phone, "tags": tags, "city": city}))
            .await;
        ghl.state().advance(1000);
    }
    ghl
}

#[tokio::test]
async fn filters_select_by_field_operator_and_group() {
    let ghl = with_people().await;
    let eq = |field: &str, value: &str| json!({"field": field, "operator": "eq", "value": value});
    let start = crate::client::START_MS;
    for (filters, expected) in [
        (json!([eq("email", "ADA@x.test")]), vec!["Ada"]),
        (json!([eq("phone", "+12125550104")]), vec!["Bob"]),
        (json!([eq("tags", "vip")]), vec!["Bob", "Ada"]),
        (json!([eq("tags", "vip"), eq("city", "ely")]), vec!["Ada"]),
        (
            json!([{"group": "OR", "filters": [eq("email", "cyd@x.test"), eq("city", "york")]}]),
            vec!["Cyd", "Bob"],
        ),
        (json!([{"field": "tags", "operator": "not_exists"}]), vec!["Cyd"]),
        (
            json!([{"field": "tags", "operator": "not_eq", "value": "one"}]),
            vec!["Cyd", "Bob"],
        ),
        (
            json!([{"field": "city", "operator": "contains", "value": "or"}]),
            vec!["Bob"],
        ),
        (
            json!([{"field": "dateAdded", "operator": "range", "value": {"gt": start, "lte": start + 1000}}]),
            vec!["Bob"],
        ),
        (
            json!([{"field": "dateUpdated", "operator": "range", "value": {"gte": "2023-11-14T22:13:22Z"}}]),
            vec!["Cyd"],
        ),
    ] {
        assert_eq!(
            names(&ghl, json!({"filters": filters})).await,
            expected,
            "{filters}"
        );
    }
    assert_eq!(names(&ghl, json!({"query": "bOB"})).await, ["Bob"]);
}

#[tokio::test]
async fn faulty_searches_are_refused() {
    let ghl = Ghl::start().await;
    let filter = |field: &str, operator: &str, value: Value| json!({"filters": [{"field": field, "operator": operator, "value": value}]});
    for (body, status) in [
        (filter("additional_phones", "eq", json!("x")), 400),
        (filter("email", "contains", json!("x")), 422),
        (filter("city", "like", json!("x")), 422),
        (filter("city", "eq", json!("x".repeat(76))), 422),
        (json!({"query": "x".repeat(76)}), 422),
        (json!({"pageLimit": 501}), 422),
        (json!({"pageLimit": 500, "page": 21}), 400),
        (json!({"page": 1, "searchAfter": [1, "x"]}), 422),
        (json!({"limit": 5}), 422),
        (json!({"sort": [{"field": "city", "direction": "asc"}]}), 400),
    ] {
        assert_eq!(search(&ghl, body.clone()).await.0, status, "{body}");
    }
}

#[tokio::test]
async fn both_kinds_of_paging_give_each_contact_once() {
    let ghl = with_people().await;
    let sort = json!([{"field": "firstNameLowerCase", "direction": "asc"}]);
    let by_page = async |page: u32| names(&ghl, json!({"sort": sort, "pageLimit": 2, "page": page})).await;
    assert_eq!(
        (by_page(1).await, by_page(2).await),
        (vec!["Ada".into(), "Bob".into()], vec!["Cyd".into()])
    );

    let (mut seen, mut cursor) = (Vec::new(), json!([]));
    loop {
        let (_, body) = search(&ghl, json!({"pageLimit": 2, "searchAfter": cursor})).await;
        assert_eq!(body["total"], 3);
        let page = body["contacts"].as_array().cloned().expect("contacts");
        let Some(last) = page.last() else { break };
        cursor = last["searchAfter"].clone();
        seen.extend(page.iter().map(|contact| contact["firstName"].clone()));
    }
    assert_eq!(seen, ["Cyd", "Bob", "Ada"]);
}

#[tokio::test]
async fn search_lags_behind_while_find_duplicate_does_not() {
    let ghl = with_people().await;
    ghl.state().change(|settings| settings.index_lag_ms = 2000);
    let id = ghl
        .contact(json!({"firstName": "Dee", "email": "dee@x.test"}))
        .await;
    let ada = ghl.state().contact("ada@x.test").expect("ada")["id"].clone();
    let path = format!("/contacts/{}", ada.as_str().expect("id"));
    ghl.put(&path, json!({"email": "lovelace@x.test"})).await;
    let by_email = async |email: &str| {
        names(
            &ghl,
            json!({"filters": [{"field": "email", "operator": "eq", "value": email}]}),
        )
        .await
    };
    let direct = format!("/contacts/search/duplicate?locationId={LOCATION}&email=dee@x.test");
    assert_eq!(ghl.get(&direct).await.1["contact"]["id"], json!(id));
    ghl.state().advance(1999);
    assert!(by_email("dee@x.test").await.is_empty() && by_email("lovelace@x.test").await.is_empty());
    assert_eq!(by_email("ada@x.test").await, ["Ada"]);
    ghl.state().advance(1);
    assert_eq!(
        (by_email("dee@x.test").await, by_email("lovelace@x.test").await),
        (vec!["Dee".into()], vec!["Ada".into()])
    );
    assert!(by_email("ada@x.test").await.is_empty());
}

#[tokio::test]
async fn a_seeded_location_is_listed_whole_by_cursor() {
    let ghl = Ghl::start_with(|settings| settings.limit = None).await;
    let count = 3_000;
    let seed = ghl
        .bare(Method::POST, "/_sandbox/seed")
        .json(&json!({"contacts": count}));
    assert_eq!(answer(seed).await.1["contacts"], count);
    let mut emails = HashSet::new();
    let mut cursor = json!([]);
    loop {
        let body = json!({"locationId": LOCATION, "pageLimit": 500, "searchAfter": cursor});
        let (status, page) = ghl.post("/contacts/search", body).await;
        assert_eq!((status, &page["total"]), (200, &json!(count)));
        let rows = page["contacts"].as_array().expect("rows");
        let Some(last) = rows.last() else { break };
        cursor = last["searchAfter"].clone();
        emails.extend(rows.iter().map(|row| row["email"].to_string()));
    }
    assert_eq!(emails.len(), count);
}

#[tokio::test]
async fn contacts_are_found_by_their_opportunities() {
    let ghl = with_people().await;
    let pipelines = ghl
        .get(&format!("/opportunities/pipelines?locationId={LOCATION}"))
        .await
        .1;
    let pipeline = pipelines["pipelines"][0]["id"].clone();
    let id = |email: &str| ghl.state().contact(email).expect("a contact")["id"].clone();
    for (email, status) in [("ada@x.test", "won"), ("bob@x.test", "open")] {
        let opportunity = json!({
            "locationId": LOCATION, "contactId": id(email), "pipelineId": pipeline, "name": "x", "status": status,
        });
        assert_eq!(ghl.post("/opportunities/", opportunity).await.0, 201);
    }
    let by = async |conditions: Value| {
        let filter = json!({"field": "opportunities", "operator": "nested", "value": conditions});
        names(&ghl, json!({"filters": [filter]})).await
    };
    let is = |field: &str, value: &Value| json!({"field": field, "operator": "eq", "value": value});
    let in_pipeline = is("pipelineId", &pipeline);
    assert_eq!(by(json!([in_pipeline])).await, ["Bob", "Ada"]);
    assert_eq!(
        by(json!([in_pipeline, is("status", &json!("won"))])).await,
        ["Ada"]
    );
    assert!(by(json!([is("pipelineId", &json!("other"))])).await.is_empty());
    let none = json!({"field": "opportunities", "operator": "not_exists"});
    assert_eq!(names(&ghl, json!({"filters": [none]})).await, ["Cyd"]);
    for conditions in [json!([]), json!([is("colour", &json!("red"))])] {
        let filter = json!({"field": "opportunities", "operator": "nested", "value": conditions});
        let (status, body) = search(&ghl, json!({"filters": [filter]})).await;
        assert!(matches!(status, 400 | 422), "{body}");
    }
}

#[tokio::test]
async fn contacts_are_found_by_one_text_of_a_list_and_by_their_last_appointment() {
    let (ghl, contact, calendar) = crate::appointments::scene(json!({})).await;
    let field = "textBoxListTextBoxLi";
    let written = json!({"customFields": [{"id": field, "field_value": {"one": "red", "two": "blue"}}]});
    assert_eq!(ghl.put(&format!("/contacts/{contact}"), written).await.0, 200);
    let slot = "2023-11-20T09:30:00-05:00";
    let by = async |field: &str, operator: &str, value: Value| {
        let filter = json!({"field": field, "operator": operator, "value": value});
        names(&ghl, json!({"filters": [filter]})).await.len()
    };
    assert_eq!(
        by(&format!("customFields.{field}.two"), "eq", json!("blue")).await,
        1
    );
    assert_eq!(
        by(&format!("customFields.{field}.one"), "eq", json!("blue")).await,
        0
    );
    assert_eq!(by("lastAppointment", "range", json!({"gte": slot})).await, 0);
    let booking = json!({
        "locationId": LOCATION, "calendarId": calendar, "contactId": contact, "startTime": slot,
    });
    crate::appointments::book(&ghl, booking).await;
    assert_eq!(by("lastAppointment", "range", json!({"gte": slot})).await, 1);
    assert_eq!(by("lastAppointment", "range", json!({"gt": slot})).await, 0);
}
