use cartlane_sandbox::{Location, Token};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Ghl, LOCATION, answer};

const COMPANY: &str = "sandboxCompany000000";

async fn start() -> Ghl {
    Ghl::start_with(|settings| {
        settings.tokens.push(Token::agency("pit-agency"));
        settings.locations.push(Location::new("loc2"));
    })
    .await
}

async fn agency(ghl: &Ghl, method: Method, path: &str, body: Value) -> Answer {
    let request = ghl
        .bare(method, path)
        .header("user-agent", "test")
        .header("version", "2021-07-28");
    answer(request.bearer_auth("pit-agency").json(&body)).await
}

#[tokio::test]
async fn an_agency_makes_sub_accounts_and_each_sees_itself_only() {
    let ghl = start().await;
    let body = json!({"name": "Shop", "companyId": COMPANY, "timezone": "Europe/Berlin"});
    assert_eq!(ghl.post("/locations/", body.clone()).await.0, 403);
    let (status, made) = agency(&ghl, Method::POST, "/locations/", body).await;
    assert_eq!((status, &made["name"]), (200, &json!("Shop")), "{made}");
    let id = made["id"].as_str().expect("id");
    let (_, read) = agency(&ghl, Method::GET, &format!("/locations/{id}"), json!({})).await;
    assert_eq!(read["location"]["timezone"], "Europe/Berlin");
    let (_, all) = agency(&ghl, Method::GET, "/locations/search?skip=1&limit=5", json!({})).await;
    assert_eq!(all["locations"].as_array().expect("rows").len(), 2);
    let (_, own) = ghl.get("/locations/search").await;
    assert_eq!(own["locations"][0]["id"], LOCATION);
    assert_eq!(own["locations"].as_array().expect("rows").len(), 1);
    assert_eq!(ghl.get(&format!("/locations/{id}")).await.0, 403);
    let (status, _) = agency(
        &ghl,
        Method::GET,
        &format!("/snapshots/?companyId={COMPANY}"),
        json!({}),
    )
    .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn users_are_created_found_changed_and_deleted() {
    let ghl = start().await;
    let user = json!({
        "companyId": COMPANY, "firstName": "Ada", "lastName": "Byron", "email": "ada@x.test",
        "password": "Secret-12345", "type": "account", "role": "admin", "locationIds": [LOCATION],
    });
    let (status, made) = ghl.post("/users/", user.clone()).await;
    assert_eq!(status, 201, "{made}");
    assert!(made["password"].is_null() && made["roles"]["locationIds"] == json!([LOCATION]));
    let id = made["id"].as_str().expect("id");
    assert_eq!(ghl.post("/users/", user).await.0, 400, "the e-mail is taken");
    let (status, body) = ghl.get("/users/search").await;
    assert_eq!(
        (status, &body["message"]),
        (401, &json!("E01 - Unauthorized request"))
    );
    let (_, found) = ghl
        .get(&format!("/users/search?companyId={COMPANY}&query=byr"))
        .await;
    assert_eq!(
        (&found["count"], &found["users"][0]["id"]),
        (&json!(1), &json!(id))
    );
    let emails = json!({"companyId": COMPANY, "emails": "nobody@x.test,ADA@x.test"});
    assert_eq!(
        ghl.post("/users/search/filter-by-email", emails.clone()).await.0,
        403
    );
    let (_, by_email) = agency(&ghl, Method::POST, "/users/search/filter-by-email", emails).await;
    assert_eq!(by_email["users"], json!([{"id": id, "email": "ada@x.test"}]));
    let (status, changed) = ghl
        .put(&format!("/users/{id}"), json!({"lastName": "Lovelace"}))
        .await;
    assert_eq!((status, &changed["name"]), (200, &json!("Ada Lovelace")));
    let (_, here) = ghl.get("/users/?locationId=loc1").await;
    assert_eq!(here["users"][0]["lastName"], "Lovelace");
    assert_eq!(
        ghl.delete(&format!("/users/{id}"), json!({})).await.1["succeded"],
        true
    );
    assert_eq!(ghl.get(&format!("/users/{id}")).await.0, 400);
}

#[tokio::test]
async fn a_custom_field_made_over_the_api_can_be_written_by_its_key() {
    let ghl = Ghl::start().await;
    let (status, made) = ghl
        .post(
            "/locations/loc1/customFields",
            json!({"name": "Shoe Size", "dataType": "TEXT"}),
        )
        .await;
    assert_eq!(
        (status, &made["customField"]["fieldKey"]),
        (201, &json!("contact.shoe_size")),
        "{made}"
    );
    let id = ghl
        .contact(json!({"email": "a@x.test", "customFields": [{"key": "shoe_size", "field_value": "42"}]}))
        .await;
    let (_, contact) = ghl.get(&format!("/contacts/{id}")).await;
    assert_eq!(
        contact["contact"]["customFields"],
        json!([{"id": made["customField"]["id"], "value": "42"}])
    );
    let (_, listed) = ghl.get("/locations/loc1/customFields?model=opportunity").await;
    assert_eq!(listed["customFields"], json!([]));
    let (status, body) = ghl.get("/locations/loc1/customFields?model=car").await;
    assert_eq!(status, 422, "{body}");
}

#[tokio::test]
async fn a_locations_tags_are_those_of_its_contacts_and_those_made_by_hand() {
    let ghl = Ghl::start().await;
    ghl.contact(json!({"email": "a@x.test", "tags": ["VIP", "new"]}))
        .await;
    assert_eq!(
        ghl.post("/locations/loc1/tags", json!({"name": "Later"})).await.0,
        201
    );
    assert_eq!(
        ghl.post("/locations/loc1/tags", json!({"name": "vip"})).await.0,
        400
    );
    let (_, body) = ghl.get("/locations/loc1/tags").await;
    let names: Vec<_> = body["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    assert_eq!(names, ["later", "new", "vip"]);
}
