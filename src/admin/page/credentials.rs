//! Each credential: whether it may be asked, why not, for how long, and what is left of its limits.

use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::marks::gauge;
use super::numbers::{counted, duration, grouped, percent};
use super::spend::total;
use crate::admin::{AccountStatus, CredentialState, CredentialStatus, Rest, SeenLimit};

/// How a state is called, and the class that colours it. Its shape is in [`shape`].
const fn words(state: CredentialState) -> (&'static str, &'static str) {
    match state {
        CredentialState::Ready => ("ready", "Ready"),
        CredentialState::Limited => ("limited", "Partly resting"),
        CredentialState::Resting => ("resting", "Resting"),
        CredentialState::HalfOpen => ("half-open", "To be tried again"),
    }
}

pub(super) fn section(credentials: &[CredentialStatus]) -> Markup {
    html! {
        section.credentials data-key="credentials" aria-labelledby="credentials" {
            h2 #credentials { "Credentials " small { (summary(credentials)) } }
            @if credentials.is_empty() {
                p { "None is configured: every model call goes to Amp, if it may." }
            }
            ul { @for credential in credentials { (card(credential)) } }
        }
    }
}

/// `3 ready, 1 resting`.
fn summary(credentials: &[CredentialStatus]) -> String {
    use CredentialState::{HalfOpen, Limited, Ready, Resting};
    let counts = [Ready, Limited, Resting, HalfOpen].map(|state| {
        let count = credentials.iter().filter(|credential| credential.state == state).count();
        (count, words(state).1.to_lowercase())
    });
    let there = counts.iter().filter(|(count, _)| *count > 0);
    there.map(|(count, state)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

fn card(credential: &CredentialStatus) -> Markup {
    let CredentialStatus { id, provider, state, rests, requests, failed, tokens, limits, account } =
        credential;
    let used = total(tokens);
    let (class, state_words) = words(*state);
    html! {
        li class={ "credential " (class) } data-key=(id) tabindex="-1" {
            div.head {
                h3 { (id) }
                p.state { (shape(*state)) (state_words) }
            }
            p.of {
                (provider) ", " (counted(*requests, "request", "requests"))
                @if *failed > 0 { ", " span.bad { (grouped(*failed)) " failed" } }
                @if used > 0 {
                    ", " span.used title={ (grouped(tokens.input)) " in, " (grouped(tokens.output)) " out" } {
                        (counted(used, "token", "tokens"))
                    }
                }
            }
            @if let Some(account) = account { (login(account)) }
            @if !rests.is_empty() { ul.rests { @for rest in rests { li { (said(rest)) } } } }
            @if !limits.is_empty() { ul.limits { @for limit in limits { li { (left(limit)) } } } }
            @if *state != CredentialState::Ready {
                form method="post" action={ "credentials/" (in_path(id)) "/reset" } {
                    button aria-label={ "Reset " (id) } { "Reset" }
                    " "
                    output {}
                }
            }
        }
    }
}

/// Whose login it is, and what has to be done about it.
fn login(account: &AccountStatus) -> Markup {
    let AccountStatus { label, plan, expires_in_seconds, state, trouble } = account;
    html! {
        p.of.login {
            @if let Some(label) = label { (label) } @else { "login" }
            @if let Some(plan) = plan { ", plan " (plan) }
            @match (trouble, expires_in_seconds) {
                (Some(trouble), _) => {
                    ": " span.bad {
                        @if *state == "login_needed" { "login needed" } @else { "not refreshed" }
                        " (" (trouble) ")"
                    }
                }
                (None, Some(left)) => {
                    ", token for " span.left data-seconds-left=(left) { (duration(*left)) }
                }
                (None, None) => {}
            }
        }
    }
}

/// What is written as it is in a segment of a path (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn in_path(id: &str) -> String {
    utf8_percent_encode(id, RESERVED).to_string()
}

/// Colour is not for everybody: a tick, half a disc, two bars, a ring.
fn shape(state: CredentialState) -> Markup {
    html! {
        svg.shape aria-hidden="true" width="14" height="14" viewBox="0 0 14 14" {
            @match state {
                CredentialState::Ready => {
                    circle cx="7" cy="7" r="7" {}
                    path.on d="M3.8 7.2l2.2 2.3 4.2-4.8" {}
                }
                CredentialState::Limited => {
                    circle.ring cx="7" cy="7" r="6" {}
                    path d="M7 1a6 6 0 0 1 0 12z" {}
                }
                CredentialState::Resting => {
                    rect width="14" height="14" rx="3" {}
                    path.on d="M5 4v6M9 4v6" {}
                }
                CredentialState::HalfOpen => {
                    circle.ring.dashed cx="7" cy="7" r="6" {}
                    circle cx="7" cy="7" r="2" {}
                }
            }
        }
    }
}

fn said(rest: &Rest) -> Markup {
    html! {
        @if let Some(model) = &rest.model { span.model { (model) } ": " }
        (reason(rest.reason))
        @if rest.seconds_left == 0 {
            "; its time is over, and the next call tries it"
        } @else {
            ", for " span.left data-seconds-left=(rest.seconds_left) { (duration(rest.seconds_left)) }
            @if rest.was_told { ", as the provider said" } @else { ", by our own guess" }
        }
    }
}

/// The words for a class of trouble; a class that this page does not know says itself.
fn reason(class: &str) -> &str {
    match class {
        "unauthorized" => "its key was refused",
        "unpaid" => "no money or quota is left",
        "forbidden" => "it may not do this",
        "model_unknown" => "it has no such model",
        "limited" => "over a limit",
        "challenge" => "the provider wants to see a browser",
        "unavailable" => "the provider is overloaded or away",
        other => other,
    }
}

fn left(seen: &SeenLimit) -> Markup {
    html! {
        span.name { (seen.name) }
        @if let Some(fraction) = fraction_left(seen) { (gauge(fraction)) }
        span.amount {
            (amount(seen))
            @match seen.resets_in_seconds {
                Some(0) => "; full again",
                Some(after) => {
                    ", full again in " span.left data-seconds-left=(after) { (duration(after)) }
                }
                None => {}
            }
        }
    }
}

fn fraction_left(seen: &SeenLimit) -> Option<f64> {
    match (seen.used_fraction, seen.remaining, seen.limit) {
        (Some(used), ..) => Some(1.0 - used),
        (None, Some(remaining), Some(limit)) if limit > 0.0 => Some(remaining / limit),
        _ => None,
    }
}

fn amount(seen: &SeenLimit) -> String {
    match (seen.remaining, seen.limit) {
        (Some(remaining), Some(limit)) => format!("{} of {} left", whole(remaining), whole(limit)),
        (Some(remaining), None) => format!("{} left", whole(remaining)),
        (None, limit) => match (fraction_left(seen), limit) {
            (Some(fraction), _) => format!("{} left", percent(fraction.clamp(0.0, 1.0), 1.0)),
            (None, Some(limit)) => format!("limit {}", whole(limit)),
            (None, None) => "not told how much".to_owned(),
        },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast stops at both ends, and limits are counts"
)]
fn whole(amount: f64) -> String {
    super::numbers::count(amount.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Tokens;

    fn limit(limit: Option<f64>, remaining: Option<f64>, used_fraction: Option<f64>) -> SeenLimit {
        SeenLimit {
            name: "requests".to_owned(),
            limit,
            remaining,
            used_fraction,
            resets_in_seconds: None,
            seen_seconds_ago: 0,
        }
    }

    #[test]
    fn a_limit_says_what_is_left_as_far_as_it_was_told() {
        let cases = [
            (limit(Some(1000.0), Some(812.0), None), "812 of 1\u{202f}000 left", Some(0.812)),
            (limit(None, Some(5.0), None), "5 left", None),
            (limit(None, None, Some(0.75)), "25\u{202f}% left", Some(0.25)),
            (limit(None, None, Some(1.2)), "0\u{202f}% left", Some(-0.2)),
            (limit(Some(50.0), None, None), "limit 50", None),
            (limit(Some(0.0), Some(0.0), None), "0 of 0 left", None),
            (limit(None, None, None), "not told how much", None),
        ];
        for (seen, words, fraction) in cases {
            assert_eq!(amount(&seen), words, "{seen:?}");
            let found = fraction_left(&seen).map(|fraction| (fraction * 1000.0).round());
            assert_eq!(found, fraction.map(|fraction| fraction * 1000.0), "{seen:?}");
        }
    }

    #[test]
    fn a_rest_says_why_how_long_and_who_said_so() {
        let rest = |model: Option<&str>, reason, seconds_left, was_told| Rest {
            model: model.map(ToOwned::to_owned),
            reason,
            seconds_left,
            was_told,
        };
        let cases = [
            (rest(None, "limited", 47, true), "over a limit, for ", "as the provider said"),
            (rest(None, "unavailable", 60, false), "away, for ", "by our own guess"),
            (
                rest(Some("gpt-9"), "model_unknown", 9, false),
                "gpt-9</span>: it has no such",
                "guess",
            ),
            (rest(None, "limited", 0, true), "its time is over", "the next call tries it"),
            (rest(None, "brand_new", 5, true), "brand_new, for", "as the provider said"),
        ];
        for (rest, first, second) in cases {
            let html = said(&rest).into_string();
            assert!(html.contains(first) && html.contains(second), "{html}");
        }
    }

    #[test]
    fn a_credential_says_what_was_used_with_it_as_far_as_that_is_known() {
        let used = |input, output| CredentialStatus {
            id: "claude-1".to_owned(),
            provider: "claude".to_owned(),
            state: CredentialState::Ready,
            rests: Vec::new(),
            requests: 2,
            failed: 0,
            tokens: Tokens { input, cached_input: input, output, ..Tokens::default() },
            limits: Vec::new(),
            account: None,
        };
        let html = card(&used(12_300, 45)).into_string();
        for expected in ["12.3k tokens", "12\u{202f}300 in, 45 out"] {
            assert!(html.contains(expected), "no `{expected}` in {html}");
        }
        assert!(!card(&used(0, 0)).into_string().contains("token"), "nobody has told");
    }

    #[test]
    fn a_login_says_whose_it_is_and_what_is_wrong_with_it() {
        let account = |state, trouble: Option<&str>| AccountStatus {
            label: Some("a@example.org".to_owned()),
            plan: Some("pro".to_owned()),
            expires_in_seconds: Some(600),
            state,
            trouble: trouble.map(str::to_owned),
        };
        let cases = [
            (account("fresh", None), "a@example.org, plan pro, token for ", "600"),
            (account("failing", Some("no answer")), "not refreshed", "(no answer)"),
            (
                account("login_needed", Some("run it <again>")),
                "login needed",
                "run it &lt;again&gt;",
            ),
        ];
        for (account, first, second) in cases {
            let html = login(&account).into_string();
            assert!(html.contains(first) && html.contains(second), "{html}");
        }
    }

    #[test]
    fn an_id_is_one_segment_of_a_path() {
        assert_eq!(in_path("claude-1"), "claude-1");
        assert_eq!(in_path("my/own #2-1"), "my%2Fown%20%232-1");
    }
}
