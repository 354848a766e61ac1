mod hosted;

use actix_web::http::header::{HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Scope::{Credential, Model};
use super::TroubleClass::{
    Challenge, Forbidden, Limited, ModelUnknown, Unauthorized, Unavailable, Unpaid,
};
use super::*;

const ANTHROPIC: &str = include_str!("../../../tests/fixtures/anthropic/a10-errors.exchanges.json");
const CODEX: &str =
    include_str!("../../../tests/fixtures/openai-responses/r09-codex-backend.exchanges.json");
const OPENAI: &str = include_str!("../../../tests/fixtures/openai-chat/c06-errors.exchanges.json");
const GEMINI: &str = include_str!("../../../tests/fixtures/gemini/g09-errors.exchanges.json");

/// 2026-11-23T22:00:00Z, when the fixtures' errors were sent.
const NOW_UNIX: u64 = 1_795_471_200;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_UNIX)
}

fn head(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    fields.iter().map(field).collect()
}

fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap()
}

fn ask(code: u16, fields: &[(&str, &str)], body: &str) -> Verdict {
    judge(status(code), &head(fields), body.as_bytes(), now())
}

fn trouble(code: u16, fields: &[(&str, &str)], body: &str) -> Trouble {
    match ask(code, fields, body) {
        Verdict::Trouble(trouble) => trouble,
        other => panic!("{code}, {body}: {other:?}"),
    }
}

fn wait(code: u16, fields: &[(&str, &str)], body: &str) -> Option<Duration> {
    trouble(code, fields, body).wait
}

#[expect(clippy::unnecessary_wraps, reason = "the tables compare it with no wait")]
fn milliseconds(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds))
}

#[expect(clippy::unnecessary_wraps, reason = "the tables compare it with no wait")]
fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// Class and scope; `None` for a request fault.
type Outcome = Option<(TroubleClass, Scope)>;

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Trouble(trouble) => Some((trouble.class, trouble.scope)),
        Verdict::RequestFault => None,
        Verdict::Fine => panic!("an error is not fine"),
    }
}

#[test]
fn a_status_alone_has_its_class() {
    for fine in [101, 200, 204, 302, 304] {
        assert_eq!(ask(fine, &[("retry-after", "9")], ""), Verdict::Fine, "{fine}");
    }
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // status, outcome,                        why
        (400, None,                             "bad request"),
        (401, Some((Unauthorized, Credential)), "bad key"),
        (402, Some((Unpaid, Credential)),       "no money"),
        (403, Some((Forbidden, Model)),         "other models may be allowed"),
        (404, Some((ModelUnknown, Model)),      "no such model"),
        (405, None,                             "our path is wrong for everybody"),
        (408, Some((Unavailable, Model)),       "the provider gave up waiting"),
        (409, None,                             "conflict"),
        (413, None,                             "too large"),
        (422, None,                             "bad request, FastAPI's word"),
        (426, None,                             "no WebSocket there"),
        (429, Some((Limited, Model)),           "limits are counted by model unless they say more"),
        (500, Some((Unavailable, Model)),       "broken"),
        (501, None,                             "will never do it"),
        (502, Some((Unavailable, Model)),       "its gateway"),
        (503, Some((Unavailable, Model)),       "overloaded"),
        (504, Some((Unavailable, Model)),       "its gateway waited"),
        (505, None,                             "will never do it"),
        (520, Some((Unavailable, Model)),       "Cloudflare: odd answer"),
        (524, Some((Unavailable, Model)),       "Cloudflare: waited"),
        (529, Some((Unavailable, Model)),       "Anthropic overloaded, like 503"),
    ];
    for (code, expected, why) in cases {
        assert_eq!(outcome(ask(code, &[], "")), expected, "{code}: {why}");
        assert_eq!(outcome(ask(code, &[], "<html>no</html>")), expected, "{code}, page: {why}");
        assert_eq!(outcome(ask(code, &[], "{\"error\":{\"mess")), expected, "{code}, cut: {why}");
    }
}

