//! One turn of a run: from where its journal stands, step by step, until it is over or has to wait.

use std::sync::Arc;

use cartlane_catalog::Catalog;
use cartlane_flow::{self as flow, Compiled, Next, OnUnclear, StepRecord};
use cartlane_model::event::Mode;
use cartlane_model::{AutomationId, ConnectionId, ContactId, Event, EventId, RunId, UnixMs};
use cartlane_store::contacts::Link;
use cartlane_store::journal::{Call, Step, StepState};
use cartlane_store::lanes::Lane;
use cartlane_store::runs::{End, Reason, Work};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use crate::Shared;
use crate::ahead::Ahead;
use crate::directory::Target;
use crate::fold::{self, Given};
use crate::knowledge::Knowledge;
use crate::reference::reference;
use crate::systems::Kind;
use crate::waits::{Asked, Waited};
use crate::worker::Ending;

/// Something to write with the end of a turn, or before the next unsafe call.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Call(Box<Call>),
    Step {
        key: (EventId, AutomationId, RunId),
        place: i64,
        step: Step,
    },
    /// Steps that have to be done anew.
    Forget {
        key: (EventId, AutomationId),
        steps: Vec<String>,
    },
    Link {
        contact: ContactId,
        connection: ConnectionId,
        link: Link,
    },
    Unlink {
        contact: ContactId,
        connection: ConnectionId,
    },
    State {
        contact: ContactId,
        connection: ConnectionId,
        key: String,
        occurred_at: UnixMs,
    },
}

/// What a turn came to.
#[derive(Debug)]
pub(crate) struct Turn {
    pub writes: Vec<Write>,
    pub warnings: Vec<String>,
    pub ending: Ending,
}

impl Turn {
    pub fn stopping() -> Self {
        Self {
            writes: Vec::new(),
            warnings: Vec::new(),
            ending: Ending::Wait {
                in_ms: 0,
                reason: None,
            },
        }
    }

    pub fn wait_for_other_lane() -> Self {
        Self {
            writes: Vec::new(),
            warnings: Vec::new(),
            ending: Ending::Wait {
                in_ms: 500,
                reason: None,
            },
        }
    }
}

/// A run at work.
pub(crate) struct Run<'a> {
    pub shared: &'a Shared,
    pub lane: &'a Arc<Lane>,
    pub work: &'a Work,
    pub shutdown: &'a CancellationToken,
    pub writes: Vec<Write>,
    pub warnings: Vec<String>,
    /// What the answers of this lane's runs have told.
    pub knowledge: &'a mut Knowledge,
    /// What the runs that wait behind will add, once that was looked at.
    pub waiting: Option<Ahead>,
    /// Whether GHL has not refused a call for many contacts in this turn.
    pub tries_bulk: bool,
}

/// A step at work.
pub(crate) struct StepAtWork<'s> {
    pub id: &'s str,
    pub target: &'s Target,
    /// Which of the step's calls comes next.
    pub part: i64,
    /// What to do when nobody can tell whether a call took effect.
    pub on_unclear: OnUnclear,
    /// Whether the event was of the checkout's test mode: ThriveCart keeps both apart.
    pub mode: Mode,
    /// What the steps right behind it will add to the same contact.
    pub ahead: Ahead,
}

pub(crate) fn failed(code: &str, message: impl Into<String>) -> Ending {
    over(End::Failed, code, message)
}

fn over(end: End, code: &str, message: impl Into<String>) -> Ending {
    let reason = Reason {
        code: code.into(),
        message: message.into(),
    };
    Ending::Over(end, Some(reason))
}

impl<'a> Run<'a> {
    pub fn of(
        shared: &'a Shared,
        lane: &'a Arc<Lane>,
        work: &'a Work,
        shutdown: &'a CancellationToken,
        knowledge: &'a mut Knowledge,
    ) -> Self {
        knowledge.begin_turn(work.number, work.newest);
        Self {
            shared,
            lane,
            work,
            shutdown,
            writes: Vec::new(),
            warnings: work.warnings.clone(),
            knowledge,
            waiting: None,
            tries_bulk: true,
        }
    }

    /// Works until the run is over or has to wait.
    pub async fn turn(mut self) -> Turn {
        let ending = match self.go().await {
            Ok(ending) | Err(ending) => ending,
        };
        Turn {
            writes: self.writes,
            warnings: self.warnings,
            ending,
        }
    }

