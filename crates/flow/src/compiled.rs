//! A document made ready: its expressions compiled once, to be evaluated many times.

use cartlane_model::Problems;
use minijinja::{Environment, Value};

use crate::advance::Fault;
use crate::document::Document;
use crate::expression::{Expression, FUNCTIONS, environment};
use crate::input::{Compiler, Input, InputFault};
use crate::names;
use crate::parse::{Findings, Places};
use crate::rules::{self, Outcomes, Ready};
use crate::scope::Scope;
use crate::tables;
use crate::uses::{Uses, data};

/// A document with its expressions compiled. Share one (in an `Arc`) for all runs of an automation version.
#[derive(Debug)]
pub struct Compiled {
    document: Document,
    pub(crate) when: Option<Expression>,
    pub(crate) steps: Vec<CompiledStep>,
    /// The environment with this document's templates, by path.
    pub(crate) environment: Environment<'static>,
    /// What the automation's own condition reads.
    pub(crate) uses: Uses,
    /// What any of its texts reads.
    all: Uses,
    /// The rules table.
    rules: Option<Ready>,
    /// The lookup tables.
    tables: Value,
}

#[derive(Debug)]
pub(crate) struct CompiledStep {
    pub id: String,
    pub operation: String,
    pub when: Option<Expression>,
    pub with: Vec<(String, Input)>,
    /// What its condition and inputs read.
    pub uses: Uses,
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
            all: parts.all,
        })
    }

    /// Whether any expression reads the name `root`, such as `contact`.
    pub fn reads(&self, root: &str) -> bool {
        self.all.child(root).is_some()
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

    /// The names that the engine sees while it works for `step`; only those that are read.
    pub(crate) fn root(
        &self,
        scope: &Scope<'_>,
        uses: &Uses,
        step: &str,
        ids: impl Iterator<Item = impl AsRef<str>>,
    ) -> Result<Value, InputFault> {
        let mut names = scope.names(uses, step, ids);
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
    when: Option<Expression>,
    steps: Vec<CompiledStep>,
    environment: Environment<'static>,
    uses: Uses,
    all: Uses,
    rules: Option<Ready>,
}

/// Compiles every expression and notes every fault: syntax, filters, and names that cannot be there.
pub(crate) fn compile(document: &Document, findings: &mut Findings) -> Parts {
    let mut environment = environment().clone();
    let ids: Vec<&str> = document.steps.iter().map(|step| step.id.as_str()).collect();
    let mut compiler = Compiler {
        environment: &mut environment,
        findings,
        reads: Vec::new(),
        all: Uses::default(),
    };

    let when = compiler.condition("when", document.when.as_deref());
    let uses = compiler.names_read(|name| name_fault(document, name, &[], &ids));
    let rules = rules::compile(document.rules.as_ref(), &mut compiler);
    let mut steps = Vec::new();
    for (index, step) in document.steps.iter().enumerate() {
        let path = format!("steps[{index}]");
        let mut ready = CompiledStep {
            id: step.id.clone(),
            operation: step.operation.clone(),
            when: compiler.condition(&format!("{path}.when"), step.when.as_deref()),
            with: compiler.fields(&format!("{path}.with"), &step.with),
            uses: Uses::default(),
        };
        ready.uses = compiler.names_read(|name| name_fault(document, name, &ids[..index], &ids[index..]));
        steps.push(ready);
    }
    let all = compiler.all;
    Parts {
        when,
        steps,
        environment,
        uses,
        all,
        rules,
    }
}

/// What is wrong with reading `name` where the steps `earlier` have run and `later` have not.
fn name_fault(document: &Document, name: &str, earlier: &[&str], later: &[&str]) -> Option<String> {
    match name.split('.').next() {
        Some("rules") => rules::fault(document.rules.as_ref(), name),
        Some("tables") => tables::fault(&document.tables, name),
        _ => names::fault(name, earlier, later, &FUNCTIONS),
    }
}
