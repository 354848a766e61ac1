//! The time series that a request counts in, found once and kept by each thread.
//!
//! To find a series by its labels takes a hash over all of them and a lock that all threads share, and a
//! model call counts in ten. So a thread keeps, for each kind of request, the series themselves.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher as _, Hash};
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::StatusCode;
use prometheus::{Counter, Histogram, IntCounter};

use super::accounts::Accounts;
use super::families::Families;
use super::names::{BoundedNames, OTHER};
use super::operations::Operations;
use super::{EndedRequest, GenAi};
use crate::types::{ClientId, CredentialId, ModelName, ProviderName, Route, TokenUsage};

/// The kinds of request that a thread keeps series of; beyond it all are looked up anew, which a
/// client that makes up names may bring about.
const MAX_KINDS: usize = 2048;

/// The route of what never got to anybody: probes, and what a guard has refused. Those who sent it are no
/// clients, so sums for people leave it out.
pub const NO_ROUTE: &str = "none";

/// The status of a request whose client left before there was a head.
const NO_HEAD: &str = "0";

/// What a kind of request is told by: all that becomes a label.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Kind<'a> {
    route: &'static str,
    client: &'a str,
    provider: &'a str,
    credential: &'a str,
    /// Whose id that was when the request began.
    account: Option<u32>,
    model: &'a str,
    upstream_model: &'a str,
    gen_ai_provider: &'a str,
    operation: &'static str,
    status: u16,
    outcome: &'static str,
}

impl<'a> Kind<'a> {
    fn of(ended: &EndedRequest<'a>) -> Self {
        let GenAi { operation, provider: gen_ai_provider, upstream_model, .. } = ended.gen_ai;
        let route = match (ended.route, ended.provider) {
            (Some(route), _) => route.as_str(),
            (None, Some(_)) => "relay",
            (None, None) => NO_ROUTE,
        };
        Self {
            route,
            client: ended.client.map_or("", ClientId::as_str),
            provider: ended.provider.map_or("", ProviderName::as_str),
            credential: ended.credential.map_or("", CredentialId::as_str),
            account: ended.credential.and_then(CredentialId::account),
            model: ended.model.map_or("", ModelName::as_str),
            upstream_model: upstream_model.map_or("", ModelName::as_str),
            gen_ai_provider: gen_ai_provider.map_or("", ProviderName::as_str),
            operation,
            status: ended.status,
            outcome: ended.outcome,
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn is_model_call(&self) -> bool {
        let routes = [Route::Local, Route::Mapped, Route::OwnLogin, Route::Amp];
        routes.map(Route::as_str).contains(&self.route)
    }

    /// Whether the gateway has a code for what went wrong.
    fn has_failed(&self) -> bool {
        !matches!(self.outcome, "complete" | "client_left")
    }

    /// OpenTelemetry's `error.type`; empty is none.
    fn error_type(&self, status: &'a str) -> &'a str {
        match self.outcome {
            "complete" if self.status < 400 => "",
            "complete" => status,
            code => code,
        }
    }
}

/// A kind as a thread keeps it.
struct KeptKind {
    texts: [Box<str>; 6],
    account: Option<u32>,
    route: &'static str,
    operation: &'static str,
    status: u16,
    outcome: &'static str,
}

impl KeptKind {
    fn of(kind: &Kind<'_>) -> Self {
        let Kind { client, provider, credential, model, upstream_model, gen_ai_provider, .. } =
            *kind;
        let texts = [client, provider, credential, model, upstream_model, gen_ai_provider];
        Self {
            texts: texts.map(Into::into),
            account: kind.account,
            route: kind.route,
            operation: kind.operation,
            status: kind.status,
            outcome: kind.outcome,
        }
    }

    fn as_kind(&self) -> Kind<'_> {
        let [client, provider, credential, model, upstream_model, gen_ai_provider] =
            self.texts.each_ref().map(|text| &**text);
        Kind {
            route: self.route,
            client,
            provider,
            credential,
            account: self.account,
            model,
            upstream_model,
            gen_ai_provider,
            operation: self.operation,
            status: self.status,
            outcome: self.outcome,
        }
    }
}

/// The labels of a kind: what clients chose is bounded here.
struct Labels<'a> {
    kind: Kind<'a>,
    /// As it is called now, if it is a call by one that is configured now.
    credential: Option<CredentialId>,
    model: &'static str,
    upstream_model: &'static str,
}

impl<'a> Labels<'a> {
    fn of(ended: &EndedRequest<'a>, bounds: &Bounds<'_>) -> Self {
        let kind = Kind::of(ended);
        // Counts do not tell: of a model that nobody has, the gateway estimates them itself. Nor does the
        // status alone: some servers put an error into a 200.
        let is_served = (200..300).contains(&kind.status)
            && kind.outcome == "complete"
            && ended.attempt_is_open
            && !["", "count_tokens"].contains(&kind.operation);
        // How hard a model should think is no other model.
        let bare = |model: Option<&ModelName>| match model {
            Some(model) => bounds.models.label(model.split_thinking().0.as_str(), is_served),
            None => "",
        };
        let (model, upstream_model) = (bare(ended.model), bare(ended.gen_ai.upstream_model));
        let credential = ended.credential.filter(|_| kind.is_model_call());
        let credential = credential.and_then(|id| bounds.accounts.id_now(id));
        Self { kind, credential, model, upstream_model }
    }

