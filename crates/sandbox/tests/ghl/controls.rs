use std::time::Duration;

use cartlane_sandbox::{Fault, Match, Rule};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Ghl, LOCATION, answer};

async fn control(ghl: &Ghl, method: Method, path: &str, body: Value) -> Answer {
    answer(ghl.bare(method, &format!("/_sandbox/{path}")).json(&body)).await
}

#[tokio::test]
async fn settings_merge_and_refuse_what_they_do_not_know() {
    let ghl = Ghl::start().await;
    let patch = json!({"limit": {"max": 7}, "latency_ms": {"mean": 1}, "tokens": ["pit-new"]});
    let (status, settings) = control(&ghl, Method::PUT, "settings", patch).await;
    assert_eq!(status, 200, "{settings}");
    assert_eq!(
        (&settings["limit"]["max"], &settings["limit"]["interval_ms"]),
        (&json!(7), &json!(10_000))
    );
    assert_eq!(
        settings["tokens"],
        json!([{"token": "pit-new", "location": LOCATION, "kind": "location", "scopes": null}])
    );
    assert_eq!(ghl.get("/contacts/?locationId=loc1").await.0, 401);
    let (_, same) = control(&ghl, Method::PUT, "settings", settings.clone()).await;
    assert_eq!(same, settings);
    for wrong in [
        json!({"latency": 5}),
        json!({"faults": {"rate_5xx": 1.5}}),
        json!({"faults": {"rate_5xx": 0.6, "rate_429": 0.6}}),
        json!({"faults": {"late_effect_max_ms": 5001}}),
    ] {
        assert_eq!(
            control(&ghl, Method::PUT, "settings", wrong.clone()).await.0,
            400,
            "{wrong}"
        );
    }
    assert_eq!(
        control(&ghl, Method::GET, "settings", json!({})).await.1,
        settings
    );
}

#[tokio::test]
async fn another_users_edit_shows_in_contact_and_log() {
    let ghl = Ghl::start().await;
    let id = ghl.contact(json!({"email": "a@x.test", "tags": ["ours"]})).await;
    let edit =
        json!({"email": "A@x.test", "add_tags": ["theirs"], "remove_tags": ["OURS"], "set": {"city": "Ely"}});
    let (status, body) = control(&ghl, Method::POST, "edit", edit).await;
    assert_eq!((status, &body["contact_id"]), (200, &json!(id)));
    let contact = &ghl.get(&format!("/contacts/{id}")).await.1["contact"];
    assert_eq!(
        (&contact["tags"], &contact["city"]),
        (&json!(["theirs"]), &json!("Ely"))
    );
    let (_, log) = control(&ghl, Method::GET, "log?after=1", json!({})).await;
    let entries = log["entries"].as_array().expect("entries");
    let users: Vec<_> = entries.iter().filter(|entry| entry["actor"] == "user").collect();
    let kinds: Vec<_> = users.iter().map(|entry| &entry["effect"]["kind"]).collect();
    assert_eq!(kinds, ["contact_updated", "tags_added", "tags_removed"]);
    let (status, _) = control(
        &ghl,
        Method::POST,
        "edit",
        json!({"email": "b@x.test", "delete": true}),
    )
    .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn log_is_read_in_pages_and_bounded() {
    let ghl = Ghl::start_with(|settings| settings.log_entries = 5).await;
    for number in 0..8 {
        ghl.contact(json!({"email": format!("{number}@x.test")})).await;
    }
    let (_, page) = control(&ghl, Method::GET, "log?after=0&limit=2", json!({})).await;
    let first = &page["entries"][0];
    assert_eq!((&first["seq"], &page["next"]), (&json!(4), &json!(5)));
    assert_eq!(first["operation"], "ghl.contacts.create");
    assert_eq!(first["request_body"]["email"], "3@x.test");
    assert_eq!((&first["effect_seq"], &first["fault"]), (&json!(4), &Value::Null));
    ghl.state().change(|settings| settings.log = false);
    ghl.contact(json!({"email": "silent@x.test"})).await;
    let (_, rest) = control(&ghl, Method::GET, "log?after=5", json!({})).await;
    assert_eq!(rest["next"], 8);
    assert_eq!(ghl.state().stats().requests, 9);
}

#[tokio::test]
async fn script_clock_stats_and_reset_work_over_http() {
    let ghl = Ghl::start().await;
    let rules =
        json!([{"match": {"path_contains": "/contacts/"}, "fault": "5xx", "status": 503, "times": 2}]);
    assert_eq!(control(&ghl, Method::POST, "script", rules).await.1["added"], 1);
    let unknown = json!({"fault": "earthquake"});
    assert_eq!(control(&ghl, Method::POST, "script", unknown).await.0, 400);
    assert_eq!(ghl.get("/contacts/nobody").await.0, 503);
    let before = ghl.state().now().0;
    let (_, clock) = control(&ghl, Method::POST, "clock", json!({"advance_ms": 5000})).await;
    assert_eq!(clock["now_ms"], json!(before + 5000));
    assert_eq!(
        control(&ghl, Method::GET, "stats", json!({})).await.1["requests"],
        1
    );
    assert_eq!(ghl.state().calls()[0].fault, Some(Fault::ServerError));
    assert_eq!(control(&ghl, Method::POST, "reset", json!({})).await.0, 200);
    assert_eq!(ghl.get("/contacts/nobody").await.0, 400);
    assert_eq!(ghl.state().calls()[0].seq, 2);
}

#[tokio::test]
async fn log_file_has_a_late_effect_as_a_second_line() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("ghl.jsonl");
    let ghl = Ghl::start_as(|options| options.log_file = Some(path.clone())).await;
    let id = ghl.contact(json!({"email": "a@x.test"})).await;
    let mut rule = Rule::new(Match::default(), Fault::LateEffect, 1);
    rule.delay_ms = Some(0);
    ghl.state().script([rule]);
    let note = ghl
        .request(Method::POST, &format!("/contacts/{id}/notes"))
        .json(&json!({"body": "x"}));
    assert!(note.send().await.is_err());
    let read = || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect::<Vec<Value>>()
    };
    while read().len() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let pending: Vec<_> = read()
        .iter()
        .map(|line| (line["seq"].clone(), line["pending"].clone()))
        .collect();
    assert_eq!(
        pending,
        [
            (json!(1), json!(false)),
            (json!(2), json!(true)),
            (json!(2), json!(false))
        ]
    );
    assert_eq!(read()[2]["effect"]["kind"], "note_created");
}

#[tokio::test]
async fn shutdown_closes_connections_that_wait_for_an_answer() {
    let ghl = Ghl::start().await;
    ghl.next(Fault::NoAnswer);
    let waiting = tokio::spawn(ghl.request(Method::GET, "/contacts/nobody").send());
    while ghl.state().stats().requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let url = ghl.url();
    assert!(ghl.shutdown().await);
    assert!(waiting.await.expect("task").is_err());
    assert!(
        tokio::net::TcpStream::connect(url.trim_start_matches("http://"))
            .await
            .is_err()
    );
}
