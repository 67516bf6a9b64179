//! The filters and functions that expressions have beside those of minijinja.
//!
//! One rule for all of them: what is none goes through as none, so that `{{ event.person.phone | e164(…) }}` is simply
//! left out where there is no phone. Each is described with examples in [`functions`](crate::functions).

mod date;
mod list;
mod money;
mod phone;
mod text;

use minijinja::value::{Rest, Value};
use minijinja::{Environment, Error, ErrorKind, State, filters as builtin};

use crate::scope::Absent;

/// The names of all filters, to find the one that someone meant.
pub const NAMES: [&str; 75] = [
    "abs",
    "add_days",
    "add_hours",
    "add_months",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "compact",
    "compare",
    "contains",
    "contains_any",
    "count",
    "d",
    "date",
    "days_until",
    "decimal",
    "default",
    "dictsort",
    "e164",
    "first",
    "first_name",
    "float",
    "format",
    "groupby",
    "hash",
    "indent",
    "int",
    "item_names",
    "items",
    "join",
    "last",
    "last_name",
    "length",
    "lines",
    "list",
    "lookup",
    "lower",
    "map",
    "max",
    "min",
    "minus",
    "money",
    "parse_date",
    "percent",
    "phone_country",
    "plus",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sha256",
    "shorten",
    "slice",
    "sort",
    "split",
    "start_of_day",
    "string",
    "sum",
    "tag",
    "tags",
    "title",
    "to_money",
    "tojson",
    "trim",
    "unescape",
    "unique",
    "upper",
    "urlencode",
    "weekday",
    "without",
];

/// The names of the tests that people write as words.
pub const TESTS: [&str; 25] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
];

/// Adds all filters and functions of this module.
pub(crate) fn register(environment: &mut Environment<'static>) {
    register_more(environment);
    environment.add_filter("money", money::money);
    environment.add_filter("decimal", money::decimal);
    environment.add_filter("e164", phone::e164);
    environment.add_filter("date", date::date);
    environment.add_filter("tag", text::tag);
    environment.add_filter("unescape", text::unescape);
    environment.add_filter("hash", text::hash);
    environment.add_filter("first_name", text::first_name);
    environment.add_filter("last_name", text::last_name);
    environment.add_filter("lines", list::lines);
    environment.add_filter("item_names", list::item_names);
    environment.add_filter("lookup", list::lookup);
    environment.add_function("lookup", list::lookup);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    for (name, original) in [
        ("capitalize", Value::from_function(builtin::capitalize)),
        ("lower", Value::from_function(builtin::lower)),
        ("replace", Value::from_function(builtin::replace)),
        ("string", Value::from_function(builtin::string)),
        ("title", Value::from_function(builtin::title)),
        ("trim", Value::from_function(builtin::trim)),
        ("upper", Value::from_function(builtin::upper)),
    ] {
        environment.add_filter(
            name,
            move |state: &mut State, value: &Value, args: Rest<Value>| {
                let Some(value) = present(state, value)? else {
                    return Ok(Value::from(()));
                };
                let args: Vec<Value> = std::iter::once(value).chain(args.0).collect();
                original.call(state, &args)
            },
        );
    }
}

fn register_more(environment: &mut Environment<'static>) {
    environment.add_filter("add_days", date::add_days);
    environment.add_filter("add_hours", date::add_hours);
    environment.add_filter("add_months", date::add_months);
    environment.add_filter("days_until", date::days_until);
    environment.add_filter("parse_date", date::parse_date);
    environment.add_filter("start_of_day", date::start_of_day);
    environment.add_filter("weekday", date::weekday);
    environment.add_filter("compact", list::compact);
    environment.add_filter("contains", list::contains);
    environment.add_filter("contains_any", list::contains_any);
    environment.add_filter("without", list::without);
    environment.add_filter("compare", money::compare);
    environment.add_filter("minus", money::minus);
    environment.add_filter("percent", money::percent);
    environment.add_filter("plus", money::plus);
    environment.add_filter("to_money", money::to_money);
    environment.add_filter("phone_country", phone::phone_country);
    environment.add_filter("shorten", text::shorten);
    environment.add_filter("tags", text::tags);
    environment.add_filter("sha256", text::hash);
}

