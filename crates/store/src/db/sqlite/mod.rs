//! SQLite: one writer thread that commits in groups, and some reading threads.
//!
//! What always holds: one process has the file (a lock file beside it says so); a transaction is on disk before its
//! waiters hear of it (`synchronous = FULL`, read back at open).

mod connection;
mod group;
mod tx;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::handle::Machine;
use super::queue::Queue;
use super::{Error, Options};

/// Opens `file` (relative to the data directory) and starts the threads.
pub(super) fn open(options: &Options, file: &str) -> Result<Machine, Error> {
    let file = file.split('?').next().unwrap_or_default();
    if file.is_empty() {
        return Err(Error::Unfit(
            "the database address `sqlite://` must name a file".to_owned(),
        ));
    }
    let path = options.data_dir.join(file);
    let lock = lock(&path)?;
    let connection = connection::writer(&path, options)?;
    let readers = (0..options.readers.max(1))
        .map(|_| connection::reader(&path, options))
        .collect::<Result<Vec<_>, _>>()?;

    let writes = Arc::new(Queue::new(options.queue_capacity));
    let reads = Arc::new(Queue::new(options.queue_capacity));
    let mut threads = vec![spawn("sqlite-writer", &writes, move |queue| {
        group::work(connection, queue);
        drop(lock); // held until the last commit is done and the connection is closed
    })?];
    for reader in readers {
        threads.push(spawn("sqlite-reader", &reads, move |queue| read(&reader, queue))?);
    }
    Ok(Machine {
        reads,
        writes,
        threads: Mutex::new(threads),
    })
}

fn spawn(
    name: &str,
    queue: &Arc<Queue>,
    body: impl FnOnce(&Queue) + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    let queue = Arc::clone(queue);
    let run = move || {
        let guard = AbandonOnExit(&queue);
        body(guard.0);
    };
    let failed = |error| Error::Unfit(format!("no thread for the database could be started: {error}"));
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(failed)
}

/// A thread that ends, in whatever way, leaves nobody waiting.
struct AbandonOnExit<'a>(&'a Queue);

impl Drop for AbandonOnExit<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

fn lock(database: &Path) -> Result<File, Error> {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let unfit = |error: std::io::Error| {
        let message = format!(
            "the lock file {} cannot be used: {error}; does `data_dir` exist?",
            lock.display()
        );
        Error::Unfit(message)
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock)
        .map_err(unfit)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            database: database.to_owned(),
            lock,
        }),
        Err(TryLockError::Error(error)) => Err(unfit(error)),
    }
}

fn read(connection: &Connection, queue: &Queue) {
    loop {
        let mut jobs = queue.pop(1);
        let Some(mut job) = jobs.pop_front() else { return };
        let outcome = connection::control(connection, "BEGIN DEFERRED").and_then(|()| {
            let mut tx = tx::SqliteTx::new(connection);
            let ran = job.run(&mut tx);
            tx.end(ran).0.map(|_| ())
        });
        if !connection.is_autocommit()
            && let Err(error) = connection::control(connection, "ROLLBACK")
        {
            tracing::warn!(%error, "a snapshot could not be ended");
        }
        job.finish(outcome);
    }
}
