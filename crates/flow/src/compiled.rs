//! A document made ready: its expressions compiled once, to be evaluated many times.

use std::collections::{BTreeSet, HashMap};

use cartlane_model::Problems;
use minijinja::{Environment, Value};
use serde_json::Value as Json;

use crate::condition;
use crate::document::{Action, Call, Case, Document, ForEach, OnError, OnUnclear, Step, Wait};
use crate::expression::{Expression, FUNCTIONS, environment};
use crate::input::{Compiler, Input, InputFault, bare, inner};
use crate::names::{self, Output, Visible};
use crate::next::Fault;
use crate::parse::{Findings, Places};
use crate::rules::{self, Outcomes, Ready};
use crate::scope::{Around, Scope};
use crate::uses::{Uses, data};
use crate::{paths, tables, wait};

/// A document with its expressions compiled. Share one (in an `Arc`) for all runs of an automation version.
#[derive(Debug)]
pub struct Compiled {
    document: Document,
    pub(crate) when: Option<condition::Compiled>,
    pub(crate) steps: Vec<CompiledStep>,
    /// The environment with this document's templates, by path.
    pub(crate) environment: Environment<'static>,
    /// What the automation's own condition reads.
    pub(crate) uses: Uses,
    /// The ids of all steps, which expressions may name whether or not they have run.
    pub(crate) ids: BTreeSet<String>,
    /// What any of its texts reads.
    pub(crate) reads: Uses,
    /// The rules table.
    pub(crate) rules: Option<Ready>,
    /// The lookup tables.
    pub(crate) tables: Value,
}

#[derive(Debug)]
pub(crate) struct CompiledStep {
    pub id: String,
    /// Where it stands: `steps[1].branch[0].steps[2]`.
    pub path: String,
    pub when: Option<condition::Compiled>,
    pub action: CompiledAction,
    /// What its condition and inputs read.
    pub uses: Uses,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a hundred at most, made once")]
pub(crate) enum CompiledAction {
    Call {
        operation: String,
        connection: Option<String>,
        on_unclear: OnUnclear,
        with: Vec<(String, Input)>,
        on_error: CompiledOnError,
    },
    Branch {
        cases: Vec<(condition::Compiled, Vec<CompiledStep>)>,
        otherwise: Vec<CompiledStep>,
    },
    ForEach {
        list: Option<Expression>,
        at_most: usize,
        steps: Vec<CompiledStep>,
    },
    Wait {
        lasts_ms: Option<i64>,
        until: Option<Input>,
        kinds: Vec<String>,
        when: Option<condition::Compiled>,
        /// What its `when` reads.
        uses: Uses,
    },
    Set(Vec<(String, Input)>),
    Stop(Input),
}

#[derive(Debug)]
pub(crate) enum CompiledOnError {
    Stop,
    /// Goes on, after these steps.
    Go(Vec<CompiledStep>),
}

impl Compiled {
    /// Compiles a document; the error holds every expression that has a fault, by its path.
    ///
    /// A document that came from [`Document::from_yaml`] or [`Document::from_json`] compiles.
    pub fn new(document: Document) -> Result<Self, Problems> {
        let mut findings = Findings::default();
        let parts = compile(&document, &mut findings);
        Places::default().problems(findings).into_result(())?;
        let tables = data(&document.tables);
        Ok(Self {
            document,
            rules: parts.rules,
            tables,
            when: parts.when,
            steps: parts.steps,
            environment: parts.environment,
            uses: parts.uses,
            ids: parts.ids,
            reads: parts.reads,
        })
    }

    /// Whether any expression reads the name `root`, such as `contact`.
    pub fn reads(&self, root: &str) -> bool {
        self.reads.child(root).is_some()
    }

    /// The dotted paths below `event.payload` that expressions read.
    pub fn payload_reads(&self) -> Vec<String> {
        let event = self.reads.child("event");
        let payload = event.and_then(|event| event.child("payload"));
        payload.map(Uses::paths).unwrap_or_default()
    }

    /// What its rules come to for the scope's event; `None` where it has none.
    pub fn outcomes(&self, scope: &Scope<'_>) -> Option<Result<Outcomes, Fault>> {
        let decided = self
            .rules
            .as_ref()?
            .decide(&self.environment, &self.tables, scope);
        Some(decided.map_err(|fault| Fault {
            step: None,
            path: fault.path,
            message: fault.message,
        }))
    }

