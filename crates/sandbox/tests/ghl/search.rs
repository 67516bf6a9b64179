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
