use actix_web::http::header::{HeaderName, HeaderValue};

use super::*;

/// 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn told(lines: &str) -> Vec<ToldLimit> {
    let mut fields = HeaderMap::new();
    for (name, value) in lines.lines().filter_map(|line| line.trim().split_once(": ")) {
        let name = HeaderName::try_from(name).unwrap();
        fields.append(name, HeaderValue::from_str(value).unwrap());
    }
    let mut told = told_limits(&fields, now());
    told.sort_by(|one, other| one.name.cmp(&other.name)); // a map has no order
    told
}

/// Name, limit, remaining, used, seconds from now to the reset.
type Row<'a> = (&'a str, Option<f64>, Option<f64>, Option<f64>, Option<i64>);

fn row(limit: &ToldLimit) -> Row<'_> {
    let resets_in = limit.resets_at.map(|at| {
        let unix = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(unix).unwrap() - i64::try_from(NOW).unwrap()
    });
    (&limit.name, limit.limit, limit.remaining, limit.used_fraction, resets_in)
}

#[test]
fn limits_are_read_in_each_providers_own_way_of_telling() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &[Row<'_>], &str); 15] = [
        ("anthropic-ratelimit-requests-limit: 50\n anthropic-ratelimit-requests-remaining: 49\n\
          anthropic-ratelimit-requests-reset: 2026-01-01T00:00:30Z\n\
          anthropic-ratelimit-input-tokens-limit: 30000\n anthropic-ratelimit-input-tokens-remaining: 12000\n\
          anthropic-ratelimit-input-tokens-reset: 2026-01-01T00:01:00Z",
            &[("input tokens", Some(30_000.0), Some(12_000.0), None, Some(60)),
              ("requests", Some(50.0), Some(49.0), None, Some(30))], "an API key of Anthropic"),
        ("anthropic-priority-output-tokens-limit: 10\n anthropic-priority-output-tokens-remaining: 0",
            &[("priority output tokens", Some(10.0), Some(0.0), None, None)], "spent is not unknown"),
        ("anthropic-ratelimit-unified-status: allowed\n anthropic-ratelimit-unified-reset: 1767225660\n\
          anthropic-ratelimit-unified-5h-utilization: 0.25\n anthropic-ratelimit-unified-5h-reset: 1767225660\n\
          anthropic-ratelimit-unified-7d_oi-utilization: 1.2\n anthropic-ratelimit-unified-7d_oi-reset: 1767225000\n\
          anthropic-ratelimit-unified-overage-utilization: 0.5",
            &[("5h window", None, None, Some(0.25), Some(60)),
              ("7d_oi window", None, None, Some(1.0), Some(-600))], "a plan; a reset may have passed"),
        ("x-ratelimit-limit-requests: 500\n x-ratelimit-remaining-requests: 499\n x-ratelimit-reset-requests: 120ms\n\
          x-ratelimit-limit-tokens: 30000\n x-ratelimit-remaining-tokens: 29000\n x-ratelimit-reset-tokens: 6m0s",
            &[("requests", Some(500.0), Some(499.0), None, Some(0)),
              ("tokens", Some(30_000.0), Some(29_000.0), None, Some(360))], "OpenAI: Go durations"),
        ("x-ratelimit-limit-tokens: 100\n x-ratelimit-remaining-tokens: 1\n x-ratelimit-reset-tokens: 37",
            &[("tokens", Some(100.0), Some(1.0), None, Some(37))], "Azure: seconds"),
        ("x-ratelimit-limit-tokens: -1\n x-ratelimit-remaining-tokens: -1\n x-ratelimit-reset-tokens: 0",
            &[], "Azure: it does not know"),
        ("x-ratelimit-limit-requests: 0\n x-ratelimit-remaining-requests: 0", &[], "no limit that could be meant"),
        ("x-ratelimit-remaining-requests: 3", &[("requests", None, Some(3.0), None, None)], "half of it is better than nothing"),
        ("x-ratelimit-remaining-requests: -1\n x-ratelimit-limit-requests: 5",
            &[("requests", Some(5.0), None, None, None)], "one of two is meant"),
        ("x-codex-primary-used-percent: 42\n x-codex-primary-window-minutes: 300\n x-codex-primary-reset-at: 1767225660\n\
          x-codex-secondary-used-percent: 7.5\n x-codex-secondary-window-minutes: 10080",
            &[("5h window", None, None, Some(0.42), Some(60)), ("7d window", None, None, Some(0.075), None)],
            "a plan of ChatGPT: places are no lengths"),
        ("x-codex-bengal-primary-used-percent: 100\n x-codex-bengal-primary-window-minutes: 90\n\
          x-codex-primary-used-percent: 1",
            &[("bengal 90m window", None, None, Some(1.0), None), ("primary window", None, None, Some(0.01), None)],
            "a family of models, and a window whose length is not told"),
        ("anthropic-ratelimit-unified-5h-utilization: 0.5\n anthropic-ratelimit-unified-5h-reset: soon",
            &[("5h window", None, None, Some(0.5), None)], "what cannot be read is left out"),
        ("anthropic-ratelimit-tokens-limit: many\n x-codex-primary-used-percent: NaN\n\
          x-ratelimit-remaining-tokens: inf", &[], "no numbers"),
        ("anthropic-ratelimit-tokens-reset: 2026-01-01T00:01:00Z", &[], "a reset of nobody knows what"),
        ("retry-after: 5\n x-request-id: 1\n anthropic-organization-id: o\n content-type: text/plain", &[], "other fields"),
    ];
    for (lines, expected, why) in cases {
        let told = told(lines);
        let rows: Vec<Row<'_>> = told.iter().map(row).collect();
        assert_eq!(rows, expected, "{why}");
    }
}

#[test]
fn a_provider_cannot_fill_a_page() {
    use std::fmt::Write as _;

    let mut lines = String::new();
    for number in 0..100 {
        writeln!(lines, "x-ratelimit-limit-model{number}: 5").unwrap();
    }
    assert_eq!(told(&lines).len(), MOST_LIMITS);
    assert_eq!(told(&format!("x-ratelimit-limit-{}: 5", "x".repeat(100))), []);
}
