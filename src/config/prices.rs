//! What tokens cost: the entries of `prices`.

use crate::types::{ModelName, ModelPattern, TokenUsage};

use super::raw::RawPrice;
use super::reader::Reader;
use super::shapes::{List, Scalar, Section};

/// Prices by model; the first entry that fits counts. Empty by default: no price is compiled in,
/// since all of them change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceTable(pub(super) Vec<PriceEntry>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PriceEntry {
    pub model: ModelPattern,
    pub price: Price,
}

/// What the tokens of a model cost, in millionths of a dollar for a million tokens. So a price has six
/// decimals, a cost is a sum of whole numbers, and it is rounded once, when it becomes dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub(super) input: u64,
    pub(super) cached_input: u64,
    pub(super) cache_write: u64,
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

/// A millionth of a dollar for a million tokens, in dollars for a token.
const DOLLARS: f64 = 1e-12;

/// Nobody asks for more for a million tokens; a longer number is a slip.
const MOST_DOLLARS: f64 = 1_000_000.0;

const MILLIONTHS: f64 = 1_000_000.0;

impl PriceTable {
    /// The price of a model by any of its names.
    #[must_use]
    pub fn price(&self, model: &ModelName) -> Option<&Price> {
        let entry = self.0.iter().find(|entry| entry.model.matches(model.as_str()));
        entry.map(|entry| &entry.price)
    }
}

impl Price {
    /// In US dollars. The error of its rounding is below 2⁻⁵³ of it, so that a million costs add up to
    /// ten places.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rounded once, as the doc says")]
    pub fn cost(&self, usage: &TokenUsage) -> f64 {
        let TokenUsage { input, cached_input, cache_write, output, reasoning } = *usage;
        let parts = [
            (input.saturating_sub(cached_input).saturating_sub(cache_write), self.input),
            (cached_input, self.cached_input),
            (cache_write, self.cache_write),
            (output.saturating_sub(reasoning), self.output),
            (reasoning, self.reasoning),
        ];
        let costs = parts.into_iter().map(|(tokens, price)| u128::from(tokens) * u128::from(price));
        costs.sum::<u128>() as f64 * DOLLARS
    }
}

impl Reader<'_> {
    pub fn prices(&mut self, list: List<Section<RawPrice>>) -> PriceTable {
        let mut prices = Vec::new();
        for (index, entry) in self.items("prices", list).into_iter().enumerate() {
            let path = format!("prices[{index}]");
            let Section::Map(raw) = entry else {
                self.problem(&path, "must be a map with `model`, `input` and `output`");
                continue;
            };
            let model = self.required_text(&format!("{path}.model"), &raw.model);
            let mut read = |key: &str, scalar: &Scalar, fallback: Option<u64>| {
                self.dollars(&format!("{path}.{key}"), scalar, fallback)
            };
            let input = read("input", &raw.input, None);
            let output = read("output", &raw.output, None);
            let price = Price {
                input,
                cached_input: read("cached-input", &raw.cached_input, Some(input)),
                cache_write: read("cache-write", &raw.cache_write, Some(input)),
                output,
                reasoning: read("reasoning", &raw.reasoning, Some(output)),
            };
            let model = model.and_then(|model| ModelPattern::parse(&model));
            prices.extend(model.map(|model| PriceEntry { model, price }));
        }
        PriceTable(prices)
    }

    /// US dollars, as millionths of them; without a fallback they have to be there.
    fn dollars(&mut self, path: &str, scalar: &Scalar, fallback: Option<u64>) -> u64 {
        if scalar.is_blank() {
            return fallback.unwrap_or_else(|| {
                self.problem(path, "is empty; it is the price of a million tokens in US dollars");
                0
            });
        }
        let Some(dollars) = number(scalar).filter(|dollars| (0.0..=MOST_DOLLARS).contains(dollars))
        else {
            let what = "must be US dollars for a million tokens: a number from 0 to 1000000";
            self.problem(path, what);
            return 0;
        };
        millionths(dollars)
    }
}

fn number(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Integer(number) => i32::try_from(*number).ok().map(f64::from),
        Scalar::Float(number) => Some(*number),
        // A variable and a quoted value arrive as text.
        Scalar::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most a million times a million, and not below 0"
)]
fn millionths(dollars: f64) -> u64 {
    (dollars * MILLIONTHS).round() as u64
}

