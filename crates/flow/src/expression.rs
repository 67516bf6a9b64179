//! The one environment in which all expressions are evaluated, and what its errors mean to people.
//!
//! Strict: a name that is not there is an error, not an empty text. Bounded: an evaluation has [`FUEL`] units of work
//! (an instruction each, or 64 bytes made), then it is stopped. Closed: no clock, no files, no other documents.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use crate::filters;
use crate::names::{self, nearest};
use crate::parse::Findings;
use crate::scope::Absent;
use crate::syntax::{self, Use};

/// How much work one evaluation may do: instructions, or 64 bytes of data each. A note on an order of a hundred items
/// takes about a thirtieth.
pub const FUEL: u64 = 100_000;

/// Makes an undefined result an error that names what is undefined. Not for people to write.
const RESULT: &str = "_result";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true); // errors name what is undefined
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(format);
    environment.remove_global("debug");
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    filters::register(&mut environment);
    environment.add_filter(RESULT, result);
    environment
});

/// What is not known prints as nothing.
fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if Absent::is_nothing(value) {
        return Ok(());
    }
    minijinja::escape_formatter(out, state, value)
}

fn result(state: &mut State, value: &Value) -> Result<Value, Error> {
    filters::present(state, value).map(|present| present.unwrap_or_else(|| Value::from(())))
}

/// The environment, for a document that adds its templates to a copy.
pub(crate) fn environment() -> &'static Environment<'static> {
    &ENVIRONMENT
}

/// A compiled expression: what stands between `{{` and `}}`, or after `when:`.
#[derive(Debug)]
pub(crate) struct Expression {
    compiled: minijinja::Expression<'static, 'static>,
    /// As it was written.
    pub source: String,
}

impl Expression {
    /// Compiles `source`, which an error has not run yet.
    pub(crate) fn compile(source: &str) -> Result<Self, Error> {
        let source = source.trim();
        ENVIRONMENT.compile_expression(source)?; // alone first, so that it cannot close the bracket below
        let compiled = ENVIRONMENT.compile_expression_owned(format!("({source}) | {RESULT}"))?;
        Ok(Self {
            compiled,
            source: source.to_owned(),
        })
    }

    /// Its value; none where it has none.
    pub(crate) fn evaluate(&self, root: &Value) -> Result<Value, String> {
        self.compiled
            .eval(root.clone())
            .map_err(|error| explain_with_line(&error))
    }

    /// The names that it reads: `event.person.email`.
    pub(crate) fn reads(&self) -> impl Iterator<Item = String> {
        self.compiled.undeclared_variables(true).into_iter()
    }
}

/// Notes filters and tests that do not exist.
pub(crate) fn check_uses(uses: impl IntoIterator<Item = Use>, path: &str, findings: &mut Findings) {
    let mut state = ENVIRONMENT.empty_state();
    for used in uses {
        let (kind, name, known) = match &used {
            Use::Filter(name) => ("filter", name, &filters::NAMES[..]),
            Use::Test(name) => ("test", name, &filters::TESTS[..]),
        };
        if state.perform_test(kind, &[Value::from(name)]).unwrap_or(true) {
            continue;
        }
        let message = match nearest(name, known.iter().copied()) {
            Some(near) => format!("there is no {kind} `{name}`; did you mean `{near}`?"),
            None => format!("there is no {kind} `{name}`"),
        };
        findings.push(path, message);
    }
}

/// The functions that an expression can call.
pub(crate) const FUNCTIONS: [&str; 4] = ["lookup", "range", "dict", "namespace"];

/// Notes the filters and tests of an expression that do not exist.
pub(crate) fn check_expression(source: &str, path: &str, findings: &mut Findings) {
    check_uses(syntax::in_expression(source), path, findings);
}

/// An error of the engine as a sentence for people.
pub(crate) fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::OutOfFuel => {
            format!(
                "stopped: it does more than {FUEL} units of work; look for a loop or `range` that runs away"
            )
        }
        ErrorKind::UndefinedError => undefined(detail),
        ErrorKind::SyntaxError => format!("not a valid expression: {detail}"),
        kind if detail.is_empty() => kind.to_string(),
        ErrorKind::InvalidOperation => detail.to_owned(),
        kind => format!("{kind}: {detail}"),
    }
}

/// The same, with the line where the text has several.
pub(crate) fn explain_with_line(error: &Error) -> String {
    let message = explain(error);
    in_line(message, error.line().and_then(|line| u64::try_from(line).ok()))
}

/// `message`, and in which line of the text it is so, unless that is the first.
pub(crate) fn in_line(message: String, line: Option<u64>) -> String {
    match line {
        Some(line) if line > 1 => format!("{message} (in line {line} of the text)"),
        _ => message,
    }
}

/// `detail` holds what is undefined in back-quotes.
fn undefined(detail: &str) -> String {
    let name = detail.split('`').nth(1).unwrap_or_default();
    if name.is_empty() {
        return "a value is not there; write `| default(…)` where it may be missing".to_owned();
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let known = names::PERSON
        .iter()
        .chain(&names::ITEM)
        .chain(&names::MONEY)
        .chain(&names::EVENT);
    let is_open = ["payload", "steps", "settings"]
        .iter()
        .any(|open| name.contains(open));
    let near = nearest(last, known.copied()).filter(|near| !is_open && *near != last);
    let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? Otherwise "));
    format!("`{name}` is not there; {hint}write `{name} | default(none)` where it may be missing")
}
