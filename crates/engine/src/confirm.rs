//! After an unclear outcome: the look whether a call took effect, and what becomes of it when nobody can tell.

use cartlane_catalog::{Catalog, Operation, confirm_finds, confirm_request};
use cartlane_flow::OnUnclear;
use cartlane_ghl::composite::{Answer, Done};
use cartlane_model::CallId;
use cartlane_store::journal::{Call, Outcome};
use cartlane_store::runs::End;
use serde_json::Value as Json;
use tokio::time::{Duration, Instant};

use crate::call::reason;
use crate::exchange::Came;
use crate::resume::answer_from_json;
use crate::run::{Run, StepAtWork};
use crate::worker::Ending;

/// The first look after an unclear outcome comes this soon: most effects are there at once.
const FIRST_LOOK: Duration = Duration::from_millis(100);

impl Run<'_> {
    /// Right after an unclear outcome.
    pub async fn look(&mut self, step: &StepAtWork<'_>, mut call: Call) -> Result<Done, Ending> {
        call.outcome = Outcome::Unclear;
        self.writes.push(crate::run::Write::Call(Box::new(call.clone())));
        self.shared.saw_unclear(call.id, self.shared.limits.settle_ms);
        #[cfg(feature = "break")]
        if self.shared.broken == Some(crate::Broken::NoConfirm) {
            self.keep(call, Outcome::Absent, None);
            return Err(Ending::Retry {
                in_ms: 0,
                reason: reason("broken", "sent again without a look"),
            });
        }
        tokio::time::sleep(FIRST_LOOK).await;
        match self.confirm(step, call).await? {
            Some(done) => Ok(done),
            None => Err(Ending::Retry {
                in_ms: 0,
                reason: reason("call.absent", "it had not taken effect"),
            }),
        }
    }

    /// Looks whether an unclear call took effect. `None` when it did not and can no longer: it may be sent again.
    pub async fn confirm(&mut self, step: &StepAtWork<'_>, mut call: Call) -> Result<Option<Done>, Ending> {
        let operation = Catalog::builtin()
            .get(&call.operation)
            .ok_or_else(|| Self::failed(step, format!("there is no operation `{}`", call.operation)))?;
        let inputs = call.request["inputs"].clone();
        let Some((read, read_inputs)) = confirm_request(operation, &inputs) else {
            return self.nobody_knows(step, call, operation, inputs);
        };
        let limits = &self.shared.limits;
        let settled_at = self
            .shared
            .saw_unclear(call.id, limits.request_timeout_ms + limits.settle_ms);
        let looked_at = Instant::now();
        let found = self
            .look_for(step, operation, &inputs, (read, &read_inputs))
            .await?;
        call.finished_at = Some(self.shared.clock.now());
        if let Some(answer) = found {
            call.response = Some(answer.clone());
            self.keep(call, Outcome::Confirmed, None);
            return Ok(Some(Done {
                operation: operation.id.clone(),
                inputs,
                answer: Answer::Ok(answer),
            }));
        }
        if looked_at < settled_at {
            let in_ms = i64::try_from((settled_at - looked_at).as_millis()).unwrap_or(i64::MAX) + 1;
            let seen = call.error.as_deref().unwrap_or("no answer");
            let why = format!("waiting until the request can no longer take effect ({seen})");
            // Counts against the time that a run may hold its lane, since what is refused each time would never end.
            return Err(Ending::Retry {
                in_ms,
                reason: reason("call.unclear", why),
            });
        }
        Ok(self.took_no_effect(call, operation, inputs, None))
    }

    /// It had no effect and can have none any more: a refusal stands, else it may be sent again.
    fn took_no_effect(
        &mut self,
        call: Call,
        operation: &Operation,
        inputs: Json,
        note: Option<String>,
    ) -> Option<Done> {
        self.shared.forget_unclear(call.id);
        let Some(answer) = call.answer.as_ref().and_then(answer_from_json) else {
            self.keep(call, Outcome::Absent, note);
            return None;
        };
        self.keep(call, Outcome::Rejected, None);
        Some(Done {
            operation: operation.id.clone(),
            inputs,
            answer,
        })
    }

    /// What becomes of an unclear call that no read can confirm.
    fn nobody_knows(
        &mut self,
        step: &StepAtWork<'_>,
        mut call: Call,
        operation: &Operation,
        inputs: Json,
    ) -> Result<Option<Done>, Ending> {
        match step.on_unclear {
            OnUnclear::Ask => {
                let message = "it is unclear whether this took effect, and there is no way to look; look there \
                               yourself, then retry the run to send it again";
                let message = format!("step `{}`: {message}", step.id);
                return Err(Ending::Over(End::Failed, Some(reason("call.unclear", message))));
            }
            OnUnclear::Skip => {
                let why = "left out: it is unclear whether this took effect, and there is no way to look \
                           (`on_unclear: skip`)";
                return Err(Ending::LeaveOut(why.into()));
            }
            OnUnclear::Resend => {}
        }
        let limits = &self.shared.limits;
        let settled_at = self
            .shared
            .saw_unclear(call.id, limits.request_timeout_ms + limits.settle_ms);
        let now = Instant::now();
        if now < settled_at {
            // Counts against the time that a run may hold its lane: each time it is sent may be one time too many.
            let in_ms = i64::try_from((settled_at - now).as_millis()).unwrap_or(i64::MAX) + 1;
            let why = "there is no way to look; it is sent again when the request can no longer take effect";
            return Err(Ending::Retry {
                in_ms: in_ms.max(self.backoff_ms()),
                reason: reason("call.unclear", why),
            });
        }
        call.finished_at = Some(self.shared.clock.now());
        let note = "taken as absent, since there is no way to look (`on_unclear: resend`)";
        Ok(self.took_no_effect(call, operation, inputs, Some(note.into())))
    }

    async fn look_for(
        &mut self,
        step: &StepAtWork<'_>,
        operation: &Operation,
        inputs: &Json,
        (read, read_inputs): (&str, &Json),
    ) -> Result<Option<Json>, Ending> {
        let location = step.target.line.place();
        let probe = Catalog::builtin()
            .get(read)
            .ok_or_else(|| Self::failed(step, format!("there is no operation `{read}`")))?;
        let request = probe
            .request(read_inputs, location)
            .map_err(|problems| Self::failed(step, problems))?;
        let call = self.new_call(step, probe, &request, read_inputs);
        let exchange = self.exchange(step, probe, &request, &call, read_inputs).await?;
        match exchange.outcome {
            Came::Success(answer) => Ok(confirm_finds(operation, inputs, &answer)),
            Came::Rejected(refusal) if refusal.is_not_found() => Ok(None),
            Came::Rejected(rejection) => Err(self.refused(step, &rejection).await),
            Came::NotSent(why) | Came::Unclear(why) => Err(self.line_failed(step, &why).await),
        }
    }
}

impl crate::Shared {
    /// When an unclear call can no longer take effect. The first who sees it counts from now; by a clock that nobody
    /// can set.
    fn saw_unclear(&self, call: CallId, settles_in_ms: i64) -> Instant {
        let mut unclear = self
            .unclear
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let settles = Instant::now() + Duration::from_millis(settles_in_ms.unsigned_abs());
        *unclear.entry(call).or_insert(settles)
    }

    fn forget_unclear(&self, call: CallId) {
        self.unclear
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .remove(&call);
    }
}
