//! Rests that replicas tell each other.
//!
//! Whoever learns of a rest keeps it as its own: it ends, is probed and escalates by the same
//! arithmetic. Of two rests the one that ends later counts, and the higher level; so it does not
//! matter in which order replicas hear of them, or how often.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Cooldowns, Entry, LONGEST_REST, MemberId, Probe, folded};
use crate::actors::state::{AccountName, SharedRest};
use crate::dialect::Scope;
use crate::types::ModelName;

/// A rest on its way through a network has become longer by the way; that is no news.
const ON_THE_WAY: Duration = Duration::from_millis(100);

impl Cooldowns {
    /// Takes over what another replica has found out; says whether that changes anything.
    pub fn learn(&mut self, member: MemberId, rest: &SharedRest, now: Instant) -> bool {
        let scope = if rest.model.is_some() { Scope::Model } else { Scope::Credential };
        let name = rest.model.as_ref().map(folded).unwrap_or_default();
        let until = rest.until.min(now + LONGEST_REST);
        if let Some(entry) = self.entry_mut(member, &name, scope) {
            let is_longer = until > entry.until + ON_THE_WAY;
            let is_higher = rest.level > entry.level;
            if is_longer {
                if rest.began > entry.until {
                    entry.began = rest.began;
                    entry.probe = Arc::new(Probe::new(now)); // as for a rest of our own
                }
                (entry.until, entry.class, entry.was_told) = (until, rest.class, rest.was_told);
            }
            entry.level = entry.level.max(rest.level);
            return is_longer || is_higher;
        }
        if scope == Scope::Model && !self.has_room(now) {
            return false;
        }
        let entry = Entry {
            class: rest.class,
            began: rest.began.min(now),
            until,
            was_told: rest.was_told,
            level: rest.level,
            probe: Arc::new(Probe::new(now)),
        };
        let member = self.members.entry(member).or_default();
        match scope {
            Scope::Credential => member.whole = Some(entry),
            Scope::Model => {
                member.models.insert(name, entry);
            }
        }
        true
    }

    /// A rest as others are told of it.
    pub fn to_share(
        &self,
        member: MemberId,
        account: AccountName,
        scope: Scope,
        model: &ModelName,
    ) -> Option<SharedRest> {
        let member = self.members.get(&member)?;
        match scope {
            Scope::Credential => member.whole.as_ref().map(|entry| entry.to_share(account, None)),
            Scope::Model => {
                let entry = member.models.get(&folded(model))?;
                Some(entry.to_share(account, Some(model.clone())))
            }
        }
    }

    /// Every rest that is not over.
    pub fn all_to_share(
        &self,
        now: Instant,
        account_of: impl Fn(MemberId) -> Option<AccountName>,
    ) -> Vec<SharedRest> {
        let mut rests = Vec::new();
        for (&id, member) in &self.members {
            let Some(account) = account_of(id) else { continue };
            let whole = member.whole.iter().map(|entry| (None, entry));
            let models = member.models.iter().map(|(name, entry)| (ModelName::parse(name), entry));
            let all = whole.chain(models).filter(|(_, entry)| entry.until > now);
            rests.extend(all.map(|(model, entry)| entry.to_share(account, model)));
        }
        rests
    }
}

