//! What providers answer in each dialect reaches the client byte for byte, however it is cut on the
//! way; with an alias, the model's name changes and nothing else does.

use crate::support::{
    Client, EXCHANGES, Response, Script, StubUpstream, TestGateway, assert_same, assert_unchanged,
    fixture, json_fixture, player, renamed, request_for, script_of, stream_script, streams,
    target_for,
};

/// A gateway with a credential for each dialect; `models` is added to each of them.
/// Answers are passed on as they are, errors included: one attempt each, and no credential rests.
async fn gateway_before(stub: &StubUpstream, models: &str) -> TestGateway {
    let origin = &stub.origin;
    let credential = |list: &str| {
        format!("{list}: [{{ api-key: provider-key, base-url: '{origin}'{models} }}]\n")
    };
    TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\ndisable-cooling: true\n{}{}{}",
        credential("claude-api-key"),
        credential("openai-api-key"),
        credential("gemini-api-key"),
    ))
    .await
}

async fn ask(client: &mut Client, method: &str, target: &str, body: &[u8]) -> Response {
    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    client.send(method, target, &fields, body).await;
    client.response().await
}

/// Where a Vertex path leads at a gateway: Amp's door.
fn at_the_gateway(path: &str) -> String {
    if path.starts_with("/v1beta1/") {
        format!("/api/provider/google{path}")
    } else {
        path.to_owned()
    }
}

#[actix_web::test]
async fn every_exchange_crosses_byte_for_byte_both_ways() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (number, path) in EXCHANGES.into_iter().enumerate() {
        let exchange = json_fixture(path);
        let script = script_of(&exchange["response"]);
        stage.replace(script.clone());
        let body = serde_json::to_vec_pretty(&exchange["request"]["body"]).unwrap();
        let target = at_the_gateway(exchange["request"]["path"].as_str().unwrap());

        let response = ask(&mut client, "POST", &target, &body).await;

        assert_unchanged(&response, &script, path);
        assert_same(&stub.request(number).await.body, &body, path);
    }
}

#[actix_web::test]
async fn every_request_body_crosses_byte_for_byte() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("anthropic/a03-tools.request.json",                "/v1/messages"),
        ("anthropic/a07-image.request.json",                "/v1/messages"),
        ("openai-chat/c03-tools-image.request.json",        "/v1/chat/completions"),
        ("openai-responses/r03-tools-reasoning.request.json", "/v1/responses"),
        ("gemini/g03-tools.request.json",                   "/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse"),
    ];
    let (stub, stage) = player().await;
    stage.replace(Script { status: 200, ..Script::default() });
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (number, (path, target)) in cases.into_iter().enumerate() {
        let body = fixture(path);
        let response = ask(&mut client, "POST", target, &body).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        assert_same(&stub.request(number).await.body, &body, path);
    }
}

#[actix_web::test]
async fn every_error_of_a_provider_crosses_byte_for_byte() {
    #[rustfmt::skip] // columns are easier to proofread
    let catalogues = [
        ("anthropic/a10-errors.exchanges.json",   &["/v1/messages", "/v1/messages/count_tokens"][..], "claude-x"),
        ("openai-chat/c06-errors.exchanges.json", &["/v1/chat/completions", "/v1/completions", "/v1/responses"][..], "gpt-x"),
        ("gemini/g09-errors.exchanges.json",      &["/v1beta/models/gemini-x:generateContent", "/v1beta/models/gemini-x:streamGenerateContent"][..], ""),
        ("openai-responses/r09-codex-backend.exchanges.json", &["/v1/responses"][..], "gpt-x"),
    ];
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (path, targets, model) in catalogues {
        let catalogue = json_fixture(path);
        for target in targets {
            for response in catalogue["responses"].as_array().unwrap() {
                let script = script_of(response);
                stage.replace(script.clone());
                let answer = ask(&mut client, "POST", target, request_for(model).as_bytes()).await;
                assert_unchanged(&answer, &script, &format!("{path} {target} {response}"));
            }
        }
    }
}

#[actix_web::test]
async fn every_stream_crosses_byte_for_byte_in_single_bytes() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (path, target, model) in streams() {
        let mut script = stream_script(path);
        for size in [1, 7, usize::MAX] {
            let pieces = vec![size; script.body.len() / size.min(script.body.len())];
            script.pieces = Some(pieces);
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", target, request_for(model).as_bytes()).await;
            assert_unchanged(&answer, &script, &format!("{path} in pieces of {size}"));
        }
    }
}

