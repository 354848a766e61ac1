//! The page as a whole, of a gateway on a busy day.

use super::*;
use crate::admin::{
    AnswerTimes, Bucket, CredentialStatus, Failure, Instance, Open, Rest, SeenLimit, Spend, Tokens,
};

fn tokens(input: u64, cached_input: u64, output: u64) -> Tokens {
    Tokens { input, cached_input, output, ..Tokens::default() }
}

fn spend(name: &str, requests: u64, failed: u64, tokens: Tokens, usd: f64) -> Spend {
    Spend { name: name.to_owned(), requests, failed, tokens, cost_usd: Some(usd) }
}

fn answer_times(counts: [u64; 15], median: f64, p95: f64) -> AnswerTimes {
    let bounds = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0];
    let bounds = bounds.iter().map(|&bound| Some(bound)).chain([None]);
    let bucket = |(up_to_seconds, count)| Bucket { up_to_seconds, count };
    AnswerTimes {
        count: counts.iter().sum(),
        mean_seconds: Some(median * 1.2),
        median_seconds: Some(median),
        p95_seconds: Some(p95),
        buckets: bounds.zip(counts).map(bucket).collect(),
    }
}

fn credential(id: &str, state: CredentialState, rests: Vec<Rest>) -> CredentialStatus {
    let provider = id.rsplit_once('-').map_or(id, |(provider, _)| provider).to_owned();
    let limits = Vec::new();
    CredentialStatus {
        id: id.to_owned(),
        provider,
        state,
        rests,
        requests: 412,
        failed: 3,
        tokens: Tokens { input: 1_240_000, output: 31_000, ..Tokens::default() },
        limits,
        account: None,
    }
}

fn limit(name: &str, limit: f64, remaining: f64) -> SeenLimit {
    SeenLimit {
        name: name.to_owned(),
        limit: Some(limit),
        remaining: Some(remaining),
        used_fraction: None,
        resets_in_seconds: Some(41),
        seen_seconds_ago: 2,
    }
}

fn failure(seconds_ago: u64, model: &str, status: u16, outcome: &'static str) -> Failure {
    Failure {
        seconds_ago,
        request_id: format!("0198c2d4-7c1e-7b52-9f0e-{seconds_ago:012}"),
        door: "messages",
        client: Some("alice".to_owned()),
        provider: Some("claude".to_owned()),
        credential: Some("claude-2".to_owned()),
        model: Some(model.to_owned()),
        status,
        outcome,
    }
}

/// A gateway that has just started.
fn quiet() -> Status {
    Status {
        version: "1.2.3",
        now: "2026-03-04T14:03:22.512Z".to_owned(),
        uptime_seconds: 7,
        is_draining: false,
        open: Open::default(),
        totals: Totals::default(),
        by_route: Vec::new(),
        by_client: Vec::new(),
        by_model: Vec::new(),
        by_provider: Vec::new(),
        first_token: AnswerTimes::default(),
        total: AnswerTimes::default(),
        credentials: vec![credential("claude-1", CredentialState::Ready, Vec::new())],
        failures: Vec::new(),
        replicas: Vec::new(),
    }
}

fn credentials() -> Vec<CredentialStatus> {
    let rest = |model: Option<&str>, reason, seconds_left, was_told| Rest {
        model: model.map(ToOwned::to_owned),
        reason,
        seconds_left,
        was_told,
    };
    let mut claude_1 = credential("claude-1", CredentialState::Ready, Vec::new());
    claude_1.limits =
        vec![limit("requests", 4000.0, 3812.0), limit("input tokens", 400_000.0, 61_000.0)];
    vec![
        claude_1,
        credential("claude-2", CredentialState::Resting, vec![rest(None, "limited", 1847, true)]),
        credential(
            "openai-1",
            CredentialState::Limited,
            vec![
                rest(Some("gpt-5.1"), "limited", 47, true),
                rest(Some("gpt-x"), "model_unknown", 43_100, false),
            ],
        ),
        credential(
            "openrouter-1",
            CredentialState::HalfOpen,
            vec![rest(None, "unavailable", 0, false)],
        ),
    ]
}

