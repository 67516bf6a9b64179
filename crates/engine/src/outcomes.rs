//! The end of a run as an event, for automations that wait for it: same person, same facts, written with the end itself.

use cartlane_flow::on::Ended;
use cartlane_model::RunId;
use cartlane_store::inbox::{Delivery, NewRun};
use cartlane_store::runs::{End, Reason, Work};
use serde_json::json;

use crate::Shared;
use crate::made::{Made, Occasion};
use crate::stored::event_of;

impl From<End> for EndedAs {
    fn from(end: End) -> Self {
        Self(match end {
            End::Done => Ended::Done,
            End::Skipped => Ended::Skipped,
            End::Failed => Ended::Failed,
        })
    }
}

struct EndedAs(Ended);

impl Shared {
    /// The event of a run's end; `None` where nobody waits for it.
    pub(crate) fn outcome(&self, work: &Work, end: End, reason: Option<&Reason>) -> Option<Delivery> {
        let EndedAs(ended) = end.into();
        let present = self.automations.present();
        let of = present
            .iter()
            .find(|loaded| loaded.row.id == work.automation_id)?;
        let name = &of.row.name;
        let now = self.clock.now();
        let runs = self.automations.after(name, ended, now);
        if runs.is_empty() {
            return None;
        }
        let facts = event_of(&work.event).ok()?.facts;
        let made = Made {
            kind: ended.kind().into(),
            mode: facts.mode,
            person: facts.person,
            items: facts.items,
            amount: facts.amount,
            order_id: facts.order_id,
            invoice_id: facts.invoice_id,
            coupon: facts.coupon,
            subscription: facts.subscription,
            payload: json!({
                "automation": name, "automation_id": of.row.id, "run": work.run_id, "outcome": end.as_str(),
                "code": reason.map(|reason| &reason.code), "reason": reason.map(|reason| &reason.message),
                "event": {"id": work.event.id, "kind": facts.kind, "payload": facts.payload},
            }),
        };
        let occasion = Occasion {
            workspace_id: work.event.workspace_id,
            connection_id: work.event.connection_id,
            occurred_at: now,
            key: None,
            runs,
        };
        Some(made.delivery(occasion, now))
    }
}

impl crate::automations::Automations {
    /// The runs of automations that wait for such an end of the automation of this name.
    pub fn after(&self, name: &str, ended: Ended, now: cartlane_model::UnixMs) -> Vec<NewRun> {
        let present = self.present();
        let waits = present.iter().filter(|loaded| {
            let mut outcomes = loaded.compiled.document().outcomes();
            loaded.row.enabled && outcomes.any(|outcome| outcome.name == name && outcome.is_of(ended))
        });
        let run = |loaded: &crate::automations::Loaded| NewRun {
            id: RunId::new(now),
            automation_id: loaded.row.id,
            version: loaded.row.version,
        };
        waits.map(run).collect()
    }
}
