//! PostgreSQL: some threads with one connection each, and one transaction for each closure.
//!
//! A transaction that the server gave up for no fault of the closure (a serialization failure, a deadlock) or whose
//! connection was lost before COMMIT was sent is run again; a COMMIT without an answer is [`Error::Unclear`].
//!
//! What always holds: a session is used only after it was seen to be durable (`fsync`, `synchronous_commit`).

mod failure;
mod rewrite;
mod session;
mod tls;
mod tx;
mod wire;
mod worker;

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use super::handle::Machine;
use super::queue::Queue;
use super::{Error, Options};
use session::Connector;
use worker::Worker;

/// Connects and starts the threads.
pub(super) fn open(options: &Options) -> Result<Machine, Error> {
    let connector = Arc::new(Connector::new(options)?);
    let queue = Arc::new(Queue::new(options.queue_capacity));
    let (ready, answers) = mpsc::channel();
    let mut threads = Vec::new();
    let count = options.postgres_connections.max(1);
    for number in 0..count {
        let (connector, queue, ready) = (Arc::clone(&connector), Arc::clone(&queue), ready.clone());
        let run = move || {
            // The driver runs a small async runtime of its own, so it must not be called on the caller's thread.
            match connector.connect() {
                Ok(session) => {
                    let _ = ready.send(Ok(()));
                    drop(ready);
                    Worker::new(&connector, session).work(&queue);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        let failed = |error| Error::Unfit(format!("no thread for the database could be started: {error}"));
        threads.push(
            thread::Builder::new()
                .name(format!("postgres-{number}"))
                .spawn(run)
                .map_err(failed)?,
        );
    }
    drop(ready);
    let opened: Result<Vec<()>, Error> = answers.iter().collect();
    if let Err(error) = opened {
        queue.close();
        return Err(error);
    }
    Ok(Machine {
        reads: Arc::clone(&queue),
        writes: queue,
        threads: Mutex::new(threads),
    })
}
