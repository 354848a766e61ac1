//! A model that a mapping leads elsewhere: which mapping it is, what the provider gets, and that the
//! client reads the name it asked for, with nothing else changed.

use crate::support::{
    EXCHANGES, GatewayProcess, Response, Script, StubUpstream, TestGateway, assert_same,
    assert_unchanged, json_fixture, player, renamed, request_for, script_of, stream_script,
    streams, target_for,
};

const CLIENTS: &str = "api-keys: [{ name: alice, key: client-key-1 }]\n";

const MESSAGES: &str = "/api/provider/anthropic/v1/messages";

/// What no gateway that parses and prints again would hand over as it came.
fn body_for(model: &str) -> String {
    format!(
        "{{ \"n\":12345678901234567890,\"x\":1,\"x\":2.50 ,\n\"nested\":{{\"model\":\"{model}\"}},\
         \"model\" :\t\"{model}\" ,\"messages\":[] }}\r\n"
    )
}

/// The same with another model, the nested one left alone.
fn body_renamed(model: &str, renamed: &str) -> String {
    let (old, new) = (format!("\t\"{model}\""), format!("\t\"{renamed}\""));
    body_for(model).replace(&old, &new)
}

async fn json_stub() -> StubUpstream {
    StubUpstream::replying(200, "application/json", "{}").await
}

fn ampcode(amp: Option<&StubUpstream>, mappings: &str, more: &str) -> String {
    let origin = amp.map_or("", |amp| amp.origin.as_str());
    format!(
        "{CLIENTS}ampcode:\n  upstream-url: '{origin}'\n  upstream-api-key: team-key\n{more}  \
         model-mappings:\n{mappings}"
    )
}

fn credential(list: &str, stub: &StubUpstream, models: &str) -> String {
    let origin = &stub.origin;
    format!("{list}: [{{ api-key: provider-key, base-url: '{origin}', models: [{models}] }}]\n")
}

fn route_of(response: &Response) -> [Option<&str>; 2] {
    [response.field("x-ampgate-route"), response.field("x-ampgate-provider")]
}

/// Patterns stand before the exact name that must win against them.
const MAPPINGS: &str = r"
    - { from: '^exact', to: glm-5, regex: true }
    - { from: ' Exact-Name ', to: kimi-k2 }
    - { from: opus, to: kimi-k2, regex: true }
    - { from: claude, to: glm-5, regex: true }
    - { from: by-alias, to: NICK }
    - { from: first, to: second }
    - { from: second, to: kimi-k2 }
    - { from: chat-or-kimi, to: nobodys-either }
    - { from: '^chat-or', to: nobodys, regex: true }
    - { from: 'or-kimi$', to: kimi-k2, regex: true }
    - { from: only-nobodys, to: nobodys }
    - { from: to-chat, to: gpt-5 }
    - { from: own, to: kimi-k2 }
";

const ANTHROPIC_MODELS: &str =
    "{ name: kimi-k2 }, { name: glm-5 }, { name: vendor/real, alias: nick }, { name: own }";

