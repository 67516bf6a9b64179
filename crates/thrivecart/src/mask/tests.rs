use rstest::rstest;

use super::*;

fn masked(content_type: ContentType, raw: &str, everywhere: bool) -> String {
    let everywhere = everywhere.then_some("SEC/RET12");
    String::from_utf8_lossy(&body(content_type, raw.as_bytes(), everywhere)).into_owned()
}

#[rstest]
#[case::plain("a=1&thrivecart_secret=SEC&b=2", "a=1&thrivecart_secret=***&b=2")]
#[case::encoded("thrivecart%5Fsecret=%53EC%2fRET12", "thrivecart%5Fsecret=***")]
#[case::twice(
    "thrivecart_secret=A&thrivecart_secret=B",
    "thrivecart_secret=***&thrivecart_secret=***"
)]
#[case::elsewhere("x=%5B&y=aSEC%2fRET12b&zSEC/RET12=+", "x=%5B&y=a***b&z***=+")]
#[case::json_text(
    "thrivecart_secret=&x=%7B%22s%22%3A%22SEC%5C%2FRET12%22%7D",
    "thrivecart_secret=***&x=%7B%22s%22%3A%22***%22%7D"
)]
#[case::similar_field(
    "thrivecart_secrets=1&my_thrivecart_secret=2&=&",
    "thrivecart_secrets=1&my_thrivecart_secret=2&=&"
)]
fn form_keeps_every_other_byte(#[case] raw: &str, #[case] expected: &str) {
    assert_eq!(masked(ContentType::Form, raw, true), expected);
}

#[rstest]
#[case::plain(
    r#"{ "thrivecart_secret" : "SEC" , "b": 2 }"#,
    r#"{ "thrivecart_secret" : "***" , "b": 2 }"#
)]
#[case::number(
    r#"{"thrivecart_secret":123,"b":123}"#,
    r#"{"thrivecart_secret":"***","b":123}"#
)]
#[case::escaped(
    r#"{"thrivecart_\u0073ecret":"S\"EC"}"#,
    r#"{"thrivecart_\u0073ecret":"***"}"#
)]
#[case::elsewhere(
    r#"{"a":["\tSEC\/RET12","thrivecart_secret"],"b":"SEC"}"#,
    r#"{"a":["\t***","thrivecart_secret"],"b":"SEC"}"#
)]
#[case::text_in_text(r#"{"a":"{\"s\":\"SEC\\\/RET12\"}"}"#, r#"{"a":"{\"s\":\"***\"}"}"#)]
#[case::nested_field(r#"{"a":{"thrivecart_secret":"x"}}"#, r#"{"a":{"thrivecart_secret":"x"}}"#)]
#[case::value_not_key(
    r#"{"a":"thrivecart_secret","b":"x"}"#,
    r#"{"a":"thrivecart_secret","b":"x"}"#
)]
fn json_keeps_every_other_byte(#[case] raw: &str, #[case] expected: &str) {
    assert_eq!(masked(ContentType::Json, raw, true), expected);
}
