//! A model call on its way: what was asked, by whom, and through which door.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use bytes::Bytes;

use super::answer::{self, AmpClient, Answering, ModelAnswer};
use super::asked::{Asked, NamedIn};
use super::foreign::can_be_translated;
use super::head::Head;
use super::metering::{Metering, must_be_metered};
use super::{amp_request, sent};
use crate::actors::Handles;
use crate::actors::router::Reach;
use crate::actors::upstream::{RequestBody, UpstreamFailure};
use crate::adapt::amp::{ToolNames, clean_history, has_needs_in};
use crate::adapt::ask_for_usage;
use crate::body::JsonPart;
use crate::door::{Entrance, ModelCall, ModelDoor};
use crate::error::GatewayError;
use crate::headers::brings_own_login;
use crate::telemetry::RequestRecord;
use crate::translate::{Request, Unreadable, read_request, without_foreign_thinking};
use crate::types::{ClientId, Dialect, ModelName, Route};

/// A model call whose body is there.
pub(super) struct Call<'a> {
    pub handles: &'a Handles,
    pub request: Head<'a>,
    pub record: Rc<RequestRecord>,
    pub door: ModelDoor,
    pub dialect: Dialect,
    pub client: Option<&'a ClientId>,
    pub body: Bytes,
    pub asked: Asked,
    /// Whether the client's own login at its provider comes along.
    pub brings_login: bool,
    /// Looked for once, however many attempts there are.
    cleaned: OnceCell<Option<Bytes>>,
    /// With the question what the stream costs.
    asking_for_usage: OnceCell<Option<Bytes>>,
    streams: OnceCell<bool>,
    /// Read once, if it has to be.
    neutral: OnceCell<Result<Request, Unreadable>>,
}

impl<'a> Call<'a> {
    pub fn new(
        handles: &'a Handles,
        request: Head<'a>,
        door: ModelDoor,
        client: Option<&'a ClientId>,
        body: Bytes,
        asked: Asked,
    ) -> Self {
        let (record, dialect) = (request.record.clone(), door.dialect());
        record.performs(operation(door.call, &asked.named_in));
        let brings_login = brings_own_login(dialect, request.headers(), &handles.keyring);
        Self {
            handles,
            request,
            record,
            door,
            dialect,
            client,
            body,
            asked,
            brings_login,
            cleaned: OnceCell::new(),
            asking_for_usage: OnceCell::new(),
            streams: OnceCell::new(),
            neutral: OnceCell::new(),
        }
    }

    pub fn came_through_amp_door(&self) -> bool {
        matches!(self.door.entrance, Entrance::AmpProvider(_))
    }

    /// Whether the call only counts tokens, which not every server of a model can.
    pub fn only_counts(&self) -> bool {
        match &self.asked.named_in {
            NamedIn::Path(gemini) => gemini.method == "countTokens",
            NamedIn::Body { .. } => self.door.call == ModelCall::CountTokens,
        }
    }

    /// The body without its content coding.
    pub fn readable_body(&self) -> &Bytes {
        self.asked.decoded().unwrap_or(&self.body)
    }

    /// Whether the client wants its answer as a stream.
    pub fn streams(&self) -> bool {
        match &self.asked.named_in {
            NamedIn::Path(gemini) => gemini.is_stream(),
            NamedIn::Body { .. } => {
                *self.streams.get_or_init(|| asks_for_stream(self.readable_body()))
            }
        }
    }

    /// Whose credentials can answer.
    pub fn reach(&self) -> Reach {
        if can_be_translated(self.door.call, &self.asked.named_in) {
            Reach::AnyDialect
        } else {
            Reach::SameDialect
        }
    }

    /// The request in no dialect.
    pub fn neutral(&self) -> Result<&Request, GatewayError> {
        let streams = match &self.asked.named_in {
            NamedIn::Path(gemini) => gemini.is_stream(),
            NamedIn::Body { .. } => false,
        };
        let read = || read_request(self.dialect, self.readable_body(), streams);
        let request = self.neutral.get_or_init(read).as_ref();
        request.map_err(|unreadable| GatewayError::BadBody(unreadable.to_string()))
    }

