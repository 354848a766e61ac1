//! What the rules of a client's key say of a call: at once, and when it has ended.

use crate::actors::Handles;
use crate::body::JsonPart;
use crate::config::{ClientRules, Price};
use crate::error::GatewayError;
use crate::limits::{Claim, Estimate, Used, estimate, tokens_in};
use crate::metrics::EndedRequest;
use crate::telemetry::RequestRecord;
use crate::types::{ClientId, ModelName, ModelPattern, Usd};

use super::call::Call;

/// Lets in a call that came within a request of another kind: in a message of a WebSocket.
pub(super) async fn admit_inner_call(
    handles: &Handles,
    client: Option<&ClientId>,
    record: &RequestRecord,
) -> Result<(), GatewayError> {
    let Some(client) = client.filter(|client| handles.limits.rules_of(Some(client)).is_some())
    else {
        return Ok(());
    };
    let admission = handles.limits.admit(client, Claim::Request).await?;
    record.at_its_end(move |_ended| drop(admission));
    Ok(())
}

/// Refuses a model that the client may not ask for.
pub(super) fn require_allowed(rules: &ClientRules, model: &ModelName) -> Result<(), GatewayError> {
    if rules.allow_model(model) {
        return Ok(());
    }
    let allowed: Vec<&str> = rules.models.iter().map(ModelPattern::as_str).collect();
    Err(GatewayError::ModelNotAllowed { model: model.clone(), allowed: allowed.join(", ") })
}

/// Refuses a model that the client may not ask for, and reserves what the call may use, until it has
/// ended and it is known what it has used.
pub(super) async fn reserve_usage(call: &Call<'_>) -> Result<(), GatewayError> {
    let limits = &call.handles.limits;
    let (Some(client), Some(rules)) = (call.client, limits.rules_of(call.client)) else {
        return Ok(());
    };
    require_allowed(rules, &call.asked.model)?;
    if call.asked.is_named_in_body() && !rules.models.is_empty() {
        require_fallbacks_allowed(rules, call.readable_body())?;
    }
    if call.only_counts() || !rules.limits.count_usage() {
        return Ok(());
    }
    // By the client's name: which provider's name it will be is not known yet.
    let (model, _) = call.asked.model.split_thinking();
    let guess = Guess {
        usage: estimate(call.readable_body()),
        price: call.handles.settings.prices.price(&model).copied(),
    };
    let reserved = guess.used();
    let claim = Claim::Usage { tokens: reserved.tokens, money: reserved.money };
    let admission = limits.admit(client, claim).await?;
    call.record.at_its_end(move |ended| admission.settle(used(ended, guess)));
    Ok(())
}

/// Refuses models that the client may not ask for among those that `OpenRouter` would ask when it cannot
/// ask the first one: the body crosses as it is, and so does its `models`.
///
/// SECURITY: an object that cannot be read here may be read there, so it is refused.
fn require_fallbacks_allowed(rules: &ClientRules, body: &[u8]) -> Result<(), GatewayError> {
    let members = JsonPart::parse(body).ok().and_then(JsonPart::members);
    let members = members.ok_or_else(|| GatewayError::BadBody(UNREADABLE.to_owned()))?;
    let fallbacks = members.iter().filter(|member| member.key == "models");
    for model in fallbacks.filter_map(|member| member.value.elements()).flatten() {
        // What is no text is no name.
        if let Some(model) = model.text().and_then(|text| ModelName::parse(&text)) {
            require_allowed(rules, &model)?;
        }
    }
    Ok(())
}

const UNREADABLE: &str = "it is no JSON object that can be read to its end";

/// What a call is thought to use.
#[derive(Clone, Copy, Debug)]
struct Guess {
    usage: Estimate,
    /// `None`: no price is configured for the model.
    price: Option<Price>,
}

impl Guess {
    fn used(&self) -> Used {
        let dollars = self.price.map(|price| price.cost(&self.usage));
        let money = dollars.map(Usd::from_dollars).unwrap_or_default();
        Used { tokens: self.usage.total(), money }
    }

    /// No less than what has been written: the guess is bounded, and an answer need not be.
    fn after_text_of(mut self, bytes: u64) -> Self {
        self.usage.output = self.usage.output.max(tokens_in(bytes));
        self
    }
}