    /// Whether the next request of the same kind has the same labels: a name that was not let in may be
    /// let in next time.
    fn stay(&self) -> bool {
        ![self.model, self.upstream_model].contains(&OTHER)
    }

    fn who(&self) -> [&str; 4] {
        [self.kind.route, self.kind.client, self.kind.provider, self.model]
    }

    /// `None` for what is no call by a credential that is configured now.
    fn credential<'l>(&'l self, last: &'l str) -> Option<[&'l str; 3]> {
        Some([self.kind.provider, self.credential.as_ref()?.as_str(), last])
    }

    fn gen_ai(&self) -> [&str; 4] {
        let Kind { operation, gen_ai_provider, .. } = self.kind;
        [operation, gen_ai_provider, self.model, self.upstream_model]
    }
}

/// The series of one kind of request. Those that may never be used are made when they are.
struct Series {
    requests: IntCounter,
    refusals: Option<IntCounter>,
    credential: Option<IntCounter>,
    duration: Option<Histogram>,
    first_token: OnceCell<Histogram>,
    tokens: [OnceCell<IntCounter>; 5],
    credential_tokens: [OnceCell<Option<IntCounter>>; 5],
    token_usage: [OnceCell<Histogram>; 2],
    cost: OnceCell<Counter>,
}

fn with<'l, const N: usize>(labels: [&'l str; 4], last: &'l str) -> [&'l str; N] {
    let mut all = [last; N];
    all[..4].copy_from_slice(&labels);
    all
}

impl Series {
    fn of(labels: &Labels<'_>, families: &Families, operations: &Operations) -> Self {
        let kind = &labels.kind;
        let status = kind.status();
        let status = if kind.status == 0 { NO_HEAD } else { status.as_str() };
        let credential = labels.credential(status);
        let credential = credential.map(|of| families.credential_requests.with_label_values(&of));
        let duration = (!kind.operation.is_empty() && !kind.gen_ai_provider.is_empty())
            .then(|| with::<5>(labels.gen_ai(), kind.error_type(status)))
            .map(|of| families.duration.with_label_values(&of));
        let refusals =
            kind.has_failed().then(|| operations.refusals.with_label_values(&[kind.outcome]));
        Self {
            requests: families.requests.with_label_values(&with::<5>(labels.who(), status)),
            refusals,
            credential,
            duration,
            first_token: OnceCell::new(),
            tokens: Default::default(),
            credential_tokens: Default::default(),
            token_usage: Default::default(),
            cost: OnceCell::new(),
        }
    }

    /// The request itself comes last: whoever has seen it counted finds the rest counted, too.
    fn count(&self, ended: &EndedRequest<'_>, families: &Families, labels: &LazyLabels<'_>) {
        self.count_details(ended, families, labels);
        self.requests.inc();
    }

    fn count_details(
        &self,
        ended: &EndedRequest<'_>,
        families: &Families,
        labels: &LazyLabels<'_>,
    ) {
        let once = [&self.refusals, &self.credential];
        once.into_iter().flatten().for_each(IntCounter::inc);
        if let Some(usage) = &ended.usage {
            self.count_tokens(usage, families, labels);
        }
        if let Some(cost) = ended.cost_usd {
            let of = || families.cost.with_label_values(&labels.get().who());
            self.cost.get_or_init(of).inc_by(cost);
        }
        let Some(duration) = &self.duration else { return };
        duration.observe(ended.duration.as_secs_f64());
        if let Some(first_token) = ended.gen_ai.first_token {
            let of = || families.first_token.with_label_values(&labels.get().gen_ai());
            self.first_token.get_or_init(of).observe(first_token.as_secs_f64());
        }
        if let Some(usage) = &ended.usage {
            self.observe_tokens(usage, families, labels);
        }
    }

