//! Answers that go wrong behind a good beginning speak against their provider, and are counted so.

use crate::support::{Provider, Scripted, TestGateway, encoded, pool};

const BEGUN: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":\
    {\"id\":\"1\",\"model\":\"m\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n\
    event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
    \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
    event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
    \"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n";
const ERROR: &str = "event: error\ndata: {\"type\":\"error\",\
    \"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
const ASKED: &str =
    r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;

async fn gateway_before(provider: &Provider) -> TestGateway {
    let ours = pool("claude-api-key", &[(provider.origin(), "")]);
    TestGateway::start(&format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\nadmin: {{ port: 0 }}\n{ours}"
    ))
    .await
}

fn counted(metrics: &str, class: &str) -> bool {
    let series = format!(r#"ampgate_upstream_errors_total{{class="{class}",provider="claude"}} 1"#);
    metrics.lines().any(|line| line == series)
}

#[actix_web::test]
async fn an_error_within_a_translated_stream_is_its_providers() {
    let provider = Provider::saying([Scripted::stream(format!("{BEGUN}{ERROR}"))]).await;
    let gateway = gateway_before(&provider).await;

    let answer = gateway.post_json("/v1/chat/completions", ASKED).await;

    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\"error\""), "{}", answer.text());
    let metrics = gateway.metrics().await;
    assert!(counted(&metrics, "upstream_failed"), "{metrics}");
}

#[actix_web::test]
async fn a_stream_that_opens_with_an_error_is_counted_once() {
    let provider = Provider::saying([Scripted::stream(ERROR)]).await;
    let gateway = gateway_before(&provider).await;

    gateway.post_json("/v1/chat/completions", ASKED).await;

    let metrics = gateway.metrics().await;
    let errors = metrics.lines().filter(|line| line.starts_with("ampgate_upstream_errors_total{"));
    let values: Vec<_> = errors.map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(values, ["1"], "{metrics}");
}

/// Gzip that does not say so is undone, and only its end says that it was not whole.
#[actix_web::test]
async fn a_corrupt_gzip_answer_is_its_providers_and_puts_its_credential_aside() {
    // Long enough to be believed, and begun, before the end is there.
    let events = format!("{BEGUN}{}", ": more\n\n".repeat(400_000));
    let mut corrupt = encoded("gzip", &events);
    let checksum = corrupt.len() - 8;
    corrupt[checksum..].iter_mut().for_each(|byte| *byte ^= 0xff);
    let provider = Provider::saying([Scripted::stream(corrupt)]).await;
    let gateway = gateway_before(&provider).await;

    let answer = gateway.post_json("/v1/messages", ASKED).await;

    assert!(answer.text().contains("event: error"), "it never looks whole");
    let metrics = gateway.metrics().await;
    assert!(counted(&metrics, "upstream_broke"), "{metrics}");
    let cooldown = r#"ampgate_cooldowns_total{class="unavailable",credential="claude-1"} 1"#;
    assert!(metrics.lines().any(|line| line == cooldown), "{metrics}");
}
