//! A document made ready: its expressions compiled once, to be evaluated many times.

use cartlane_model::Problems;
use minijinja::Environment;

use crate::document::Document;
use crate::expression::{Expression, FUNCTIONS, environment};
use crate::input::{Compiler, Input};
use crate::names;
use crate::parse::{Findings, Places};
use crate::uses::Uses;

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
        Ok(Self {
            document,
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
    let uses = check_names(&mut compiler, &[], &ids);
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
        ready.uses = check_names(&mut compiler, &ids[..index], &ids[index..]);
        steps.push(ready);
    }
    let all = compiler.all;
    Parts {
        when,
        steps,
        environment,
        uses,
        all,
    }
}

/// Checks the names that were read since the last call, and gives those that can be there.
fn check_names(compiler: &mut Compiler<'_>, earlier: &[&str], later: &[&str]) -> Uses {
    let mut uses = Uses::default();
    let mut reads = std::mem::take(&mut compiler.reads);
    reads.sort_unstable();
    for (path, name) in reads {
        match names::fault(&name, earlier, later, &FUNCTIONS) {
            Some(fault) => compiler.findings.push(path, fault),
            None => {
                uses.add(&name);
                compiler.all.add(&name);
            }
        }
    }
    uses
}
