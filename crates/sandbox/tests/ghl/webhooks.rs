use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlane_sandbox::{Delivery, Webhook};
use reqwest::Method;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::client::{Ghl, LOCATION, answer};

/// Heads and bodies of the requests that a receiver got.
type Got = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A receiver that answers these statuses in turn, then 200; and its URL.
async fn receiver(statuses: Vec<u16>) -> (String, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("free port");
    let url = format!("http://{}/hooks", listener.local_addr().expect("address"));
    let got = Got::default();
    let (kept, mut statuses) = (Arc::clone(&got), statuses.into_iter());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let (head, body) = loop {
                stream.read_buf(&mut bytes).await.expect("a request");
                let text = String::from_utf8_lossy(&bytes).to_lowercase();
                let Some(end) = text.find("\r\n\r\n") else {
                    continue;
                };
                let length = text
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next());
                let length: usize = length.expect("length").trim().parse().expect("number");
                if bytes.len() >= end + 4 + length {
                    break (
                        String::from_utf8_lossy(&bytes[..end]).into_owned(),
                        bytes[end + 4..].to_vec(),
                    );
                }
            };
            kept.lock().expect("lock").push((head, body));
            let status = statuses.next().unwrap_or(200);
            let reply = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(reply.as_bytes()).await.expect("written");
        }
    });
    (url, got)
}

