//! Bringing a workspace in. It is done in one transaction, or not at all; a dry run does the same and undoes it, so that
//! it tells what would be done.
//!
//! What always holds: a connection that is there keeps its account and its secrets, and an automation that the document
//! does not name stays as it is.

use std::collections::BTreeSet;

use cartlane_model::{AutomationId, Problems};
use cartlane_store::audit::{self, Action};
use cartlane_store::automations::{self, Applied, Automation};
use cartlane_store::connections::{self, Connection};
use cartlane_store::{Error, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::withheld::{self, Header};
use super::{PortableAutomation, PortableConnection, Workspace};
use crate::accounts::AccountConfig;
use crate::connections::{ConnectionConfig, New, added};
use crate::diff::{self, Change};
use crate::golive::Passed;
use crate::secrets::Secrets;
use crate::{AdminError, Handle, versions};

/// How a workspace is brought in.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Tell what would be done, and change nothing.
    pub dry_run: bool,
    /// Let automations that are new, or come back, begin disabled whatever the document says.
    pub disabled: bool,
    /// Why automations go live although their go-live check is not green; the audit log keeps it.
    pub override_reason: Option<String>,
}

/// What an import has done or, as a dry run, would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Imported {
    /// Whether it was a dry run, which changes nothing.
    pub is_dry_run: bool,
    /// The document's connections.
    pub connections: Vec<ImportedConnection>,
    /// The document's automations.
    pub automations: Vec<ImportedAutomation>,
    /// Whether automations that were there stand in another order.
    pub is_reordered: bool,
    /// What is lacking until a person gives it: secrets, which no export holds.
    pub to_do: Vec<String>,
}

/// What became of a connection of the document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportedConnection {
    /// Its name.
    pub name: String,
    /// `created`, `unchanged`, or `kept` where another account stands under this name here, which stays.
    pub change: &'static str,
    /// In what the document's account differs from the one that is kept.
    pub differences: Vec<Change>,
}

/// What became of an automation of the document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportedAutomation {
    /// Its name.
    pub name: String,
    /// `created`, `changed`, `restored` or `unchanged`.
    pub change: &'static str,
    /// Whether events start it now; of a dry run, whether they would if its go-live check is green.
    pub enabled: bool,
    /// Whether that check decides about it once all is there.
    #[serde(skip)]
    pub(super) is_held: bool,
    /// What differs from what was there.
    pub changes: Vec<Change>,
}

impl Imported {
    /// What was changed, by name; nothing where nothing was.
    fn summary(&self) -> Option<Json> {
        let name = |(name, change): (&String, &str)| {
            (change != "unchanged" && change != "kept").then(|| format!("{name}: {change}"))
        };
        let connections = self.connections.iter().map(|row| (&row.name, row.change));
        let connections: Vec<String> = connections.filter_map(name).collect();
        let automations = self.automations.iter().map(|row| (&row.name, row.change));
        let automations: Vec<String> = automations.filter_map(name).collect();
        let is_same = connections.is_empty() && automations.is_empty() && !self.is_reordered;
        (!is_same).then(|| {
            json!({"connections": connections, "automations": automations, "reordered": self.is_reordered})
        })
    }
}

/// Why the transaction of an import is undone.
enum Undone {
    DryRun(Imported),
    Because(AdminError),
}

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        Self::Because(error.into())
    }
}

/// An import that was checked as far as that is possible without the store.
#[derive(Clone)]
pub(super) struct Plan {
    created: Vec<(String, New)>,
    connections: Vec<ImportedConnection>,
    pub(super) automations: Vec<(String, PortableAutomation)>,
    to_do: Vec<String>,
}

impl Handle {
    /// Brings a workspace in: all of it, or where anything is wrong with it nothing. Automations that would go live begin
    /// disabled where their go-live check is not green.
    ///
    /// # Errors
    /// Where it has faults, a connection of another kind stands under the name of one of its, or an automation that is enabled here
    /// would not be green any more.
    pub async fn import(
        &self,
        workspace: &Workspace,
        options: ImportOptions,
    ) -> Result<Imported, AdminError> {
        let plan = self.plan_import(workspace).await?;
        let passed = self
            .pass_changed(&plan, options.override_reason.as_deref())
            .await?;
        let (handle, dry_run) = (self.clone(), options.dry_run);
        let reason = options.override_reason.clone();
        let imported = self.db.write(move |tx| {
            let imported = handle.write_import(tx, &plan, &options, &passed)?;
            if dry_run {
                return Err(Undone::DryRun(imported));
            }
            Ok(imported)
        });
        match imported.await {
            Err(Undone::DryRun(imported)) => Ok(imported),
            Err(Undone::Because(error)) => Err(error),
            Ok(mut imported) => {
                self.refresh_connections().await?;
                self.automations.refresh(&self.db).await?;
                self.let_live(&mut imported, reason.as_deref()).await?;
                tracing::info!("a workspace was imported");
                Ok(imported)
            }
        }
    }