#[test]
fn the_errors_of_every_provider_are_understood() {
    #[rustfmt::skip] // columns are easier to proofread
    let catalogues: [(&str, &str, &[(Outcome, Option<Duration>)]); 4] = [
        ("anthropic", ANTHROPIC, &[
            (None,                             None), // 400
            (Some((Unauthorized, Credential)), None), // 401
            (Some((Unpaid, Credential)),       None), // 402
            (Some((Forbidden, Model)),         None), // 403
            (Some((ModelUnknown, Model)),      None), // 404
            (None,                             None), // 413
            (Some((Limited, Model)),           seconds(17)),
            (Some((Unavailable, Model)),       None), // 500
            (Some((Unavailable, Model)),       None), // 504
            (Some((Unavailable, Model)),       None), // 529
        ]),
        ("openai", OPENAI, &[
            (None,                             None), // a parameter
            (None,                             None), // context length
            (Some((Unauthorized, Credential)), None),
            (Some((Forbidden, Model)),         None),
            (Some((ModelUnknown, Model)),      None),
            (Some((Limited, Model)),           seconds(2)), // and 1.2 s, which is shorter
            (Some((Unpaid, Credential)),       None),
            (Some((Unavailable, Model)),       None), // 500
            (Some((Unavailable, Model)),       seconds(5)),
        ]),
        ("gemini", GEMINI, &[
            (Some((Unauthorized, Credential)), None), // 400, API_KEY_INVALID
            (None,                             None), // thought signature
            (None,                             None), // schema
            (Some((Forbidden, Model)),         None),
            (Some((ModelUnknown, Model)),      None),
            (Some((Limited, Model)),           Some(Duration::from_micros(32_847_655))),
            (Some((Unavailable, Model)),       None), // 500
            (Some((Unavailable, Model)),       None), // 503
        ]),
        ("codex", CODEX, &[
            (Some((Limited, Credential)),      seconds(10_400)), // its `resets_at` is past
            (Some((Unpaid, Credential)),       None), // not in the plan
            (Some((Unauthorized, Credential)), None),
            (None,                             None), // a parameter
        ]),
    ];
    for (name, catalogue, expected) in catalogues {
        let catalogue: Value = serde_json::from_str(catalogue).unwrap();
        let errors: Vec<&Value> = catalogue["responses"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|response| response["status"].as_u64().unwrap() >= 400)
            .collect();
        assert_eq!(errors.len(), expected.len(), "{name}");
        for (response, (expected, expected_wait)) in errors.into_iter().zip(expected) {
            let code = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
            let fields: Vec<(&str, &str)> = response["headers"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            let verdict = ask(code, &fields, &response["body"].to_string());
            assert_eq!(outcome(verdict), *expected, "{name}: {response}");
            if let Verdict::Trouble(trouble) = verdict {
                assert_eq!(trouble.wait, *expected_wait, "{name}: {response}");
            }
        }
    }
}

#[test]
fn words_say_more_than_the_status() {
    let error = |message: &str| json!({ "error": { "message": message } }).to_string();
    let coded = |code: &str| json!({ "error": { "message": "m", "code": code } }).to_string();
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // status, body,                                                     outcome,                        why
        (400, error("Your credit balance is too low to access the API"),     Some((Unpaid, Credential)),     "Anthropic says it in a 400"),
        (400, error("You're out of extra usage."),                           Some((Unpaid, Credential)),     "and so with extra usage"),
        (400, error("You have reached your specified API usage limits."),    Some((Unpaid, Credential)),     "the owner's own spending limit"),
        (403, coded("insufficient_user_quota"),                              Some((Unpaid, Credential)),     "new-api's word"),
        (429, coded("credit_balance_exhausted"),                             Some((Unpaid, Credential)),     "OpenAI's newer word"),
        (500, coded("insufficient_quota"),                                   Some((Unavailable, Model)),     "not a status that quota comes with"),
        (429, error("You exceeded your current quota, please check your plan and billing details."),
                                                                             Some((Limited, Model)),         "Google's words for a limit of one minute"),
        (404, error("Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."),
                                                                             None,                           "the request names the item"),
        (404, error("File not found: file_1"),                               None,                           "the request names the file"),
        (403, error("CachedContent not found (or permission denied)"),       None,                           "the request names the cache"),
        (403, coded("cyber_policy"),                                         None,                           "a 403 about the prompt"),
        (401, coded("previous_response_not_found"),                          None,                           "a 401 about the request"),
        (500, coded("context_length_exceeded"),                              None,                           "a relay lost the 400"),
        (429, coded("invalid_value"),                                        Some((Limited, Model)),         "429 is a limit all the same"),
        (400, json!({"detail":"The 'gpt-5' model is not supported when using Codex with a ChatGPT account."}).to_string(),
                                                                             Some((ModelUnknown, Model)),    "the plan lacks the model"),
        (400, coded("model_not_supported"),                                  Some((ModelUnknown, Model)),    "Copilot's word"),
        (422, error("This model is not available for your plan"),            Some((ModelUnknown, Model)),    "the plan lacks the model"),
        (403, error("Project `p` does not have access to model `gpt-5`"),    Some((ModelUnknown, Model)),    "OpenAI's 403 about a model"),
        (400, json!({"error":{"message":"'x' with this model is not supported","param":"x"}}).to_string(),
                                                                             None,                           "about a parameter"),
        (400, error("Incorrect API key provided"),                           None,                           "no code, no verdict on the key"),
        (400, coded("invalid_api_key"),                                      Some((Unauthorized, Credential)), "a bad key under 400"),
        (429, error("Quota exceeded for metric: m, limit: 0, model: gemini-3-pro"),
                                                                             Some((ModelUnknown, Model)),    "not in the free tier"),
        (429, error("Quota exceeded, limit: 0."),                            Some((ModelUnknown, Model)),    "at the end of a sentence"),
        (429, error("Quota exceeded, limit: 0"),                             Some((ModelUnknown, Model)),    "at the end"),
        (429, error("Quota exceeded, limit: 0.5"),                           Some((Limited, Model)),         "not zero"),
        (429, error("Quota exceeded, limit: 05"),                            Some((Limited, Model)),         "not zero"),
        (400, error("Selected model is at capacity. Please try another."),   Some((Limited, Model)),         "a 429 in disguise"),
        (429, json!([{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded, limit: 0"}}]).to_string(),
                                                                             Some((ModelUnknown, Model)),    "array of a Gemini stream"),
        (429, "{\"error\":{\"code\":\"insufficient_quota\",\"mess".to_owned(),
                                                                             Some((Unpaid, Credential)),     "cut off behind the code"),
        (429, "{\"error\":{\"message\":\"you wrote \\\"insufficient_quota\\\" and".to_owned(),
                                                                             Some((Limited, Model)),         "cut off, the code only quoted in the text"),
    ];
    for (code, body, expected, why) in cases {
        assert_eq!(outcome(ask(code, &[], &body)), expected, "{code} {body}: {why}");
    }
}

#[test]
fn a_challenge_page_is_known_by_its_field_or_its_marks() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(u16, &[(&str, &str)], &str, bool, &str); 6] = [
        (403, &[("cf-mitigated", "challenge")], "",                                                        true,  "the field"),
        (503, &[], "<!DOCTYPE html><html><head><title>Just a moment...</title>",                           true,  "the title"),
        (429, &[], "<html><script>window._cf_chl_opt={}",                                                  true,  "the script"),
        (403, &[("cf-mitigated", "other")],     "",                                                        false, "another mitigation"),
        (403, &[], "<html><body>Forbidden</body></html>",                                                  false, "a page of another kind"),
        (403, &[], "{\"error\":{\"message\":\"<title>just a moment\"}}",                                   false, "JSON that quotes one"),
    ];
    for (code, fields, body, expected, why) in cases {
        let expected = if expected { (Challenge, Credential) } else { (Forbidden, Model) };
        assert_eq!(outcome(ask(code, fields, body)), Some(expected), "{why}");
    }
}

#[test]
fn a_refused_feature_is_the_requests_fault() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // status, message,                                                             fault, long,  why
        (400, "The long context beta is not yet available for this subscription.",     true,  true,  "no such plan"),
        (429, "Extra usage is required for long context requests.",                    true,  true,  "no wait ends it"),
        (400, "Unexpected value(s) `context-1m-2025-08-07` for `anthropic-beta`",      true,  true,  "the flag by name"),
        (429, "would exceed your rate limit of 0 long context input tokens per minute", true, true,  "has none"),
        (429, "would exceed your rate limit of 9 long context input tokens per minute", false, false, "has some: a limit like others"),
        (500, "long context beta",                                                     false, false, "broken is broken"),
        (429, "would exceed your rate limit of 0 fast mode input tokens per minute",   true,  false, "fast mode"),
        (400, "Usage credits are required for fast mode",                              true,  false, "fast mode"),
        (429, "would exceed your organization's rate limit of 9 input tokens",         false, false, "a limit"),
    ];
    for (code, message, fault, long, why) in cases {
        let body = json!({"type":"error","error":{"type":"rate_limit_error","message":message}});
        let body = body.to_string();
        assert_eq!(ask(code, &[], &body) == Verdict::RequestFault, fault, "{message}: {why}");
        let refused = refuses_long_context(status(code), body.as_bytes());
        assert_eq!(refused, long, "{message}: {why}");
    }
}

