//! An upstream's error in the client's words.

use actix_web::http::StatusCode;
use serde_json::Value;

use crate::dialect::error_body;
use crate::types::Dialect;

/// As much of an answer that is no error we know as a client needs to see.
const EXCERPT_CHARS: usize = 500;

/// The code of an upstream's error that says none itself.
const CODE: &str = "upstream_error";

/// The body of an upstream's error, whatever its dialect, as a client of `client` reads it. The status
/// stays as it is.
#[must_use]
pub fn translate_error(
    client: Dialect,
    status: StatusCode,
    body: &[u8],
    request_id: &str,
) -> String {
    let (code, message) = error_words(status, body);
    error_body(client, status, &code, &message, request_id)
}

/// What an error says: a code, and a sentence. The four dialects and the servers that follow them
/// differ only in where those two stand.
fn error_words(status: StatusCode, body: &[u8]) -> (String, String) {
    let told: Option<Value> = serde_json::from_slice(body).ok();
    let told = told.as_ref().map(|told| match told {
        // Gemini without `alt=sse`
        Value::Array(all) => all.first().unwrap_or(told),
        told => told,
    });
    let error = told.map(|told| told.get("error").unwrap_or(told));
    let text = |name: &str| error?.get(name)?.as_str().filter(|text| !text.is_empty());
    let message = text("message")
        .or_else(|| text("detail"))
        .or_else(|| error?.as_str())
        .map_or_else(|| excerpt(status, body), str::to_owned);
    // `code` is OpenAI's word, `type` Anthropic's, `status` Google's; Google's `code` is a number.
    let code = text("code").or_else(|| text("type")).or_else(|| text("status")).unwrap_or(CODE);
    (code.to_owned(), message)
}

fn excerpt(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') {
        let reason = status.canonical_reason().unwrap_or("an error");
        return format!("the provider answered {}: {reason}", status.as_u16());
    }
    text.chars().take(EXCERPT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_words_in_every_dialect() {
        let status = StatusCode::TOO_MANY_REQUESTS;
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // upstream's body,                                                                             code,                  message
            (r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#,               "rate_limit_error",    "slow down"),
            (r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit"}}"#,     "rate_limit",          "slow down"),
            (r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#,               "RESOURCE_EXHAUSTED",  "slow down"),
            (r#"[{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}]"#,             "RESOURCE_EXHAUSTED",  "slow down"),
            (r#"{"error":"slow down"}"#,                                                                    CODE,                  "slow down"),
            (r#"{"detail":"slow down"}"#,                                                                   CODE,                  "slow down"),
            ("slow down\n",                                                                                 CODE,                  "slow down"),
            ("<html>no</html>",                                                                             CODE,                  "the provider answered 429: Too Many Requests"),
            ("",                                                                                            CODE,                  "the provider answered 429: Too Many Requests"),
        ];
        for (body, code, message) in cases {
            let words = error_words(status, body.as_bytes());
            assert_eq!(words, (code.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn the_status_stays_and_the_shape_is_the_clients() {
        let body = br#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#;
        let told = translate_error(Dialect::Anthropic, StatusCode::TOO_MANY_REQUESTS, body, "r1");
        assert_eq!(
            told,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"r1"}"#
        );
    }
}