impl Entry {
    fn to_share(&self, account: AccountName, model: Option<ModelName>) -> SharedRest {
        let Self { class, began, until, was_told, level, .. } = *self;
        SharedRest { account, model, class, began, until, level, was_told }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CoolingState;
    use super::*;
    use crate::dialect::{Trouble, TroubleClass};

    const MEMBER: MemberId = MemberId(1);

    fn account() -> AccountName {
        AccountName::try_from("0".repeat(32)).unwrap()
    }

    fn model() -> ModelName {
        ModelName::parse("M").unwrap()
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn limited() -> Trouble {
        Trouble { class: TroubleClass::Limited, scope: Scope::Model, wait: None }
    }

    fn rest(began: Instant, length: Duration, level: u32) -> SharedRest {
        SharedRest {
            account: account(),
            model: Some(model()),
            class: TroubleClass::Limited,
            began,
            until: began + length,
            level,
            was_told: false,
        }
    }

    fn is_resting(cooldowns: &Cooldowns, now: Instant) -> bool {
        matches!(cooldowns.state(MEMBER, &model(), now), CoolingState::Resting { .. })
    }

    #[test]
    fn a_rest_is_learnt_as_it_was_told() {
        let now = Instant::now();
        let (mut here, mut there) = (Cooldowns::default(), Cooldowns::default());
        here.fail(MEMBER, &model(), &limited(), now, now, 0.0);

        let told = here.to_share(MEMBER, account(), Scope::Model, &model()).unwrap();

        assert!(there.learn(MEMBER, &told, now));
        assert!(is_resting(&there, now));
        assert!(!there.learn(MEMBER, &told, now), "told twice is no news");
        assert_eq!(there.all_to_share(now, |_| Some(account())).len(), 1);
        let later = told.until + seconds(1);
        assert!(matches!(there.state(MEMBER, &model(), later), CoolingState::HalfOpen { .. }));
        assert_eq!(there.all_to_share(later, |_| Some(account())), [], "what is over is not told");
    }

    #[test]
    fn the_order_in_which_rests_are_heard_of_does_not_matter() {
        let now = Instant::now();
        let (short, long) = (rest(now, seconds(2), 5), rest(now, seconds(60), 1));
        for order in [[&short, &long], [&long, &short]] {
            let mut cooldowns = Cooldowns::default();
            for rest in order {
                assert!(cooldowns.learn(MEMBER, rest, now));
            }
            let known = cooldowns.to_share(MEMBER, account(), Scope::Model, &model()).unwrap();
            assert_eq!((known.until, known.level), (long.until, 5));
        }
    }

    #[test]
    fn a_learnt_rest_escalates_as_ones_own() {
        let now = Instant::now();
        let mut cooldowns = Cooldowns::default();
        cooldowns.learn(MEMBER, &rest(now, seconds(4), 3), now);

        let during = cooldowns.fail(MEMBER, &model(), &limited(), now, now + seconds(1), 0.0);
        assert_eq!(during, None, "it was sent before the rest was over");

        let probe = now + seconds(5);
        let again = cooldowns.fail(MEMBER, &model(), &limited(), probe, probe, 0.0).unwrap();
        assert_eq!(again.until, probe + seconds(8), "the fourth backoff in a row");
    }

    #[test]
    fn a_learnt_rest_ends_with_a_later_success_only() {
        let now = Instant::now() + seconds(60);
        let mut cooldowns = Cooldowns::default();
        cooldowns.learn(MEMBER, &rest(now, seconds(60), 1), now);

        let before = now.checked_sub(seconds(1)).unwrap();
        assert!(!cooldowns.succeed(MEMBER, &model(), before));
        assert!(is_resting(&cooldowns, now));
        assert!(cooldowns.succeed(MEMBER, &model(), now + seconds(1)));
        assert!(!is_resting(&cooldowns, now));
    }

    #[test]
    fn what_others_tell_is_bounded_as_well() {
        let now = Instant::now();
        let mut cooldowns = Cooldowns::default();
        let learnt = (0..super::super::MAX_MODELS + 10)
            .filter(|number| {
                let model = ModelName::parse(&format!("m-{number}"));
                cooldowns.learn(MEMBER, &SharedRest { model, ..rest(now, seconds(60), 0) }, now)
            })
            .count();
        assert_eq!(learnt, super::super::MAX_MODELS);
        let endless = rest(now, LONGEST_REST * 3, 0);
        let mut cooldowns = Cooldowns::default();
        cooldowns.learn(MEMBER, &endless, now);
        assert!(!is_resting(&cooldowns, now + LONGEST_REST));
    }
}
