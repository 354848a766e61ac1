//! One message answered: a call like one over HTTP, and its answer as messages.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody as _, to_bytes_limited};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use bytes::Bytes;
use serde::Serialize;

use super::create::Create;
use super::events::{Messages, in_stream};
use super::memory::{Memory, Unknown};
use super::refusal;
use super::wire::{Gone, Outgoing};
use crate::actors::Handles;
use crate::actors::upstream::UpstreamFailure;
use crate::door::{ModelCall, ModelDoor};
use crate::error::GatewayError;
use crate::exchange::allowance;
use crate::exchange::asked::Asked;
use crate::exchange::attempts;
use crate::exchange::call::Call;
use crate::exchange::head::Head;
use crate::exchange::note_failure;
use crate::headers::is_event_stream;
use crate::telemetry::{InnerCall, RequestRecord};
use crate::types::{ClientId, ProviderName};

/// As much of an error as is read for its words.
const MAX_ERROR_BYTES: usize = 256 * 1024;

/// The longest answer that is told whole, because it is no stream.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// What all calls of a connection have in common.
pub(super) struct Caller {
    pub handles: Rc<Handles>,
    pub door: ModelDoor,
    pub client: Option<ClientId>,
    pub uri: Uri,
    /// Those of the handshake that mean something in a call; see [`fields_of_calls`].
    pub fields: HeaderMap,
    /// The handshake's.
    pub record: Rc<RequestRecord>,
}

/// Our side of the connection, for one call.
struct Voice<'a> {
    outgoing: &'a Outgoing,
    stream_id: Option<&'a str>,
}

impl Voice<'_> {
    async fn say(&self, message: String) -> Result<(), Gone> {
        self.outgoing.say(in_stream(message, self.stream_id)).await
    }
}

impl Caller {
    /// Answers one message of the client. Dropping the future ends the call.
    pub async fn answer(
        &self,
        message: Bytes,
        memory: &mut Memory,
        outgoing: &Outgoing,
    ) -> Result<(), Gone> {
        let create = match Create::parse(message) {
            Ok(create) => create,
            Err(bad) => {
                let voice = Voice { outgoing, stream_id: bad.stream_id.as_deref() };
                return voice.say(refusal::of_bad_message(&bad)).await;
            }
        };
        let voice = Voice { outgoing, stream_id: create.stream_id.as_deref() };
        let call = InnerCall::within(&self.record, ModelCall::Responses.name());
        let previous = create.previous.as_deref();
        let body = match memory.before(previous) {
            Ok(before) if create.generates => create.body(before),
            Ok(before) => {
                let input = create.items(before);
                let warm = WarmResponse::to(&create, call.record().id());
                call.is_answered_with(StatusCode::OK.as_u16());
                for message in warm.messages() {
                    call.passes(message.len());
                    voice.say(message).await?;
                }
                memory.remember(warm.id, &input, &[]);
                call.completes();
                return Ok(());
            }
            Err(Unknown) => {
                call.is_answered_with(StatusCode::BAD_REQUEST.as_u16());
                call.record().fails_with(refusal::NOT_FOUND);
                let id = previous.unwrap_or_default();
                return voice.say(refusal::of_unknown_response(id)).await;
            }
        };
        let messages = match self.ask(&call, body).await {
            Ok(response) => tell(response, &call, &voice).await?,
            Err(failure) => {
                note_failure(call.record(), &failure);
                call.is_answered_with(failure.error.status().as_u16());
                return voice.say(refusal::of_gateway(&failure.error)).await;
            }
        };
        if let Some((id, output)) = messages.into_response() {
            let input = create.items(memory.before(previous).unwrap_or_default());
            memory.remember(id, &input, &output);
        }
        Ok(())
    }

