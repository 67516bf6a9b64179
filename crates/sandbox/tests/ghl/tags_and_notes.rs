use serde_json::json;

use crate::client::Ghl;

#[tokio::test]
async fn tags_are_added_and_removed_without_regard_to_case() {
    let ghl = Ghl::start().await;
    let id = ghl.contact(json!({"email": "a@x.test", "tags": ["Hers"]})).await;
    let path = format!("/contacts/{id}/tags");
    let (status, body) = ghl.post(&path, json!({"tags": ["hers", "Ours", "OURS"]})).await;
    assert_eq!(status, 201);
    assert_eq!(
        (&body["tags"], &body["tagsAdded"]),
        (&json!(["Hers", "Ours"]), &json!(["Ours"]))
    );
    let (status, body) = ghl.delete(&path, json!({"tags": ["ours", "never there"]})).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&body["tags"], &body["tagsRemoved"]),
        (&json!(["Hers"]), &json!(["Ours"]))
    );
    let kinds: Vec<_> = ghl
        .state()
        .calls()
        .into_iter()
        .filter_map(|call| Some(call.effect?.kind))
        .collect();
    assert_eq!(kinds, ["contact_created", "tags_added", "tags_removed"]);
}

#[tokio::test]
async fn tags_must_be_a_list_of_text() {
    let ghl = Ghl::start().await;
    let id = ghl.contact(json!({"email": "a@x.test"})).await;
    for (body, message) in [
        (json!({}), "tags must be an array"),
        (json!({"tags": [1]}), "each value in tags must be a string"),
    ] {
        let (status, body) = ghl.delete(&format!("/contacts/{id}/tags"), body).await;
        assert_eq!((status, &body["message"]), (422, &json!([message])));
    }
}

#[tokio::test]
async fn note_goes_through_its_life() {
    let ghl = Ghl::start().await;
    let id = ghl.contact(json!({"email": "a@x.test"})).await;
    let notes = format!("/contacts/{id}/notes");
    let (status, body) = ghl.post(&notes, json!({"title": "no body"})).await;
    assert_eq!(
        (status, &body["message"]),
        (422, &json!(["body must be a string"]))
    );
    let (status, body) = ghl.post(&notes, json!({"body": "Order 1\nref: abc"})).await;
    assert_eq!((status, &body["note"]["contactId"]), (201, &json!(id)));
    let note = body["note"]["id"].as_str().expect("id").to_owned();
    let one = format!("{notes}/{note}");
    assert_eq!(
        ghl.put(&one, json!({"title": "Sale"})).await.1["note"]["title"],
        "Sale"
    );
    assert_eq!(ghl.get(&one).await.1["note"]["body"], "Order 1\nref: abc");
    assert_eq!(ghl.get(&notes).await.1["notes"][0]["id"], json!(note));
    let (status, body) = ghl.delete(&one, json!({})).await;
    assert_eq!((status, &body["succeded"]), (200, &json!(true)));
    assert_eq!(
        ghl.get(&one).await.1["error"],
        format!("Note with id {note} not found")
    );
    let effects: Vec<_> = ghl
        .state()
        .calls()
        .into_iter()
        .filter_map(|call| call.effect)
        .skip(1)
        .collect();
    let kinds: Vec<_> = effects.iter().map(|effect| effect.kind).collect();
    assert_eq!(kinds, ["note_created", "note_updated", "note_deleted"]);
    assert!(
        effects
            .iter()
            .all(|effect| effect.detail["body"] == "Order 1\nref: abc")
    );
}
