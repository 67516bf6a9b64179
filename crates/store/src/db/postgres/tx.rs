//! A closure's view of a PostgreSQL transaction.

use postgres::types::ToSql;

use super::super::{Dialect, Error, Row, Tx, Value};
use super::failure::{Next, classify};
use super::session::Session;

/// One closure's transaction. Remembers the first failure, for the closure may hide it.
pub(super) struct PostgresTx<'s> {
    session: &'s mut Session,
    failed: Option<(Next, Error)>,
}

impl<'s> PostgresTx<'s> {
    pub(super) fn new(session: &'s mut Session) -> Self {
        Self {
            session,
            failed: None,
        }
    }

    /// The first statement that failed, and what to do about it.
    pub(super) fn into_failure(self) -> Option<(Next, Error)> {
        self.failed
    }

    fn attempt<T>(
        &mut self,
        sql: &'static str,
        run: impl FnOnce(&mut Session) -> Result<T, postgres::Error>,
    ) -> Result<T, Error> {
        if self.failed.is_some() {
            return Err(Error::Aborted);
        }
        run(self.session).map_err(|error| {
            let (next, error) = classify(sql, &error);
            self.failed = Some((next, error.clone()));
            error
        })
    }
}

fn dynamic<'a>(params: &'a [Value<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params
        .iter()
        .map(|param| -> &(dyn ToSql + Sync) { param })
        .collect()
}

fn owned(row: &postgres::Row) -> Result<Row, postgres::Error> {
    let values: Result<_, _> = (0..row.len()).map(|column| row.try_get(column)).collect();
    values.map(Row)
}

impl Tx for PostgresTx<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, Error> {
        self.attempt(sql, |session| {
            let statement = session.prepare(sql, params)?;
            session.client.execute(&statement, &dynamic(params))
        })
    }

    fn query(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        self.attempt(sql, |session| {
            let statement = session.prepare(sql, params)?;
            let rows = session.client.query(&statement, &dynamic(params))?;
            rows.iter().map(owned).collect()
        })
    }

    fn batch(&mut self, sql: &'static str) -> Result<(), Error> {
        self.attempt(sql, |session| session.client.batch_execute(sql))
    }
}
