//! Where the database is and how it is used.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use cartlane_model::Clock;

/// How a [`Db`](super::Db) is opened.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://FILE` (relative to `data_dir`, or absolute as `sqlite:///FILE`) or
    /// `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=…`. `sslmode=require`, or `prefer` where the server supports
    /// it, means TLS with the platform's root certificates; an address without `sslmode` means no TLS.
    pub url: String,
    /// Where a relative SQLite file lies. Must exist.
    pub data_dir: PathBuf,
    /// What `now_ms()` is on SQLite.
    pub clock: Arc<dyn Clock>,
    /// How far `clock` stands from the real time, in milliseconds: added to the server's time in PostgreSQL's
    /// `now_ms()`. May be changed while the database is open; each transaction uses the value at its beginning.
    pub clock_offset_ms: Arc<AtomicI64>,
    /// Reading threads of SQLite.
    pub readers: usize,
    /// Threads, and so connections, of PostgreSQL.
    pub postgres_connections: usize,
    /// Closures that may wait; the next one gets [`Error::Overloaded`](super::Error::Overloaded). On SQLite readers
    /// and the writer have a queue of this length each.
    pub queue_capacity: usize,
    /// Takes a PostgreSQL that runs with `fsync = off`: only for a throw-away cluster in tests.
    pub allow_unsafe_fsync: bool,
    /// A limit in pages for the SQLite file, so that a test can see a full disk.
    pub max_page_count: Option<i64>,
}

impl Options {
    /// The database at `url`, with the usual numbers: 2 readers, 8 connections, 8192 waiting closures.
    pub fn new(url: impl Into<String>, data_dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            url: url.into(),
            data_dir: data_dir.into(),
            clock,
            clock_offset_ms: Arc::default(),
            readers: 2,
            postgres_connections: 8,
            queue_capacity: 8192,
            allow_unsafe_fsync: false,
            max_page_count: None,
        }
    }
}