    /// Makes the call as if it had come over HTTP.
    async fn ask(&self, call: &InnerCall, body: Bytes) -> Result<HttpResponse, UpstreamFailure> {
        let limit_bytes = self.handles.settings.limits.request_body;
        if body.len() as u64 > limit_bytes {
            return Err(GatewayError::BodyTooLarge { limit_bytes }.into());
        }
        let record = call.record().clone();
        let client = self.client.as_ref();
        allowance::admit_inner_call(&self.handles, client, &record).await?;
        let door = ModelDoor { call: ModelCall::Responses, ..self.door };
        let head = Head::new(&Method::POST, &self.uri, &self.fields, record.clone());
        let asked = Asked::parse(&head, door.call, &body, limit_bytes)?;
        record.asks_for(asked.model.clone());
        let call = Call::new(&self.handles, head, door, client, body, asked);
        allowance::reserve_usage(&call).await?;
        // Boxed: it is large, and would be part of every connection that waits for a message.
        Box::pin(attempts::answer(&call)).await
    }
}

/// Tells an answer as it comes, and no faster than the client takes it.
async fn tell(
    response: HttpResponse,
    call: &InnerCall,
    voice: &Voice<'_>,
) -> Result<Messages, Gone> {
    let status = response.status();
    call.is_answered_with(status.as_u16());
    let fields = response.headers().clone();
    let body = response.into_body();
    let mut messages = Messages::default();
    if !status.is_success() {
        let words = whole(body, MAX_ERROR_BYTES).await;
        let message = refusal::of_answer(status, &fields, &words);
        call.passes(message.len());
        voice.say(message).await?;
        call.completes();
        return Ok(messages);
    }
    if is_event_stream(&fields) {
        stream(body, &mut messages, call, voice).await?;
    } else {
        let body = whole(body, MAX_ANSWER_BYTES).await;
        say_all(messages.push_whole(&body), call, voice).await?;
    }
    if messages.are_over() {
        call.completes();
    } else {
        // Over HTTP the client would see the end of the body.
        let provider = call.record().provider().unwrap_or_else(|| ProviderName::new("upstream"));
        let error = GatewayError::UpstreamBroke { provider };
        call.record().fails_with(error.code());
        voice.say(refusal::of_gateway(&error)).await?;
    }
    Ok(messages)
}

async fn stream(
    mut body: BoxBody,
    messages: &mut Messages,
    call: &InnerCall,
    voice: &Voice<'_>,
) -> Result<(), Gone> {
    loop {
        match poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
            Some(Ok(piece)) => match messages.push(&piece) {
                Ok(said) => say_all(said, call, voice).await?,
                Err(_too_long) => return Ok(()),
            },
            Some(Err(_cut)) => return Ok(()), // what it said is not over
            None => return say_all(messages.finish(), call, voice).await,
        }
    }
}

async fn say_all(messages: Vec<String>, call: &InnerCall, voice: &Voice<'_>) -> Result<(), Gone> {
    for message in messages {
        call.passes(message.len());
        voice.say(message).await?;
    }
    Ok(())
}

async fn whole(body: BoxBody, limit_bytes: usize) -> Bytes {
    match to_bytes_limited(body, limit_bytes).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) | Err(_) => Bytes::new(),
    }
}

/// The response to a warm-up: no model is asked, and there is no output.
#[derive(Serialize)]
struct WarmResponse<'a> {
    id: String,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    error: Option<()>,
    incomplete_details: Option<()>,
    model: Option<&'a str>,
    output: [(); 0],
    previous_response_id: Option<&'a str>,
    usage: Option<NoUsage>,
}

#[derive(Default, Serialize)]
struct NoUsage {
    input_tokens: u64,
    input_tokens_details: NoCachedTokens,
    output_tokens: u64,
    output_tokens_details: NoReasoningTokens,
    total_tokens: u64,
}

#[derive(Default, Serialize)]
struct NoCachedTokens {
    cached_tokens: u64,
}

#[derive(Default, Serialize)]
struct NoReasoningTokens {
    reasoning_tokens: u64,
}