    /// The names that the engine sees where an expression stands; only those that are read.
    pub(crate) fn root(
        &self,
        scope: &Scope<'_>,
        uses: &Uses,
        around: &Around<'_>,
    ) -> Result<Value, InputFault> {
        let mut names = scope.names(uses, around);
        if uses.child("tables").is_some() {
            names.insert("tables", self.tables.clone());
        }
        if let (Some(_), Some(rules)) = (uses.child("rules"), &self.rules) {
            let outcomes = rules.decide(&self.environment, &self.tables, scope)?;
            names.insert("rules", rules.value(&outcomes));
        }
        Ok(Value::from_pairs(names))
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }
}

/// What a document's texts compile into.
pub(crate) struct Parts {
    when: Option<condition::Compiled>,
    steps: Vec<CompiledStep>,
    environment: Environment<'static>,
    uses: Uses,
    ids: BTreeSet<String>,
    reads: Uses,
    rules: Option<Ready>,
}

/// Compiles every expression and notes every fault: syntax, filters, and names that cannot be there.
pub(crate) fn compile(document: &Document, findings: &mut Findings) -> Parts {
    let mut environment = environment().clone();
    let all = document.all_steps();
    let ids: BTreeSet<String> = all.iter().map(|step| step.id.clone()).collect();
    let mut walk = Walk {
        compiler: Compiler {
            environment: &mut environment,
            findings,
            reads: Vec::new(),
            all: Uses::default(),
            item: None,
        },
        document,
        earlier: Vec::new(),
        outputs: HashMap::new(),
        all: all.iter().map(|step| step.id.as_str()).collect(),
        depth: 0,
    };
    let when = document.when.as_ref();
    let when = when.map(|when| walk.compiler.condition("when", when));
    let uses = walk.check_names(false);
    let rules = rules::compile(document.rules.as_ref(), &mut walk.compiler);
    let steps = walk.steps("steps", &document.steps);
    let reads = walk.compiler.all;
    Parts {
        when,
        steps,
        environment,
        uses,
        ids,
        reads,
        rules,
    }
}

/// What is wrong with reading `name` where `visible` is all that can be seen.
fn name_fault(document: &Document, name: &str, visible: &Visible<'_>) -> Option<String> {
    match name.split('.').next() {
        _ if name.contains("[]") => names::fault(name, visible),
        Some("rules") => rules::fault(document.rules.as_ref(), name),
        Some("tables") => tables::fault(&document.tables, name),
        _ => names::fault(name, visible),
    }
}

/// Goes through the steps in the order of the text.
struct Walk<'d, 'e> {
    compiler: Compiler<'e>,
    document: &'d Document,
    /// The steps that may have run at this point, and that nobody loops over.
    earlier: Vec<&'d str>,
    all: Vec<&'d str>,
    /// The outputs of steps whose names are known.
    outputs: HashMap<&'d str, Output<'d>>,
    /// How many loops are around this point.
    depth: usize,
}

impl<'d> Walk<'d, '_> {
    fn steps(&mut self, path: &str, steps: &'d [Step]) -> Vec<CompiledStep> {
        let compile = |(index, step)| self.step(format!("{path}[{index}]"), step);
        steps.iter().enumerate().map(compile).collect()
    }

    fn step(&mut self, path: String, step: &'d Step) -> CompiledStep {
        let when = step.when.as_ref();
        let when = when.map(|when| self.compiler.condition(&format!("{path}.when"), when));
        let (action, uses) = self.action(&path, step);
        CompiledStep {
            id: step.id.clone(),
            path,
            when,
            action,
            uses,
        }
    }

    /// The action, and what the step itself reads: steps within it have uses of their own.
    fn action(&mut self, path: &str, step: &'d Step) -> (CompiledAction, Uses) {
        match &step.action {
            Action::Call(call) => self.call(path, step, call),
            Action::Branch(branch) => {
                let compile = |(index, case): (usize, &Case)| {
                    let path = format!("{path}.branch[{index}].when");
                    self.compiler.condition(&path, &case.when)
                };
                let conditions: Vec<_> = branch.branch.iter().enumerate().map(compile).collect();
                let uses = self.begun(step);
                let mut cases = Vec::new();
                for (index, (condition, case)) in conditions.into_iter().zip(&branch.branch).enumerate() {
                    let steps = self.steps(&format!("{path}.branch[{index}].steps"), &case.steps);
                    cases.push((condition, steps));
                }
                let otherwise = self.steps(&format!("{path}.else"), &branch.otherwise);
                (CompiledAction::Branch { cases, otherwise }, uses)
            }
            Action::ForEach(each) => self.for_each(path, step, each),
            Action::Wait { wait } => self.wait(path, step, wait),
            Action::Set { set } => {
                let set = self.compiler.fields(&format!("{path}.set"), set);
                (CompiledAction::Set(set), self.begun(step))
            }
            Action::Stop { stop } => {
                let why = self
                    .compiler
                    .input(&format!("{path}.stop"), &stop.as_str().into());
                (CompiledAction::Stop(why), self.begun(step))
            }
        }
    }