    /// Waits before another attempt; not beyond the end of the process.
    pub async fn wait(&self, pause: Duration) -> Result<(), GatewayError> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.handles.drain.over() => Err(GatewayError::Draining),
        }
    }

    /// Whether an Amp client speaks a dialect here in which it has needs of its own.
    fn is_amps(&self) -> bool {
        self.came_through_amp_door() && has_needs_in(self.dialect)
    }

    /// Whether the answer is adapted to an Amp client: a count has nothing to adapt.
    pub fn is_adapted_to_amp(&self) -> bool {
        self.is_amps() && !self.only_counts()
    }

    /// The body without what an earlier answer of another provider left in its history; `None`
    /// when there is nothing to clean, and the body goes on as it came.
    pub fn cleaned_body(&self) -> Option<Bytes> {
        let clean = || match self.dialect {
            Dialect::Anthropic if self.is_amps() || holds_our_thinking(self.readable_body()) => {
                clean_history(self.readable_body())
            }
            Dialect::OpenAiResponses => without_foreign_thinking(self.readable_body()),
            Dialect::Anthropic | Dialect::OpenAiChat | Dialect::Gemini => None,
        };
        self.cleaned.get_or_init(clean).clone()
    }

    /// Whether the answer's tokens have to be known: it is asked for without a coding then, since what is
    /// encoded can be neither adapted nor measured.
    pub fn must_be_metered(&self) -> bool {
        must_be_metered(self.handles, self.client)
    }

    /// The body with the question what its stream costs, where that must be known and the client has
    /// not asked it. For whoever is asked in the client's dialect.
    pub fn body_asking_for_usage(&self) -> Option<Bytes> {
        let ask = || {
            let call = self.door.call;
            let can_be_asked = matches!(call, ModelCall::ChatCompletions | ModelCall::Completions);
            let must_be = can_be_asked && self.must_be_metered();
            must_be.then(|| ask_for_usage(self.readable_body())).flatten()
        };
        self.asking_for_usage.get_or_init(ask).clone()
    }

    /// The body with every change that its next reader needs, whoever that is; `None` when it goes on as
    /// it came. No dialect needs both.
    pub fn changed_body(&self) -> Option<Bytes> {
        self.body_asking_for_usage().or_else(|| self.cleaned_body())
    }

    /// What the answer must be adapted to, when an Amp client reads it.
    pub fn amp_client(&self, crosses_makers: bool) -> Option<AmpClient> {
        self.is_adapted_to_amp().then(|| AmpClient {
            tool_names: ToolNames::of_request(self.readable_body()),
            crosses_makers,
        })
    }

    /// By what the answer is metered; `model` is what its provider calls the model. Prices are found by
    /// that name, and else by the client's: one model may have another price elsewhere. Neither with a
    /// thinking suffix: `m(high)` is paid as `m`.
    pub fn metering(&self, model: &ModelName) -> Option<Metering> {
        let prices = &self.handles.settings.prices;
        let price_of = |name: &ModelName| prices.price(&name.split_thinking().0).copied();
        let price = || price_of(model).or_else(|| price_of(&self.asked.model));
        (!self.only_counts())
            .then(|| Metering { price: price(), measures_text: self.must_be_metered() })
    }

    /// The fallback: the same path and body, and every field, to the Amp server; but what a client with
    /// limits did not ask of its stream is asked there, too. `after` says what
    /// our own credentials failed with, if they were asked; such a call costs Amp's credits although
    /// the team has a provider for it, so it is never made silently.
    pub async fn ask_amp(&self, after: Option<String>) -> Result<HttpResponse, UpstreamFailure> {
        let Self { handles, request, record, dialect, client, .. } = self;
        record.takes(Route::Amp);
        let after_failure = after.is_some();
        let changed = self.changed_body();
        let is_decoded = changed.is_some() && self.asked.is_encoded();
        let body = RequestBody::buffered(changed.unwrap_or_else(|| self.body.clone()));
        let mut outgoing = amp_request(handles, request, *client, body).await?;
        if is_decoded {
            outgoing.fields.remove(header::CONTENT_ENCODING);
        }
        if self.must_be_metered() {
            let identity = HeaderValue::from_static("identity");
            outgoing.fields.insert(header::ACCEPT_ENCODING, identity);
        }
        outgoing.first_byte_timeout = handles.settings.timeouts.first_byte;
        let provider = outgoing.provider.clone();
        record.asks_at(provider.clone(), self.asked.model.clone());
        let sent = sent::send(handles, Some(record), outgoing).await;
        if let Some(failed_with) = after {
            let is_paid = sent.as_ref().is_ok_and(|answer| answer.status.is_success());
            self.tell_of_fallback(&failed_with, is_paid);
        }
        let upstream = sent?;
        let model = ModelAnswer {
            dialect: *dialect,
            route: Route::Amp,
            provider,
            client_model: None,
            after_failure,
            amp_client: None,
            hides_usage: self.body_asking_for_usage().is_some(),
            is_hosted: false,
            metering: self.metering(&self.asked.model),
        };
        let answering = Answering::modelled(request, handles.drain.clone(), model);
        Ok(answer::from_upstream(upstream.into(), answering).await)
    }

    /// Says what our own credentials failed with, and counts the call when Amp is paid for it: an error
    /// of Amp's costs nothing.
    fn tell_of_fallback(&self, failed_with: &str, is_paid: bool) {
        let metrics = &self.handles.metrics;
        if is_paid {
            metrics.fell_back_after_failure();
        }
        tracing::warn!(
            request.id = self.record.id(),
            model = self.asked.model.as_str(),
            failed_with,
            is_paid_by_amp = is_paid,
            paid_by_amp_after_failure = metrics.fallbacks_after_failure(),
            "own credentials failed; Amp was asked"
        );
    }
}