/// As dollars, with as many decimals as it takes.
pub(super) fn print_dollars(millionths: u64) -> String {
    let (whole, part) = (millionths / 1_000_000, millionths % 1_000_000);
    if part == 0 {
        return whole.to_string();
    }
    format!("{whole}.{part:06}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load_text};

    fn entry(model: &str, prices: [f64; 5]) -> PriceEntry {
        let [input, cached_input, cache_write, output, reasoning] = prices.map(millionths);
        let model = ModelPattern::parse(model).unwrap();
        PriceEntry { model, price: Price { input, cached_input, cache_write, output, reasoning } }
    }

    fn table() -> PriceTable {
        PriceTable(vec![
            entry("claude-opus-*", [5.0, 0.5, 6.25, 25.0, 30.0]),
            entry("claude-*", [1.0; 5]),
            entry("gpt-5-nano", [0.05, 0.005, 0.05, 0.4, 0.4]),
        ])
    }

    fn name(name: &str) -> ModelName {
        ModelName::parse(name).unwrap()
    }

    #[test]
    fn every_part_has_its_price_and_is_counted_once() {
        let usage = |input, cached_input, cache_write, output, reasoning| TokenUsage {
            input,
            cached_input,
            cache_write,
            output,
            reasoning,
        };
        let million = 1_000_000;
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // model,           usage,                                             dollars,     why
            ("claude-opus-4-5", usage(million, 0, 0, 0, 0),                        Some(5.0),   "input"),
            ("claude-opus-4-5", usage(million, million, 0, 0, 0),                  Some(0.5),   "all of it cached"),
            ("claude-opus-4-5", usage(million, 0, million, 0, 0),                  Some(6.25),  "all of it written to the cache"),
            ("claude-opus-4-5", usage(0, 0, 0, million, 0),                        Some(25.0),  "output"),
            ("claude-opus-4-5", usage(0, 0, 0, million, million),                  Some(30.0),  "all of it thinking"),
            ("claude-opus-4-5", usage(3 * million, million, million, 2 * million, million), Some(66.75), "all together"),
            ("claude-sonnet-4", usage(million, 0, 0, 0, 0),                        Some(1.0),   "the first that fits"),
            ("CLAUDE-SONNET-4", usage(million, 0, 0, 0, 0),                        Some(1.0),   "in any case"),
            ("gpt-5-nano",      usage(1, 1, 0, 0, 0),                              Some(5e-9),  "half a cent for a million"),
            ("gpt-5",           usage(million, 0, 0, 0, 0),                        None,        "no price"),
            ("claude-opus-4-5", usage(0, 9, 9, 0, 9),                              Some(9.0 * 36.75e-6), "a part beyond its whole"),
        ];
        for (model, usage, expected, why) in cases {
            let cost = table().price(&name(model)).map(|price| price.cost(&usage));
            let differs = match (cost, expected) {
                (Some(cost), Some(expected)) => (cost - expected).abs() > expected * 1e-15,
                (cost, expected) => cost != expected,
            };
            assert!(!differs, "{model}: {cost:?} for {expected:?}: {why}");
        }
    }

    #[test]
    fn a_million_costs_add_up() {
        let table = table();
        let (mut sum, mut exact) = (0.0, 0_u128);
        for number in 0..1_000_000_u64 {
            let usage =
                TokenUsage { input: 1000 + number % 977, output: 333, ..TokenUsage::default() };
            sum += table.price(&name("gpt-5-nano")).unwrap().cost(&usage);
            exact += u128::from(usage.input) * 50_000 + u128::from(usage.output) * 400_000;
        }
        let exact_dollars = f64::from(u32::try_from(exact / 1_000_000_000_000).unwrap());
        assert!((sum - exact_dollars).abs() < 1.0, "{sum} for {exact_dollars}");
        let rest = (sum - exact_dollars)
            - f64::from(u32::try_from(exact % 1_000_000_000_000 / 1000).unwrap()) * 1e-9;
        assert!(rest.abs() < 1e-6, "off by {rest} dollars");
    }

    fn read(yaml: &str) -> Result<PriceTable, String> {
        let loaded = load_text(yaml, &Sources::default());
        loaded.map(|loaded| loaded.settings.prices).map_err(|error| error.to_string())
    }

    #[test]
    fn prices_that_are_not_written_are_those_of_input_and_output() {
        let read = read(
            "prices: [ { model: 'a-*', input: 5, output: 25.5 }, { model: b, input: '0.5', cached-input: 0, cache-write: 2, output: 3, reasoning: 4 } ]",
        );
        let expected =
            [entry("a-*", [5.0, 5.0, 5.0, 25.5, 25.5]), entry("b", [0.5, 0.0, 2.0, 3.0, 4.0])];
        assert_eq!(read, Ok(PriceTable(expected.to_vec())));
    }

    #[test]
    fn a_price_that_is_none_is_a_problem_with_its_path() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("prices: [ { model: m, input: -1, output: 1 } ]",     "prices[0].input must be US dollars"),
            ("prices: [ { model: m, input: 1, output: dear } ]",   "prices[0].output must be US dollars"),
            ("prices: [ { model: m, input: 1, output: 'nan' } ]",  "prices[0].output must be US dollars"),
            ("prices: [ { model: m, input: 1, output: 'inf' } ]",  "prices[0].output must be US dollars"),
            ("prices: [ { model: m, input: 1, output: 1, cached-input: [] } ]", "prices[0].cached-input must be US dollars"),
            ("prices: [ { model: m, input: 1, output: 1 }, { model: n, output: 1 } ]", "prices[1].input is empty"),
            ("prices: [ { model: m, input: 1 } ]",                 "prices[0].output is empty"),
            ("prices: [ { input: 1, output: 1 } ]",                "prices[0].model is empty"),
            ("prices: [ 5 ]",                                      "prices[0] must be a map"),
            ("prices: { model: m }",                               "prices must be a list"),
        ];
        for (yaml, expected) in cases {
            let problem = read(yaml).unwrap_err();
            assert!(problem.contains(expected), "{yaml}: {problem}");
        }
    }

    #[test]
    fn dollars_print_as_they_were_written() {
        for (dollars, text) in
            [(0.0, "0"), (5.0, "5"), (0.005, "0.005"), (6.25, "6.25"), (1_000_000.0, "1000000")]
        {
            assert_eq!(print_dollars(millionths(dollars)), text);
        }
    }
}
