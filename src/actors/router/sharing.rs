//! What the router tells other replicas, and what it takes over from them.

use std::time::Instant;

use actix::{Handler, Message};

use super::accounts::Accounts;
use super::actor::ProviderRouterActor;
use super::affinity::Conversation;
use super::cooldown::{MemberId, Rest};
use crate::actors::state::{
    AccountName, Heard, News, SharedBinding, SharedRest, SharedState, SharedSuccess,
};
use crate::types::ModelName;

/// From now on others are told, and heard.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ShareThrough {
    pub state: SharedState,
    pub accounts: Accounts,
}

/// With whom the actor shares; nobody at first.
#[derive(Default)]
pub(super) struct Sharing {
    pub state: Option<SharedState>,
    pub accounts: Accounts,
}

impl Sharing {
    /// The name of an account by which others are told of it; `None` where nothing is shared.
    fn told_of(&self, member: MemberId) -> Option<(&SharedState, AccountName)> {
        let state = self.state.as_ref().filter(|state| state.is_on())?;
        Some((state, self.accounts.name(member)?))
    }

    /// Goes by another configuration. What others know of an account that is new here was told while
    /// nobody here listened.
    pub fn take_accounts(&mut self, accounts: Accounts) {
        let has_new = accounts.names().any(|name| self.accounts.members(name).is_empty());
        self.accounts = accounts;
        if let Some(state) = self.state.as_ref().filter(|_| has_new) {
            state.tell_again();
        }
    }

    pub fn tell_reset(&self, member: MemberId) {
        if let Some((state, account)) = self.told_of(member) {
            state.tell(News::Reset(account));
        }
    }

    pub fn tell_success(&self, member: MemberId, model: ModelName, sent_at: Instant) {
        if let Some((state, account)) = self.told_of(member) {
            state.tell(News::Served(SharedSuccess { account, model, sent_at }));
        }
    }

    pub fn tell_binding(
        &self,
        member: MemberId,
        binding: impl FnOnce(AccountName) -> SharedBinding,
    ) {
        if let Some((state, account)) = self.told_of(member) {
            state.tell(News::Bound(binding(account)));
        }
    }
}

impl ProviderRouterActor {
    pub(super) fn tell_rest(&self, member: MemberId, model: &ModelName, rest: Rest) {
        let Some((state, account)) = self.sharing.told_of(member) else { return };
        if let Some(rest) = self.cooldowns.to_share(member, account, rest.scope, model) {
            state.tell(News::Rest(rest));
        }
    }

    /// Says whether the snapshot has to change.
    fn learn(&mut self, news: News, now: Instant) -> bool {
        match news {
            News::Rest(rest) => self.learn_rest(&rest, now),
            News::Served(success) => {
                let SharedSuccess { account, model, sent_at } = success;
                let members = self.sharing.accounts.members(account);
                let cooldowns = &mut self.cooldowns;
                let of = |id: &&MemberId| cooldowns.succeed(**id, &model, sent_at);
                members.iter().filter(of).count() > 0
            }
            News::Bound(bound) => {
                let SharedBinding { session, model, account, upstream_model, used_at, .. } = bound;
                if let Some(&member) = self.sharing.accounts.members(account).first() {
                    let conversation = Conversation { session, model };
                    self.shared.affinity.learn(conversation, (member, upstream_model), used_at);
                }
                false
            }
            News::Reset(account) => {
                let members = self.sharing.accounts.members(account);
                let cooldowns = &mut self.cooldowns;
                members.iter().filter(|id| cooldowns.forget(**id)).count() > 0
            }
        }
    }

    fn learn_rest(&mut self, rest: &SharedRest, now: Instant) -> bool {
        let mut is_news = false;
        for &member in self.sharing.accounts.members(rest.account) {
            if !self.sharing.accounts.may_rest(member) || !self.cooldowns.learn(member, rest, now) {
                continue;
            }
            is_news = true;
            let left = rest.until.saturating_duration_since(now);
            tracing::info!(
                credential = self.sharing.accounts.credential(member),
                model = rest.model.as_ref().map_or("", ModelName::as_str),
                class = rest.class.as_str(),
                rest_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
                "credential rests, as another replica has found"
            );
        }
        is_news
    }
}

impl Handler<ShareThrough> for ProviderRouterActor {
    type Result = ();

    fn handle(&mut self, share: ShareThrough, _: &mut Self::Context) {
        let ShareThrough { state, accounts } = share;
        self.sharing = Sharing { state: Some(state), accounts };
    }
}

impl Handler<Heard> for ProviderRouterActor {
    type Result = ();

    /// As reports of our own, but told to nobody.
    fn handle(&mut self, heard: Heard, _: &mut Self::Context) {
        let now = self.clock.now();
        match heard {
            Heard::News(all) => {
                self.cooldowns.forget_expired(now);
                let changes =
                    all.into_iter().filter_map(|news| self.learn(news, now).then_some(()));
                if changes.count() > 0 {
                    self.publish(|next| next.cooldowns = self.cooldowns.clone());
                }
            }
            Heard::Connected => {
                let Some(state) = &self.sharing.state else { return };
                let accounts = &self.sharing.accounts;
                for rest in self.cooldowns.all_to_share(now, |member| accounts.name(member)) {
                    state.tell(News::Rest(rest));
                }
            }
        }
    }
}
