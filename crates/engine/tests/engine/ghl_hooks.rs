//! GHL's web hooks: events like any other, in the lane of their contact.

use cartlane_engine::Replay;
use cartlane_engine::records::EventFilter;
use cartlane_model::Clock;
use cartlane_testkit::{Backend, LOCATION, TestApp};
use rstest::rstest;
use serde_json::{Value, json};

const EMAIL: &str = "a@example.com";

async fn app(backend: Backend) -> TestApp {
    TestApp::builder().database(backend).start().await
}

async fn apply_note(app: &TestApp, kind: &str) {
    let document = json!({"name": "Tell of it", "on": [kind], "steps": [{
        "id": "note", "operation": "ghl.contacts.create_note", "with": {
            "contactId": "{{ event.person.customer_id }}",
            "body": "tags: {{ event.payload.tags | join(',') }}\nref: {{ reference }}"}}]});
    app.handle()
        .apply(&[document], "test")
        .await
        .expect("it is saved");
}

async fn kinds(app: &TestApp) -> Vec<String> {
    let events = app
        .handle()
        .events(EventFilter::default(), 100)
        .await
        .expect("events");
    events.into_iter().map(|event| event.kind).collect()
}

async fn trouble(app: &TestApp) -> Option<String> {
    let connections = app.handle().health().await.expect("health").connections;
    let crm = connections
        .into_iter()
        .find(|connection| connection.row.name == "crm");
    crm.expect("the connection")
        .row
        .trouble
        .map(|trouble| trouble.code)
}

