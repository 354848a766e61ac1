//! The last requests that went wrong.
//!
//! They are kept apart by who could bring them about: whoever reaches the door can be refused a thousand
//! times in a second, and would else push what providers have failed at out of sight.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::EndedRequest;

/// Who could bring a failure about, and so how many of its kind are kept.
#[derive(Clone, Copy)]
enum Kind {
    /// A client, at an upstream.
    Asked,
    /// A client, refused before anybody was asked.
    Refused,
    /// Anybody.
    Stranger,
}

impl Kind {
    const COUNT: usize = 3;

    const fn of(ended: &EndedRequest<'_>) -> Self {
        match (ended.client, ended.provider) {
            (Some(_), Some(_)) => Self::Asked,
            (Some(_), None) => Self::Refused,
            // Some of the Amp server's doors ask for no key, so a provider says nothing here.
            (None, _) => Self::Stranger,
        }
    }

    const fn most_kept(self) -> usize {
        match self {
            Self::Asked => 50,
            Self::Refused => 25,
            Self::Stranger => 10,
        }
    }
}

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

/// The newest of each kind, so many as a page shows.
#[derive(Debug, Default)]
pub struct RecentFailures(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// How many there have been: their order, whatever the clock on the wall does.
    noted: u64,
    /// The newest first, each with its number.
    kinds: [VecDeque<(u64, RecentFailure)>; Kind::COUNT],
}

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
        let kind = Kind::of(ended);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.noted += 1;
        let number = kept.noted;
        let of_kind = &mut kept.kinds[kind as usize];
        of_kind.truncate(kind.most_kept() - 1);
        of_kind.push_front((number, failure));
    }

    pub fn newest_first(&self) -> Vec<RecentFailure> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = kept.kinds.iter().flatten().cloned().collect();
        drop(kept);
        all.sort_unstable_by_key(|(number, _)| Reverse(*number));
        all.into_iter().map(|(_, failure)| failure).collect()
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
    use crate::types::{ClientId, ModelName, ProviderName};

    #[test]
    fn whoever_is_refused_pushes_out_nothing_that_a_provider_has_failed_at() {
        let failures = RecentFailures::default();
        let (alice, claude) = (ClientId::new("alice"), ProviderName::new("claude"));
        let stranger = EndedRequest { door: "nowhere", status: 404, ..Default::default() };
        let unknown = EndedRequest { status: 401, ..stranger };
        let open_door = EndedRequest { provider: Some(&claude), ..stranger };
        let refused = EndedRequest { client: Some(&alice), status: 429, ..stranger };
        let failed = EndedRequest { provider: Some(&claude), status: 529, ..refused };

        failures.note(&failed);
        failures.note(&refused);
        for ended in [unknown, stranger, open_door] {
            for _ in 0..100 {
                failures.note(&ended);
            }
        }
        let kept = failures.newest_first();

        let statuses: Vec<u16> = kept.iter().map(|failure| failure.status).collect();
        assert_eq!(statuses, [vec![404; 10], vec![429, 529]].concat(), "the newest first");

        for _ in 0..100 {
            failures.note(&refused);
        }
        let kept = failures.newest_first();
        let statuses: Vec<u16> = kept.iter().map(|failure| failure.status).collect();
        assert_eq!(statuses, [vec![429; 25], vec![404; 10], vec![529]].concat());
    }

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
