//! What a request body says of its conversation, read without a tree of it: of a list of messages
//! only those up to the user's first are looked at, the rest is skipped.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{SessionKey, Source};
use crate::types::Dialect;

/// Of the system prompt only the beginning counts: further on, clients write the date or the state
/// of the workspace.
const SYSTEM_BYTES: usize = 100;

/// Of the user's first message nearly all: many begin with the same page of the client's own. It
/// does not change from turn to turn, or the provider's cache would be lost. So much is hashed in
/// no time.
const USER_BYTES: usize = 64 << 10;

/// Claude Code writes another one into every call.
const BILLING_BLOCK: &str = "x-anthropic-billing-header:";

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow)]
    conversation_id: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_cache_key: Option<&'a RawValue>,
    #[serde(borrow)]
    previous_response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow, rename = "systemInstruction", alias = "system_instruction")]
    system_instruction: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    contents: Option<&'a RawValue>,
}

pub(super) fn session_key(dialect: Dialect, body: &[u8]) -> Option<SessionKey> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    let user = body.metadata.and_then(user_id);
    if let Some(session) = user.as_deref().and_then(session_in) {
        return Some(SessionKey::of(Source::Id, &[session.as_bytes()]));
    }
    if let Some(id) = body.conversation.or(body.conversation_id).and_then(read_id) {
        return Some(SessionKey::of(Source::Id, &[id.as_bytes()]));
    }
    if let Some(key) = body.prompt_cache_key.and_then(read_id) {
        return Some(SessionKey::of(Source::CacheKey, &[key.as_bytes()]));
    }
    if let Some(user) = user {
        return Some(SessionKey::of(Source::User, &[user.as_bytes()]));
    }
    if body.previous_response_id.and_then(read_id).is_some() {
        return None;
    }
    words(dialect, &body)
}

fn user_id(metadata: &RawValue) -> Option<String> {
    let Metadata { user_id } = serde_json::from_str(metadata.get()).ok()?;
    user_id.filter(|user| !user.trim().is_empty())
}

/// The session in the `user_id` of Claude Code, in its older or its newer form.
fn session_in(user: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Named {
        session_id: String,
    }
    let session = match serde_json::from_str::<Named>(user) {
        Ok(named) => Cow::Owned(named.session_id),
        Err(_) => Cow::Borrowed(user.rsplit_once("_session_")?.1),
    };
    (!session.trim().is_empty()).then_some(session)
}

fn words(dialect: Dialect, body: &Body<'_>) -> Option<SessionKey> {
    let (system, turns) = match dialect {
        Dialect::Anthropic => (body.system, body.messages?),
        Dialect::OpenAiChat => (None, body.messages?),
        Dialect::OpenAiResponses => (body.instructions, body.input?),
        Dialect::Gemini => (body.system_instruction, body.contents?),
    };
    let opening = if turns.get().starts_with('"') {
        Opening { system: None, user: Some(turns) } // `input` may be the user's words alone
    } else {
        let role_of_none = if dialect == Dialect::Gemini { "user" } else { "" };
        opening(turns, role_of_none)?
    };
    let user = text_of(opening.user?);
    if user.is_empty() {
        return None;
    }
    let system = system.or(opening.system).map(text_of).unwrap_or_default();
    let parts = [first(&system, SYSTEM_BYTES), first(&user, USER_BYTES)];
    Some(SessionKey::of(Source::Words, &parts))
}

fn first(text: &str, most: usize) -> &[u8] {
    &text.as_bytes()[..text.len().min(most)]
}

/// An id, written as a string or as an object that has one.
fn read_id(value: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Inside {
        id: String,
    }
    let bare = serde_json::from_str(value.get()).ok();
    let id = bare.or_else(|| Some(serde_json::from_str::<Inside>(value.get()).ok()?.id))?;
    (!id.trim().is_empty()).then_some(id)
}

#[derive(Deserialize)]
struct Metadata {
    user_id: Option<String>,
}

/// What a conversation begins with.
#[derive(Default)]
struct Opening<'a> {
    system: Option<&'a RawValue>,
    user: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "parts")]
    content: Option<&'a RawValue>,
}

/// Reads up to the user's first turn. `role_of_none` is the role of a turn that names none.
fn opening<'a>(turns: &'a RawValue, role_of_none: &'static str) -> Option<Opening<'a>> {
    struct UpToUser(&'static str);
    impl<'de> Visitor<'de> for UpToUser {
        type Value = Opening<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of turns")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut turns: A) -> Result<Opening<'de>, A::Error> {
            let mut opening = Opening::default();
            while opening.user.is_none()
                && let Some(turn) = turns.next_element::<&'de RawValue>()?
            {
                let Ok(turn) = serde_json::from_str::<Turn<'de>>(turn.get()) else { continue };
                match turn.role.as_deref().unwrap_or(self.0) {
                    "user" => opening.user = turn.content,
                    "system" | "developer" => opening.system = opening.system.or(turn.content),
                    _ => {}
                }
            }
            while turns.next_element::<IgnoredAny>()?.is_some() {}
            Ok(opening)
        }
    }
    serde_json::Deserializer::from_str(turns.get()).deserialize_seq(UpToUser(role_of_none)).ok()
}

/// The texts of a message: a string, a list of blocks, or Gemini's object with such a list. Text
/// only: what stands beside it, a `cache_control` for one, is not the same in every turn.
fn text_of(content: &RawValue) -> String {
    #[derive(Deserialize)]
    struct WithParts<'a> {
        #[serde(borrow)]
        parts: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Block {
        text: String,
    }
    if let Ok(text) = serde_json::from_str::<String>(content.get()) {
        return text;
    }
    let mut blocks = content.get();
    if blocks.starts_with('{') {
        blocks = serde_json::from_str::<WithParts<'_>>(blocks).map_or("", |with| with.parts.get());
    }
    let blocks: Vec<&RawValue> = serde_json::from_str(blocks).unwrap_or_default();
    blocks
        .into_iter()
        .filter_map(|block| serde_json::from_str::<Block>(block.get()).ok())
        .filter(|block| !block.text.starts_with(BILLING_BLOCK))
        .map(|block| block.text)
        .collect()
}
