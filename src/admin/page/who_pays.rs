//! Who pays: requests, tokens and money by who answered.

use maud::{Markup, html};

use super::marks::{Part, stacked};
use super::numbers::{count, counted, dollars, float, percent};
use super::spend::{self, Columns, total};
use crate::admin::{Spend, Status};

/// How a route is called and coloured.
struct Payer {
    class: &'static str,
    words: &'static str,
    /// What the words leave open.
    more: &'static str,
}

/// `None`: a route that this page does not know.
fn payer(route: &str) -> Option<Payer> {
    let (class, words, more) = match route {
        "local" => ("local", "Own providers", "the model that was asked for"),
        "mapped" => ("mapped", "Own providers, mapped", "another model, by a mapping"),
        "own-login" => ("own-login", "Clients’ own logins", "passed through, on their own plans"),
        "amp" => ("amp", "Amp", "model calls that Amp is paid for"),
        "relay" => ("relay", "Amp’s own traffic", "threads, settings, telemetry"),
        _ => return None,
    };
    Some(Payer { class, words, more })
}

pub(super) fn section(status: &Status, columns: Columns) -> Markup {
    let routes = &status.by_route;
    let rows: Vec<&Spend> = routes.iter().filter(|row| row.requests > 0).collect();
    html! {
        section.pays data-key="pays" aria-labelledby="pays" {
            h2 #pays { "Who pays" }
            p.lead { (verdict(routes)) }
            @if status.totals.amp_fallbacks > 0 { (fallbacks(status.totals.amp_fallbacks)) }
            div.shares {
                (share("Requests", routes, &count, |row| row.requests))
                @if columns.tokens { (share("Tokens", routes, &count, |row| total(&row.tokens))) }
                @if columns.cost { (costs(routes)) }
            }
            (spend::table("Who pays", "Answered by", &rows, columns, name))
        }
    }
}

/// The answer in one sentence.
fn verdict(routes: &[Spend]) -> String {
    let calls = |route: &str| {
        let of_route = routes.iter().find(|row| row.name == route);
        of_route.map_or(0, |row| row.requests)
    };
    let own = calls("local") + calls("mapped");
    let amp = calls("amp");
    let all = own + amp;
    let theirs = calls("own-login");
    let paid_by_us = match (own, amp) {
        (0, 0) if theirs > 0 => String::new(),
        (0, 0) => "No model call has been answered yet.".to_owned(),
        (_, 0) => format!(
            "Your own providers answered every model call, {} in all. Nothing was paid by Amp.",
            count(all)
        ),
        (0, _) => format!("Amp answered, and is paid for, all {}.", counted_calls(all)),
        _ => format!(
            "Your own providers answered {} of {} ({}). Amp answered, and is paid for, {}.",
            count(own),
            counted_calls(all),
            percent(float(own), float(all)),
            count(amp),
        ),
    };
    let paid_by_clients = match theirs {
        0 => String::new(),
        _ => format!("Clients made {} with logins of their own.", counted_calls(theirs)),
    };
    let said = [paid_by_us, paid_by_clients];
    said.into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(" ")
}

fn counted_calls(calls: u64) -> String {
    counted(calls, "model call", "model calls")
}

fn fallbacks(calls: u64) -> Markup {
    let were = if calls == 1 { "was" } else { "were" };
    html! {
        p.callout #fallbacks {
            strong { (counted_calls(calls)) " " (were) " paid by Amp after a failure." }
            " Your own providers were configured for the model, and failed or rested. What rests is "
            a href="#credentials" { "below" } "."
        }
    }
}

fn share(
    label: &str,
    routes: &[Spend],
    words: &dyn Fn(u64) -> String,
    value: impl Fn(&Spend) -> u64,
) -> Markup {
    let sum = routes.iter().map(&value).fold(0, u64::saturating_add);
    let parts: Vec<Part> =
        routes.iter().map(|row| part(row, &words(value(row)), float(value(row)))).collect();
    row(label, &words(sum), &parts)
}

fn costs(routes: &[Spend]) -> Markup {
    let usd = |row: &Spend| row.cost_usd.unwrap_or(0.0);
    let parts: Vec<Part> =
        routes.iter().map(|row| part(row, &dollars(usd(row)), usd(row))).collect();
    row("Cost", &dollars(routes.iter().map(usd).sum()), &parts)
}

fn part(row: &Spend, amount: &str, value: f64) -> Part {
    let payer = payer(&row.name);
    let (class, words) =
        payer.map_or(("other", row.name.as_str()), |payer| (payer.class, payer.words));
    Part { class, words: format!("{words} {amount}"), value }
}

fn row(label: &str, sum: &str, parts: &[Part]) -> Markup {
    html! {
        @if parts.iter().any(|part| part.value > 0.0) {
            div.share {
                span.what { (label) } " " span.sum { (sum) }
                (stacked(label, parts))
            }
        }
    }
}

fn name(row: &Spend) -> Markup {
    html! {
        @if let Some(payer) = payer(&row.name) {
            svg.swatch.(payer.class) aria-hidden="true" width="10" height="10" {
                rect width="10" height="10" rx="2" {}
            }
            (payer.words) " " small { (payer.more) }
        } @else {
            (row.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Tokens;

    fn routes(calls: &[(&str, u64)]) -> Vec<Spend> {
        let row = |(name, requests): &(&str, u64)| Spend {
            name: (*name).to_owned(),
            requests: *requests,
            failed: 0,
            tokens: Tokens::default(),
            cost_usd: None,
        };
        calls.iter().map(row).collect()
    }

    #[test]
    fn the_verdict_says_who_answered_and_counts_model_calls_only() {
        let cases = [
            (&[("relay", 9)][..], "No model call", "the relay is no model call"),
            (&[("local", 2), ("mapped", 1)][..], "every model call, 3 in all", "all own"),
            (&[("amp", 1)][..], "all 1 model call.", "all paid by Amp"),
            (&[("local", 3), ("amp", 1), ("relay", 9)][..], "3 of 4 model calls (75", "shared"),
            (&[("own-login", 2)][..], "Clients made 2 model calls", "none paid by us"),
            (&[("local", 3), ("own-login", 2)][..], "every model call, 3 in all", "not among ours"),
        ];
        for (calls, expected, why) in cases {
            let said = verdict(&routes(calls));
            assert!(said.contains(expected), "{why}: {said}");
        }
    }

    #[test]
    fn a_route_of_another_version_keeps_its_name() {
        let drawn = part(&routes(&[("lunar", 1)])[0], "1", 1.0);
        assert_eq!((drawn.class, drawn.words.as_str()), ("other", "lunar 1"));
    }
}
