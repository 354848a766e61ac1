use prometheus::{Encoder as _, TextEncoder};

use super::*;

fn text(metrics: &Metrics) -> String {
    let mut text = Vec::new();
    TextEncoder::new().encode(&metrics.gather(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The value of a series, by its line up to the value.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = text(metrics);
    let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    lines.find(|(name, _)| *name == series).map(|(_, value)| value.parse().unwrap())
}

/// Names that live as long as a call that is made of them.
struct Names {
    client: ClientId,
    provider: ProviderName,
    gen_ai_provider: ProviderName,
    credential: CredentialId,
    model: ModelName,
    upstream_model: ModelName,
}

impl Names {
    fn new() -> Self {
        Self {
            client: ClientId::new("alice"),
            provider: ProviderName::new("claude"),
            gen_ai_provider: ProviderName::new("anthropic"),
            credential: CredentialId::new("claude-1"),
            model: ModelName::parse("opus").unwrap(),
            upstream_model: ModelName::parse("claude-opus-4-5").unwrap(),
        }
    }

    fn call(&self) -> EndedRequest<'_> {
        EndedRequest {
            client: Some(&self.client),
            provider: Some(&self.provider),
            credential: Some(&self.credential),
            model: Some(&self.model),
            route: Some(Route::Local),
            status: 200,
            outcome: "complete",
            duration: Duration::from_secs(3),
            attempt_is_open: true,
            gen_ai: GenAi {
                operation: "chat",
                provider: Some(&self.gen_ai_provider),
                upstream_model: Some(&self.upstream_model),
                first_token: Some(Duration::from_millis(300)),
            },
            ..EndedRequest::default()
        }
    }
}

const REQUESTS: &str = r#"ampgate_requests_total{client="alice",model="opus",provider="claude",route="local",status="200"}"#;
const GEN_AI: &str = r#"gen_ai_operation_name="chat",gen_ai_provider_name="anthropic",gen_ai_request_model="opus",gen_ai_response_model="claude-opus-4-5""#;

#[test]
fn a_model_call_is_counted_in_every_family_it_belongs_to() {
    let (metrics, names) = (Metrics::new(), Names::new());
    let usage = TokenUsage { input: 50, cached_input: 40, output: 7, ..TokenUsage::default() };

    for _ in 0..2 {
        let usage = Some(usage);
        metrics.request_ended(&EndedRequest { usage, cost_usd: Some(0.25), ..names.call() });
    }

    let who = r#"client="alice",model="opus",provider="claude",route="local""#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (REQUESTS.to_owned(), Some(2.0), "requests"),
        (r#"ampgate_credential_requests_total{credential="claude-1",provider="claude",status="200"}"#.to_owned(), Some(2.0), "by credential"),
        (r#"ampgate_credential_tokens_total{credential="claude-1",provider="claude",type="input"}"#.to_owned(), Some(100.0), "tokens by credential"),
        (r#"ampgate_credential_tokens_total{credential="claude-1",provider="claude",type="output"}"#.to_owned(), Some(14.0), "each kind by itself"),
        (r#"ampgate_credential_tokens_total{credential="claude-1",provider="claude",type="reasoning"}"#.to_owned(), None, "here as well"),
        (format!(r#"ampgate_tokens_total{{{who},type="input"}}"#), Some(100.0), "tokens read"),
        (format!(r#"ampgate_tokens_total{{{who},type="cached_input"}}"#), Some(80.0), "of these from the cache"),
        (format!(r#"ampgate_tokens_total{{{who},type="reasoning"}}"#), None, "no series for what there is none of"),
        (format!("ampgate_cost_usd_total{{{who}}}"), Some(0.5), "cost"),
        (format!(r#"gen_ai_client_operation_duration_seconds_sum{{error_type="",{GEN_AI}}}"#), Some(6.0), "duration"),
        (format!("gen_ai_server_time_to_first_token_seconds_count{{{GEN_AI}}}"), Some(2.0), "first token"),
        (format!(r#"gen_ai_client_token_usage_sum{{{GEN_AI},gen_ai_token_type="output"}}"#), Some(14.0), "token usage"),
    ];
    for (series, expected, why) in cases {
        assert_eq!(value(&metrics, &series), expected, "{why}: {series}");
    }
    assert!(!text(&metrics).contains("ampgate_refusals_total{"), "nothing was refused");
}

#[test]
fn tokens_that_amp_has_sold_are_no_credentials() {
    let (metrics, names) = (Metrics::new(), Names::new());
    let usage = Some(TokenUsage { input: 50, ..TokenUsage::default() });

    let call = EndedRequest { credential: None, route: Some(Route::Amp), usage, ..names.call() };
    metrics.request_ended(&call);

    let text = text(&metrics);
    assert!(text.contains("ampgate_tokens_total{") && !text.contains("ampgate_credential_"));
}

#[test]
fn what_went_wrong_is_told_by_its_code_or_else_by_its_status() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // status, outcome,          error_type,       refused, why
        (200,      "complete",       "",               false,   "all is well"),
        (529,      "complete",       "529",            false,   "the provider's own error, passed on"),
        (200,      "upstream_broke", "upstream_broke", true,    "broken off"),
        (429,      "model_cooldown", "model_cooldown", true,    "our own answer"),
        (0,        "client_left",    "client_left",    false,   "no error of anybody, and no whole operation"),
    ];
    for (status, outcome, error_type, refused, why) in cases {
        let (metrics, names) = (Metrics::new(), Names::new());
        metrics.knows_models(["opus", "claude-opus-4-5"]);

        metrics.request_ended(&EndedRequest { status, outcome, ..names.call() });

        let duration = "gen_ai_client_operation_duration_seconds_count";
        let duration = format!(r#"{duration}{{error_type="{error_type}",{GEN_AI}}}"#);
        assert_eq!(value(&metrics, &duration), Some(1.0), "{why}");
        let refusals = format!(r#"ampgate_refusals_total{{code="{outcome}"}}"#);
        assert_eq!(value(&metrics, &refusals), refused.then_some(1.0), "{why}");
    }
}

#[test]
fn a_name_that_a_client_made_up_is_no_label() {
    let mut names = Names::new();
    names.model = ModelName::parse("made-up").unwrap();
    let call = names.call();
    let performs = |operation| EndedRequest { gen_ai: GenAi { operation, ..call.gen_ai }, ..call };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (call,                                                        "made-up", "a provider has answered for it"),
        (performs("embeddings"),                                      "made-up", "so it has here"),
        (EndedRequest { status: 404, ..call },                        "other",   "nobody has it"),
        (EndedRequest { status: 307, ..call },                        "other",   "no answer at all"),
        (EndedRequest { status: 0, outcome: "client_left", ..call },  "other",   "nobody knows"),
        (EndedRequest { outcome: "upstream_broke", ..call },          "other",   "an answer that is none"),
        (EndedRequest { attempt_is_open: false, ..call },             "other",   "an error in a 200"),
        (performs("count_tokens"),                                    "other",   "an estimate is made of any name"),
        (performs(""),                                                "other",   "no model call"),
    ];
    for (ended, label, why) in cases {
        let metrics = Metrics::new();

        metrics.request_ended(&ended);

        let series = REQUESTS.replace("opus", label).replace("200", &ended.status.to_string());
        assert_eq!(value(&metrics, &series), Some(1.0), "{why}");
        assert_eq!(text(&metrics).contains("made-up"), label == "made-up", "{why}");
    }
}

#[test]
fn the_budget_of_thinking_is_no_part_of_a_models_name() {
    let (metrics, mut names) = (Metrics::new(), Names::new());
    names.model = ModelName::parse("opus(8192)").unwrap();

    metrics.request_ended(&names.call());

    assert_eq!(value(&metrics, REQUESTS), Some(1.0));
}

/// A thread keeps the series it has found; those of another registry, or of a name that was not let in
/// at first, must not be taken for them.
#[test]
fn kept_series_are_those_of_their_registry_and_their_labels() {
    let (one, other, names) = (Metrics::new(), Metrics::new(), Names::new());
    one.request_ended(&EndedRequest { status: 500, ..names.call() });
    for metrics in [&one, &other, &one] {
        metrics.request_ended(&names.call());
    }
    one.request_ended(&EndedRequest { status: 500, ..names.call() });

    assert_eq!(value(&one, REQUESTS), Some(2.0));
    assert_eq!(value(&other, REQUESTS), Some(1.0));
    let failed = REQUESTS.replace("200", "500");
    assert_eq!(value(&one, &failed.replace("opus", "other")), Some(1.0), "before it was served");
    assert_eq!(value(&one, &failed), Some(1.0), "since it was served");
}

/// Credentials are called by their places, so that one that is taken out gives its name to the next.
#[test]
fn what_is_counted_for_a_credential_is_never_taken_for_another_accounts() {
    const OF: &str = r#"ampgate_credential_requests_total{credential="claude-1",provider="claude",status="200"}"#;
    let id = |name, account| CredentialId::new(name).of_account(account);
    let (metrics, mut first, mut second) = (Metrics::new(), Names::new(), Names::new());
    (first.credential, second.credential) = (id("claude-1", 1), id("claude-2", 2));
    metrics.knows_credentials([first.credential.clone(), second.credential.clone()]);
    let usage = Some(TokenUsage { input: 50, ..TokenUsage::default() });
    let rests = metrics.cooldown_count();
    let count = |names: &Names| metrics.request_ended(&EndedRequest { usage, ..names.call() });
    for names in [&first, &first, &second] {
        count(names);
        rests.rests(&names.credential, "limited");
    }
    assert_eq!(value(&metrics, OF), Some(2.0));

    metrics.knows_credentials([id("claude-1", 2)]);

    assert!(!text(&metrics).contains("credential="), "whatever they are counted by");
    count(&first);
    rests.rests(&first.credential, "limited");
    assert_eq!(value(&metrics, OF), None, "it was under way, and its account is gone");
    count(&second);
    rests.rests(&second.credential, "limited");
    assert_eq!(value(&metrics, OF), Some(1.0), "it was under way, and is called otherwise now");
    assert_eq!(value(&metrics, REQUESTS), Some(5.0), "all else goes on");

    metrics.knows_credentials([id("claude-1", 2), id("claude-2", 3)]);

    count(&second);
    assert_eq!(value(&metrics, OF), Some(2.0), "its account is the same");
    for series in [
        r#"ampgate_credential_tokens_total{credential="claude-1",provider="claude",type="input"}"#,
        r#"ampgate_cooldowns_total{class="limited",credential="claude-1"}"#,
    ] {
        let expected = if series.contains("tokens") { 100.0 } else { 1.0 };
        assert_eq!(value(&metrics, series), Some(expected), "{series}");
    }
}

#[test]
fn what_is_open_is_counted_until_its_guard_is_dropped() {
    let metrics = Metrics::new();
    let (stream, tunnel) = (metrics.stream_opens(), metrics.tunnel_opens());
    let second = metrics.stream_opens();
    assert_eq!((metrics.open_streams(), metrics.open_tunnels()), (2, 1));

    drop((stream, tunnel));
    assert_eq!((metrics.open_streams(), metrics.open_tunnels()), (1, 0));
    drop(second);
    assert_eq!(value(&metrics, "ampgate_open_streams"), Some(0.0));
}

#[test]
fn a_credential_that_is_gone_is_gone_from_the_gauges() {
    let metrics = Metrics::new();
    let rest = |credential: &str, rests| CredentialRest {
        provider: "claude".to_owned(),
        credential: credential.to_owned(),
        rests,
        models: 2,
    };
    let series = |credential| {
        format!(r#"ampgate_credential_resting{{credential="{credential}",provider="claude"}}"#)
    };
    let before = vec![rest("claude-1", true), rest("claude-2", false)];
    metrics.looks_up_rests_by(move || before.clone());
    assert_eq!(value(&metrics, &series("claude-1")), Some(1.0));
    assert_eq!(value(&metrics, &series("claude-2")), Some(0.0));

    let after = vec![rest("claude-2", true)];
    metrics.looks_up_rests_by(move || after.clone());

    assert_eq!(value(&metrics, &series("claude-1")), None);
    assert_eq!(value(&metrics, &series("claude-2")), Some(1.0));
}

#[test]
fn a_bad_reload_leaves_the_time_of_the_last_good_one() {
    let metrics = Metrics::new();
    let at = || value(&metrics, "ampgate_config_last_success_timestamp_seconds").unwrap();
    let started = at();
    assert!(started > 1.7e9, "the start is a good reading");

    metrics.0.operations.configured_at.set(5);
    metrics.reloaded(false);
    assert!((at() - 5.0).abs() < f64::EPSILON);
    metrics.reloaded(true);
    assert!(at() >= started);
    for outcome in ["success", "failure"] {
        let series = format!(r#"ampgate_config_reloads_total{{outcome="{outcome}"}}"#);
        assert_eq!(value(&metrics, &series), Some(1.0));
    }
}

#[test]
fn the_first_refused_configuration_is_seen_by_a_rate_and_until_it_is_mended() {
    let metrics = Metrics::new();
    let last = || value(&metrics, "ampgate_config_last_reload_successful");
    for outcome in ["success", "failure"] {
        let series = format!(r#"ampgate_config_reloads_total{{outcome="{outcome}"}}"#);
        assert_eq!(value(&metrics, &series), Some(0.0), "a rate needs a value before the first");
    }
    assert_eq!(last(), Some(1.0), "what was read at the start is in effect");

    for is_good in [false, true] {
        metrics.reloaded(is_good);
        assert_eq!(last(), Some(f64::from(u8::from(is_good))));
    }
}
