//! What a driver's error means.

use std::sync::Arc;

use postgres::error::{DbError, Severity, SqlState};

use super::super::Error;
use super::super::error::brief;

/// What to do after a failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The closure can be run again on this connection.
    Retry,
    /// The connection is gone; the closure can be run again on another.
    Reconnect,
    /// It would fail again.
    GiveUp,
}

/// A message of the server, without the detail, which quotes rows.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
struct ServerMessage {
    message: String,
    code: String,
}

/// Sorts an error of a statement, `BEGIN` or `COMMIT`.
pub(super) fn classify(operation: &str, error: &postgres::Error) -> (Next, Error) {
    let operation = brief(operation);
    let Some(server) = error.as_db_error() else {
        // A value that the driver could not convert breaks nothing; all else that isn't the server's word is I/O.
        return if is_conversion(error) {
            (
                Next::GiveUp,
                Error::Sql {
                    operation,
                    source: message(&error_text(error), "none"),
                },
            )
        } else {
            (
                Next::Reconnect,
                Error::Unavailable {
                    operation,
                    reason: error_text(error),
                },
            )
        };
    };
    let code = server.code();
    let fatal = matches!(server.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    if fatal || code.code().starts_with("08") || code.code().starts_with("57P") {
        return (
            Next::Reconnect,
            Error::Unavailable {
                operation,
                reason: server.message().to_owned(),
            },
        );
    }
    if is_collision(code) || is_stale_plan(server) {
        return (Next::Retry, Error::Busy { operation });
    }
    let error = if *code == SqlState::UNIQUE_VIOLATION {
        let constraint = server.constraint().unwrap_or("key").to_owned();
        Error::Conflict {
            operation,
            constraint,
        }
    } else if *code == SqlState::DISK_FULL {
        Error::DiskFull { operation }
    } else if *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::QUERY_CANCELED {
        Error::Busy { operation }
    } else {
        Error::Sql {
            operation,
            source: message(server.message(), code.code()),
        }
    };
    (Next::GiveUp, error)
}

/// Sorts the error of a COMMIT: only the server's own word says that nothing happened.
pub(super) fn classify_commit(error: &postgres::Error) -> (Next, Error) {
    match classify("COMMIT", error) {
        (Next::Reconnect, _) => (
            Next::GiveUp,
            Error::Unclear {
                reason: error_text(error),
            },
        ),
        other => other,
    }
}

/// Why no connection came about.
pub(super) fn classify_connect(error: &postgres::Error) -> Error {
    match error.code() {
        // 28: the password or the rules refuse; 3D: no such database. Waiting doesn't help at the start.
        Some(code) if code.code().starts_with("28") || code.code().starts_with("3D") => Error::Unfit(
            format!("PostgreSQL refuses the connection: {}", error_text(error)),
        ),
        _ => Error::Unavailable {
            operation: "connect".to_owned(),
            reason: error_text(error),
        },
    }
}

fn is_collision(code: &SqlState) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ]
    .contains(code)
}

/// Another node has migrated the schema under a prepared statement.
fn is_stale_plan(server: &DbError) -> bool {
    *server.code() == SqlState::FEATURE_NOT_SUPPORTED && server.routine() == Some("RevalidateCachedQuery")
}

fn is_conversion(error: &postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing")
        || text.starts_with("error deserializing")
        || text.starts_with("expected ")
}

fn message(message: &str, code: &str) -> Arc<ServerMessage> {
    Arc::new(ServerMessage {
        message: message.to_owned(),
        code: code.to_owned(),
    })
}

/// The message with its cause, without the server's detail.
pub(super) fn error_text(error: &postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return server.message().to_owned();
    }
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
