//! What is refused at open, what a full disk does, and what migrations keep.

use crate::common::open;
use cartlane_store::migrate::{MIGRATIONS, Migration, migrate_to};
use cartlane_store::{Db, Dialect, Error, Tx, migrate};
use cartlane_testkit::postgres::Cluster;
use rstest::rstest;

#[tokio::test]
async fn full_disk_is_told_and_gets_over() {
    let fixture = open(Dialect::Sqlite);
    let db = &fixture.db;
    db.write(|tx| tx.batch("CREATE TABLE pile (body BLOB NOT NULL) STRICT; PRAGMA max_page_count = 64"))
        .await
        .expect("a table");
    let put =
        || db.write(|tx| tx.execute("INSERT INTO pile (body) VALUES (?1)", &[vec![1_u8; 8_000].into()]));
    let mut stored: i64 = 0;
    let refused = loop {
        // Three at a time, so that closures share a transaction with the one that fills the disk.
        let (a, b, c) = tokio::join!(put(), put(), put());
        let outcomes = [a, b, c];
        stored += outcomes
            .iter()
            .map(|outcome| i64::from(outcome.is_ok()))
            .sum::<i64>();
        if let Some(Err(error)) = outcomes.into_iter().find(Result::is_err) {
            break error;
        }
        assert!(stored < 200, "64 pages of 4 KiB don't hold that");
    };
    assert!(
        matches!(refused, Error::DiskFull { .. }) && refused.is_temporary(),
        "{refused:?}"
    );
    let count = || db.read(|tx| tx.query_one("SELECT COUNT(*) FROM pile", &[])?.int(0));
    assert_eq!(count().await.expect("reading goes on"), stored);
    db.write(|tx| tx.batch("PRAGMA max_page_count = 1000"))
        .await
        .expect("there is room again");
    put().await.expect("writing goes on");
    assert_eq!(count().await.expect("a count"), stored + 1);
}

#[tokio::test]
async fn commit_that_meets_a_full_disk_undoes_its_whole_group() {
    let (mut options, _, _directory) = crate::common::options(Dialect::Sqlite);
    options.max_page_count = Some(8);
    let db = Db::open(&options).expect("the database opens");
    db.write(|tx| tx.batch("CREATE TABLE pile (body BLOB NOT NULL) STRICT"))
        .await
        .expect("a table");
    let large = db.write(|tx| {
        tx.execute(
            "INSERT INTO pile (body) VALUES (?1)",
            &[vec![1_u8; 80_000].into()],
        )
    });
    assert!(matches!(large.await, Err(Error::DiskFull { .. })));
    let small = db.write(|tx| tx.execute("INSERT INTO pile (body) VALUES (?1)", &[vec![1_u8; 10].into()]));
    assert!(small.await.is_ok(), "a smaller one still fits");
}

#[tokio::test]
async fn second_opener_of_a_file_is_refused_until_the_first_closes() {
    let fixture = open(Dialect::Sqlite);
    let Err(refused) = Db::open(&fixture.options) else {
        panic!("two openers")
    };
    assert!(
        matches!(refused, Error::InUse { .. }) && refused.to_string().contains("test.db.lock"),
        "{refused}"
    );
    fixture.db.close().await;
    assert!(Db::open(&fixture.options).is_ok());
}

#[test]
fn postgres_without_fsync_is_refused_unless_allowed() {
    let cluster = Cluster::start().expect("a cluster of our own");
    cluster.administer("ALTER SYSTEM SET fsync = off");
    cluster.administer("ALTER SYSTEM SET synchronous_commit = off"); // that one the session can mend
    cluster.administer("SELECT pg_reload_conf()");
    let (mut options, _, _directory) = crate::common::options(Dialect::Sqlite);
    options.url = cluster.fresh_database();
    let refused = Db::open(&options)
        .map(|_| ())
        .expect_err("a server without fsync");
    assert!(
        matches!(&refused, Error::Unfit(message) if message.contains("fsync")),
        "{refused}"
    );
    options.allow_unsafe_fsync = true;
    assert!(Db::open(&options).is_ok());
}