    async fn plan_import(&self, workspace: &Workspace) -> Result<Plan, AdminError> {
        let automations = checked(&workspace.automations)?;
        let rows = self.db.read(|tx| connections::list(tx)).await?;
        let mut plan = Plan {
            created: Vec::new(),
            connections: Vec::new(),
            automations,
            to_do: Vec::new(),
        };
        let mut new = Vec::new();
        for (index, connection) in workspace.connections.iter().enumerate() {
            let path = format!("connections[{index}]");
            if plan.connections.iter().any(|other| other.name == connection.name) {
                let why = format!("two connections are called `{}`", connection.name);
                return Err(Problems::one(format!("{path}.name"), why).into());
            }
            let account = connection.account(&path)?;
            let row = rows.iter().find(|row| row.name == connection.name);
            plan.connections.push(imported(connection, &account, row)?);
            if row.is_none() {
                plan.to_do.extend(to_do(&connection.name, &account));
                new.push(ConnectionConfig {
                    name: connection.name.clone(),
                    account,
                    secrets: Secrets::default(),
                });
            }
        }
        let given = &self.connections.given;
        let others = added(&rows, given);
        let all: Vec<&ConnectionConfig> = given.iter().chain(&others).chain(&new).collect();
        for config in &new {
            let prepared = self.prepare(config, &all, self.now()).await?;
            plan.created.push((config.name.clone(), prepared));
        }
        Ok(plan)
    }

    fn write_import(
        &self,
        tx: &mut dyn Tx,
        plan: &Plan,
        options: &ImportOptions,
        passed: &Passed,
    ) -> Result<Imported, Undone> {
        automations::lock(tx, crate::MAIN_WORKSPACE)?;
        passed.hold(tx).map_err(Undone::Because)?;
        passed.log(self, tx)?;
        for (name, new) in &plan.created {
            if !new.write(tx, &self.vault)? {
                let why = format!("somebody has just added a connection `{name}`; import again");
                return Err(Undone::Because(AdminError::Unfit(why)));
            }
            let detail = json!({"kind": new.declared.kind, "by": "import"});
            audit::append(tx, &self.entry(Action::ConnectionAdded, name, detail))?;
        }
        let before = automations::list(tx)?;
        let mut imported = Imported {
            is_dry_run: options.dry_run,
            connections: plan.connections.clone(),
            to_do: plan.to_do.clone(),
            ..Imported::default()
        };
        let mut order = Vec::new();
        for (name, wanted) in &plan.automations {
            let row = before.iter().find(|row| row.name == *name);
            let mut wanted = wanted.clone();
            if let Some(row) = row {
                withheld::put_back(&mut wanted.document, &row.document);
            } else if options.disabled {
                wanted.enabled = false;
            }
            let lacking = withheld::lacking(&wanted.document);
            wanted.enabled &= lacking.is_empty();
            imported
                .to_do
                .extend(lacking.iter().map(|header| to_write(name, header)));
            let (id, told) = self.write_automation(tx, name, &wanted, row)?;
            order.push(id);
            imported.automations.push(told);
        }
        automations::put_first(tx, &order)?;
        let after = automations::list(tx)?;
        let known = after
            .iter()
            .filter(|row| before.iter().any(|old| old.id == row.id));
        imported.is_reordered = !known.map(|row| row.id).eq(before.iter().map(|row| row.id));
        let is_new = |name: &str| plan.automations.iter().any(|(new, _)| new == name);
        crate::chains::check_stored(tx, is_new).map_err(Undone::Because)?;
        if let Some(detail) = imported.summary() {
            audit::append(tx, &self.entry(Action::WorkspaceImported, "workspace", detail))?;
        }
        Ok(imported)
    }

