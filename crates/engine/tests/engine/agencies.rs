//! An agency's app makes the tokens of its locations; what concerns the agency is filled in by its connection.

use cartlane_engine::{AccountConfig, ConnectionConfig, GhlConfig, Secrets};
use cartlane_model::Clock;
use cartlane_sandbox::{Fault, Install, Match, Rule};
use cartlane_testkit::{Backend, LOCATION, TestApp};
use rstest::rstest;
use serde_json::json;

use crate::oauth::{LIFE_S, agree, builder};

const EMAIL: &str = "a@example.com";
const COMPANY: &str = "sandboxCompany000000";

/// A house whose agency is authorized, with a connection `branch` of a location that gets its tokens from there.
async fn house(backend: Backend) -> TestApp {
    let app = builder(backend).agency().crm(|crm| {
        crm.scopes = [
            "contacts.readonly",
            "contacts.write",
            "oauth.readonly",
            "oauth.write",
        ]
        .map(str::to_owned)
        .to_vec();
    });
    let app = app.shop(|shop| shop.target = Some("crm".into())).start().await;
    app.ghl()
        .change(|settings| settings.oauth.install = Install::Agency);
    let open = app.handle().reauthorize("agency").await.expect("an address");
    let (code, state) = agree(&open).await;
    app.handle()
        .authorized(&state, &code)
        .await
        .expect("it is authorized");
    let branch = GhlConfig {
        base_url: app.ghl_url(),
        location_id: Some(LOCATION.into()),
        agency: Some("agency".into()),
        allow_private_networks: true,
        ..GhlConfig::default()
    };
    let branch = ConnectionConfig {
        name: "branch".into(),
        account: AccountConfig::Ghl(branch),
        secrets: Secrets::default(),
    };
    app.handle().add_connection(branch).await.expect("it is added");
    app
}

async fn create(app: &TestApp, email: &str) {
    let inputs = json!({"email": email});
    let created = app
        .handle()
        .executor()
        .call("branch", "ghl.contacts.create", &inputs)
        .await;
    created.expect("it is created");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_location_works_with_tokens_that_its_agencys_app_makes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let app = house(backend).await;
    create(&app, EMAIL).await;
    create(&app, "b@example.com").await;
    assert_eq!(app.ghl().effects("location_token_issued"), 1, "it is kept");
    assert_eq!(app.ghl().effects("token_refreshed"), 0);
    app.clock().advance(LIFE_S * 1000);
    create(&app, "c@example.com").await;
    assert_eq!(app.ghl().effects("location_token_issued"), 2);
    assert_eq!(app.ghl().effects("token_refreshed"), 1, "the agency's own");
    assert_eq!(app.ghl().contacts().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locations_token_that_is_refused_before_its_time_is_asked_for_again() {
    let app = house(Backend::Sqlite).await;
    create(&app, EMAIL).await;
    let contacts = Match {
        path_contains: Some("/contacts".into()),
        ..Match::default()
    };
    let refusal = json!({"statusCode": 401, "message": "Invalid token: access token is invalid"});
    app.ghl().script(Rule {
        status: Some(401),
        body: refusal,
        ..Rule::new(contacts, Fault::Answer, 1)
    });
    create(&app, "b@example.com").await;
    assert_eq!(app.ghl().effects("location_token_issued"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agencys_locations_are_listed() {
    let app = house(Backend::Sqlite).await;
    let mut pages = app.handle().installed_locations("agency").await.expect("a list");
    let page = pages.next_page().await.expect("a page").expect("locations");
    assert_eq!(page[0]["_id"], LOCATION);
    assert_eq!(page[0]["isInstalled"], true);
    assert!(
        app.handle().installed_locations("branch").await.is_err(),
        "it is no agency"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agencys_id_comes_from_the_connection_where_it_is_not_given() {
    let app = TestApp::builder().agency().sandbox(|settings| {
        settings
            .tokens
            .push(cartlane_sandbox::Token::agency("pit-agency"));
    });
    let app = app.start().await;
    let executor = app.handle().executor();
    let found = executor.call("agency", "ghl.companies.get", &json!({})).await;
    assert_eq!(found.expect("the agency").value["company"]["id"], COMPANY);
    let given = json!({"companyId": "another0000000000000"});
    assert!(
        executor
            .call("agency", "ghl.companies.get", &given)
            .await
            .is_err(),
        "what is given counts"
    );
    let unknown = executor
        .call("crm", "ghl.users.search", &json!({}))
        .await
        .expect_err("it is not known");
    assert!(unknown.to_string().contains("`company_id`"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_an_agency_removes_pauses_its_locations_until_it_is_installed_again() {
    let app = house(Backend::Sqlite).await;
    let say = async |name: &str, at_ms: i64| {
        let at = app.clock().now().plus_ms(at_ms).0;
        let word = json!({"type": name, "appId": "sandboxapp", "companyId": COMPANY, "timestamp": at});
        app.ghl_hook().deliver(&word).await;
        let all = app.handle().connections().await.expect("the connections");
        let paused = all
            .into_iter()
            .filter(|connection| connection.row.trouble.is_some());
        paused.map(|connection| connection.row.name).collect::<Vec<_>>()
    };
    let paused = say("UNINSTALL", 1_000).await;
    assert!(
        paused.contains(&"agency".into()) && paused.contains(&"branch".into()),
        "{paused:?}"
    );
    let paused = say("INSTALL", 2_000).await;
    assert!(
        !paused.contains(&"agency".into()) && !paused.contains(&"branch".into()),
        "{paused:?}"
    );
}