    fn count_tokens(&self, usage: &TokenUsage, families: &Families, labels: &LazyLabels<'_>) {
        let parts = [
            ("input", usage.input),
            ("cached_input", usage.cached_input),
            ("cache_write", usage.cache_write),
            ("output", usage.output),
            ("reasoning", usage.reasoning),
        ];
        let series = self.tokens.iter().zip(&self.credential_tokens);
        for ((kind, count), (series, of_credential)) in parts.into_iter().zip(series) {
            if count == 0 {
                continue;
            }
            let of = || families.tokens.with_label_values(&with::<5>(labels.get().who(), kind));
            series.get_or_init(of).inc_by(count);
            let of = || {
                let of = labels.get().credential(kind);
                of.map(|of| families.credential_tokens.with_label_values(&of))
            };
            if let Some(series) = of_credential.get_or_init(of) {
                series.inc_by(count);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a histogram is no ledger")]
    fn observe_tokens(&self, usage: &TokenUsage, families: &Families, labels: &LazyLabels<'_>) {
        let wholes = [("input", usage.input), ("output", usage.output)];
        for ((kind, count), series) in wholes.into_iter().zip(&self.token_usage) {
            let of =
                || families.token_usage.with_label_values(&with::<5>(labels.get().gen_ai(), kind));
            series.get_or_init(of).observe(count as f64);
        }
    }
}

/// What says which labels there are.
pub(super) struct Bounds<'a> {
    pub models: &'a BoundedNames,
    pub accounts: &'a Accounts,
}

/// Labels that are made when a series has to be found.
struct LazyLabels<'a> {
    ended: &'a EndedRequest<'a>,
    bounds: &'a Bounds<'a>,
    labels: OnceCell<Labels<'a>>,
}

impl<'a> LazyLabels<'a> {
    fn get(&self) -> &Labels<'a> {
        self.labels.get_or_init(|| Labels::of(self.ended, self.bounds))
    }
}

/// What one thread has found.
#[derive(Default)]
struct Found {
    /// Whose series they are.
    of: u64,
    hasher: RandomState,
    kinds: HashMap<u64, (KeptKind, Series)>,
}

thread_local! {
    static FOUND: RefCell<Found> = RefCell::default();
}

/// The next [`SeriesOwner`]'s number.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Tells one set of series from another: a process has one, its tests have many.
#[derive(Debug)]
pub(super) struct SeriesOwner(AtomicU64);

impl Default for SeriesOwner {
    fn default() -> Self {
        Self(AtomicU64::new(NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

impl SeriesOwner {
    /// Makes every thread forget what it has found, each with its next request.
    pub fn are_looked_up_anew(&self) {
        // Whoever reads the new number finds the families as they were left before.
        self.0.store(NEXT.fetch_add(1, Ordering::Relaxed), Ordering::Release);
    }

    /// Counts a request in all of its series.
    pub fn count(
        &self,
        ended: &EndedRequest<'_>,
        families: &Families,
        operations: &Operations,
        bounds: &Bounds<'_>,
    ) {
        let labels = LazyLabels { ended, bounds, labels: OnceCell::new() };
        let number = self.0.load(Ordering::Acquire);
        let counted = FOUND.try_with(|found| {
            let found = &mut *found.borrow_mut();
            if found.of != number {
                found.of = number;
                found.kinds.clear();
            }
            found.count(ended, families, operations, &labels)
        });
        if !matches!(counted, Ok(true)) {
            // A kind that is not kept, or the thread ends and a request with it.
            let series = Series::of(labels.get(), families, operations);
            series.count(ended, families, &labels);
        }
    }
}

impl Found {
    /// `false`: the series of this request are not kept, and nothing is counted.
    fn count(
        &mut self,
        ended: &EndedRequest<'_>,
        families: &Families,
        operations: &Operations,
        labels: &LazyLabels<'_>,
    ) -> bool {
        let kind = Kind::of(ended);
        let has_room = self.kinds.len() < MAX_KINDS;
        match self.kinds.entry(self.hasher.hash_one(kind)) {
            Entry::Occupied(entry) => {
                let (kept, series) = entry.get();
                let is_same = kept.as_kind() == kind;
                if is_same {
                    series.count(ended, families, labels);
                }
                is_same
            }
            Entry::Vacant(entry) if has_room && labels.get().stay() => {
                let series = Series::of(labels.get(), families, operations);
                let (_, series) = entry.insert((KeptKind::of(&kind), series));
                series.count(ended, families, labels);
                true
            }
            Entry::Vacant(_) => false,
        }
    }
}