#[actix_web::test]
async fn a_model_goes_where_the_first_mapping_leads_that_somebody_serves() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // asked,            reaches,        paid by,  why
        ("exact-name",       "kimi-k2",      "mapped", "an exact name is above an earlier pattern"),
        ("EXACT-Name",       "kimi-k2",      "mapped", "case is no matter"),
        (" exact-name\\n ",  "kimi-k2",      "mapped", "white space around a name is no part of it"),
        ("exact-names",      "glm-5",        "mapped", "an exact name is no beginning; the pattern is"),
        ("my-claude-opus",   "kimi-k2",      "mapped", "the first of two patterns, anywhere in the name"),
        ("Claude-OPUS-5",    "kimi-k2",      "mapped", "in any case"),
        ("claude-sonnet-5",  "glm-5",        "mapped", "the second pattern, as the first does not fit"),
        ("not-exact",        "not-exact",    "amp",    "a pattern may be anchored"),
        ("by-alias",         "vendor/real",  "mapped", "the target is what clients call a model here"),
        ("first",            "first",        "amp",    "a target is not mapped again"),
        ("second",           "kimi-k2",      "mapped", "but for who asks for it"),
        ("chat-or-kimi",     "kimi-k2",      "mapped", "two targets that nobody serves"),
        ("only-nobodys",     "only-nobodys", "amp",    "no other mapping fits"),
        ("own",              "own",          "local",  "what we serve by its name is not mapped"),
        ("kimi-k2",          "kimi-k2",      "local",  "a target under its own name"),
        ("unknown",          "unknown",      "amp",    "no mapping fits"),
    ];
    let (amp, claude) = (json_stub().await, json_stub().await);
    let gateway = TestGateway::start(
        &(ampcode(Some(&amp), MAPPINGS, "")
            + &credential("claude-api-key", &claude, ANTHROPIC_MODELS)),
    )
    .await;
    for (asked, reaches, paid_by, why) in cases {
        let stub = if paid_by == "amp" { &amp } else { &claude };
        let number = stub.requests().len();

        let response = gateway.post_json(MESSAGES, body_for(asked)).await;

        assert_eq!(response.status, 200, "{asked}: {why}: {}", response.text());
        let provider = if paid_by == "amp" { "amp" } else { "claude" };
        assert_eq!(route_of(&response), [Some(paid_by), Some(provider)], "{asked}: {why}");
        let seen = stub.request(number).await;
        let case = format!("{asked}: {why}");
        assert_same(&seen.body, body_renamed(asked, reaches).as_bytes(), &case);
    }
}

#[actix_web::test]
async fn a_target_that_nobody_serves_here_does_not_hide_the_error_of_a_direct_call() {
    let (claude, openai) = (json_stub().await, json_stub().await);
    let gateway = TestGateway::start(
        &(ampcode(None, MAPPINGS, "")
            + &credential("claude-api-key", &claude, ANTHROPIC_MODELS)
            + &credential("openai-api-key", &openai, "{ name: gpt-5 }")),
    )
    .await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // asked,      target,                 status, why
        ("only-nobodys", "/v1/messages",       404,    "nobody serves its target"),
        ("only-nobodys", MESSAGES,             404,    "there is no Amp server either"),
        ("first",      "/v1/messages",         404,    "a target is not mapped again"),
        ("to-chat",    "/v1/chat/completions", 200,    "its target is served"),
        ("second",     "/v1/messages",         200,    "mappings are for direct calls too"),
    ];
    for (asked, target, status, why) in cases {
        let response = gateway.post_json(target, body_for(asked)).await;
        let case = format!("{asked} at {target}: {why}: {}", response.text());
        assert_eq!(response.status, status, "{case}");
        let route = response.field("x-ampgate-route");
        assert_eq!(route, (status == 200).then_some("mapped"), "{case}");
        if status == 404 {
            let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(&format!("`{asked}`")), "the name it asked for: {case}");
        }
    }
    assert_eq!((claude.requests().len(), openai.requests().len()), (1, 1));
}

#[actix_web::test]
async fn forced_mappings_are_asked_before_our_own_credentials() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // asked,      reaches,    paid by,  why
        ("own",        "kimi-k2",  "mapped", "although it is served by its name"),
        ("glm-5",      "glm-5",    "local",  "no mapping fits"),
        ("only-chat",  "only-chat", "local", "the target is not served in this dialect"),
        ("unknown",    "unknown",  "amp",    "neither"),
    ];
    let (amp, claude) = (json_stub().await, json_stub().await);
    let forced = ampcode(Some(&amp), MAPPINGS, "  force-model-mappings: true\n");
    let models = format!("{ANTHROPIC_MODELS}, {{ name: only-chat }}");
    let gateway =
        TestGateway::start(&(forced + &credential("claude-api-key", &claude, &models))).await;
    for (asked, reaches, paid_by, why) in cases {
        let stub = if paid_by == "amp" { &amp } else { &claude };
        let number = stub.requests().len();
        let response = gateway.post_json(MESSAGES, body_for(asked)).await;
        assert_eq!(response.field("x-ampgate-route"), Some(paid_by), "{asked}: {why}");
        let seen = stub.request(number).await;
        assert_same(&seen.body, body_renamed(asked, reaches).as_bytes(), why);
    }
}

