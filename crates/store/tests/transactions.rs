//! What a closure may rely on, the same on both databases.

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use cartlane_model::{EventId, UnixMs};
use cartlane_store::{Db, Dialect, Error, Tx, Value};
use common::open;
use rstest::rstest;

async fn letters(db: &Db) -> Vec<String> {
    let read = |tx: &mut dyn Tx| {
        let rows = tx.query("SELECT letter FROM letters ORDER BY letter", &[])?;
        rows.iter()
            .map(|row| row.text(0).map(str::to_owned))
            .collect::<Result<Vec<_>, Error>>()
    };
    db.read(read).await.expect("letters can be read")
}

fn add(tx: &mut dyn Tx, letter: &str) -> Result<u64, Error> {
    tx.execute("INSERT INTO letters (letter) VALUES (?1)", &[letter.into()])
}

async fn with_letters(dialect: Dialect) -> common::Fixture {
    let fixture = open(dialect);
    let made = fixture
        .db
        .write(|tx| tx.batch("CREATE TABLE letters (letter TEXT NOT NULL PRIMARY KEY)"))
        .await;
    made.expect("the table can be made");
    fixture
}

/// Holds the database's threads in a closure each until the sender is dropped, so that what comes next is queued.
fn hold(db: &Db, threads: usize) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    for _ in 0..threads {
        let (db, released) = (db.clone(), Arc::clone(&released));
        tokio::spawn(async move {
            db.write(move |_| {
                let _ = released.lock().expect("the lock").recv();
                Ok::<(), Error>(())
            })
            .await
        });
    }
    release
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_closure_leaves_no_trace_and_takes_nothing_with_it(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = with_letters(dialect).await;
    let db = &fixture.db;
    let held = hold(db, 1); // on SQLite all that follows is one group
    let says_no = |tx: &mut dyn Tx| {
        add(tx, "b")?;
        Err::<(), Error>(Error::Corrupt("no".to_owned()))
    };
    let hides_a_failure = |tx: &mut dyn Tx| {
        add(tx, "c")?;
        assert!(matches!(add(tx, "c"), Err(Error::Conflict { .. })));
        assert!(matches!(add(tx, "d"), Err(Error::Aborted)));
        Ok::<(), Error>(())
    };
    let panics = |tx: &mut dyn Tx| -> Result<(), Error> {
        add(tx, "e")?;
        panic!("on purpose")
    };
    let all = async {
        tokio::join!(
            db.write(|tx| add(tx, "a")),
            db.write(says_no),
            db.write(hides_a_failure),
            db.write(panics),
            db.write(|tx| add(tx, "f")),
        )
    };
    let release = async {
        tokio::task::yield_now().await;
        drop(held);
    };
    let ((first, no, hidden, panicked, last), ()) = tokio::join!(all, release);
    assert!(first.is_ok() && last.is_ok(), "{first:?} {last:?}");
    assert!(matches!(no, Err(Error::Corrupt(_))), "{no:?}");
    assert!(matches!(hidden, Err(Error::Aborted)), "{hidden:?}");
    assert!(matches!(panicked, Err(Error::Panicked)), "{panicked:?}");
    assert_eq!(letters(db).await, ["a", "f"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_commits_although_its_future_was_dropped(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = with_letters(dialect).await;
    let held = hold(&fixture.db, if dialect == Dialect::Sqlite { 1 } else { 3 });
    let mut write = Box::pin(fixture.db.write(|tx| add(tx, "a")));
    let waker = std::task::Waker::noop();
    let polled = write.as_mut().poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending());
    drop(write);
    drop(held);
    fixture.db.close().await; // works off what waits
    let reopened = Db::open(&fixture.options).expect("the database opens again");
    assert_eq!(letters(&reopened).await, ["a"]);
    assert!(matches!(
        fixture.db.write(|tx| add(tx, "b")).await,
        Err(Error::Stopped)
    ));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_queue_refuses_at_once(#[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect) {
    let (mut options, _, _directory) = common::options(dialect);
    options.queue_capacity = 2;
    options.postgres_connections = 1;
    let db = Db::open(&options).expect("the database opens");
    let (started, running) = tokio::sync::oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut started = Some(started);
    let holder = db.write(move |_| {
        started.take().map(|started| started.send(()));
        let _ = released.recv();
        Ok::<(), Error>(())
    });
    let crowd = async {
        running.await.expect("the first closure runs");
        let noop = |_: &mut dyn Tx| Ok::<(), Error>(());
        let last = async {
            let refused = db.write(noop).await;
            drop(release);
            refused
        };
        tokio::join!(db.write(noop), db.write(noop), last)
    };
    let (held, (first, second, last)) = tokio::join!(holder, crowd);
    assert!(held.is_ok() && first.is_ok() && second.is_ok());
    assert!(matches!(last, Err(Error::Overloaded)), "{last:?}");
}

#[rstest]
#[tokio::test]
async fn values_come_back_as_they_went(#[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect) {
    let fixture = open(dialect);
    let (sqlite, postgres) = (
        "CREATE TABLE shelf (a INTEGER, b TEXT, c BLOB) STRICT",
        "CREATE TABLE shelf (a BIGINT, b TEXT, c BYTEA)",
    );
    let event = EventId::new(UnixMs(1_700_000_000_000));
    let round = move |tx: &mut dyn Tx| {
        tx.batch(tx.dialect().pick(sqlite, postgres))?;
        let put = "INSERT INTO shelf (a, b, c) VALUES (?1 + 0, ?2, ?3) RETURNING a, b, c";
        // NULL first: what the server makes of the parameters then must not bind later values.
        let empty = tx.query_one(put, &[Value::Null, Value::Null, Value::Null])?;
        let none = (empty.opt_int(0)?, empty.opt_text(1)?, empty.opt_blob(2)?);
        assert_eq!(none, (None, None, None));
        let row = tx.query_one(put, &[i64::MAX.into(), "Zoë 🛒\0".into(), (&[0, 255]).into()])?;
        assert_eq!(
            (row.int(0)?, row.text(1)?, row.blob(2)?),
            (i64::MAX, "Zoë 🛒\u{fffd}", &[0, 255][..])
        );
        assert!(matches!(row.text(0), Err(Error::Corrupt(_))));
        let row = tx.query_one(
            put,
            &[
                Some(UnixMs(-5)).into(),
                Value::id(&event),
                Option::<&[u8]>::None.into(),
            ],
        )?;
        assert_eq!(
            (row.time(0)?, row.id::<EventId>(1)?, row.opt_blob(2)?),
            (UnixMs(-5), event, None)
        );
        assert!(row.id::<cartlane_model::RunId>(1).is_err());
        let sums = "SELECT SUM(a), COUNT(*), MAX(b) IS NULL FROM shelf WHERE a < ?1 LIMIT ?2";
        let row = tx.query_one(sums, &[0.into(), 1.into()])?;
        assert_eq!((row.int(0)?, row.int(1)?, row.bool(2)?), (-5, 1, false));
        Ok::<(), Error>(())
    };
    fixture.db.write(round).await.expect("values go and come");
}

#[tokio::test]
async fn arrays_carry_many_rows_to_postgres() {
    let fixture = open(Dialect::Postgres);
    let unnest = |tx: &mut dyn Tx| {
        let rows = tx.query(
            "SELECT n, t, b FROM unnest(?1, ?2, ?3) WITH ORDINALITY AS rows (n, t, b, place) ORDER BY place",
            &[
                Value::IntArray(vec![Some(1 << 40), None]),
                Value::TextArray(vec![None, Some("x\0".into())]),
                Value::BlobArray(vec![Some(vec![7].into()), None]),
            ],
        )?;
        let row =
            |at: usize| Ok::<_, Error>((rows[at].opt_int(0)?, rows[at].opt_text(1)?, rows[at].opt_blob(2)?));
        assert_eq!(row(0)?, (Some(1 << 40), None, Some(&[7][..])));
        assert_eq!(row(1)?, (None, Some("x\u{fffd}"), None));
        let sums = tx.query_one(
            "SELECT SUM(n), SUM(n) * 10000, 0::numeric FROM unnest(?1) AS n",
            &[Value::IntArray(vec![Some(-120_000), Some(7)])],
        )?;
        assert_eq!(
            (sums.int(0)?, sums.int(1)?, sums.int(2)?),
            (-119_993, -1_199_930_000, 0)
        );
        assert!(tx.query("SELECT 1.5", &[]).is_err());
        Ok::<(), Error>(())
    };
    let outcome = fixture.db.write(unnest).await;
    assert!(matches!(outcome, Err(Error::Aborted)), "{outcome:?}"); // for the 1.5
}

#[rstest]
#[tokio::test]
async fn read_cannot_write(#[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect) {
    let fixture = with_letters(dialect).await;
    let outcome = fixture.db.read(|tx| add(tx, "a")).await;
    assert!(matches!(outcome, Err(Error::Sql { .. })), "{outcome:?}");
    assert!(letters(&fixture.db).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn now_follows_the_injected_clock(#[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect) {
    let (options, clock, _directory) = common::options(dialect);
    let db = Db::open(&options).expect("the database opens");
    cartlane_store::migrate(&db).await.expect("the schema is made");
    let now = || db.read(|tx| tx.query_one("SELECT now_ms()", &[])?.int(0));
    let before = now().await.expect("a moment");
    let day_ms = 86_400_000;
    clock.0.fetch_add(day_ms, Ordering::Relaxed);
    fixture
        .options
        .clock_offset_ms
        .fetch_add(day_ms, Ordering::Relaxed);
    assert!(now().await.expect("a moment") - before >= day_ms);
}

#[tokio::test]
async fn closure_runs_again_when_its_backend_is_killed_before_commit() {
    let fixture = with_letters(Dialect::Postgres).await;
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let suicidal = move |tx: &mut dyn Tx| {
        add(tx, "a")?;
        if count.fetch_add(1, Ordering::Relaxed) < 2 {
            tx.query("SELECT pg_terminate_backend(pg_backend_pid())", &[])?;
        }
        add(tx, "b")
    };
    fixture.db.write(suicidal).await.expect("it succeeds in the end");
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    assert_eq!(letters(&fixture.db).await, ["a", "b"]);
}

#[tokio::test]
async fn killed_idle_connections_are_replaced_unseen() {
    let fixture = with_letters(Dialect::Postgres).await;
    let name = fixture.options.url.rsplit('/').next().expect("a name");
    cartlane_testkit::postgres::Cluster::shared().administer(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    ));
    for letter in ["a", "b", "c", "d"] {
        fixture
            .db
            .write(move |tx| add(tx, letter))
            .await
            .expect("the connection is replaced");
    }
    assert_eq!(letters(&fixture.db).await, ["a", "b", "c", "d"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlock_is_resolved_by_running_again() {
    let fixture = with_letters(Dialect::Postgres).await;
    fixture
        .db
        .write(|tx| add(tx, "a").and_then(|_| add(tx, "b")))
        .await
        .expect("two rows");
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let crossing = |first: &'static str, second: &'static str| {
        let (barrier, mut met) = (Arc::clone(&barrier), false);
        fixture.db.write(move |tx| {
            let lock = "SELECT letter FROM letters WHERE letter = ?1 FOR UPDATE";
            tx.query(lock, &[first.into()])?;
            if !std::mem::replace(&mut met, true) {
                barrier.wait();
            }
            tx.query(lock, &[second.into()])
        })
    };
    let (one, other) = tokio::join!(crossing("a", "b"), crossing("b", "a"));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
}
