//! The handle that the rest of the program holds.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::job::{Access, from_closure};
use super::queue::Queue;
use super::{Dialect, Error, Options, Tx, postgres, sqlite};

/// A database. Cheap to clone; the last clone that is dropped lets the threads end, [`Db::close`] waits for them.
#[derive(Clone)]
pub struct Db {
    shared: Arc<Shared>,
}

struct Shared {
    dialect: Dialect,
    machine: Machine,
}

/// The queues and threads of an open database.
pub(super) struct Machine {
    pub(super) reads: Arc<Queue>,
    pub(super) writes: Arc<Queue>,
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.machine.stop();
    }
}

impl Machine {
    fn stop(&self) {
        self.reads.close();
        self.writes.close();
    }
}

impl Db {
    /// Opens the database, makes the connections, and checks that it keeps its promises. Blocks while it does so.
    ///
    /// [`Error::InUse`] when another process has the SQLite file, [`Error::Unfit`] with what to change when the address
    /// can't be read or the database would not be durable, [`Error::Unavailable`] when it can't be reached.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let (dialect, machine) = match options.url.split_once("://") {
            Some(("sqlite", file)) => (Dialect::Sqlite, sqlite::open(options, file)?),
            Some(("postgres" | "postgresql", _)) => (Dialect::Postgres, postgres::open(options)?),
            _ => {
                let message = "the database address must begin with `sqlite://` or `postgres://`";
                return Err(Error::Unfit(message.to_owned()));
            }
        };
        Ok(Self {
            shared: Arc::new(Shared { dialect, machine }),
        })
    }

    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        self.shared.dialect
    }

    /// Runs `f` in a transaction; resolves when that is durable. `f` may run several times, see the module's docs.
    pub async fn write<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        submit(&self.shared.machine.writes, Access::Write, f).await
    }

    /// Runs `f` on a snapshot; a statement that writes fails there.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        submit(&self.shared.machine.reads, Access::Read, f).await
    }

    /// Takes nothing more, works off what waits, and ends the threads. Later calls get [`Error::Stopped`].
    pub async fn close(&self) {
        self.shared.machine.stop();
        let threads = std::mem::take(
            &mut *self
                .shared
                .machine
                .threads
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let join = move || {
            for thread in threads {
                let _ = thread.join(); // a panic was printed when it happened
            }
        };
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

async fn submit<T, E, F>(queue: &Queue, access: Access, f: F) -> Result<T, E>
where
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (job, answer) = from_closure(access, f);
    queue.push(job)?;
    answer.await.unwrap_or(Err(Error::Stopped))?
}