#[test]
fn a_spent_window_says_what_rests_and_for_how_long() {
    let unix = |ahead: u64| (NOW_UNIX + ahead).to_string();
    let (hour, day) = (unix(3600), unix(86400));
    let (hour, day) = (hour.as_str(), day.as_str());
    let status = "anthropic-ratelimit-unified-status";
    let claim = "anthropic-ratelimit-unified-representative-claim";
    let reset = "anthropic-ratelimit-unified-reset";
    let (five, five_reset) =
        ("anthropic-ratelimit-unified-5h-status", "anthropic-ratelimit-unified-5h-reset");
    let (week, week_reset) =
        ("anthropic-ratelimit-unified-7d-status", "anthropic-ratelimit-unified-7d-reset");
    let (family, family_reset) =
        ("anthropic-ratelimit-unified-7d_oi-status", "anthropic-ratelimit-unified-7d_oi-reset");
    let overage = "anthropic-ratelimit-unified-overage-status";
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[(&str, &str)], Scope, Option<Duration>, &str); 19] = [
        (&[(five, "rejected"), (five_reset, hour), (week, "allowed"), (week_reset, day)], Credential, seconds(3600), "only what is rejected counts"),
        (&[(five, "rejected"), (five_reset, hour), (week, "rejected"), (week_reset, day)], Credential, seconds(86400), "both must come back"),
        (&[(family, "rejected"), (family_reset, day), (five, "allowed"), (five_reset, hour), (overage, "rejected")], Model, seconds(86400), "a model's own window"),
        (&[(family, "rejected"), (family_reset, day), (five, "rejected"), (five_reset, hour), ("retry-after", "86400")], Credential, seconds(3600), "the model's wait is not the account's"),
        (&[(status, "rejected"), (claim, "five_hour"), (reset, hour)],                    Credential, seconds(3600),  "the claim names the account's window"),
        (&[(status, "rejected"), (claim, "seven_day_overage_included"), (reset, day)],    Model,      seconds(86400), "the claim names a model's"),
        (&[(status, "rejected"), (claim, "7d_oi"), (reset, day)],                         Model,      seconds(86400), "the claim in short"),
        (&[(status, "rejected"), (reset, hour)],                                          Credential, seconds(3600),  "no claim: the account's"),
        (&[(status, "allowed"), (claim, "five_hour"), (reset, hour), ("retry-after", "3")], Model,    seconds(3),     "within its windows, only too fast"),
        (&[(status, "rejected"), (claim, "overage"), (family, "rejected"), (family_reset, day)], Model, seconds(86400), "what could be paid beyond it is no window"),
        (&[("x-codex-primary-used-percent", "100"), ("x-codex-primary-reset-at", hour), ("x-codex-secondary-used-percent", "99"), ("x-codex-secondary-reset-at", day)], Credential, seconds(3600), "plan"),
        (&[("x-codex-spark-primary-used-percent", "100.5"), ("x-codex-spark-primary-reset-at", day)], Model, seconds(86400), "a family of models"),
        (&[("anthropic-ratelimit-tokens-remaining", "0"), ("anthropic-ratelimit-tokens-reset", "2026-11-23T22:00:30Z")], Model, seconds(30), "spent"),
        (&[("anthropic-ratelimit-tokens-remaining", "5"), ("anthropic-ratelimit-tokens-reset", "2026-11-23T22:00:30Z")], Model, None, "not spent"),
        (&[("anthropic-ratelimit-tokens-reset", "2026-11-23T22:00:30Z")],                 Model, None, "not known to be spent"),
        (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s"), ("x-ratelimit-remaining-tokens", "-1"), ("x-ratelimit-reset-tokens", "7")], Model, seconds(360), "the longer of two"),
        (&[("x-ratelimit-remaining-tokens", "12"), ("x-ratelimit-reset-tokens", "6m0s")], Model, None, "not spent"),
        (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6ms")],   Model, milliseconds(6), "milliseconds"),
        (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "1m2.5s")], Model, milliseconds(62_500), "minutes and a fraction"),
    ];
    for (fields, scope, wait, why) in cases {
        let trouble = trouble(429, fields, "");
        assert_eq!((trouble.scope, trouble.wait), (scope, wait), "{why}");
    }
}

