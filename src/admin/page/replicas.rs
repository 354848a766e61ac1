//! The replicas that share state with this one.

use maud::{Markup, html};

use super::numbers::duration;
use super::spend::{Columns, cost, number, total};
use crate::admin::Instance;

/// Nothing without shared state.
pub(super) fn section(replicas: &[Instance], columns: Columns) -> Markup {
    html! {
        @if !replicas.is_empty() {
            section.replicas data-key="replicas" aria-labelledby="replicas" {
                h2 #replicas { "Replicas" }
                table.cards role="table" {
                    caption { "Replicas" }
                    thead role="rowgroup" {
                        tr role="row" {
                            th role="columnheader" scope="col" { "Replica" }
                            @for heading in ["Heard of", "Streams", "Tunnels", "Requests", "Failed"] {
                                th.number role="columnheader" scope="col" { (heading) }
                            }
                            @if columns.tokens { th.number role="columnheader" scope="col" { "Tokens" } }
                            @if columns.cost { th.number role="columnheader" scope="col" { "Cost" } }
                        }
                    }
                    tbody role="rowgroup" { @for replica in replicas { (line(replica, columns)) } }
                }
            }
        }
    }
}

fn line(replica: &Instance, columns: Columns) -> Markup {
    let Instance { name, is_this_one, seen_seconds_ago, open, totals } = replica;
    html! {
        tr role="row" data-key=(name) {
            th role="rowheader" scope="row" {
                (name) @if *is_this_one { " " small { "this one" } }
            }
            td.number role="cell" data-label="Heard of" {
                @if *is_this_one { "now" } @else { (duration(*seen_seconds_ago)) " ago" }
            }
            (number("Streams", open.streams.max(0).unsigned_abs(), ""))
            (number("Tunnels", open.tunnels.max(0).unsigned_abs(), ""))
            (number("Requests", totals.requests, ""))
            (number("Failed", totals.failed, "bad"))
            @if columns.tokens { (number("Tokens", total(&totals.tokens), "")) }
            @if columns.cost { (cost(totals.cost_usd)) }
        }
    }
}
