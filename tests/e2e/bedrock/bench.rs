//! Bedrock as a stub: its frames, its errors, and the check of a signature.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Conversation, SeenRequest, TestGateway};

pub const MODEL: &str = "us.anthropic.claude-a-v1:0";
pub const INVOKE: &str = "/model/us.anthropic.claude-a-v1%3A0/invoke";
pub const INVOKE_STREAM: &str = "/model/us.anthropic.claude-a-v1%3A0/invoke-with-response-stream";
pub const FRAMES: &[(&str, &str)] = &[
    ("content-type", "application/vnd.amazon.eventstream"),
    ("x-amzn-requestid", "req-7"),
    ("x-amzn-bedrock-content-type", "application/json"),
];

pub const WHOLE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-a-v1","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":11,"output_tokens":7}}"#;
pub const ASKED: &str =
    r#"{"model":"opus","max_tokens": 9,"messages":[{"role":"user","content":"hi"}]}"#;
pub const ASKED_STREAM: &str =
    r#"{"model":"opus","stream":true,"max_tokens": 9,"messages":[{"role":"user","content":"hi"}]}"#;

/// A stream that answers "hi", event by event.
pub const EVENTS: [&str; 6] = [
    r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-a-v1","content":[],"stop_reason":null,"usage":{"input_tokens":11,"output_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}"#,
    r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":11}}"#,
];

/// A gateway with these entries of `bedrock`, all for the model `opus`.
pub async fn gateway(entries: &[String]) -> TestGateway {
    TestGateway::start(&configuration(entries)).await
}

pub fn configuration(entries: &[String]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|entry| format!("  - {{ {entry}, models: [{{ name: '{MODEL}', alias: opus }}] }}"))
        .collect();
    let entries = entries.join("\n");
    format!(
        "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode: {{ upstream-url: '' }}\n\
         request-retry: 0\nbedrock:\n{entries}\n"
    )
}

/// An entry with a Bedrock API key.
pub fn with_key(origin: &str) -> String {
    format!("region: us-east-1, api-key: bedrock-hush, base-url: '{origin}'")
}

fn frame(headers: &[(&'static str, &str)], payload: String) -> Vec<u8> {
    let mut message = Message::new(payload);
    for (name, value) in headers {
        let value = HeaderValue::String((*value).to_owned().into());
        message = message.add_header(Header::new(*name, value));
    }
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

pub fn chunk(event: &str) -> Vec<u8> {
    let payload = format!(r#"{{"bytes":"{}","p":"abcd"}}"#, STANDARD.encode(event));
    frame(&[(":message-type", "event"), (":event-type", "chunk")], payload)
}

pub fn exception(kind: &str, message: &str) -> Vec<u8> {
    let headers = [(":message-type", "exception"), (":exception-type", kind)];
    frame(&headers, format!(r#"{{"message":"{message}"}}"#))
}

/// What the client reads of one event.
pub fn event(data: &str) -> String {
    let data_of: serde_json::Value = serde_json::from_str(data).unwrap();
    format!("event: {}\ndata: {data}\n\n", data_of["type"].as_str().unwrap())
}

/// Answers as Bedrock does, whatever is asked.
pub async fn answer_well(mut conversation: Conversation) -> Option<Conversation> {
    if conversation.request.target.ends_with("/invoke") {
        conversation.reply(200, &[("content-type", "application/json")], WHOLE).await;
        return Some(conversation);
    }
    conversation.begin(200, FRAMES).await;
    for event in EVENTS {
        conversation.chunk(chunk(event)).await;
    }
    conversation.end().await;
    Some(conversation)
}

/// An error of AWS.
pub async fn refuse(
    mut conversation: Conversation,
    status: u16,
    kind: &str,
    message: &str,
) -> Option<Conversation> {
    let fields = [("content-type", "application/json"), ("x-amzn-errortype", kind)];
    conversation.reply(status, &fields, format!(r#"{{"message":"{message}"}}"#)).await;
    Some(conversation)
}

/// The key that a request is signed with, after its signature has been made once more from what has
/// arrived: AWS's own check.
pub fn signer_of(request: &SeenRequest, region: &str, secret: &str) -> String {
    let authorization = request.field("authorization").expect("a signature");
    let part = |name: &str| {
        let rest = authorization.split(name).nth(1).unwrap();
        rest.split([',', ' ']).next().unwrap().to_owned()
    };
    let key = part("Credential=").split('/').next().unwrap().to_owned();
    let signed: Vec<String> = part("SignedHeaders=").split(';').map(str::to_owned).collect();
    for name in ["host", "x-amz-date"] {
        assert!(signed.iter().any(|signed| signed == name), "{name} is not signed: {signed:?}");
    }
    let session = request.field("x-amz-security-token").map(str::to_owned);
    assert_eq!(session.is_some(), signed.iter().any(|name| name == "x-amz-security-token"));
    let identity = Credentials::new(&key, secret, session, None, "test").into();
    let date = request.field("x-amz-date").unwrap();
    let params: aws_sigv4::http_request::SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("bedrock")
        .time(time(date))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let host = request.field("host").unwrap();
    let fields = signed
        .iter()
        .filter(|name| !matches!(name.as_str(), "x-amz-date" | "x-amz-security-token"))
        .map(|name| (name.as_str(), request.field(name).expect("a signed field")));
    let signable = SignableRequest::new(
        &request.method,
        format!("http://{host}{}", request.target),
        fields,
        SignableBody::Bytes(&request.body),
    );
    let signature = sign(signable.unwrap(), &params).unwrap().into_parts().1;
    assert_eq!(part("Signature="), signature, "{authorization}");
    key
}

/// `20250830T123600Z`, less than a day ago.
fn time(date: &str) -> SystemTime {
    let (day, clock) = (&date[..8], &date[9..15]);
    let rfc3339 = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &day[..4],
        &day[4..6],
        &day[6..],
        &clock[..2],
        &clock[2..4],
        &clock[4..]
    );
    humantime::parse_rfc3339(&rfc3339).unwrap()
}
