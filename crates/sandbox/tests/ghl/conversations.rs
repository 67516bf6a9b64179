//! Conversations, and what is refused about them.

use cartlane_sandbox::{Message, MessageIds};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Ghl, LOCATION, answer};

pub const PHONE: &str = "+14155552671";

pub async fn ada(ghl: &Ghl) -> String {
    ghl.contact(json!({"email": "ada@x.test", "firstName": "Ada", "phone": PHONE}))
        .await
}

pub async fn send(ghl: &Ghl, contact: &str, mut message: Value) -> Answer {
    message["contactId"] = json!(contact);
    ghl.post("/conversations/messages", message).await
}

pub async fn search(ghl: &Ghl, query: &str) -> Value {
    let (status, body) = ghl
        .get(&format!("/conversations/search?locationId={LOCATION}{query}"))
        .await;
    assert_eq!(status, 200, "{body}");
    body
}

pub fn says(ghl: &Ghl, contact: &str, message: Message) -> MessageIds {
    let message = Message {
        contact_id: Some(contact.to_owned()),
        ..message
    };
    ghl.state().message(&message).expect("the message is kept")
}

pub fn text(text: &str) -> Message {
    Message {
        set: serde_json::from_value(json!({"message": text})).expect("an object"),
        ..Message::default()
    }
}

#[tokio::test]
async fn a_contact_has_one_conversation_from_its_creation_on() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    let found = search(&ghl, &format!("&contactId={contact}")).await;
    let id = found["conversations"][0]["id"].clone();
    assert_eq!((&found["total"], id.is_string()), (&json!(1), true));
    let new = json!({"locationId": LOCATION, "contactId": contact});
    let (status, refused) = ghl.post("/conversations/", new.clone()).await;
    assert_eq!(
        (status, &refused["canonicalCode"], &refused["conversationId"]),
        (400, &json!("CONVERSATIONS_CONVERSATION_ALREADY_EXISTS"), &id)
    );
    let path = format!("/conversations/{}", id.as_str().expect("id"));
    send(&ghl, &contact, json!({"type": "SMS", "message": "Hi"})).await;
    assert_eq!(ghl.delete(&path, json!({})).await.1["success"], true);
    assert_eq!(ghl.get(&path).await.0, 400);
    assert_eq!(ghl.get(&format!("{path}/messages")).await.0, 400);
    let (status, made) = ghl.post("/conversations/", new).await;
    assert_eq!(status, 201, "{made}");
    assert_ne!(made["conversation"]["id"], id);
    let messages = format!(
        "/conversations/{}/messages",
        made["conversation"]["id"].as_str().expect("id")
    );
    assert_eq!(ghl.get(&messages).await.1["messages"]["messages"], json!([]));
}

#[tokio::test]
async fn what_another_user_makes_has_a_conversation_and_a_seeded_contact_gets_one_with_its_first_message() {
    let ghl = Ghl::start().await;
    let edit = json!({"email": "b@x.test", "create": true});
    answer(ghl.bare(Method::POST, "/_sandbox/edit").json(&edit)).await;
    assert_eq!(search(&ghl, "&query=b@x").await["total"], 1);
    ghl.state().seed(1, None);
    assert_eq!(search(&ghl, "").await["total"], 1);
    let seeded = ghl.state().contact("contact-1@example.com").expect("a contact");
    let (status, sent) = send(
        &ghl,
        seeded["id"].as_str().expect("id"),
        json!({"type": "SMS", "message": "Hi"}),
    )
    .await;
    assert_eq!(status, 200, "{sent}");
    let found = search(&ghl, "&lastMessageType=TYPE_SMS").await;
    assert_eq!(found["conversations"][0]["id"], sent["conversationId"]);
}

#[tokio::test]
async fn search_pages_by_the_sort_value_of_the_last_row() {
    let ghl = Ghl::start().await;
    for number in 0..3 {
        ghl.contact(json!({"email": format!("{number}@x.test")})).await;
        ghl.state().advance(1_000);
    }
    let first = search(&ghl, "&limit=2").await;
    let emails = |page: &Value| -> Vec<String> {
        let rows = page["conversations"].as_array().expect("rows").iter();
        rows.map(|row| row["email"].as_str().expect("e-mail").to_owned())
            .collect()
    };
    assert_eq!(
        (&first["total"], emails(&first)),
        (&json!(3), vec!["2@x.test".into(), "1@x.test".into()])
    );
    let after = &first["conversations"][1]["sort"][0];
    let second = search(&ghl, &format!("&limit=2&startAfterDate={after}")).await;
    assert_eq!(emails(&second), ["0@x.test"]);
    let oldest = search(&ghl, "&limit=1&sort=asc").await;
    assert_eq!(emails(&oldest), ["0@x.test"]);
    for wrong in ["&limit=101", "&limit=0", "&startAfterDate=soon", "&colour=red"] {
        let path = format!("/conversations/search?locationId={LOCATION}{wrong}");
        assert_eq!(ghl.get(&path).await.0, 422, "{wrong}");
    }
    assert_eq!(ghl.get("/conversations/search").await.0, 403, "no location");
}

#[tokio::test]
async fn search_finds_a_new_conversation_as_late_as_a_new_contact() {
    let ghl = Ghl::start_with(|settings| settings.index_lag_ms = 2_000).await;
    ada(&ghl).await;
    assert_eq!(search(&ghl, "").await["total"], 0);
    ghl.state().advance(2_000);
    assert_eq!(search(&ghl, "").await["total"], 1);
}

#[tokio::test]
async fn search_chooses_by_owner_state_and_direction() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    says(&ghl, &contact, text("Hello?"));
    let total = async |query: &str| search(&ghl, query).await["total"].clone();
    assert_eq!(total("&status=unread&lastMessageDirection=inbound").await, 1);
    assert_eq!(total("&status=read").await, 0);
    assert_eq!(total("&assignedTo=u1").await, 0);
    assert_eq!(total("&assignedTo=u1,unassigned").await, 1);
    ghl.put(&format!("/contacts/{contact}"), json!({"assignedTo": "u1"}))
        .await;
    assert_eq!(total("&assignedTo=u1").await, 1);
    ghl.post(
        &format!("/contacts/{contact}/followers"),
        json!({"followers": ["u2"]}),
    )
    .await;
    assert_eq!(total("&followers=u1").await, 0);
    assert_eq!(total("&followers=u2,u3").await, 1);
    assert_eq!(total("&query=ADA").await, 1);
    assert_eq!(total("&query=grace").await, 0);
}

#[tokio::test]
async fn typing_is_shown_in_a_conversation_of_the_location() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    let ids = says(&ghl, &contact, text("Hello?"));
    let mut body = json!({"locationId": LOCATION, "conversationId": ids.conversation_id, "visitorId": "v1", "isTyping": "true"});
    let path = "/conversations/providers/live-chat/typing";
    assert_eq!(ghl.post(path, body.clone()).await.0, 201);
    let calls = ghl.state().calls();
    let effect = calls
        .last()
        .and_then(|call| call.effect.as_ref())
        .expect("an effect");
    assert_eq!(
        (effect.kind, &effect.detail["isTyping"]),
        ("typing_shown", &json!("true"))
    );
    body["conversationId"] = json!("none");
    assert_eq!(ghl.post(path, body).await.0, 400);
}
