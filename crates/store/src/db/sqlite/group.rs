//! The writer: many closures, one fsync.
//!
//! Each closure runs behind a savepoint, so that one that fails takes nothing of the others with it; one that is alone
//! needs none, and saves keeping each page's former content. All of a group
//! are answered after its COMMIT, also those that failed: what they say may rest on rows of their neighbours.

use std::collections::VecDeque;

use rusqlite::Connection;

use super::super::Error;
use super::super::job::Job;
use super::super::queue::Queue;
use super::connection::control;
use super::tx::SqliteTx;

/// Closures in one transaction; beyond, the first ones would wait too long for their answer.
const MOST: usize = 256;

/// Works until the queue is closed and empty, then closes the connection.
pub(super) fn work(connection: Connection, queue: &Queue) {
    loop {
        let mut jobs = queue.pop(MOST);
        if jobs.is_empty() {
            break;
        }
        while !jobs.is_empty() {
            group(&connection, &mut jobs);
        }
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the database file could not be closed");
    }
}

/// One transaction over as many of `jobs` as it can carry. At least one is taken out and answered.
fn group(connection: &Connection, jobs: &mut VecDeque<Box<dyn Job>>) {
    if let Err(error) = control(connection, "BEGIN IMMEDIATE") {
        for job in jobs.drain(..) {
            job.finish(Err(error.clone()));
        }
        return;
    }
    let alone = jobs.len() == 1;
    let mut ran = Vec::with_capacity(jobs.len());
    let mut committed = Ok(());
    while let Some(mut job) = jobs.pop_front() {
        let undone = if alone {
            run_alone(connection, &mut *job)
        } else {
            run(connection, &mut *job)
        };
        let (outcome, lost) = match undone {
            Ok(outcome) => (outcome, None),
            Err(error) => (Ok(()), Some(error)),
        };
        ran.push((job, outcome));
        if let Some(error) = lost {
            committed = Err(error);
            break;
        }
    }
    if committed.is_ok() && !connection.is_autocommit() {
        committed = control(connection, "COMMIT");
    }
    if let Err(error) = &committed {
        tracing::warn!(%error, closures = ran.len(), "a group of writes was not committed");
        if !connection.is_autocommit()
            && let Err(error) = control(connection, "ROLLBACK")
        {
            tracing::error!(%error, "a failed group of writes could not be rolled back");
        }
    }
    for (job, outcome) in ran {
        job.finish(committed.clone().and(outcome));
    }
}

/// Runs the only closure of a group; when it fails, the transaction is over. Answers as [`run`].
fn run_alone(connection: &Connection, job: &mut dyn Job) -> Result<Result<(), Error>, Error> {
    let mut tx = SqliteTx::new(connection);
    let ran = job.run(&mut tx);
    let (outcome, cause) = tx.end(ran);
    if connection.is_autocommit() {
        return Err(cause.unwrap_or_else(gave_up));
    }
    if !matches!(outcome, Ok(true)) {
        control(connection, "ROLLBACK")?;
    }
    Ok(outcome.map(|_| ()))
}

fn gave_up() -> Error {
    Error::Unavailable {
        operation: "a group of writes".to_owned(),
        reason: "a closure ended the transaction".to_owned(),
    }
}

/// Runs one closure behind a savepoint. The inner result is what its waiter gets if the group commits; the outer error
/// means that the group can't commit any more.
fn run(connection: &Connection, job: &mut dyn Job) -> Result<Result<(), Error>, Error> {
    control(connection, "SAVEPOINT closure")?;
    let mut tx = SqliteTx::new(connection);
    let ran = job.run(&mut tx);
    let (outcome, cause) = tx.end(ran);
    if connection.is_autocommit() {
        // SQLite gave up the whole transaction (a full disk, an I/O error); with it went the earlier closures.
        return Err(cause.unwrap_or_else(gave_up));
    }
    if !matches!(outcome, Ok(true)) {
        control(connection, "ROLLBACK TO closure")?;
    }
    control(connection, "RELEASE closure")?;
    Ok(outcome.map(|_| ()))
}
