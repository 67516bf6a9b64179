//! Databases for the tests of this crate.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cartlane_model::{Clock, UnixMs};
use cartlane_store::{Db, Dialect, Options};
use cartlane_testkit::postgres::Cluster;
use tempfile::TempDir;

/// A clock that stands where it was put.
pub struct StandingClock(pub AtomicI64);

impl Clock for StandingClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::Relaxed))
    }
}

/// A fresh, empty database and what it was opened with.
pub struct Fixture {
    pub db: Db,
    pub options: Options,
    _directory: TempDir,
}

/// Options for a fresh database that is not opened yet.
pub fn options(dialect: Dialect) -> (Options, Arc<StandingClock>, TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = match dialect {
        Dialect::Sqlite => "sqlite://test.db".to_owned(),
        Dialect::Postgres => Cluster::shared().fresh_database(),
    };
    let clock = Arc::new(StandingClock(AtomicI64::new(1_700_000_000_000)));
    let mut options = Options::new(url, directory.path(), clock.clone());
    options.postgres_connections = 3;
    (options, clock, directory)
}

/// A fresh, open database.
pub fn open(dialect: Dialect) -> Fixture {
    let (options, _, directory) = options(dialect);
    let db = Db::open(&options).expect("the database opens");
    Fixture {
        db,
        options,
        clock,
        _directory: directory,
    }
}
