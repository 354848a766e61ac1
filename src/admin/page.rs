//! The status page: everything of [`Status`] as HTML that is complete without a script.
//!
//! Served with a policy that allows no inline style and no inline script, so both are files of
//! their own: [`STYLE`] as `page.css`, [`SCRIPT`] as `page.js`. Addresses are relative; the page works
//! below any path that a proxy puts before it.
//!
//! Names of models come from clients: `maud` escapes all that is put in between `(` and `)`.

mod credentials;
mod failures;
mod marks;
mod numbers;
mod replicas;
mod spend;
#[cfg(test)]
mod tests;
mod times;
mod who_pays;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::numbers::{count, counted, dollars, duration, float, grouped, percent};
use self::spend::Columns;
use super::{CredentialState, Status, Totals};

/// Served at `page.css`.
pub const STYLE: &str = include_str!("page/page.css");

/// Served at `page.js`. It shows what is new without a reload; the page does not need it.
pub const SCRIPT: &str = include_str!("page/page.js");

/// A gate, as a picture that needs no request of its own.
const ICON: &str = concat!(
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E",
    "%3Crect width='16' height='16' rx='4' fill='%231f7a6d'/%3E",
    "%3Cpath d='M4 12V7a4 4 0 0 1 8 0v5M8 6v6' stroke='white' stroke-width='1.8' fill='none'/%3E",
    "%3C/svg%3E"
);

/// The whole document.
#[must_use]
pub fn render(status: &Status) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title(status)) }
                link rel="icon" href=(PreEscaped(ICON));
                link rel="stylesheet" href="page.css";
                script src="page.js" defer {}
            }
            body {
                a.skip href="#status" { "Skip to the status" }
                header {
                    h1 { "ampgate" }
                    p.process { "version " (status.version) ", up " (duration(status.uptime_seconds)) }
                    p #live role="status" { "as of " time datetime=(status.now) { (clock(&status.now)) } }
                }
                main #status tabindex="-1" { (body(status)) }
                footer {
                    "All counts are since this process began. As data: "
                    a href="status" { "status" } " (JSON), " a href="metrics" { "metrics" } " (Prometheus)."
                }
            }
        }
    };
    page.into_string()
}

fn body(status: &Status) -> Markup {
    let Totals { requests, tokens, cost_usd, .. } = status.totals;
    let columns = Columns { tokens: spend::total(&tokens) > 0, cost: cost_usd.is_some() };
    html! {
        @if status.is_draining {
            p.callout.draining #draining {
                strong { "Draining." } " What runs may finish; nothing new is accepted."
            }
        }
        @if requests == 0 { (nothing_yet()) } @else { (totals(status)) (who_pays::section(status, columns)) }
        (credentials::section(&status.credentials))
        (times::section(&status.first_token, &status.total))
        @if requests > 0 {
            div.tables data-key="tables" {
                div {
                    (spend::section("clients", "By client", "Client", &status.by_client, columns))
                    (spend::section("providers", "By provider", "Provider", &status.by_provider, columns))
                }
                (spend::section("models", "By model", "Model", &status.by_model, columns))
            }
        }
        (replicas::section(&status.replicas, columns))
        @if requests > 0 || !status.failures.is_empty() { (failures::section(&status.failures)) }
    }
}

/// What a tab shows of it: first whatever somebody may want to look at.
fn title(status: &Status) -> String {
    let resting = status.credentials.iter().filter(|it| it.state == CredentialState::Resting);
    match resting.count() {
        _ if status.is_draining => "draining · ampgate".to_owned(),
        0 => "ampgate".to_owned(),
        resting => format!("{resting} at rest · ampgate"),
    }
}

/// `14:03:22 UTC` of an RFC 3339 time; what is none is shown as it is.
fn clock(time: &str) -> String {
    let of_day = time.split_once('T').and_then(|(_, of_day)| of_day.get(..8));
    of_day.map_or_else(|| time.to_owned(), |of_day| format!("{of_day} UTC"))
}

fn totals(status: &Status) -> Markup {
    let Totals { requests, failed, tokens, cost_usd, .. } = status.totals;
    let has_tokens = spend::total(&tokens) > 0;
    html! {
        section.totals data-key="totals" aria-labelledby="totals" {
            h2.unseen #totals { "In all" }
            dl {
                (fact("Requests", requests, &html! {
                    @if failed == 0 { "none failed" }
                    @else { span.bad { (count(failed)) " failed" } ", " (percent(float(failed), float(requests))) }
                }))
                @if has_tokens {
                    (fact("Input tokens", tokens.input, &html! {
                        (percent(float(tokens.cached_input), float(tokens.input))) " from a cache"
                    }))
                    (fact("Output tokens", tokens.output, &html! {
                        @if tokens.reasoning > 0 {
                            (percent(float(tokens.reasoning), float(tokens.output))) " of it thinking"
                        }
                    }))
                }
                @if let Some(usd) = cost_usd {
                    div { dt { "Cost" } dd { b { (dollars(usd)) } " " small { "by your price table" } } }
                }
                (fact("Open now", status.open.streams.max(0).unsigned_abs(), &html! {
                    (if status.open.streams == 1 { "stream" } else { "streams" }) ", "
                    (counted(status.open.tunnels.max(0).unsigned_abs(), "tunnel", "tunnels"))
                }))
            }
        }
    }
}

fn fact(name: &str, number: u64, more: &Markup) -> Markup {
    html! {
        div {
            dt { (name) }
            dd { b title=(grouped(number)) { (count(number)) } " " small { (more) } }
        }
    }
}

/// What to do with a gateway that nobody uses yet.
fn nothing_yet() -> Markup {
    let clients = [
        ("Claude Code", "ANTHROPIC_BASE_URL=http://gateway:8317 ANTHROPIC_AUTH_TOKEN=<client key>"),
        ("OpenAI SDKs", "OPENAI_BASE_URL=http://gateway:8317/v1 OPENAI_API_KEY=<client key>"),
        ("Gemini CLI", "GOOGLE_GEMINI_BASE_URL=http://gateway:8317 GEMINI_API_KEY=<client key>"),
        ("Amp", "AMP_URL=http://gateway:8317 AMP_API_KEY=<client key>"),
    ];
    html! {
        section.empty data-key="empty" aria-labelledby="empty" {
            h2 #empty { "Nothing has been asked yet" }
            p {
                "Point a client here. Its key is one of " code { "api-keys" } " in the configuration; the "
                "gateway’s address is in the log’s line " code { "listening" } "."
            }
            dl {
                @for (client, settings) in clients { dt { (client) } dd { code { (settings) } } }
            }
        }
    }
}
