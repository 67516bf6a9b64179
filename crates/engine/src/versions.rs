//! Automations as people change them: saved, each time as a new version; rolled back, duplicated, enabled, disabled,
//! removed. Each change stands in the audit log.

use cartlane_model::AutomationId;
use cartlane_store::audit::{self, Action, Entry};
use cartlane_store::automations::{self, Applied, Automation, Save, Version};
use cartlane_store::{Error, Tx};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::chains;
use crate::diff::{self, Change};
use crate::golive::Passed;
use crate::{AdminError, Handle, MAIN_WORKSPACE};

/// How automations begin that are new, or come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Events start them.
    Enabled,
    /// They are disabled, since somebody wants it so.
    Disabled,
    /// They are held until they are checked.
    Held,
}

/// One version with its document.
#[derive(Clone, Debug)]
pub struct VersionDetail {
    /// The automation as it is now.
    pub automation: Automation,
    /// Which version it is, of when and by whom.
    pub version: Version,
    /// What it says.
    pub document: Json,
}

/// What differs between two versions of an automation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// The automation's name.
    pub automation: String,
    /// The older one.
    pub from: i64,
    /// The newer one.
    pub to: i64,
    /// What differs, value by value.
    pub changes: Vec<Change>,
    /// The same as lines of YAML, in the form of `diff -u`.
    pub text: String,
}

impl Handle {
    /// Saves documents under their names, in somebody's name; see [`Handle::save`].
    pub async fn apply(
        &self,
        documents: &[Json],
        author: &str,
    ) -> Result<Vec<(String, Applied)>, AdminError> {
        self.by(author).save(documents, None, false).await
    }

    /// Saves documents under their names, with what there is to say of them; all of them or, where one has a fault, none.
    /// With `disabled` those that are new, or come back, begin disabled.
    pub async fn save(
        &self,
        documents: &[Json],
        note: Option<&str>,
        disabled: bool,
    ) -> Result<Vec<(String, Applied)>, AdminError> {
        let begin = if disabled { Begin::Disabled } else { Begin::Enabled };
        self.save_as(documents, note, begin, Passed::default()).await
    }

    /// As [`Handle::save`], of what the gate has let through.
    pub(crate) async fn save_as(
        &self,
        documents: &[Json],
        note: Option<&str>,
        begin: Begin,
        passed: Passed,
    ) -> Result<Vec<(String, Applied)>, AdminError> {
        let mut named = Vec::new();
        for document in documents {
            let compiled = crate::automations::compile(document)?;
            named.push((compiled.document().name.clone(), document.clone()));
        }
        let (handle, note) = (self.clone(), note.map(str::to_owned));
        let applied = self
            .db
            .write(move |tx| {
                automations::lock(tx, MAIN_WORKSPACE)?;
                passed.hold(tx)?;
                passed.log(&handle, tx)?;
                let save = |(name, document): &(String, Json)| {
                    let applied =
                        handle.save_one(tx, Action::AutomationSaved, name, document, note.as_deref())?;
                    Ok((name.clone(), applied))
                };
                let applied = named.iter().map(save).collect::<Result<Vec<_>, Error>>()?;
                let begins =
                    |applied: &Applied| matches!(applied, Applied::Created | Applied::Restored { .. });
                let begins = |name: &str| applied.iter().any(|(of, applied)| of == name && begins(applied));
                if begin != Begin::Enabled {
                    for row in automations::list(tx)?.iter().filter(|row| begins(&row.name)) {
                        match begin {
                            Begin::Disabled => handle.switch(tx, row, false)?,
                            _ => drop(automations::set_enabled(tx, row.id, false)?),
                        }
                    }
                }
                chains::check_stored(tx, |name| named.iter().any(|(new, _)| new == name))?;
                Ok::<_, AdminError>(applied)
            })
            .await?;
        self.automations.refresh(&self.db).await?;
        Ok(applied)
    }

