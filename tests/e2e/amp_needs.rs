//! What Amp's own clients need of answers that are not Amp's: on `/api/provider/*` and in Anthropic
//! Messages only. Every other byte crosses, and every other client gets what was said.

use serde_json::Value;

use crate::support::{
    Client, Response, Script, StubUpstream, TestGateway, assert_same, assert_unchanged, encoded,
    json_fixture, player, script_of, stream_script,
};

const CLIENTS: &str = "api-keys: [{ name: alice, key: client-key-1 }]\n";

const AMP: &str = "/api/provider/anthropic/v1/messages";
const DIRECT: &str = "/v1/messages";

/// One credential for a model of Claude's maker and one of another's, and names that are mapped to
/// each. Answers are passed on as they are, errors included.
async fn gateway_before(provider: &StubUpstream, amp: Option<&StubUpstream>) -> TestGateway {
    TestGateway::start(&format!(
        "{CLIENTS}request-retry: 0\ndisable-cooling: true\n\
         ampcode:\n  upstream-url: '{}'\n  upstream-api-key: team-key\n  model-mappings:\n    \
         - {{ from: claude-elsewhere, to: kimi-k2 }}\n    - {{ from: claude-old, to: claude-new }}\n\
         claude-api-key:\n  - {{ api-key: provider-key, base-url: '{}', models: [ \
         {{ name: claude-new }}, {{ name: kimi-k2 }}, {{ name: kimi-k2, alias: claude-alias }} ] }}\n\
         openai-api-key: [{{ api-key: provider-key, base-url: '{}' }}]\n",
        amp.map_or("", |amp| amp.origin.as_str()),
        provider.origin,
        provider.origin,
    ))
    .await
}

