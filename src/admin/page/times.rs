//! How long answers take: a histogram with median and 95th percentile marked, and said in words.

use maud::{Markup, html};

use super::marks::two;
use super::numbers::{counted, float, seconds};
use crate::admin::{AnswerTimes, Bucket};

/// Height of the columns, of the two lines of labels above and of the one below, in pixels.
const PLOT: f64 = 84.0;
const ABOVE: f64 = 34.0;
const BELOW: f64 = 20.0;

/// What was seen once must be seen here.
const LOWEST: f64 = 2.0;

/// With more columns every second boundary is written, or the numbers would touch on a phone.
const MAX_LABELS: usize = 8;

/// Right of this, per cent, a mark's label stands on its left.
const TURNS: f64 = 66.0;

pub(super) fn section(first_token: &AnswerTimes, total: &AnswerTimes) -> Markup {
    html! {
        @if first_token.count > 0 || total.count > 0 {
            section.times data-key="times" aria-labelledby="times" {
                h2 #times { "How long answers take" }
                div.pair {
                    (figure("First token", "began", first_token))
                    (figure("Whole answer", "ended", total))
                }
            }
        }
    }
}

fn figure(heading: &str, verb: &str, times: &AnswerTimes) -> Markup {
    html! {
        figure {
            figcaption {
                h3 { (heading) }
                p { (words(verb, times)) }
            }
            @if times.count > 0 { (histogram(heading, times)) }
        }
    }
}

fn words(verb: &str, times: &AnswerTimes) -> String {
    let answers = counted(times.count, "answer", "answers");
    match (times.median_seconds, times.p95_seconds) {
        _ if times.count == 0 => "Nothing has been timed yet.".to_owned(),
        (Some(median), Some(p95)) => format!(
            "Half of {answers} {verb} within {}, 95\u{202f}% within {}.",
            seconds(median),
            seconds(p95)
        ),
        _ => format!("{answers} so far."),
    }
}

fn histogram(heading: &str, times: &AnswerTimes) -> Markup {
    let columns = columns(&times.buckets);
    let width = 100.0 / float(columns.len().max(1) as u64);
    let most = columns.iter().map(|column| column.count).max().unwrap_or(0).max(1);
    let every = if columns.len() > MAX_LABELS { 2 } else { 1 };
    let percent = |place: f64| format!("{}%", two(place));
    let foot = ABOVE + PLOT;
    html! {
        svg.histogram role="img" width="100%" height=(foot + BELOW) {
            title { (heading) ": " (words("took", times)) }
            @for (place, column) in columns.iter().enumerate() {
                @let left = width * float(place as u64);
                @let height = column.height(most);
                @if column.count > 0 {
                    rect.column x=(percent(left)) width=(percent(width)) y=(two(foot - height)) height=(two(height)) {
                        title { (column.words()) }
                    }
                }
                @if place > 0 && place % every == 0 {
                    text.tick x=(percent(left)) y=(foot + 14.0) { (short(column.from)) }
                }
            }
            line.foot x1="0" x2="100%" y1=(foot) y2=(foot) {}
            @for (label, value, y) in [("median", times.median_seconds, 11.0), ("95\u{202f}%", times.p95_seconds, 26.0)] {
                @if let Some(value) = value {
                    @let x = width * place_of(&columns, value);
                    @let side = if x > TURNS { "left" } else { "right" };
                    line.mark x1=(percent(x)) x2=(percent(x)) y1=(y - 8.0) y2=(foot) {}
                    text.(side) x=(percent(x)) y=(y) dx=(if x > TURNS { -5 } else { 5 }) {
                        (label) " " (seconds(value))
                    }
                }
            }
        }
    }
}

/// A bucket with both its ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    from: f64,
    to: Option<f64>,
    count: u64,
}

impl Column {
    fn height(&self, most: u64) -> f64 {
        (PLOT * float(self.count) / float(most)).max(LOWEST)
    }

