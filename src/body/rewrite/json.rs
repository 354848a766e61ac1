//! Replaces strings at the given paths of one JSON text.

use bytes::BytesMut;

use crate::body::json_string;
use crate::body::walk::{JsonWalk, Piece, Wanted};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonRewriter {
    walk: JsonWalk,
    /// The new name as JSON, quotes included.
    replacement: String,
}

impl JsonRewriter {
    pub(super) fn new(paths: &'static [&'static [&'static str]], model: &str) -> Self {
        Self { walk: JsonWalk::new(paths, Wanted::Strings), replacement: json_string(model) }
    }

    /// Makes ready for another JSON text.
    pub(super) fn restart(&mut self) {
        self.walk.restart();
    }

    /// Says that white space stands here which is not part of `push`ed bytes.
    pub(super) fn white_space(&mut self) {
        self.walk.white_space();
    }

    /// The new name goes out where the old one begins, and the old one's bytes are skipped.
    pub(super) fn push(&mut self, mut text: &[u8], out: &mut BytesMut) {
        while !text.is_empty() {
            let length = match self.walk.next(text) {
                Piece::Around(length) => {
                    out.extend_from_slice(&text[..length]);
                    length
                }
                Piece::Value { length, begins, .. } => {
                    if begins {
                        out.extend_from_slice(self.replacement.as_bytes());
                    }
                    length
                }
            };
            text = &text[length..];
        }
    }
}
