//! Telling once more what is kept at the server, to a listener that has more accounts than before.

use actix::fut::{ActorFutureExt as _, WrapFuture as _};
use actix::{AsyncContext as _, Handler, Message};

use super::Heard;
use super::actor::SharedStateActor;
use super::connection::read_all_kept;

/// Whoever listens has accounts that it did not have: what is known of them was told to nobody.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct TellAgain;

impl Handler<TellAgain> for SharedStateActor {
    type Result = ();

    /// Without a link there is nothing to do: whoever connects reads it all.
    fn handle(&mut self, _: TellAgain, ctx: &mut Self::Context) {
        let (Some(link), Some((_, keys))) = (&self.link, &self.plan) else { return };
        let (mut commands, keys, number) = (link.commands.clone(), keys.clone(), self.number);
        let reading = async move { read_all_kept(&mut commands, &keys).await };
        ctx.spawn(reading.into_actor(self).map(move |kept, actor, _| {
            if actor.number != number {
                return;
            }
            match (kept, &actor.listener) {
                (Ok(kept), Some(listener)) => listener.do_send(Heard::News(kept)),
                (Ok(_), None) => {}
                (Err(error), _) => actor.failed("read", &error),
            }
        }));
    }
}