    fn words(&self) -> String {
        let answers = counted(self.count, "answer", "answers");
        match self.to {
            Some(to) => format!("{} to {}: {answers}", seconds(self.from), seconds(to)),
            None => format!("more than {}: {answers}", seconds(self.from)),
        }
    }
}

/// The buckets from the first to the last with anything in it, and an empty one on either side.
fn columns(buckets: &[Bucket]) -> Vec<Column> {
    let starts =
        std::iter::once(0.0).chain(buckets.iter().filter_map(|bucket| bucket.up_to_seconds));
    let all: Vec<Column> = starts
        .zip(buckets)
        .map(|(from, bucket)| Column { from, to: bucket.up_to_seconds, count: bucket.count })
        .collect();
    let is_used = |column: &Column| column.count > 0;
    let Some(first) = all.iter().position(is_used) else { return Vec::new() };
    let last = all.iter().rposition(is_used).unwrap_or(first);
    all[first.saturating_sub(1)..(last + 2).min(all.len())].to_vec()
}

/// Where a time stands, in columns from the left.
fn place_of(columns: &[Column], time: f64) -> f64 {
    let place = columns.iter().position(|column| column.to.is_none_or(|to| time <= to));
    let Some(place) = place else { return float(columns.len() as u64) };
    let Column { from, to, .. } = columns[place];
    let within = match to {
        Some(to) if to > from => ((time - from) / (to - from)).clamp(0.0, 1.0),
        _ => 0.5,
    };
    float(place as u64) + within
}

/// Of a boundary, below the picture: `50ms`, `2.5s`, `160s`.
fn short(time: f64) -> String {
    if time < 1.0 { format!("{:.0}ms", time * 1000.0) } else { format!("{time}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(counts: &[u64]) -> AnswerTimes {
        let bounds = [Some(0.1), Some(0.5), Some(1.0), Some(5.0), None];
        let buckets = bounds
            .iter()
            .zip(counts)
            .map(|(&up_to_seconds, &count)| Bucket { up_to_seconds, count })
            .collect();
        AnswerTimes {
            count: counts.iter().sum(),
            mean_seconds: None,
            median_seconds: Some(0.3),
            p95_seconds: Some(0.75),
            buckets,
        }
    }

    #[test]
    fn empty_ends_are_cut_off() {
        let cases = [
            (&[0, 0, 3, 0, 0][..], vec![0, 3, 0], "one empty column on either side"),
            (&[1, 0, 0, 0, 2][..], vec![1, 0, 0, 0, 2], "what lies between stays"),
            (&[0, 0, 0, 0, 2][..], vec![0, 2], "nothing is behind the last"),
            (&[0, 0, 0, 0, 0][..], vec![], "nothing at all"),
        ];
        for (counts, expected, why) in cases {
            let counts: Vec<u64> =
                columns(&times(counts).buckets).iter().map(|column| column.count).collect();
            assert_eq!(counts, expected, "{why}");
        }
    }

    #[test]
    fn a_time_stands_within_its_column() {
        let columns = columns(&times(&[1, 1, 1, 1, 1]).buckets);
        let cases = [
            (0.0, 0.0, "the very left"),
            (0.3, 1.5, "half of 0.1 to 0.5"),
            (1.0, 3.0, "a boundary"),
            (9.0, 4.5, "no upper bound: the middle"),
        ];
        for (time, expected, why) in cases {
            let place = place_of(&columns, time);
            assert!((place - expected).abs() < 1e-9, "{why}: {place}");
        }
        assert!((place_of(&[], 1.0)).abs() < 1e-9, "nowhere is no panic");
    }

    #[test]
    fn marks_are_drawn_and_said() {
        let html = section(&times(&[0, 4, 2, 0, 0]), &AnswerTimes::default()).into_string();
        for expected in ["median 300", "95\u{202f}% 750", "Half of 6 answers began within", "500ms"]
        {
            assert!(html.contains(expected), "no `{expected}` in {html}");
        }
        assert!(html.contains("Nothing has been timed yet."), "{html}");
    }
}
