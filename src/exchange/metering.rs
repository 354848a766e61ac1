//! What an answer cost: read from what its provider says while it passes, and noted in the record.
//!
//! Metered is what comes from the provider, in the provider's dialect: behind the repair of a gzip body,
//! and before anything is translated, rewritten or adapted. Each word on tokens goes to the record when
//! it comes, so an answer that breaks off, or that its client leaves, has cost what was said so far. For
//! clients with limits its text is measured besides, for where nothing is said.

#[cfg(test)]
mod tests;

use std::rc::Rc;

use actix_web::http::StatusCode;

use super::answer::Kind;
use crate::actors::Handles;
use crate::body::{EncodedWatch, TextLength, ValueWatch};
use crate::config::Price;
use crate::dialect::{USAGE_MARK, Usage, read_usage, text_keys, usage_paths};
use crate::telemetry::RequestRecord;
use crate::types::{ClientId, Dialect, TokenUsage};

/// A copy of an encoded answer is decoded no further than this; what says its tokens stands at the end of
/// a stream, and no answer of a model is as long.
const MAX_DECODED_BYTES: u64 = 64 * 1024 * 1024;

/// By what an answer is metered. Lists of models and counts of tokens have none: they use nothing.
#[derive(Clone, Copy, Debug)]
pub struct Metering {
    /// `None`: no price is configured for the model.
    pub price: Option<Price>,
    /// Whether the text is measured, because its client is kept to limits.
    pub measures_text: bool,
}

/// Whether the tokens of a client's calls have to be known, because it may have so many and no more.
pub(super) fn must_be_metered(handles: &Handles, client: Option<&ClientId>) -> bool {
    handles.limits.rules_of(client).is_some_and(|rules| rules.limits.count_usage())
}

/// Watches one answer.
#[derive(Debug)]
pub(super) struct Meter {
    watch: Watch,
    /// Boxed: most clients have no limits.
    text: Option<Box<TextLength>>,
    tally: Tally,
}

#[derive(Debug)]
enum Watch {
    Plain(ValueWatch),
    /// Declared as encoded: it crosses as it is, and a copy is decoded.
    Encoded(Box<EncodedWatch>),
}

/// What an answer has said so far.
#[derive(Debug)]
struct Tally {
    dialect: Dialect,
    usage: Usage,
    price: Option<Price>,
    record: Rc<RequestRecord>,
}

impl Metering {
    /// What watches an answer of this kind, if it can say what it cost.
    pub(super) fn meter(
        self,
        dialect: Dialect,
        status: StatusCode,
        kind: Kind,
        record: &Rc<RequestRecord>,
    ) -> Option<Meter> {
        if !status.is_success() {
            return None;
        }
        let watch = match (kind.is_stream, kind.is_json) {
            (true, _) => ValueWatch::events(usage_paths(dialect), &USAGE_MARK),
            (false, true) => ValueWatch::json(usage_paths(dialect)),
            (false, false) => return None,
        };
        let watch = match (kind.is_encoded, kind.coding) {
            (false, _) => Watch::Plain(watch),
            (true, Some(coding)) => {
                Watch::Encoded(Box::new(EncodedWatch::new(coding, watch, MAX_DECODED_BYTES)))
            }
            (true, None) => return None,
        };
        // Where text is measured, answers are asked for without a coding.
        let measures_text = self.measures_text && !kind.is_encoded;
        let text = measures_text.then(|| Box::new(TextLength::new(text_keys(dialect))));
        Some(Meter { watch, text, tally: self.tally(dialect, record.clone()) })
    }

    /// Notes what a whole answer without a content coding says.
    pub(super) fn note_whole(self, dialect: Dialect, body: &[u8], record: &Rc<RequestRecord>) {
        let mut tally = self.tally(dialect, record.clone());
        ValueWatch::json(usage_paths(dialect)).push(body, &mut |value| tally.add(value));
        if self.measures_text {
            let mut text = TextLength::new(text_keys(dialect));
            text.push(body);
            record.has_text(text.bytes());
        }
    }

    fn tally(self, dialect: Dialect, record: Rc<RequestRecord>) -> Tally {
        Tally { dialect, usage: Usage::default(), price: self.price, record }
    }
}

impl Meter {
    /// Takes the next bytes of the answer.
    pub fn push(&mut self, piece: &[u8]) {
        let Self { watch, text, tally } = self;
        if let Some(text) = text {
            text.push(piece);
            tally.record.has_text(text.bytes());
        }
        let mut tell = |value: &[u8]| tally.add(value);
        match watch {
            Watch::Plain(watch) => watch.push(piece, &mut tell),
            Watch::Encoded(watch) => watch.push(piece, &mut tell),
        }
    }
}

impl Tally {
    fn add(&mut self, told: &[u8]) {
        let Some(told) = read_usage(self.dialect, told) else { return };
        if told == Usage::default() {
            return; // an object that counts nothing
        }
        self.usage.update(told);
        let usage = TokenUsage::from(self.usage);
        self.record.uses(usage);
        if let Some(price) = self.price {
            self.record.costs(price.cost(&usage));
        }
    }
}
