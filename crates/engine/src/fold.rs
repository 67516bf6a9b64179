//! What an automation would do with an event: a fold of [`flow::advance`] over answers that come from elsewhere (read now,
//! recorded then, or made up). Nothing is done and nothing is written down.

use cartlane_catalog::Catalog;
use cartlane_flow::{self as flow, Compiled, Next, StepRecord};
use cartlane_model::{AutomationId, Event};
use cartlane_store::journal::{Step, StepState};
use serde_json::{Value as Json, json};

use crate::guesses::Guesses;

/// Why a step is left open whose expressions read what nobody knows.
pub(crate) const DEPENDS: &str = "what it comes to depends on an answer";

/// An automation and an event, with all else that decides what it does.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub compiled: &'a Compiled,
    pub event: &'a Event,
    pub settings: &'a Json,
    /// What is known about the contact, where the automation reads that.
    pub history: Option<&'a flow::History>,
    /// Whose references the steps write.
    pub automation: AutomationId,
}

/// A call that would be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// The step, as it stands in the journal.
    pub step: String,
    pub operation: String,
    pub inputs: Json,
    /// The connection that the step names.
    pub connection: Option<String>,
}

/// How it ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ending {
    /// All steps are done or left out.
    Done,
    /// Its condition does not hold, for this reason.
    NotApplicable(String),
    /// A `stop` ended it, for this reason.
    Ended(String),
    /// A step failed.
    Stopped(String),
    /// An expression has a fault.
    Fault(flow::Fault),
    /// Whoever folds has no more answers.
    Unfinished,
}

impl Ending {
    /// For people, and for programs.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Done => json!("done"),
            Self::NotApplicable(reason) => json!({"skipped": reason}),
            Self::Ended(reason) => json!({"stopped": reason}),
            Self::Stopped(step) => json!({"stopped_at": step}),
            Self::Fault(fault) => json!({"fault": fault.to_string()}),
            Self::Unfinished => json!("unfinished"),
        }
    }
}

/// What became then of steps that needed no call.
#[derive(Clone, Copy, Default)]
pub(crate) struct Recorded<'a> {
    pub steps: &'a [Step],
    /// Whether it decides as then, too, and not only waits for what came then.
    pub decides: bool,
}

impl Recorded<'_> {
    fn output(&self, id: &str) -> Option<Json> {
        let done = |step: &&Step| step.step_id == id && step.state == StepState::Done;
        self.steps.iter().find(done).map(|step| step.output.clone())
    }

    /// How a wait for these kinds of event ended.
    fn end_of_wait(&self, id: &str, kinds: &[String]) -> Option<Json> {
        let fits = |output: &Json| match output["event"]["kind"].as_str() {
            Some(came) => kinds.iter().any(|kind| kind == flow::wait::ANY || kind == came),
            None => output["timed_out"].is_boolean(),
        };
        self.output(id).filter(fits)
    }

    fn decision(&self, id: &str) -> Option<Json> {
        self.output(id).filter(|_| self.decides)
    }
}

/// A fold that is under way.
pub(crate) struct Fold<'a> {
    given: Given<'a>,
    journal: flow::Journal,
    /// Each step in its order, for people.
    pub told: Vec<Json>,
    /// Steps of which nobody knows what they would come to, since they read made-up answers.
    pub open: Vec<String>,
    guesses: Guesses,
    recorded: Recorded<'a>,
    ending: Option<Ending>,
}

impl<'a> Fold<'a> {
    pub fn new(given: Given<'a>) -> Self {
        Self {
            given,
            journal: Vec::new(),
            told: Vec::new(),
            open: Vec::new(),
            guesses: Guesses::default(),
            recorded: Recorded::default(),
            ending: None,
        }
    }

    /// A fold that goes on behind what a journal has.
    pub fn resumed(given: Given<'a>, journal: flow::Journal) -> Self {
        Self {
            journal,
            ..Self::new(given)
        }
    }

    /// A fold in which what needs no call ends as it did.
    pub fn of_recorded(given: Given<'a>, recorded: Recorded<'a>) -> Self {
        Self {
            recorded,
            ..Self::new(given)
        }
    }

    /// The steps so far.
    pub fn journal(&self) -> &flow::Journal {
        &self.journal
    }