/// What a call is in OpenTelemetry's words; those it has no word for keep their own.
fn operation(call: ModelCall, named_in: &NamedIn) -> &'static str {
    match (call, named_in) {
        (ModelCall::Gemini { .. }, NamedIn::Path(gemini)) => match gemini.method.as_str() {
            "countTokens" => "count_tokens",
            "embedContent" | "batchEmbedContents" => "embeddings",
            _ => "generate_content",
        },
        (ModelCall::CountTokens, _) => "count_tokens",
        (ModelCall::Completions, _) => "text_completion",
        _ => "chat",
    }
}

/// Whether a history in Anthropic's dialect may hold thinking of an answer that was translated: it has an
/// empty signature, which Claude refuses. Anybody else's history is nobody's business.
///
/// One search and no more, for each is a pass over the whole body.
fn holds_our_thinking(body: &[u8]) -> bool {
    const KEY: &[u8] = br#""signature":"#;
    memchr::memmem::find_iter(body, KEY)
        .any(|at| body[at + KEY.len()..].trim_ascii_start().starts_with(br#""""#))
}

fn asks_for_stream(body: &[u8]) -> bool {
    let streams = JsonPart::parse(body).ok().and_then(|whole| whole.get("stream"));
    streams.is_some_and(|streams| streams.raw() == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_of_ours_is_known_by_its_empty_signature() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"thinking":"t","signature":""}"#,                       true,  "ours"),
            (r#"{"thinking":"t","signature": ""}"#,                      true,  "as a client writes it anew"),
            (r#"{"signature":"EqQB"},{"signature":""}"#,                 true,  "behind one of Claude's"),
            (r#"{"thinking":"t","signature":"EqQB"}"#,                   false, "Claude's"),
            (r#"{"thinking":"t"}"#,                                      false, "none"),
            (r#"{"signature":"#,                                         false, "cut"),
        ];
        for (body, expected, why) in cases {
            assert_eq!(holds_our_thinking(body.as_bytes()), expected, "{why}");
        }
    }
}
