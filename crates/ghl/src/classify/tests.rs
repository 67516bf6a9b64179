//! Every shape of answer that clients of the API report.

use super::*;

const SPENT: RateHeaders = RateHeaders {
    max: Some(100),
    interval_ms: Some(10_000),
    remaining: Some(0),
    daily_limit: Some(200_000),
    daily_remaining: Some(0),
    daily_reset_ms: Some(3_600_000),
};
const BURST: RateHeaders = RateHeaders {
    daily_remaining: Some(1234),
    ..SPENT
};

fn outcome(status: u16, text: &str, rate: &RateHeaders) -> Outcome {
    let body: Option<Value> = serde_json::from_str(text).ok();
    let scopes = ["contacts.write"];
    classify(&Answer {
        status,
        body: body.as_ref(),
        text,
        rate,
        retry_after_ms: None,
        scopes: &scopes,
    })
}

fn rejection(status: u16, text: &str) -> Rejection {
    match outcome(status, text, &BURST) {
        Outcome::Rejected(rejection) => rejection,
        other => panic!("{status} {text}: {other:?}"),
    }
}

#[test]
fn every_known_message_is_recognised() {
    let codes = [
        (401, "Invalid token: access token is invalid", "ghl.invalid_token"),
        (401, "Invalid Private Integration token", "ghl.invalid_token"),
        (
            401,
            "The token is not authorized for this scope.",
            "ghl.missing_scope",
        ),
        (401, "version header was not found.", "ghl.version_header"),
        (401, "version header is invalid", "ghl.version_header"),
        (401, "E01 - Unauthorized request", "ghl.forbidden"),
        (
            401,
            "No message found for the id: m1 passed in params",
            "ghl.not_found",
        ),
        (403, "Forbidden resource", "ghl.forbidden"),
        (
            403,
            "The token does not have access to this location.",
            "ghl.wrong_location",
        ),
        (
            403,
            "This location is not accessible from this token!",
            "ghl.wrong_location",
        ),
        (404, "Contact not found", "ghl.not_found"),
        (404, "Cannot GET /contact/", "ghl.other"),
        (400, "Location is not active", "ghl.location_suspended"),
        (400, "Bad Request", "ghl.invalid"),
        (422, "Unprocessable Entity", "ghl.invalid"),
    ];
    for (status, message, code) in codes {
        let text =
            serde_json::json!({"statusCode": status, "message": message, "error": "Error"}).to_string();
        assert_eq!(rejection(status, &text).code(), code, "{status} {message}");
    }
}

#[test]
fn answers_of_other_shapes_are_recognised() {
    let codes = [
        (
            400,
            r#"{"error":"Contact with id X not found","status":400}"#,
            "ghl.not_found",
        ),
        (401, "", "ghl.invalid_token"),
        (403, "error code: 1010", "ghl.blocked"),
        (404, "", "ghl.other"),
        (302, "", "ghl.other"),
    ];
    for (status, text, code) in codes {
        assert_eq!(rejection(status, text).code(), code, "{status} {text}");
    }
    let messages = ["email must be an email", "property gender should not exist"]
        .map(str::to_owned)
        .to_vec();
    let text = serde_json::json!({"message": messages, "error": "Unprocessable Entity"}).to_string();
    assert_eq!(rejection(422, &text), Rejection::Invalid { messages });
}

#[test]
fn a_duplicate_names_the_contact_and_the_field() {
    for (status, field) in [(400, "email"), (400, "phone"), (422, "additionalEmail")] {
        let text = serde_json::json!({
            "statusCode": 400, "message": "This location does not allow duplicated contacts.", "traceId": "t",
            "meta": {"contactName": "A", "contactId": "c9", "matchingField": field},
        });
        let expected = Rejection::Duplicate {
            contact_id: "c9".into(),
            matching_field: field.into(),
        };
        assert_eq!(rejection(status, &text.to_string()), expected);
    }
}

#[test]
fn the_http_status_wins_over_the_one_in_the_body() {
    let text = r#"{"statusCode":500,"message":["email must be an email"]}"#;
    assert_eq!(rejection(400, text).code(), "ghl.invalid");
    assert!(matches!(outcome(200, text, &BURST), Outcome::Success(_)));
}

#[test]
fn what_may_have_taken_effect_is_unclear() {
    let cases = [
        (401, r#"{"statusCode":401,"message":"Command timed out"}"#),
        (408, ""),
        (500, r#"{"message":"Internal Server Error"}"#),
        (502, "<html>Bad gateway</html>"),
        (504, ""),
        (524, ""),
        (200, "<html>Welcome</html>"),
        (201, r#"{"contact":{"id":"#),
        (200, ""),
    ];
    for (status, text) in cases {
        assert!(
            matches!(outcome(status, text, &BURST), Outcome::Unclear(_)),
            "{status} {text}"
        );
    }
}

#[test]
fn every_2xx_with_json_is_a_success() {
    for status in [200, 201, 202, 207] {
        assert_eq!(
            outcome(status, r#"{"tags":[]}"#, &BURST),
            Outcome::Success(serde_json::json!({"tags": []}))
        );
    }
    assert_eq!(outcome(204, "", &BURST), Outcome::Success(Value::Null));
}

#[test]
fn the_spent_day_is_told_from_the_full_window() {
    let text = r#"{"statusCode":429,"message":"Too Many Requests"}"#;
    let limited = |rate| match outcome(429, text, rate) {
        Outcome::Rejected(Rejection::RateLimited {
            retry_after_ms,
            daily,
        }) => (retry_after_ms, daily),
        other => panic!("{other:?}"),
    };
    assert_eq!(limited(&BURST), (Some(10_000), false));
    assert_eq!(limited(&SPENT), (Some(3_600_000), true));
    assert_eq!(limited(&RateHeaders::default()), (None, false));
}

#[test]
fn only_what_refuses_every_call_is_trouble_of_the_connection() {
    let scope = rejection(
        401,
        r#"{"message":"The token is not authorized for this scope."}"#,
    );
    assert_eq!(
        scope,
        Rejection::MissingScope {
            scopes: vec!["contacts.write".into()],
            of_app: false,
        }
    );
    assert!(scope.advice().contains("contacts.write"), "{}", scope.advice());
    assert_eq!(scope.trouble(), None);
    let troubles = [
        rejection(401, r#"{"message":"Invalid Private Integration token"}"#),
        rejection(
            403,
            r#"{"message":"This location is not accessible from this token!"}"#,
        ),
        rejection(403, "error code: 1010"),
        rejection(400, r#"{"message":"Location is not active"}"#),
    ];
    for rejection in troubles {
        assert_eq!(
            rejection.trouble().map(|trouble| trouble.code),
            Some(rejection.code())
        );
    }
}
