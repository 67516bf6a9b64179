//! A connection in trouble: work waits for it, nothing fails.

use cartlane_testkit::{Backend, TestApp};
use rstest::rstest;

const EMAIL: &str = "a@example.com";

async fn app(backend: Backend) -> TestApp {
    TestApp::builder().database(backend).start().await
}

async fn trouble(app: &TestApp) -> Option<String> {
    let health = app.handle().health().await.expect("health");
    let crm = health
        .connections
        .into_iter()
        .find(|connection| connection.row.name == "crm");
    crm.expect("the connection")
        .row
        .trouble
        .map(|trouble| trouble.code)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_pauses_and_all_goes_on_by_itself_when_it_is_good_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = app(backend).await;
    app.ghl().revoke_token(true);
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.thrivecart()
        .order_success("b@example.com")
        .order("1002")
        .deliver()
        .await;
    app.until("the connection is paused", async || {
        trouble(&app).await.as_deref() == Some("ghl.invalid_token")
    })
    .await;
    assert!(app.runs().await.iter().all(|run| run.finished_at.is_none()));
    app.ghl().revoke_token(false);
    app.drain().await;
    assert_eq!(trouble(&app).await, None);
    assert!(app.runs().await.iter().all(|run| run.state == "done"));
    assert_eq!(app.ghl().notes(EMAIL).len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_sets_runs_aside_and_names_the_scope(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut app = app(backend).await;
    app.ghl().scopes(Some(&["contacts.readonly"]));
    app.thrivecart().order_success(EMAIL).deliver().await;
    app.thrivecart().refund(EMAIL).deliver().await;
    app.until("both runs of the contact are set aside", async || {
        app.runs().await.iter().filter(|run| run.state == "held").count() == 2
    })
    .await;
    let runs = app.runs().await;
    let error = runs[0].error.as_deref().unwrap_or_default();
    assert!(error.contains("contacts.write"), "{error}");
    assert_eq!(runs[0].error_code.as_deref(), Some("ghl.missing_scope"));
    assert_eq!(trouble(&app).await, None);
    app.leave_runs();
}