/// The value, or `None` where it stands for nothing; an error where it is a name that is not there.
pub(crate) fn present(state: &mut State, value: &Value) -> Result<Option<Value>, Error> {
    if !value.is_undefined() {
        return Ok((!Absent::is_nothing(value)).then(|| value.clone()));
    }
    // `x if condition` without an else is undefined too, but of the kind that is allowed to be used.
    let is_allowed = state.apply_filter("list", std::slice::from_ref(value)).is_ok();
    // Reading an attribute is what makes the error that knows which name it was.
    if is_allowed {
        Ok(None)
    } else {
        value.get_attr("").map(Some)
    }
}

/// A text, or `None` where there is none; numbers are taken as their digits.
fn text(state: &mut State, value: &Value) -> Result<Option<String>, Error> {
    Ok(present(state, value)?.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}

/// What `filter` says where it is used on something it is not made for.
fn misused(filter: &str, wanted: &str, value: &Value) -> Error {
    let message = format!("`{filter}` works on {wanted}, and was given a {}", value.kind());
    Error::new(ErrorKind::InvalidOperation, message)
}

/// `value | default(other)`: `other` where the value is missing or none; with `true` also where it is false or empty.
///
/// `Rest`, since an `Option` can't tell `default(none)` from `default()`, which is the empty text.
fn default(value: &Value, Rest(arguments): Rest<Value>) -> Result<Value, Error> {
    if arguments.len() > 2 {
        return Err(ErrorKind::TooManyArguments.into());
    }
    let is_lax = arguments.get(1).is_some_and(Value::is_true);
    let is_missing = value.is_undefined() || Absent::is_nothing(value) || (is_lax && !value.is_true());
    Ok(if is_missing {
        let other = arguments.into_iter().next();
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value.clone()
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use minijinja::value::{Serde, Value};
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use crate::expression::Expression;

    /// Evaluates `source` with some values named.
    pub(crate) fn evaluate(source: &str) -> Result<Json, String> {
        let root = Value::from(Serde(json!({
            "none_at_all": null,
            "payload": {"a": 1},
            "price": {"minor": 1499, "currency": "USD"},
            "items": [
                {"type": "product", "id": "12", "name": "Plan Pro"},
                {"type": "upsell", "id": "2", "name": null},
            ],
        })));
        let expression =
            Expression::compile(source).map_err(|error| crate::expression::explain_with_line(&error))?;
        expression
            .evaluate(&root)
            .map(|value| serde_json::to_value(value).unwrap())
    }

    #[rstest]
    #[case("price | money", json!("14.99 USD"))]
    #[case("1499 | money", json!("14.99"))]
    #[case("'1499' | money('EUR')", json!("14.99 EUR"))]
    #[case("price | decimal", json!("14.99"))]
    #[case("'0812 3456 7890' | e164('ID')", json!("+6281234567890"))]
    #[case("'006281234567890' | e164(none)", json!("+6281234567890"))]
    #[case("'(415) 555-2671' | e164('us')", json!("+14155552671"))]
    #[case("'14155552671' | e164('US')", json!("+14155552671"))]
    #[case("'0812 3456 7890' | e164(none)", json!(null))]
    #[case("'12' | e164('US')", json!(null))]
    #[case("1731109699000 | date", json!("2024-11-08"))]
    #[case("1731109699000 | date('%d %b %Y %H:%M', zone='Europe/Berlin')", json!("09 Nov 2024 00:48"))]
    #[case("'2024-11-08T23:48:19+00:00' | date('%Y')", json!("2024"))]
    #[case("'  Plan   Pro\n' | tag", json!("Plan Pro"))]
    #[case("'Plan Pro' | tag('purchased: ')", json!("purchased: Plan Pro"))]
    #[case("('ä' * 200) | tag | length", json!(100))]
    #[case("'  ' | tag('purchased: ')", json!(null))]
    #[case("'Alpha &amp; Omega &#39;24' | unescape", json!("Alpha & Omega '24"))]
    #[case("'abc' | hash", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))]
    #[case("'Alex van  Example' | first_name", json!("Alex"))]
    #[case("'Alex van  Example' | last_name", json!("van Example"))]
    #[case("'Alex' | last_name", json!(null))]
    #[case("['a', none, '', 'b'] | lines", json!("a\nb"))]
    #[case("items | item_names", json!(["Plan Pro", "upsell-2"]))]
    #[case("lookup({'a': 1}, 'a')", json!(1))]
    #[case("{'a': 1} | lookup('b', 'other')", json!("other"))]
    #[case("lookup({'a': 1}, none)", json!(null))]
    #[case("payload.b | default('x')", json!("x"))]
    #[case("payload.b | default(none)", json!(null))]
    #[case("payload.b | default", json!(""))]
    #[case("none_at_all | default('x')", json!("x"))]
    #[case("'' | default('x', true)", json!("x"))]
    #[case("items | map(attribute='type') | join('+')", json!("product+upsell"))]
    #[case("items | selectattr('name') | list | length", json!(1))]
    #[case("['a', 'b', 'a'] | unique", json!(["a", "b"]))]
    #[case("'a' if none_at_all", json!(null))]
    fn filters_do_what_the_manual_says(#[case] source: &str, #[case] result: Json) {
        assert_eq!(evaluate(source), Ok(result), "{source}");
    }

    #[test]
    fn none_goes_through_every_filter_as_none() {
        let filters = "compact contains('a') contains_any(['a']) without('a') plus(1) minus(1) percent(1) compare(1) \
                       to_money('EUR') phone_country shorten(3) tags sha256 add_days(1) add_months(1) add_hours(1) \
                       weekday days_until(0) start_of_day parse_date('%Y') money decimal e164('US') date tag unescape hash first_name last_name lines item_names lower \
                       upper trim title capitalize replace('a','b') string";
        for filter in filters.split_whitespace() {
            assert_eq!(
                evaluate(&format!("none_at_all | {filter}")),
                Ok(Json::Null),
                "{filter}"
            );
        }
    }

    #[rstest]
    #[case("payload.b | money", "`payload.b` is not there")]
    #[case("payload.b", "write `payload.b | default(none)`")]
    #[case("payload.b == 1", "`payload.b` is not there")]
    #[case("items[0].nam", "did you mean `name`?")]
    #[case("'x' | date", "`date` works on")]
    #[case("0 | date(zone='Europe/Atlantis')", "no time zone `Europe/Atlantis`")]
    #[case("0 | date('%Q%')", "not a format")]
    #[case("items | money", "`money` works on")]
    #[case("5 | lines", "`lines` works on a list")]
    #[case(
        "price | plus({'minor': 1, 'currency': 'EUR'})",
        "`plus` works on one currency, and was given 14.99 USD and 0.01 EUR"
    )]
    #[case("'x' | parse_date('%Q%')", "not a format")]
    #[case("0 | add_days(99999999)", "`add_days` leaves the calendar")]
    #[case("0 | weekday(zon='UTC')", "zon")]
    #[case("range(10000) | map('string') | join(',') * 100000", "units of work")]
    fn what_cannot_be_done_says_why(#[case] source: &str, #[case] part: &str) {
        let message = evaluate(source).unwrap_err();
        assert!(message.contains(part), "{source}: {message}");
    }

    #[test]
    fn every_name_that_is_suggested_exists() {
        use crate::expression::environment;
        let mut state = environment().empty_state();
        let mut exists = |kind: &str, name: &str| state.perform_test(kind, &[name.into()]).unwrap();
        for name in super::NAMES {
            assert!(exists("filter", name), "{name}");
        }
        for name in super::TESTS {
            assert!(exists("test", name), "{name}");
        }
    }
}
