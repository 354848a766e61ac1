//! Who answers a model call.
//!
//! The actor owns the table of credentials and their state, and alone writes it. Handlers decide from
//! a published snapshot, without a hop; they report what came of a call only when it changes what is
//! known of a credential, for a message to another thread costs more than a whole decision.

#[cfg_attr(not(test), expect(dead_code, reason = "wired in by the next commit"))]
mod cooldown;
mod table;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::{Actor, Addr, Context, Handler, Message};
use actix_web::http::StatusCode;
use arc_swap::ArcSwap;

pub use table::{Fallbacks, LocalPlan, ModelRequest, RoutePlan, RouteTable};

use self::table::Member;
use crate::config::Credential;
use crate::error::GatewayError;
use crate::types::{Dialect, ModelName};

/// Reports of many calls that fail at once: they are small, and none may be lost.
const MAILBOX_CAPACITY: usize = 4096;

/// What a provider's answer says of the credential it was asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 401, 403: the key is wrong or may not do this.
    Refused,
    /// 402: the account is not paid.
    Unpaid,
    /// 429: the account is over its limit.
    Limited,
}

impl Trouble {
    /// `None`: the answer says nothing against the credential.
    #[must_use]
    pub fn of(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(Self::Refused),
            StatusCode::PAYMENT_REQUIRED => Some(Self::Unpaid),
            StatusCode::TOO_MANY_REQUESTS => Some(Self::Limited),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unpaid => "unpaid",
            Self::Limited => "limited",
        }
    }
}

/// Tells that a credential is in trouble, or out of it.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
struct ReportOutcome {
    member: Arc<Member>,
    trouble: Option<Trouble>,
}

/// Owns the table of credentials and what is known of them.
#[derive(Debug)]
pub struct ProviderRouterActor;

impl Actor for ProviderRouterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
    }
}

impl Handler<ReportOutcome> for ProviderRouterActor {
    type Result = ();

    /// Logs the change, once: a key that fails for every request is one line, not thousands.
    fn handle(&mut self, report: ReportOutcome, _: &mut Self::Context) {
        let ReportOutcome { member, trouble } = report;
        let was_troubled = member.troubled.swap(trouble.is_some(), Ordering::Relaxed);
        let credential = member.credential.id.as_str();
        match trouble {
            Some(trouble) if !was_troubled => {
                let trouble = trouble.as_str();
                tracing::warn!(credential, trouble, "provider turned a credential down");
            }
            None if was_troubled => {
                tracing::info!(credential, "provider takes the credential again");
            }
            _ => {}
        }
    }
}

/// What the rest of the gateway holds instead of the actor's address.
#[derive(Clone, Debug)]
pub struct ProviderRouter {
    table: Arc<ArcSwap<RouteTable>>,
    actor: Addr<ProviderRouterActor>,
}

impl ProviderRouter {
    /// Starts the actor on the current arbiter.
    #[must_use]
    pub fn start(table: RouteTable) -> Self {
        let actor = ProviderRouterActor.start();
        Self { table: Arc::new(ArcSwap::from_pointee(table)), actor }
    }

    /// Decides who answers a model call.
    pub fn plan(&self, request: &ModelRequest<'_>) -> Result<RoutePlan, GatewayError> {
        self.table.load().plan(request)
    }

    /// The credential that answers a call which names no model, such as a WebSocket handshake.
    #[must_use]
    pub fn any_speaking(&self, dialect: Dialect) -> Option<LocalPlan> {
        self.table.load().any_speaking(dialect)
    }

    /// The names that can be asked for in a dialect, as configured, each with its provider.
    #[must_use]
    pub fn listed(&self, dialect: Dialect) -> Vec<(ModelName, Arc<Credential>)> {
        self.table.load().listed(dialect)
    }

    /// One credential of each provider that serves its family's models without a list.
    #[must_use]
    pub fn unlisted(&self, dialect: Dialect) -> Vec<LocalPlan> {
        self.table.load().unlisted(dialect)
    }

    /// Notes how a provider answered.
    pub fn report(&self, plan: &LocalPlan, status: StatusCode) {
        let trouble = Trouble::of(status);
        let is_known = plan.member.troubled.load(Ordering::Relaxed) == trouble.is_some();
        if !is_known {
            self.actor.do_send(ReportOutcome { member: plan.member.clone(), trouble });
        }
    }
}
