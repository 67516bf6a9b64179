use cartlane_sandbox::{CustomField, Edit};
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION};

#[tokio::test]
async fn created_contact_reads_as_it_was_written() {
    let ghl = Ghl::start().await;
    let id = ghl
        .contact(json!({
            "firstName": "Ada", "lastName": "King", "email": "Ada@X.test", "phone": "+1 (212) 555-0100",
            "country": "Nowhere", "tags": ["VIP", "vip"], "dateOfBirth": "12/10/1815", "city": null,
        }))
        .await;
    let (status, body) = ghl.get(&format!("/contacts/{id}")).await;
    let contact = &body["contact"];
    assert_eq!(status, 200);
    let expected = json!({
        "id": id, "locationId": LOCATION, "email": "Ada@X.test", "emailLowerCase": "ada@x.test",
        "phone": "+12125550100", "country": "Nowhere", "tags": ["VIP"], "dateOfBirth": "1815-12-10",
        "fullNameLowerCase": "ada king", "dateAdded": "2023-11-14T22:13:20.000Z",
    });
    for (key, value) in expected.as_object().expect("object") {
        assert_eq!(&contact[key], value, "{key}");
    }
    assert!(contact.get("city").is_none());
}

#[tokio::test]
async fn unknown_properties_and_wrong_types_are_listed_together() {
    let ghl = Ghl::start().await;
    let body = json!({
        "locationId": LOCATION, "email": 5, "tags": "vip", "nickname": "x", "dnd": "yes",
        "customFields": [{"id": "f1", "value": "x"}],
    });
    let (status, body) = ghl.post("/contacts/", body).await;
    assert_eq!(status, 422);
    assert_eq!(
        body["message"],
        json!([
            "property nickname should not exist",
            "email must be a string",
            "dnd must be a boolean value",
            "tags must be an array",
            "customFields.0.property value should not exist",
        ])
    );
    assert_eq!(ghl.state().stats().contacts, 0);
}

#[tokio::test]
async fn update_refuses_what_only_create_takes() {
    let ghl = Ghl::start().await;
    let id = ghl.contact(json!({"email": "a@x.test"})).await;
    for property in ["locationId", "gender", "companyName", "additionalEmails"] {
        let (status, body) = ghl.put(&format!("/contacts/{id}"), json!({property: "x"})).await;
        assert_eq!(status, 422);
        assert_eq!(
            body["message"],
            json!([format!("property {property} should not exist")])
        );
    }
}

#[tokio::test]
async fn create_with_only_a_location_disagrees_with_itself_about_the_status() {
    let ghl = Ghl::start().await;
    let (status, body) = ghl.post("/contacts/", json!({"locationId": LOCATION})).await;
    assert_eq!((status, &body["statusCode"]), (400, &json!(422)));
}

