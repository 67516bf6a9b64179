//! One call: budget, intent, request, outcome. When the outcome is unclear, [`crate::confirm`] looks whether it took effect.
//!
//! ```text
//! read:        permit ─► send ─► outcome                  (unclear: simply again)
//! idempotent:  permit ─► send ─► outcome                  (unclear: again, when it can no longer be on its way)
//! unsafe:      permit ─► intent on disk ─► send ─► outcome
//!                                             └─ unclear ─► confirm by a read: found ─► as if answered
//!                                                           not found, and it can no longer be on its way ─► again
//! ```

use std::sync::atomic::Ordering;

use cartlane_catalog::{Catalog, Effect, Operation, Request, Run as How, System};
use cartlane_ghl::composite::{Answer, Done};
use cartlane_model::{CallId, UnixMs};
use cartlane_store::journal::{Call, Outcome};
use cartlane_store::runs::{End, Reason};
use cartlane_store::{Error, lanes};
use serde_json::{Value as Json, json};

use crate::budget::{Class, Leave};
use crate::exchange::{Came, Exchange, Refusal};
use crate::resume::{PART_OF_NONE, answer_to_json};
use crate::run::{Run, StepAtWork};
use crate::systems::Kind;
use crate::worker::{Ending, write_all};

/// So many calls in a row that came to nothing pause the connection.
const FAILURES_TO_PAUSE: u32 = 8;
/// The longest answer that is kept in the journal, in bytes of JSON.
const KEPT_ANSWER_BYTES: usize = 64 << 10;

pub(crate) fn reason(code: &str, message: impl Into<String>) -> Reason {
    Reason {
        code: code.into(),
        message: message.into(),
    }
}

