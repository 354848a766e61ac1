//! The actor: owns the connections, tells and hears, and connects again by itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::{ActorFutureExt as _, WrapFuture as _};
use actix::{
    Actor, AsyncContext as _, Context, Handler, Message, Recipient, ResponseFuture, SpawnHandle,
    StreamHandler,
};
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::oneshot;

use super::claims::Counter;
use super::connection::{Beat, Link, Opened, PATIENCE, StateError, StatePlan, open, within};
use super::keys::Keys;
use super::names::ReplicaId;
use super::news::{News, decode};
use super::outbox::Outbox;
use super::replicas::{Replica, letter};
use super::scripts;
use super::{Heard, Published};
use crate::actors::clock::Clock;
use crate::limits::Counts;
use crate::metrics::Metrics;
use crate::types::ClientId;

/// How often the server is asked whether it is there, told that we are, and connected to if need be.
const TICK: Duration = Duration::from_secs(1);

/// News that are told at once.
const BATCH: usize = 256;

/// As in the router: they are small, and none may be lost.
const MAILBOX_CAPACITY: usize = 4096;

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Tell(pub News);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Attach(pub Recipient<Heard>);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Reconfigure(pub Option<StatePlan>);

/// What is counted for a client now.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Count(pub ClientId, pub Counts);

/// The process ends: what waits is told, and nothing after it.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Leave;

/// A request has asked in vain, over the link of this number.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Suspect(pub u64, pub StateError);

/// What came over the connection that listens, numbered by the link it belongs to.
enum Arrived {
    Letter(u64, String),
    End(u64),
}

pub(super) struct SharedStateActor {
    pub(super) plan: Option<(StatePlan, Keys)>,
    published: Arc<Published>,
    metrics: Metrics,
    clock: Clock,
    me: ReplicaId,
    pub(super) listener: Option<Recipient<Heard>>,
    pub(super) link: Option<Link>,
    listening: Option<SpawnHandle>,
    /// Grows with every link and every loss, so that late answers of an old one are known.
    pub(super) number: u64,
    is_connecting: bool,
    is_telling: bool,
    is_beating: bool,
    outbox: Outbox,
    /// As bounded as the configuration's list of clients.
    counted: HashMap<ClientId, Counts>,
    /// For whom anything was ever counted.
    clients: HashSet<ClientId>,
    /// Present when the replica is to leave as soon as nothing waits.
    leaving: Option<oneshot::Sender<()>>,
    /// What was said last of the server; `None` before the first word.
    was_up: Option<bool>,
}

impl SharedStateActor {
    pub fn new(
        plan: Option<StatePlan>,
        published: Arc<Published>,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self {
            plan: plan.map(with_keys),
            published,
            metrics,
            clock,
            me: ReplicaId::random(),
            listener: None,
            link: None,
            listening: None,
            number: 0,
            is_connecting: false,
            is_telling: false,
            is_beating: false,
            outbox: Outbox::default(),
            counted: HashMap::new(),
            clients: HashSet::new(),
            leaving: None,
            was_up: None,
        }
    }

    fn beat_of(&self, plan: &StatePlan) -> Beat {
        let letter = letter(&plan.settings.replica, &self.metrics.tally());
        Beat { id: self.me.to_string(), letter }
    }

    fn connect(&mut self, ctx: &mut Context<Self>) {
        let Some((plan, keys)) = self.plan.clone() else { return };
        if self.link.is_some() || self.is_connecting {
            return;
        }
        self.is_connecting = true;
        let number = self.number;
        let beat = self.beat_of(&plan);
        let opening = async move { open(&plan, &keys, &beat).await };
        ctx.spawn(opening.into_actor(self).map(move |opened, actor, ctx| {
            actor.is_connecting = false;
            match opened {
                // Somebody has changed the server meanwhile.
                _ if actor.number != number => actor.connect(ctx),
                Ok(opened) => actor.connected(opened, ctx),
                Err(error) => actor.failed("connect", &error),
            }
        }));
    }

    fn connected(&mut self, opened: Opened, ctx: &mut Context<Self>) {
        let Opened { link, messages, kept, replicas } = opened;
        self.number += 1;
        let number = self.number;
        let letters = messages.map(move |message| {
            Arrived::Letter(number, message.get_payload::<String>().unwrap_or_default())
        });
        let end = futures::stream::iter([Arrived::End(number)]);
        self.listening = Some(ctx.add_stream(letters.chain(end)));
        self.publish_up(&link, replicas);
        self.link = Some(link);
        if let Some(listener) = &self.listener {
            listener.do_send(Heard::News(kept));
            listener.do_send(Heard::Connected);
        }
        self.tell_on(ctx);
    }