    /// Saves one document and says so in the log.
    pub(crate) fn save_one(
        &self,
        tx: &mut dyn Tx,
        action: Action,
        name: &str,
        document: &Json,
        note: Option<&str>,
    ) -> Result<Applied, Error> {
        let applied = automations::apply(
            tx,
            &Save {
                workspace: MAIN_WORKSPACE,
                name,
                document,
                author: self.actor(),
                note,
                now: self.now(),
            },
        )?;
        let version = match applied {
            Applied::Unchanged => return Ok(applied),
            Applied::Created => 1,
            Applied::Changed { version } | Applied::Restored { version } => version,
        };
        let detail = json!({"applied": applied.as_str(), "version": version, "note": note});
        audit::append(tx, &self.entry(action, name, detail))?;
        Ok(applied)
    }

    /// Lets no event start an automation; [`Handle::enable_automation`] is the way back. Runs that it has go on.
    pub async fn disable_automation(&self, id: AutomationId) -> Result<(), AdminError> {
        let handle = self.clone();
        let change = move |tx: &mut dyn Tx, row: &Automation| Ok(handle.switch(tx, row, false)?);
        self.change(id, change).await
    }

    /// Switches an automation on or off, and says so in the log where it was not so already.
    pub(crate) fn switch(&self, tx: &mut dyn Tx, row: &Automation, enabled: bool) -> Result<(), Error> {
        if row.enabled == enabled {
            return Ok(());
        }
        automations::set_enabled(tx, row.id, enabled)?;
        let action = if enabled {
            Action::AutomationEnabled
        } else {
            Action::AutomationDisabled
        };
        audit::append(tx, &self.entry_of(action, row))
    }

    /// Removes an automation. Runs that it has go on.
    pub async fn remove_automation(&self, id: AutomationId) -> Result<(), AdminError> {
        let handle = self.clone();
        let change = move |tx: &mut dyn Tx, row: &Automation| {
            automations::remove(tx, row.id, handle.now())?;
            Ok(audit::append(
                tx,
                &handle.entry_of(Action::AutomationRemoved, row),
            )?)
        };
        self.change(id, change).await
    }

    fn entry_of(&self, action: Action, row: &Automation) -> Entry {
        self.entry(action, &row.name, json!({"version": row.version}))
    }

    /// Changes an automation in one transaction, and lets this node know.
    pub(crate) async fn change(
        &self,
        id: AutomationId,
        change: impl Fn(&mut dyn Tx, &Automation) -> Result<(), AdminError> + Send + 'static,
    ) -> Result<(), AdminError> {
        let changed = self.db.write(move |tx| {
            automations::lock(tx, MAIN_WORKSPACE)?;
            let row = automations::get(tx, id)?.ok_or_else(|| unknown(id))?;
            change(tx, &row)
        });
        changed.await?;
        Ok(self.automations.refresh(&self.db).await?)
    }

    /// An automation that is not removed.
    pub(crate) async fn automation(&self, id: AutomationId) -> Result<Automation, AdminError> {
        let row = self.db.read(move |tx| automations::get(tx, id)).await?;
        row.ok_or_else(|| unknown(id))
    }

    /// An automation with all its versions, newest first.
    pub async fn versions(&self, id: AutomationId) -> Result<(Automation, Vec<Version>), AdminError> {
        let read = self.db.read(move |tx| {
            let row = automations::get(tx, id)?.ok_or_else(|| unknown(id))?;
            Ok::<_, AdminError>((row, automations::versions(tx, id)?))
        });
        read.await
    }

    /// One version of an automation.
    pub async fn version(&self, id: AutomationId, version: i64) -> Result<VersionDetail, AdminError> {
        let (automation, versions) = self.versions(id).await?;
        let found = versions.into_iter().find(|found| found.version == version);
        let document = self
            .db
            .read(move |tx| automations::version(tx, id, version))
            .await?;
        let (Some(version), Some(document)) = (found, document) else {
            return Err(AdminError::Unknown {
                noun: "version",
                id: format!("{version} of {}", automation.name),
                list: "automations versions NAME",
            });
        };
        Ok(VersionDetail {
            automation,
            version,
            document,
        })
    }

