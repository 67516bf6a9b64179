//! Brings a database to the schema of this program.
//!
//! Migrations are the files `migrations/{sqlite,postgres}/NNNN_name.sql`, compiled in. They are numbered from 1 without
//! a gap, run in one transaction under a lock, and never change once released: the table `schema_migrations` keeps
//! each one's checksum. Several nodes may start at once; one migrates, the others find it done.

use sha2::{Digest, Sha256};

use crate::db::{self, Db, Dialect, Tx, Value};

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Counted from 1.
    pub version: i64,
    /// What it does, as in its file's name.
    pub name: &'static str,
    /// Its SQL for SQLite.
    pub sqlite: &'static str,
    /// Its SQL for PostgreSQL.
    pub postgres: &'static str,
}

macro_rules! migrations {
    ($($version:literal $file:literal $name:literal,)*) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $file, "_", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $file, "_", $name, ".sql")),
        },)*]
    };
}

/// All steps, in order.
pub const MIGRATIONS: &[Migration] = migrations! {
    1 "0001" "base",
    2 "0002" "hooks",
    3 "0003" "oauth",
    4 "0004" "connections",
    5 "0005" "waits",
    6 "0006" "versions",
    7 "0007" "polls",
    8 "0008" "rules",
};

/// The key of PostgreSQL's advisory lock: "cartlane" in ASCII.
const LOCK_KEY: i64 = 0x6361_7274_6c61_6e65;

const TABLE_SQLITE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL PRIMARY KEY, \
                            name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";
const TABLE_POSTGRES: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT NOT NULL PRIMARY KEY, \
                              name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)";

/// Why a database could not be brought to this program's schema; it was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A migration that the database has was different when it was applied.
    #[error(
        "migration {version} `{name}` was changed after this database had applied it; \
         run the program version that made the database, or restore a backup"
    )]
    Changed {
        /// Its number.
        version: i64,
        /// Its name in this program.
        name: String,
    },
    /// A newer program has migrated the database.
    #[error("the database has schema {found}, this program knows up to {known}; use the newer program")]
    Newer {
        /// The database's newest migration.
        found: i64,
        /// This program's newest migration.
        known: i64,
    },
    /// A statement of a migration failed, or the database did.
    #[error("the database schema could not be brought up to date: {0}")]
    Db(#[from] db::Error),
}

/// Applies what is missing of [`MIGRATIONS`]; how many that were.
pub async fn migrate(db: &Db) -> Result<usize, Error> {
    migrate_to(db, MIGRATIONS).await
}

/// Applies what is missing of `migrations`; how many that were.
pub async fn migrate_to(db: &Db, migrations: &'static [Migration]) -> Result<usize, Error> {
    let applied = db.write(move |tx| run(tx, migrations)).await?;
    if applied > 0 {
        tracing::info!(applied, "the database schema was brought up to date");
    }
    Ok(applied)
}

fn run(tx: &mut dyn Tx, migrations: &[Migration]) -> Result<usize, Error> {
    if tx.dialect() == Dialect::Postgres {
        tx.query("SELECT pg_advisory_xact_lock(?1)", &[Value::Int(LOCK_KEY)])?;
    }
    tx.batch(tx.dialect().pick(TABLE_SQLITE, TABLE_POSTGRES))?;
    let rows = tx.query(
        "SELECT version, checksum FROM schema_migrations ORDER BY version",
        &[],
    )?;
    let known = migrations.last().map_or(0, |last| last.version);
    if let Some(newest) = rows.last()
        && newest.int(0)? > known
    {
        return Err(Error::Newer {
            found: newest.int(0)?,
            known,
        });
    }
    for (row, migration) in rows.iter().zip(migrations) {
        let (version, checksum) = (row.int(0)?, row.text(1)?);
        if version != migration.version || checksum != self::checksum(tx.dialect(), migration) {
            return Err(Error::Changed {
                version: migration.version,
                name: migration.name.to_owned(),
            });
        }
    }
    let missing = &migrations[rows.len()..];
    for migration in missing {
        apply(tx, migration)?;
    }
    Ok(missing.len())
}

fn apply(tx: &mut dyn Tx, migration: &Migration) -> Result<(), db::Error> {
    tx.batch(tx.dialect().pick(migration.sqlite, migration.postgres))?;
    let checksum = checksum(tx.dialect(), migration);
    tx.execute(
        "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, now_ms())",
        &[migration.version.into(), migration.name.into(), checksum.into()],
    )?;
    Ok(())
}

fn checksum(dialect: Dialect, migration: &Migration) -> String {
    hex::encode(Sha256::digest(dialect.pick(migration.sqlite, migration.postgres)))
}