    fn publish_up(&mut self, link: &Link, replicas: Vec<Replica>) {
        self.published.replicas.store(Arc::new(replicas));
        let Some((plan, keys)) = &self.plan else { return };
        if self.published.counter.load().is_none() {
            self.published.counter.store(Some(Arc::new(Counter {
                commands: link.commands.clone(),
                keys: keys.clone(),
                me: self.me.to_string(),
                deadline: plan.settings.timeout,
                link: self.number,
            })));
        }
        self.metrics.state_is_up(true);
        let server = plan.settings.server.to_string();
        match self.was_up.replace(true) {
            Some(true) => {}
            None => tracing::info!(server, "state is shared"),
            Some(false) => tracing::info!(server, "state is shared again"),
        }
    }

    /// Notes a failure that costs the link, if there is one.
    pub(super) fn failed(&mut self, operation: &'static str, error: &StateError) {
        self.drop_link();
        self.note_down(operation, error);
    }

    fn note_down(&mut self, operation: &'static str, error: &StateError) {
        self.published.counter.store(None);
        self.metrics.state_failed(operation);
        self.metrics.state_is_up(false);
        if self.was_up.replace(false) != Some(false) {
            let server = self.plan.as_ref().map(|(plan, _)| plan.settings.server.to_string());
            tracing::warn!(
                server = server.unwrap_or_default(),
                operation,
                %error,
                "state cannot be shared; this replica goes by its own view until it can"
            );
        }
    }

    fn drop_link(&mut self) {
        self.number += 1;
        self.link = None;
        self.leaving = None;
        self.is_telling = false;
        self.is_beating = false;
        self.published.counter.store(None);
        self.published.replicas.store(Arc::default());
    }

    fn stop_listening(&mut self, ctx: &mut Context<Self>) {
        if let Some(listening) = self.listening.take() {
            ctx.cancel_future(listening);
        }
    }

    /// Tells what waits, one batch after the other.
    fn tell_on(&mut self, ctx: &mut Context<Self>) {
        let (Some(link), Some((_, keys))) = (&self.link, &self.plan) else { return };
        if self.is_telling {
            return;
        }
        if self.outbox.is_empty() && self.counted.is_empty() {
            self.leave_if_asked_to(ctx);
            return;
        }
        self.is_telling = true;
        let number = self.number;
        let batch = self.outbox.take(BATCH);
        let counted = std::mem::take(&mut self.counted);
        let mut pipeline = scripts::telling(&batch, self.me, keys, self.clock.now());
        scripts::add_counts(&mut pipeline, counted.iter(), self.me, keys);
        let mut commands = link.commands.clone();
        let telling = async move {
            if pipeline.is_empty() {
                return Ok(()); // everything in it was over
            }
            within(PATIENCE, pipeline.query_async(&mut commands)).await
        };
        ctx.spawn(telling.into_actor(self).map(move |told: Result<(), _>, actor, ctx| {
            match told {
                Ok(()) => {}
                // Asked again, it would fail again.
                Err(error) if error.is_about_the_command() => {
                    tracing::debug!(%error, "news were not taken");
                    actor.metrics.state_failed("tell");
                }
                // Nothing is shared any more.
                Err(_) if actor.plan.is_none() => {}
                Err(error) => {
                    actor.outbox.put_back(batch);
                    for (client, counts) in counted {
                        actor.count(client, counts);
                    }
                    if actor.number == number {
                        actor.failed("tell", &error);
                    }
                    return;
                }
            }
            if actor.number == number {
                actor.is_telling = false;
                actor.tell_on(ctx);
            }
        }));
    }

    /// The last word. Without a plan none follows it.
    fn leave_if_asked_to(&mut self, ctx: &mut Context<Self>) {
        let Some(has_left) = self.leaving.take() else { return };
        let (Some(link), Some((_, keys))) = (self.link.take(), self.plan.take()) else { return };
        self.drop_link();
        let pipeline = scripts::leaving(self.clients.iter(), self.me, &keys);
        let mut commands = link.commands.clone();
        ctx.spawn(
            async move {
                let told: Result<(), _> =
                    within(PATIENCE, pipeline.query_async(&mut commands)).await;
                if let Err(error) = told {
                    tracing::warn!(%error, "other replicas do not know that this one has left");
                }
                drop(link); // only now: it feeds the connection
                let _ = has_left.send(()); // nobody waits for it any more
            }
            .into_actor(self),
        );
    }

    fn count(&mut self, client: ClientId, counts: Counts) {
        let kept = self.counted.entry(client).or_insert(counts);
        if kept.seq < counts.seq {
            *kept = counts;
        }
    }

