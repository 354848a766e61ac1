//! A report for eyes: chapters, levels in one column, what to do below.

use std::fmt::Write as _;

use super::finding::{Level, Report};

/// Wide enough for the longest word of a level.
const LEVEL_WIDTH: usize = 7;

/// The report as text, with colours for a terminal if wanted.
pub fn human(report: &Report, with_colour: bool) -> String {
    let mut page = String::new();
    for chapter in &report.chapters {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{}", styled(&chapter.topic, "1", with_colour));
        for finding in &chapter.findings {
            let word = format!("{:LEVEL_WIDTH$}", finding.level.word());
            let word = styled(&word, colour(finding.level), with_colour);
            let _ = writeln!(page, "  {word}  {}", indented(&finding.what));
            if let Some(advice) = &finding.advice {
                let _ = writeln!(page, "  {:LEVEL_WIDTH$}  -> {}", "", indented(advice));
            }
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page + "\n"
}

/// The last line: whether there is something to do.
pub fn sum(report: &Report) -> String {
    let count = |number: usize, word: &str| match number {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    format!("{}, {}", count(report.problems, "problem"), count(report.warnings, "warning"))
}

fn indented(text: &str) -> String {
    text.replace('\n', &format!("\n{:width$}", "", width = LEVEL_WIDTH + 4))
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::Ok => "32",
        Level::Note => "36",
        Level::Warning => "33",
        Level::Problem => "1;31",
    }
}

fn styled(text: &str, code: &str, with_colour: bool) -> String {
    if with_colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::{Chapter, Finding};

    #[test]
    fn levels_stand_in_one_column_and_advice_below_its_finding() {
        let report = Report::of(vec![
            Chapter::new(
                "One",
                vec![Finding::ok("fine"), Finding::problem("bad", "mend it\nsoon")],
            ),
            Chapter::new("Two", vec![Finding::warning("odd", "look"), Finding::note("new")]),
        ]);

        assert_eq!(
            human(&report, false),
            "One\n  ok       fine\n  problem  bad\n           -> mend it\n           soon\n\n\
             Two\n  warning  odd\n           -> look\n  note     new\n"
        );
        assert_eq!(sum(&report), "1 problem, 1 warning");
        assert_eq!(sum(&Report::of(Vec::new())), "no problems, no warnings");
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let report = Report::of(vec![Chapter::new("One", vec![Finding::problem("bad", "mend")])]);

        let coloured = human(&report, true);

        assert!(coloured.contains("\x1b[1;31mproblem\x1b[0m  bad"), "{coloured:?}");
        let plain =
            coloured.replace("\x1b[1;31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "");
        assert_eq!(plain, human(&report, false));
    }
}
