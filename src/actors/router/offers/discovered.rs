//! The lists of models that providers have given, kept for a while.
//!
//! A list changes when a provider adds a model, about once a month, but clients ask at each of their
//! starts. So one answer per account is kept, also that there is none; of many requests that find
//! nothing kept, one asks and the others wait. What is kept of an account that a reload takes away is
//! never found again, since no other account gets its id.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::future::Cache;

use super::Account;
use crate::actors::clock::Clock;
use crate::actors::router::cooldown::MemberId;
use crate::dialect::ModelEntry;

/// A new model may be missing from a list for so long. It can be asked for all the same.
pub(super) const KEPT: Duration = Duration::from_secs(5 * 60);

/// A provider that gave no list is asked again soon, but not by each request.
const FAILURE_KEPT: Duration = Duration::from_secs(30);

/// After so long without a question an answer is let go, whatever it was.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// Known lists have up to half a megabyte, and most a tenth of that.
const CAPACITY_BYTES: u64 = 64 << 20;

/// What an answer without entries counts for, so that their number is bounded, too.
const OVERHEAD_BYTES: usize = 1024;

/// A provider gave no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoList {
    /// For the log.
    pub cause: String,
    /// The provider answered, and what it said was about the key.
    pub is_about_the_key: bool,
}

/// What was asked: a provider may write Codex's catalogue for one version of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    account: MemberId,
    codex_version: Option<Box<str>>,
}

#[derive(Clone, Debug)]
struct Answer {
    list: Result<Arc<[ModelEntry]>, NoList>,
    came_at: Instant,
}

/// What providers have answered.
#[derive(Clone, Debug)]
pub struct DiscoveredLists {
    answers: Cache<Question, Answer>,
    clock: Clock,
}

impl DiscoveredLists {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let answers = Cache::builder()
            .max_capacity(CAPACITY_BYTES)
            .weigher(|question: &Question, answer: &Answer| weight(question, answer))
            .time_to_idle(FORGOTTEN)
            .build();
        Self { answers, clock }
    }

    /// The account's list, by `ask` unless it is known. A failure is warned of when it begins, and
    /// not again until the account has given a list.
    pub async fn of(
        &self,
        account: &Account,
        codex_version: Option<&str>,
        ask: impl Future<Output = Result<Vec<ModelEntry>, NoList>>,
    ) -> Result<Arc<[ModelEntry]>, NoList> {
        let question =
            Question { account: account.0.id, codex_version: codex_version.map(Into::into) };
        let before = self.answers.get(&question).await;
        let has_failed_before = match before {
            Some(known) if self.is_fresh(&known) => return known.list,
            Some(known) => known.list.is_err(),
            None => false,
        };
        let ask = async {
            let list = ask.await;
            if let Err(NoList { cause, .. }) = &list
                && !has_failed_before
            {
                let credential = account.credential().id.as_str();
                tracing::warn!(credential, cause, "provider gives no model list; it is left out");
            }
            Answer { list: list.map(Arc::from), came_at: self.clock.now() }
        };
        let is_stale = |answer: &Answer| !self.is_fresh(answer);
        // Boxed: it holds a whole request and its answer.
        let answer = self.answers.entry(question).or_insert_with_if(Box::pin(ask), is_stale).await;
        answer.into_value().list
    }

    fn is_fresh(&self, answer: &Answer) -> bool {
        let kept = if answer.list.is_ok() { KEPT } else { FAILURE_KEPT };
        self.clock.now().saturating_duration_since(answer.came_at) < kept
    }
}

fn weight(question: &Question, answer: &Answer) -> u32 {
    let entries = answer.list.as_deref().unwrap_or_default();
    let bytes: usize = entries.iter().map(|entry| entry.as_json().len()).sum();
    let version = question.codex_version.as_ref().map_or(0, |version| version.len());
    u32::try_from(bytes + version + OVERHEAD_BYTES).unwrap_or(u32::MAX)
}
