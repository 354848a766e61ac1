//! Tables of what each client, model or provider has used, the largest first.

use maud::{Markup, html};

use super::marks::bar;
use super::numbers::{count, dollars, float, grouped, percent};
use crate::admin::{Spend, Tokens};

/// So many rows are seen at one look; the others are folded.
const UNFOLDED: usize = 8;

/// What rows are sorted and drawn by: the first of these that all of them have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Cost,
    Tokens,
    Requests,
}

impl Measure {
    /// Money, if everything that used tokens has a price: else what has none would look free.
    fn of(rows: &[Spend]) -> Self {
        let mut used = rows.iter().filter(|row| total(&row.tokens) > 0).peekable();
        if used.peek().is_none() {
            Self::Requests
        } else if used.all(|row| row.cost_usd.is_some_and(|usd| usd > 0.0)) {
            Self::Cost
        } else {
            Self::Tokens
        }
    }

    fn value(self, row: &Spend) -> f64 {
        match self {
            Self::Cost => row.cost_usd.unwrap_or(0.0),
            Self::Tokens => float(total(&row.tokens)),
            Self::Requests => float(row.requests),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Cost => "by cost",
            Self::Tokens => "by tokens",
            Self::Requests => "by requests",
        }
    }
}

/// Which columns have anything to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub tokens: bool,
    pub cost: bool,
}

/// All tokens of an answer: the parts are contained in these two.
pub(super) const fn total(tokens: &Tokens) -> u64 {
    tokens.input.saturating_add(tokens.output)
}

/// One section with a table; nothing without rows.
pub(super) fn section(
    id: &str,
    heading: &str,
    of: &str,
    rows: &[Spend],
    columns: Columns,
) -> Markup {
    let measure = Measure::of(rows);
    let mut rows: Vec<&Spend> = rows.iter().collect();
    rows.sort_by(|a, b| {
        let larger = measure.value(b).total_cmp(&measure.value(a));
        larger.then(b.requests.cmp(&a.requests)).then_with(|| a.name.cmp(&b.name))
    });
    let longest = rows.first().map_or(0.0, |row| measure.value(row));
    let name = |row: &Spend| {
        html! {
            @if row.name.is_empty() { span.none { "not known" } } @else { (row.name) }
            (bar(measure.value(row), longest))
        }
    };
    let (seen, folded) = rows.split_at(rows.len().min(UNFOLDED));
    html! {
        @if !seen.is_empty() {
            section.spend data-key=(id) aria-labelledby=(id) {
                h2 #(id) { (heading) " " small { (measure.words()) } }
                (table(heading, of, seen, columns, name))
                @if !folded.is_empty() {
                    details {
                        summary { "and " (folded.len()) " more" }
                        (table(&format!("{heading}, the others"), of, folded, columns, name))
                    }
                }
            }
        }
    }
}

/// The roles say again what the elements are, because some browsers forget it where `page.css` makes
/// cards of rows.
pub(super) fn table(
    caption: &str,
    of: &str,
    rows: &[&Spend],
    columns: Columns,
    name: impl Fn(&Spend) -> Markup,
) -> Markup {
    html! {
        table.cards role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    th role="columnheader" scope="col" { (of) }
                    th.number role="columnheader" scope="col" { "Requests" }
                    th.number role="columnheader" scope="col" { "Failed" }
                    @if columns.tokens {
                        th.number role="columnheader" scope="col" { "Input" }
                        th.number role="columnheader" scope="col" { "Cached" }
                        th.number role="columnheader" scope="col" { "Output" }
                    }
                    @if columns.cost { th.number role="columnheader" scope="col" { "Cost" } }
                }
            }
            tbody role="rowgroup" { @for row in rows { (line(row, columns, &name(row))) } }
        }
    }
}

fn line(row: &Spend, columns: Columns, name: &Markup) -> Markup {
    let Tokens { input, cached_input, output, .. } = row.tokens;
    let cached = (input > 0).then(|| percent(float(cached_input), float(input)));
    html! {
        tr role="row" data-key=(row.name) {
            th role="rowheader" scope="row" { (name) }
            (number("Requests", row.requests, ""))
            (number("Failed", row.failed, "bad"))
            @if columns.tokens {
                (number("Input", input, ""))
                (cell("Cached", cached.as_deref()))
                (number("Output", output, ""))
            }
            @if columns.cost { (cost(row.cost_usd.filter(|_| total(&row.tokens) > 0))) }
        }
    }
}

/// A short number that shows all its digits when pointed at. `class` marks it unless it is 0.
pub(super) fn number(label: &str, number: u64, class: &str) -> Markup {
    let class = if number == 0 { "none" } else { class };
    html! {
        td.number.(class) role="cell" data-label=(label) title=(grouped(number)) { (count(number)) }
    }
}

pub(super) fn cost(usd: Option<f64>) -> Markup {
    cell("Cost", usd.map(dollars).as_deref())
}

fn cell(label: &str, text: Option<&str>) -> Markup {
    html! {
        td.number.none[text.is_none()] role="cell" data-label=(label) { (text.unwrap_or("–")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, requests: u64, output: u64, cost_usd: Option<f64>) -> Spend {
        let tokens = Tokens { output, ..Tokens::default() };
        Spend { name: name.to_owned(), requests, failed: 0, tokens, cost_usd }
    }

    const ALL: Columns = Columns { tokens: true, cost: true };

    #[test]
    fn rows_are_compared_by_what_all_of_them_have() {
        let cases = [
            (vec![row("a", 1, 0, None)], Measure::Requests, "nobody counted tokens"),
            (vec![row("a", 1, 5, None)], Measure::Tokens, "no price table"),
            (
                vec![row("a", 1, 5, Some(1.0)), row("b", 1, 5, Some(0.0))],
                Measure::Tokens,
                "a model without a price would look free",
            ),
            (
                vec![row("a", 1, 5, Some(1.0)), row("b", 1, 0, Some(0.0))],
                Measure::Cost,
                "what used nothing needs no price",
            ),
        ];
        for (rows, expected, why) in cases {
            assert_eq!(Measure::of(&rows), expected, "{why}");
        }
    }

    #[test]
    fn the_largest_comes_first_and_many_are_folded() {
        let rows: Vec<Spend> = (1..=10).map(|n| row(&format!("m{n:02}"), n, 0, None)).collect();
        let html = section("models", "By model", "Model", &rows, ALL).into_string();
        let place = |name: &str| html.find(&format!("data-key=\"{name}\"")).unwrap();
        let fold = html.find("<details>").unwrap();
        assert!(place("m10") < place("m09") && place("m03") < fold, "{html}");
        assert!(fold < place("m02") && html.contains("and 2 more"), "{html}");
    }

    #[test]
    fn a_table_without_rows_is_left_out() {
        assert_eq!(section("models", "By model", "Model", &[], ALL).into_string(), "");
    }
}