#[test]
fn a_codex_plan_limit_is_the_accounts_unless_only_a_family_is_spent() {
    let family = [("x-codex-spark-primary-used-percent", "100")];
    let plan = [("x-codex-primary-used-percent", "100"), family[0]];
    let body = |reset: Value| {
        let mut error = json!({ "type": "usage_limit_reached" });
        error.as_object_mut().unwrap().extend(reset.as_object().unwrap().clone());
        json!({ "error": error }).to_string()
    };
    let at = NOW_UNIX + 500;
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[(&str, &str)], Value, Scope, Option<Duration>, &str); 6] = [
        (&[],     json!({"resets_in_seconds":400}),                Credential, seconds(400), "plan"),
        (&[],     json!({"resets_at":at}),                         Credential, seconds(500), "moment"),
        (&[],     json!({"resets_at":at,"resets_in_seconds":400}), Credential, seconds(500), "the longer"),
        (&[],     json!({"resets_at":"soon","resets_in_seconds":-4}), Credential, None,      "nothing that can be meant"),
        (&family, json!({"resets_in_seconds":400}),                Model,      seconds(400), "family"),
        (&plan,   json!({"resets_in_seconds":400}),                Credential, seconds(400), "both"),
    ];
    for (fields, reset, scope, wait, why) in cases {
        let trouble = trouble(429, fields, &body(reset));
        assert_eq!((trouble.scope, trouble.wait), (scope, wait), "{why}");
    }
}