#[actix_web::test]
async fn a_suffix_is_kept_unless_the_target_has_its_own() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // asked,           reaches,      thinks,         why
        ("plain(high)",     "gpt-5",      Some("high"),   "kept"),
        ("PLAIN (8192)",    "gpt-5",      Some("medium"), "kept, as the level of its budget"),
        ("plain",           "gpt-5",      None,           "there is none"),
        ("low",             "gpt-5",      Some("low"),    "the target's"),
        ("low(high)",       "gpt-5",      Some("low"),    "the target's wins"),
        ("exact(max)",      "gpt-6",      Some("max"),    "a mapping for this suffix alone"),
        ("to-odd",          "odd(high)",  None,           "a name that holds parentheses"),
        ("to-odd(low)",     "odd(high)",  Some("low"),    "the suffix behind that name's mapping"),
        ("any-regex(high)", "gpt-5",      Some("high"),   "patterns keep it too"),
    ];
    let mappings = r"
    - { from: plain, to: gpt-5 }
    - { from: low, to: gpt-5(low) }
    - { from: exact(max), to: gpt-6 }
    - { from: to-odd, to: odd(high) }
    - { from: '-regex$', to: gpt-5, regex: true }
";
    let openai = json_stub().await;
    let models = "{ name: gpt-5 }, { name: gpt-6 }, { name: odd(high) }";
    let credential = credential("openai-api-key", &openai, models);
    let gateway = TestGateway::start(&(ampcode(None, mappings, "") + &credential)).await;
    for (number, (asked, reaches, thinks, why)) in cases.into_iter().enumerate() {
        let response = gateway.post_json("/v1/chat/completions", body_for(asked)).await;
        let case = format!("{asked}: {why}: {}", response.text());
        assert_eq!(response.field("x-ampgate-route"), Some("mapped"), "{case}");
        let mut expected = body_renamed(asked, reaches);
        if let Some(effort) = thinks {
            expected.insert_str(1, &format!("\"reasoning_effort\":\"{effort}\","));
        }
        assert_same(&openai.request(number).await.body, expected.as_bytes(), &case);
    }
    for (asked, why) in [("exact", "without its suffix"), ("plain(beta)", "no setting, so a name")]
    {
        let response = gateway.post_json("/v1/chat/completions", body_for(asked)).await;
        assert_eq!(response.status, 404, "{asked}: {why}");
    }
}

#[actix_web::test]
async fn a_gemini_model_is_mapped_in_the_path_and_nothing_else_changes() {
    const DIRECT: &str = "/v1beta/models";
    const VERTEX: &str = "/api/provider/google/v1beta1/publishers/google/models";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                                          behind the provider's `models/`,                why
        (format!("{DIRECT}/gemini-old:generateContent?alt=sse&x=%2F&&"),   "gemini-2.5-pro:generateContent?alt=sse&x=%2F&&", "v1beta, its query kept"),
        (format!("{DIRECT}/Gemini-OLD:streamGenerateContent?alt=sse"),     "gemini-2.5-pro:streamGenerateContent?alt=sse",  "in any case"),
        (format!("{DIRECT}/gemini-old%3AcountTokens"),                     "gemini-2.5-pro%3AcountTokens",                  "an encoded colon stays one"),
        ("/v1/models/gemini-old:embedContent".to_owned(),                  "gemini-2.5-pro:embedContent",                   "v1"),
        (format!("{VERTEX}/gemini-old:generateContent"),                   "gemini-2.5-pro:generateContent",                "v1beta1"),
        (format!("{VERTEX}/gemini-old%3astreamGenerateContent?alt=sse"),   "gemini-2.5-pro%3astreamGenerateContent?alt=sse", "v1beta1, an encoded colon"),
        ("/api/provider/google/v1beta/models/gemini-old:generateContent".to_owned(), "gemini-2.5-pro:generateContent",      "Amp's door"),
        (format!("{DIRECT}/team/old:generateContent"),                     "gemini-2.5-pro:generateContent",                "a slash in the name"),
        (format!("{DIRECT}/team%2Fold:generateContent"),                   "gemini-2.5-pro:generateContent",                "an encoded slash"),
        (format!("{DIRECT}/to-tuned:generateContent"),                     "tuned/my%20model:generateContent",              "a slash and a blank in the target"),
    ];
    let mappings = r"
    - { from: gemini-old, to: gemini-2.5-pro }
    - { from: team/old, to: gemini-2.5-pro }
    - { from: to-tuned, to: nick }
