//! What a provider's failure says about the credential it was asked with.
//!
//! | answer                                        | class          | what rests            |
//! | --------------------------------------------- | -------------- | --------------------- |
//! | 2xx, 3xx                                      | fine           | nothing               |
//! | 400, 409, 413, 422, other 4xx                 | request fault  | nothing               |
//! | a feature refused: long context, fast mode    | request fault  | nothing               |
//! | 401; 400 with a bad key                       | `Unauthorized` | credential            |
//! | 402; 400, 403, 429 about quota or billing     | `Unpaid`       | credential            |
//! | 403                                           | `Forbidden`    | model                 |
//! | 404; "model not supported"; Google `limit: 0` | `ModelUnknown` | model                 |
//! | 404, 403 about an item, file or cache         | request fault  | nothing               |
//! | 429 that names an account's window            | `Limited`      | credential            |
//! | 429 that names a model's window, any other    | `Limited`      | model                 |
//! | a challenge page                              | `Challenge`    | credential            |
//! | 408, 5xx less 501 and 505                     | `Unavailable`  | model                 |
//! | no connection                                 | `Unavailable`  | credential            |
//! | connected, then no answer                     | `Unavailable`  | model                 |
//!
//! In doubt the model rests. A limit thought too narrow costs one failed call for each further
//! model; one thought too wide takes away models that work. Limits of API keys are counted by
//! model at all three vendors, and those of an account say so.
//!
//! Pure: how long the rest is without a hint, and who is asked instead, is decided in
//! `crate::actors::router`. Judge answers to calls of a model only: a server without
//! `count_tokens` answers 404 there, and has the model all the same.

mod classify;
mod first_event;
mod hints;
mod spent;
#[cfg(test)]
mod tests;
mod words;

use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;

pub use first_event::{FirstEvent, error_in_ok_body, first_event, status_of_failure};

use self::words::ErrorWords;
use super::duration;

/// What a provider's answer says about the credential it was asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing against it.
    Fine,
    /// The request itself is at fault; another credential would answer the same.
    RequestFault,
    /// The credential, or the credential for this model, should rest.
    Trouble(Trouble),
}

/// Why a credential should rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub class: TroubleClass,
    pub scope: Scope,
    /// For how long, in the provider's own words; never to be shortened.
    pub wait: Option<Duration>,
}

impl Trouble {
    /// No connection to the provider: name, address or TLS failed, whatever the model.
    #[must_use]
    pub const fn unreachable() -> Self {
        Self { class: TroubleClass::Unavailable, scope: Scope::Credential, wait: None }
    }

    /// A connection, but no answer on it: reset, or the first-byte timeout. One model may be stuck
    /// or slow while others answer.
    #[must_use]
    pub const fn silent() -> Self {
        Self { class: TroubleClass::Unavailable, scope: Scope::Model, wait: None }
    }

    /// Whether it would meet any other call with the same key as well.
    #[must_use]
    pub const fn speaks_against_the_account(&self) -> bool {
        matches!(
            self.class,
            TroubleClass::Unauthorized
                | TroubleClass::Unpaid
                | TroubleClass::Forbidden
                | TroubleClass::Limited
        )
    }
}

/// What should rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The credential, for every model.
    Credential,
    /// The credential, for the model that was asked for.
    Model,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleClass {
    /// The key is wrong, or its login has expired.
    Unauthorized,
    /// The account has no money or quota left, which no short wait brings back.
    Unpaid,
    /// The key may not do this.
    Forbidden,
    /// This account has no such model.
    ModelUnknown,
    /// Over a limit that time brings back.
    Limited,
    /// Something before the provider wants to see a browser.
    Challenge,
    /// The provider is broken, overloaded or away.
    Unavailable,
}

impl TroubleClass {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Unpaid => "unpaid",
            Self::Forbidden => "forbidden",
            Self::ModelUnknown => "model_unknown",
            Self::Limited => "limited",
            Self::Challenge => "challenge",
            Self::Unavailable => "unavailable",
        }
    }

    /// As [`Self::as_str`] wrote it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Unauthorized,
            Self::Unpaid,
            Self::Forbidden,
            Self::ModelUnknown,
            Self::Limited,
            Self::Challenge,
            Self::Unavailable,
        ];
        all.into_iter().find(|class| class.as_str() == word)
    }
}

/// Judges an answer by its head and the beginning of its body, which may be empty or cut off.
#[must_use]
pub fn judge(status: StatusCode, fields: &HeaderMap, body: &[u8], now: SystemTime) -> Verdict {
    if status.as_u16() < 400 {
        return Verdict::Fine;
    }
    let words = ErrorWords::read(body);
    let Some((class, scope)) = classify::classify(status, fields, &words) else {
        return Verdict::RequestFault;
    };
    let told = hints::told(fields, &words, now);
    if class != TroubleClass::Limited {
        return Verdict::Trouble(Trouble { class, scope, wait: told });
    }
    let spent = spent::spent(fields, &words, now);
    let wait = if spent.tells_all { spent.wait } else { spent.wait.max(told) };
    Verdict::Trouble(Trouble { class, scope: spent.scope.unwrap_or(scope), wait })
}

/// Whether the account refuses the million-token context that `Anthropic-Beta` asked for. The
/// same request without the flag would be answered.
#[must_use]
pub fn refuses_long_context(status: StatusCode, body: &[u8]) -> bool {
    classify::refuses_long_context(status, &ErrorWords::read(body))
}
