//! Traces: what a collector is sent, whose trace it is, and what a collector that is gone costs.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::support::{GatewayProcess, StubUpstream};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";
const BODY: &str =
    r#"{"model":"claude-x","messages":[{"role":"user","content":"a private word"}]}"#;
const STREAM: &str = "event: message_start\ndata: {\"type\":\"message_start\"}\n\n\
    event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

fn configuration(provider: &str, telemetry: &str) -> String {
    format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\n\
         ampcode: {{ upstream-url: '{provider}', upstream-api-key: team-key }}\n\
         claude-api-key: [{{ api-key: provider-key-1, base-url: '{provider}' }}]\n\
         admin: {{ port: 0 }}\n\
         {telemetry}\n"
    )
}

fn sent_to(collector: &StubUpstream) -> String {
    let headers = "{ authorization: 'Bearer collector-key-1' }";
    let origin = &collector.origin;
    format!("telemetry: {{ otlp: {{ endpoint: '{origin}', headers: {headers} }} }}")
}

/// Asks with a trace of the client's, and reads the answer to its end.
async fn ask(gateway: &GatewayProcess, target: &str, fields: &[(&str, &str)]) -> u16 {
    let key = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    let mut client = gateway.connect().await;
    client.send("POST", target, &[&key, fields].concat(), BODY.as_bytes()).await;
    client.response().await.status
}

/// Stops the gateway, off this thread: the collector is served on it.
async fn stop(mut gateway: GatewayProcess) -> String {
    gateway.signal("-TERM");
    let stopped = tokio::task::spawn_blocking(move || {
        assert!(gateway.wait().success());
        gateway.log()
    });
    stopped.await.unwrap()
}

/// The spans that a collector has, and the name of the service they are of.
fn spans(collector: &StubUpstream) -> Vec<(String, Span)> {
    let mut spans = Vec::new();
    for request in collector.requests() {
        assert_eq!(request.target, "/v1/traces");
        assert_eq!(request.field("authorization"), Some("Bearer collector-key-1"));
        let export = ExportTraceServiceRequest::decode(&request.body[..]).unwrap();
        for of_resource in export.resource_spans {
            let service = of_resource.resource.unwrap().attributes;
            let service = service.iter().find(|told| told.key == "service.name").unwrap();
            let service = format!("{:?}", service.value);
            let of_scopes = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(of_scopes.map(|span| (service.clone(), span)));
        }
    }
    spans
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let told = span.attributes.iter().filter_map(|told| {
        let value = told.value.as_ref()?.value.as_ref()?;
        Some((told.key.clone(), text(value)))
    });
    told.collect()
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[actix_web::test]
async fn a_request_and_its_attempts_are_spans_of_the_clients_trace() {
    let collector = StubUpstream::replying(200, "application/x-protobuf", "").await;
    let provider = StubUpstream::replying(200, "text/event-stream", STREAM).await;
    let gateway = GatewayProcess::start(&configuration(&provider.origin, &sent_to(&collector)));
    let parent = format!("00-{TRACE}-{CLIENT_SPAN}-01");

    let fields = [("traceparent", parent.as_str()), ("tracestate", "vendor=1")];
    assert_eq!(ask(&gateway, "/v1/messages?secret=query-secret", &fields).await, 200);
    stop(gateway).await;

    let spans = spans(&collector);
    let [(service, attempt), (_, request)] = &spans[..] else { panic!("{spans:?}") };
    assert!(service.contains("ampgate"), "{service}");
    for (span, parent) in [(request, CLIENT_SPAN), (attempt, &hex(&request.span_id))] {
        assert_eq!(hex(&span.trace_id), TRACE);
        assert_eq!(hex(&span.parent_span_id), *parent);
    }
    assert_eq!((request.name.as_str(), attempt.name.as_str()), ("messages", "chat claude-x"));
    let told = attributes(request);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("ampgate.client",             "alice",    "by name"),
        ("ampgate.route",              "local",    "who pays"),
        ("ampgate.provider",           "claude",   "who answered"),
        ("ampgate.outcome",            "complete", "as in the log"),
        ("http.response.status_code",  "200",      "of HTTP's conventions"),
        ("http.request.method",        "POST",     "of the same"),
        ("gen_ai.operation.name",      "chat",     "of those for generative AI"),
        ("gen_ai.provider.name",       "anthropic", "by its name there"),
        ("gen_ai.request.model",       "claude-x", "as the client called it"),
    ];
    for (name, expected, why) in cases {
        assert_eq!(told.get(name).map(String::as_str), Some(expected), "{name}: {why}");
    }
    assert!(told.contains_key("gen_ai.response.time_to_first_chunk"), "it was a stream: {told:?}");
    let seen = provider.only_request();
    let sent = format!("00-{TRACE}-{}-01", hex(&attempt.span_id));
    assert_eq!(seen.field("traceparent"), Some(sent.as_str()), "the attempt's context goes on");
    assert_eq!(seen.field("tracestate"), Some("vendor=1"));
    for export in collector.requests() {
        for secret in ["client-key-1", "provider-key-1", "private word", "query-secret"] {
            assert!(!export.mentions(secret), "{secret} in a trace");
        }
    }
}

