//! Where the prompt may be cached: the client's hints, or ours where it gave none.

use super::super::super::request::CacheHint;
use super::wire::{Block, CacheControl, Tool, WireTurn};

/// The API takes no more breakpoints than this.
const MAX_BREAKPOINTS: usize = 4;

/// A time that we do not know is the usual one.
pub fn control(hint: Option<&CacheHint>) -> Option<CacheControl> {
    let is_hour = hint?.ttl.as_deref() == Some("1h");
    Some(if is_hour { CacheControl::HOUR } else { CacheControl::SHORT })
}

/// Sets or corrects the breakpoints of a request, in the order that the API counts them.
pub fn settle<'a>(tools: &mut [Tool<'a>], system: &mut [Block<'a>], messages: &mut [WireTurn<'a>]) {
    if slots(tools, system, messages).all(|slot| slot.is_none()) {
        return set_ours(tools, system, messages);
    }
    let given = slots(tools, system, messages).filter(|slot| slot.is_some()).count();
    let mut surplus = given.saturating_sub(MAX_BREAKPOINTS);
    let mut has_short = false;
    for slot in slots(tools, system, messages).filter(|slot| slot.is_some()) {
        // The last ones cover the most.
        if surplus > 0 {
            surplus -= 1;
            *slot = None;
            continue;
        }
        // What is kept for an hour must not stand behind what is not.
        if has_short {
            *slot = Some(CacheControl::SHORT);
        }
        has_short |= *slot == Some(CacheControl::SHORT);
    }
}

fn slots<'a, 'b>(
    tools: &'a mut [Tool<'b>],
    system: &'a mut [Block<'b>],
    messages: &'a mut [WireTurn<'b>],
) -> impl Iterator<Item = &'a mut Option<CacheControl>> {
    let said = messages.iter_mut().flat_map(|message| &mut message.content);
    let blocks = system.iter_mut().chain(said).filter_map(Block::cache_slot);
    tools.iter_mut().map(Tool::cache_slot).chain(blocks)
}

fn set_ours(tools: &mut [Tool<'_>], system: &mut [Block<'_>], messages: &mut [WireTurn<'_>]) {
    let last_user = messages.iter_mut().rfind(|message| message.role == "user");
    let last_said = last_user.and_then(|message| message.content.last_mut());
    let slots = [
        tools.last_mut().map(Tool::cache_slot),
        system.last_mut().and_then(Block::cache_slot),
        last_said.and_then(Block::cache_slot),
    ];
    for slot in slots.into_iter().flatten() {
        *slot = Some(CacheControl::SHORT);
    }
}
