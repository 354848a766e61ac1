//! What a client key may ask for: limits, models, routes.

use crate::types::{ModelName, ModelPattern, Usd, Way, Ways};

use super::clients::Client;
use super::raw::RawClientLimits;
use super::reader::Reader;
use super::shapes::{List, Scalar};

/// How much a client key may have. `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// Requests that begin within any minute, whatever they ask for. At most 1000000.
    pub requests_per_minute: Option<u32>,
    /// Requests under way at the same time; a tunnel is one for as long as it is open. At most 1000000.
    pub concurrent_requests: Option<u32>,
    /// Tokens read and written by model calls, for each day of UTC. At most 10^15.
    pub tokens_per_day: Option<u64>,
    /// What model calls cost by the price table, for each month of UTC. At most a billion dollars.
    pub money_per_month: Option<Usd>,
}

/// What one client key may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRules {
    pub limits: ClientLimits,
    /// By the client's own name for a model, without its thinking suffix. Empty: all.
    pub models: Vec<ModelPattern>,
    pub routes: Ways,
}

impl ClientLimits {
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(
            self,
            Self {
                requests_per_minute: None,
                concurrent_requests: None,
                tokens_per_day: None,
                money_per_month: None,
            }
        )
    }

    /// Whether it matters what a model call uses.
    #[must_use]
    pub const fn count_usage(&self) -> bool {
        self.tokens_per_day.is_some() || self.money_per_month.is_some()
    }
}

impl ClientRules {
    /// Whether the client may ask for a model, by the name it uses.
    #[must_use]
    pub fn allow_model(&self, model: &ModelName) -> bool {
        if self.models.is_empty() {
            return true;
        }
        let (bare, _) = model.split_thinking();
        self.models.iter().any(|pattern| pattern.matches(bare.as_str()))
    }

    /// Whether nothing is kept from the client.
    #[must_use]
    pub fn allow_everything(&self) -> bool {
        self.limits.is_none() && self.models.is_empty() && self.routes == Ways::ALL
    }
}

pub const MOST_REQUESTS: i64 = 1_000_000;
pub const MOST_TOKENS: i64 = 1_000_000_000_000_000;
const MOST_DOLLARS: f64 = 1e9;

impl Reader<'_> {
    /// Limits as written; one that is not written is that of `others`, and 0 is none.
    pub fn client_limits(
        &mut self,
        path: &str,
        raw: &RawClientLimits,
        others: ClientLimits,
    ) -> ClientLimits {
        let at = |key: &str| format!("{path}.{key}");
        let requests = at("requests-per-minute");
        let concurrent = at("concurrent-requests");
        ClientLimits {
            requests_per_minute: self
                .count(&requests, &raw.requests_per_minute, MOST_REQUESTS)
                .map_or(others.requests_per_minute, |count| {
                    u32::try_from(count).ok().filter(|count| *count > 0)
                }),
            concurrent_requests: self
                .count(&concurrent, &raw.concurrent_requests, MOST_REQUESTS)
                .map_or(others.concurrent_requests, |count| {
                    u32::try_from(count).ok().filter(|count| *count > 0)
                }),
            tokens_per_day: self
                .count(&at("tokens-per-day"), &raw.tokens_per_day, MOST_TOKENS)
                .map_or(others.tokens_per_day, |count| Some(count).filter(|count| *count > 0)),
            money_per_month: self
                .money(&at("money-per-month"), &raw.money_per_month)
                .map_or(others.money_per_month, |money| Some(money).filter(|m| m.nanos() > 0)),
        }
    }

    /// A count; `None` when none is written.
    fn count(&mut self, path: &str, scalar: &Scalar, most: i64) -> Option<u64> {
        if scalar.is_blank() {
            return None;
        }
        self.integer(path, scalar, 0..=most).and_then(|count| u64::try_from(count).ok())
    }

    /// An amount of US dollars; `None` when none is written.
    fn money(&mut self, path: &str, scalar: &Scalar) -> Option<Usd> {
        let dollars = match scalar {
            scalar if scalar.is_blank() => return None,
            Scalar::Integer(dollars) => i32::try_from(*dollars).ok().map(f64::from),
            Scalar::Float(dollars) => Some(*dollars),
            Scalar::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let dollars = dollars.filter(|dollars| (0.0..=MOST_DOLLARS).contains(dollars));
        if dollars.is_none() {
            self.problem(path, "must be an amount of US dollars, such as 50 or 12.5");
        }
        dollars.map(Usd::from_dollars)
    }

    /// Without a price nothing costs anything, so a limit on money is none.
    pub fn warn_of_money_without_prices(&mut self, limits: ClientLimits, clients: &[Client]) {
        let all = std::iter::once(limits).chain(clients.iter().map(|client| client.rules.limits));
        if all.into_iter().any(|limits| limits.money_per_month.is_some()) {
            self.warn("prices", "is empty, so `money-per-month` limits nothing; list your models");
        }
    }

    /// Patterns of the models that a client may ask for.
    pub fn allowed_models(&mut self, path: &str, list: List<Scalar>) -> Vec<ModelPattern> {
        let is_written = matches!(list, List::Items(_));
        let patterns = self.excluded_models(path, list);
        if is_written && patterns.is_empty() {
            self.problem(path, "allows nothing; leave it out to allow every model");
        }
        patterns
    }

    /// The routes that a client's requests may take.
    pub fn allowed_routes(&mut self, path: &str, list: List<Scalar>) -> Ways {
        let is_written = matches!(list, List::Items(_));
        let words = Way::ALL.map(|way| (way.as_str(), way));
        let mut ways = Vec::new();
        for (index, item) in self.items(path, list).into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            if self.required_text(&path, &item).is_some() {
                ways.push(self.choice(&path, &item, &words));
            }
        }
        if !is_written {
            return Ways::ALL;
        }
        if ways.is_empty() {
            self.problem(path, "allows nothing; leave it out to allow every route");
        }
        Ways::of(&ways)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> ModelName {
        ModelName::parse(name).unwrap()
    }

    #[test]
    fn a_model_is_allowed_by_the_clients_name_for_it_without_its_suffix() {
        let patterns =
            |texts: &[&str]| texts.iter().filter_map(|t| ModelPattern::parse(t)).collect();
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&[&str], &str, bool, &str)] = &[
            // patterns,              model,              allowed, why
            (&[],                     "gpt-5",            true,  "no pattern keeps nothing away"),
            (&["claude-*", "gpt-5*"], "claude-opus-4-5",  true,  "the first"),
            (&["claude-*", "gpt-5*"], "gpt-5-mini",       true,  "the second"),
            (&["claude-*", "gpt-5*"], "gpt-4o",           false, "neither"),
            (&["gpt-5"],              "gpt-5(high)",      true,  "how hard it thinks is not its name"),
            (&["gpt-5"],              "GPT-5",            true,  "names have no case"),
            (&["gpt-5"],              "team/gpt-5",       false, "a prefix is part of the name"),
        ];
        for (texts, name, expected, why) in cases {
            let rules = ClientRules { models: patterns(texts), ..ClientRules::default() };
            assert_eq!(rules.allow_model(&model(name)), *expected, "{texts:?} {name}: {why}");
        }
    }
}
