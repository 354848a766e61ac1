//! The last requests that went wrong.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::EndedRequest;

/// As many as a page shows.
const KEPT: usize = 50;

/// As much of a model's name is kept: more than any has, and little if a client makes names up.
const MODEL_BYTES: usize = 128;

/// A request that was refused, failed or broke off. All is names and codes of our own, but for `model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentFailure {
    pub at: SystemTime,
    pub request_id: String,
    pub door: &'static str,
    pub client: Option<String>,
    pub provider: Option<String>,
    pub credential: Option<String>,
    /// The client's own text, at most 128 bytes of it.
    pub model: Option<String>,
    pub status: u16,
    /// The code of what went wrong; `complete` where an error of the provider was passed on.
    pub outcome: &'static str,
}

/// The newest of them, so many as a page shows.
#[derive(Debug, Default)]
pub struct RecentFailures(Mutex<VecDeque<RecentFailure>>);

impl RecentFailures {
    /// Notes a request if it went wrong. A client that left is nobody's fault.
    pub fn note(&self, ended: &EndedRequest<'_>) {
        let went_well = ended.status < 400 && matches!(ended.outcome, "complete" | "client_left");
        if went_well {
            return;
        }
        let failure = RecentFailure {
            at: SystemTime::now(),
            request_id: ended.id.to_owned(),
            door: ended.door,
            client: ended.client.map(ToString::to_string),
            provider: ended.provider.map(ToString::to_string),
            credential: ended.credential.map(ToString::to_string),
            model: ended.model.map(|model| beginning(model.as_str()).to_owned()),
            status: ended.status,
            outcome: ended.outcome,
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front(failure);
    }

    pub fn newest_first(&self) -> Vec<RecentFailure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn beginning(text: &str) -> &str {
    let mut end = MODEL_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ModelName;

    #[test]
    fn a_name_that_a_client_makes_long_is_kept_in_part() {
        let failures = RecentFailures::default();
        // The limit is within a letter of two bytes.
        let name = format!("m{}", "\u{e4}".repeat(100));
        let model = ModelName::parse(&name).unwrap();

        failures.note(&EndedRequest { status: 404, model: Some(&model), ..Default::default() });

        let kept = failures.newest_first()[0].model.clone().unwrap();
        assert_eq!(kept, format!("m{}", "\u{e4}".repeat(63)));
    }
}