#[actix_web::test]
async fn a_short_stream_crosses_byte_for_byte_cut_anywhere() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    for (path, target, model) in streams() {
        let mut script = stream_script(path);
        if script.body.len() > 1300 {
            continue;
        }
        for cut in 1..script.body.len() {
            script.pieces = Some(vec![cut]);
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", target, request_for(model).as_bytes()).await;
            assert_unchanged(&answer, &script, &format!("{path} cut at {cut}"));
        }
    }
    assert_eq!(stub.connections(), 1, "the connection is kept from stream to stream");
}

#[actix_web::test]
async fn a_stream_written_as_an_array_crosses_byte_for_byte_cut_anywhere() {
    let (stub, stage) = player().await;
    let gateway = gateway_before(&stub, "").await;
    let mut client = gateway.connect().await;
    let content_type = ("content-type".to_owned(), "application/json; charset=UTF-8".to_owned());
    let body = fixture("gemini/g06-stream-array.json");
    let mut script = Script { status: 200, fields: vec![content_type], body, pieces: None };
    let target = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";
    for cut in 0..script.body.len() {
        script.pieces = Some(vec![cut]);
        stage.replace(script.clone());
        let answer = ask(&mut client, "POST", target, b"{}").await;
        assert_unchanged(&answer, &script, &format!("cut at {cut}"));
    }
}

/// What the client calls every model here: longer than their names, and with a slash.
const ALIAS: &str = "team/fast-and-cheap-model-of-the-month";

async fn aliased(stub: &StubUpstream) -> TestGateway {
    let models = format!(", models: [{{ name: upstream-model, alias: '{ALIAS}' }}]");
    gateway_before(stub, &models).await
}

#[actix_web::test]
async fn an_alias_is_replaced_in_the_request_and_nothing_else_is() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,               body before the name,                   behind it,                    why
        ("/v1/messages",         "{\"model\":\"",                        "\"}",                        "plain"),
        ("/v1/messages",         " {\"n\":1.0e5 ,\t\"model\" :\n \"",    "\" , \"x\":1,\"x\":2}\r\n",  "white space, numbers, doubles"),
        ("/v1/chat/completions", "{\"messages\":[{\"model\":\"team/fast-and-cheap-model-of-the-month\"}],\"model\":\"", "\"}", "a nested one stays"),
        ("/v1/completions",      "{\"\\u0070rompt\":\"\\u00e9\",\"model\":\"", "\",\"big\":12345678901234567890}", "escapes and big numbers"),
        ("/v1/responses",        "{\"input\":\"\u{1f5fc}\",\"model\":\"", "\"}",                       "an emoji"),
    ];
    let (stub, stage) = player().await;
    stage.replace(Script { status: 200, ..Script::default() });
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    for (number, (target, before, behind, why)) in cases.into_iter().enumerate() {
        let sent = format!("{before}{ALIAS}{behind}");
        let response = ask(&mut client, "POST", target, sent.as_bytes()).await;
        assert_eq!(response.status, 200, "{why}: {}", response.text());
        let expected = format!("{before}upstream-model{behind}");
        assert_same(&stub.request(number).await.body, expected.as_bytes(), why);
    }
}

#[actix_web::test]
async fn an_alias_is_replaced_in_a_gemini_path_and_nothing_else_is() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                                        at the provider,                                         why
        ("/v1beta/models/team/fast-and-cheap-model-of-the-month:generateContent?x=%2F", "/v1beta/models/upstream-model:generateContent?x=%2F", "a slash in the name"),
        ("/v1beta/models/team%2Ffast-and-cheap-model-of-the-month:streamGenerateContent?alt=sse", "/v1beta/models/upstream-model:streamGenerateContent?alt=sse", "an encoded slash"),
        ("/v1/models/team/fast-and-cheap-model-of-the-month%3AcountTokens", "/v1/models/upstream-model%3AcountTokens",             "an encoded colon"),
        ("/api/provider/google/v1beta1/publishers/google/models/team/fast-and-cheap-model-of-the-month:generateContent", "/v1beta/models/upstream-model:generateContent", "Amp"),
        ("/v1beta/models/Team/Fast-and-Cheap-Model-of-the-Month:generateContent", "/v1beta/models/upstream-model:generateContent", "case-insensitive"),
    ];
    let (stub, stage) = player().await;
    stage.replace(Script { status: 200, ..Script::default() });
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    for (number, (target, expected, why)) in cases.into_iter().enumerate() {
        let body = br#"{"model":"team/fast-and-cheap-model-of-the-month"}"#;
        let response = ask(&mut client, "POST", target, body).await;
        assert_eq!(response.status, 200, "{why}: {}", response.text());
        let seen = stub.request(number).await;
        assert_eq!(seen.target, expected, "{why}");
        assert_same(&seen.body, body, why);
    }
}