    fn call(&mut self, path: &str, step: &'d Step, call: &'d Call) -> (CompiledAction, Uses) {
        let with = self.compiler.fields(&format!("{path}.with"), &call.with);
        let uses = self.begun(step);
        let on_error = match &call.on_error {
            OnError::Stop => CompiledOnError::Stop,
            OnError::Continue => CompiledOnError::Go(Vec::new()),
            OnError::Steps(steps) => CompiledOnError::Go(self.steps(&format!("{path}.on_error"), steps)),
        };
        let action = CompiledAction::Call {
            operation: call.operation.clone(),
            connection: call.connection.clone(),
            on_unclear: call.on_unclear,
            with,
            on_error,
        };
        (action, uses)
    }

    fn for_each(&mut self, path: &str, step: &'d Step, each: &'d ForEach) -> (CompiledAction, Uses) {
        let list = self
            .compiler
            .bare_expression(&format!("{path}.for_each"), &each.for_each);
        let uses = self.begun(step);
        let before = self.earlier.len();
        let item = self.meant(bare(&each.for_each)).map(|list| format!("{list}[]"));
        let around = std::mem::replace(&mut self.compiler.item, item);
        self.depth += 1;
        let steps = self.steps(&format!("{path}.steps"), &each.steps);
        self.depth -= 1;
        self.compiler.item = around;
        self.earlier.truncate(before); // each round has its own, so that none is there afterwards
        let action = CompiledAction::ForEach {
            list,
            at_most: each.at_most as usize,
            steps,
        };
        (action, uses)
    }

    fn wait(&mut self, path: &str, step: &'d Step, wait: &'d Wait) -> (CompiledAction, Uses) {
        let until = wait.until.as_ref();
        let until = until.map(|until| {
            self.compiler
                .input(&format!("{path}.wait.until"), &until.as_str().into())
        });
        let own = self.check_names(false);
        let when = wait.when.as_ref();
        let when = when.map(|when| self.compiler.condition(&format!("{path}.wait.when"), when));
        let uses = self.check_names(true);
        self.seen(step);
        // A condition alone is looked at anew with each event of the contact.
        let kinds = match (wait.event.as_slice(), &wait.when) {
            ([], Some(_)) => vec![wait::ANY.to_owned()],
            (kinds, _) => kinds.to_vec(),
        };
        let action = CompiledAction::Wait {
            lasts_ms: wait.lasts.as_deref().and_then(wait::milliseconds),
            until,
            kinds,
            when,
            uses,
        };
        (action, own)
    }

    /// What a step reads before anything within it; from here on it may be read itself.
    fn begun(&mut self, step: &'d Step) -> Uses {
        let uses = self.check_names(false);
        self.seen(step);
        uses
    }

    /// From here on the step may be read.
    fn seen(&mut self, step: &'d Step) {
        self.earlier.push(&step.id);
        let output = match &step.action {
            Action::Call(_) => return, // what it answers is known in a run only
            Action::Branch(_) => vec![("taken", None), ("not_taken", None)],
            Action::ForEach(each) => vec![("items", self.meant(bare(&each.for_each))), ("count", None)],
            Action::Wait { .. } => vec![
                ("timed_out", None),
                ("event", Some("facts".to_owned())),
                ("event_id", None),
            ],
            Action::Set { set } => {
                let meant = |value: &Json| self.meant(inner(value.as_str()?)?);
                set.iter()
                    .map(|(name, value)| (name.as_str(), meant(value)))
                    .collect()
            }
            Action::Stop { .. } => vec![("reason", None)],
        };
        self.outputs.insert(&step.id, output);
    }

    /// The path of the event or the contact that an expression stands for, if it is one and nothing else.
    fn meant(&self, source: &str) -> Option<String> {
        let visible = Visible {
            outputs: Some(&self.outputs),
            item: self.compiler.item.as_deref(),
            ..Visible::default()
        };
        let path = paths::named(source)?;
        visible.meant(&path.split('.').collect::<Vec<_>>())
    }

    /// Checks the names that were read since the last call, and gives those that can be there.
    fn check_names(&mut self, is_awaited: bool) -> Uses {
        let item = self.compiler.item.clone();
        let visible = Visible {
            earlier: &self.earlier,
            all: &self.all,
            outputs: Some(&self.outputs),
            functions: &FUNCTIONS,
            in_loop: self.depth > 0,
            item: item.as_deref(),
            is_awaited,
        };
        self.compiler
            .names_read(|name| name_fault(self.document, name, &visible))
    }
}
