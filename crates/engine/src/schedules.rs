//! Scheduled events: one for each time that is due, whichever node makes it.
//!
//! A schedule is a cron expression, a zone and a connection; automations that name the same share its events. When times
//! have passed while no server ran, the last of them is made up for, and its payload tells how many there were.

use cartlane_flow::cron::Cron;
use cartlane_flow::on;
use cartlane_model::{ConnectionId, RunId, UnixMs, WorkspaceId};
use cartlane_store::Error;
use cartlane_store::inbox::{self, NewRun};
use cartlane_store::schedules::{self, Wanted};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Shared;
use crate::automations::Loaded;
use crate::directory::Directory;
use crate::made::{Made, Occasion};
use crate::systems::Kind;

/// A schedule that an automation asks for.
pub(crate) struct Scheduled<'a> {
    pub id: String,
    schedule: &'a on::Schedule,
    workspace_id: WorkspaceId,
    connection_id: ConnectionId,
    pub loaded: &'a Loaded,
}

/// All schedules of automations that are enabled.
pub(crate) fn scheduled<'a>(directory: &Directory, automations: &'a [Loaded]) -> Vec<Scheduled<'a>> {
    let mut all = Vec::new();
    for loaded in automations.iter().filter(|loaded| loaded.row.enabled) {
        let document = loaded.compiled.document();
        let Some(connection_id) = connection_of(directory, document.connection.as_deref()) else {
            continue; // before the first connection is added there is nothing to do it with
        };
        all.extend(document.schedules().map(|schedule| Scheduled {
            id: id(connection_id, schedule),
            schedule,
            workspace_id: loaded.row.workspace_id,
            connection_id,
            loaded,
        }));
    }
    all
}

/// The connection that an event about nobody belongs to: the automation's, else the only one of GHL, else the first.
pub(crate) fn connection_of(directory: &Directory, named: Option<&str>) -> Option<ConnectionId> {
    let named = named.and_then(|name| directory.find(name)).map(|(id, _)| id);
    let usual = || directory.watched(Kind::Ghl, None, None).map(|target| target.id);
    let first = || directory.entries().map(|(id, _)| id).min();
    named.or_else(usual).or_else(first)
}

fn id(connection: ConnectionId, schedule: &on::Schedule) -> String {
    let fields: Vec<&str> = schedule.cron.split_whitespace().collect();
    let text = format!("{connection}/{}/{}", fields.join(" "), schedule.zone());
    format!("sched_{}", hex::encode(&Sha256::digest(text.as_bytes())[..13]))
}

impl Shared {
    pub(crate) fn wanted_schedules(&self, directory: &Directory, automations: &[Loaded]) -> Vec<Wanted> {
        let now = self.clock.now();
        let wanted = scheduled(directory, automations).into_iter().filter_map(|one| {
            let cron = Cron::new(&one.schedule.cron, one.schedule.zone()).ok()?;
            let first_at = cron.next_after(now)?;
            Some(Wanted { id: one.id, first_at })
        });
        wanted.collect()
    }

    /// Makes the events of schedules that are due.
    pub(crate) async fn make_what_is_due(&self) -> Result<(), Error> {
        let (directory, automations) = (self.directory(), self.automations.present());
        let scheduled = scheduled(&directory, &automations);
        if scheduled.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut due = self.db.read(|tx| schedules::list(tx)).await?;
        due.retain(|_, next_at| *next_at <= now);
        for (id, next_at) in due {
            let of_it: Vec<&Scheduled<'_>> = scheduled.iter().filter(|one| one.id == id).collect();
            if !of_it.is_empty() {
                self.make_scheduled(&of_it, next_at, now).await?;
            }
        }
        Ok(())
    }

    async fn make_scheduled(
        &self,
        of_it: &[&Scheduled<'_>],
        next_at: UnixMs,
        now: UnixMs,
    ) -> Result<(), Error> {
        let Some(first) = of_it.first() else { return Ok(()) };
        let Ok(cron) = Cron::new(&first.schedule.cron, first.schedule.zone()) else {
            return Ok(()); // it was read when the document was
        };
        let (due_at, missed) = cron.latest(next_at, now).unwrap_or((next_at, 0));
        let following = cron.next_after(due_at).unwrap_or(UnixMs(i64::MAX));
        let mut runs: Vec<NewRun> = Vec::new();
        for one in of_it {
            if !runs.iter().any(|run| run.automation_id == one.loaded.row.id) {
                runs.push(NewRun {
                    id: RunId::new(now),
                    automation_id: one.loaded.row.id,
                    version: one.loaded.row.version,
                });
            }
        }
        let made = Made {
            kind: on::SCHEDULE_DUE.into(),
            payload: json!({
                "schedule": first.id, "cron": first.schedule.cron, "zone": first.schedule.zone(),
                "due_at": due_at, "missed": missed,
            }),
            ..Made::default()
        };
        let occasion = Occasion {
            workspace_id: first.workspace_id,
            connection_id: first.connection_id,
            occurred_at: due_at,
            key: Some(format!("{}/{}", first.id, due_at.0)),
            runs,
        };
        let (delivery, id) = ([made.delivery(occasion, now)], first.id.clone());
        let is_made = self.db.write(move |tx| {
            inbox::lock(tx, &delivery)?;
            let is_mine = schedules::advance(tx, &id, next_at, following)?;
            if is_mine {
                inbox::take(tx, &delivery)?;
            }
            Ok::<_, Error>(is_mine)
        });
        if is_made.await? {
            self.work_is_there.notify_one();
        }
        Ok(())
    }
}
