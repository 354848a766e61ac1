//! The last requests that went wrong, the newest first.

use maud::{Markup, html};

use super::numbers::duration;
use crate::admin::Failure;

/// So many are seen at one look; the others are folded.
const UNFOLDED: usize = 10;

pub(super) fn section(failures: &[Failure]) -> Markup {
    let (seen, folded) = failures.split_at(failures.len().min(UNFOLDED));
    html! {
        section.failures data-key="failures" aria-labelledby="failures" {
            h2 #failures { "Last failures" }
            @if seen.is_empty() {
                p { "Nothing has failed." }
            } @else {
                (table("Last failures", seen))
            }
            @if !folded.is_empty() {
                details {
                    summary { "and " (folded.len()) " more" }
                    (table("Earlier failures", folded))
                }
            }
        }
    }
}

fn table(caption: &str, failures: &[Failure]) -> Markup {
    html! {
        table.cards role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for heading in ["When", "What", "Door", "Client", "Model", "Asked", "Request id"] {
                        th role="columnheader" scope="col" { (heading) }
                    }
                }
            }
            tbody role="rowgroup" { @for failure in failures { (line(failure)) } }
        }
    }
}

fn line(failure: &Failure) -> Markup {
    let Failure { seconds_ago, request_id, door, client, provider, credential, model, .. } =
        failure;
    html! {
        tr role="row" data-key=(request_id) {
            th role="rowheader" scope="row" { (duration(*seconds_ago)) " ago" }
            td role="cell" data-label="What" { span.bad { (status(failure.status)) } " " (outcome(failure)) }
            td role="cell" data-label="Door" { (door) }
            td role="cell" data-label="Client" { (known(client.as_deref())) }
            td role="cell" data-label="Model" { (known(model.as_deref())) }
            td role="cell" data-label="Asked" { (known(credential.as_deref().or(provider.as_deref()))) }
            td role="cell" data-label="Request id" {
                code { (request_id) } " "
                button.copy type="button" data-copy=(request_id) aria-label={ "Copy request id " (request_id) } { "copy" }
            }
        }
    }
}

fn known(name: Option<&str>) -> Markup {
    html! { @if let Some(name) = name { (name) } @else { span.none { "–" } } }
}

/// 0: there was no head yet.
fn status(status: u16) -> String {
    if status == 0 { "no answer".to_owned() } else { status.to_string() }
}

const fn outcome(failure: &Failure) -> &'static str {
    match failure.outcome.as_bytes() {
        b"complete" => "from the provider",
        _ => failure.outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(number: usize) -> Failure {
        Failure {
            seconds_ago: 5,
            request_id: format!("id-{number}"),
            door: "messages",
            client: Some("alice".to_owned()),
            provider: Some("claude".to_owned()),
            credential: None,
            model: None,
            status: 502,
            outcome: "upstream_reset",
        }
    }

    #[test]
    fn a_failure_says_what_when_and_whose() {
        let html = section(&[failure(1)]).into_string();
        for expected in
            ["5\u{202f}s ago", "502", "upstream_reset", "messages", "alice", "claude", "id-1"]
        {
            assert!(html.contains(expected), "no `{expected}` in {html}");
        }
    }

    #[test]
    fn an_error_of_the_provider_is_not_called_complete() {
        let passed_on = Failure { outcome: "complete", status: 400, ..failure(1) };
        let html = section(&[passed_on]).into_string();
        assert!(html.contains("from the provider") && !html.contains("complete"), "{html}");
        let unheard = Failure { status: 0, ..failure(1) };
        assert!(section(&[unheard]).into_string().contains("no answer"));
    }

    #[test]
    fn many_are_folded_and_none_is_said() {
        let many: Vec<Failure> = (0..12).map(failure).collect();
        let html = section(&many).into_string();
        let fold = html.find("<details>").unwrap();
        assert!(html.find("id-9").unwrap() < fold && html.find("id-10").unwrap() > fold, "{html}");
        assert!(html.contains("and 2 more"), "{html}");
        assert!(section(&[]).into_string().contains("Nothing has failed."));
    }
}