/// The deliveries once `enough` of them are as wanted.
async fn deliveries(ghl: &Ghl, enough: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
    for _ in 0..1_000 {
        let deliveries = ghl.state().deliveries();
        if enough(&deliveries) {
            return deliveries;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {:?}", ghl.state().deliveries());
}

fn all_over(count: usize) -> impl Fn(&[Delivery]) -> bool {
    move |all| all.len() == count && all.iter().all(|one| one.again_at_ms.is_none())
}

fn hook(url: &str) -> Webhook {
    Webhook {
        url: url.to_owned(),
        location_id: None,
        events: None,
    }
}

#[tokio::test]
async fn changes_are_sent_as_signed_events() {
    let (url, got) = receiver(Vec::new()).await;
    let ghl = Ghl::start_with(|settings| settings.webhooks = vec![hook(&url)]).await;
    let id = ghl
        .contact(json!({"email": "a@x.test", "firstName": "Ada", "tags": ["new"]}))
        .await;
    ghl.post(&format!("/contacts/{id}/tags"), json!({"tags": ["vip"]}))
        .await;
    ghl.post(&format!("/contacts/{id}/tags"), json!({"tags": ["vip"]}))
        .await;
    ghl.post(&format!("/contacts/{id}/notes"), json!({"body": "hello"}))
        .await;
    ghl.delete(&format!("/contacts/{id}"), json!({})).await;
    let sent = deliveries(&ghl, all_over(4)).await;
    let events: Vec<&str> = sent.iter().map(|one| one.event.as_str()).collect();
    assert_eq!(
        events,
        ["ContactCreate", "ContactTagUpdate", "NoteCreate", "ContactDelete"]
    );
    let bodies: Vec<Value> = sent
        .iter()
        .map(|one| serde_json::from_str(&one.body).expect("JSON"))
        .collect();
    for body in &bodies {
        assert_eq!(
            (&body["locationId"], &body["appId"]),
            (&json!(LOCATION), &json!("sandboxapp"))
        );
        assert!(body["webhookId"].is_string() && body["timestamp"].is_string());
    }
    assert_eq!(
        (&bodies[0]["id"], &bodies[0]["firstName"]),
        (&json!(id), &json!("Ada"))
    );
    assert_eq!(bodies[1]["tags"], json!(["new", "vip"]));
    assert_eq!(
        (&bodies[2]["contactId"], &bodies[2]["body"]),
        (&json!(id), &json!("hello"))
    );
    assert_eq!(bodies[3]["email"], "a@x.test");

    let (_, key) = answer(ghl.bare(Method::GET, "/_sandbox/webhook_key")).await;
    let pem = key["public_key"].as_str().expect("PEM");
    let der = STANDARD
        .decode(pem.lines().nth(1).expect("a line"))
        .expect("base64");
    let key = UnparsedPublicKey::new(&ED25519, &der[12..]);
    for (head, body) in got.lock().expect("lock").iter() {
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix("x-ghl-signature: "));
        let signature = STANDARD.decode(line.expect("signed")).expect("base64");
        key.verify(body, &signature)
            .expect("the signature fits the raw body");
    }
}

#[tokio::test]
async fn only_a_429_has_an_event_sent_again_byte_for_byte() {
    let (url, got) = receiver(vec![429, 429, 500]).await;
    let ghl = Ghl::start_with(|settings| settings.webhooks = vec![hook(&url)]).await;
    ghl.contact(json!({"email": "a@x.test"})).await;
    let waits = |attempts| move |all: &[Delivery]| all.first().is_some_and(|one| one.attempts == attempts);
    for attempts in 1..3 {
        let sent = deliveries(&ghl, waits(attempts)).await;
        assert!(sent[0].again_at_ms.is_some(), "after a 429");
        ghl.state().advance(720_000);
    }
    let sent = deliveries(&ghl, waits(3)).await;
    assert_eq!((sent[0].status, sent[0].again_at_ms), (Some(500), None));
    let got = got.lock().expect("lock");
    assert!(got.iter().all(|(_, body)| *body == got[0].1));
}

#[tokio::test]
async fn a_receiver_gets_the_events_that_it_asked_for() {
    let (url, _) = receiver(Vec::new()).await;
    let ghl = Ghl::start_with(|settings| {
        settings.webhooks = vec![
            Webhook {
                events: Some(vec!["ContactDelete".to_owned()]),
                ..hook(&url)
            },
            Webhook {
                location_id: Some("loc2".to_owned()),
                ..hook(&url)
            },
        ];
    })
    .await;
    let id = ghl.contact(json!({"email": "a@x.test"})).await;
    let edit = json!({"contact_id": id, "delete": true});
    answer(ghl.bare(Method::POST, "/_sandbox/edit").json(&edit)).await;
    let other = json!({"type": "OrderCreate", "location_id": "loc2", "payload": {"amount": 5}});
    answer(ghl.bare(Method::POST, "/_sandbox/webhooks/send").json(&other)).await;
    let sent = deliveries(&ghl, all_over(2)).await;
    let events: Vec<&str> = sent.iter().map(|one| one.event.as_str()).collect();
    assert_eq!(events, ["ContactDelete", "OrderCreate"]);
}

#[tokio::test]
async fn messages_are_told_of_in_the_documented_forms() {
    let (url, _) = receiver(Vec::new()).await;
    let ghl = Ghl::start_with(|settings| settings.webhooks = vec![hook(&url)]).await;
    let id = ghl
        .contact(json!({"email": "a@x.test", "phone": "+14155552671"}))
        .await;
    let write = async |mut message: Value| {
        message["contactId"] = json!(id);
        let (status, sent) = ghl.post("/conversations/messages", message).await;
        assert_eq!(status, 200, "{sent}");
        sent
    };
    let text = write(json!({"type": "SMS", "message": "Hi"})).await;
    let mail = write(json!({"type": "Email", "subject": "Hi", "html": "<p>Hi</p>"})).await;
    write(json!({"type": "Custom", "message": "Hi", "conversationProviderId": "p1"})).await;
    write(json!({"type": "SMS", "message": "Hi", "scheduledTimestamp": 4_000_000_000_u32})).await;
    for said in [
        json!({"contact_id": id, "set": {"message": "Hello?"}}),
        json!({"contact_id": id, "type": "Call", "call": {"status": "voicemail", "duration_s": 9}}),
    ] {
        let (status, ids) = answer(ghl.bare(Method::POST, "/_sandbox/message").json(&said)).await;
        assert_eq!(status, 200, "{ids}");
    }
    let path = format!("/conversations/{}", text["conversationId"].as_str().expect("id"));
    ghl.put(&path, json!({"locationId": LOCATION, "starred": true}))
        .await;
    ghl.put(&path, json!({"locationId": LOCATION, "unreadCount": 0}))
        .await;
    let told = deliveries(&ghl, all_over(10)).await;
    let told: Vec<(&str, Value)> = told
        .iter()
        .map(|one| (one.event.as_str(), serde_json::from_str(&one.body).expect("JSON")))
        .collect();
    let events: Vec<&str> = told.iter().map(|(event, _)| *event).collect();
    let unread = "ConversationUnreadUpdate";
    assert_eq!(
        events[1..],
        [
            "OutboundMessage",
            "OutboundMessage",
            "OutboundMessage",
            "ProviderOutboundMessage",
            "InboundMessage",
            unread,
            "InboundMessage",
            unread,
            unread
        ]
    );
    let has = |index: usize, wanted: Value| {
        let (_, body) = &told[index];
        for (name, value) in wanted.as_object().expect("object") {
            assert_eq!(&body[name], value, "{name} of {body}");
        }
    };
    has(
        1,
        json!({"type": "OutboundMessage", "locationId": LOCATION, "contactId": id, "body": "Hi", "messageType": "SMS"}),
    );
    has(
        1,
        json!({"messageId": text["messageId"], "conversationId": text["conversationId"], "direction": "outbound", "status": "delivered", "source": "api"}),
    );
    has(
        2,
        json!({"messageType": "Email", "emailMessageId": mail["emailMessageId"], "threadId": mail["messageId"], "subject": "Hi", "body": "<p>Hi</p>", "to": ["a@x.test"]}),
    );
    has(
        4,
        json!({"type": "SMS", "message": "Hi", "phone": "+14155552671", "contactId": id, "locationId": LOCATION}),
    );
    has(
        5,
        json!({"type": "InboundMessage", "body": "Hello?", "direction": "inbound", "contentType": "text/plain", "source": null}),
    );
    has(
        6,
        json!({"type": unread, "id": text["conversationId"], "contactId": id, "unreadCount": 1}),
    );
    has(
        7,
        json!({"messageType": "CALL", "callStatus": "voicemail", "callDuration": 9, "status": "voicemail", "body": null}),
    );
    has(
        9,
        json!({"unreadCount": 0, "starred": true, "inbox": true, "deleted": false}),
    );
}

#[tokio::test]
async fn an_app_that_comes_and_goes_is_announced() {
    let (url, _) = receiver(Vec::new()).await;
    let ghl = Ghl::start_with(|settings| settings.webhooks = vec![hook(&url)]).await;
    let page = format!(
        "/v2/oauth/chooselocation?response_type=code&client_id=sandboxapp-1&redirect_uri={}/back",
        ghl.url()
    );
    for _ in 0..2 {
        let agreed = ghl.bare(Method::GET, &page).header("user-agent", "browser");
        assert_eq!(
            answer(agreed).await.1["message"].as_str().map(|text| &text[..16]),
            Some("Cannot GET /back")
        );
    }
    let gone = json!({"client_id": "sandboxapp-1"});
    let (_, body) = answer(ghl.bare(Method::POST, "/_sandbox/oauth/uninstall").json(&gone)).await;
    assert_eq!(body["uninstalled"], 1);
    let sent = deliveries(&ghl, all_over(2)).await;
    let bodies: Vec<Value> = sent
        .iter()
        .map(|one| serde_json::from_str(&one.body).expect("JSON"))
        .collect();
    assert_eq!(
        (&bodies[0]["type"], &bodies[1]["type"]),
        (&json!("INSTALL"), &json!("UNINSTALL"))
    );
    for body in bodies {
        assert_eq!(
            (&body["locationId"], &body["appId"]),
            (&json!(LOCATION), &json!("sandboxapp"))
        );
    }
}
