//! What is told of a request and of an attempt, in the words of OpenTelemetry's conventions for HTTP and
//! for generative AI. What they have no word for is under `ampgate.`.

use actix_web::http::Method;
use opentelemetry::{KeyValue, Value};

use crate::metrics::EndedRequest;
use crate::types::{ClientId, CredentialId, ModelName, Origin, ProviderName, Route};

/// An attempt at an upstream.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub method: &'a Method,
    pub origin: &'a Origin,
    pub provider: &'a ProviderName,
    pub credential: Option<&'a CredentialId>,
    /// As `chat`; empty for what is no model call.
    pub operation: &'static str,
    /// Whose API it is, and the model that it is asked for.
    pub asked: Option<(&'a ProviderName, &'a ModelName)>,
}

/// Attributes that are there when they have a value.
#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn tell(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        self.0.extend(value.map(|value| KeyValue::new(name, value)));
    }

    fn text(&mut self, name: &'static str, text: Option<&str>) {
        self.tell(name, text.filter(|text| !text.is_empty()).map(ToOwned::to_owned));
    }

    fn count(&mut self, name: &'static str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.tell(name, Some(count).filter(|count| *count > 0));
    }
}

impl Attempt<'_> {
    /// `chat claude-opus-4-5`, else the method.
    pub fn name(&self) -> String {
        match self.asked {
            Some((_, model)) if !self.operation.is_empty() => format!("{} {model}", self.operation),
            _ => self.method.to_string(),
        }
    }

    pub fn attributes(&self) -> Vec<KeyValue> {
        let mut told = Attributes::default();
        told.0.push(method(self.method));
        told.text("server.address", Some(self.origin.host()));
        told.tell("server.port", Some(i64::from(self.origin.port())));
        told.text("ampgate.provider", Some(self.provider.as_str()));
        told.text("ampgate.credential", self.credential.map(CredentialId::as_str));
        told.text("gen_ai.operation.name", Some(self.operation));
        if let Some((provider, model)) = self.asked {
            told.text("gen_ai.provider.name", Some(provider.as_str()));
            told.text("gen_ai.request.model", Some(model.as_str()));
        }
        told.0
    }
}

/// The method, as HTTP's conventions want it: one that HTTP does not have is `_OTHER`.
pub fn method(method: &Method) -> KeyValue {
    let known = [
        Method::CONNECT,
        Method::DELETE,
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::POST,
        Method::PUT,
        Method::TRACE,
    ];
    let name =
        if known.contains(method) { method.as_str().to_owned() } else { "_OTHER".to_owned() };
    KeyValue::new("http.request.method", name)
}

/// What a request was, once it has ended.
pub fn of_request(ended: &EndedRequest<'_>) -> Vec<KeyValue> {
    let mut told = Attributes(of_usage(ended));
    told.text("http.route", Some(ended.door));
    told.tell("http.response.status_code", Some(i64::from(ended.status)).filter(|code| *code > 0));
    told.tell("error.type", error_of(ended));
    told.text("gen_ai.operation.name", Some(ended.gen_ai.operation));
    told.text("gen_ai.provider.name", ended.gen_ai.provider.map(ProviderName::as_str));
    told.text("gen_ai.request.model", ended.model.map(ModelName::as_str));
    told.text("gen_ai.response.model", ended.gen_ai.upstream_model.map(ModelName::as_str));
    told.text("ampgate.request.id", Some(ended.id));
    told.text("ampgate.client", ended.client.map(ClientId::as_str));
    told.text("ampgate.provider", ended.provider.map(ProviderName::as_str));
    told.text("ampgate.credential", ended.credential.map(CredentialId::as_str));
    told.text("ampgate.route", ended.route.map(Route::as_str));
    told.text("ampgate.outcome", Some(ended.outcome));
    told.count("ampgate.attempts", ended.attempts.into());
    told.count("ampgate.bytes", ended.bytes);
    told.tell("ampgate.cost_usd", ended.cost_usd);
    told.0
}

/// What an answer took in tokens and time.
pub fn of_usage(ended: &EndedRequest<'_>) -> Vec<KeyValue> {
    let mut told = Attributes::default();
    let first_token = ended.gen_ai.first_token.map(|time| time.as_secs_f64());
    told.tell("gen_ai.response.time_to_first_chunk", first_token);
    if let Some(usage) = &ended.usage {
        told.count("gen_ai.usage.input_tokens", usage.input);
        told.count("gen_ai.usage.output_tokens", usage.output);
        told.count("gen_ai.usage.cache_read.input_tokens", usage.cached_input);
        told.count("gen_ai.usage.cache_creation.input_tokens", usage.cache_write);
        told.count("gen_ai.usage.reasoning.output_tokens", usage.reasoning);
    }
    told.0
}

/// Whether the gateway has a code for what went wrong. A client that leaves does nothing wrong.
pub fn has_failed(ended: &EndedRequest<'_>) -> bool {
    !matches!(ended.outcome, "complete" | "client_left")
}

