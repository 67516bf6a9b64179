//! One call over the line, for somebody who waits: budget, sending, again where that is safe, the look where it is not.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cartlane_catalog::{Effect, Operation, Request, confirm_finds, confirm_request};
use cartlane_model::event::Mode;
use serde_json::Value as Json;
use tokio::time::{Instant, sleep};

use super::{CallError, fault};
use crate::Shared;
use crate::budget::{Class, Leave};
use crate::directory::Target;
use crate::exchange::{Came, Refusal};
use crate::systems::Kind;

/// How often a call is made that may be made again.
const TRIES: u32 = 4;
/// The first wait before another try; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait for GHL's limit: nobody sits before a command for longer.
const PATIENCE: Duration = Duration::from_mins(1);
/// Most effects are there at once.
const FIRST_LOOK: Duration = Duration::from_millis(100);

impl Shared {
    /// Makes the one call of an operation that is no composite; the inputs are checked.
    pub(super) async fn ask(
        &self,
        target: &Target,
        class: Class,
        operation: &Operation,
        inputs: &Json,
    ) -> Result<Json, CallError> {
        let request = operation
            .request(inputs, target.line.place())
            .map_err(CallError::Inputs)?;
        let is_unsafe = operation.effect_with(inputs) == Effect::Unsafe;
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let is_last = attempt == TRIES;
            match self.send(target, class, operation, &request, inputs).await? {
                Came::Success(answer) => {
                    target.failures.store(0, Ordering::Relaxed);
                    return Ok(answer);
                }
                Came::Rejected(refusal) if refusal.is_brief() && !is_last => {} // the budget waits
                Came::Rejected(rejection) => return Err(self.refused(target, rejection).await),
                Came::NotSent(why) if is_last => return Err(CallError::NotSent(why)),
                Came::Unclear(why) if is_unsafe => return self.look(target, operation, inputs, why).await,
                Came::Unclear(why) if is_last => return Err(CallError::NoAnswer(why)),
                Came::NotSent(_) | Came::Unclear(_) => {
                    sleep(wait).await;
                    wait *= 2;
                }
            }
        }
        Err(CallError::Inputs(fault("it was not tried")))
    }

    /// Sends once, when the budget allows.
    async fn send(
        &self,
        target: &Target,
        class: Class,
        operation: &Operation,
        request: &Request,
        inputs: &Json,
    ) -> Result<Came, CallError> {
        if let Some(trouble) = target.trouble() {
            return Err(CallError::Paused {
                code: trouble.code,
                reason: trouble.reason,
                since: trouble.since.to_string(),
            });
        }
        let deadline = Instant::now() + PATIENCE;
        let permit = loop {
            if target.line.kind() == Kind::Http {
                break None; // nobody knows what strangers' servers allow
            }
            match self.budgets.acquire(target.id, class).await {
                Leave::Now(permit) => break Some(permit),
                Leave::InMs(in_ms) => {
                    let wait = Duration::from_millis(in_ms.max(0).unsigned_abs());
                    if Instant::now() + wait > deadline {
                        return Err(CallError::NoBudget {
                            in_s: (in_ms + 999) / 1_000,
                        });
                    }
                    sleep(wait).await;
                }
            }
        };
        let exchange = target.send(operation, request, inputs, Mode::Live).await;
        let limited = match &exchange.outcome {
            Came::Rejected(refusal) => refusal.limited(),
            _ => None,
        };
        match (permit, limited) {
            (None, _) => {}
            (Some(permit), Some(wait_ms)) => permit.refused(&exchange.rate, wait_ms),
            (Some(permit), None) => permit.answered(&exchange.rate),
        }
        Ok(exchange.outcome)
    }

    async fn refused(&self, target: &Target, refusal: Refusal) -> CallError {
        if refusal.is_trouble() {
            self.pause(target, refusal.code(), &refusal.advice()).await;
        }
        match refusal {
            Refusal::Ghl(rejection) => CallError::Refused(rejection),
            Refusal::Other(rejection) => CallError::Declined(rejection),
        }
    }

    /// After an unclear outcome of an unsafe call: looks at once, and when it can no longer take effect.
    async fn look(
        &self,
        target: &Target,
        operation: &Operation,
        inputs: &Json,
        why: String,
    ) -> Result<Json, CallError> {
        let operation_id = operation.id.clone();
        let Some((read, asked)) = confirm_request(operation, inputs) else {
            return Err(CallError::Unclear {
                operation: operation_id,
                why,
            });
        };
        let read = super::find(read)?;
        let settle = Duration::from_millis(self.limits.settle_ms.max(0).unsigned_abs());
        for wait in [FIRST_LOOK, settle] {
            sleep(wait).await;
            let answer = match Box::pin(self.ask(target, Class::Hand, read, &asked)).await {
                Ok(answer) => answer,
                Err(error) if error.is_not_found() => continue,
                Err(error) => {
                    return Err(CallError::LookFailed {
                        operation: operation_id,
                        why,
                        look: Box::new(error),
                    });
                }
            };
            if let Some(found) = confirm_finds(operation, inputs, &answer) {
                return Ok(found);
            }
        }
        Err(CallError::Absent {
            operation: operation_id,
            why,
        })
    }
}