    fn write_automation(
        &self,
        tx: &mut dyn Tx,
        name: &str,
        wanted: &PortableAutomation,
        before: Option<&Automation>,
    ) -> Result<(AutomationId, ImportedAutomation), Error> {
        let action = Action::AutomationSaved;
        let applied = self.save_one(tx, action, name, &wanted.document, Some("imported"))?;
        let row = versions::named(tx, name)?;
        let row = row.ok_or_else(|| Error::Corrupt("an automation vanished while it was imported".into()))?;
        let is_held = wanted.enabled && !before.is_some_and(|old| old.enabled);
        if is_held {
            automations::set_enabled(tx, row.id, false)?;
        } else {
            self.switch(tx, &row, wanted.enabled)?;
        }
        let mut changes = before.map_or(Vec::new(), |old| diff::changes(&old.document, &wanted.document));
        let is_switched = before.is_some_and(|old| old.enabled != wanted.enabled);
        if is_switched {
            changes.push(Change {
                path: "(enabled)".into(),
                old: Some((!wanted.enabled).into()),
                new: Some(wanted.enabled.into()),
            });
        }
        let change = match applied {
            Applied::Unchanged if is_switched => "changed",
            applied => applied.as_str(),
        };
        let told = ImportedAutomation {
            name: name.to_owned(),
            change,
            enabled: wanted.enabled,
            is_held,
            changes,
        };
        Ok((row.id, told))
    }
}

/// What becomes of a connection; one that is there keeps its account.
fn imported(
    connection: &PortableConnection,
    account: &AccountConfig,
    row: Option<&Connection>,
) -> Result<ImportedConnection, AdminError> {
    let (change, differences) = match row {
        None => ("created", Vec::new()),
        Some(row) if row.kind != connection.kind => {
            return Err(AdminError::Unfit(format!(
                "nothing was imported: `{}` is a connection of kind {} here and of kind {} in the document; give one of \
                 them another name",
                row.name, row.kind, connection.kind
            )));
        }
        Some(row) => {
            let wanted = serde_json::to_value(account).unwrap_or_default();
            // read and written once more, so that keys which are left out count as what they stand for
            let present = AccountConfig::deserialize(&row.settings).ok();
            let present = present.and_then(|account| serde_json::to_value(account).ok());
            let differences = diff::changes(&present.unwrap_or_default(), &wanted);
            let change = if differences.is_empty() {
                "unchanged"
            } else {
                "kept"
            };
            (change, differences)
        }
    };
    Ok(ImportedConnection {
        name: connection.name.clone(),
        change,
        differences,
    })
}

/// What a new connection lacks, and how a person gives it.
fn to_do(name: &str, account: &AccountConfig) -> Vec<String> {
    let secret = |secret: &crate::SecretName| {
        format!("`{name}` needs its {secret}: `cartlane connections rotate \"{name}\" {secret}` asks for it")
    };
    let mut all: Vec<String> = account.needed_secrets().iter().map(secret).collect();
    let has_app = match account {
        AccountConfig::Ghl(ghl) => ghl.client_id.is_some(),
        AccountConfig::ThriveCart(shop) => shop.client_id.is_some(),
        _ => false,
    };
    if has_app {
        all.push(format!(
            "`{name}` has to be authorized after that: `cartlane connections reauthorize \"{name}\"`"
        ));
    }
    if account.is_source() {
        all.push(format!(
            "`{name}` has a new address for its web hooks: `cartlane doctor` shows it; give it to the other side"
        ));
    }
    all
}

/// A header of a step whose value no export holds, and how a person gives it.
fn to_write(name: &str, (step, header): &Header) -> String {
    format!(
        "`{name}` needs the header `{header}` of its step `{step}`, and is disabled until then: write it into the document \
         (`cartlane automations show \"{name}\" > FILE`), then `cartlane apply FILE` and `cartlane automations enable \"{name}\"`"
    )
}

/// The automations by name, where none has a fault and no two have the same name.
fn checked(automations: &[PortableAutomation]) -> Result<Vec<(String, PortableAutomation)>, AdminError> {
    let mut problems = Problems::default();
    let mut taken = BTreeSet::new();
    let mut named = Vec::new();
    for (index, automation) in automations.iter().enumerate() {
        let path = format!("automations[{index}].document");
        match crate::automations::compile(&automation.document) {
            Ok(compiled) => {
                let name = compiled.document().name.clone();
                if !taken.insert(name.clone()) {
                    problems.push(
                        format!("{path}.name"),
                        format!("two automations are called `{name}`"),
                    );
                }
                named.push((name, automation.clone()));
            }
            Err(faults) => {
                for fault in faults.0 {
                    problems.push(format!("{path}.{}", fault.path), fault.message);
                }
            }
        }
    }
    Ok(problems.into_result(named)?)
}
