//! Sums over the samples of the metric families.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily};

use crate::admin::status::{Spend, Tokens, Totals};
use crate::metrics::NO_ROUTE;

/// Who pays, in the order in which people ask.
const ROUTES: &[&str] = &["local", "mapped", "own-login", "amp", "relay"];

/// All families, to be asked by name.
pub struct Samples<'a>(&'a [MetricFamily]);

impl<'a> Samples<'a> {
    pub fn of(families: &'a [MetricFamily]) -> Self {
        Self(families)
    }

    /// The samples of one family; none for a family that has counted nothing.
    pub fn of_family(&self, name: &str) -> &'a [Metric] {
        let family = self.0.iter().find(|family| family.name() == name);
        family.map_or(&[], MetricFamily::get_metric)
    }

    /// A counter without labels.
    pub fn count(&self, name: &str) -> u64 {
        self.of_family(name).iter().map(counter).sum()
    }

    /// A gauge without labels.
    #[expect(clippy::cast_possible_truncation, reason = "a number of open things")]
    pub fn gauge(&self, name: &str) -> i64 {
        self.of_family(name).iter().map(|sample| sample.get_gauge().get_value() as i64).sum()
    }
}

/// What was asked, used and paid, each under its labels.
pub struct Counted<'a> {
    entries: Vec<Entry<'a>>,
    pub totals: Totals,
}

/// One sample, as far as a status has a place for it.
struct Entry<'a> {
    sample: &'a Metric,
    adds: Sum,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    requests: u64,
    failed: u64,
    tokens: Tokens,
    cost_usd: Option<f64>,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.tokens.input += other.tokens.input;
        self.tokens.cached_input += other.tokens.cached_input;
        self.tokens.cache_write += other.tokens.cache_write;
        self.tokens.output += other.tokens.output;
        self.tokens.reasoning += other.tokens.reasoning;
        if let Some(cost) = other.cost_usd {
            *self.cost_usd.get_or_insert(0.0) += cost;
        }
    }

    fn named(self, name: &str) -> Spend {
        let Self { requests, failed, tokens, cost_usd } = self;
        Spend { name: name.to_owned(), requests, failed, tokens, cost_usd }
    }
}

impl<'a> Counted<'a> {
    pub fn of(samples: &Samples<'a>) -> Self {
        let of = |family, adds: fn(&Metric) -> Sum| {
            let counted = samples.of_family(family).iter();
            counted.map(move |sample| Entry { sample, adds: adds(sample) })
        };
        let entries: Vec<_> = of("ampgate_requests_total", requests)
            .chain(of("ampgate_tokens_total", tokens))
            .chain(of("ampgate_cost_usd_total", cost))
            .filter(|entry| label(entry.sample, "route") != NO_ROUTE)
            .collect();
        let mut sum = Sum::default();
        for entry in &entries {
            sum.add(&entry.adds);
        }
        let Sum { requests, failed, tokens, cost_usd } = sum;
        let totals = Totals { requests, failed, amp_fallbacks: 0, tokens, cost_usd };
        Self { entries, totals }
    }

    /// By who pays, in a fixed order.
    pub fn by_route(&self) -> Vec<Spend> {
        let mut spends = self.by("route");
        let place = |spend: &Spend| ROUTES.iter().position(|route| *route == spend.name);
        spends.sort_by_key(|spend| place(spend).unwrap_or(ROUTES.len()));
        spends
    }

    /// By the value of a label, the most asked first. What has no such name is not told apart: relayed
    /// requests have no model, and open doors no client.
    pub fn by(&self, name: &str) -> Vec<Spend> {
        let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
        for entry in &self.entries {
            sums.entry(label(entry.sample, name)).or_default().add(&entry.adds);
        }
        let named = sums.into_iter().filter(|(name, _)| !name.is_empty());
        let mut spends: Vec<Spend> = named.map(|(name, sum)| sum.named(name)).collect();
        spends.sort_by_key(|spend| std::cmp::Reverse(spend.requests)); // stable: then by name
        spends
    }
}

/// Requests by a credential, how many of them failed, and the tokens that were used with it.
pub fn of_credential(samples: &Samples<'_>, id: &str) -> (u64, u64, Tokens) {
    let of = |family| {
        let all = samples.of_family(family).iter();
        all.filter(|sample| label(sample, "credential") == id)
    };
    let mut sum = Sum::default();
    of("ampgate_credential_requests_total").for_each(|sample| sum.add(&requests(sample)));
    of("ampgate_credential_tokens_total").for_each(|sample| sum.add(&tokens(sample)));
    (sum.requests, sum.failed, sum.tokens)
}

fn requests(sample: &Metric) -> Sum {
    let requests = counter(sample);
    // 0 stands for a client that left before there was a status.
    let is_failure = label(sample, "status").parse().is_ok_and(|status: u16| status >= 400);
    let failed = if is_failure { requests } else { 0 };
    Sum { requests, failed, ..Sum::default() }
}

fn tokens(sample: &Metric) -> Sum {
    let count = counter(sample);
    let mut tokens = Tokens::default();
    match label(sample, "type") {
        "input" => tokens.input = count,
        "cached_input" => tokens.cached_input = count,
        "cache_write" => tokens.cache_write = count,
        "output" => tokens.output = count,
        "reasoning" => tokens.reasoning = count,
        _ => {}
    }
    Sum { tokens, ..Sum::default() }
}

fn cost(sample: &Metric) -> Sum {
    Sum { cost_usd: Some(sample.get_counter().get_value()), ..Sum::default() }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole, not negative, and exact up to 2^53"
)]
fn counter(sample: &Metric) -> u64 {
    sample.get_counter().get_value() as u64
}

fn label<'a>(sample: &'a Metric, name: &str) -> &'a str {
    let found = sample.get_label().iter().find(|label| label.name() == name);
    found.map_or("", |label| label.value())
}
