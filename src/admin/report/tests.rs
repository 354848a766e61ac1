use super::*;
use crate::actors::tokens::AccountState;
use crate::admin::status::{Bucket, Spend, Tokens};
use crate::config::TokenSource;
use crate::dialect::ToldLimit;
use crate::metrics::{EndedRequest, GenAi, Metrics};
use crate::types::{ClientId, CredentialId, ModelName, ProviderName, Route, TokenUsage};

/// A request, by what a status tells apart.
#[derive(Clone, Copy)]
struct Asked<'a> {
    client: &'a str,
    provider: &'a str,
    credential: &'a str,
    model: &'a str,
    route: Option<Route>,
    status: u16,
    cost_usd: Option<f64>,
}

const LOCAL: Asked<'_> = Asked {
    client: "alice",
    provider: "claude",
    credential: "claude-1",
    model: "claude-x",
    route: Some(Route::Local),
    status: 200,
    cost_usd: Some(0.25),
};

fn count(metrics: &Metrics, asked: &Asked<'_>) {
    let usage =
        TokenUsage { input: 100, cached_input: 60, cache_write: 10, output: 7, reasoning: 3 };
    let known = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    let client = known(asked.client).map(|name| ClientId::new(&name));
    let provider = known(asked.provider).map(|name| ProviderName::new(&name));
    let credential = known(asked.credential).map(|name| CredentialId::new(&name));
    let model = known(asked.model).map(|name| ModelName::parse(&name).unwrap());
    metrics.request_ended(&EndedRequest {
        id: "request-1",
        door: "model",
        client: client.as_ref(),
        provider: provider.as_ref(),
        credential: credential.as_ref(),
        model: model.as_ref(),
        route: asked.route,
        status: asked.status,
        outcome: "complete",
        usage: (asked.status == 200 && asked.route.is_some()).then_some(usage),
        cost_usd: asked.cost_usd,
        text_bytes: 0,
        first_byte: Some(Duration::from_millis(200)),
        duration: Duration::from_secs(3),
        bytes: 1,
        attempts: 1,
        attempt_is_open: true,
        gen_ai: GenAi {
            operation: if asked.route.is_some() { "chat" } else { "" },
            provider: provider.as_ref(),
            upstream_model: model.as_ref(),
            first_token: Some(Duration::from_millis(200)),
        },
    });
}

fn sources(metrics: &Metrics) -> Sources {
    Sources {
        families: metrics.gather(),
        credentials: Vec::new(),
        accounts: Vec::new(),
        failures: metrics.recent_failures(),
        replicas: Vec::new(),
        uptime: Duration::from_secs(90),
        is_draining: false,
        now: SystemTime::now(),
        now_for_rests: Instant::now(),
    }
}

/// Name, requests, failures, tokens read, tokens written, dollars.
type Row<'a> = (&'a str, u64, u64, u64, u64, Option<f64>);

fn rows(spends: &[Spend]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for Spend { name, requests, failed, tokens, cost_usd } in spends {
        rows.push((name.as_str(), *requests, *failed, tokens.input, tokens.output, *cost_usd));
    }
    rows
}

#[test]
fn a_status_adds_up_what_was_counted_by_who_asked_and_who_paid() {
    let metrics = Metrics::new();
    let amp =
        Asked { provider: "amp", credential: "", route: Some(Route::Amp), cost_usd: None, ..LOCAL };
    let relay = Asked { model: "", route: None, ..amp };
    let probe = Asked { client: "", provider: "", ..relay };
    for asked in [
        LOCAL,
        LOCAL,
        Asked { client: "bob", status: 500, cost_usd: None, ..LOCAL },
        Asked { status: 0, cost_usd: None, ..LOCAL },
        amp,
        relay,
        Asked { client: "", ..relay },
        probe,
        Asked { status: 401, ..probe },
    ] {
        count(&metrics, &asked);
    }

    let status = status(&sources(&metrics));

    assert_eq!(
        (status.totals.requests, status.totals.failed),
        (7, 1),
        "no probes, nothing refused"
    );
    assert_eq!(status.totals.tokens.input, 300);
    assert_eq!(status.totals.tokens.cached_input, 180);
    assert_eq!(status.totals.tokens.cache_write, 30);
    assert_eq!(status.totals.tokens.output, 21);
    assert_eq!(status.totals.tokens.reasoning, 9);
    assert_eq!(status.totals.cost_usd, Some(0.5));
    assert_eq!(
        rows(&status.by_route),
        [
            ("local", 4, 1, 200, 14, Some(0.5)),
            ("amp", 1, 0, 100, 7, None),
            ("relay", 2, 0, 0, 0, None)
        ]
    );
    assert_eq!(
        rows(&status.by_client),
        [("alice", 5, 0, 300, 21, Some(0.5)), ("bob", 1, 1, 0, 0, None)]
    );
    assert_eq!(rows(&status.by_model), [("claude-x", 5, 1, 300, 21, Some(0.5))]);
    assert_eq!(
        rows(&status.by_provider),
        [("claude", 4, 1, 200, 14, Some(0.5)), ("amp", 3, 0, 100, 7, None)]
    );
    assert_eq!(status.uptime_seconds, 90);
    let codes: Vec<u16> = status.failures.iter().map(|failure| failure.status).collect();
    assert_eq!(codes, [401, 500], "the newest first");
}

