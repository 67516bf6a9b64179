//! One process of the house, played by a runtime of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cartlane_engine::{ConnectionConfig, Engine, Handle, Limits, Options};
use cartlane_model::{Clock, NodeId};
use cartlane_store::Db;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::TestClock;

const MASTER_KEY: [u8; 32] = [7; 32];
const BODY_BYTES: usize = 1 << 20;
/// A task that is in the middle of something has so long to come to its next await.
const DIES_WITHIN: Duration = Duration::from_secs(5);

/// What every node is started with.
#[derive(Clone)]
pub(super) struct Setup {
    pub url: String,
    pub data_dir: Arc<TempDir>,
    pub clock: TestClock,
    pub connections: Vec<ConnectionConfig>,
    pub limits: Limits,
}

pub(super) struct Node {
    pub address: SocketAddr,
    pub handle: Handle,
    pub db: Db,
    runtime: Runtime,
    shutdown: CancellationToken,
    work: JoinHandle<()>,
}

struct Opened {
    address: SocketAddr,
    handle: Handle,
    db: Db,
    work: JoinHandle<()>,
}

impl Node {
    pub async fn start(setup: Setup) -> Self {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
        let shutdown = CancellationToken::new();
        let opened = runtime.spawn(open(setup, shutdown.clone()));
        let Opened {
            address,
            handle,
            db,
            work,
        } = opened.await.expect("the node starts");
        Self {
            address,
            handle,
            db,
            runtime,
            shutdown,
            work,
        }
    }

    /// As a signal to stop does.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.work.await.expect("the node ends without a panic");
        self.db.close().await;
        self.runtime.shutdown_background();
    }

    /// All tasks are dropped where they stand. What was handed to the database before may still be committed, as it may
    /// when a process dies.
    pub async fn kill(self) {
        let runtime = self.runtime;
        let dead = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DIES_WITHIN));
        dead.await.expect("the runtime ends");
        self.db.close().await;
    }

    /// Counts the open runs, then ends; may be called where nothing can be awaited.
    pub fn end(self) -> i64 {
        let Self { handle, runtime, .. } = self;
        let count = || {
            runtime
                .block_on(handle.health())
                .map_or(0, |health| health.open_runs)
        };
        let open = std::thread::scope(|scope| scope.spawn(count).join());
        runtime.shutdown_background();
        open.unwrap_or_default()
    }
}

async fn open(setup: Setup, shutdown: CancellationToken) -> Opened {
    let clock: Arc<dyn Clock> = Arc::new(setup.clock.clone());
    let mut options = cartlane_store::Options::new(&setup.url, setup.data_dir.path(), Arc::clone(&clock));
    options.clock_offset_ms = setup.clock.offset_ms();
    options.postgres_connections = 4;
    let db = tokio::task::spawn_blocking(move || Db::open(&options)).await;
    let db = db.expect("no panic").expect("the database opens");
    cartlane_store::migrate(&db)
        .await
        .expect("the database is migrated");
    let options = Options {
        node_id: NodeId::new(clock.now()),
        clock,
        connections: setup.connections,
        public_url: Some("https://cartlane.example.com".into()),
        master_key: MASTER_KEY,
        files_dir: setup.data_dir.path().join("files"),
        limits: setup.limits,
        #[cfg(feature = "break")]
        broken: None,
    };
    let (engine, handle) = Engine::open(db.clone(), options).await.expect("the engine opens");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let router = cartlane_server::hooks::router(handle.clone(), BODY_BYTES, Arc::new(AtomicBool::new(true)));
    let work = tokio::spawn(async move {
        let hooks = cartlane_server::serve_tcp(listener, router, shutdown.clone());
        tokio::join!(engine.run(shutdown), hooks);
    });
    Opened {
        address,
        handle,
        db,
        work,
    }
}
