//! Connections with the settings on which durability rests.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;

use super::super::error::brief;
use super::super::{Error, Options};

/// How long a lock by somebody else (the `sqlite3` shell, a backup) is waited for.
const BUSY_TIMEOUT_MS: i64 = 5_000;

/// Pages of 4 KiB in the write-ahead log before a commit moves them into the file.
const CHECKPOINT_PAGES: i64 = 4_000;

/// The log is cut to this after a checkpoint, if it had grown beyond.
const LOG_BYTES: i64 = 64 << 20;

/// Memory for pages that the writer keeps, in KiB: the keys by which repeats are found lie scattered, and without room
/// for them each delivery would read its pages back.
const WRITER_CACHE_KIB: i64 = 16 << 10;

/// Statements kept prepared; the program has fewer.
const STATEMENTS: usize = 512;

/// The one connection that writes.
pub(super) fn writer(path: &Path, options: &Options) -> Result<Connection, Error> {
    let connection = open(path, options)?;
    set(&connection, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    set(&connection, "journal_size_limit", LOG_BYTES)?;
    set(&connection, "cache_size", -WRITER_CACHE_KIB)?;
    if let Some(pages) = options.max_page_count {
        set(&connection, "max_page_count", pages)?;
    }
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path, options: &Options) -> Result<Connection, Error> {
    let connection = open(path, options)?;
    set(&connection, "query_only", 1)?;
    Ok(connection)
}

fn open(path: &Path, options: &Options) -> Result<Connection, Error> {
    let connection = Connection::open(path).map_err(|error| {
        Error::Unfit(format!(
            "the database file {} cannot be opened: {error}",
            path.display()
        ))
    })?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A statement keeps its plan whatever values are bound; else some would be planned anew at each use.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|error| failure(&connection, "keep plans", error))?;
    set(&connection, "busy_timeout", BUSY_TIMEOUT_MS)?;
    check(
        &connection,
        path,
        "journal_mode",
        "wal",
        "a disk of this machine (a network file system has no WAL)",
    )?;
    check(&connection, path, "synchronous", "2", "FULL")?;
    check(
        &connection,
        path,
        "foreign_keys",
        "1",
        "an SQLite that enforces foreign keys",
    )?;
    set(&connection, "temp_store", 2)?; // memory: a sort needs no file
    let clock = Arc::clone(&options.clock);
    // Not DETERMINISTIC: each call reads the clock.
    connection
        .create_scalar_function("now_ms", 0, FunctionFlags::SQLITE_UTF8, move |_| {
            Ok(clock.now().0)
        })
        .map_err(|error| failure(&connection, "register now_ms()", error))?;
    Ok(connection)
}

/// Sets a pragma that SQLite must then also report.
fn check(connection: &Connection, path: &Path, pragma: &str, value: &str, needs: &str) -> Result<(), Error> {
    set(connection, pragma, value)?;
    let found: String = connection
        .query_row(
            &format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"),
            [],
            |row| row.get(0),
        )
        .map_err(|error| failure(connection, pragma, error))?;
    if found == value {
        return Ok(());
    }
    let file = path.display();
    let message =
        format!("the database file {file} has {pragma} = {found} instead of {value}; it needs {needs}");
    Err(Error::Unfit(message))
}

fn set(connection: &Connection, pragma: &str, value: impl rusqlite::ToSql) -> Result<(), Error> {
    connection
        .pragma_update(None, pragma, value)
        .map_err(|error| failure(connection, &format!("PRAGMA {pragma}"), error))
}

/// Runs `BEGIN`, `SAVEPOINT` and the like.
pub(super) fn control(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    let run = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]));
    run.map(|_| ()).map_err(|error| failure(connection, sql, error))
}

/// Names what went wrong with `operation`.
pub(super) fn failure(connection: &Connection, operation: &str, error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{
        ConstraintViolation, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
    };
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};

    let text = operation;
    let operation = brief(operation);
    let rusqlite::Error::SqliteFailure(code, message) = &error else {
        return Error::Sql {
            operation,
            source: Arc::new(error),
        };
    };
    match code.code {
        DiskFull => Error::DiskFull { operation },
        DatabaseBusy | DatabaseLocked => Error::Busy { operation },
        DatabaseCorrupt | NotADatabase => {
            let file = connection.path().unwrap_or("the database file");
            Error::Corrupt(format!(
                "{file} is damaged or not a SQLite file ({error}); restore it from a backup"
            ))
        }
        // The log may hold the commit although the disk didn't confirm it.
        rusqlite::ErrorCode::SystemIoFailure if text == "COMMIT" => Error::Unclear {
            reason: error.to_string(),
        },
        ConstraintViolation
            if matches!(
                code.extended_code,
                SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE
            ) =>
        {
            let message = message.as_deref().unwrap_or_default();
            let constraint = message
                .strip_prefix("UNIQUE constraint failed: ")
                .unwrap_or("key")
                .to_owned();
            Error::Conflict {
                operation,
                constraint,
            }
        }
        _ => Error::Sql {
            operation,
            source: Arc::new(error),
        },
    }
}
