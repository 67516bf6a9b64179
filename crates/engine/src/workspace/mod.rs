//! A whole workspace as one document: its connections without secrets, its automations in their order and without the
//! headers in which secrets stand. It goes to another installation, into version control, or back.

mod import;
mod live;
pub(crate) mod withheld;

use cartlane_model::Problems;
use cartlane_store::connections::{self, Connection};
use cartlane_store::{Error, automations};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub use import::{ImportOptions, Imported, ImportedAutomation, ImportedConnection};

use crate::accounts::AccountConfig;
use crate::{AdminError, Handle};

/// The form that this version writes and reads.
const FORMAT: u32 = 1;

/// A workspace as it is exported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// The number of this form.
    pub format: u32,
    /// The connections by name.
    #[serde(default)]
    pub connections: Vec<PortableConnection>,
    /// The automations in their order.
    #[serde(default)]
    pub automations: Vec<PortableAutomation>,
}

/// A connection without its secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortableConnection {
    /// Its name.
    pub name: String,
    /// `thrivecart`, `ghl`, `slack`, `smtp` or `http`.
    pub kind: String,
    /// What it is, under the keys of the configuration.
    #[serde(default)]
    pub settings: Map<String, Json>,
}

/// An automation, and whether events start it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortableAutomation {
    /// Whether events start it.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Its present version, without the values of headers that may hold secrets.
    pub document: Json,
}

fn yes() -> bool {
    true
}

impl Workspace {
    /// Reads a workspace.
    ///
    /// # Errors
    /// Where it is none, or of another format.
    pub fn from_json(json: &Json) -> Result<Self, AdminError> {
        match json.get("format") {
            Some(format) if *format == FORMAT => {}
            Some(format) => {
                return Err(AdminError::Unfit(format!(
                    "this is a workspace of format {format}, and this version reads format {FORMAT}; use the version of \
                     Cartlane that exported it, or a newer one"
                )));
            }
            None => {
                return Err(Problems::one("format", "is missing: this is no exported workspace").into());
            }
        }
        Self::deserialize(json).map_err(|error| Problems::one("workspace", error.to_string()).into())
    }
}

impl Handle {
    /// The workspace as it is, without secrets.
    pub async fn export(&self) -> Result<Workspace, AdminError> {
        let read = self.db.read(|tx| {
            let connections = connections::list(tx)?.iter().map(portable).collect();
            let automation = |mut row: automations::Automation| {
                withheld::withhold(&mut row.document);
                PortableAutomation {
                    enabled: row.enabled,
                    document: row.document,
                }
            };
            Ok::<_, Error>(Workspace {
                format: FORMAT,
                connections,
                automations: automations::list(tx)?.into_iter().map(automation).collect(),
            })
        });
        Ok(read.await?)
    }
}

impl PortableConnection {
    fn account(&self, path: &str) -> Result<AccountConfig, AdminError> {
        let mut settings = self.settings.clone();
        settings.insert("kind".into(), self.kind.as_str().into());
        let account = AccountConfig::deserialize(Json::Object(settings));
        account.map_err(|error| {
            let path = format!("{path}.settings");
            Problems::one(path, format!("`{}`: {error}", self.name)).into()
        })
    }
}

/// A connection without its secrets, and without the keys that it does not use.
fn portable(row: &Connection) -> PortableConnection {
    let mut settings = row.settings.as_object().cloned().unwrap_or_default();
    settings.retain(|key, value| key != "kind" && !value.is_null());
    PortableConnection {
        name: row.name.clone(),
        kind: row.kind.clone(),
        settings,
    }
}
