//! What is PostgreSQL's own: arrays, and transactions that the server gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{add, letters, open, with_letters};
use cartlane_store::{Dialect, Error, Tx, Value};
use cartlane_testkit::postgres::Cluster;

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
    Cluster::shared().administer(&format!(
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

#[tokio::test]
async fn commit_without_an_answer_is_unclear_and_not_run_again() {
    let fixture = with_letters(Dialect::Postgres).await;
    let killer = "CREATE FUNCTION killer() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON letters DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.letter = 'x') EXECUTE FUNCTION killer()";
    fixture
        .db
        .write(move |tx| tx.batch(killer))
        .await
        .expect("a trigger that kills the backend during COMMIT");
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let unclear = fixture.db.write(move |tx| {
        count.fetch_add(1, Ordering::Relaxed);
        add(tx, "x")
    });
    let outcome = unclear.await;
    assert!(matches!(outcome, Err(Error::Unclear { .. })), "{outcome:?}");
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    fixture
        .db
        .write(|tx| add(tx, "y"))
        .await
        .expect("the connection is replaced");
    assert_eq!(letters(&fixture.db).await, ["y"]);
}
