//! What there is, in the order in which the manual shows it.

use super::{Example, Function};

const MONEY: &str = "Money";
const DATES: &str = "Dates and zones";
const PHONES: &str = "Phones";
const TEXTS: &str = "Names and texts";
const LISTS: &str = "Lists";
const TAGS: &str = "Tags";
const HASHING: &str = "Hashing";
const TABLES: &str = "Lookup tables";
const MISSING: &str = "What is missing";

const fn example(expression: &'static str, result: &'static str) -> Example {
    Example { expression, result }
}

/// All that Cartlane adds or changes, by group; what else minijinja has is in its manual.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "money",
        group: MONEY,
        signature: "money([currency])",
        help: "An amount as people read it. A plain number counts as hundredths.",
        examples: &[
            example("event.amount | money", r#""14.99 USD""#),
            example("event.payload.order.total | money('EUR')", r#""14.99 EUR""#),
        ],
    },
    Function {
        name: "decimal",
        group: MONEY,
        signature: "decimal",
        help: "An amount without its currency, as a text.",
        examples: &[example("event.amount | decimal", r#""14.99""#)],
    },
    Function {
        name: "to_money",
        group: MONEY,
        signature: "to_money(currency)",
        help: "A written amount as money; none where it is no number with up to two decimals.",
        examples: &[
            example(
                "'14,9' | to_money('eur')",
                r#"{"minor": 1490, "currency": "EUR"}"#,
            ),
            example("'about 14' | to_money('EUR')", "null"),
        ],
    },
    Function {
        name: "plus",
        group: MONEY,
        signature: "plus(other)",
        help: "The sum of two amounts. None counts as zero, a plain number as hundredths of the other's currency; two currencies are an error.",
        examples: &[
            example(
                "event.amount | plus(contact.spent.USD) | money",
                r#""514.99 USD""#,
            ),
            example("event.amount | plus(1) | money", r#""15.00 USD""#),
        ],
    },
    Function {
        name: "minus",
        group: MONEY,
        signature: "minus(other)",
        help: "The difference of two amounts.",
        examples: &[example("event.amount | minus(500) | money", r#""9.99 USD""#)],
    },
    Function {
        name: "percent",
        group: MONEY,
        signature: "percent(number)",
        help: "So many hundredths of an amount, rounded to the nearest.",
        examples: &[example("event.amount | percent(10) | money", r#""1.50 USD""#)],
    },
    Function {
        name: "compare",
        group: MONEY,
        signature: "compare(other)",
        help: "-1 where an amount is less than the other, 0 where it is the same, 1 where it is more. Two currencies are an error.",
        examples: &[
            example("event.amount | compare(contact.spent.USD)", "-1"),
            example("event.amount | compare(1000) > 0", "true"),
        ],
    },
    Function {
        name: "date",
        group: DATES,
        signature: "date([format], [zone=…])",
        help: "A moment as people read it: milliseconds since 1970 or an RFC 3339 text. The format is that of strftime, `%Y-%m-%d` where none is given; the zone is UTC.",
        examples: &[
            example("event.occurred_at | date", r#""2024-11-08""#),
            example(
                "event.occurred_at | date('%d %b %Y %H:%M', zone='Europe/Berlin')",
                r#""09 Nov 2024 00:48""#,
            ),
            example("'2024-11-08T23:48:19Z' | date('%A')", r#""Friday""#),
        ],
    },
    Function {
        name: "parse_date",
        group: DATES,
        signature: "parse_date(format, [zone=…])",
        help: "A written date as a moment, milliseconds since 1970; midnight where it has no time. None where the text is no such date.",
        examples: &[
            example("'08.11.2024' | parse_date('%d.%m.%Y')", "1731024000000"),
            example(
                "'08.11.2024 18:30' | parse_date('%d.%m.%Y %H:%M', zone='Europe/Berlin') | date('%H:%M')",
                r#""17:30""#,
            ),
            example("'soon' | parse_date('%d.%m.%Y')", "null"),
        ],
    },
    Function {
        name: "add_days",
        group: DATES,
        signature: "add_days(number, [zone=…])",
        help: "The moment so many days later; earlier, where the number is negative. In a zone the time of day stays, also when its clocks change.",
        examples: &[
            example("event.occurred_at | add_days(30) | date", r#""2024-12-08""#),
            example("event.occurred_at | add_days(-1) | date", r#""2024-11-07""#),
        ],
    },
    Function {
        name: "add_months",
        group: DATES,
        signature: "add_months(number, [zone=…])",
        help: "The moment so many months later; where that month is shorter, its last day.",
        examples: &[example(
            "'2024-01-31T08:00:00Z' | add_months(1) | date",
            r#""2024-02-29""#,
        )],
    },
    Function {
        name: "add_hours",
        group: DATES,
        signature: "add_hours(number, [zone=…])",
        help: "The moment so many hours later.",
        examples: &[example(
            "event.occurred_at | add_hours(2) | date('%d %H:%M')",
            r#""09 01:48""#,
        )],
    },
    Function {
        name: "weekday",
        group: DATES,
        signature: "weekday([zone=…])",
        help: "The day of the week: 1 for Monday up to 7 for Sunday.",
        examples: &[
            example("event.occurred_at | weekday", "5"),
            example("event.occurred_at | weekday(zone='Europe/Berlin') > 5", "true"),
        ],
    },
    Function {
        name: "days_until",
        group: DATES,
        signature: "days_until(other, [zone=…])",
        help: "How many midnights lie between two moments; negative where the other is earlier.",
        examples: &[example(
            "contact.first_order_at | days_until(event.occurred_at)",
            "30",
        )],
    },
    Function {
        name: "start_of_day",
        group: DATES,
        signature: "start_of_day([zone=…])",
        help: "The midnight before a moment.",
        examples: &[example(
            "event.occurred_at | start_of_day(zone='Europe/Berlin') | date('%d %H:%M')",
            r#""08 23:00""#,
        )],
    },
    Function {
        name: "e164",
        group: PHONES,
        signature: "e164(country)",
        help: "A phone number as GoHighLevel takes it. A number that does not say its country is read as dialled in the given one (ISO 3166-1 alpha-2); none where it is no valid number.",
        examples: &[
            example(
                "event.person.phone | e164(event.person.country)",
                r#""+6281234567890""#,
            ),
            example("'(415) 555-2671' | e164('us')", r#""+14155552671""#),
            example("'12' | e164('US')", "null"),
        ],
    },
    Function {
        name: "phone_country",
        group: PHONES,
        signature: "phone_country",
        help: "The country of a number that says it.",
        examples: &[example("'+6281234567890' | phone_country", r#""ID""#)],
    },
    Function {
        name: "first_name",
        group: TEXTS,
        signature: "first_name",
        help: "The first word of a name.",
        examples: &[example("event.person.name | first_name", r#""Alex""#)],
    },
    Function {
        name: "last_name",
        group: TEXTS,
        signature: "last_name",
        help: "All words of a name but the first; none where there is one only.",
        examples: &[
            example("event.person.name | last_name", r#""van Example""#),
            example("'Alex' | last_name", "null"),
        ],
    },
    Function {
        name: "unescape",
        group: TEXTS,
        signature: "unescape",
        help: "A text without HTML's escapes.",
        examples: &[example("'A &amp; B' | unescape", r#""A & B""#)],
    },
    Function {
        name: "shorten",
        group: TEXTS,
        signature: "shorten(number)",
        help: "So many characters of a text at the most, the last of them `…` where some were left out.",
        examples: &[example("'A long sentence' | shorten(8)", r#""A long …""#)],
    },
    Function {
        name: "lines",
        group: LISTS,
        signature: "lines",
        help: "What is there of a list, each on a line of its own.",
        examples: &[example("['a', none, '', 'b'] | lines", r#""a\nb""#)],
    },
    Function {
        name: "item_names",
        group: LISTS,
        signature: "item_names",
        help: "The name of each item, or its key where it has none.",
        examples: &[example("event.items | item_names", r#"["Plan Pro", "upsell-2"]"#)],
    },
    Function {
        name: "compact",
        group: LISTS,
        signature: "compact",
        help: "A list without none and empty texts.",
        examples: &[example("['a', none, '', 'b'] | compact", r#"["a", "b"]"#)],
    },
    Function {
        name: "contains",
        group: LISTS,
        signature: "contains(value)",
        help: "Whether a value is in a list. Texts are compared without regard to case and outer spaces, as tags are.",
        examples: &[
            example("event.payload.tags | contains('member')", "true"),
            example("event.payload.tags | contains('mem')", "false"),
        ],
    },
    Function {
        name: "contains_any",
        group: LISTS,
        signature: "contains_any(list)",
        help: "Whether one of several values is in a list.",
        examples: &[example(
            "event.payload.tags | contains_any(['vip', 'gold'])",
            "true",
        )],
    },
    Function {
        name: "without",
        group: LISTS,
        signature: "without(list)",
        help: "A list less some values (or one).",
        examples: &[example("['a', 'b', 'c'] | without(['B', 'x'])", r#"["a", "c"]"#)],
    },
    Function {
        name: "unique",
        group: LISTS,
        signature: "unique",
        help: "Each value of a list once. Lists are joined with `+`.",
        examples: &[example("(['a'] + ['b', 'a']) | unique", r#"["a", "b"]"#)],
    },
    Function {
        name: "map",
        group: LISTS,
        signature: "map(filter) or map(attribute=…)",
        help: "What a filter makes of each value, or a field of each.",
        examples: &[
            example(
                "event.items | map(attribute='type') | join('+')",
                r#""product+upsell""#,
            ),
            example("['A', 'B'] | map('lower') | list", r#"["a", "b"]"#),
        ],
    },
    Function {
        name: "selectattr",
        group: LISTS,
        signature: "selectattr(attribute, [test, value])",
        help: "The values of which a field is true or fits; `rejectattr` gives the others.",
        examples: &[example(
            "event.items | selectattr('type', 'eq', 'upsell') | list | length",
            "1",
        )],
    },
    Function {
        name: "tag",
        group: TAGS,
        signature: "tag([prefix])",
        help: "A text as a tag: spaces tidied, 100 characters at the most.",
        examples: &[
            example("'  Plan   Pro ' | tag", r#""Plan Pro""#),
            example("'Plan Pro' | tag('purchased: ')", r#""purchased: Plan Pro""#),
        ],
    },
    Function {
        name: "tags",
        group: TAGS,
        signature: "tags([prefix])",
        help: "A list of texts as tags, each once (without regard to case), what is empty left out.",
        examples: &[
            example(
                "['Plan  Pro', 'plan pro', none, 'b'] | tags",
                r#"["Plan Pro", "b"]"#,
            ),
            example(
                "event.items | item_names | tags('has: ')",
                r#"["has: Plan Pro", "has: upsell-2"]"#,
            ),
        ],
    },
    Function {
        name: "sha256",
        group: HASHING,
        signature: "sha256",
        help: "The SHA-256 of a text in hexadecimal; `hash` is the same.",
        examples: &[example(
            "event.person.email | lower | sha256",
            r#""a21e87765fa9375c2c6588b7dfb64959c1b0b30a30f0761ce40cfbdc37a99811""#,
        )],
    },
    Function {
        name: "hash",
        group: HASHING,
        signature: "hash",
        help: "The same as `sha256`.",
        examples: &[example(
            "'abc' | hash",
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        )],
    },
    Function {
        name: "lookup",
        group: TABLES,
        signature: "lookup(table, key, [default]) or table | lookup(key, [default])",
        help: "The value for a key; the default, or none, where the table has none. Tables stand in the document under `tables`, or in the expression.",
        examples: &[
            example("lookup(tables.levels, event.items[0].id, 'basic')", r#""gold""#),
            example("tables.levels | lookup('99', 'basic')", r#""basic""#),
            example("lookup({'a': 1}, 'b')", "null"),
        ],
    },
    Function {
        name: "default",
        group: MISSING,
        signature: "default(value, [true])",
        help: "Another value where there is none; with `true` also where it is empty or false.",
        examples: &[
            example("event.coupon | default('no coupon')", r#""no coupon""#),
            example("event.payload.customer.town | default(none)", "null"),
            example("'' | default('empty', true)", r#""empty""#),
        ],
    },
];
