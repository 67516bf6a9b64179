//! Polls: what is new or changed becomes an event, once.

use cartlane_model::Clock;
use cartlane_sandbox::{Edit, Fault, Match, Rule};
use cartlane_testkit::{Backend, Ghl, TestApp};
use rstest::rstest;
use serde_json::json;

use crate::watch::{apply, events, pass, poll, polls, settle, told, watcher};

pub const SEARCH: &str = "ghl.contacts.search";

async fn app(backend: Backend) -> TestApp {
    TestApp::builder().database(backend).start().await
}

pub fn rename(app: &TestApp, email: &str, name: &str) {
    app.ghl().edit(&Edit {
        set: json!({"firstName": name})
            .as_object()
            .cloned()
            .unwrap_or_default(),
        ..Ghl::edit_of(email)
    });
}

fn searches(app: &TestApp) -> usize {
    let calls = app.ghl().calls();
    calls.iter().filter(|call| call.operation == Some(SEARCH)).count()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_no_news_and_what_comes_or_changes_is_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(SEARCH, "ghl.contacts.list")] operation: &str,
) {
    let mut app = app(backend).await;
    app.ghl().add_contact("old@example.com", &json!({}));
    apply(&app, &[watcher("Watch", &[poll(operation, &json!({}))])]).await;
    settle(&app, 1).await;
    pass(&app, 5, 1).await;
    assert!(told(&app).await.is_empty());

    app.ghl().add_contact("new@example.com", &json!({}));
    pass(&app, 5, 1).await;
    assert_eq!(told(&app).await, ["new new@example.com"]);
    pass(&app, 5, 1).await;
    app.restart().await;
    pass(&app, 60, 1).await;
    assert_eq!(told(&app).await.len(), 1, "not again, however often it is seen");

    app.clock().advance(60_000);
    rename(&app, "old@example.com", "Ada");
    rename(&app, "new@example.com", "Grace");
    pass(&app, 5, 1).await;
    let expected = [
        "changed new@example.com",
        "changed old@example.com",
        "new new@example.com",
    ];
    assert_eq!(told(&app).await, expected);
    app.drain().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_comes_where_it_is_asked_for_once_and_only_to_who_asked(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut app = app(backend).await;
    for number in 0..120 {
        app.ghl()
            .add_contact(&format!("c{number}@example.com"), &json!({}));
    }
    app.clock().advance(3 * 3_600_000);
    let of_search = poll(SEARCH, &json!({"pageLimit": 50}));
    apply(&app, &[watcher("News", std::slice::from_ref(&of_search))]).await;
    settle(&app, 1).await;
    let mut existing = of_search.clone();
    existing["poll"]["existing"] = json!(true);
    apply(&app, &[watcher("All", &[existing])]).await;
    pass(&app, 5, 1).await;
    app.kill(0).await;
    app.start(0).await;
    pass(&app, 5, 1).await;
    app.drain().await;
    let told = told(&app).await;
    assert_eq!(told.len(), 120, "{told:?}");
    assert!(told.iter().all(|one| one.starts_with("existing ")));
    let runs = app.runs().await;
    assert_eq!(runs.len(), 120);
    assert!(
        runs.iter().all(|run| run.automation == "All"),
        "News had asked for none of it"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_the_same_shares_a_fetch_and_an_edit_loses_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let one = poll(SEARCH, &json!({"query": "x", "pageLimit": 20}));
    let same = poll(SEARCH, &json!({"pageLimit": 20, "query": "x"}));
    apply(
        &app,
        &[watcher("A", std::slice::from_ref(&one)), watcher("B", &[same])],
    )
    .await;
    settle(&app, 1).await;
    let before = searches(&app);
    pass(&app, 5, 1).await;
    assert_eq!(searches(&app), before + 1, "one fetch for both");
    app.ghl().add_contact("x@example.com", &json!({}));
    let mut edited = watcher("A", &[one]);
    edited["description"] = json!("edited");
    apply(&app, &[edited]).await;
    pass(&app, 5, 1).await;
    app.drain().await;
    assert_eq!(told(&app).await, ["new x@example.com"]);
    let runs = app.runs().await;
    let mut names: Vec<&str> = runs.iter().map(|run| run.automation.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["A", "B"], "one event, a run of each");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_about_its_contact_and_starts_nobody_else(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    let mut note = watcher("Note", &[poll(SEARCH, &json!({}))]);
    note["when"] = json!("event.person.email and event.payload.change == 'new'");
    note["steps"] = json!([{"id": "note", "operation": "ghl.contacts.create_note", "with": {
        "contactId": "{{ event.person.customer_id }}", "body": "hello {{ event.person.first_name }}\nref: {{ reference }}"}}]);
    let other = watcher("Other", &[poll("ghl.users.list", &json!({}))]);
    apply(
        &app,
        &[note, other, watcher("Hook", &[json!("ghl.contact.created")])],
    )
    .await;
    settle(&app, 2).await;
    app.thrivecart().order_success("a@example.com").deliver().await;
    app.drain().await;
    app.ghl()
        .add_contact("b@example.com", &json!({"firstName": "Bo"}));
    pass(&app, 5, 2).await;
    app.drain().await;
    let (notes_a, notes_b) = (app.ghl().notes("a@example.com"), app.ghl().notes("b@example.com"));
    assert_eq!(notes_a.len(), 2, "the order's and this one's: {notes_a:?}");
    assert!(
        notes_b.len() == 1 && notes_b[0].starts_with("hello Bo"),
        "{notes_b:?}"
    );
    let polled = events(&app, "poll.item").await;
    let sale = events(&app, "order.success").await;
    let same = polled
        .iter()
        .find(|event| event.facts.person.email.as_deref() == Some("a@example.com"));
    assert_eq!(
        same.expect("its poll").contact_id,
        sale[0].contact_id,
        "one contact, one lane"
    );
    let replayed = polled
        .iter()
        .find(|event| event.contact_id != sale[0].contact_id)
        .expect("the other");
    let plan = app.handle().plan(replayed.id).await.expect("a plan");
    assert_eq!(plan["automations"].as_array().map(Vec::len), Some(1), "{plan}");
    assert_eq!(plan["automations"][0]["automation"], "Note");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_fails_backs_off_is_seen_and_loses_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    apply(&app, &[watcher("Watch", &[poll(SEARCH, &json!({}))])]).await;
    settle(&app, 1).await;
    app.ghl().scopes(Some(&["users.readonly"]));
    app.ghl().add_contact("a@example.com", &json!({}));
    let mut waits = Vec::new();
    for _ in 0..6 {
        pass(&app, 61, 1).await;
        let failing = &polls(&app).await[0];
        let (code, reason) = failing.trouble.clone().expect("trouble");
        assert!(
            code == "ghl.missing_scope" && reason.contains("contacts.readonly"),
            "{code}: {reason}"
        );
        let wait_ms = failing.next_at.expect("a time").since_ms(app.clock().now());
        waits.push((failing.failures, (wait_ms + 30_000) / 60_000));
    }
    assert_eq!(waits, [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60)]);
    app.ghl().scopes(None);
    pass(&app, 61, 1).await;
    assert!(polls(&app).await[0].trouble.is_none());
    assert_eq!(told(&app).await, ["new a@example.com"]);
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_another_location_is_a_fault_of_the_request_alone() {
    let app = TestApp::builder().start().await;
    let inputs = json!({"method": "GET", "path": "/contacts/", "query": {"locationId": "another"}});
    let refused = app.handle().executor().call("crm", "ghl.request", &inputs).await;
    assert!(refused.expect_err("refused").to_string().contains("{locationId}"));
    let health = app.handle().health().await.expect("health");
    let crm = health.connections.iter().find(|known| known.row.name == "crm");
    assert!(crm.expect("the connection").row.trouble.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_a_poll_are_those_of_what_the_account_shows() {
    let app = TestApp::builder().start().await;
    let kind = async || {
        let inputs = json!({"pageLimit": 5}).as_object().cloned().unwrap_or_default();
        app.handle().kind_of_poll("crm", SEARCH, &inputs).await
    };
    assert!(
        kind()
            .await
            .expect_err("nobody is there")
            .to_string()
            .contains("nothing")
    );
    app.ghl().add_contact("a@example.com", &json!({"city": "Ulm"}));
    app.clock().advance(60_000); // the index lags behind
    app.until("it is found", async || kind().await.is_ok()).await;
    let kind = kind().await.expect("a kind");
    let city = kind
        .fields
        .iter()
        .find(|field| field.path == "event.payload.item.city");
    assert_eq!(city.expect("a field").sample, "Ulm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_of_a_connection_that_nobody_has_goes_to_none() {
    let app = TestApp::builder().start().await;
    let mut document = watcher("Watch", &[poll(SEARCH, &json!({}))]);
    document["connection"] = json!("crmm");
    let prices = app.handle().prices(&[document]).await.expect("prices");
    assert_eq!(prices[0].connection, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_in_the_middle_of_a_poll_neither_loses_nor_doubles_an_event() {
    let mut app = TestApp::builder()
        .database(Backend::Postgres)
        .nodes(2)
        .sandbox(|settings| {
            settings.latency_ms = cartlane_sandbox::Latency { mean: 30, spread: 10 };
        })
        .start()
        .await;
    app.ghl().add_contact("old@example.com", &json!({}));
    let watch: Vec<_> = (0..6)
        .map(|number| poll("ghl.contacts.list", &json!({"limit": 10 + number})))
        .collect();
    apply(&app, &[watcher("Watch", &watch)]).await;
    settle(&app, 6).await;
    for round in 0..4 {
        for number in 0..50 {
            app.ghl()
                .add_contact(&format!("c{round}-{number}@example.com"), &json!({}));
        }
        app.clock().advance(5 * 60_000);
        tokio::time::sleep(std::time::Duration::from_millis(230 + 60 * round)).await; // into the middle
        let node = usize::try_from(round % 2).unwrap_or(0);
        app.kill(node).await;
        app.start(node).await;
        app.clock().advance(61_000); // the dead node's leases end
        settle(&app, 6).await;
    }
    pass(&app, 5, 6).await;
    app.drain().await;
    let told = told(&app).await;
    assert_eq!(told.len(), 6 * 200);
    assert_eq!(told.iter().collect::<std::collections::BTreeSet<_>>().len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_nobody_asks_for_rests_and_begins_anew_after_an_hour() {
    let app = app(Backend::Sqlite).await;
    apply(&app, &[watcher("Watch", &[poll(SEARCH, &json!({}))])]).await;
    settle(&app, 1).await;
    let id = app
        .handle()
        .automations()
        .await
        .expect("automations")
        .iter()
        .find(|row| row.name == "Watch")
        .expect("it")
        .id;
    for (minutes, expected) in [(10, 1), (600, 0)] {
        let before = told(&app).await.len();
        app.handle().disable_automation(id).await.expect("it is disabled");
        settle(&app, 0).await;
        app.ghl()
            .add_contact(&format!("in{minutes}@example.com"), &json!({}));
        pass(&app, minutes, 0).await;
        app.handle()
            .enable_automation(id, Some("a test"))
            .await
            .expect("it is enabled");
        settle(&app, 1).await;
        pass(&app, 5, 1).await;
        assert_eq!(
            told(&app).await.len() - before,
            expected,
            "after {minutes} minutes"
        );
    }
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_wait_for_a_paused_connection_and_the_price_is_told_before() {
    let app = app(Backend::Sqlite).await;
    let documents = [watcher(
        "Watch",
        &[poll(SEARCH, &json!({})), poll("ghl.contacts.list", &json!({}))],
    )];
    for number in 0..250 {
        app.ghl()
            .add_contact(&format!("c{number}@example.com"), &json!({}));
    }
    let prices = app.handle().prices(&documents).await.expect("prices");
    let told: Vec<_> = prices
        .iter()
        .map(|price| (price.operation.as_str(), price.calls_per_day, price.is_measured))
        .collect();
    assert_eq!(
        told,
        [(SEARCH, 288, false), ("ghl.contacts.list", 3 * 288, true)],
        "of the list each page"
    );
    apply(&app, &documents).await;
    settle(&app, 2).await;
    let again = app.handle().prices(&documents).await.expect("prices");
    assert!(
        again
            .iter()
            .all(|price| price.calls_per_day == 0 && price.is_measured),
        "{again:?}"
    );
    assert_eq!(
        again
            .iter()
            .find(|price| price.operation == "ghl.contacts.list")
            .map(|price| price.calls),
        Some(3)
    );
    app.ghl()
        .script(Rule::new(Match::default(), Fault::GatewayTimeout, 8));
    pass(&app, 5, 2).await;
    pass(&app, 65, 2).await;
    assert!(polls(&app).await.iter().all(|poll| poll.trouble.is_none()));
}