#[tokio::test]
async fn duplicate_is_refused_by_email_first_then_by_phone() {
    let ghl = Ghl::start().await;
    let ada = ghl
        .contact(json!({"email": "ada@x.test", "phone": "+12125550100", "name": "Ada King"}))
        .await;
    let bob = ghl
        .contact(json!({"email": "bob@x.test", "phone": "+12125550101"}))
        .await;
    ghl.state()
        .edit(&Edit {
            contact_id: Some(bob.clone()),
            set: json!({"additionalEmails": ["robert@x.test"]})
                .as_object()
                .cloned()
                .expect("object"),
            ..Edit::default()
        })
        .expect("bob exists");
    for (email, phone, owner, field) in [
        ("ADA@x.test", "+12125550101", &ada, "email"),
        ("robert@x.test", "+12125550100", &bob, "additionalEmail"),
        ("new@x.test", "+1 212 555 0101", &bob, "phone"),
    ] {
        let body = json!({"locationId": LOCATION, "email": email, "phone": phone});
        let (status, body) = ghl.post("/contacts/", body).await;
        assert_eq!((status, &body["statusCode"]), (400, &json!(400)));
        assert_eq!(
            body["message"],
            "This location does not allow duplicated contacts."
        );
        assert_eq!(body["meta"]["contactId"], json!(owner));
        assert_eq!(body["meta"]["matchingField"], field);
    }
    let (status, body) = ghl
        .put(&format!("/contacts/{bob}"), json!({"phone": "+12125550100"}))
        .await;
    assert_eq!((status, &body["meta"]["contactName"]), (400, &json!("Ada King")));
    // Its own values don't stand in a contact's way.
    assert_eq!(
        ghl.put(&format!("/contacts/{bob}"), json!({"email": "BOB@x.test"}))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn location_that_allows_duplicates_has_them() {
    let ghl = Ghl::start_with(|settings| settings.locations[0].allow_duplicates = true).await;
    let first = ghl.contact(json!({"email": "a@x.test"})).await;
    let second = ghl.contact(json!({"email": "a@x.test"})).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn update_overwrites_tags_only_when_it_carries_them() {
    let ghl = Ghl::start().await;
    let id = ghl
        .contact(json!({"email": "a@x.test", "tags": ["one", "two"]}))
        .await;
    let path = format!("/contacts/{id}");
    let (status, body) = ghl.put(&path, json!({"city": "London"})).await;
    assert_eq!((status, &body["succeded"]), (200, &json!(true)));
    assert_eq!(body["contact"]["tags"], json!(["one", "two"]));
    let (_, body) = ghl.put(&path, json!({"tags": ["three"]})).await;
    assert_eq!(body["contact"]["tags"], json!(["three"]));
    let log = ghl.state().calls();
    let effect = log
        .last()
        .and_then(|entry| entry.effect.as_ref())
        .expect("effect");
    assert_eq!(effect.detail["written"]["tags_before"], json!(["one", "two"]));
}

#[tokio::test]
async fn missing_contact_is_a_400_with_keys_of_its_own() {
    let ghl = Ghl::start().await;
    for (status, body) in [
        ghl.get("/contacts/nobody").await,
        ghl.put("/contacts/nobody", json!({"city": "x"})).await,
        ghl.delete("/contacts/nobody", json!({})).await,
        ghl.post("/contacts/nobody/notes", json!({"body": "x"})).await,
        ghl.post("/contacts/nobody/tags", json!({"tags": ["x"]})).await,
    ] {
        assert_eq!((status, &body["status"]), (400, &json!(400)));
        assert_eq!(body["error"], "Contact with id nobody not found");
    }
}

#[tokio::test]
async fn deleted_contact_is_gone_with_its_email() {
    let ghl = Ghl::start().await;
    let id = ghl.contact(json!({"email": "a@x.test"})).await;
    let (status, body) = ghl.delete(&format!("/contacts/{id}"), json!({})).await;
    assert_eq!((status, &body["succeded"]), (200, &json!(true)));
    assert_eq!(ghl.get(&format!("/contacts/{id}")).await.0, 400);
    ghl.contact(json!({"email": "a@x.test"})).await;
}

#[tokio::test]
async fn find_duplicate_needs_its_plus_encoded() {
    let ghl = Ghl::start().await;
    let id = ghl
        .contact(json!({"email": "a+b@x.test", "phone": "+12125550100"}))
        .await;
    let find = async |query: &str| {
        let path = format!("/contacts/search/duplicate?locationId={LOCATION}&{query}");
        ghl.get(&path).await.1["contact"].clone()
    };
    assert_eq!(find("email=A%2Bb@x.test").await["id"], json!(id));
    assert_eq!(find("number=%2B12125550100").await["id"], json!(id));
    assert_eq!(find("email=a+b@x.test").await, Value::Null);
}

#[tokio::test]
async fn upsert_ignores_a_phone_of_somebody_else_and_the_gender() {
    let ghl = Ghl::start().await;
    let upsert = async |mut body: Value| {
        body["locationId"] = json!(LOCATION);
        ghl.post("/contacts/upsert", body).await
    };
    let (status, body) = upsert(json!({"email": "ada@x.test", "tags": ["one"]})).await;
    assert_eq!((status, &body["new"]), (201, &json!(true)));
    let ada = body["contact"]["id"].clone();
    ghl.contact(json!({"email": "bob@x.test", "phone": "+12125550101"}))
        .await;
    let both =
        json!({"email": "ada@x.test", "phone": "+12125550101", "gender": "f", "city": "Ely", "tags": []});
    let (status, body) = upsert(both).await;
    assert_eq!(
        (status, &body["new"], &body["contact"]["id"]),
        (200, &json!(false), &ada)
    );
    let contact = body["contact"].as_object().expect("contact");
    assert_eq!((&contact["city"], &contact["tags"]), (&json!("Ely"), &json!([])));
    assert!(!contact.contains_key("phone") && !contact.contains_key("gender"));
}

#[tokio::test]
async fn custom_fields_are_written_by_id_or_key_and_read_by_id() {
    let ghl = Ghl::start_with(|settings| {
        settings.locations[0]
            .custom_fields
            .push(CustomField::new("f1", "plan"));
    })
    .await;
    let fields = json!([
        {"key": "contact.plan", "field_value": "gold"}, {"id": "f2", "field_value": 5},
        {"key": "unheard_of", "field_value": "x"},
    ]);
    let id = ghl
        .contact(json!({"email": "a@x.test", "customFields": fields}))
        .await;
    let (_, body) = ghl.get(&format!("/contacts/{id}")).await;
    assert_eq!(
        body["contact"]["customFields"],
        json!([{"id": "f1", "value": "gold"}, {"id": "f2", "value": 5}])
    );
}

#[tokio::test]
async fn list_gives_each_contact_once_by_its_cursor() {
    let ghl = Ghl::start().await;
    let mut wanted = Vec::new();
    for number in 0..7 {
        wanted.push(ghl.contact(json!({"email": format!("{number}@x.test")})).await);
        ghl.state().advance(u32::from(number % 2 == 0)); // some share a moment
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, body) = ghl
            .get(&format!("/contacts/?locationId={LOCATION}&limit=3{cursor}"))
            .await;
        let page = body["contacts"].as_array().cloned().expect("contacts");
        seen.extend(
            page.iter()
                .map(|contact| contact["id"].as_str().expect("id").to_owned()),
        );
        let Some(after) = body["meta"]["startAfterId"].as_str() else {
            break;
        };
        cursor = format!("&startAfter={}&startAfterId={after}", body["meta"]["startAfter"]);
    }
    seen.sort();
    wanted.sort();
    assert_eq!(seen, wanted);
    assert_eq!(
        ghl.get(&format!("/contacts/?locationId={LOCATION}&limit=101"))
            .await
            .0,
        422
    );
}