fn busy() -> Status {
    Status {
        uptime_seconds: 273_600,
        open: Open { streams: 14, tunnels: 3 },
        totals: Totals {
            requests: 7393,
            failed: 28,
            amp_fallbacks: 12,
            tokens: Tokens { reasoning: 300_000, ..tokens(84_300_000, 61_200_000, 1_960_000) },
            cost_usd: Some(148.37),
        },
        by_route: vec![
            spend("local", 3104, 21, tokens(68_000_000, 52_000_000, 1_500_000), 121.02),
            spend("mapped", 801, 3, tokens(12_100_000, 7_000_000, 360_000), 14.8),
            spend("amp", 118, 0, tokens(4_200_000, 2_200_000, 100_000), 12.55),
            spend("relay", 3370, 4, Tokens::default(), 0.0),
        ],
        by_client: ["alice", "build-server", "carol", "dmitri"]
            .iter()
            .zip([(2900, 70.2), (2400, 51.0), (1400, 20.1), (731, 7.07)])
            .map(|(name, (requests, usd))| {
                spend(name, requests, 9, tokens(requests * 11_000, requests * 7_000, 9_000), usd)
            })
            .collect(),
        by_model: (0..11)
            .map(|n| {
                let name =
                    if n == 4 { "<script>alert(1)</script>".into() } else { format!("model-{n}") };
                spend(
                    &name,
                    900 - 70 * n,
                    n,
                    tokens(9_000_000 - 700_000 * n, 0, 90_000),
                    40.0 - float(n),
                )
            })
            .collect(),
        by_provider: vec![
            spend("claude", 2100, 20, tokens(51_000_000, 40_000_000, 900_000), 101.2),
            spend("openrouter", 801, 3, tokens(12_100_000, 7_000_000, 360_000), 14.8),
            spend("amp", 3488, 4, tokens(4_200_000, 2_200_000, 100_000), 12.55),
        ],
        first_token: answer_times(
            [0, 4, 41, 620, 1802, 901, 280, 90, 31, 12, 0, 0, 0, 0, 0],
            0.78,
            4.4,
        ),
        total: answer_times(
            [0, 0, 2, 40, 310, 840, 1020, 800, 420, 200, 96, 41, 11, 1, 0],
            5.2,
            62.0,
        ),
        credentials: credentials(),
        failures: vec![
            failure(12, "claude-sonnet-4-5", 429, "model_cooldown"),
            failure(340, "claude-sonnet-4-5", 502, "upstream_reset"),
            failure(4100, "gpt-5.1", 400, "complete"),
        ],
        replicas: vec![
            Instance {
                name: "ampgate-7c9f-1".to_owned(),
                is_this_one: true,
                seen_seconds_ago: 0,
                open: Open { streams: 14, tunnels: 3 },
                totals: Totals { requests: 7393, ..Totals::default() },
            },
            Instance {
                name: "ampgate-7c9f-2".to_owned(),
                is_this_one: false,
                seen_seconds_ago: 2,
                open: Open { streams: 9, tunnels: 1 },
                totals: Totals {
                    requests: 6918,
                    failed: 12,
                    cost_usd: Some(131.2),
                    ..Totals::default()
                },
            },
        ],
        ..quiet()
    }
}

#[test]
fn a_busy_gateway_shows_everything() {
    let html = render(&busy());
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("7\u{202f}393",                        "requests"),
        ("28 failed",                           "failures of all"),
        ("73\u{202f}% from a cache",            "cached input"),
        ("$148.37",                             "money"),
        ("14</b> <small>streams, 3 tunnels",    "what is open"),
        ("12 model calls were paid by Amp",     "fallbacks are called out"),
        ("up 3\u{202f}d 4\u{202f}h",            "uptime"),
        ("14:03:22 UTC",                        "time"),
        ("1.2.3",                               "version"),
        ("build-server",                        "clients"),
        ("model-10",                            "models that are folded"),
        ("openrouter",                          "providers"),
        ("median 780",                          "first token"),
        ("95\u{202f}% 1\u{202f}min 2\u{202f}s",        "whole answer"),
        ("3\u{202f}812 of 4\u{202f}000 left", "limits"),
        ("1 at rest · ampgate",                 "title"),
        ("credentials/claude-2/reset",        "reset"),
        ("30\u{202f}min 47\u{202f}s",           "time left"),
        ("model_cooldown",                      "last failures"),
        ("ampgate-7c9f-2",                      "replicas"),
    ];
    for (expected, why) in cases {
        assert!(html.contains(expected), "{why}: no `{expected}` in {html}");
    }
}

#[test]
fn a_name_that_a_client_made_up_is_text() {
    let html = render(&busy());
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "shown as it is");
    assert_eq!(html.matches("<script").count(), 1, "and the only script is our own");
}

#[test]
fn nothing_on_the_page_needs_more_than_its_policy_allows() {
    for html in [render(&busy()), render(&quiet())] {
        let has_event_handler =
            [" onclick=", " onload=", " onsubmit="].iter().any(|on| html.contains(on));
        assert!(
            !has_event_handler && !html.contains(" style=") && !html.contains("<style"),
            "{html}"
        );
        assert!(html.contains(r#"<script src="page.js" defer></script>"#), "{html}");
        assert!(
            !html.contains("href=\"/") && !html.contains("action=\"/"),
            "an absolute path: {html}"
        );
    }
}

#[test]
fn a_quiet_gateway_says_what_to_do() {
    let html = render(&quiet());
    assert!(
        html.contains("Nothing has been asked yet") && html.contains("ANTHROPIC_BASE_URL"),
        "{html}"
    );
    assert!(html.contains("claude-1"), "its credentials are seen all the same: {html}");
    for absent in ["Who pays", "By model", "histogram", "Last failures", "Replicas", "Draining"] {
        assert!(!html.contains(absent), "{absent}: {html}");
    }
}

#[test]
fn a_gateway_that_drains_says_so_first() {
    let html = render(&Status { is_draining: true, ..busy() });
    assert!(html.contains("<title>draining · ampgate</title>"), "{html}");
    let (drain, pays) = (html.find("Draining.").unwrap(), html.find("Who pays").unwrap());
    assert!(drain < pays, "{html}");
}

#[test]
fn without_a_price_table_there_is_no_word_of_money() {
    let mut status = busy();
    status.totals.cost_usd = None;
    status.replicas.clear();
    let html = render(&status);
    assert!(!html.contains("Cost") && !html.contains('$'), "{html}");
}