/// What makes a request a failed one. What a client did wrong is no failure of the server, by the
/// conventions for HTTP.
pub fn error_of(ended: &EndedRequest<'_>) -> Option<String> {
    if has_failed(ended) && !(400..500).contains(&ended.status) {
        return Some(ended.outcome.to_owned());
    }
    (ended.status >= 500).then(|| ended.status.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::GenAi;
    use crate::types::TokenUsage;

    fn as_text(attributes: &[KeyValue]) -> Vec<String> {
        let as_text = |told: &KeyValue| format!("{}={}", told.key, told.value);
        let mut texts: Vec<_> = attributes.iter().map(as_text).collect();
        texts.sort();
        texts
    }

    #[test]
    fn a_request_is_told_in_the_words_of_the_conventions() {
        let (client, credential) = (ClientId::new("alice"), CredentialId::new("claude-1"));
        let (provider, anthropic) = (ProviderName::new("claude"), ProviderName::new("anthropic"));
        let name = |name| ModelName::parse(name).unwrap();
        let (model, upstream_model) = (name("opus"), name("claude-opus-4-5"));
        let usage = TokenUsage { input: 9, cached_input: 4, output: 3, ..TokenUsage::default() };
        let ended = EndedRequest {
            id: "r-1",
            door: "messages",
            client: Some(&client),
            provider: Some(&provider),
            credential: Some(&credential),
            model: Some(&model),
            route: Some(Route::Mapped),
            status: 200,
            outcome: "complete",
            usage: Some(usage),
            cost_usd: Some(0.5),
            attempts: 2,
            bytes: 7,
            gen_ai: GenAi {
                operation: "chat",
                provider: Some(&anthropic),
                upstream_model: Some(&upstream_model),
                first_token: Some(Duration::from_millis(250)),
            },
            ..EndedRequest::default()
        };

        assert_eq!(
            as_text(&of_request(&ended)),
            [
                "ampgate.attempts=2",
                "ampgate.bytes=7",
                "ampgate.client=alice",
                "ampgate.cost_usd=0.5",
                "ampgate.credential=claude-1",
                "ampgate.outcome=complete",
                "ampgate.provider=claude",
                "ampgate.request.id=r-1",
                "ampgate.route=mapped",
                "gen_ai.operation.name=chat",
                "gen_ai.provider.name=anthropic",
                "gen_ai.request.model=opus",
                "gen_ai.response.model=claude-opus-4-5",
                "gen_ai.response.time_to_first_chunk=0.25",
                "gen_ai.usage.cache_read.input_tokens=4",
                "gen_ai.usage.input_tokens=9",
                "gen_ai.usage.output_tokens=3",
                "http.response.status_code=200",
                "http.route=messages",
            ]
        );
    }

    #[test]
    fn only_what_is_the_servers_fault_is_its_error() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // status, outcome,           error,                  why
            (200,      "complete",        None,                   "all is well"),
            (429,      "complete",        None,                   "the provider's word to the client"),
            (529,      "complete",        Some("529"),            "the provider failed"),
            (401,      "unauthenticated", None,                   "the client's fault"),
            (502,      "upstream_reset",  Some("upstream_reset"), "the upstream's, and we know what"),
            (200,      "upstream_broke",  Some("upstream_broke"), "in the middle"),
            (0,        "client_left",     None,                   "nobody's"),
        ];
        for (status, outcome, expected, why) in cases {
            let ended = EndedRequest { status, outcome, ..EndedRequest::default() };
            assert_eq!(error_of(&ended).as_deref(), expected, "{why}");
        }
    }

    #[test]
    fn a_method_that_a_client_made_up_is_no_value() {
        let made_up = Method::from_bytes(b"MADE-UP").unwrap();
        for (asked, expected) in [(&Method::POST, "POST"), (&made_up, "_OTHER")] {
            assert_eq!(as_text(&[method(asked)]), [format!("http.request.method={expected}")]);
        }
    }

    #[test]
    fn an_attempt_is_named_for_what_it_asks() {
        let (origin, _) = Origin::split("https://api.anthropic.com").unwrap();
        let (provider, anthropic) = (ProviderName::new("claude"), ProviderName::new("anthropic"));
        let (credential, model) = (CredentialId::new("claude-1"), ModelName::parse("m").unwrap());
        let call = Attempt {
            method: &Method::POST,
            origin: &origin,
            provider: &provider,
            credential: Some(&credential),
            operation: "chat",
            asked: Some((&anthropic, &model)),
        };
        let relayed = Attempt { operation: "", asked: None, credential: None, ..call };

        assert_eq!(call.name(), "chat m");
        assert_eq!(relayed.name(), "POST");
        let told = as_text(&call.attributes());
        for part in
            ["gen_ai.request.model=m", "server.address=api.anthropic.com", "server.port=443"]
        {
            assert!(told.iter().any(|told| told == part), "{part}: {told:?}");
        }
        assert!(!as_text(&relayed.attributes()).iter().any(|told| told.starts_with("gen_ai")));
    }
}