#[rstest]
#[case("mysql://x", "must begin with")]
#[case("sqlite://", "must name a file")]
#[case("sqlite://no/such/folder.db", "no/such/folder.db.lock")]
#[case("postgres://u:hush@h/d?bogus=1", "bogus")]
fn bad_address_is_refused_with_what_is_wrong(#[case] url: &str, #[case] says: &str) {
    let (mut options, _, _directory) = crate::common::options(Dialect::Sqlite);
    options.url = url.to_owned();
    let refused = Db::open(&options)
        .map(|_| ())
        .expect_err("a bad address")
        .to_string();
    assert!(refused.contains(says) && !refused.contains("hush"), "{refused}");
}

#[rstest]
#[tokio::test]
async fn migrations_run_once_and_never_change(
    #[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect,
) {
    let mut changed = MIGRATIONS.to_vec();
    (changed[0].sqlite, changed[0].postgres) = ("SELECT 1", "SELECT 1");
    let newest = MIGRATIONS.len();
    let fixture = open(dialect);
    let db = &fixture.db;
    // At once, as several nodes start.
    let (one, other) = tokio::join!(migrate(db), migrate(db));
    let applied = one.expect("one migrates") + other.expect("the other waits");
    assert_eq!(applied, MIGRATIONS.len());
    let changed = migrate_to(db, changed.leak()).await;
    assert!(
        matches!(changed, Err(migrate::Error::Changed { version: 1, .. })),
        "{changed:?}"
    );
    let newer = migrate_to(db, &[]).await;
    assert!(
        matches!(newer, Err(migrate::Error::Newer { found, known: 0 }) if usize::try_from(found) == Ok(newest)),
        "{newer:?}"
    );
}

#[rstest]
#[tokio::test]
async fn failed_migration_leaves_nothing(#[values(Dialect::Sqlite, Dialect::Postgres)] dialect: Dialect) {
    const BAD: &str = "CREATE TABLE half (id TEXT); CREATE TABLE half (id TEXT)";
    const BROKEN: &[Migration] = &[Migration {
        version: 1,
        name: "half",
        sqlite: BAD,
        postgres: BAD,
    }];
    let fixture = open(dialect);
    assert!(matches!(
        migrate_to(&fixture.db, BROKEN).await,
        Err(migrate::Error::Db(_))
    ));
    let made = fixture
        .db
        .write(|tx| tx.batch("CREATE TABLE half (id TEXT)"))
        .await;
    assert!(made.is_ok(), "nothing was left of it: {made:?}");
}

/// (table, column, type in SQLite's words, NOT NULL) and index names.
async fn shape(dialect: Dialect) -> Vec<(String, String, String, i64)> {
    let fixture = open(dialect);
    migrate(&fixture.db).await.expect("the schema is made");
    let read = |tx: &mut dyn Tx| {
        let rows = tx.query(
            tx.dialect().pick(
                "SELECT t.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
                 UNION ALL SELECT tbl_name, name, 'index', instr(sql, 'UNIQUE') > 0 FROM sqlite_schema
                 WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1, 2",
                "SELECT table_name::text, column_name::text,
                    CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' ELSE upper(data_type) END,
                    CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END
                 FROM information_schema.columns WHERE table_schema = current_schema()
                 UNION ALL SELECT tablename, indexname, 'index', (strpos(indexdef, 'UNIQUE') > 0)::int
                 FROM pg_indexes WHERE schemaname = current_schema() AND indexname NOT LIKE '%\\_pkey'
                 ORDER BY 1, 2",
            ),
            &[],
        )?;
        let text = |row: &cartlane_store::Row, at| row.text(at).map(str::to_owned);
        let shape = |row| Ok((text(row, 0)?, text(row, 1)?, text(row, 2)?, row.int(3)?));
        let mut shapes = rows.iter().map(shape).collect::<Result<Vec<_>, Error>>()?;
        shapes.sort();
        Ok::<_, Error>(shapes)
    };
    fixture.db.read(read).await.expect("the schema can be read")
}

#[tokio::test]
async fn both_dialects_end_in_the_same_schema() {
    let sqlite = shape(Dialect::Sqlite).await;
    assert!(sqlite.len() > 150, "{} columns and indexes", sqlite.len());
    pretty_compare(&sqlite, &shape(Dialect::Postgres).await);
}

fn pretty_compare<T: PartialEq + std::fmt::Debug>(left: &[T], right: &[T]) {
    let missing: Vec<_> = left.iter().filter(|item| !right.contains(item)).collect();
    let extra: Vec<_> = right.iter().filter(|item| !left.contains(item)).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "only in SQLite: {missing:#?}\nonly in PostgreSQL: {extra:#?}"
    );
}
