//! What becomes of lanes whose worker gives up.

use cartlane_model::{Clock, NodeId};
use cartlane_store::Db;
use cartlane_testkit::TestClock;

use super::*;
use crate::{
    AccountConfig, ConnectionConfig, Engine, Envelope, GhlConfig, Limits, Options, SecretName, Secrets,
    Sender, ThriveCartConfig,
};

const HOOK_KEY: &str = "test-hook-key-0123456789";
const SALE: &str =
    include_str!("../../thrivecart/fixtures/order.success.subscription.stripe.testmode.2023.form");

fn connections() -> Vec<ConnectionConfig> {
    let shop = ThriveCartConfig {
        sync_test_mode: true,
        ..ThriveCartConfig::default()
    };
    let crm = GhlConfig {
        base_url: "http://127.0.0.1:9".into(),
        location_id: Some("loc1".into()),
        allow_private_networks: true,
        ..GhlConfig::default()
    };
    let connection = |name: &str, account, secrets| ConnectionConfig {
        name: name.into(),
        account,
        secrets,
    };
    let of_shop = Secrets::default()
        .with(SecretName::Secret, "EXAMPLESEC01")
        .with(SecretName::HookKey, HOOK_KEY);
    let of_crm = Secrets::default().with(SecretName::Token, "pit-x");
    vec![
        connection("shop", AccountConfig::ThriveCart(shop), of_shop),
        connection("crm", AccountConfig::Ghl(crm), of_crm),
    ]
}

/// An engine that stores a sale, and whose lanes nobody works.
async fn with_a_sale(directory: &std::path::Path, clock: &TestClock) -> Arc<Shared> {
    cartlane_outbound::install_crypto_provider();
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let store = cartlane_store::Options::new("sqlite://cartlane.db", directory, Arc::clone(&clock));
    let db = Db::open(&store).expect("the database opens");
    cartlane_store::migrate(&db)
        .await
        .expect("the database is migrated");
    let options = Options {
        node_id: NodeId::new(clock.now()),
        clock,
        connections: connections(),
        public_url: None,
        master_key: [7; 32],
        files_dir: directory.join("files"),
        limits: Limits::default(),
        #[cfg(feature = "break")]
        broken: None,
    };
    let (engine, handle) = Engine::open(db, options).await.expect("the engine opens");
    let Engine { shared, jobs } = engine;
    tokio::spawn(Arc::clone(&shared).run_inbox(jobs));
    let stored = handle
        .accept(
            Sender::ThriveCart,
            HOOK_KEY,
            Envelope::default(),
            SALE.trim().into(),
        )
        .await;
    stored.expect("the sale is stored");
    shared
}

#[tokio::test]
async fn a_lane_whose_lease_was_in_doubt_is_due_again_where_nobody_took_it() {
    let (directory, clock) = (tempfile::tempdir().expect("a directory"), TestClock::default());
    let shared = with_a_sale(directory.path(), &clock).await;
    let claimed = shared.try_claim(1).await.expect("a claim").pop();
    let (lane, work) = claimed.expect("the sale's lane");
    let lost = Turn {
        writes: Vec::new(),
        warnings: Vec::new(),
        ending: Ending::Lost,
    };
    let next = shared.settle(&Arc::new(lane), &work, lost, Duration::ZERO).await;
    assert!(next.expect("it is settled").is_none());
    clock.advance(LOOK_AGAIN_MS);
    let again = shared.try_claim(1).await.expect("a claim").pop();
    let (lane, again) = again.expect("the lane is due");
    assert_eq!(again.run_id, work.run_id);
    assert!(!lane.is_taken_over, "its owner let it go, and has sent nothing");
}
