//! Small pictures that several parts of the page draw: bars, and the shape of a state.
//!
//! Widths are per cent of the picture, heights are pixels: so text in a picture keeps its size on
//! every screen. What has no attribute here has its look from `page.css`.

use maud::{Markup, html};

use super::numbers::percent;

/// A part of a bar.
pub(super) struct Part {
    /// Colours it.
    pub class: &'static str,
    /// As people say it; shown when pointed at, and read aloud.
    pub words: String,
    pub value: f64,
}

/// Below this share of a bar, per cent, its label has no room on a phone.
const ROOM_FOR_A_LABEL: f64 = 13.0;

/// One bar of several parts that fill it; nothing where there is nothing to share.
pub(super) fn stacked(label: &str, parts: &[Part]) -> Markup {
    let whole: f64 = parts.iter().map(|part| part.value).sum();
    html! {
        @if whole > 0.0 {
            svg.stacked role="img" width="100%" height="28" {
                title { (label) ": " (summary(parts, whole)) }
                @for (from, width, part) in placed(parts, whole) {
                    g class=(part.class) {
                        title { (part.words) ", " (percent(part.value, whole)) }
                        rect x={ (two(from)) "%" } width={ (two(width)) "%" } height="28" {}
                        @if width >= ROOM_FOR_A_LABEL {
                            text x={ (two(from)) "%" } y="19" dx="8" { (percent(part.value, whole)) }
                        }
                    }
                }
            }
        }
    }
}

/// Where each part that is not empty begins, and how wide it is, per cent.
fn placed(parts: &[Part], whole: f64) -> impl Iterator<Item = (f64, f64, &Part)> {
    let there = parts.iter().filter(|part| part.value > 0.0);
    there.scan(0.0, move |end, part| {
        let (from, width) = (*end, 100.0 * part.value / whole);
        *end += width;
        Some((from, width, part))
    })
}

fn summary(parts: &[Part], whole: f64) -> String {
    let there = parts.iter().filter(|part| part.value > 0.0);
    let each = there.map(|part| format!("{}, {}", part.words, percent(part.value, whole)));
    each.collect::<Vec<_>>().join("; ")
}

/// A thin bar below a name; the number beside it says the same, so it is not read aloud.
pub(super) fn bar(value: f64, longest: f64) -> Markup {
    html! {
        svg.bar aria-hidden="true" width="100%" height="4" {
            rect.rail width="100%" height="4" {}
            rect.value width={ (two(share(value, longest))) "%" } height="4" {}
        }
    }
}

/// How much of a limit is left; the words beside it say the same.
pub(super) fn gauge(left: f64) -> Markup {
    let left = left.clamp(0.0, 1.0);
    let class = match left {
        ..0.05 => "gauge spent",
        ..0.2 => "gauge low",
        _ => "gauge",
    };
    html! {
        svg class=(class) aria-hidden="true" width="100%" height="6" {
            rect.rail width="100%" height="6" {}
            rect.value width={ (two(100.0 * left)) "%" } height="6" {}
        }
    }
}

/// From 0 to 100.
fn share(value: f64, longest: f64) -> f64 {
    if longest > 0.0 { (100.0 * value / longest).clamp(0.0, 100.0) } else { 0.0 }
}

/// Two decimals: a tenth of a pixel on any screen.
pub(super) fn two(number: f64) -> String {
    format!("{number:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(value: f64) -> Part {
        Part { class: "local", words: "own".to_owned(), value }
    }

    #[test]
    fn the_parts_of_a_bar_fill_it() {
        let bar = stacked("tokens", &[part(1.0), part(0.0), part(3.0)]).into_string();
        let parts = bar.matches("<rect").count();
        assert_eq!(parts, 2, "a part of nothing is not drawn: {bar}");
        assert!(bar.contains(r#"x="0.00%" width="25.00%""#), "{bar}");
        assert!(bar.contains(r#"x="25.00%" width="75.00%""#), "{bar}");
    }

    #[test]
    fn nothing_is_no_bar() {
        assert_eq!(stacked("tokens", &[part(0.0)]).into_string(), "");
        let empty = bar(0.0, 0.0).into_string();
        assert!(empty.contains(r#"width="0.00%""#), "{empty}");
    }

    #[test]
    fn a_limit_that_is_nearly_used_up_looks_so() {
        let cases = [(1.5, "gauge"), (0.2, "gauge"), (0.1, "gauge low"), (-1.0, "gauge spent")];
        for (left, class) in cases {
            let drawn = gauge(left).into_string();
            assert!(drawn.contains(&format!("class=\"{class}\"")), "{left}: {drawn}");
        }
    }
}