#[actix_web::test]
async fn the_alias_is_put_back_into_every_json_answer() {
    let (stub, stage) = player().await;
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    for path in EXCHANGES.into_iter().filter(|path| !path.contains("count-tokens")) {
        let exchange = json_fixture(path);
        let mut script = script_of(&exchange["response"]);
        let target = target_for(path, exchange["request"]["path"].as_str().unwrap(), ALIAS);
        for pieces in [None, Some(vec![1; script.body.len()])] {
            script.pieces = pieces;
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", &target, request_for(ALIAS).as_bytes()).await;
            let body = renamed(&script.body, path, ALIAS);
            assert_unchanged(&answer, &Script { body, ..script.clone() }, path);
        }
    }
}

#[actix_web::test]
async fn the_alias_is_put_back_into_every_stream() {
    let (stub, stage) = player().await;
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    // It fails before it names a model.
    let names_a_model = |path: &str| !path.contains("r07");
    for (path, target, _) in streams().filter(|(path, ..)| names_a_model(path)) {
        let mut script = stream_script(path);
        let body = renamed(&script.body, path, ALIAS);
        let target = target_for(path, target, ALIAS);
        for size in [1, 7, script.body.len()] {
            script.pieces = Some(vec![size; script.body.len() / size]);
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", &target, request_for(ALIAS).as_bytes()).await;
            let expected = Script { body: body.clone(), ..script.clone() };
            assert_unchanged(&answer, &expected, &format!("{path} in pieces of {size}"));
        }
    }
}

#[actix_web::test]
async fn the_alias_is_put_back_wherever_a_stream_is_cut() {
    let (stub, stage) = player().await;
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    let json = "application/json; charset=UTF-8";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // fixture,                                      target,                       content type
        ("anthropic/a11-error-midstream.stream.sse",     "/v1/messages",               "text/event-stream"),
        ("openai-chat/c05-reasoning-compat.stream.sse",  "/v1/chat/completions",       "text/event-stream"),
        ("openai-completions/p01-completion.stream.sse", "/v1/completions",            "text/event-stream"),
        ("openai-responses/r05-failed.stream.sse",       "/v1/responses",              "text/event-stream"),
        ("gemini/g02-text.stream.sse",                   ":streamGenerateContent?alt=sse", "text/event-stream"),
        ("gemini/g06-stream-array.json",                 ":streamGenerateContent",     json),
    ];
    for (path, target, content_type) in cases {
        let mut script = stream_script(path);
        script.fields = vec![("content-type".to_owned(), content_type.to_owned())];
        let body = renamed(&script.body, path, ALIAS);
        let target = target_for(path, target, ALIAS);
        for cut in 1..script.body.len() {
            script.pieces = Some(vec![cut]);
            stage.replace(script.clone());
            let answer = ask(&mut client, "POST", &target, request_for(ALIAS).as_bytes()).await;
            let expected = Script { body: body.clone(), ..script.clone() };
            assert_unchanged(&answer, &expected, &format!("{path} cut at {cut}"));
        }
    }
}

#[actix_web::test]
async fn an_encoded_answer_crosses_untouched_even_with_an_alias() {
    let (stub, stage) = player().await;
    let gateway = aliased(&stub).await;
    let mut client = gateway.connect().await;
    let fields = [("content-type", "application/json"), ("content-encoding", "br")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = br#"{"model":"upstream-model"} as if it were br"#.to_vec();
    let script = Script { status: 200, fields, body, pieces: None };
    stage.replace(script.clone());

    let answer = ask(&mut client, "POST", "/v1/messages", request_for(ALIAS).as_bytes()).await;

    assert_unchanged(&answer, &script, "declared as br");
}
