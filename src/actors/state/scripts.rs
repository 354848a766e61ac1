//! What the server does in one step, so that no two replicas come between each other.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use redis::{Pipeline, Script, cmd};
use serde::Serialize;

use super::keys::{Keys, binding_name, rest_name};
use super::names::ReplicaId;
use super::news::{News, encode};
use crate::limits::Counts;
use crate::types::ClientId;

static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/keep.lua")));
static SERVED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/served.lua")));
static RESET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/reset.lua")));
pub static CLAIM: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/claim.lua")));
static COUNTED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/counted.lua")));
static LEAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/leave.lua")));
pub static PAGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/page.lua")));
pub static BEAT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/beat.lua")));
pub static UNLOCK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/unlock.lua")));

/// As many models as one replica lets rest.
const MOST_RESTS: u32 = 4096;
/// As many conversations as one replica knows.
const MOST_BINDINGS: u32 = 50_000;

/// A rest that is over is kept for its level, and so that a new replica probes before it trusts.
const KEPT_AFTER_REST: Duration = Duration::from_secs(10 * 60);

/// Longer than a month, for the money of one.
pub const COUNTS_KEPT_MS: u64 = 32 * 24 * 60 * 60 * 1000;

/// Everything a server has to know before it is asked.
pub fn all() -> [&'static Script; 9] {
    [&KEEP, &SERVED, &RESET, &PAGE, &BEAT, &CLAIM, &COUNTED, &LEAVE, &UNLOCK]
}

/// The commands that tell `batch`, in its order.
pub fn telling(batch: &[News], from: ReplicaId, keys: &Keys, now: Instant) -> Pipeline {
    let mut pipeline = redis::pipe();
    for news in batch {
        let letter = encode(from, news, now);
        let channel = keys.channel();
        let mut call = cmd("EVALSHA");
        match news {
            News::Rest(rest) => {
                let left = rest.until.saturating_duration_since(now) + KEPT_AFTER_REST;
                call.arg(KEEP.get_hash()).arg(2).arg(&keys.rests());
                call.arg(rest_name(rest.account, rest.model.as_ref())).arg(letter);
                call.arg(millis(left)).arg(MOST_RESTS).arg(channel).arg("longest");
            }
            News::Bound(bound) => {
                let left = (bound.used_at + bound.ttl).saturating_duration_since(now);
                if left.is_zero() {
                    continue;
                }
                call.arg(KEEP.get_hash()).arg(2).arg(&keys.bindings());
                call.arg(binding_name(bound.session, &bound.model)).arg(letter);
                call.arg(millis(left)).arg(MOST_BINDINGS).arg(channel).arg("latest");
            }
            News::Served(success) => {
                let ago = now.saturating_duration_since(success.sent_at);
                call.arg(SERVED.get_hash()).arg(2).arg(&keys.rests());
                call.arg(millis(ago)).arg(channel).arg(letter);
                call.arg(rest_name(success.account, None));
                call.arg(rest_name(success.account, Some(&success.model)));
            }
            News::Reset(account) => {
                call.arg(RESET.get_hash()).arg(2).arg(&keys.rests());
                call.arg(account.to_string()).arg(channel).arg(letter);
            }
        }
        pipeline.add_command(call).ignore();
    }
    pipeline
}

/// Adds the commands that write down what is counted for each client.
pub fn add_counts<'a>(
    pipeline: &mut Pipeline,
    all: impl Iterator<Item = (&'a ClientId, &'a Counts)>,
    from: ReplicaId,
    keys: &Keys,
) {
    for (client, counts) in all {
        let mut call = cmd("EVALSHA");
        call.arg(COUNTED.get_hash()).arg(1).arg(keys.client(client)).arg(from.to_string());
        call.arg(written(counts)).arg(COUNTS_KEPT_MS);
        pipeline.add_command(call).ignore();
    }
}

/// The commands by which a replica leaves that has counted for `clients`, once and for all.
pub fn leaving<'a>(
    clients: impl Iterator<Item = &'a ClientId>,
    id: ReplicaId,
    keys: &Keys,
) -> Pipeline {
    let mut pipeline = redis::pipe();
    for client in clients {
        let mut call = cmd("EVALSHA");
        call.arg(LEAVE.get_hash()).arg(1).arg(keys.client(client)).arg(id.to_string());
        call.arg(COUNTS_KEPT_MS);
        pipeline.add_command(call).ignore();
    }
    pipeline.hdel(keys.replicas(), id.to_string()).ignore();
    pipeline
}

/// Counts and claims as scripts read them.
pub fn written(what: &impl Serialize) -> String {
    serde_json::to_string(what).expect("it has text keys only")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
