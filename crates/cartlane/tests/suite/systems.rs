//! One automation, five systems: a sale at the ThriveCart sandbox goes to GHL, Slack, a mail server, a stranger's server, and
//! back to ThriveCart's API.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{House, SECRET, Setup, http, program};

const KEY: &str = "AAAAAAAA-BBBBBBBB-CCCCCCCC-DDDDDDDD";
const AUTOMATION: &str = r#"
name: Everybody hears of it
on: [order.success]
steps:
  - id: contact
    operation: ghl.contacts.save
    with: {email: "{{ event.person.email }}"}
  - id: chat
    operation: notify.slack
    with: {text: "Sold to {{ event.person.email }}"}
  - id: mail
    operation: notify.email
    with: {to: team@example.com, subject: "Order {{ event.order_id }}", text: "{{ event.items | item_names | join }}"}
  - id: books
    operation: http.request
    with:
      method: POST
      url: BOOKS
      headers: {"X-Key": pl4nted-header, "Idempotency-Key": "{{ reference }}"}
      body: {order: "{{ event.order_id }}", contact: "{{ steps.contact.id }}"}
      expect: [202]
  - id: pause
    operation: thrivecart.subscriptions.pause
    with:
      order_id: "{{ event.order_id }}"
      subscription_id: "{{ event.payload.subscription_ids['product-12'] }}"
    when: steps.books.status == 202
"#;

type Heard = Arc<Mutex<Vec<String>>>;

fn heard(heard: &Heard) -> String {
    heard.lock().expect("no panic").join("\n")
}

/// A server of which each connection is served by `serve`, and what it heard.
fn listen(serve: fn(TcpStream) -> String) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let all = Heard::default();
    let keep = Arc::clone(&all);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let text = serve(stream.expect("a client"));
            keep.lock().expect("no panic").push(text);
        }
    });
    (address, all)
}

/// Answers 202 to one request: Slack takes any 2xx, the automation wants this one.
fn accept_request(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 16_384];
    while !is_whole(&text) {
        let read = stream.read(&mut buffer).expect("bytes");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    stream.write_all(answer).expect("written");
    text
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, length)| length.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// Takes one e-mail.
fn accept_mail(stream: TcpStream) -> String {
    let mut write = stream.try_clone().expect("a second handle");
    let mut say = |answer: &str| write.write_all(format!("{answer}\r\n").as_bytes()).is_ok();
    say("220 mail.example.com");
    let (mut text, mut in_message) = (String::new(), false);
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match line.as_str() {
            "." => in_message = false,
            _ if in_message => {}
            "DATA" => in_message = true,
            _ => {}
        }
        let answers = line == "." || !in_message || line == "DATA";
        text.push_str(&line);
        text.push('\n');
        if answers {
            say(if in_message { "354 go on" } else { "250 ok" });
        }
    }
    text
}

/// The sandbox of ThriveCart in a process of its own.
struct Shop {
    process: Child,
    address: SocketAddr,
}

impl Shop {
    fn open() -> Self {
        let mut process = program(&std::env::temp_dir(), &[])
            .args(["sandbox", "thrivecart", "--listen", "127.0.0.1:0", "--json"])
            .args(["--key", KEY, "--secret", SECRET])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let out = process.stdout.take().expect("its output");
        let mut text = String::new();
        let mut lines = BufReader::new(out).lines();
        let said: Value = loop {
            text.push_str(&lines.next().expect("a line").expect("a text"));
            if let Ok(said) = serde_json::from_str(&text) {
                break said;
            }
        };
        let url = said["url"].as_str().expect("an address");
        let address = url.split('/').nth(2).expect("a host");
        Self {
            process,
            address: address.parse().expect("an address"),
        }
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let headers = format!("authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n");
        let answer = http::send(self.address, "POST", path, &headers, &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

#[test]
fn one_automation_reaches_five_systems() {
    let (slack, chat) = listen(accept_request);
    let (books, booked) = listen(accept_request);
    let (smtp, mails) = listen(accept_mail);
    let shop = Shop::open();
    let secrets = TempDir::new().expect("a directory");
    let secret = |name: &str, value: &str| {
        let path = secrets.path().join(name);
        fs::write(&path, value).expect("written");
        path.display().to_string()
    };
    let (key, url) = (
        secret("key", KEY),
        secret("slack", &format!("http://{slack}/services/T0/B0/pl4nted")),
    );
    let house = House::with(Setup {
        shop: format!(
            "api_key_file = '{key}'\nbase_url = 'http://{}/api/external'\nallow_private_networks = true\n",
            shop.address
        ),
        connections: format!(
            "[[connections]]\nname = 'chat'\nkind = 'slack'\nurl_file = '{url}'\nallow_private_networks = true\n\
             [[connections]]\nname = 'mail'\nkind = 'smtp'\nhost = '127.0.0.1'\nport = {}\ntls = 'none'\n\
             from = 'Cartlane <cartlane@example.com>'\nallow_private_networks = true\n\
             [[connections]]\nname = 'intranet'\nkind = 'http'\nallow_private_networks = true\n",
            smtp.port()
        ),
        ..Setup::default()
    });
    let file = house.path().join("everybody.yaml");
    fs::write(
        &file,
        AUTOMATION.replace("BOOKS", &format!("http://{books}/orders")),
    )
    .expect("written");
    house.json(&["apply", &file.display().to_string()]);
    shop.call("/_sandbox/hooks", &json!({"url": house.hook(), "format": "json"}));
    let sale = json!({"email": "ada@example.com", "name": "Ada Lovelace", "items": ["product-12"]});
    let order_id = shop.call("/_sandbox/sale", &sale)["order_id"].clone();
    let order_id = order_id.as_str().expect("an id");
    house.drain();
    for run in house.runs() {
        assert_eq!(run["state"], "done", "{run}");
    }
    assert!(
        heard(&chat).contains(r#"{"text":"Sold to ada@example.com"}"#),
        "{}",
        heard(&chat)
    );
    let mail = heard(&mails);
    assert!(
        mail.contains(&format!("Subject: Order {order_id}")) && mail.contains("Alpha & Omega Plan"),
        "{mail}"
    );
    let contact = house.contacts().remove(0);
    let contact = contact["id"].as_str().expect("an id");
    let booked = heard(&booked);
    let body = format!(r#"{{"order":"{order_id}","contact":"{contact}"}}"#);
    assert!(
        booked.contains(&body) && booked.contains("x-key: pl4nted-header"),
        "{booked}"
    );
    let customer = shop.call("/api/external/customer", &json!({"email": "ada@example.com"}));
    assert_eq!(customer["subscriptions"][0]["status"], "paused");
    let kinds: Vec<Value> = house
        .events(&[])
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["order.subscription_paused", "order.success"],
        "what we did came back as an event"
    );
    let told = format!("{}{:?}", house.log(), house.runs());
    assert!(!told.contains("pl4nted-header") && !told.contains("B0/pl4nted") && !told.contains(KEY));
}