";
    let models = "{ name: gemini-2.5-pro }, { name: tuned/my model, alias: nick }";
    let body = br#"{"model":"gemini-old" ,"n":1.0, "contents":[]}"#;
    for list in ["gemini-api-key", "vertex-api-key"] {
        let stub = json_stub().await;
        let yaml = ampcode(None, mappings, "") + &credential(list, &stub, models);
        let gateway = TestGateway::start(&yaml).await;
        for (number, (target, behind, why)) in cases.iter().enumerate() {
            let response = gateway.post_json(target, body).await;
            let case = format!("{list} {target}: {why}: {}", response.text());
            let provider = list.trim_end_matches("-api-key");
            assert_eq!(route_of(&response), [Some("mapped"), Some(provider)], "{case}");
            let seen = stub.request(number).await;
            let expected = match (list, target.starts_with("/v1/")) {
                ("gemini-api-key", true) => format!("/v1/models/{behind}"),
                ("gemini-api-key", false) => format!("/v1beta/models/{behind}"),
                (_, true) => format!("/v1/publishers/google/models/{behind}"),
                (_, false) => format!("/v1beta1/publishers/google/models/{behind}"),
            };
            assert_eq!(seen.target, expected, "{case}");
            assert_same(&seen.body, body, &case);
        }
    }
}

/// What the client asks for in the tests below, and what the mapping makes of it.
const ASKED: &str = "Team/Model-of-the-Month(high)";
const MAPPING: &str = "    - { from: '^team/', to: upstream-model, regex: true }\n";

/// A gateway whose providers serve nothing by the name that clients use.
async fn mapped(stub: &StubUpstream) -> TestGateway {
    let yaml = ["claude-api-key", "openai-api-key", "gemini-api-key"]
        .map(|list| credential(list, stub, "{ name: upstream-model }"))
        .concat();
    // Answers are passed on as they are, errors included.
    let once = "request-retry: 0\ndisable-cooling: true\n";
    TestGateway::start(&(ampcode(None, MAPPING, "") + once + &yaml)).await
}

#[actix_web::test]
async fn the_client_reads_its_own_name_in_every_json_answer() {
    let (stub, stage) = player().await;
    let gateway = mapped(&stub).await;
    for path in EXCHANGES.into_iter().filter(|path| !path.contains("count-tokens")) {
        let exchange = json_fixture(path);
        let mut script = script_of(&exchange["response"]);
        let target = target_for(path, exchange["request"]["path"].as_str().unwrap(), ASKED);
        for pieces in [None, Some(vec![1; script.body.len()])] {
            script.pieces = pieces;
            stage.replace(script.clone());
            let answer = gateway.post_json(&target, request_for(ASKED)).await;
            assert_eq!(answer.field("x-ampgate-route"), Some("mapped"), "{path}");
            let body = renamed(&script.body, path, ASKED);
            assert_unchanged(&answer, &Script { body, ..script.clone() }, path);
        }
    }
}