/// What a call has used. Where its provider never said, the guess stands, or what was written if that is
/// more, and where the answer was cut no less than that: what was written is told last by most providers,
/// and a client that leaves before the last event would have it for nothing. What was refused or failed
/// has used nothing.
fn used(ended: &EndedRequest<'_>, guess: Guess) -> Used {
    let left_waiting = ended.status == 0 && ended.outcome == "client_left";
    let may_have_answer = left_waiting || (200..300).contains(&ended.status);
    let may_have_used = ended.attempt_is_open && may_have_answer;
    let guessed = may_have_used.then(|| guess.after_text_of(ended.text_bytes).used());
    let guessed = guessed.unwrap_or_default();
    let Some(usage) = ended.usage else { return guessed };
    let money = ended.cost_usd.map(Usd::from_dollars).unwrap_or_default();
    let said = Used { tokens: usage.total(), money };
    if ended.outcome == "complete" {
        return said;
    }
    Used { tokens: said.tokens.max(guessed.tokens), money: said.money.max(guessed.money) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load_text};
    use crate::types::TokenUsage;

    /// A cent for each token.
    fn price() -> Price {
        let yaml = "prices: [{ model: m, input: 10000, output: 10000 }]";
        let prices = load_text(yaml, &Sources::default()).unwrap().settings.prices;
        *prices.price(&ModelName::parse("m").unwrap()).unwrap()
    }

    #[test]
    fn a_call_has_used_what_its_provider_said_or_what_was_guessed_or_written_or_nothing() {
        let said = TokenUsage { input: 3, output: 4, ..TokenUsage::default() };
        let much = TokenUsage { input: 250, output: 50, ..TokenUsage::default() };
        let guess = TokenUsage { input: 10, output: 90, ..TokenUsage::default() };
        let guess = Guess { usage: guess, price: Some(price()) };
        let of = |tokens, money| Used { tokens, money: Usd::from_dollars(money) };
        let reserved = of(100, 1.0);
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // open,  status, outcome,         usage,      cost,      text,    used,          why
            (true,  200, "complete",           Some(said), Some(0.5), 360,     of(7, 0.5),    "said"),
            (true,  200, "complete",           Some(said), None,      0,       of(7, 0.0),    "no price for the model"),
            (true,  200, "complete",           Some(said), Some(0.5), 400_000, of(7, 0.5),    "said, whatever was written"),
            (true,  200, "upstream_broke",     Some(said), Some(0.5), 0,       reserved,      "it broke, and more may have been written than was said"),
            (true,  200, "client_left",        Some(said), Some(0.5), 0,       reserved,      "its client did not wait for the last word"),
            (true,  200, "client_left",        Some(said), Some(0.5), 40_000,  of(10_010, 100.1), "left behind a long answer"),
            (true,  200, "client_left",        Some(said), Some(2.0), 0,       of(100, 2.0),  "tokens and money apart"),
            (true,  200, "client_left",        Some(much), Some(2.0), 0,       of(300, 2.0),  "more was said by then than was guessed"),
            (true,  502, "upstream_garbled",   Some(said), Some(0.5), 0,       of(7, 0.5),    "said, and of no use to the client"),
            (true,  200, "upstream_broke",     None,       None,      0,       reserved,      "it broke before anything was said"),
            (true,  200, "complete",           None,       None,      0,       reserved,      "never said"),
            (true,  200, "complete",           None,       None,      360,     reserved,      "never said, and as much written as was guessed"),
            (true,  200, "complete",           None,       None,      364,     of(101, 1.01), "never said, and more written than was guessed"),
            (true,  200, "client_left",        None,       None,      400_000, of(100_010, 1000.1), "left before it was said, and after much was written"),
            (true,  200, "client_left",        None,       None,      0,       reserved,      "left before it was said"),
            (true,  0,   "client_left",        None,       None,      0,       reserved,      "left while the provider worked"),
            (false, 0,   "client_left",        None,       None,      0,       of(0, 0.0),    "left before anybody was asked"),
            (false, 0,   "client_left",        None,       None,      0,       of(0, 0.0),    "left in the pause behind a failed attempt"),
            (false, 400, "complete",           None,       None,      0,       of(0, 0.0),    "refused by the provider"),
            (false, 502, "upstream_reset",     None,       None,      0,       of(0, 0.0),    "no answer"),
            (false, 404, "model_not_served",   None,       None,      0,       of(0, 0.0),    "nobody was asked"),
        ];
        for (attempt_is_open, status, outcome, usage, cost_usd, text_bytes, expected, why) in cases
        {
            let ended = EndedRequest {
                door: "messages",
                status,
                outcome,
                usage,
                cost_usd,
                text_bytes,
                attempt_is_open,
                ..EndedRequest::default()
            };
            assert_eq!(used(&ended, guess), expected, "{why}");
        }
    }

    #[test]
    fn fallbacks_in_the_body_are_models_that_must_be_allowed_too() {
        let models = vec![ModelPattern::parse("gpt-*").unwrap()];
        let rules = ClientRules { models, ..ClientRules::default() };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // body,                                                     refused as,                why
            (r#"{"model":"gpt-5"}"#,                                     None,                      "none"),
            (r#"{"models":["gpt-5","GPT-5-mini"]}"#,                     None,                      "all allowed"),
            (r#"{"models":["gpt-5(high)"]}"#,                            None,                      "with a thinking suffix"),
            (r#"{"models":[]}"#,                                         None,                      "empty"),
            (r#"{"models":null,"messages":[{"models":["x"]}]}"#,         None,                      "not at the top"),
            (r#"{"models":["gpt-5","claude-opus"]}"#,                    Some("model_not_allowed"), "another one behind"),
            (r#"{"mod\u0065ls":["claude-opus"]}"#,                       Some("model_not_allowed"), "an escaped key"),
            (r#"{"models":["claude-opus"],"models":["gpt-5"]}"#,         Some("model_not_allowed"), "twice: which one counts is not ours to say"),
            (r#"{"models":["claude-opus"],"\ud800":1}"#,                 Some("bad_body"),          "a key that is no text here"),
            (r#"{"models":["claude-opus"]"#,                             Some("bad_body"),          "cut short"),
        ];
        for (body, expected, why) in cases {
            let refused = require_fallbacks_allowed(&rules, body.as_bytes()).err();
            assert_eq!(refused.map(|error| error.code()), expected, "{why}");
        }
    }
}
