//! A thinking suffix reaches the provider as the setting of the dialect, and the model without it;
//! without a suffix, and towards Amp, bodies cross as they are.

use crate::support::{StubUpstream, TestGateway, assert_same, encoded};

const CLIENTS: &str = "api-keys: [{ name: alice, key: client-key-1 }]\n";

const MESSAGES: [&str; 3] =
    ["/v1/messages", "/api/provider/anthropic/v1/messages", "/api/provider/anthropic/messages"];
const COUNT: [&str; 2] =
    ["/v1/messages/count_tokens", "/api/provider/anthropic/v1/messages/count_tokens"];
const CHAT: [&str; 3] = [
    "/v1/chat/completions",
    "/api/provider/openai/v1/chat/completions",
    "/api/provider/openai/chat/completions",
];
const RESPONSES: [&str; 3] =
    ["/v1/responses", "/api/provider/openai/v1/responses", "/api/provider/openai/responses"];
const GEMINI: [&str; 4] = [
    "/v1beta/models/",
    "/v1/models/",
    "/api/provider/google/v1beta/models/",
    "/api/provider/google/v1beta1/publishers/google/models/",
];

/// A gateway whose providers serve the names of their families.
async fn gateway_before(stub: &StubUpstream) -> TestGateway {
    let credential = |list: &str| {
        format!("{list}: [{{ api-key: provider-key, base-url: '{}' }}]\n", stub.origin)
    };
    let yaml = ["claude-api-key", "openai-api-key", "gemini-api-key"].map(credential).concat();
    TestGateway::start(&format!("{CLIENTS}ampcode: {{ upstream-url: '' }}\n{yaml}")).await
}

async fn json_stub() -> StubUpstream {
    StubUpstream::replying(200, "application/json", "{}").await
}

/// A body of any dialect, with a number that no parser keeps and the setting in front, if any.
fn body(setting: &str, model: &str) -> String {
    format!(
        "{{{setting} \"model\" :\"{model}\",\"n\":12345678901234567890, \"messages\":[ ],\"x\":1.50}}"
    )
}

fn gemini_body(setting: &str) -> String {
    let comma = if setting.is_empty() { "" } else { "," };
    format!("{{{setting}{comma} \"contents\":[ ],\"n\":12345678901234567890}}")
}

const HIGH_BUDGET: &str = r#""thinking":{"type":"enabled","budget_tokens":24576},"#;
const BUDGET: &str = r#""thinking":{"type":"enabled","budget_tokens":8192},"#;
const DISABLED: &str = r#""thinking":{"type":"disabled"},"#;
const HIGH_EFFORT: &str = r#""thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"#;
const MEDIUM_EFFORT: &str =
    r#""thinking":{"type":"adaptive"},"output_config":{"effort":"medium"},"#;
const ADAPTIVE: &str = r#""thinking":{"type":"adaptive"},"#;