/// The exporter reads the variables as well, and would let them win and decode values twice.
#[actix_web::test]
async fn header_fields_for_the_collector_are_the_files_as_they_stand() {
    let collector = StubUpstream::replying(200, "application/x-protobuf", "").await;
    let provider = StubUpstream::replying(200, "application/json", "{}").await;
    let telemetry = sent_to(&collector)
        .replace("'Bearer collector-key-1'", "'Bearer collector-key-1', x-signed: 'a%2Bb'");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ampgate.yaml");
    std::fs::write(&file, configuration(&provider.origin, &telemetry)).unwrap();
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20of-the-variable,x-variable=1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Bearer%20for-traces,x-variable=2"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "no-such-thing"),
    ];
    let args = ["--config", file.to_str().unwrap()];
    let gateway = GatewayProcess::start_in(folder, &args, &variables);

    assert_eq!(ask(&gateway, "/v1/messages", &[]).await, 200);
    stop(gateway).await;

    assert!(!spans(&collector).is_empty(), "with the key of the file");
    let seen = collector.only_request();
    assert_eq!(seen.field("x-signed"), Some("a%2Bb"));
    assert_eq!(seen.field("x-variable"), None, "a variable counts where the file says nothing");
    assert_eq!(seen.field("content-type"), Some("application/x-protobuf"));
}

#[actix_web::test]
async fn an_attempt_that_failed_is_a_span_of_its_own() {
    let collector = StubUpstream::replying(200, "application/x-protobuf", "").await;
    let amp = StubUpstream::replying(200, "application/json", "{}").await;
    let provider = StubUpstream::replying(401, "application/json", "{}").await;
    let telemetry = sent_to(&collector);
    let configuration = configuration(&provider.origin, &telemetry)
        .replacen(&provider.origin, &amp.origin, 1)
        .replace("team-key", "team-key, fallback: on-failure");
    let gateway = GatewayProcess::start(&configuration);

    assert_eq!(ask(&gateway, "/api/provider/anthropic/v1/messages", &[]).await, 200);
    stop(gateway).await;

    let spans = spans(&collector);
    let [(_, failed), (_, answered), (_, request)] = &spans[..] else { panic!("{spans:?}") };
    let told = |span: &Span, name: &str| attributes(span).get(name).cloned().unwrap_or_default();
    assert_eq!(told(failed, "error.type"), "401");
    assert_eq!(told(failed, "ampgate.credential"), "claude-1");
    assert_eq!(told(answered, "ampgate.provider"), "amp");
    assert_eq!(told(request, "ampgate.route"), "amp");
    for span in [failed, answered] {
        assert_eq!(span.parent_span_id, request.span_id);
    }
    let roots = spans.iter().filter(|(_, span)| span.parent_span_id.is_empty()).count();
    assert_eq!(roots, 1, "the trace begins here");
}

#[actix_web::test]
async fn without_a_collector_the_clients_context_crosses_untouched() {
    let provider = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = GatewayProcess::start(&configuration(&provider.origin, ""));
    let context = [("traceparent", "00-not-even-valid-01"), ("tracestate", "vendor=1")];

    assert_eq!(ask(&gateway, "/v1/messages", &context).await, 200);
    assert_eq!(ask(&gateway, "/v1/messages", &[]).await, 200);

    let seen = provider.requests();
    for (name, value) in context {
        assert_eq!(seen[0].field(name), Some(value));
        assert_eq!(seen[1].field(name), None, "nothing is made up");
    }
    stop(gateway).await;
}

#[actix_web::test]
async fn a_trace_that_the_client_does_not_keep_is_not_kept_here() {
    let collector = StubUpstream::replying(200, "application/x-protobuf", "").await;
    let provider = StubUpstream::replying(200, "application/json", "{}").await;
    let gateway = GatewayProcess::start(&configuration(&provider.origin, &sent_to(&collector)));
    let parent = format!("00-{TRACE}-{CLIENT_SPAN}-00");

    assert_eq!(ask(&gateway, "/v1/messages", &[("traceparent", &parent)]).await, 200);
    stop(gateway).await;

    assert_eq!(spans(&collector), [], "the client decides for the whole trace");
    let seen = provider.only_request();
    let sent = seen.field("traceparent").unwrap();
    assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"), "{sent}");
}

#[actix_web::test]
async fn a_collector_that_is_gone_costs_a_warning_and_no_request() {
    let provider = StubUpstream::replying(200, "application/json", "{}").await;
    // Nobody listens there.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let telemetry = format!("telemetry: {{ otlp: {{ endpoint: 'http://{nowhere}' }} }}");
    let gateway = GatewayProcess::start(&configuration(&provider.origin, &telemetry));

    for _ in 0..20 {
        assert_eq!(ask(&gateway, "/v1/messages", &[]).await, 200);
    }
    let log = stop(gateway).await;

    assert_eq!(log.matches("the collector takes no traces").count(), 1, "{log}");
    assert!(!log.contains("BatchSpanProcessor"), "the library's own words are ours to say: {log}");
}

/// It accepts connections, and never answers.
#[actix_web::test]
async fn a_collector_that_hangs_does_not_hold_the_end_up() {
    let provider = StubUpstream::replying(200, "application/json", "{}").await;
    let silent = StubUpstream::answering(|conversation| async {
        let _kept_open = conversation;
        std::future::pending().await
    })
    .await;
    let gateway = GatewayProcess::start(&configuration(&provider.origin, &sent_to(&silent)));
    assert_eq!(ask(&gateway, "/v1/messages", &[]).await, 200);

    let log = stop(gateway).await;

    assert!(log.contains("the collector has not taken the last traces"), "{log}");
}
