//! E-mail: what the server hears, and what each way of going wrong means.

use std::sync::Arc;

use cartlane_model::SecretString;
use cartlane_notify::{Mail, MailError, Server, Tls};
use cartlane_outbound::{Outcome, Refusal};
use serde_json::{Value, json};

use crate::Still;
use crate::server::{Fault, listen};

fn server(port: u16) -> Server {
    Server {
        host: "127.0.0.1".into(),
        port,
        tls: Tls::None,
        username: None,
        password: None,
        from: "Cartlane <cartlane@example.com>".into(),
        allow_private_networks: true,
    }
}

fn inputs() -> Value {
    json!({
        "to": ["Ada <ada@example.com>", "grace@example.com"],
        "subject": "Zahlung fehlgeschlagen für Ada",
        "text": "The card was declined.",
        "html": "<b>The card was declined.</b>",
        "reply_to": "help@example.com",
    })
}

async fn send(fault: Fault) -> (Outcome, String) {
    let (port, heard) = listen(fault).await;
    let mail = Mail::new(server(port), 2_000, Arc::new(Still)).expect("a sender");
    let exchange = mail.send(&inputs()).await;
    (exchange.outcome, heard.await.expect("the server ends"))
}

#[tokio::test]
async fn an_email_reaches_all_its_recipients_in_both_forms() {
    let (outcome, heard) = send(Fault::None).await;
    assert_eq!(outcome, Outcome::Success(json!({"answer": "taken as 4711"})));
    for line in [
        "MAIL FROM:<cartlane@example.com>",
        "RCPT TO:<ada@example.com>",
        "RCPT TO:<grace@example.com>",
        "Reply-To: help@example.com",
        "Content-Type: multipart/alternative;",
        "The card was declined.",
        "<b>The card was declined.</b>",
    ] {
        assert!(heard.contains(line), "{line} is not in\n{heard}");
    }
    assert!(!heard.contains("für"), "headers are ASCII:\n{heard}");
}

#[tokio::test]
async fn only_a_message_that_is_out_can_be_unclear() {
    let refused = send(Fault::Recipient("550 no such person")).await.0;
    let later = send(Fault::Recipient("451 come back later")).await.0;
    let cut_before = send(Fault::CutBeforeData).await.0;
    let cut_after = send(Fault::CutAfterMessage).await.0;
    assert!(
        matches!(&refused, Outcome::Rejected(why) if why.code == "smtp.refused" && why.refusal == Refusal::Invalid),
        "{refused:?}"
    );
    assert!(matches!(later, Outcome::NotSent(_)), "{later:?}");
    assert!(matches!(cut_before, Outcome::NotSent(_)), "{cut_before:?}");
    assert!(matches!(cut_after, Outcome::Unclear(_)), "{cut_after:?}");
}

#[tokio::test]
async fn nothing_is_sent_into_private_networks_or_in_the_open() {
    let guarded = Server {
        allow_private_networks: false,
        ..server(25)
    };
    let mail = Mail::new(guarded, 2_000, Arc::new(Still)).expect("a sender");
    let outcome = mail.send(&inputs()).await.outcome;
    assert!(
        matches!(&outcome, Outcome::NotSent(why) if why.contains("private network")),
        "{outcome:?}"
    );
    let open = Server {
        username: Some("cartlane".into()),
        password: Some(SecretString::from("secret".to_owned())),
        ..server(25)
    };
    let error = Mail::new(open, 2_000, Arc::new(Still)).err();
    assert!(matches!(error, Some(MailError::OpenPassword)));
}