impl Run<'_> {
    /// Makes one call of a step.
    ///
    /// It is not sent where an earlier answer tells what would come of it, which is nothing new.
    pub async fn call(
        &mut self,
        step: &mut StepAtWork<'_>,
        id: &str,
        mut inputs: Json,
    ) -> Result<Done, Ending> {
        let operation = Catalog::builtin()
            .get(id)
            .ok_or_else(|| Self::failed(step, format!("there is no operation `{id}`")))?;
        if let Some(answer) = self.knowledge.answer(step.target.id, operation, &inputs) {
            return self.known_already(step, operation, inputs, answer);
        }
        let serves_others = step.ahead.put_into(id, &mut inputs) || step.part == PART_OF_NONE;
        let request = operation
            .request(&inputs, step.target.line.place())
            .map_err(|problems| Self::failed(step, problems))?;
        let mut call = self.new_call(step, operation, &request, &inputs);
        if serves_others {
            let steps = [step.id]
                .into_iter()
                .chain(step.ahead.steps.iter().map(String::as_str));
            call.request["serves"] = steps.collect();
        }
        let exchange = self.exchange(step, operation, &request, &call, &inputs).await?;
        call.finished_at = Some(exchange.finished_at);
        call.http_status = exchange.status.map(i64::from);
        call.trace_id.clone_from(&exchange.trace_id);
        call.response = exchange
            .body
            .filter(|body| body.to_string().len() <= KEPT_ANSWER_BYTES);
        let is_write = operation.effect_with(&inputs) != Effect::Read;
        match &exchange.outcome {
            Came::Success(answer) => self.knowledge.learn(step.target.id, operation, &inputs, answer),
            _ if is_write => self.knowledge.forget_all(),
            _ => {}
        }
        self.came(step, operation, call, exchange.outcome, inputs).await
    }

    /// A call that need not be sent, written down as one that was answered.
    fn known_already(
        &mut self,
        step: &StepAtWork<'_>,
        operation: &Operation,
        inputs: Json,
        answer: Json,
    ) -> Result<Done, Ending> {
        let request = operation
            .request(&inputs, step.target.line.place())
            .map_err(|problems| Self::failed(step, problems))?;
        let mut call = self.new_call(step, operation, &request, &inputs);
        call.finished_at = Some(call.sent_at);
        call.response = Some(answer.clone());
        self.keep(call, Outcome::Known, None);
        Ok(Done {
            operation: operation.id.clone(),
            inputs,
            answer: Answer::Ok(answer),
        })
    }

    pub fn failed(step: &StepAtWork<'_>, message: impl std::fmt::Display) -> Ending {
        let reason = reason("step.failed", format!("step `{}`: {message}", step.id));
        Ending::Over(End::Failed, Some(reason))
    }

    pub fn new_call(
        &self,
        step: &StepAtWork<'_>,
        operation: &Operation,
        request: &Request,
        inputs: &Json,
    ) -> Call {
        let now = self.shared.clock.now();
        let inputs = match operation.system {
            System::Http => &cartlane_notify::without_header_values(inputs),
            _ => inputs,
        };
        Call {
            id: CallId::new(now),
            run_id: self.work.run_id,
            step_id: step.id.to_owned(),
            part: step.part,
            connection_id: step.target.id,
            operation: operation.id.clone(),
            request: json!({"method": request.method, "path": request.path, "inputs": inputs}),
            outcome: Outcome::Intent,
            http_status: None,
            response: None,
            answer: None,
            error: None,
            trace_id: None,
            sent_at: now,
            finished_at: None,
        }
    }

    /// Waits for the budget, writes the intent of an unsafe call, and sends.
    pub async fn exchange(
        &mut self,
        step: &StepAtWork<'_>,
        operation: &Operation,
        request: &Request,
        call: &Call,
        inputs: &Json,
    ) -> Result<Exchange, Ending> {
        let target = step.target;
        let effect = operation.effect_with(inputs);
        if let Some(trouble) = target.trouble() {
            return Err(Ending::WaitFor {
                connection: target.id,
                reason: reason(&trouble.code, trouble.reason),
            });
        }
        if effect == Effect::Idempotent && self.lane.is_taken_over {
            return Err(self.let_dead_nodes_calls_settle());
        }
        let permit = match target.line.kind() {
            // Nobody knows what strangers' servers allow.
            Kind::Http => None,
            _ => match self.shared.budgets.acquire(target.id, Class::Live).await {
                Leave::Now(permit) => Some(permit),
                Leave::InMs(in_ms) => return Err(Ending::Wait { in_ms, reason: None }),
            },
        };
        if effect == Effect::Unsafe {
            self.write_intent(call).await?;
        } else if !self.shared.lease_is_fresh() {
            return Err(Ending::Lost);
        }
        let exchange = target.send(operation, request, inputs, step.mode).await;
        let limited = match &exchange.outcome {
            Came::Rejected(refusal) => refusal.limited(),
            _ => None,
        };
        match (permit, limited) {
            (None, _) => {}
            (Some(permit), Some(wait_ms)) => permit.refused(&exchange.rate, wait_ms),
            (Some(permit), None) => permit.answered(&exchange.rate),
        }
        Ok(exchange)
    }

    /// Everything so far and the intent, in one durable write, while the lane is still ours.
    async fn write_intent(&mut self, call: &Call) -> Result<(), Ending> {
        let lane = std::sync::Arc::clone(self.lane);
        let mut writes = std::mem::take(&mut self.writes);
        writes.push(crate::run::Write::Call(Box::new(call.clone())));
        let written = self
            .shared
            .db
            .write(move |tx| {
                if !lanes::hold(tx, &lane)? {
                    return Ok(false);
                }
                write_all(tx, &writes)?;
                Ok::<_, Error>(true)
            })
            .await;
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(Ending::Lost),
            Err(error) => {
                tracing::warn!(%error, run = %self.work.run_id, "an intent was not stored; nothing was sent");
                Err(Ending::Wait {
                    in_ms: 1_000,
                    reason: None,
                })
            }
        }
    }

    pub fn keep(&mut self, mut call: Call, outcome: Outcome, error: Option<String>) {
        call.outcome = outcome;
        call.error = error;
        self.writes.push(crate::run::Write::Call(Box::new(call)));
    }

    /// What a call came to.
    async fn came(
        &mut self,
        step: &StepAtWork<'_>,
        operation: &Operation,
        mut call: Call,
        came: Came,
        inputs: Json,
    ) -> Result<Done, Ending> {
        let effect = operation.effect_with(&inputs);
        let done = |answer| Done {
            operation: operation.id.clone(),
            inputs,
            answer,
        };
        match came {
            Came::Success(answer) => {
                step.target.failures.store(0, Ordering::Relaxed);
                self.keep(call, Outcome::Ok, None);
                Ok(done(Answer::Ok(answer)))
            }
            Came::NotSent(why) => {
                self.keep(call, Outcome::NotSent, Some(why.clone()));
                Err(self.line_failed(step, &why).await)
            }
            Came::Unclear(why) if effect == Effect::Unsafe => {
                self.shared.count_failure(step.target, &why).await;
                call.error = Some(why);
                self.look(step, call).await
            }
            Came::Unclear(why) => {
                self.keep(call, Outcome::Unclear, Some(why.clone()));
                let ending = self.line_failed(step, &why).await;
                Err(self.after_settling(effect, ending))
            }
            Came::Rejected(rejection) => {
                let answer = rejection.answer();
                call.answer = answer.as_ref().and_then(answer_to_json);
                if creates(operation) && rejection.may_have_created() {
                    call.error = Some(rejection.advice());
                    return self.look(step, call).await;
                }
                self.keep(call, Outcome::Rejected, Some(rejection.advice()));
                match answer {
                    Some(answer) => Ok(done(answer)),
                    None => Err(self.refused(step, &rejection).await),
                }
            }
        }
    }

    /// What a refusal means that no step can go on from.
    pub async fn refused(&mut self, step: &StepAtWork<'_>, rejection: &Refusal) -> Ending {
        let why = reason(rejection.code(), rejection.advice());
        if rejection.is_trouble() {
            self.shared.pause(step.target, &why.code, &why.message).await;
            return Ending::WaitFor {
                connection: step.target.id,
                reason: why,
            };
        }
        if let Some(wait_ms) = rejection.limited() {
            let in_ms = wait_ms.max(self.backoff_ms());
            // A stranger's server has no budget that would wait with it, and may say this for ever.
            return match step.target.line.kind() {
                Kind::Http => Ending::Retry { in_ms, reason: why },
                // The budget waits with it: nobody's fault, so it does not count against the run.
                _ => Ending::Wait {
                    in_ms,
                    reason: Some(why),
                },
            };
        }
        if rejection.is_missing_scope() {
            return Ending::SetAside(why);
        }
        let message = format!("step `{}`: {}", step.id, why.message);
        Ending::Over(End::Failed, Some(Reason { message, ..why }))
    }

    /// A node that died may have sent a write that nothing tells of: what it sent must not land behind ours.
    fn let_dead_nodes_calls_settle(&self) -> Ending {
        let limits = &self.shared.limits;
        let why = "another node died at work here; waiting until a request of its can no longer take effect";
        Ending::Wait {
            in_ms: limits.request_timeout_ms + limits.settle_ms,
            reason: Some(reason("lane.taken_over", why)),
        }
    }

    /// A write that may still be on its way must not land behind a later one of ours: the lane waits for it.
    fn after_settling(&self, effect: Effect, ending: Ending) -> Ending {
        match ending {
            Ending::Retry { in_ms, reason } if effect == Effect::Idempotent => Ending::Retry {
                in_ms: in_ms.max(self.shared.limits.settle_ms),
                reason,
            },
            ending => ending,
        }
    }

    pub async fn line_failed(&self, step: &StepAtWork<'_>, why: &str) -> Ending {
        if self.shared.count_failure(step.target, why).await {
            let reason = reason("connection.unreachable", why);
            return Ending::WaitFor {
                connection: step.target.id,
                reason,
            };
        }
        Ending::Retry {
            in_ms: self.backoff_ms(),
            reason: reason("connection.failed", why),
        }
    }

    /// Exponential, with full jitter.
    pub fn backoff_ms(&self) -> i64 {
        let limits = &self.shared.limits;
        let doublings = u32::try_from(self.work.attempts.clamp(0, 20)).unwrap_or_default();
        let cap = limits
            .backoff_base_ms
            .saturating_mul(1 << doublings)
            .min(limits.backoff_cap_ms);
        rand::random_range(0..=cap.max(1))
    }
}

fn creates(operation: &Operation) -> bool {
    matches!(&operation.run, How::Http(endpoint) if endpoint.creates)
}

impl crate::Shared {
    /// Counts a call that came to nothing; `true` when that pauses the connection.
    async fn count_failure(&self, target: &crate::directory::Target, why: &str) -> bool {
        // One server of many strangers' says nothing about the others.
        let is_known = target.line.kind() != Kind::Http;
        if !is_known || target.failures.fetch_add(1, Ordering::Relaxed) + 1 < FAILURES_TO_PAUSE {
            return false;
        }
        self.pause(target, "connection.unreachable", why).await;
        true
    }

    /// The moment by the injected clock, for records.
    pub(crate) fn now(&self) -> UnixMs {
        self.clock.now()
    }
}
