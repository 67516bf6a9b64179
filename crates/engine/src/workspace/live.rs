//! What goes live by an import: what is changed has to be green before, what is new once its connections are there.

use super::import::{Imported, Plan};
use super::withheld;
use crate::golive::Passed;
use crate::{AdminError, Handle};

impl Handle {
    /// Looks whether automations that are enabled, and stay so, would still be green.
    pub(super) async fn pass_changed(&self, plan: &Plan, reason: Option<&str>) -> Result<Passed, AdminError> {
        let rows = self.automations().await?;
        let stays = plan.automations.iter().filter(|(_, wanted)| wanted.enabled);
        let changed = stays.filter_map(|(name, wanted)| {
            let row = rows.iter().find(|row| row.name == *name)?;
            let mut document = wanted.document.clone();
            withheld::put_back(&mut document, &row.document);
            Some(document)
        });
        self.pass(&changed.collect::<Vec<_>>(), reason).await
    }

    /// Lets automations go live that were held until now, where they are green or somebody says why.
    pub(super) async fn let_live(
        &self,
        imported: &mut Imported,
        reason: Option<&str>,
    ) -> Result<(), AdminError> {
        let rows = self.automations().await?;
        for told in imported.automations.iter_mut().filter(|told| told.is_held) {
            let Some(row) = rows.iter().find(|row| row.name == told.name) else {
                continue;
            };
            match self.enable_automation(row.id, reason).await {
                Err(AdminError::NotGreen(check)) => {
                    told.enabled = false;
                    imported.to_do.push(format!(
                        "`{name}` is disabled, since it is not green: {why}; mend that, then `cartlane automations enable {name:?}`",
                        name = told.name,
                        why = crate::golive::findings(&check)
                    ));
                }
                enabled => drop(enabled?),
            }
        }
        Ok(())
    }
}
