//! Databases for the tests of this crate.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use cartlane_model::{Clock, UnixMs};
use cartlane_store::{Db, Dialect, Error, Options, Tx};
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
        _directory: directory,
    }
}

/// The rows of the table, sorted.
pub async fn letters(db: &Db) -> Vec<String> {
    let read = |tx: &mut dyn Tx| {
        let rows = tx.query("SELECT letter FROM letters ORDER BY letter", &[])?;
        rows.iter()
            .map(|row| row.text(0).map(str::to_owned))
            .collect::<Result<Vec<_>, Error>>()
    };
    db.read(read).await.expect("letters can be read")
}

/// Puts a row into the table.
pub fn add(tx: &mut dyn Tx, letter: &str) -> Result<u64, Error> {
    tx.execute("INSERT INTO letters (letter) VALUES (?1)", &[letter.into()])
}

/// A fresh database with the table.
pub async fn with_letters(dialect: Dialect) -> Fixture {
    let fixture = open(dialect);
    let made = fixture
        .db
        .write(|tx| tx.batch("CREATE TABLE letters (letter TEXT NOT NULL PRIMARY KEY)"))
        .await;
    made.expect("the table can be made");
    fixture
}

/// Holds `threads` of the database in a closure each until the sender is dropped, so that what comes next is queued.
pub async fn hold(db: &Db, threads: usize) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    for _ in 0..threads {
        let (db, released) = (db.clone(), Arc::clone(&released));
        let (started, running) = tokio::sync::oneshot::channel();
        let mut started = Some(started);
        let wait = move |_: &mut dyn Tx| {
            started.take().map(|started| started.send(()));
            let _ = released.lock().expect("the lock").recv();
            Ok::<(), Error>(())
        };
        tokio::spawn(async move { db.write(wait).await });
        running.await.expect("the closure runs");
    }
    release
}
