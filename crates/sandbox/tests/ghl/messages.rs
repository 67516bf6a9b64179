//! Messages: what is said, by whom and on which way, and what is refused about it.

use cartlane_sandbox::{Message, PhoneCall, Token};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Ghl, LOCATION, answer};
use crate::conversations::{PHONE, ada, says, search, send, text};

#[tokio::test]
async fn messages_page_behind_the_last_one_and_are_chosen_by_kind() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    let mut ids = Vec::new();
    for number in 0..22 {
        let (_, sent) = send(
            &ghl,
            &contact,
            json!({"type": "SMS", "message": number.to_string()}),
        )
        .await;
        ids.push(sent);
    }
    let call = says(
        &ghl,
        &contact,
        Message {
            r#type: Some("Call".into()),
            ..Message::default()
        },
    );
    let path = format!("/conversations/{}/messages", call.conversation_id);
    let (_, first) = ghl.get(&path).await;
    let first = &first["messages"];
    assert_eq!(
        (
            &first["nextPage"],
            first["messages"].as_array().expect("a list").len()
        ),
        (&json!(true), 20)
    );
    assert_eq!(
        (&first["messages"][0]["id"], &first["messages"][0]["type"]),
        (&json!(call.message_id), &json!(1))
    );
    let last = first["lastMessageId"].as_str().expect("an id");
    let (_, second) = ghl.get(&format!("{path}?lastMessageId={last}")).await;
    let second = &second["messages"];
    assert_eq!(
        (&second["nextPage"], &second["lastMessageId"]),
        (&json!(false), &ids[0]["messageId"])
    );
    assert_eq!(second["messages"].as_array().expect("a list").len(), 3);
    let count = async |kinds: &str| {
        let (_, page) = ghl.get(&format!("{path}?limit=100&type={kinds}")).await;
        page["messages"]["messages"].as_array().map(Vec::len)
    };
    assert_eq!(count("TYPE_CALL").await, Some(1));
    assert_eq!(count("TYPE_SMS,TYPE_CALL").await, Some(23));
    assert_eq!(ghl.get(&format!("{path}?type=TYPE_SMS,SMOKE")).await.0, 422);
    assert_eq!(ghl.get(&format!("{path}?lastMessageId=none")).await.0, 400);
}

#[tokio::test]
async fn a_message_needs_a_type_a_contact_something_to_say_and_a_way() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    let nobody = ghl.contact(json!({"firstName": "Nobody"})).await;
    let quiet = ghl
        .contact(json!({"email": "q@x.test", "phone": "+1555", "dndSettings": {"SMS": {"status": "active"}}}))
        .await;
    let silent = ghl
        .contact(json!({"email": "s@x.test", "phone": "+1556", "dnd": true}))
        .await;
    let (sms, mail) = (
        json!({"type": "SMS", "message": "Hi"}),
        json!({"type": "Email", "html": "<p>Hi</p>"}),
    );
    let content = "There is no message or attachments for this message. Skip sending.";
    let cases = [
        (
            &contact,
            json!({"type": "Pigeon", "message": "Hi"}),
            422,
            json!(["type must be a valid enum value"]),
        ),
        (
            &contact,
            json!({"type": "Call", "message": "Hi"}),
            422,
            json!(["type must be a valid enum value"]),
        ),
        (&contact, json!({"type": "SMS"}), 422, json!(content)),
        (
            &contact,
            json!({"type": "Email", "message": "Hi"}),
            422,
            json!(content),
        ),
        (
            &contact,
            json!({"type": "SMS", "message": "Hi", "colour": "red"}),
            422,
            json!(["property colour should not exist"]),
        ),
        (
            &contact,
            json!({"type": "Email", "html": "Hi", "emailTo": "b@x.test"}),
            400,
            json!("emailTo is not an email of the contact"),
        ),
        (
            &contact,
            json!({"type": "Custom", "message": "Hi"}),
            400,
            json!("conversationProviderId is required for type Custom"),
        ),
        (&nobody, sms.clone(), 400, json!("Missing phone number")),
        (
            &nobody,
            mail.clone(),
            400,
            json!("Unable to send e-mail, contact's e-mail is invalid"),
        ),
        (
            &quiet,
            sms.clone(),
            400,
            json!("Cannot send message as DND is active for SMS."),
        ),
        (
            &silent,
            mail.clone(),
            400,
            json!("Cannot send message as DND is active for Email."),
        ),
    ];
    for (contact, message, status, words) in cases {
        let (answered, body) = send(&ghl, contact, message.clone()).await;
        assert_eq!((answered, &body["message"]), (status, &words), "{message}");
    }
    let (status, body) = send(&ghl, "none", sms).await;
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("Contact with id none not found"))
    );
    assert_eq!(send(&ghl, &quiet, mail).await.0, 200, "another way is open");
    assert!(
        ghl.state()
            .calls()
            .iter()
            .filter_map(|call| call.effect.as_ref())
            .filter(|effect| effect.kind == "message_sent")
            .count()
            == 1
    );
}

