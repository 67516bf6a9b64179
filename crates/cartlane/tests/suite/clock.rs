//! A clock that is set forward or back by a day while runs are being retried: nothing is lost, nothing happens twice,
//! and nobody waits a day. GHL's clock stays right.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cartlane_engine::records::RunFilter;
use cartlane_engine::{
    AccountConfig, ConnectionConfig, Engine, Envelope, GhlConfig, Handle, Limits, Options, SecretName,
    Secrets, Sender, ThriveCartConfig,
};
use cartlane_model::{Clock, NodeId, UnixMs};
use cartlane_sandbox::{Fault, Match, Rule, Running, Sandbox, Settings};
use cartlane_store::Db;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::common::{SECRET, TOKEN, payload};

const DAY_MS: i64 = 86_400_000;
const HOOK_KEY: &str = "hook-key-of-the-moved-clock";
/// 2026-11-23T08:00:00Z.
const BEGIN: UnixMs = UnixMs(1_795_420_800_000);

/// Goes as fast as time does, and can be set.
struct MovedClock {
    began: Instant,
    moved_ms: AtomicI64,
}

impl MovedClock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            moved_ms: AtomicI64::new(0),
        })
    }

    fn advance(&self, ms: i64) {
        self.moved_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> UnixMs {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        BEGIN.plus_ms(passed + self.moved_ms.load(Ordering::Relaxed))
    }
}

/// An engine at work in this process.
struct AtWork {
    engine: Handle,
    db: Db,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl AtWork {
    async fn start(directory: &Path, clock: &Arc<MovedClock>, sandbox: &Running) -> Self {
        cartlane_outbound::install_crypto_provider();
        let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
        let store = cartlane_store::Options::new("sqlite://cartlane.db", directory, Arc::clone(&clock));
        let db = Db::open(&store).expect("the database opens");
        cartlane_store::migrate(&db)
            .await
            .expect("the database is migrated");
        let limits = Limits {
            request_timeout_ms: 2_000,
            settle_ms: 500,
            backoff_base_ms: 2_000,
            backoff_cap_ms: 2_000,
            ..Limits::default()
        };
        let options = Options {
            node_id: NodeId::new(clock.now()),
            clock,
            connections: connections(&sandbox.url()),
            public_url: None,
            master_key: [7; 32],
            files_dir: std::env::temp_dir(),
            limits,
            #[cfg(feature = "break")]
            broken: None,
        };
        let (engine, handle) = Engine::open(db.clone(), options).await.expect("the engine opens");
        let shutdown = CancellationToken::new();
        Self {
            engine: handle,
            db,
            task: tokio::spawn(engine.run(shutdown.clone())),
            shutdown,
        }
    }

    async fn deliver(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let body = Bytes::from(payload::order(number));
            let accepted = self
                .engine
                .accept(Sender::ThriveCart, HOOK_KEY, Envelope::default(), body)
                .await;
            assert!(accepted.is_ok(), "{accepted:?}");
        }
    }

    async fn states(&self) -> Vec<String> {
        let runs = self
            .engine
            .runs(RunFilter::default(), 1_000)
            .await
            .expect("a list of runs");
        runs.into_iter().map(|run| run.state).collect()
    }

    /// Waits until `right` is right of the states of all runs. A minute is much, and less than a day.
    async fn until(&self, what: &str, right: impl Fn(&[String]) -> bool) {
        let began = Instant::now();
        loop {
            let states = self.states().await;
            if right(&states) {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{what} never came: {states:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.expect("the engine ends well");
        drop(self.engine);
        self.db.close().await;
    }
}

fn connections(sandbox: &str) -> Vec<ConnectionConfig> {
    let shop = ThriveCartConfig {
        sync_test_mode: true,
        ..ThriveCartConfig::default()
    };
    let crm = GhlConfig {
        base_url: sandbox.to_owned(),
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
        .with(SecretName::Secret, SECRET)
        .with(SecretName::HookKey, HOOK_KEY);
    let of_crm = Secrets::default().with(SecretName::Token, TOKEN);
    vec![
        connection("shop", AccountConfig::ThriveCart(shop), of_shop),
        connection("crm", AccountConfig::Ghl(crm), of_crm),
    ]
}

/// A sandbox that answers its first requests with 5xx, and one note with nothing although it was written.
async fn troubled_sandbox() -> Running {
    let options = cartlane_sandbox::Options {
        settings: Settings::single(TOKEN, "loc1"),
        ..cartlane_sandbox::Options::new(MovedClock::new())
    };
    let sandbox = Sandbox::bind(options).await.expect("a sandbox");
    let notes = Match {
        method: Some("POST".into()),
        path_contains: Some("/notes".into()),
        ..Match::default()
    };
    sandbox.state().script([
        Rule::new(Match::default(), Fault::ServerError, 5),
        Rule::new(notes, Fault::CutAfter, 1),
    ]);
    sandbox
}

async fn assert_each_order_came_once(engine: &AtWork, sandbox: &Running, orders: usize) {
    engine
        .until("the end of all runs", |states| {
            states.iter().all(|state| state == "done")
        })
        .await;
    assert_eq!(engine.states().await.len(), orders);
    let contacts = sandbox.state().contacts();
    assert_eq!(contacts.len(), orders);
    for contact in contacts {
        let notes = sandbox.state().notes(contact["id"].as_str().expect("an id"));
        assert_eq!(notes.len(), 1, "{contact}: {notes:?}");
    }
}

async fn clock_moves(by_ms: i64) {
    let directory = tempfile::TempDir::new().expect("a directory");
    let (clock, sandbox) = (MovedClock::new(), troubled_sandbox().await);
    let engine = AtWork::start(directory.path(), &clock, &sandbox).await;
    engine.deliver(0..5).await;
    engine
        .until("a run that is retried", |states| {
            states.contains(&"retrying".into())
        })
        .await;
    clock.advance(by_ms);
    engine.deliver(0..5).await; // they come again, and make nothing due
    engine
        .until("the end of all runs", |states| {
            states.iter().all(|state| state == "done")
        })
        .await;
    engine.deliver(5..10).await;
    assert_each_order_came_once(&engine, &sandbox, 10).await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_that_goes_a_day_forward_loses_and_repeats_nothing() {
    clock_moves(DAY_MS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_that_goes_a_day_back_loses_and_repeats_nothing_and_nobody_waits_a_day() {
    clock_moves(-DAY_MS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_starts_again_a_day_earlier_goes_on_at_once() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let (clock, sandbox) = (MovedClock::new(), troubled_sandbox().await);
    let engine = AtWork::start(directory.path(), &clock, &sandbox).await;
    engine.deliver(0..5).await;
    engine
        .until("a run that is retried", |states| {
            states.contains(&"retrying".into())
        })
        .await;
    engine.stop().await;
    clock.advance(-DAY_MS);
    let engine = AtWork::start(directory.path(), &clock, &sandbox).await;
    engine
        .until("the end of all runs", |states| {
            states.iter().all(|state| state == "done")
        })
        .await;
    engine.deliver(5..8).await;
    assert_each_order_came_once(&engine, &sandbox, 8).await;
    engine.stop().await;
}
