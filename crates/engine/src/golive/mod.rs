//! The go-live check: whether an automation can do on the real account what it says, before an event starts it.
//!
//! ```text
//! document ─► ground: connections, scopes       ┐
//! last 20 real events ─► mapping: calls, faults ├─► findings ─► green, or not
//! document, rows of rules, calls ─► names, fields┘
//! ```
//!
//! What always holds: a check reads and changes nothing. What only an answer could tell is not called wrong. A finding
//! that is an error would make runs fail, or write what GHL drops; a warning is for people to judge.

mod fields;
mod gate;
mod ground;
mod mapping;
mod names;
mod payload;
mod triggers;

use std::collections::BTreeSet;

use cartlane_flow::Compiled;
use cartlane_model::AutomationId;
use cartlane_store::Tx;
use cartlane_store::audit::{self, Action};
use cartlane_store::automations::{self, Automation};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::workspace::withheld::{self, Header};
use crate::{AdminError, Handle, Price};
pub(crate) use gate::Passed;
pub use gate::{Gate, Saved};
use mapping::Called;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The automation is not green.
    Error,
    /// It is green; a person should look.
    Warning,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Where in the document: `steps.tags.with.tags`; `None` for the automation as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What is so.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    fn error(at: impl Into<Option<String>>, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            at: at.into(),
            message: message.into(),
            advice: advice.into(),
        }
    }

    fn warning(at: impl Into<Option<String>>, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(at, message, advice)
        }
    }
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The automation's name.
    pub automation: String,
    /// Its version.
    pub version: i64,
    /// How many real events its mapping was tried on.
    pub events: usize,
    /// Whether it may be enabled.
    pub green: bool,
    /// What its polls cost a day.
    pub polls: Vec<Price>,
    /// What was found: errors first.
    pub findings: Vec<Finding>,
}

impl Handle {
    /// Checks an automation, enabled or not, as it would run now.
    pub async fn check(&self, id: AutomationId) -> Result<Check, AdminError> {
        let row = self.automation(id).await?;
        let compiled = self.automations.version(&self.db, id, row.version).await;
        let compiled = compiled.map_err(|error| AdminError::Unfit(error.to_string()))?;
        self.check_as(&compiled, row.document, row.version).await
    }

    /// Checks a document as it would run as this version.
    pub(crate) async fn check_as(
        &self,
        compiled: &Compiled,
        source: Json,
        version: i64,
    ) -> Result<Check, AdminError> {
        let ground = self.ground(compiled).await?;
        let mapping = self.mapping(compiled, &ground.kinds).await?;
        let mut findings = ground.findings;
        findings.extend(mapping.findings);
        findings.extend(withheld::lacking(&source).into_iter().map(lacking));
        let document = compiled.document();
        let written = document.calls().map(|(step, call)| Called {
            step: step.to_owned(),
            operation: call.operation.clone(),
            inputs: Json::Object(call.with.clone()),
            row: None,
        });
        let of_rows = compiled.inputs_by_row().into_iter().map(|given| Called {
            step: given.step,
            operation: given.operation,
            inputs: Json::Object(given.inputs),
            row: Some(given.row),
        });
        let all: Vec<Called> = written.chain(mapping.calls).chain(of_rows).collect();
        for account in &ground.accounts {
            let calls = all.iter().filter(|call| account.has_step(&call.step));
            let calls: Vec<&Called> = calls.collect();
            findings.extend(self.check_names(&account.target, &calls).await);
            findings.extend(self.check_fields(&account.target, &calls).await);
        }
        findings.extend(compiled.unread_outcomes().into_iter().map(unread));
        findings.extend(payload::undocumented(compiled));
        findings.sort_by_key(|finding| finding.level);
        let mut seen: Vec<Finding> = Vec::new();
        findings.retain(|finding| {
            let is_new = !seen.contains(finding) && !seen.contains(&without_row(finding));
            seen.push(finding.clone());
            is_new
        });
        Ok(Check {
            automation: document.name.clone(),
            version,
            events: mapping.events,
            polls: self.prices(&[source]).await?,
            green: findings.iter().all(|finding| finding.level != Level::Error),
            findings,
        })
    }

    /// Lets events start an automation that is green; or any, where a person says why, which the audit log keeps.
    pub async fn enable_automation(
        &self,
        id: AutomationId,
        override_reason: Option<&str>,
    ) -> Result<Check, AdminError> {
        let check = self.check(id).await?;
        let overridden = match override_reason {
            _ if check.green => None,
            Some(reason) => Some(overridden(&check, reason)),
            None => return Err(AdminError::NotGreen(Box::new(check))),
        };
        let (handle, checked) = (self.clone(), check.version);
        let change = move |tx: &mut dyn Tx, row: &Automation| {
            if row.version != checked {
                return Err(AdminError::Unfit(format!(
                    "`{}` was changed while it was checked; enable it again",
                    row.name
                )));
            }
            let Some(detail) = overridden.clone() else {
                return Ok(handle.switch(tx, row, true)?);
            };
            automations::set_enabled(tx, row.id, true)?;
            audit::append(tx, &handle.entry(Action::AutomationEnabled, &row.name, detail))?;
            Ok(())
        };
        self.change(id, change).await?;
        Ok(check)
    }
}

/// An outcome that rows of the rules table give to nobody.
fn unread(outcome: &str) -> Finding {
    Finding::warning(
        "rules".to_owned(),
        format!("rows give `{outcome}`, and no step reads it"),
        format!("write `{{{{ rules.{outcome} }}}}` where it belongs, or take it out of the rows"),
    )
}

/// What stands before the row in the place of a finding.
const ROW: &str = " (rules.rows[";

/// Where an input of a step stands; with the row of the rules table that gives its value, where one does.
fn place(step: &str, input: &str, row: Option<usize>) -> String {
    match row {
        Some(row) => format!("steps.{step}.with.{input}{ROW}{row}])"),
        None => format!("steps.{step}.with.{input}"),
    }
}

/// The finding as it is told of what the step itself says.
fn without_row(finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    if let Some(at) = &mut finding.at {
        let end = at.find(ROW).unwrap_or(at.len());
        at.truncate(end);
    }
    finding
}

fn lacking((step, header): Header) -> Finding {
    Finding::error(
        format!("steps.{step}.with.headers.{header}"),
        format!("the value of the header `{header}` is lacking: no export holds it"),
        "write it into the document, and apply that",
    )
}

/// Where the errors of a check are. Their texts may quote a person's data, which the audit log would keep for good.
fn faulty(check: &Check) -> Vec<&str> {
    let errors = check
        .findings
        .iter()
        .filter(|finding| finding.level == Level::Error);
    let places: BTreeSet<&str> = errors
        .map(|finding| finding.at.as_deref().unwrap_or("(as a whole)"))
        .collect();
    places.into_iter().collect()
}

/// What the audit log keeps of an automation that is enabled although its check is not green.
fn overridden(check: &Check, reason: &str) -> Json {
    json!({"version": check.version, "override": reason, "errors": faulty(check)})
}

/// The errors of a check in one text.
pub(crate) fn findings(check: &Check) -> String {
    let errors = check
        .findings
        .iter()
        .filter(|finding| finding.level == Level::Error);
    let told = errors.map(|finding| match &finding.at {
        Some(at) => format!("{at}: {} ({})", finding.message, finding.advice),
        None => format!("{} ({})", finding.message, finding.advice),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// A step's id, without the rounds of its loops that stand in a journal.
fn id_of(step: &str) -> &str {
    step.split('#').next().unwrap_or(step)
}
