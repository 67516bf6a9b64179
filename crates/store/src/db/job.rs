//! A closure on its way to a database thread, with its type erased.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use super::{Error, Tx};

/// What a waiter gets: the closure's own answer, or why there is none.
pub(super) type Reply<T, E> = Result<Result<T, E>, Error>;

/// What a closure is allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Look at a snapshot.
    Read,
    /// Change rows.
    Write,
}

/// One closure. A database thread calls [`Job::run`] once or more and then [`Job::finish`] once.
pub(super) trait Job: Send {
    /// What it is allowed to do.
    fn access(&self) -> Access;

    /// Runs the closure in a transaction and keeps its answer. True when it returned `Ok`.
    fn run(&mut self, tx: &mut dyn Tx) -> Result<bool, Error>;

    /// Answers the waiter: with what the closure returned last, or with the adapter's error.
    fn finish(self: Box<Self>, outcome: Result<(), Error>);
}

struct Closure<T, E, F> {
    access: Access,
    run: F,
    answer: Option<Result<T, E>>,
    reply: oneshot::Sender<Reply<T, E>>,
}

/// A job from a closure, and where its answer comes out.
pub(super) fn from_closure<T, E, F>(access: Access, run: F) -> (Box<dyn Job>, oneshot::Receiver<Reply<T, E>>)
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
{
    let (reply, receiver) = oneshot::channel();
    (
        Box::new(Closure {
            access,
            run,
            answer: None,
            reply,
        }),
        receiver,
    )
}

impl<T, E, F> Job for Closure<T, E, F>
where
    T: Send,
    E: Send,
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send,
{
    fn access(&self) -> Access {
        self.access
    }

    fn run(&mut self, tx: &mut dyn Tx) -> Result<bool, Error> {
        self.answer = None;
        // A panic ends this closure, not the thread that everyone shares. The closure isn't run again after it.
        let answer = catch_unwind(AssertUnwindSafe(|| (self.run)(tx))).map_err(|_| Error::Panicked)?;
        let kept = answer.is_ok();
        self.answer = Some(answer);
        Ok(kept)
    }

    fn finish(self: Box<Self>, outcome: Result<(), Error>) {
        let Self { answer, reply, .. } = *self;
        // Nobody may be waiting any more; the transaction counts all the same.
        let _ = reply.send(outcome.and_then(|()| answer.ok_or(Error::Stopped)));
    }
}