#[test]
fn the_longest_readable_hint_holds() {
    let text = |message: &str| json!({ "error": { "message": message } }).to_string();
    let details = |detail: Value| json!({ "error": { "details": [detail] } }).to_string();
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[(&str, &str)], String, Option<Duration>, &str); 32] = [
        (&[("retry-after", "17")],                             String::new(), seconds(17),         "seconds"),
        (&[("retry-after", " 1.5 ")],                          String::new(), milliseconds(1500),  "a fraction"),
        (&[("retry-after", "Mon, 23 Nov 2026 22:01:00 GMT")],  String::new(), seconds(60),         "date"),
        (&[("retry-after", "Mon, 23 Nov 2026 21:59:00 GMT")],  String::new(), None,                "date that is past"),
        (&[("retry-after", "0")],                              String::new(), None,                "does not know"),
        (&[("retry-after", "-3")],                             String::new(), None,                "negative"),
        (&[("retry-after", "NaN")],                            String::new(), None,                "not a number"),
        (&[("retry-after", "inf")],                            String::new(), None,                "endless"),
        (&[("retry-after", "1e300")],                          String::new(), None,                "absurd"),
        (&[("retry-after", "2592000")],                        String::new(), seconds(2_592_000),  "30 days"),
        (&[("retry-after", "2592001")],                        String::new(), None,                "more than 30 days"),
        (&[("retry-after", "soon")],                           String::new(), None,                "garbage"),
        (&[("retry-after", "3"), ("retry-after", "5")],        String::new(), seconds(5),          "sent twice"),
        (&[("retry-after-ms", "1200"), ("retry-after", "x")],  String::new(), milliseconds(1200),  "milliseconds"),
        (&[("retry-after-ms", "1200"), ("retry-after", "2")],  String::new(), seconds(2),          "the longer"),
        (&[("retry-after", "2")], text("try again in 11.054s"),               milliseconds(11_054), "the text is longer"),
        (&[], details(json!({"retryDelay":"32.8s"})),                         milliseconds(32_800), "RetryInfo"),
        (&[], details(json!({"metadata":{"quotaResetDelay":"1h2m3.5s"}})),    milliseconds(3_723_500), "ErrorInfo"),
        (&[], details(json!({"retryDelay":"-3s"})),                           None,                "negative"),
        (&[], details(json!({"retryDelay":{"seconds":3}})),                   None,                "another shape"),
        (&[], text("Please retry in 32.8s."),                                 milliseconds(32_800), "full stop behind"),
        (&[], text("Your quota will reset after 1h2m39s."),                   seconds(3759),       "Go's manner"),
        (&[], text("Try again after 39s"),                                    seconds(39),         "capital letter"),
        (&[], text("try again in 20ms, or try again in 1 minute"),            seconds(60),         "the longer, in words"),
        (&[], text("try again in 5 minutes and 3 seconds"),                   seconds(300),        "as far as it can be read"),
        (&[], text("request timed out after 600s"),                           None,                "no hint"),
        (&[], text("try again in 5"),                                         None,                "no unit"),
        (&[], text("try again in 1.2.3s"),                                    None,                "no number"),
        (&[], text("try again in 5 apples"),                                  None,                "no time"),
        (&[], text("try again in 9999999d"),                                  None,                "absurd"),
        (&[], "{\"error\":{\"message\":\"try again in 7s, and".to_owned(),    seconds(7),          "cut off behind it"),
        (&[], json!({"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"try again in 11.054s"}}}).to_string(),
                                                                              milliseconds(11_054), "in a failed response"),
    ];
    for (fields, body, expected, why) in cases {
        assert_eq!(wait(429, fields, &body), expected, "429 {fields:?} {body}: {why}");
        assert_eq!(wait(503, fields, &body), expected, "503 {fields:?} {body}: {why}");
    }
}

#[test]
fn what_fails_below_http_rests_as_far_as_it_reaches() {
    assert_eq!(Trouble::unreachable().scope, Credential);
    assert_eq!(Trouble::silent().scope, Model);
}

/// Fields that are read, with values that are nearly right.
fn any_fields() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![
        Just("retry-after"),
        Just("retry-after-ms"),
        Just("anthropic-ratelimit-unified-status"),
        Just("anthropic-ratelimit-unified-reset"),
        Just("anthropic-ratelimit-unified-representative-claim"),
        Just("anthropic-ratelimit-unified-5h-status"),
        Just("anthropic-ratelimit-unified-5h-reset"),
        Just("anthropic-ratelimit-tokens-remaining"),
        Just("anthropic-ratelimit-tokens-reset"),
        Just("x-ratelimit-remaining-tokens"),
        Just("x-ratelimit-reset-tokens"),
        Just("x-codex-primary-used-percent"),
        Just("x-codex-primary-reset-at"),
        Just("cf-mitigated"),
    ];
    let value = prop_oneof![
        vec(any::<u8>(), 0..24),
        "[-+]?[0-9]{0,25}(\\.[0-9]{0,3})?(e[0-9]{1,3})?(ms|s|m|h|d)?".prop_map(String::into_bytes),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z".prop_map(String::into_bytes),
        Just(b"rejected".to_vec()),
    ];
    vec((name, value), 0..8).prop_map(|fields| {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                map.append(HeaderName::from_static(name), value);
            }
        }
        map
    })
}

