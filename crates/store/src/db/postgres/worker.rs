//! A thread with one connection, which it replaces when it dies.

use std::thread;
use std::time::Duration;

use super::super::Error;
use super::super::job::{Access, Job};
use super::super::queue::Queue;
use super::failure::{Next, classify, classify_commit};
use super::session::{Connector, Session};
use super::tx::PostgresTx;

/// How often a closure is run again before its waiter is told.
const RETRIES: u32 = 5;

/// The first pause before running again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Works off the queue.
pub(super) struct Worker<'c> {
    connector: &'c Connector,
    session: Option<Session>,
}

/// How one attempt ended.
enum Attempt {
    /// The waiter gets this.
    Over(Result<(), Error>),
    /// Nothing happened; try again, and tell this when there were too many tries.
    Again(Error),
}

impl<'c> Worker<'c> {
    pub(super) fn new(connector: &'c Connector, session: Session) -> Self {
        Self {
            connector,
            session: Some(session),
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn work(mut self, queue: &Queue) {
        loop {
            let mut jobs = queue.pop(1);
            let Some(mut job) = jobs.pop_front() else { return };
            let outcome = self.run(&mut *job);
            job.finish(outcome);
        }
    }

    fn run(&mut self, job: &mut dyn Job) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            match self.attempt(job) {
                Attempt::Over(outcome) => return outcome,
                Attempt::Again(error) if tries >= RETRIES => return Err(error),
                Attempt::Again(error) => {
                    tracing::debug!(%error, tries, "a transaction is run again");
                    thread::sleep(FIRST_PAUSE * 2u32.pow(tries));
                    tries += 1;
                }
            }
        }
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Attempt {
        let session = match &mut self.session {
            Some(session) => session,
            empty => match self.connector.connect() {
                Ok(session) => empty.insert(session),
                Err(error) => return Attempt::Again(error),
            },
        };
        let attempt = transaction(self.connector, session, job);
        let (next, attempt) = attempt.unwrap_or_else(|(next, error)| (next, Attempt::Again(error)));
        match next {
            Next::Reconnect => self.session = None,
            Next::Retry => session.forget_statements(),
            Next::GiveUp => {}
        }
        attempt
    }
}

/// One transaction: what it means for the connection, and for the waiter. The error is one from before the closure.
fn transaction(
    connector: &Connector,
    session: &mut Session,
    job: &mut dyn Job,
) -> Result<(Next, Attempt), (Next, Error)> {
    let begin = match job.access() {
        Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE",
    };
    session.set_offset(connector.clock_offset_ms())?;
    session
        .client
        .batch_execute(begin)
        .map_err(|error| classify(begin, &error))?;

    let mut tx = PostgresTx::new(session);
    let ran = job.run(&mut tx);
    let failure = tx.into_failure();
    let (next, attempt) = match (failure, ran) {
        (_, Err(panicked)) => (Next::GiveUp, Attempt::Over(Err(panicked))),
        (Some((next @ (Next::Retry | Next::Reconnect), error)), _) => (next, Attempt::Again(error)),
        (Some((Next::GiveUp, _)), Ok(true)) => (Next::GiveUp, Attempt::Over(Err(Error::Aborted))),
        (Some((Next::GiveUp, _)) | None, Ok(false)) => (Next::GiveUp, Attempt::Over(Ok(()))),
        (None, Ok(true)) => return Ok(commit(session, job.access())),
    };
    if next != Next::Reconnect && session.client.batch_execute("ROLLBACK").is_err() {
        return Ok((Next::Reconnect, attempt)); // a closed connection is rolled back by the server
    }
    Ok((next, attempt))
}

fn commit(session: &mut Session, access: Access) -> (Next, Attempt) {
    let Err(error) = session.client.batch_execute("COMMIT") else {
        return (Next::GiveUp, Attempt::Over(Ok(())));
    };
    if access == Access::Read {
        return (Next::Reconnect, Attempt::Over(Ok(()))); // what was read stays true
    }
    match classify_commit(&error) {
        (Next::Retry, error) => (Next::Retry, Attempt::Again(error)),
        // The state of the connection isn't known; a new one is cheap.
        (_, error) => (Next::Reconnect, Attempt::Over(Err(error))),
    }
}
