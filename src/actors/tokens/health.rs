//! How each account is doing, and what requests read of it without a hop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::Token;
use crate::config::TokenSource;

/// How one account is doing. No secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountHealth {
    pub source: TokenSource,
    pub label: Option<String>,
    pub plan: Option<String>,
    pub expires_at: Option<SystemTime>,
    pub state: AccountState,
}

/// Whether an account has a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccountState {
    /// It has, for a while.
    Fresh,
    /// It has one that is to be refreshed.
    Expiring,
    /// One is being asked for.
    #[default]
    Refreshing,
    /// Nothing helps but a person.
    LoginNeeded { reason: String },
    /// The last try has failed; there will be another one.
    Failing { cause: String },
}

impl AccountState {
    /// What it is called where states are compared.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Expiring => "expiring",
            Self::Refreshing => "refreshing",
            Self::LoginNeeded { .. } => "login_needed",
            Self::Failing { .. } => "failing",
        }
    }

    /// Why it has none, or may soon have none.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::LoginNeeded { reason: why } | Self::Failing { cause: why } => Some(why),
            Self::Fresh | Self::Expiring | Self::Refreshing => None,
        }
    }
}

/// A token that requests may show.
#[derive(Debug)]
pub(super) struct Current {
    pub token: Arc<Token>,
    /// From when on it is to be refreshed; `None`: never.
    pub due_at: Option<SystemTime>,
}

/// What an actor lets others read.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// Absent while none may be shown.
    pub current: ArcSwapOption<Current>,
    pub health: ArcSwap<Known>,
    /// Whether the actor has been told that its token is due.
    is_told: AtomicBool,
}

/// What is known of an account besides its token.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub label: Option<String>,
    pub plan: Option<String>,
    pub expires_at: Option<SystemTime>,
    pub due_at: Option<SystemTime>,
    pub state: AccountState,
}

impl Published {
    /// Whether it falls to the caller to tell the actor: of many requests, to one.
    pub fn is_first_to_tell(&self) -> bool {
        !self.is_told.swap(true, Ordering::Relaxed)
    }

    pub fn was_told(&self) {
        self.is_told.store(false, Ordering::Relaxed);
    }

    pub fn health_of(&self, source: &TokenSource, now: SystemTime) -> AccountHealth {
        let known = self.health.load();
        let is_due = known.due_at.is_some_and(|due_at| due_at <= now);
        let state = match &known.state {
            AccountState::Fresh if is_due => AccountState::Expiring,
            state => state.clone(),
        };
        AccountHealth {
            source: source.clone(),
            label: known.label.clone(),
            plan: known.plan.clone(),
            expires_at: known.expires_at,
            state,
        }
    }
}

/// A token that is over is shown to nobody.
pub(super) fn has_expired(token: &Token, now: SystemTime) -> bool {
    token.expires_at.is_some_and(|expires_at| expires_at <= now)
}