#[tokio::test]
async fn another_locations_token_sees_and_sends_nothing() {
    let ghl = Ghl::start_with(|settings| {
        settings.locations.push(cartlane_sandbox::Location::new("loc2"));
        settings.tokens.push(Token::new("pit-other", "loc2"));
    })
    .await;
    let contact = ada(&ghl).await;
    let ids = says(&ghl, &contact, text("Hello?"));
    let ask = async |method: Method, path: &str, body: Value| {
        let request = ghl.bare(method, path).header("user-agent", "test");
        let request = request.header("version", "2021-04-15").bearer_auth("pit-other");
        answer(request.json(&body)).await.0
    };
    let conversation = format!("/conversations/{}", ids.conversation_id);
    assert_eq!(ask(Method::GET, &conversation, json!({})).await, 403);
    assert_eq!(
        ask(Method::GET, &format!("{conversation}/messages"), json!({})).await,
        403
    );
    let message = format!("/conversations/messages/{}", ids.message_id);
    assert_eq!(ask(Method::GET, &message, json!({})).await, 403);
    let sms = json!({"type": "SMS", "contactId": contact, "message": "Hi"});
    assert_eq!(ask(Method::POST, "/conversations/messages", sms).await, 403);
    assert_eq!(
        ask(Method::GET, "/conversations/search?locationId=loc1", json!({})).await,
        403
    );
}

#[tokio::test]
async fn a_provider_adds_what_came_by_its_own_way() {
    let ghl = Ghl::start().await;
    let (contact, other) = (ada(&ghl).await, ghl.contact(json!({"email": "b@x.test"})).await);
    let conversation = search(&ghl, &format!("&contactId={contact}")).await["conversations"][0]["id"].clone();
    let mut message = json!({
        "type": "SMS", "contactId": contact, "conversationId": conversation, "conversationProviderId": "p1",
        "message": "Hello?", "date": "2023-11-14T20:00:00Z",
    });
    let inbound = "/conversations/messages/inbound";
    let (status, added) = ghl.post(inbound, message.clone()).await;
    assert_eq!(
        (status, &added["success"], &added["dateAdded"]),
        (200, &json!(true), &json!("2023-11-14T20:00:00.000Z")),
        "{added}"
    );
    let (_, got) = ghl
        .get(&format!("/conversations/{}", conversation.as_str().expect("id")))
        .await;
    assert_eq!(got["unreadCount"], 1);
    message["date"] = json!("yesterday");
    assert_eq!(ghl.post(inbound, message.clone()).await.0, 422);
    message["contactId"] = json!(other);
    assert_eq!(
        ghl.post(inbound, message.clone()).await.0,
        400,
        "another contact's conversation"
    );
    message["conversationId"] = json!("none");
    assert_eq!(ghl.post(inbound, message).await.0, 400);
    let call = json!({
        "type": "Call", "conversationId": conversation, "conversationProviderId": "p1",
        "call": {"from": "+15551", "to": PHONE, "status": "busy"},
    });
    let (status, logged) = ghl.post("/conversations/messages/outbound", call).await;
    assert_eq!(status, 200, "{logged}");
    let id = logged["messageId"].as_str().expect("id");
    let (_, got) = ghl.get(&format!("/conversations/messages/{id}")).await;
    assert_eq!(
        (&got["direction"], &got["status"], &got["meta"]["callStatus"]),
        (&json!("outbound"), &json!("busy"), &json!("busy"))
    );
}

#[tokio::test]
async fn only_a_providers_app_tells_what_became_of_a_message() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    let status = json!({"status": "failed", "error": {"code": "1", "type": "saas", "message": "no route"}});
    let path = |sent: &Value| {
        format!(
            "/conversations/messages/{}/status",
            sent["messageId"].as_str().expect("id")
        )
    };
    let (_, own) = send(&ghl, &contact, json!({"type": "SMS", "message": "Hi"})).await;
    let (answered, body) = ghl.put(&path(&own), status.clone()).await;
    assert_eq!(
        (answered, &body["message"]),
        (403, &json!("No conversation provider found for this message"))
    );
    let (_, mail) = send(&ghl, &contact, json!({"type": "Email", "html": "Hi"})).await;
    assert_eq!(ghl.put(&path(&mail), status.clone()).await.0, 401);
    let (answered, body) = ghl
        .put("/conversations/messages/none/status", status.clone())
        .await;
    assert_eq!(
        (answered, &body["message"]),
        (401, &json!("No message found for the id: none passed in params"))
    );
    let (_, sent) = send(
        &ghl,
        &contact,
        json!({"type": "Email", "html": "Hi", "conversationProviderId": "p1"}),
    )
    .await;
    let (answered, body) = ghl.put(&path(&sent), status.clone()).await;
    assert_eq!(
        (answered, &body["message"]),
        (403, &json!("Forbidden resource")),
        "a private integration's token"
    );
    let pair = crate::oauth::install(&ghl, "conversations/message.write").await;
    let by_app = ghl.bare(Method::PUT, &path(&sent)).header("user-agent", "test");
    let by_app = by_app.header("version", "2021-04-15").json(&status);
    let by_app = by_app.bearer_auth(pair["access_token"].as_str().expect("a token"));
    let (answered, told) = answer(by_app).await;
    assert_eq!(
        (answered, &told["emailMessageId"]),
        (200, &sent["emailMessageId"]),
        "{told}"
    );
    let email = sent["emailMessageId"].as_str().expect("id");
    let (_, email) = ghl.get(&format!("/conversations/messages/email/{email}")).await;
    assert_eq!(email["status"], "failed");
}