#[derive(Serialize)]
struct WarmEvent<'a> {
    r#type: &'static str,
    sequence_number: u64,
    response: &'a WarmResponse<'a>,
}

impl<'a> WarmResponse<'a> {
    fn to(create: &'a Create, call_id: &str) -> Self {
        Self {
            id: format!("resp_{}", call_id.replace('-', "")),
            object: "response",
            created_at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            status: "in_progress",
            error: None,
            incomplete_details: None,
            model: create.model.as_deref(),
            output: [],
            previous_response_id: create.previous.as_deref(),
            usage: None,
        }
    }

    fn messages(&self) -> [String; 2] {
        let event = |r#type, sequence_number, response: &WarmResponse<'_>| {
            let event = WarmEvent { r#type, sequence_number, response };
            serde_json::to_string(&event).expect("strings and numbers always serialise")
        };
        let completed = WarmResponse {
            id: self.id.clone(),
            status: "completed",
            usage: Some(NoUsage::default()),
            ..*self
        };
        [event("response.created", 0, self), event("response.completed", 1, &completed)]
    }
}

/// The fields of a handshake that mean the same in a call. Those about the connection end at this hop
/// anyway, as in every call; see [`crate::headers`].
pub(super) fn fields_of_calls(handshake: &HeaderMap) -> HeaderMap {
    let is_of_handshake =
        |name: &HeaderName| name.as_str().starts_with("sec-websocket-") || *name == header::ORIGIN;
    let mut fields = HeaderMap::with_capacity(handshake.len_keys());
    for (name, value) in handshake.iter().filter(|(name, _)| !is_of_handshake(name)) {
        if *name == OPENAI_BETA {
            if let Some(kept) = without_socket_betas(value) {
                fields.append(name.clone(), kept);
            }
        } else {
            fields.append(name.clone(), value.clone());
        }
    }
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    // What is read here must be readable here.
    fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    fields
}

const OPENAI_BETA: HeaderName = HeaderName::from_static("openai-beta");

/// `responses_websockets=...` is about the connection; what else is asked for is about the call.
fn without_socket_betas(value: &HeaderValue) -> Option<HeaderValue> {
    let Ok(betas) = value.to_str() else { return Some(value.clone()) };
    let is_of_call = |beta: &&str| !beta.starts_with("responses_websockets");
    let kept: Vec<&str> = betas.split(',').map(str::trim).filter(is_of_call).collect();
    if kept.is_empty() { None } else { HeaderValue::from_str(&kept.join(", ")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calls_fields_are_the_handshakes_less_what_is_about_the_connection() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // name, in the handshake, in a call, why
            ("sec-websocket-key",        "k",                               None,                      "of the handshake"),
            ("sec-websocket-extensions", "permessage-deflate",              None,                      "of the handshake"),
            ("origin",                   "http://a",                        None,                      "of the handshake"),
            ("openai-beta",              "responses_websockets=2026-02-06", None,                      "of the handshake"),
            ("openai-beta",              "a=1, responses_websockets=2, b",  Some("a=1, b"),            "the others are of the call"),
            ("session-id",               "s",                               Some("s"),                 "of the conversation"),
            ("user-agent",               "codex",                           Some("codex"),             "who asks"),
            ("accept-encoding",          "gzip",                            Some("identity"),          "events are read here"),
            ("accept",                   "*/*",                             Some("text/event-stream"), "what a call streams"),
            ("x-unrelated",              "1",                               Some("1"),                 "anything else stays"),
        ];
        for (name, value, expected, why) in cases {
            let mut handshake = HeaderMap::new();
            let value = HeaderValue::from_static(value);
            handshake.insert(HeaderName::from_static(name), value);
            let fields = fields_of_calls(&handshake);
            let seen = fields.get(name).map(|value| value.to_str().unwrap());
            assert_eq!(seen, expected, "{name}: {why}");
            assert_eq!(fields.get("content-type").unwrap(), "application/json");
        }
    }
}