    async fn go(&mut self) -> Result<Ending, Ending> {
        let ready = self.shared.ready(self.work).await?;
        let given = ready.given();
        let (compiled, event) = (&*ready.compiled, &ready.event);
        let mut journal: flow::Journal = self.work.steps.iter().map(record_of).collect();
        let automation = self.work.automation_id;
        let reference = |step: &str| reference(event.id, automation, step);
        loop {
            if self.shutdown.is_cancelled() {
                return Ok(Ending::Wait {
                    in_ms: 0,
                    reason: None,
                });
            }
            let scope = flow::Scope {
                event,
                steps: &journal,
                reference: &reference,
                settings: given.settings,
                contact: given.history,
            };
            let next = flow::advance(compiled, &scope);
            if matches!(next, Ok(Next::Done | Next::Ended { .. })) {
                self.warnings.extend(disagreements(compiled, &scope));
            }
            match next.map_err(|fault| failed("automation.fault", fault.to_string()))? {
                Next::Done => return Ok(Ending::Over(End::Done, None)),
                Next::NotApplicable { reason } => {
                    return Ok(over(End::Skipped, "automation.condition", reason));
                }
                Next::Stopped { step } => {
                    return Ok(failed("automation.stopped", format!("step `{step}` has failed")));
                }
                Next::Ended { reason, .. } => return Ok(over(End::Done, "automation.stop", reason)),
                Next::Skip { step, reason } => self.end_step(&mut journal, skipped(&step, &reason)),
                Next::Note { step, output } => self.end_step(&mut journal, done(&step, output)),
                Next::Wait {
                    step,
                    lasts_ms,
                    until,
                    kinds,
                } => {
                    let asked = Asked {
                        step,
                        lasts_ms,
                        until,
                        kinds,
                    };
                    match self.wait(compiled, &scope, asked).await? {
                        Waited::Over(step) => self.end_step(&mut journal, step),
                        Waited::Goes(step, wait) => {
                            self.end_step(&mut journal, step);
                            return Ok(Ending::Park(wait));
                        }
                    }
                }
                Next::Call {
                    step,
                    operation,
                    inputs,
                    connection,
                    on_unclear,
                    goes_on,
                } => {
                    let call = fold::Call {
                        step,
                        operation,
                        inputs,
                        connection,
                    };
                    let (step, ended) = self.make(&given, &journal, call, on_unclear).await;
                    let ended = match ended {
                        Err(ending) if goes_on => self.go_on(&step, ending)?,
                        ended => ended?,
                    };
                    let is_another = self.forget_the_former(&step, &ended.output);
                    self.end_step(&mut journal, ended);
                    if is_another {
                        return Ok(Ending::Wait {
                            in_ms: 0,
                            reason: None,
                        });
                    }
                }
            }
        }
    }

    /// Does a step that is a call. Its name, and what it has come to.
    async fn make(
        &mut self,
        given: &Given<'_>,
        journal: &flow::Journal,
        call: fold::Call,
        on_unclear: OnUnclear,
    ) -> (String, Result<Step, Ending>) {
        let step = call.step.clone();
        let made = async {
            let document = given.compiled.document();
            let named = call.connection.as_deref().or(document.connection.as_deref());
            let target = self.target(&step, &call.operation, named, given.event)?;
            let mut at_work = StepAtWork {
                id: &step,
                target: &target,
                part: 0,
                on_unclear,
                mode: given.event.facts.mode.unwrap_or(Mode::Live),
                ahead: self.ahead(given, journal, &target, &call).await?,
            };
            self.in_bulk(given, journal, &mut at_work, &call).await?;
            self.step(at_work, given.event, &call.operation, call.inputs)
                .await
        };
        let made = made.await;
        (step, made)
    }

    /// The connection that a step's operation goes to.
    fn target(
        &self,
        step: &str,
        operation: &str,
        named: Option<&str>,
        event: &Event,
    ) -> Result<Arc<Target>, Ending> {
        let operation = Catalog::builtin().get(operation).ok_or_else(|| {
            let message = format!("step `{step}`: there is no operation `{operation}`");
            failed("automation.operation", message)
        })?;
        let kind = Kind::of(operation);
        let directory = self.shared.directory();
        let target = directory.target_of(kind, named, event.connection_id);
        target.ok_or_else(|| {
            let message = format!("step `{step}`: there is {}", directory.missing(kind, named));
            failed("automation.no_connection", message)
        })
    }

    /// What a step has come to that failed, where its `on_error` lets the run go on.
    fn go_on(&mut self, step: &str, ending: Ending) -> Result<Step, Ending> {
        let reason = match ending {
            Ending::Over(End::Failed, Some(reason)) => reason,
            Ending::Retry { in_ms, reason } if self.work.held_ms + in_ms > self.shared.limits.hold_ms => {
                reason
            }
            ending => return Err(ending),
        };
        let why = format!("{}: {}", reason.code, reason.message);
        self.warnings
            .push(format!("{step} has failed, and the run goes on: {why}"));
        Ok(Step {
            step_id: step.to_owned(),
            state: StepState::Failed,
            output: Json::Null,
            reason: Some(why),
        })
    }

    fn end_step(&mut self, journal: &mut flow::Journal, step: Step) {
        let key = (self.work.event.id, self.work.automation_id, self.work.run_id);
        journal.retain(|(known, _)| *known != step.step_id); // one that waited is over
        journal.push(record_of(&step));
        let place = i64::try_from(journal.len()).unwrap_or(i64::MAX);
        self.writes.push(Write::Step { key, place, step });
    }
}

/// Where the rows of its rules disagreed.
fn disagreements(compiled: &Compiled, scope: &flow::Scope<'_>) -> Vec<String> {
    let decided = compiled.reads("rules").then(|| compiled.outcomes(scope));
    let outcomes = decided.flatten().and_then(Result::ok);
    outcomes.map(|outcomes| outcomes.warnings).unwrap_or_default()
}

fn record_of(step: &Step) -> (String, StepRecord) {
    let record = match step.state {
        StepState::Done => StepRecord::Done {
            output: step.output.clone(),
        },
        StepState::Skipped => StepRecord::Skipped {
            reason: step.reason.clone().unwrap_or_default(),
        },
        StepState::Failed => StepRecord::Failed {
            message: step.reason.clone().unwrap_or_default(),
        },
        StepState::Waiting => StepRecord::Waiting {
            output: step.output.clone(),
        },
    };
    (step.step_id.clone(), record)
}

/// A step that needed no call.
pub(crate) fn done(step: &str, output: Json) -> Step {
    Step {
        step_id: step.to_owned(),
        state: StepState::Done,
        output,
        reason: None,
    }
}

pub(crate) fn skipped(step: &str, reason: &str) -> Step {
    Step {
        step_id: step.to_owned(),
        state: StepState::Skipped,
        output: Json::Null,
        reason: Some(reason.to_owned()),
    }
}