#[actix_web::test]
async fn a_suffix_becomes_the_setting_of_the_dialect_at_every_door() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[&str], &str, &str, &str); 20] = [
        // doors,    asked,                     reaches,           setting
        (&MESSAGES,  "claude-opus-4-5(high)",   "claude-opus-4-5", HIGH_BUDGET),
        (&MESSAGES,  "claude-opus-4-5(8192)",   "claude-opus-4-5", BUDGET),
        (&MESSAGES,  "claude-opus-4-5(none)",   "claude-opus-4-5", DISABLED),
        (&MESSAGES,  "claude-opus-4-5(auto)",   "claude-opus-4-5", HIGH_BUDGET),
        (&MESSAGES,  "claude-opus-5(high)",     "claude-opus-5",   HIGH_EFFORT),
        (&MESSAGES,  "claude-opus-5 (8192)",    "claude-opus-5",   MEDIUM_EFFORT),
        (&MESSAGES,  "claude-opus-5(0)",        "claude-opus-5",   DISABLED),
        (&MESSAGES,  "claude-opus-5(AUTO)",     "claude-opus-5",   ADAPTIVE),
        (&COUNT,     "claude-opus-4-5(high)",   "claude-opus-4-5", HIGH_BUDGET),
        (&COUNT,     "claude-opus-5(none)",     "claude-opus-5",   DISABLED),
        (&CHAT,      "gpt-5(high)",             "gpt-5",           r#""reasoning_effort":"high","#),
        (&CHAT,      "gpt-5(8192)",             "gpt-5",           r#""reasoning_effort":"medium","#),
        (&CHAT,      "gpt-5(none)",             "gpt-5",           r#""reasoning_effort":"none","#),
        (&CHAT,      "gpt-5(auto)",             "gpt-5",           ""),
        (&RESPONSES, "gpt-5-codex(high)",       "gpt-5-codex",     r#""reasoning":{"effort":"high"},"#),
        (&RESPONSES, "gpt-5-codex(XHigh)",      "gpt-5-codex",     r#""reasoning":{"effort":"xhigh"},"#),
        (&RESPONSES, "gpt-5-codex(8192)",       "gpt-5-codex",     r#""reasoning":{"effort":"medium"},"#),
        (&RESPONSES, "gpt-5-codex(none)",       "gpt-5-codex",     r#""reasoning":{"effort":"none"},"#),
        (&RESPONSES, "gpt-5-codex(-1)",         "gpt-5-codex",     ""),
        (&RESPONSES, "gpt-5-codex(turbo)",      "gpt-5-codex(turbo)", ""),
    ];
    let stub = json_stub().await;
    let gateway = gateway_before(&stub).await;
    for (doors, asked, reaches, setting) in cases {
        for door in doors {
            let number = stub.requests().len();
            let response = gateway.post_json(door, body("", asked)).await;
            let case = format!("{asked} at {door}: {}", response.text());
            assert_eq!(response.field("x-ampgate-route"), Some("local"), "{case}");
            let seen = stub.request(number).await;
            assert_same(&seen.body, body(setting, reaches).as_bytes(), &case);
        }
    }
}

#[actix_web::test]
async fn a_suffix_in_a_gemini_path_becomes_a_setting_in_the_body() {
    let config =
        |setting: &str| format!(r#""generationConfig":{{"thinkingConfig":{{{setting}}}}}"#);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // asked,                                          behind `models/`,                          setting,                        why
        ("gemini-2.5-pro(high):generateContent?x=%2F",     "gemini-2.5-pro:generateContent?x=%2F",    config(r#""thinkingBudget":24576"#), "a budget"),
        ("gemini-2.5-pro(8192):streamGenerateContent",     "gemini-2.5-pro:streamGenerateContent",    config(r#""thinkingBudget":8192"#),  "as written"),
        ("gemini-2.5-flash%28none%29%3AgenerateContent",   "gemini-2.5-flash%3AgenerateContent",      config(r#""thinkingBudget":0"#),     "encoded parentheses"),
        ("gemini-2.5-pro(auto):generateContent",           "gemini-2.5-pro:generateContent",          config(r#""thinkingBudget":-1"#),    "Google's word for it"),
        ("gemini-3-pro-preview(high):generateContent",     "gemini-3-pro-preview:generateContent",    config(r#""thinkingLevel":"HIGH""#), "a level"),
        ("gemini-3-pro-preview%20(8192):generateContent",  "gemini-3-pro-preview:generateContent",    config(r#""thinkingLevel":"HIGH""#), "its level, a blank between"),
        ("gemini-3-pro-preview(none):generateContent",     "gemini-3-pro-preview:generateContent",    config(r#""thinkingLevel":"LOW""#),  "as little as can be"),
        ("gemini-3-pro-preview(auto):generateContent",     "gemini-3-pro-preview:generateContent",    String::new(),                      "the model decides"),
        ("gemini-2.5-pro(high):countTokens",               "gemini-2.5-pro:countTokens",              String::new(),                      "counting knows no thinking"),
        ("gemini-2.5-pro(high):embedContent",              "gemini-2.5-pro:embedContent",             String::new(),                      "nor does embedding"),
        ("gemini-2.5-pro:generateContent",                 "gemini-2.5-pro:generateContent",          String::new(),                      "no suffix"),
        ("gemini-2.5-pro(beta):generateContent",           "gemini-2.5-pro(beta):generateContent",    String::new(),                      "no setting, so a name"),
    ];
    let stub = json_stub().await;
    let gateway = gateway_before(&stub).await;
    for (asked, behind, setting, why) in cases {
        for door in GEMINI {
            let number = stub.requests().len();
            let response = gateway.post_json(&format!("{door}{asked}"), gemini_body("")).await;
            let case = format!("{door}{asked}: {why}: {}", response.text());
            assert_eq!(response.status, 200, "{case}");
            let seen = stub.request(number).await;
            let version = if door == "/v1/models/" { "v1" } else { "v1beta" };
            assert_eq!(seen.target, format!("/{version}/models/{behind}"), "{case}");
            assert_same(&seen.body, gemini_body(&setting).as_bytes(), &case);
        }
    }
}

#[actix_web::test]
async fn the_suffix_wins_over_the_body() {
    let gemini = "/v1beta/models/gemini-3-pro-preview(low):generateContent";
    #[rustfmt::skip] // one case, one block
    let cases = [
        ("/v1/messages", r#"{"thinking":{"type":"enabled","budget_tokens":2000},"temperature":0.3,"model":"claude-opus-5(low)","output_config":{"effort":"max","format":{}}}"#,
            r#"{"thinking":{"type":"adaptive"},"model":"claude-opus-5","output_config":{"effort":"low","format":{}}}"#, "what excludes thinking goes"),
        ("/v1/messages", r#"{"model":"claude-opus-4-5(none)","thinking":{"type":"enabled","budget_tokens":2000},"temperature":0.3}"#,
            r#"{"model":"claude-opus-4-5","thinking":{"type":"disabled"},"temperature":0.3}"#, "off"),
        ("/v1/messages/count_tokens", r#"{"model":"claude-opus-4-5(1024)","thinking":{"type":"enabled","budget_tokens":2000}}"#,
            r#"{"model":"claude-opus-4-5","thinking":{"type":"enabled","budget_tokens":1024}}"#, "counting is of the same prompt"),
        ("/v1/chat/completions", r#"{"reasoning_effort" : "high","model":"gpt-5(minimal)","messages":[]}"#,
            r#"{"reasoning_effort" : "minimal","model":"gpt-5","messages":[]}"#, "in its place"),
        ("/v1/chat/completions", r#"{"reasoning_effort":"high","model":"gpt-5(auto)","messages":[]}"#,
            r#"{"model":"gpt-5","messages":[]}"#, "the model decides"),
        ("/v1/responses", r#"{"reasoning":{"effort":"high","summary":"auto"},"model":"gpt-5(low)"}"#,
            r#"{"reasoning":{"effort":"low","summary":"auto"},"model":"gpt-5"}"#, "the summary stays"),
        (gemini, r#"{"generationConfig":{"topK":4,"thinkingConfig":{"thinkingBudget":9,"includeThoughts":true}}}"#,
            r#"{"generationConfig":{"topK":4,"thinkingConfig":{"thinkingLevel":"LOW","includeThoughts":true}}}"#, "never both scales"),
    ];
    let stub = json_stub().await;
    let gateway = gateway_before(&stub).await;
    for (number, (target, sent, expected, why)) in cases.into_iter().enumerate() {
        let response = gateway.post_json(target, sent).await;
        assert_eq!(response.status, 200, "{why}: {}", response.text());
        assert_same(&stub.request(number).await.body, expected.as_bytes(), why);
    }
}

#[actix_web::test]
async fn a_body_is_sent_without_its_coding_only_when_a_suffix_changes_it() {
    let generate = "/v1beta/models/gemini-2.5-pro(high):generateContent";
    let count = "/v1beta/models/gemini-2.5-pro(high):countTokens";
    let plain = "/v1beta/models/gemini-2.5-pro:generateContent";
    let budget = r#""generationConfig":{"thinkingConfig":{"thinkingBudget":24576}}"#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                body,                          arrives decoded as,                                            why
        ("/v1/responses",         body("", "gpt-5-codex(high)"), Some(body(r#""reasoning":{"effort":"high"},"#, "gpt-5-codex")), "Codex compresses"),
        ("/v1/responses",         body("", "gpt-5-codex"),       None,                                                          "no suffix"),
        ("/v1/responses",         body("", "gpt-5-codex(x)"),    None,                                                          "a name"),
        ("/v1/chat/completions",  body("", "gpt-5(low)"),        Some(body(r#""reasoning_effort":"low","#, "gpt-5")),           "chat"),
        ("/v1/chat/completions",  body("", "gpt-5(auto)"),       Some(body("", "gpt-5")),                                       "only the name changes"),
        ("/v1/messages",          body("", "claude-opus-4-5(8192)"), Some(body(BUDGET, "claude-opus-4-5")),                     "messages"),
        (COUNT[1],                body("", "claude-opus-5"),     None,                                                          "no suffix"),
        (generate,                gemini_body(""),               Some(gemini_body(budget)),                                     "a suffix in the path"),
        (count,                   gemini_body(""),               None,                                                          "only the path changes"),
        (plain,                   gemini_body(""),               None,                                                          "no suffix"),
    ];
    let stub = json_stub().await;
    let gateway = gateway_before(&stub).await;
    for coding in ["zstd", "gzip"] {
        for (target, body, decoded, why) in &cases {
            let number = stub.requests().len();
            let sent = encoded(coding, body);
            let fields = [("content-encoding", coding), ("content-type", "application/json")];

            let response = gateway.request("POST", target, &fields, &sent).await;

            let case = format!("{coding}, {target}: {why}: {}", response.text());
            assert_eq!(response.status, 200, "{case}");
            let seen = stub.request(number).await;
            if let Some(text) = decoded {
                assert_same(&seen.body, text.as_bytes(), &case);
                assert_eq!(seen.field("content-encoding"), None, "{case}");
            } else {
                assert!(seen.body == sent, "another body: {case}");
                assert_eq!(seen.fields.all("content-encoding"), [coding], "{case}");
            }
            assert_eq!(seen.fields.all("content-type"), ["application/json"], "{case}");
        }
    }
}

#[actix_web::test]
async fn a_listed_name_that_ends_like_a_suffix_is_a_name() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // asked,            reaches,           effort,        why
        ("odd(high)",        Some("odd(high)"), "",            "listed"),
        ("ODD(High)",        Some("odd(high)"), "",            "listed, in any case"),
        ("odd(high)(low)",   Some("odd(high)"), "low",         "a suffix behind it"),
        ("alias(max)",       Some("real"),      "",            "an alias is a name too"),
        ("odd",              None,              "",            "nobody lists that"),
        ("odd(low)",         None,              "",            "nor what is left of that"),
    ];
    let stub = json_stub().await;
    let gateway = TestGateway::start(&format!(
        "{CLIENTS}ampcode: {{ upstream-url: '' }}\nopenai-api-key:\n  - {{ api-key: k, base-url: \
         '{}', models: [{{ name: odd(high) }}, {{ name: real, alias: alias(max) }}] }}\n",
        stub.origin
    ))
    .await;
    for (asked, reaches, effort, why) in cases {
        let number = stub.requests().len();
        let response = gateway.post_json(CHAT[0], body("", asked)).await;
        let Some(reaches) = reaches else {
            assert_eq!(response.status, 404, "{asked}: {why}");
            continue;
        };
        let setting = match effort {
            "" => String::new(),
            effort => format!(r#""reasoning_effort":"{effort}","#),
        };
        let case = format!("{asked}: {why}: {}", response.text());
        let seen = stub.request(number).await;
        assert_same(&seen.body, body(&setting, reaches).as_bytes(), &case);
    }
}

#[actix_web::test]
async fn an_older_completion_loses_the_suffix_and_gets_no_setting() {
    let stub = json_stub().await;
    let gateway = gateway_before(&stub).await;
    let targets = ["/v1/completions", "/api/provider/openai/v1/completions"];
    for (number, target) in targets.into_iter().enumerate() {
        let sent = r#"{"prompt":"p" , "n":1.0,"model":"gpt-5(high)"}"#;
        let response = gateway.post_json(target, sent).await;
        assert_eq!(response.status, 200, "{target}: {}", response.text());
        let expected = r#"{"prompt":"p" , "n":1.0,"model":"gpt-5"}"#;
        assert_same(&stub.request(number).await.body, expected.as_bytes(), target);
    }
}

#[actix_web::test]
async fn towards_amp_a_suffix_stays_where_it_is() {
    let amp = json_stub().await;
    let gateway = TestGateway::start(&format!(
        "{CLIENTS}ampcode: {{ upstream-url: '{}', upstream-api-key: team-key }}\n",
        amp.origin
    ))
    .await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (MESSAGES[1],  body("", "claude-opus-5(high)")),
        (COUNT[1],     body("", "claude-opus-5(high)")),
        (CHAT[1],      body("", "gpt-5(8192)")),
        (RESPONSES[1], body("", "gpt-5-codex(none)")),
        ("/api/provider/google/v1beta/models/gemini-2.5-pro(high):generateContent", gemini_body("")),
        ("/api/provider/google/v1beta1/publishers/google/models/gemini-2.5-pro%28auto%29:countTokens", gemini_body("")),
    ];
    for coding in [None, Some("zstd"), Some("gzip")] {
        for (target, body) in &cases {
            let number = amp.requests().len();
            let mut fields = vec![("content-type", "application/json")];
            fields.extend(coding.map(|coding| ("content-encoding", coding)));
            let sent = coding.map_or_else(|| body.clone().into_bytes(), |c| encoded(c, body));

            let response = gateway.request("POST", target, &fields, &sent).await;

            let case = format!("{coding:?}, {target}: {}", response.text());
            assert_eq!(response.field("x-ampgate-route"), Some("amp"), "{case}");
            let seen = amp.request(number).await;
            assert_eq!(seen.target, *target, "{case}");
            assert!(seen.body == sent, "another body: {case}");
            assert_eq!(seen.field("content-encoding"), coding, "{case}");
        }
    }
}

#[actix_web::test]
async fn the_client_reads_back_the_suffix_it_wrote() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                 asked,                    answer,                                          becomes
        ("/v1/messages",           "claude-opus-5(high)",    r#"{"n":1.0,"model":"claude-opus-5-20260101"}"#, r#"{"n":1.0,"model":"claude-opus-5(high)"}"#),
        ("/v1/messages",           "claude-opus-5",          r#"{"n":1.0,"model":"claude-opus-5-20260101"}"#, r#"{"n":1.0,"model":"claude-opus-5-20260101"}"#),
        ("/v1/chat/completions",   "gpt-5(8192)",            r#"{ "model":"gpt-5-2025-08-07"}"#,              r#"{ "model":"gpt-5(8192)"}"#),
        ("/v1/responses",          "gpt-5(none)",            r#"{"model":"gpt-5","output":[]}"#,              r#"{"model":"gpt-5(none)","output":[]}"#),
        ("/v1beta/models/gemini-2.5-pro(auto):generateContent", "gemini-2.5-pro(auto)", r#"{"modelVersion":"gemini-2.5-pro"}"#, r#"{"modelVersion":"gemini-2.5-pro(auto)"}"#),
    ];
    for (target, asked, answer, expected) in cases {
        let stub = StubUpstream::replying(200, "application/json", answer).await;
        let gateway = gateway_before(&stub).await;
        let response = gateway.post_json(target, body("", asked)).await;
        assert_same(&response.body, expected.as_bytes(), asked);
    }
}