fn tags_changed(contact: &Value) -> Value {
    json!({"type": "ContactTagUpdate", "locationId": LOCATION, "id": contact, "tags": ["vip"], "webhookId": "w1"})
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_runs_once_for_the_contact_that_we_know_by_its_id_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    apply_note(&app, "ghl.contact.tags_changed").await;
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.drain().await;
    let event = tags_changed(&app.ghl().contact(EMAIL)["id"]);
    let first = app.ghl_hook().deliver(&event).await;
    assert!(first.starts_with("stored as evt_"), "{first}");
    assert!(app.ghl_hook().deliver(&event).await.starts_with("already stored"));
    app.drain().await;
    assert_eq!(app.ghl().notes(EMAIL).len(), 2, "the order's and this one's");
    assert!(app.ghl().notes(EMAIL)[1].starts_with("tags: vip"));
    let events = app
        .handle()
        .events(EventFilter::default(), 10)
        .await
        .expect("events");
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0].contact_id, events[1].contact_id,
        "one contact, one lane"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_believed_waits_in_quarantine_until_a_person_lets_it_in(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let body = json!({"type": "NoteCreate", "contactId": "c1"});
    let (status, text) = app.ghl_hook().post(body.to_string(), &[]).await;
    assert_eq!(status, 401, "{text}");
    assert!(
        text.contains("hook.unsigned") && text.contains("accept_unsigned"),
        "{text}"
    );
    let wrong = [("x-ghl-signature", "bm90IGEgc2lnbmF0dXJl")];
    let (status, text) = app.ghl_hook().post(format!("{body} "), &wrong).await;
    assert!(status == 401 && text.contains("hook.wrong_signature"), "{text}");
    let old = app.clock().now().plus_ms(-3 * 3_600_000).0;
    let (status, text) = app
        .ghl_hook()
        .send(&json!({"type": "NoteCreate", "timestamp": old}))
        .await;
    assert!(status == 401 && text.contains("hook.stale"), "{text}");
    assert!(kinds(&app).await.is_empty());
    let kept = app.handle().quarantine(10).await.expect("quarantine");
    let reasons: Vec<&str> = kept.iter().map(|aside| aside.reason.as_str()).collect();
    assert_eq!(reasons, ["stale", "wrong_signature", "unsigned"]);
    for aside in kept.iter().rev() {
        app.handle().release(aside.id).await.expect("it is let in");
    }
    let kinds = kinds(&app).await;
    assert_eq!(
        kinds,
        ["ghl.note.created", "ghl.note.created", "ghl.workflow.webhook"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflows_webhook_is_taken_where_the_connection_says_so_and_never_as_another_kind() {
    let app = TestApp::builder()
        .crm(|crm| crm.accept_unsigned = true)
        .start()
        .await;
    let claim = json!({"type": "UNINSTALL", "appId": "a", "locationId": LOCATION, "email": EMAIL});
    let (status, text) = app
        .ghl_hook()
        .post(claim.to_string(), &[("x-ghl-signature", "N/A")])
        .await;
    assert_eq!(status, 200, "{text}");
    let events = app
        .handle()
        .events(EventFilter::default(), 10)
        .await
        .expect("events");
    assert_eq!(
        (events[0].kind.as_str(), events[0].email.as_deref()),
        ("ghl.workflow.webhook", Some(EMAIL))
    );
    assert_eq!(trouble(&app).await, None, "a stranger cannot uninstall the app");
    let (status, _) = app.ghl_hook().post("{}".into(), &[]).await;
    assert_eq!(
        (status, kinds(&app).await.len()),
        (200, 1),
        "a try of the address is no event"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ghl_is_told_429_where_others_are_told_503_since_it_comes_again_after_nothing_else() {
    let app = TestApp::builder()
        .limits(|limits| limits.inbox_bytes = 64)
        .start()
        .await;
    let (status, text) = app
        .ghl_hook()
        .send(&json!({"type": "NoteCreate", "body": "x".repeat(100)}))
        .await;
    assert_eq!(status, 429, "{text}");
    assert!(text.contains("\"retry_after\":5"), "{text}");
    let (status, _) = app.thrivecart().order_success(EMAIL).send().await;
    assert_eq!(status, 503);
    let (status, _) = app.ghl_hook().send(&json!({"type": "NoteCreate"})).await;
    assert_eq!(status, 200, "a small one has room");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_of_ghl_is_taken_and_read_again_as_its_kind() {
    let app = app(Backend::Sqlite).await;
    let mut sent = 0;
    for kind in cartlane_catalog::events::all().filter(|kind| kind.vendor_type.is_some()) {
        for (number, sample) in kind.samples.iter().enumerate() {
            let mut payload = sample.clone();
            payload["type"] = json!(kind.vendor_type);
            payload["timestamp"] = json!(app.clock().now().0);
            payload["webhookId"] = json!(format!("{}-{number}", kind.kind));
            let answer = app.ghl_hook().deliver(&payload).await;
            let id = answer
                .trim()
                .rsplit(' ')
                .next()
                .and_then(|id| id.parse().ok())
                .expect("an id");
            let event = app.handle().event(id).await.expect("the event").event;
            assert_eq!(event.facts.kind.as_str(), kind.kind);
            assert_eq!(event.facts.payload, payload);
            sent += 1;
        }
    }
    app.ghl_hook()
        .deliver(&json!({"type": "VoiceAiCallEnd", "contactId": "c1"}))
        .await;
    assert_eq!(kinds(&app).await[0], "ghl.unknown");
    assert!(sent >= 57, "only {sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_location_that_is_not_connected_is_kept_and_starts_nothing() {
    let app = app(Backend::Sqlite).await;
    apply_note(&app, "ghl.contact.tags_changed").await;
    app.ghl().add_contact(EMAIL, &json!({}));
    let mut event = tags_changed(&app.ghl().contact(EMAIL)["id"]);
    event["locationId"] = json!("another");
    app.ghl_hook().deliver(&event).await;
    assert_eq!(kinds(&app).await, ["ghl.contact.tags_changed"]);
    app.handle()
        .replay(Replay::Fitting(EventFilter::default()), None)
        .await
        .expect("it is replayed");
    assert!(app.runs().await.is_empty());
}
