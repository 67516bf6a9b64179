use std::time::Duration;

use cartlane_sandbox::{Edit, Entry, Fault, Latency, Match, Rates, Rule};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Ghl, answer};

/// A contact's notes path, and the state of its notes.
async fn with_contact() -> (Ghl, String, String) {
    let ghl = Ghl::start().await;
    let id = ghl.contact(json!({"email": "a@x.test"})).await;
    let notes = format!("/contacts/{id}/notes");
    (ghl, id, notes)
}

fn last(ghl: &Ghl) -> Entry {
    ghl.state().calls().pop().expect("a call")
}

#[tokio::test]
async fn cut_before_leaves_no_effect() {
    let (ghl, id, notes) = with_contact().await;
    ghl.next(Fault::CutBefore);
    let request = ghl.request(Method::POST, &notes).json(&json!({"body": "x"}));
    assert!(request.send().await.is_err());
    assert!(ghl.state().notes(&id).is_empty());
    let entry = last(&ghl);
    assert_eq!(
        (entry.status, entry.fault, entry.effect),
        (None, Some(Fault::CutBefore), None)
    );
    assert_eq!(ghl.get(&notes).await.0, 200);
}

#[tokio::test]
async fn cut_after_has_its_effect_though_the_client_sees_an_error() {
    let (ghl, id, notes) = with_contact().await;
    ghl.next(Fault::CutAfter);
    let request = ghl.request(Method::POST, &notes).json(&json!({"body": "sold"}));
    assert!(request.send().await.is_err());
    assert_eq!(ghl.state().notes(&id)[0]["body"], "sold");
    let entry = last(&ghl);
    assert_eq!((entry.status, entry.injected), (None, true));
    let effect = entry.effect.expect("effect");
    assert_eq!(
        (effect.kind, &effect.detail["body"]),
        ("note_created", &json!("sold"))
    );
    assert_eq!(ghl.state().stats().cut_after_effect_notes, 1);
}

#[tokio::test]
async fn late_effect_comes_after_the_connection_is_gone() {
    let (ghl, id, notes) = with_contact().await;
    let mut rule = Rule::new(Match::default(), Fault::LateEffect, 1);
    rule.delay_ms = Some(1000);
    ghl.state().script([rule]);
    let request = ghl.request(Method::POST, &notes).json(&json!({"body": "late"}));
    assert!(request.send().await.is_err());
    let pending = last(&ghl);
    assert!(pending.pending && pending.effect.is_none());
    assert!(ghl.state().notes(&id).is_empty());
    let overtaking = ghl.post(&notes, json!({"body": "early"})).await;
    assert_eq!(overtaking.0, 201);
    while ghl.state().stats().pending_effects > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let calls = ghl.state().calls();
    let [.., late, early] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!(late.seq, pending.seq);
    assert!(!late.pending && late.effect.is_some());
    assert!(late.effect_seq > early.effect_seq);
    assert_eq!(ghl.state().stats().late_effect_notes, 1);
}

#[tokio::test]
async fn late_effect_that_is_refused_by_then_has_none() {
    let (ghl, id, notes) = with_contact().await;
    let mut rule = Rule::new(Match::default(), Fault::LateEffect, 1);
    rule.delay_ms = Some(500);
    ghl.state().script([rule]);
    let request = ghl.request(Method::POST, &notes).json(&json!({"body": "late"}));
    assert!(request.send().await.is_err());
    let delete = Edit {
        contact_id: Some(id),
        delete: true,
        ..Edit::default()
    };
    ghl.state().edit(&delete).expect("exists");
    while ghl.state().stats().pending_effects > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let entry = last(&ghl);
    assert!(!entry.pending && entry.effect.is_none() && entry.effect_at_ms.is_none());
}

#[tokio::test]
async fn server_errors_come_with_and_without_effect() {
    let (ghl, id, notes) = with_contact().await;
    ghl.next(Fault::ServerError);
    let (status, _) = ghl.post(&notes, json!({"body": "x"})).await;
    assert!([500, 502, 503].contains(&status));
    assert!(ghl.state().notes(&id).is_empty());
    ghl.next(Fault::ServerErrorAfter);
    let (status, _) = ghl.post(&notes, json!({"body": "x"})).await;
    assert!([500, 502, 503].contains(&status));
    assert_eq!(ghl.state().notes(&id).len(), 1);
}

