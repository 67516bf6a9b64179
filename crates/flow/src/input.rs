//! The inputs of a step: data in which texts may hold expressions.
//!
//! ```yaml
//! email: "{{ event.person.email }}"              # one expression: keeps its type
//! tags: ["buyer", "{{ event.mode }}"]            # lists and maps are evaluated inside
//! body: "Order {{ event.order_id }} came in"     # a text around expressions becomes a text
//! ```
//!
//! What comes to nothing (none, or an empty text that was not typed so) is left out, so that it overwrites nothing.

use minijinja::{Environment, Value};
use serde_json::Value as Json;

use crate::expression::{Expression, FUNCTIONS, check_expression, check_uses, explain, explain_with_line};
use crate::fields::{self, Type};
use crate::parse::Findings;
use crate::uses::Uses;
use crate::{paths, syntax};

/// One input, compiled. A template is kept in its document's environment, by its path.
#[derive(Debug)]
pub(crate) enum Input {
    Fixed(Json),
    Expression { path: String, expression: Expression },
    Template { path: String },
    List(Vec<Input>),
    Map(Vec<(String, Input)>),
}

/// What an automation's texts are compiled into.
pub(crate) struct Compiler<'a> {
    pub environment: &'a mut Environment<'static>,
    pub findings: &'a mut Findings,
    /// The names read so far, each with the path that reads it.
    pub reads: Vec<(String, String)>,
    /// All names that were read so far and can be there.
    pub all: Uses,
    /// What `item` is at this point, where that is known: `event.items[]`.
    pub item: Option<String>,
}

impl Compiler<'_> {
    /// The names that were read since the last call and of which `fault` has nothing to say; its faults are noted.
    pub(crate) fn names_read(&mut self, fault: impl Fn(&str) -> Option<String>) -> Uses {
        let mut uses = Uses::default();
        let mut reads = std::mem::take(&mut self.reads);
        reads.sort_unstable();
        for (path, name) in reads {
            match fault(&name) {
                Some(fault) => self.findings.push(path, fault),
                None if name.contains("[]") => {} // what is read of it is the whole list, which is a name, too
                None => {
                    uses.add(&name);
                    self.all.add(&name);
                }
            }
        }
        uses
    }

    /// What the field at `path` holds at this point, where that is known.
    pub(crate) fn type_of(&self, path: &str) -> Option<Type> {
        let (root, rest) = path.split_at(path.find('.')?);
        match (root, &self.item) {
            ("awaited", _) => fields::type_of(&format!("event{rest}")),
            ("item", Some(item)) => fields::type_of(&format!("{item}{rest}")),
            _ => fields::type_of(path),
        }
    }

    /// Compiles an expression; a fault is noted and gives `None`.
    pub(crate) fn expression(&mut self, path: &str, source: &str) -> Option<Expression> {
        match Expression::compile(source) {
            Ok(expression) => {
                check_expression(&expression.source, path, self.findings);
                let names = expression.reads().chain(paths::in_expression(source));
                self.reads.extend(names.map(|name| (path.to_owned(), name)));
                Some(expression)
            }
            Err(error) => {
                self.fault(path, &error);
                None
            }
        }
    }

    /// Compiles an expression, written bare or in `{{ }}`.
    pub(crate) fn bare_expression(&mut self, path: &str, source: &str) -> Option<Expression> {
        self.expression(path, bare(source))
    }

    /// Compiles the field of a comparison: none where it is not there.
    pub(crate) fn field(&mut self, path: &str, source: &str) -> Option<Expression> {
        let source = bare(source);
        self.expression(path, source)?;
        Expression::compile(&format!("({source}) | default(none)")).ok()
    }

    /// Compiles an input; what has a fault is noted and becomes a fixed nothing.
    pub(crate) fn input(&mut self, path: &str, value: &Json) -> Input {
        match value {
            Json::String(text) => self.text(path, text),
            Json::Array(items) => {
                let item = |(index, item)| self.input(&format!("{path}[{index}]"), item);
                Input::List(items.iter().enumerate().map(item).collect())
            }
            Json::Object(fields) => Input::Map(self.fields(path, fields)),
            other => Input::Fixed(other.clone()),
        }
    }

    /// Compiles the fields of a map.
    pub(crate) fn fields(
        &mut self,
        path: &str,
        fields: &serde_json::Map<String, Json>,
    ) -> Vec<(String, Input)> {
        let field =
            |(name, value): (&String, &Json)| (name.clone(), self.input(&format!("{path}.{name}"), value));
        fields.iter().map(field).collect()
    }

    fn text(&mut self, path: &str, text: &str) -> Input {
        if !is_template(text) {
            return Input::Fixed(Json::String(text.to_owned()));
        }
        // `{{ a }} and {{ b }}` begins and ends like one expression, but what is between is none.
        if let Some(source) = inner(text)
            && (!source.contains("}}") || Expression::compile(source).is_ok())
        {
            return match self.expression(path, source) {
                Some(expression) => Input::Expression {
                    path: path.to_owned(),
                    expression,
                },
                None => Input::Fixed(Json::Null),
            };
        }
        self.template(path, text)
    }

    fn template(&mut self, path: &str, text: &str) -> Input {
        if let Err(error) = self
            .environment
            .add_template_owned(path.to_owned(), text.to_owned())
        {
            self.fault(path, &error);
            return Input::Fixed(Json::Null);
        }
        check_uses(syntax::in_template(text), path, self.findings);
        if let Ok(template) = self.environment.get_template(path) {
            let names = template.undeclared_variables(true).into_iter();
            let names = names.chain(paths::in_template(text));
            self.reads.extend(names.map(|name| (path.to_owned(), name)));
        }
        Input::Template {
            path: path.to_owned(),
        }
    }

    fn fault(&mut self, path: &str, error: &minijinja::Error) {
        let line = error.line().and_then(|line| u64::try_from(line).ok());
        self.findings.push_at(path, line, explain(error));
    }
}

fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// Whether any text in it holds an expression.
pub(crate) fn has_expression(value: &Json) -> bool {
    match value {
        Json::String(text) => is_template(text),
        Json::Array(items) => items.iter().any(has_expression),
        Json::Object(fields) => fields.values().any(has_expression),
        _ => false,
    }
}

/// An expression that was written bare or in `{{ }}`.
pub(crate) fn bare(source: &str) -> &str {
    inner(source).unwrap_or(source)
}

/// What stands in a text that is `{{ … }}` from end to end; may be no expression.
pub(crate) fn inner(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    Some(inner.strip_suffix(['-', '+']).unwrap_or(inner).trim())
}

/// Where an input could not be evaluated, and why.
pub(crate) struct InputFault {
    pub path: String,
    pub message: String,
}

impl Input {
    /// Its value, or `None` where it comes to nothing.
    pub(crate) fn evaluate(
        &self,
        environment: &Environment,
        root: &Value,
    ) -> Result<Option<Json>, InputFault> {
        match self {
            Self::Fixed(Json::Null) => Ok(None),
            Self::Fixed(value) => Ok(Some(value.clone())),
            Self::Expression { path, expression } => {
                let fault = |message| InputFault {
                    path: path.clone(),
                    message,
                };
                let value = expression.evaluate(root).map_err(fault)?;
                let json = serde_json::to_value(&value);
                let json = json.map_err(|error| fault(format!("its result is no data: {error}")))?;
                Ok(Some(json).filter(|json| !is_nothing(json)))
            }
            Self::Template { path } => {
                let rendered = environment
                    .get_template(path)
                    .and_then(|template| template.render(root));
                let text = rendered.map_err(|error| InputFault {
                    path: path.clone(),
                    message: explain_with_line(&error),
                })?;
                Ok((!text.is_empty()).then_some(Json::String(text)))
            }
            Self::List(items) => {
                let values = items.iter().map(|item| item.evaluate(environment, root));
                let values: Result<Vec<Option<Json>>, InputFault> = values.collect();
                Ok(Some(values?.into_iter().flatten().collect()))
            }
            Self::Map(fields) => {
                evaluate_fields(fields, environment, root).map(|map| Some(Json::Object(map)))
            }
        }
    }

    /// As much of its value as `root` tells, which has the names `known` and no others: what reads others is left out.
    pub(crate) fn known(&self, environment: &Environment, root: &Value, known: &[&str]) -> Option<Json> {
        let is_known = |name: &str| {
            let first = name.split('.').next().unwrap_or(name);
            known.contains(&first) || FUNCTIONS.contains(&first)
        };
        let reads_known = match self {
            Self::List(items) => {
                let values = items.iter().map(|item| item.known(environment, root, known));
                return Some(values.flatten().collect());
            }
            Self::Map(fields) => {
                let value = |(name, field): &(String, Self)| {
                    Some((name.clone(), field.known(environment, root, known)?))
                };
                return Some(Json::Object(fields.iter().filter_map(value).collect()));
            }
            Self::Fixed(_) => true,
            Self::Expression { expression, .. } => expression.reads().all(|name| is_known(&name)),
            Self::Template { path } => {
                let template = environment.get_template(path).ok()?;
                let names = template.undeclared_variables(true);
                names.iter().all(|name| is_known(name))
            }
        };
        let value = reads_known.then(|| self.evaluate(environment, root));
        value?.ok().flatten()
    }
}

/// The values of `fields`, without those that come to nothing.
pub(crate) fn evaluate_fields(
    fields: &[(String, Input)],
    environment: &Environment,
    root: &Value,
) -> Result<serde_json::Map<String, Json>, InputFault> {
    let mut map = serde_json::Map::new();
    for (name, input) in fields {
        if let Some(value) = input.evaluate(environment, root)? {
            map.insert(name.clone(), value);
        }
    }
    Ok(map)
}

fn is_nothing(value: &Json) -> bool {
    value.is_null() || value.as_str() == Some("")
}