    /// The next call, to be answered with [`Fold::answer`]; `None` at the end.
    pub fn next_call(&mut self) -> Option<Call> {
        let (event, automation) = (self.given.event, self.given.automation);
        let reference = |step: &str| crate::reference::reference(event.id, automation, step);
        while self.ending.is_none() {
            let scope = flow::Scope {
                event,
                steps: &self.journal,
                reference: &reference,
                settings: self.given.settings,
                contact: self.given.history,
            };
            let next = flow::advance(self.given.compiled, &scope);
            let (step, told, record) = match next {
                Ok(Next::Call {
                    step,
                    operation,
                    inputs,
                    connection,
                    ..
                }) => {
                    return Some(Call {
                        step,
                        operation,
                        inputs,
                        connection,
                    });
                }
                Ok(Next::Note { step, output }) => {
                    let output = self.recorded.decision(&step).unwrap_or(output);
                    (step, json!({"decides": output}), StepRecord::Done { output })
                }
                Ok(Next::Wait {
                    step,
                    lasts_ms,
                    until,
                    kinds,
                }) => {
                    let mut told = json!({"waits": {"ms": lasts_ms, "until": until, "for": kinds}});
                    let past = self.recorded.end_of_wait(&step, &kinds);
                    let output = past.unwrap_or_else(|| {
                        if !kinds.is_empty() {
                            self.guesses.add(&step);
                        }
                        json!({"timed_out": !kinds.is_empty(), "event": null})
                    });
                    if output["event"].is_object() {
                        told["ended_by"] = output["event"]["kind"].clone();
                    }
                    (step, told, StepRecord::Done { output })
                }
                Ok(Next::Skip { step, reason }) => {
                    (step, json!({"skipped": reason}), StepRecord::Skipped { reason })
                }
                Err(fault) if self.is_open(&fault) => {
                    let step = fault.step.unwrap_or_default();
                    self.guesses.add(&step);
                    self.open.push(step.clone());
                    let reason = DEPENDS.to_owned();
                    (
                        step,
                        json!({"unknown": fault.message}),
                        StepRecord::Skipped { reason },
                    )
                }
                ended => {
                    self.ending = Some(match ended {
                        Ok(Next::NotApplicable { reason }) => Ending::NotApplicable(reason),
                        Ok(Next::Ended { reason, .. }) => Ending::Ended(reason),
                        Ok(Next::Stopped { step }) => Ending::Stopped(step),
                        Ok(_) => Ending::Done,
                        Err(fault) => Ending::Fault(fault),
                    });
                    break;
                }
            };
            self.tell(&step, told, None);
            self.journal.push((step, record));
        }
        None
    }

    /// What came of a call; `more` is told beside it.
    pub fn answer(&mut self, call: Call, record: StepRecord, more: &Json) {
        let operation = Catalog::builtin().get(&call.operation);
        let title = operation.map(|operation| operation.title.clone());
        let mut told = json!({"operation": call.operation, "title": title, "inputs": call.inputs});
        if let Some(connection) = call.connection {
            told["connection"] = connection.into();
        }
        for (name, value) in more.as_object().into_iter().flatten() {
            told[name] = value.clone();
        }
        self.tell(&call.step, told, Some(&call.inputs));
        self.journal.push((call.step, record));
    }

    /// As [`Fold::answer`], of an answer that is no more than a guess.
    pub fn guess(&mut self, call: Call, record: StepRecord, more: &Json) {
        let step = call.step.clone();
        self.answer(call, record, more);
        self.guesses.add(&step);
    }

    /// Whether a call, or its inputs, hang on an answer that nobody has.
    pub fn is_guess(&mut self, call: &Call) -> bool {
        let document = self.given.compiled.document();
        !self
            .guesses
            .behind(document, &call.step, Some(&call.inputs))
            .is_empty()
    }

    /// Goes on with an answer of which only the form is known.
    pub fn make_up(&mut self, call: Call) {
        let operation = Catalog::builtin().get(&call.operation);
        let output = operation.map_or(Json::Null, crate::plan::answer);
        self.guess(call, StepRecord::Done { output }, &Json::Null);
    }

    /// Whether a fault may come from an answer that was made up.
    fn is_open(&self, fault: &flow::Fault) -> bool {
        let place = fault.path.rsplit_once("].").map_or("", |(_, place)| place);
        let step = fault.step.as_deref().filter(|_| !self.guesses.is_empty());
        step.is_some_and(|step| self.given.compiled.document().reads_answers(step, place))
    }

    /// Nobody can say what comes next.
    pub fn give_up(&mut self) {
        self.ending = Some(Ending::Unfinished);
    }

    /// What the rules come to, for people; null where it has none.
    pub fn rules(&self) -> Json {
        let (event, automation) = (self.given.event, self.given.automation);
        let scope = flow::Scope {
            event,
            steps: &self.journal,
            reference: &|step| crate::reference::reference(event.id, automation, step),
            settings: self.given.settings,
            contact: self.given.history,
        };
        rules(self.given.compiled, &scope)
    }

    /// How it ended.
    pub fn ending(&self) -> &Ending {
        self.ending.as_ref().unwrap_or(&Ending::Unfinished)
    }

    fn tell(&mut self, step: &str, mut told: Json, inputs: Option<&Json>) {
        let behind = self.guesses.behind(self.given.compiled.document(), step, inputs);
        if !behind.is_empty() {
            told["depends_on"] = json!(behind);
            if !self.open.iter().any(|known| known == step) {
                self.open.push(step.to_owned());
            }
        }
        let mut named = json!({"step": step});
        if let (Some(named), Some(told)) = (named.as_object_mut(), told.as_object_mut()) {
            named.append(told);
        }
        self.told.push(named);
    }
}

/// What the rules of an automation come to, for people; null where it has none.
pub(crate) fn rules(compiled: &Compiled, scope: &flow::Scope<'_>) -> Json {
    match compiled.outcomes(scope) {
        Some(Ok(outcomes)) => json!(outcomes),
        Some(Err(fault)) => json!({"fault": fault.to_string()}),
        None => Json::Null,
    }
}