/// Bodies that are nearly errors, whole or cut off.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        ".{0,20}",
        "(try again in |retry in |limit: 0)[0-9.]{0,30} ?(ms|s|m|h|days|é)?.{0,3}",
    ];
    let number = any::<f64>();
    let error = (text, number, any::<bool>()).prop_map(|(text, number, is_array)| {
        let error = json!({ "error": {
            "type": "usage_limit_reached", "message": text, "resets_at": number,
            "resets_in_seconds": number, "details": [{ "retryDelay": text }, number],
        }});
        if is_array { json!([error]) } else { error }.to_string().into_bytes()
    });
    let cut = (error, any::<prop::sample::Index>()).prop_map(|(mut body, cut)| {
        body.truncate(cut.index(body.len() + 1));
        body
    });
    prop_oneof![vec(any::<u8>(), 0..64), cut]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_that_is_sent_makes_it_panic_or_wait_absurdly(
        code in 100..1000_u16,
        fields in any_fields(),
        body in any_body(),
        now in any::<u32>(),
    ) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.into());
        let verdict = judge(status(code), &fields, &body, now);
        let _ = refuses_long_context(status(code), &body);
        if let Verdict::Trouble(Trouble { wait: Some(wait), .. }) = verdict {
            prop_assert!(!wait.is_zero() && wait <= Duration::from_secs(30 * 86_400));
        }
    }
}