/// A request that lists the tools of the tests: two of Amp's, one of a team's, and two that differ in
/// nothing but case.
fn request(model: &str) -> String {
    let tools = ["Bash", "glob", "edit_FILE", "Same", "SAME"]
        .map(|name| format!(r#"{{"name":"{name}","input_schema":{{}}}}"#))
        .join(",");
    format!(r#"{{"model":"{model}","tools":[{tools}],"messages":[]}}"#)
}

#[rustfmt::skip] // columns are easier to proofread
const BLOCKS: [(&str, &str, &str); 13] = [
    // block,                                                           becomes,                                                                     why
    (r#"{"type":"tool_use","id":"t","name":"Bash","input":{}}"#,        r#"{"signature":"","type":"tool_use","id":"t","name":"Bash","input":{}}"#,   "no signature"),
    (r#"{"type":"thinking","thinking":"a"}"#,                           r#"{"signature":"","type":"thinking","thinking":"a"}"#,                      "no signature"),
    (r#"{"type":"thinking","thinking":"a", "signature" : null}"#,       r#"{"type":"thinking","thinking":"a", "signature" : ""}"#,                   "null has no length"),
    (r#"{"type":"thinking","thinking":"a","signature":"EqkB=="}"#,      r#"{"type":"thinking","thinking":"a","signature":"EqkB=="}"#,                "signed"),
    (r#"{"type":"redacted_thinking","data":"Em"}"#,                     r#"{"type":"redacted_thinking","data":"Em"}"#,                               "has data instead"),
    (r#"{"type":"tool_use","signature":"","name":"bash","input":{}}"#,  r#"{"type":"tool_use","signature":"","name":"Bash","input":{}}"#,            "as the request lists it"),
    (r#"{"type":"tool_use","signature":"","name":"Glob","input":{}}"#,  r#"{"type":"tool_use","signature":"","name":"glob","input":{}}"#,            "lower case may be right"),
    (r#"{"type":"tool_use","signature":"","name":"Edit_File"}"#,        r#"{"type":"tool_use","signature":"","name":"edit_FILE"}"#,                  "a team's own tool"),
    (r#"{"type":"tool_use","signature":"","name":"same"}"#,             r#"{"type":"tool_use","signature":"","name":"same"}"#,                       "two are listed: hands off"),
    (r#"{"type":"tool_use","signature":"","name":"READ"}"#,             r#"{"type":"tool_use","signature":"","name":"Read"}"#,                       "not listed: Amp's own"),
    (r#"{"type":"tool_use","signature":"","name":"Unknown"}"#,          r#"{"type":"tool_use","signature":"","name":"Unknown"}"#,                    "neither"),
    (r#"{"type":"text","text":"\"tool_use\" \u00e9"}"#,                 r#"{"type":"text","text":"\"tool_use\" \u00e9"}"#,                           "a text about it"),
    (r#"{"type":"server_tool_use","name":"bash","n":1.0}"#,             r#"{"type":"server_tool_use","name":"bash","n":1.0}"#,                       "not run by Amp"),
];

/// A whole answer, in an order and with numbers that no parser keeps.
fn message(model: &str, blocks: &[&str]) -> String {
    format!(
        "{{\"usage\":{{\"n\":12345678901234567890}}, \"model\":\"{model}\",\"content\":[ {} ] ,\
         \"x\":1.50,\"type\":\"message\"}}\n",
        blocks.join(" , ")
    )
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {{\"type\":\"{name}\",{data}}}\n\n")
}

fn begin(model: &str) -> String {
    let message = format!(r#""message":{{"n":1.0,"model":"{model}","content":[]}}"#);
    event("message_start", &message)
}

fn block_start(block: &str) -> String {
    event("content_block_start", &format!(r#""index":0, "content_block":{block}"#))
}

/// The same as a stream.
fn stream(model: &str, blocks: &[&str]) -> String {
    let blocks = blocks.iter().map(|block| {
        let delta =
            r#""index":0,"delta":{"type":"input_json_delta","partial_json":"{\"name\":\"bash\""}"#;
        block_start(block)
            + ": alive\n\n"
            + &event("content_block_delta", delta)
            + &event("content_block_stop", r#""index":0"#)
    });
    begin(model) + &blocks.collect::<String>() + &event("message_stop", r#""x":1.50"#)
}

fn script(content_type: &str, body: &str, pieces: Option<Vec<usize>>) -> Script {
    let fields = vec![("content-type".to_owned(), content_type.to_owned())];
    Script { status: 200, fields, body: body.as_bytes().to_vec(), pieces }
}

async fn ask(client: &mut Client, target: &str, body: &str) -> Response {
    let fields = [("x-api-key", "client-key-1"), ("content-type", "application/json")];
    client.send("POST", target, &fields, body.as_bytes()).await;
    client.response().await
}

#[actix_web::test]
async fn amp_gets_what_it_needs_of_a_block_and_a_direct_client_what_was_said() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, None).await;
    let mut client = gateway.connect().await;
    let text = r#"{"type":"text","text":"t"}"#;
    for (block, becomes, why) in BLOCKS {
        let whole = [block, becomes].map(|block| message("claude-new", &[text, block]));
        let streamed = [block, becomes].map(|block| stream("claude-new", &[text, block]));
        for (content_type, [said, adapted]) in
            [("application/json", &whole), ("text/event-stream; charset=utf-8", &streamed)]
        {
            for pieces in [None, Some(vec![1; said.len()])] {
                let played = script(content_type, said, pieces);
                stage.replace(played.clone());
                let case = format!("{content_type}, {block}: {why}");

                let amp = ask(&mut client, AMP, &request("claude-new")).await;
                let direct = ask(&mut client, DIRECT, &request("claude-new")).await;

                let body = adapted.as_bytes().to_vec();
                assert_unchanged(&amp, &Script { body, ..played.clone() }, &case);
                assert_unchanged(&direct, &played, &format!("direct: {case}"));
            }
        }
    }
    assert_eq!(stub.connections(), 1, "no answer has left its connection unusable");
}

#[actix_web::test]
async fn only_the_length_of_an_answer_that_is_adapted_is_unknown() {
    let said = message("claude-new", &[BLOCKS[0].0]);
    let stub = StubUpstream::replying(200, "application/json", said.clone()).await;
    let gateway = gateway_before(&stub, None).await;

    let amp = gateway.post_json(AMP, request("claude-new")).await;
    let direct = gateway.post_json(DIRECT, request("claude-new")).await;

    assert_eq!(amp.field("content-length"), None, "it is not what the provider said");
    assert_eq!(amp.field("transfer-encoding"), Some("chunked"));
    assert_eq!(amp.body.len(), said.len() + r#""signature":"","#.len());
    assert_eq!(direct.field("content-length"), Some(said.len().to_string().as_str()));
}

#[actix_web::test]
async fn amp_gets_what_it_needs_wherever_a_stream_is_cut() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, None).await;
    let mut client = gateway.connect().await;
    let of = |index: usize| BLOCKS[index];
    let (thinking, tool) = (of(1), of(5));
    for line_end in ["\n", "\r\n"] {
        let said = stream("kimi-k2", &[thinking.0, tool.0]).replace('\n', line_end);
        let adapted = stream("claude-elsewhere", &[thinking.1, tool.1]).replace('\n', line_end);
        for cut in 1..said.len() {
            let played = script("text/event-stream", &said, Some(vec![cut]));
            stage.replace(played.clone());
            let answer = ask(&mut client, AMP, &request("claude-elsewhere")).await;
            let body = adapted.as_bytes().to_vec();
            assert_unchanged(&answer, &Script { body, ..played }, &format!("cut at {cut}"));
        }
    }
}

#[actix_web::test]
async fn real_streams_need_nothing_but_a_signature_at_their_tools() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, None).await;
    let mut client = gateway.connect().await;
    for path in ["a02-text", "a04-tools-parallel", "a05-thinking-tool", "a11-error-midstream"] {
        let mut played = stream_script(&format!("anthropic/{path}.stream.sse"));
        let said = String::from_utf8(played.body.clone()).unwrap();
        let signed = said.replace(
            r#""content_block":{"type":"tool_use""#,
            r#""content_block":{"signature":"","type":"tool_use""#,
        );
        assert_eq!(signed != said, path.contains("tool"), "{path}");
        for size in [1, 13, said.len()] {
            played.pieces = Some(vec![size; said.len() / size]);
            stage.replace(played.clone());
            let answer = ask(&mut client, AMP, &request("claude-new")).await;
            let body = signed.clone().into_bytes();
            assert_unchanged(&answer, &Script { body, ..played.clone() }, path);
        }
    }
}

#[actix_web::test]
async fn thinking_goes_only_when_a_mapping_crossed_makers_and_a_tool_is_used() {
    const THINKING: &str = r#"{"type":"thinking","thinking":"a","signature":"Eq"}"#;
    const REDACTED: &str = r#"{"type":"redacted_thinking","data":"Em"}"#;
    const TEXT: &str = r#"{"type":"text","text":"t"}"#;
    const TOOL: &str = r#"{"signature":"","type":"tool_use","name":"Bash"}"#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &str, &str, &[&str], bool, &str); 8] = [
        // door, asked,              answered by,  blocks,                              goes,  why
        (AMP,    "claude-elsewhere", "kimi-k2",    &[THINKING, REDACTED, TEXT, TOOL],   true,  "Kimi's thinking is foreign to Claude"),
        (AMP,    "claude-elsewhere", "kimi-k2",    &[TEXT, TOOL, THINKING],             true,  "wherever it stands"),
        (AMP,    "claude-elsewhere", "kimi-k2",    &[THINKING, REDACTED, TEXT],         false, "no tool is used"),
        (AMP,    "claude-old",       "claude-new", &[THINKING, REDACTED, TEXT, TOOL],   false, "one maker's models"),
        (AMP,    "kimi-k2",          "kimi-k2",    &[THINKING, REDACTED, TEXT, TOOL],   false, "not mapped"),
        (AMP,    "claude-alias",     "kimi-k2",    &[THINKING, REDACTED, TEXT, TOOL],   false, "an alias is no mapping"),
        (AMP,    "claude-new",       "claude-new", &[THINKING, REDACTED, TEXT, TOOL],   false, "the model that was asked for"),
        (DIRECT, "claude-elsewhere", "kimi-k2",    &[THINKING, REDACTED, TEXT, TOOL],   false, "no client of Amp's"),
    ];
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, None).await;
    let mut client = gateway.connect().await;
    for (door, asked, by, blocks, goes, why) in cases {
        let case = format!("{asked}: {why}");
        let is_thinking = |block: &&str| [THINKING, REDACTED].contains(block);
        let left: Vec<&str> =
            blocks.iter().copied().filter(|block| !(goes && is_thinking(block))).collect();
        stage.replace(script("application/json", &message(by, blocks), None));
        let answer = ask(&mut client, door, &request(asked)).await;
        assert_same(&answer.body, message(asked, &left).as_bytes(), &case);

        let said = stream(by, blocks);
        stage.replace(script("text/event-stream", &said, Some(Vec::new())));
        let answer = ask(&mut client, door, &request(asked)).await;
        assert_same(&answer.body, stream(asked, blocks).as_bytes(), &format!("a stream: {case}"));
    }
}

#[actix_web::test]
async fn answers_to_amp_are_asked_for_without_a_coding() {
    let amp = StubUpstream::replying(200, "application/json", "{}").await;
    let stub = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = gateway_before(&stub, Some(&amp)).await;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                      asked,        asks for,    why
        (AMP,                                           "claude-new", "identity",  "it may be changed"),
        (DIRECT,                                        "claude-new", "br, gzip",  "no client of Amp's"),
        ("/api/provider/anthropic/v1/messages/count_tokens", "claude-new", "br, gzip", "no blocks in it"),
        ("/api/provider/openai/v1/chat/completions",    "gpt-5",      "br, gzip",  "another dialect"),
        (AMP,                                           "claude-x",   "br, gzip",  "Amp's answers are made for Amp"),
    ];
    for (target, asked, asks_for, why) in cases {
        let upstream = if asked == "claude-x" { &amp } else { &stub };
        let number = upstream.requests().len();
        let fields = [("accept-encoding", "br, gzip"), ("content-type", "application/json")];
        gateway.request("POST", target, &fields, request(asked)).await;
        let seen = upstream.request(number).await;
        assert_eq!(seen.fields.all("accept-encoding"), [asks_for], "{target} {asked}: {why}");
    }
}

#[actix_web::test]
async fn what_cannot_or_need_not_be_adapted_crosses_byte_for_byte() {
    let bare = message("claude-new", &[BLOCKS[0].0]);
    let of = |fields: &[(&str, &str)], status, body: &[u8]| Script {
        status,
        fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: body.to_vec(),
        pieces: None,
    };
    let json = ("content-type", "application/json");
    let error =
        r#"{"type":"error","error":{"type":"x","message":"m"},"content":[{"type":"tool_use"}]}"#;
    let gzip = encoded("gzip", &bare);
    #[rustfmt::skip] // columns are easier to proofread
    let mut scripts = vec![
        (of(&[json, ("content-encoding", "gzip")], 200, &gzip),            "encoded although identity was asked for"),
        (of(&[json, ("content-encoding", "br")], 200, bare.as_bytes()),    "said to be encoded"),
        (of(&[("content-type", "text/plain")], 200, bare.as_bytes()),      "said to be no JSON"),
        (of(&[json], 400, error.as_bytes()),                               "an error, whatever stands in it"),
        (of(&[json], 529, bare.as_bytes()),                                "not a success"),
        (of(&[json], 200, &bare.as_bytes()[..bare.len() - 9]),             "no whole JSON"),
        (of(&[json], 200, b""),                                            "nothing"),
    ];
    let catalogue = json_fixture("anthropic/a10-errors.exchanges.json");
    let errors = catalogue["responses"].as_array().unwrap();
    scripts.extend(errors.iter().map(|response| (script_of(response), "a real error")));
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, None).await;
    let mut client = gateway.connect().await;
    for (played, why) in scripts {
        stage.replace(played.clone());
        let answer = ask(&mut client, AMP, &request("claude-new")).await;
        assert_unchanged(&answer, &played, why);
    }
}

#[actix_web::test]
async fn what_is_not_messages_or_is_amps_own_crosses_byte_for_byte() {
    let amp = StubUpstream::replying(200, "application/json", message("m", &[BLOCKS[0].0])).await;
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, Some(&amp)).await;
    let played = script("application/json", &message("m", &[BLOCKS[0].0]), None);
    stage.replace(played.clone());
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                           asked,        why
        ("/api/provider/anthropic/v1/messages/count_tokens", "claude-new", "no answer of a model"),
        ("/api/provider/openai/v1/chat/completions",         "gpt-5",      "another dialect"),
        ("/api/provider/openai/v1/responses",                "gpt-5",      "another dialect"),
        (AMP,                                                "claude-x",   "Amp knows its clients"),
    ];
    for (target, asked, why) in cases {
        let answer = gateway.post_json(target, request(asked)).await;
        assert_unchanged(&answer, &played, &format!("{target}: {why}"));
    }
    assert_eq!(amp.requests().len(), 1);
}

#[actix_web::test]
async fn gzip_that_does_not_say_so_is_adapted_as_well() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, None).await;
    let (block, becomes, _) = BLOCKS[5];
    let [whole, expected_whole] = [block, becomes].map(|block| message("claude-new", &[block]));
    let [events, expected_events] = [block, becomes].map(|block| stream("claude-new", &[block]));
    for (content_type, said, expected) in [
        ("application/json", whole, expected_whole),
        ("text/event-stream", events, expected_events),
    ] {
        let body = encoded("gzip", &said);
        for pieces in [None, Some(vec![1; body.len()])] {
            stage.replace(Script { body: body.clone(), ..script(content_type, "", pieces) });
            let answer = gateway.post_json(AMP, request("claude-new")).await;
            assert_same(&answer.body, expected.as_bytes(), content_type);
        }
    }
}

#[actix_web::test]
async fn an_error_in_a_stream_reaches_amp_as_the_provider_said_it() {
    let failed = event("error", r#""error":{"type":"overloaded_error","message":"m"}"#);
    let said = begin("claude-new") + &block_start(BLOCKS[0].0) + &failed;
    let expected = begin("claude-new") + &block_start(BLOCKS[0].1) + &failed;
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, None).await;
    stage.replace(script("text/event-stream", &said, Some(Vec::new())));
    let answer = gateway.post_json(AMP, request("claude-new")).await;
    assert_same(&answer.body, expected.as_bytes(), "an error event");
}

/// A provider that plays the beginning of an answer and then closes the connection.
async fn breaking(content_type: &'static str, said: String) -> StubUpstream {
    StubUpstream::answering(move |mut conversation| {
        let said = said.clone();
        async move {
            conversation.begin(200, &[("content-type", content_type)]).await;
            conversation.chunk(&said).await;
            None
        }
    })
    .await
}

#[actix_web::test]
async fn a_stream_that_breaks_within_a_block_start_gives_amp_what_came_and_then_an_error() {
    let (before, start) = (begin("kimi-k2"), block_start(BLOCKS[5].0));
    for cut in 1..start.len() {
        let said = before.clone() + &start[..cut];
        let stub = breaking("text/event-stream", said.clone()).await;
        let gateway = gateway_before(&stub, None).await;

        let answer = gateway.post_json(AMP, request("claude-elsewhere")).await;

        let came = said.replace("kimi-k2", "claude-elsewhere");
        let text = answer.text();
        let rest = text.strip_prefix(&came).unwrap_or_else(|| panic!("cut at {cut}: {text}"));
        let error = rest.strip_prefix("\n\n").unwrap_or_else(|| panic!("cut at {cut}: {rest}"));
        let data = error.strip_prefix("event: error\ndata: ").and_then(|d| d.strip_suffix("\n\n"));
        let data: Value = serde_json::from_str(data.unwrap_or_else(|| panic!("{error}"))).unwrap();
        assert_eq!(data["type"], "error", "cut at {cut}: {data}");
        assert!(data["error"]["message"].is_string(), "cut at {cut}: {data}");
    }
}

#[actix_web::test]
async fn a_whole_answer_that_breaks_gives_amp_what_came_and_no_orderly_end() {
    let whole = message("claude-new", &[BLOCKS[0].0]);
    let said = whole[..whole.len() / 2].to_owned();
    let stub = breaking("application/json", said.clone()).await;
    let gateway = gateway_before(&stub, None).await;
    let mut client = gateway.connect().await;
    let fields = [("x-api-key", "client-key-1")];
    client.send("POST", AMP, &fields, request("claude-new").as_bytes()).await;

    let head = client.head().await;

    assert_eq!(head.status, 200);
    assert_eq!(client.chunk().await.unwrap(), Some(said.into_bytes()), "what was held");
    assert!(client.chunk().await.is_err(), "it must not look whole");
}