#[tokio::test]
async fn gateway_timeout_is_a_401_with_effect() {
    let (ghl, id, notes) = with_contact().await;
    ghl.next(Fault::GatewayTimeout);
    let (status, body) = ghl.post(&notes, json!({"body": "x"})).await;
    assert_eq!((status, &body["message"]), (401, &json!("Command timed out")));
    assert_eq!(ghl.state().notes(&id).len(), 1);
}

#[tokio::test]
async fn slow_body_has_its_headers_at_once() {
    let (ghl, id, notes) = with_contact().await;
    let mut rule = Rule::new(Match::default(), Fault::SlowBody, 1);
    rule.delay_ms = Some(60_000);
    ghl.state().script([rule]);
    let request = ghl.request(Method::POST, &notes).json(&json!({"body": "x"}));
    let response = request.send().await.expect("headers");
    assert_eq!(response.status(), 201);
    assert_eq!(ghl.state().notes(&id).len(), 1);
    let body = tokio::time::timeout(Duration::from_millis(200), response.bytes()).await;
    assert!(body.is_err(), "the whole body came at once");
}

#[tokio::test]
async fn unreadable_and_missing_answers_have_their_effects() {
    let (ghl, id, notes) = with_contact().await;
    ghl.next(Fault::Unreadable);
    let (status, body) = ghl.post(&notes, json!({"body": "x"})).await;
    assert!(status == 201 && body.is_string(), "{body}");
    ghl.next(Fault::NoAnswer);
    let request = ghl.request(Method::POST, &notes).json(&json!({"body": "x"}));
    let error = request
        .timeout(Duration::from_millis(200))
        .send()
        .await
        .expect_err("no answer");
    assert!(error.is_timeout());
    assert_eq!(ghl.state().notes(&id).len(), 2);
}

#[tokio::test]
async fn script_picks_the_nth_request_that_fits() {
    let (ghl, id, notes) = with_contact().await;
    let matches = Match {
        method: Some("POST".to_owned()),
        path_contains: Some("/notes".to_owned()),
        body_contains: Some("hit".to_owned()),
        nth: Some(2),
    };
    let mut rule = Rule::new(matches, Fault::Answer, 1);
    rule.status = Some(418);
    rule.body = json!({"message": "teapot"});
    rule.headers.insert("retry-after".to_owned(), "7".to_owned());
    ghl.state().script([rule]);
    assert_eq!(ghl.post(&notes, json!({"body": "hit"})).await.0, 201);
    assert_eq!(ghl.post(&notes, json!({"body": "other"})).await.0, 201);
    assert_eq!(ghl.get(&notes).await.0, 200);
    let request = ghl.request(Method::POST, &notes).json(&json!({"body": "hit"}));
    let response = request.send().await.expect("answer");
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(ghl.post(&notes, json!({"body": "hit"})).await.0, 201);
    assert_eq!(ghl.state().notes(&id).len(), 3);
}

#[tokio::test]
async fn rates_repeat_with_their_seed() {
    let met = async |seed: u64| {
        let ghl = Ghl::start_with(|settings| {
            settings.limit = None;
            settings.seed = seed;
            settings.faults = Rates {
                rate_5xx: 0.2,
                rate_429: 0.2,
                rate_cut_before: 0.2,
                ..Rates::default()
            };
        })
        .await;
        for _ in 0..60 {
            drop(ghl.request(Method::GET, "/contacts/nobody").send().await);
        }
        let faults = ghl.state().calls().into_iter().map(|call| call.fault);
        faults.collect::<Vec<_>>()
    };
    let first = met(7).await;
    for fault in [
        None,
        Some(Fault::ServerError),
        Some(Fault::TooMany),
        Some(Fault::CutBefore),
    ] {
        let times = first.iter().filter(|met| **met == fault).count();
        assert!((3..45).contains(&times), "{fault:?} {times}");
    }
    assert_eq!(first, met(7).await);
    assert_ne!(first, met(8).await);
}

#[tokio::test]
async fn client_that_gives_up_can_not_take_its_request_back() {
    let (ghl, id, notes) = with_contact().await;
    ghl.state().change(|settings| {
        settings.latency_ms = Latency {
            mean: 2000,
            spread: 0,
        }
    });
    let request = ghl.request(Method::POST, &notes).json(&json!({"body": "x"}));
    assert!(request.timeout(Duration::from_millis(50)).send().await.is_err());
    assert!(ghl.state().notes(&id).is_empty());
    while ghl.state().notes(&id).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (status, body): (u16, Value) = answer(ghl.request(Method::GET, &notes)).await;
    assert_eq!((status, body["notes"].as_array().map(Vec::len)), (200, Some(1)));
}