    fn beat(&mut self, ctx: &mut Context<Self>) {
        let (Some(link), Some((plan, keys))) = (&self.link, &self.plan) else { return };
        if self.is_beating {
            return;
        }
        let (beat, keys, deadline) = (self.beat_of(plan), keys.clone(), plan.settings.timeout);
        let (mut commands, mut listener) = (link.commands.clone(), link.listener.clone());
        self.is_beating = true;
        let number = self.number;
        let beating = async move {
            let asked_at = Instant::now();
            let replicas = beat.send(&mut commands, &keys).await?;
            let is_in_time = asked_at.elapsed() <= deadline;
            within(PATIENCE, listener.ping::<redis::Value>()).await?;
            Ok((replicas, is_in_time))
        };
        ctx.spawn(beating.into_actor(self).map(move |answer, actor, _| {
            if actor.number != number {
                return;
            }
            actor.is_beating = false;
            match answer {
                Ok((replicas, is_in_time)) => {
                    let Some(link) = actor.link.take() else { return };
                    if is_in_time {
                        actor.publish_up(&link, replicas);
                    } else {
                        actor.published.replicas.store(Arc::new(replicas));
                        actor.note_down("beat", &StateError::Late);
                    }
                    actor.link = Some(link);
                }
                Err(error) => actor.failed("beat", &error),
            }
        }));
    }
}

fn with_keys(plan: StatePlan) -> (StatePlan, Keys) {
    let keys = Keys::new(&plan.settings.prefix);
    (plan, keys)
}

impl Actor for SharedStateActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        self.connect(ctx);
        ctx.run_interval(TICK, |actor, ctx| {
            if actor.link.is_none() {
                actor.stop_listening(ctx);
            }
            actor.connect(ctx);
            actor.beat(ctx);
            actor.tell_on(ctx);
        });
    }
}

impl StreamHandler<Arrived> for SharedStateActor {
    fn handle(&mut self, arrived: Arrived, _: &mut Self::Context) {
        match arrived {
            Arrived::Letter(number, text) if number == self.number => {
                let Some((from, news)) = decode(&text, self.clock.now()) else {
                    tracing::debug!("news that are not understood; is another version running?");
                    return;
                };
                // What is ours we know. Not so where a conversation is: of two replicas that bind it
                // at once, both have to keep what the server heard last.
                let is_known = from == self.me && !matches!(news, News::Bound(_));
                if let Some(listener) = self.listener.as_ref().filter(|_| !is_known) {
                    listener.do_send(Heard::News(vec![news]));
                }
            }
            Arrived::End(number) if number == self.number => {
                self.failed("listen", &StateError::Ended);
            }
            Arrived::Letter(..) | Arrived::End(_) => {}
        }
    }

    /// The end of one connection is not the end of the actor.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Tell> for SharedStateActor {
    type Result = ();

    fn handle(&mut self, Tell(news): Tell, ctx: &mut Self::Context) {
        if self.plan.is_none() {
            return;
        }
        if self.outbox.push(news) {
            self.metrics.state_failed("tell");
        }
        self.tell_on(ctx);
    }
}

impl Handler<Count> for SharedStateActor {
    type Result = ();

    fn handle(&mut self, Count(client, counts): Count, ctx: &mut Self::Context) {
        if self.plan.is_some() {
            self.clients.insert(client.clone());
            self.count(client, counts);
            self.tell_on(ctx);
        }
    }
}

impl Handler<Leave> for SharedStateActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) -> Self::Result {
        if self.link.is_none() {
            return Box::pin(std::future::ready(()));
        }
        let (has_left, left) = oneshot::channel();
        self.leaving = Some(has_left);
        self.tell_on(ctx);
        Box::pin(left.map(|_told_or_lost| ()))
    }
}

impl Handler<Suspect> for SharedStateActor {
    type Result = ();

    /// The link may be well for all that: it is asked at once.
    fn handle(&mut self, Suspect(link, error): Suspect, ctx: &mut Self::Context) {
        if link != self.number {
            return; // of a link that is gone already
        }
        if error.is_about_the_command() {
            tracing::debug!(%error, "a claim was not taken");
            self.metrics.state_failed("claim");
        } else if self.link.is_some() {
            self.note_down("claim", &error);
            self.beat(ctx);
        }
    }
}

impl Handler<Attach> for SharedStateActor {
    type Result = ();

    fn handle(&mut self, Attach(listener): Attach, ctx: &mut Self::Context) {
        self.listener = Some(listener);
        if self.link.is_some() {
            // What was kept at the server has been read to nobody.
            self.drop_link();
            self.stop_listening(ctx);
            self.connect(ctx);
        }
    }
}

impl Handler<Reconfigure> for SharedStateActor {
    type Result = ();

    fn handle(&mut self, Reconfigure(plan): Reconfigure, ctx: &mut Self::Context) {
        let settings = |plan: &StatePlan| plan.settings.clone();
        let is_same =
            self.plan.as_ref().map(|(plan, _)| settings(plan)) == plan.as_ref().map(settings);
        self.plan = plan.map(with_keys);
        if is_same {
            return; // roots of trust are read at the next connection
        }
        self.drop_link();
        self.stop_listening(ctx);
        if self.plan.is_none() {
            self.outbox.clear();
            self.counted.clear();
            self.metrics.state_is_off();
            self.was_up = None;
        }
        self.connect(ctx);
    }
}