#[actix_web::test]
async fn the_client_reads_its_own_name_in_every_event_of_every_stream() {
    let (stub, stage) = player().await;
    let gateway = mapped(&stub).await;
    // It fails before it names a model.
    let names_a_model = |path: &str| !path.contains("r07");
    for (path, target, _) in streams().filter(|(path, ..)| names_a_model(path)) {
        let mut script = stream_script(path);
        let body = renamed(&script.body, path, ASKED);
        let target = target_for(path, target, ASKED);
        for size in [1, 11, script.body.len()] {
            script.pieces = Some(vec![size; script.body.len() / size]);
            stage.replace(script.clone());
            let answer = gateway.post_json(&target, request_for(ASKED)).await;
            assert_eq!(answer.field("x-ampgate-route"), Some("mapped"), "{path}");
            let expected = Script { body: body.clone(), ..script.clone() };
            assert_unchanged(&answer, &expected, &format!("{path} in pieces of {size}"));
        }
    }
}

#[actix_web::test]
async fn the_client_reads_its_own_name_wherever_a_stream_is_cut() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // sample,                                       target,                           content type
        ("anthropic/a11-error-midstream.stream.sse",     "/v1/messages",                   "text/event-stream"),
        ("openai-chat/c07-error-midstream.stream.sse",   "/v1/chat/completions",           "text/event-stream"),
        ("openai-completions/p01-completion.stream.sse", "/v1/completions",                "text/event-stream"),
        ("openai-responses/r05-failed.stream.sse",       "/v1/responses",                  "text/event-stream"),
        ("gemini/g02-text.stream.sse",                   ":streamGenerateContent?alt=sse", "text/event-stream"),
        ("gemini/g06-stream-array.json",                 ":streamGenerateContent",         "application/json"),
    ];
    let (stub, stage) = player().await;
    let gateway = mapped(&stub).await;
    let mut client = gateway.connect().await;
    let fields = [("x-api-key", "client-key-1"), ("content-type", "application/json")];
    for (path, target, content_type) in cases {
        let mut script = stream_script(path);
        script.fields = vec![("content-type".to_owned(), content_type.to_owned())];
        let body = renamed(&script.body, path, ASKED);
        let target = target_for(path, target, ASKED);
        for cut in 1..script.body.len() {
            script.pieces = Some(vec![cut]);
            stage.replace(script.clone());
            client.send("POST", &target, &fields, request_for(ASKED).as_bytes()).await;
            let answer = client.response().await;
            let expected = Script { body: body.clone(), ..script.clone() };
            assert_unchanged(&answer, &expected, &format!("{path} cut at {cut}"));
        }
    }
}

#[actix_web::test]
async fn a_mapped_answer_is_asked_for_without_a_coding() {
    let stub = json_stub().await;
    let gateway = mapped(&stub).await;
    let fields = [("accept-encoding", "br, gzip"), ("content-type", "application/json")];
    for (number, model) in [ASKED, "upstream-model"].into_iter().enumerate() {
        gateway.request("POST", "/v1/messages", &fields, request_for(model)).await;
        let asked_for = if model == ASKED { "identity" } else { "br, gzip" };
        assert_eq!(
            stub.request(number).await.fields.all("accept-encoding"),
            [asked_for],
            "{model}"
        );
    }
}

#[actix_web::test]
async fn the_log_says_that_a_call_was_mapped_and_what_was_asked_for() {
    let stub = json_stub().await;
    let credential = credential("claude-api-key", &stub, "{ name: upstream-model }");
    let mut gateway = GatewayProcess::start(&(ampcode(None, MAPPING, "") + &credential));
    let mut client = gateway.connect().await;
    let fields = [("x-api-key", "client-key-1")];
    client.send("POST", MESSAGES, &fields, request_for(ASKED).as_bytes()).await;
    assert_eq!(client.response().await.status, 200);

    let line = gateway.log_line_with(r#""message":"request""#);

    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    for (name, value) in [("paid_by", "mapped"), ("model", ASKED), ("upstream.name", "claude")] {
        assert_eq!(line[name], value, "{name}: {line}");
    }
}