    /// What differs between two versions: the present one where no newer is named, and the one before where no older is.
    pub async fn diff(
        &self,
        id: AutomationId,
        from: Option<i64>,
        to: Option<i64>,
    ) -> Result<Diff, AdminError> {
        let row = self.automation(id).await?;
        let to = to.unwrap_or(row.version);
        let from = from.unwrap_or((to - 1).max(1));
        let (old, new) = (self.version(id, from).await?, self.version(id, to).await?);
        let head = |detail: &VersionDetail| {
            let Version {
                version,
                created_at,
                author,
                ..
            } = &detail.version;
            let author = author.as_deref().unwrap_or("nobody knows whom");
            format!("{}, version {version}, {created_at} by {author}", row.name)
        };
        let text = diff::text((&head(&old), &old.document), (&head(&new), &new.document));
        Ok(Diff {
            changes: diff::changes(&old.document, &new.document),
            automation: row.name,
            from,
            to,
            text,
        })
    }

    /// Saves the document of a former version as a new one.
    ///
    /// # Errors
    /// Where there is no such version, or this program does not take its document any more.
    pub async fn roll_back(&self, id: AutomationId, version: i64) -> Result<Applied, AdminError> {
        self.roll_back_as(id, version, Passed::default()).await
    }

    /// As [`Handle::roll_back`], of what the gate has let through.
    pub(crate) async fn roll_back_as(
        &self,
        id: AutomationId,
        version: i64,
        passed: Passed,
    ) -> Result<Applied, AdminError> {
        let detail = self.version(id, version).await?;
        crate::automations::compile(&detail.document)?;
        let (handle, note) = (self.clone(), format!("back to version {version}"));
        let name = detail.automation.name;
        let applied = self.db.write(move |tx| {
            automations::lock(tx, MAIN_WORKSPACE)?;
            passed.hold(tx)?;
            passed.log(&handle, tx)?;
            let action = Action::AutomationRolledBack;
            let applied = handle.save_one(tx, action, &name, &detail.document, Some(&note))?;
            chains::check_stored(tx, |new| new == name)?;
            Ok::<_, AdminError>(applied)
        });
        let applied = applied.await?;
        self.automations.refresh(&self.db).await?;
        Ok(applied)
    }

    /// Makes a copy under another name. It is disabled, since events would have everything done twice.
    ///
    /// # Errors
    /// Where there is an automation of that name, or it is no name.
    pub async fn duplicate(&self, id: AutomationId, new_name: &str) -> Result<Automation, AdminError> {
        let row = self.automation(id).await?;
        let mut document = row.document.clone();
        document["name"] = new_name.into();
        crate::automations::compile(&document)?;
        let (handle, name) = (self.clone(), new_name.to_owned());
        let copy = self.db.write(move |tx| {
            automations::lock(tx, MAIN_WORKSPACE)?;
            if named(tx, &name)?.is_some() {
                return Err(AdminError::Unfit(format!(
                    "there is an automation `{name}` already; choose another name"
                )));
            }
            let note = format!("copy of {}, version {}", row.name, row.version);
            handle.save_one(tx, Action::AutomationDuplicated, &name, &document, Some(&note))?;
            let copy = named(tx, &name)?;
            let copy = copy.ok_or_else(|| Error::Corrupt("a copy vanished while it was made".into()))?;
            automations::set_enabled(tx, copy.id, false)?;
            Ok(Automation {
                enabled: false,
                ..copy
            })
        });
        let copy = copy.await?;
        self.automations.refresh(&self.db).await?;
        Ok(copy)
    }
}

/// The automation of this name that is not removed.
pub(crate) fn named(tx: &mut dyn Tx, name: &str) -> Result<Option<Automation>, Error> {
    Ok(automations::list(tx)?.into_iter().find(|row| row.name == name))
}

fn unknown(id: AutomationId) -> AdminError {
    AdminError::Unknown {
        noun: "automation",
        id: id.to_string(),
        list: "automations list",
    }
}
