//! The automations in memory: compiled once a version, refreshed when the store has newer ones.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use cartlane_catalog::Catalog;
use cartlane_flow::{Compiled, Document};
use cartlane_model::{AutomationId, Mode, Problems, RunId, UnixMs};
use cartlane_store::automations::{self, Automation};
use cartlane_store::inbox::NewRun;
use cartlane_store::{Db, Error};

/// The automations in their order, and every version that a run has asked for.
#[derive(Default)]
pub(crate) struct Automations {
    present: RwLock<Arc<Vec<Loaded>>>,
    versions: RwLock<HashMap<(AutomationId, i64), Arc<Compiled>>>,
}

/// One automation as events meet it.
pub(crate) struct Loaded {
    pub row: Automation,
    pub compiled: Arc<Compiled>,
}

/// Why a version of an automation cannot be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VersionError {
    #[error("version {1} of {0} is not in the store")]
    Missing(AutomationId, i64),
    #[error("the stored document is not valid any more: {0}")]
    Invalid(#[from] Problems),
    #[error(transparent)]
    Store(#[from] Error),
}

impl Automations {
    /// Reads the store; automations that do not compile are left out, with a log line.
    pub async fn refresh(&self, db: &Db) -> Result<(), Error> {
        let rows = db.read(|tx| automations::list(tx)).await?;
        if self.present().iter().map(|loaded| &loaded.row).eq(rows.iter()) {
            return Ok(());
        }
        let load = |row: Automation| match self.compile(&row) {
            Ok(compiled) => Some(Loaded { row, compiled }),
            Err(problems) => {
                tracing::error!(automation = row.name, %problems, "this automation is left out: apply it again");
                None
            }
        };
        let loaded = rows.into_iter().filter_map(load).collect();
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(())
    }

    fn compile(&self, row: &Automation) -> Result<Arc<Compiled>, Problems> {
        let key = (row.id, row.version);
        if let Some(compiled) = self
            .versions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(Arc::clone(compiled));
        }
        let compiled = Arc::new(compile(&row.document)?);
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        versions.insert(key, Arc::clone(&compiled));
        Ok(compiled)
    }

    pub fn present(&self) -> Arc<Vec<Loaded>> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The runs that an event of this kind gets, in the automations' order.
    pub fn runs_for(&self, kind: &str, mode: Option<Mode>, sync_test_mode: bool, now: UnixMs) -> Vec<NewRun> {
        if mode == Some(Mode::Test) && !sync_test_mode {
            return Vec::new();
        }
        let present = self.present();
        let wanted = present
            .iter()
            .filter(|loaded| loaded.row.enabled && loaded.compiled.document().runs_on(kind));
        wanted
            .map(|loaded| NewRun {
                id: RunId::new(now),
                automation_id: loaded.row.id,
                version: loaded.row.version,
            })
            .collect()
    }

    /// One version, also an old one.
    pub async fn version(
        &self,
        db: &Db,
        id: AutomationId,
        version: i64,
    ) -> Result<Arc<Compiled>, VersionError> {
        let known = self
            .versions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(id, version))
            .map(Arc::clone);
        if let Some(compiled) = known {
            return Ok(compiled);
        }
        let document = db.read(move |tx| automations::version(tx, id, version)).await?;
        let document = document.ok_or(VersionError::Missing(id, version))?;
        let compiled = Arc::new(compile(&document)?);
        let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        versions.insert((id, version), Arc::clone(&compiled));
        Ok(compiled)
    }
}

/// Reads and compiles a stored document.
pub(crate) fn compile(document: &serde_json::Value) -> Result<Compiled, Problems> {
    Compiled::new(Document::from_json(document, Catalog::builtin())?)
}