#[test]
fn a_status_of_a_gateway_that_nobody_has_asked_is_empty() {
    let status = status(&sources(&Metrics::new()));

    assert_eq!(status.totals, Totals::default());
    assert_eq!(status.by_route, []);
    assert_eq!(status.total, crate::admin::AnswerTimes::default());
}

#[test]
fn times_are_those_of_all_models_together() {
    let metrics = Metrics::new();
    for model in ["claude-x", "claude-y"] {
        count(&metrics, &Asked { model, ..LOCAL });
    }

    let status = status(&sources(&metrics));

    assert_eq!(status.total.count, 2);
    assert_eq!(status.total.mean_seconds, Some(3.0));
    let filled: Vec<&Bucket> = status.total.buckets.iter().filter(|b| b.count > 0).collect();
    assert_eq!(filled, [&Bucket { up_to_seconds: Some(5.12), count: 2 }]);
    assert_eq!(status.total.buckets.last().unwrap().up_to_seconds, None);
    assert!(status.first_token.median_seconds.is_some_and(|median| median < 0.3));
}

#[test]
fn a_credential_is_told_by_what_rests_of_it() {
    let now = Instant::now();
    let rest = |model: Option<&str>, seconds: u64| ListedRest {
        model: model.map(str::to_owned),
        reason: "limited",
        until: now + Duration::from_secs(seconds),
        was_told: true,
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![],                                   CredentialState::Ready,    "nothing is known against it"),
        (vec![rest(None, 5)],                      CredentialState::Resting,  "all of it"),
        (vec![rest(None, 0)],                      CredentialState::HalfOpen, "over, and not proven"),
        (vec![rest(Some("m"), 5)],                 CredentialState::Limited,  "a model"),
        (vec![rest(Some("m"), 0)],                 CredentialState::HalfOpen, "a model's is over, and not proven"),
        (vec![rest(None, 0), rest(Some("m"), 5)],  CredentialState::HalfOpen, "the whole counts first"),
        (vec![rest(Some("a"), 0), rest(Some("m"), 5)], CredentialState::Limited, "one of two lasts"),
    ];
    for (rests, expected, why) in cases {
        assert_eq!(state_of(&rests, now), expected, "{why}");
    }
}

#[test]
fn what_is_left_is_told_in_seconds_that_are_never_too_few() {
    let metrics = Metrics::new();
    count(&metrics, &LOCAL);
    count(&metrics, &Asked { status: 429, ..LOCAL });
    let base = sources(&metrics);
    let millis = Duration::from_millis;
    let told = |name: &str, resets_at| ToldLimit {
        name: name.to_owned(),
        limit: Some(50.0),
        remaining: Some(3.0),
        used_fraction: None,
        resets_at: Some(resets_at),
    };
    let limit = |name: &str, resets_at| crate::actors::router::SeenLimit {
        told: told(name, resets_at),
        at: base.now - millis(2500),
    };
    let health = CredentialHealth {
        id: CredentialId::new("claude-1"),
        provider: ProviderName::new("claude"),
        rests: vec![ListedRest {
            model: None,
            reason: "limited",
            until: base.now_for_rests + millis(1500),
            was_told: true,
        }],
        limits: vec![
            limit("requests", base.now + millis(59_001)),
            limit("tokens", base.now - millis(1)),
        ],
    };

    let account = AccountHealth {
        source: TokenSource::Codex("/a".into()),
        label: Some("a@example.org".to_owned()),
        plan: None,
        expires_at: Some(base.now + millis(9_500)),
        state: AccountState::LoginNeeded { reason: "invalid_grant".to_owned() },
    };
    let accounts = vec![(CredentialId::new("claude-1"), account)];

    let status = status(&Sources { credentials: vec![health], accounts, ..base });

    let credential = &status.credentials[0];
    let account = credential.account.as_ref().unwrap();
    assert_eq!((account.state, account.expires_in_seconds), ("login_needed", Some(9)));
    assert_eq!(account.trouble.as_deref(), Some("invalid_grant"));
    assert_eq!((credential.requests, credential.failed), (2, 1));
    let tokens = Tokens { input: 100, cached_input: 60, cache_write: 10, output: 7, reasoning: 3 };
    assert_eq!(credential.tokens, tokens, "of the call that was answered");
    assert_eq!(credential.rests[0].seconds_left, 2);
    let resets: Vec<_> = credential.limits.iter().map(|limit| limit.resets_in_seconds).collect();
    assert_eq!(resets, [Some(60), Some(0)]);
    assert_eq!(credential.limits[0].seen_seconds_ago, 2);
}
