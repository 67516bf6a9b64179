//! What a closure may rely on, the same on both databases.

use std::sync::atomic::Ordering;

use crate::common::{add, hold, letters, open, with_letters};
use cartlane_model::{EventId, UnixMs};
use cartlane_store::{Db, Dialect, Error, Tx, Value};
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn failed_closure_leaves_no_trace_and_takes_nothing_with_it(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = with_letters(dialect).await;
    let db = &fixture.db;
    let held = hold(db, 1).await; // on SQLite all that follows is one group
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
    let release = async { drop(held) };
    let ((first, no, hidden, panicked, last), ()) = tokio::join!(all, release);
    assert!(first.is_ok() && last.is_ok(), "{first:?} {last:?}");
    assert!(matches!(no, Err(Error::Corrupt(_))), "{no:?}");
    assert!(matches!(hidden, Err(Error::Aborted)), "{hidden:?}");
    assert!(matches!(panicked, Err(Error::Panicked)), "{panicked:?}");
    assert_eq!(letters(db).await, ["a", "f"]);
}

#[rstest]
#[tokio::test]
async fn write_commits_although_its_future_was_dropped(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let fixture = with_letters(dialect).await;
    let held = hold(&fixture.db, if dialect == Dialect::Sqlite { 1 } else { 3 }).await;
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
#[tokio::test]
async fn full_queue_refuses_at_once(#[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect) {
    let (mut options, _, _directory) = crate::common::options(dialect);
    options.queue_capacity = 2;
    options.postgres_connections = 1;
    let db = Db::open(&options).expect("the database opens");
    let held = hold(&db, 1).await;
    let noop = |_: &mut dyn Tx| Ok::<(), Error>(());
    let last = async {
        let refused = db.write(noop).await;
        drop(held);
        refused
    };
    let (first, second, last) = tokio::join!(db.write(noop), db.write(noop), last);
    assert!(first.is_ok() && second.is_ok());
    assert!(matches!(last, Err(Error::Overloaded)), "{last:?}");
}

#[tokio::test]
async fn answer_that_rests_on_a_lost_neighbour_is_not_given() {
    let fixture = with_letters(Dialect::Sqlite).await;
    let db = &fixture.db;
    let child =
        "CREATE TABLE child (letter TEXT REFERENCES letters (letter) DEFERRABLE INITIALLY DEFERRED) STRICT";
    db.write(move |tx| tx.batch(child))
        .await
        .expect("a table whose orphans make COMMIT fail");
    let held = hold(db, 1).await;
    let orphan = |tx: &mut dyn Tx| tx.execute("INSERT INTO child (letter) VALUES ('z')", &[]);
    let known = |tx: &mut dyn Tx| {
        let seen = tx.query_opt("SELECT letter FROM child", &[])?;
        Err::<(), Error>(Error::Corrupt(
            if seen.is_some() { "seen" } else { "not seen" }.to_owned(),
        ))
    };
    let release = async { drop(held) };
    let (orphan, known, ()) = tokio::join!(db.write(orphan), db.write(known), release);
    assert!(matches!(orphan, Err(Error::Sql { .. })), "{orphan:?}");
    assert!(
        matches!(known, Err(Error::Sql { .. })),
        "not what it returned: {known:?}"
    );
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
    let (options, clock, _directory) = crate::common::options(dialect);
    let db = Db::open(&options).expect("the database opens");
    cartlane_store::migrate(&db).await.expect("the schema is made");
    let now = || db.read(|tx| tx.query_one("SELECT now_ms()", &[])?.int(0));
    let before = now().await.expect("a moment");
    let day_ms = 86_400_000;
    clock.0.fetch_add(day_ms, Ordering::Relaxed);
    options.clock_offset_ms.fetch_add(day_ms, Ordering::Relaxed);
    assert!(now().await.expect("a moment") - before >= day_ms);
}
