//! Web hooks: both forms, both vocabularies, and the same delivery twice.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::Account;

type Heard = Arc<Mutex<Vec<String>>>;

/// A server that answers everything with 200 and keeps the bodies of what is posted.
fn listen() -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let heard = Heard::default();
    let keep = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let mut text = String::new();
            let mut buffer = vec![0; 65_536];
            let is_whole = |text: &str| {
                let (top, body) = text.split_once("\r\n\r\n")?;
                let lines = top.lines().filter_map(|line| line.split_once(": "));
                let mut length = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
                let length: usize = length.next().map_or(0, |(_, length)| length.parse().unwrap_or(0));
                (body.len() >= length).then(|| body.to_owned())
            };
            let body = loop {
                let read = stream.read(&mut buffer).expect("bytes");
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
                if let Some(body) = is_whole(&text) {
                    break body;
                }
            };
            if !body.is_empty() {
                keep.lock().expect("no panic").push(body);
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).expect("written");
        }
    });
    (url, heard)
}

fn heard(heard: &Heard) -> Vec<String> {
    std::mem::take(&mut *heard.lock().expect("no panic"))
}

#[tokio::test]
async fn one_sale_comes_as_form_and_as_json_with_the_same_facts() {
    let account = Account::open().await;
    let (form, forms) = listen();
    let (json_url, jsons) = listen();
    account
        .happen("hooks", &json!({"url": form, "format": "form"}))
        .await;
    account
        .happen("hooks", &json!({"url": json_url, "format": "json"}))
        .await;
    let sale =
        json!({"email": "ada+1@example.com", "name": "Ada Lovelace", "items": ["product-12", "bump-101"]});
    let sold = account.happen("sale", &sale).await;
    assert_eq!(sold["deliveries"][0]["status"], 200, "{sold}");
    let body: Value = serde_json::from_str(&heard(&jsons)[0]).expect("JSON");
    assert_eq!(
        (&body["event"], &body["mode_int"]),
        (&json!("order.success"), &json!("2"))
    );
    assert_eq!(body["purchase_map_flat"], "product-12,bump-101");
    assert_eq!(body["order"]["charges"][0]["name"], "Alpha &amp; Omega Plan");
    let form = heard(&forms).remove(0);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    let value = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(value("customer[email]"), Some("ada+1@example.com"));
    assert_eq!(value("order[charges][1][amount]"), Some("1200"));
    assert_eq!(value("affiliate"), Some("null"));
    assert_eq!(
        value("subscription_ids[product-12]"),
        body["subscription_ids"]["product-12"].as_str()
    );
}

#[tokio::test]
async fn what_the_api_has_subscribed_to_comes_in_its_words_and_only_that() {
    let account = Account::open().await;
    let (url, bodies) = listen();
    let wanted = json!({
        "event": "order_refund_bump", "target_url": url, "trigger_fields": {"mode_int": 2, "refund": {"bump_id": [7, 101]}},
    });
    let (status, _) = account.api("POST", "/subscribe", "live", &wanted).await;
    assert_eq!(status, 201);
    let items = json!(["product-101", "bump-101"]);
    let sold = account
        .happen("sale", &json!({"email": "ada@example.com", "items": items}))
        .await;
    for item in ["product-101", "bump-101"] {
        let refund = json!({"order_id": sold["order_id"], "reference": item});
        assert_eq!(account.api("POST", "/refund", "live", &refund).await.0, 200);
    }
    let bodies: Vec<Value> = heard(&bodies)
        .iter()
        .map(|body| serde_json::from_str(body).expect("JSON"))
        .collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(bodies[0]["event"], "order_refund_bump");
    assert_eq!(bodies[0]["refund"]["amount"], "1200");
}

#[tokio::test]
async fn a_delivery_that_is_sent_again_is_the_same_to_the_byte() {
    let account = Account::open().await;
    let (url, bodies) = listen();
    account.happen("hooks", &json!({"url": url})).await;
    let sale = json!({"email": "ada@example.com", "items": ["upsell-5"]});
    let sold = account.happen("sale", &sale).await;
    account.clock.advance_ms(5_000);
    let order = json!({"order_id": sold["order_id"]});
    let paid = account.happen("rebill", &order).await;
    account
        .happen(
            "resend",
            &json!({"webhook_id": paid["deliveries"][0]["webhook_id"]}),
        )
        .await;
    account.happen("rebill", &order).await;
    let bodies = heard(&bodies);
    assert_eq!(bodies.len(), 4);
    assert_eq!(bodies[1], bodies[2]);
    assert_ne!(bodies[1], bodies[3], "a further payment is another event");
}
