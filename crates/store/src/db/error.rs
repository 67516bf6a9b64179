//! What can go wrong between a closure and the disk.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a read or a write didn't happen (or, for [`Error::Unclear`] alone, may have happened).
///
/// No variant carries a stored value: PostgreSQL's details, which quote rows, are left out.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The queue before the database is full; nothing was tried. Come back later.
    #[error("too many database operations are waiting")]
    Overloaded,
    /// The database was locked, or transactions kept colliding, until patience ran out.
    #[error("the database was busy: {operation}")]
    Busy {
        /// What was tried.
        operation: String,
    },
    /// There is no room left on the database's disk. Works again when there is.
    #[error("the database's disk is full: {operation}")]
    DiskFull {
        /// What was tried.
        operation: String,
    },
    /// The database can't be reached, or the connection was lost before COMMIT was sent; nothing happened.
    #[error("the database is unavailable: {operation}: {reason}")]
    Unavailable {
        /// What was tried.
        operation: String,
        /// What the driver says.
        reason: String,
    },
    /// The connection, or the disk, failed during COMMIT: the transaction may or may not have happened.
    #[error("the database gave no clear answer to COMMIT: {reason}")]
    Unclear {
        /// What the driver says.
        reason: String,
    },
    /// A row with the same key exists.
    #[error("a row with the same {constraint} exists: {operation}")]
    Conflict {
        /// What was tried.
        operation: String,
        /// The constraint (PostgreSQL) or its columns (SQLite).
        constraint: String,
    },
    /// The database holds, or answered, what this program doesn't expect there.
    #[error("unexpected content in the database: {0}")]
    Corrupt(String),
    /// A statement failed in another way.
    #[error("the database refused: {operation}: {source}")]
    Sql {
        /// What was tried.
        operation: String,
        /// What the driver says.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// An earlier statement of the same transaction had failed.
    #[error("the transaction was given up because an earlier statement of it failed")]
    Aborted,
    /// The closure panicked; it left no trace.
    #[error("a database operation panicked")]
    Panicked,
    /// The database was closed.
    #[error("the database is closed")]
    Stopped,
    /// Another process has the SQLite file.
    #[error(
        "{} is in use by another cartlane process (which holds the lock {}); stop that one, or give this one a `data_dir` of its own",
        database.display(), lock.display()
    )]
    InUse {
        /// The database file.
        database: PathBuf,
        /// The file that is locked.
        lock: PathBuf,
    },
    /// The database isn't one that keeps its promises, or the address makes no sense; says what to change.
    #[error("{0}")]
    Unfit(String),
}

impl Error {
    /// Nothing is wrong with the request; the same one may succeed later. A sender is told 503 and comes back.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Overloaded
                | Self::Busy { .. }
                | Self::DiskFull { .. }
                | Self::Unavailable { .. }
                | Self::Unclear { .. }
                | Self::Stopped
        )
    }
}

/// A statement in one line, short enough for a message.
pub(super) fn brief(sql: &str) -> String {
    let mut line = sql.split_whitespace().take(24).collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(120) {
        line.truncate(end);
        line.push('…');
    }
    line
}
