//! `cartlane serve`: the server.

use std::fs::{self, Permissions};
use std::io::IsTerminal;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use cartlane_engine::{ConfigError, ConnectionConfig, Engine, Handle, Options};
use cartlane_model::{Clock, NodeId};
use cartlane_store::Db;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::admin::SOCKET;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::master_key;
use crate::output::BadConfig;

/// How long a start waits for a database that can't be reached: one that is itself being started, or fails over.
const DATABASE_PATIENCE: Duration = Duration::from_secs(30);

/// How to start.
#[derive(clap::Args)]
pub struct Arguments {
    /// Use the database with this server's master key from now on, because the former one is lost. Deliveries in
    /// quarantine can then not be opened any more. Stop all other servers first.
    #[arg(long)]
    new_master_key: bool,
}

/// Runs the server until a signal to stop.
pub fn run(arguments: &Arguments, config: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut config = Config::read(config)?;
    config.log_json |= as_json;
    log_to_stderr(&config)?;
    let connections = config.connections()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        stop_on_signal(shutdown.clone())?;
        let start = Server::start(&config, connections, arguments.new_master_key, shutdown.clone());
        let (server, _) = start.await?;
        server.ended().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Logs as the configuration says.
pub fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| BadConfig(format!("log: {error}; give a level such as info")))?;
    let layer = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if config.log_json {
        layer.json().init();
    } else {
        layer.init();
    }
    Ok(())
}

/// Stops on Ctrl-C and on SIGTERM.
pub fn stop_on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        shutdown.cancel();
    });
    Ok(())
}

/// A running server.
pub struct Server {
    /// Where web hooks come in.
    pub address: std::net::SocketAddr,
    db: Db,
    engine: tokio::task::JoinHandle<()>,
    hooks: tokio::task::JoinHandle<()>,
    admin: tokio::task::JoinHandle<()>,
    socket: std::path::PathBuf,
}

impl Server {
    /// Opens the database, the engine and the listeners.
    pub async fn start(
        config: &Config,
        connections: Vec<ConnectionConfig>,
        is_new_master_key: bool,
        shutdown: CancellationToken,
    ) -> anyhow::Result<(Self, Handle)> {
        make_private(&config.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let db = open_database(config, &clock).await?;
        master_key::finish_rotation(&db, &config.data_dir).await?;
        let master_key = master_key::read_or_make(&config.data_dir)?;
        if is_new_master_key {
            cartlane_engine::replace_master_key(&db, &master_key).await?;
        }
        let options = Options {
            node_id: NodeId::new(clock.now()),
            clock,
            connections,
            public_url: config.public_url.clone(),
            master_key,
            files_dir: config.data_dir.join("files"),
            limits: config.limits.clone(),
            #[cfg(feature = "break")]
            broken: broken()?,
        };
        let opened = Engine::open(db.clone(), options).await;
        let (engine, handle) = opened.map_err(|error| match error {
            error @ (ConfigError::Problems(_) | ConfigError::MasterKey) => {
                BadConfig(error.to_string()).into()
            }
            error @ ConfigError::Store(_) => anyhow::Error::from(error),
        })?;
        let listener = TcpListener::bind(&config.listen).await.with_context(|| {
            format!(
                "cannot listen on {}; set `listen` to a free address",
                config.listen
            )
        })?;
        let address = listener.local_addr()?;
        let socket = config.data_dir.join(SOCKET);
        let admin = bind_socket(&socket)?;
        let is_ready = Arc::new(AtomicBool::new(true));
        let hooks = cartlane_server::hooks::router(handle.clone(), config.body_bytes, Arc::clone(&is_ready));
        let api = cartlane_server::api::router(handle.clone());
        let at_stop = shutdown.clone();
        tokio::spawn(async move {
            at_stop.cancelled().await;
            is_ready.store(false, Ordering::Relaxed);
        });
        let server = Self {
            address,
            db,
            engine: tokio::spawn(engine.run(shutdown.clone())),
            hooks: tokio::spawn(cartlane_server::serve_tcp(listener, hooks, shutdown.clone())),
            admin: tokio::spawn(cartlane_server::serve_unix(admin, api, shutdown)),
            socket,
        };
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "ready");
        Ok((server, handle))
    }

    /// Waits until everything has come to an end.
    pub async fn ended(self) {
        let _ = tokio::join!(self.engine, self.hooks, self.admin); // a panic in one has been logged
        let _ = fs::remove_file(&self.socket);
        self.db.close().await;
    }
}

/// Makes a directory for customers' data and the master key: for this user alone.
pub fn make_private(directory: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.with_context(|| format!("the data directory {} cannot be made", directory.display()))
}

/// Opens the database and brings it to this version.
pub async fn open_database(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Db> {
    let options = cartlane_store::Options {
        postgres_connections: config.postgres_connections,
        ..cartlane_store::Options::new(&config.database_url, &config.data_dir, Arc::clone(clock))
    };
    let started = Instant::now();
    loop {
        let error = match open_once(&options).await {
            Ok(db) => return Ok(db),
            Err(error) => error,
        };
        let is_unavailable = matches!(
            error.downcast_ref(),
            Some(cartlane_store::Error::Unavailable { .. })
        ) || matches!(
            error.downcast_ref(),
            Some(cartlane_store::migrate::Error::Db(
                cartlane_store::Error::Unavailable { .. }
            ))
        );
        if !is_unavailable || started.elapsed() > DATABASE_PATIENCE {
            return Err(error);
        }
        tracing::warn!("{error:#}; trying again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn open_once(options: &cartlane_store::Options) -> anyhow::Result<Db> {
    let db = Db::open(options).context("the database cannot be opened")?;
    cartlane_store::migrate(&db)
        .await
        .context("the database cannot be brought to this version")?;
    Ok(db)
}

/// The administration socket: for the user who runs the server alone.
fn bind_socket(path: &Path) -> anyhow::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        bail!(
            "another server answers on {}; stop it first, or give this one its own data_dir",
            path.display()
        );
    }
    let _ = fs::remove_file(path); // left by a server that was killed
    let listener = UnixListener::bind(path)
        .with_context(|| format!("the administration socket {} cannot be made", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[cfg(feature = "break")]
#[expect(clippy::disallowed_methods, reason = "the program reads the environment")]
fn broken() -> anyhow::Result<Option<cartlane_engine::Broken>> {
    use cartlane_engine::Broken;
    Ok(match std::env::var("CARTLANE_BREAK").ok().as_deref() {
        None => None,
        Some("ack-before-commit") => Some(Broken::AckBeforeCommit),
        Some("no-confirm") => Some(Broken::NoConfirm),
        Some("no-lanes") => Some(Broken::NoLanes),
        Some("no-dedupe") => Some(Broken::NoDedupe),
        Some("no-claim") => Some(Broken::NoClaim),
        Some(other) => bail!("CARTLANE_BREAK={other} is not known"),
    })
}