#[tokio::test]
async fn a_scheduled_message_can_be_called_off_until_its_time() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    let due = ghl.state().now().0 / 1_000 + 60;
    let message = json!({"type": "SMS", "message": "Later", "scheduledTimestamp": due});
    let (_, first) = send(&ghl, &contact, message.clone()).await;
    let (_, second) = send(&ghl, &contact, message).await;
    let mail = json!({"type": "Email", "html": "Later", "scheduledTimestamp": due});
    let (_, mail) = send(&ghl, &contact, mail).await;
    let path = |sent: &Value| {
        format!(
            "/conversations/messages/{}",
            sent["messageId"].as_str().expect("id")
        )
    };
    let (_, got) = ghl.get(&path(&first)).await;
    assert_eq!(
        (&first["status"], &got["status"]),
        (&json!("pending"), &json!("scheduled"))
    );
    let off = ghl.delete(&format!("{}/schedule", path(&first)), json!({})).await;
    assert_eq!((off.0, ghl.get(&path(&first)).await.0), (200, 400));
    let email = format!(
        "/conversations/messages/email/{}",
        mail["emailMessageId"].as_str().expect("id")
    );
    assert_eq!(ghl.delete(&format!("{email}/schedule"), json!({})).await.0, 200);
    assert_eq!(
        (ghl.get(&email).await.0, ghl.get(&path(&mail)).await.0),
        (400, 400)
    );
    ghl.state().advance(60_000);
    assert_eq!(ghl.get(&path(&second)).await.1["status"], "delivered");
    assert_eq!(
        ghl.delete(&format!("{}/schedule", path(&second)), json!({}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_recording_is_a_sound_file_and_its_transcription_a_text() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    let call = PhoneCall {
        duration_s: 1,
        recorded: true,
        said: vec!["Hello.".into(), "Good bye.".into()],
        ..PhoneCall::default()
    };
    let ids = says(
        &ghl,
        &contact,
        Message {
            r#type: Some("Call".into()),
            call: Some(call),
            ..Message::default()
        },
    );
    let id = &ids.message_id;
    let path = format!("/conversations/messages/{id}/locations/{LOCATION}/recording");
    let sound = ghl.request(Method::GET, &path).send().await.expect("an answer");
    let header = |name: &str| sound.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "audio/x-wav");
    assert_eq!(header("content-disposition"), "attachment; filename=audio.wav");
    let sound = sound.bytes().await.expect("bytes");
    assert_eq!(
        (&sound[..4], &sound[8..12], sound.len()),
        (&b"RIFF"[..], &b"WAVE"[..], 8_044)
    );
    let path = format!("/conversations/locations/{LOCATION}/messages/{id}/transcription");
    let (_, sentences) = ghl.get(&path).await;
    assert_eq!(
        (
            &sentences[1]["transcript"],
            &sentences[1]["startTime"],
            &sentences[1]["endTime"]
        ),
        (&json!("Good bye."), &json!(1_000), &json!(3_000))
    );
    assert_eq!(
        ghl.get(&format!("{path}/download")).await.1,
        json!("Hello.\nGood bye.\n")
    );
    let elsewhere = format!("/conversations/messages/{id}/locations/loc2/recording");
    assert_eq!(ghl.get(&elsewhere).await.0, 403);
}

#[tokio::test]
async fn a_message_by_hand_comes_over_http_as_well() {
    let ghl = Ghl::start().await;
    let contact = ada(&ghl).await;
    let said = json!({"email": "ADA@x.test", "type": "Email", "set": {"subject": "Hi", "html": "<p>Hi</p>"}});
    let control = |body: Value| answer(ghl.bare(Method::POST, "/_sandbox/message").json(&body));
    let (status, ids) = control(said).await;
    assert_eq!((status, &ids["contact_id"]), (200, &json!(contact)), "{ids}");
    let entries = ghl.state().log(0, usize::MAX);
    let last = entries
        .last()
        .and_then(|entry| entry.effect.as_ref())
        .expect("an effect");
    assert_eq!(
        (last.kind, &last.detail["email"]["subject"]),
        ("message_received", &json!("Hi"))
    );
    for wrong in [
        json!({"email": "b@x.test"}),
        json!({"email": "ada@x.test", "type": "Pigeon"}),
        json!({"from": "x"}),
    ] {
        assert_eq!(control(wrong.clone()).await.0, 400, "{wrong}");
    }
}
