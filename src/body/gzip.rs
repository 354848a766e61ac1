//! Decompresses a response body that is gzip but does not say so.
//!
//! Some servers compress behind our back: the body begins with the gzip magic and no
//! `Content-Encoding` says so, and no client can read it. [`GzipRepair`] reads it instead. What it
//! promises:
//!
//! - a body without the magic crosses untouched, chunk for chunk;
//! - a body that turns out not to be good gzip crosses untouched too, if that shows while the raw
//!   bytes are still held; later it is an error, and the connection is to be cut;
//! - memory is bounded: raw bytes by `hold` and one chunk, decoded ones by [`DECODED_HELD`], and
//!   the caller gets decoded bytes in pieces of [`PIECE`] at its own pace, so a bomb only costs
//!   the one who asked for it.
//!
//! It is a pump with a tap. Push a chunk, pull until `None`, push the next:
//!
//! ```text
//!     push(chunk) --> [held raw bytes] --> [decoder] --> [held decoded bytes] --> pull()
//! ```

mod decoder;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;

use decoder::{Decoder, Step};

/// RFC 1952, 2.3.1: two bytes of identification and the only method there is.
pub const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// The most decoded bytes in one piece.
const PIECE: usize = 64 * 1024;

/// The most decoded bytes kept while raw bytes are held: beyond it the body is taken for good.
const DECODED_HELD: usize = 1024 * 1024;

/// A body began as good gzip and went bad after decoded bytes had left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream sent a gzip body that is corrupt")]
pub struct CorruptGzip;

/// Repairs one body whose head declares no content coding.
pub struct GzipRepair {
    hold: usize,
    stage: Stage,
}

enum Stage {
    /// Too few bytes to tell; what came is held.
    Sniffing(VecDeque<Bytes>),
    /// The body crosses.
    Passing(VecDeque<Bytes>),
    /// Good gzip so far; nothing has left yet.
    Holding(Held),
    /// Decoded bytes leave; there is no way back.
    Decoding(Decoder, VecDeque<Bytes>),
    Corrupt,
}

struct Held {
    decoder: Decoder,
    raw: VecDeque<Bytes>,
    raw_bytes: usize,
    decoded: VecDeque<Bytes>,
    decoded_bytes: usize,
}

impl GzipRepair {
    /// Holds up to `hold` raw bytes, and the rest of a chunk, before it trusts a gzip body.
    /// Small bodies are so checked to their end; a stream waits for so long.
    #[must_use]
    pub fn new(hold: usize) -> Self {
        Self { hold, stage: Stage::Sniffing(VecDeque::new()) }
    }

    /// Takes the next chunk of the raw body. Pull until `None` before the next one, else raw
    /// bytes pile up.
    pub fn push(&mut self, chunk: Bytes) {
        match &mut self.stage {
            Stage::Sniffing(chunks) => {
                chunks.push_back(chunk);
                match starts_with_magic(chunks) {
                    None => {}
                    Some(false) => self.stage = Stage::Passing(std::mem::take(chunks)),
                    Some(true) => self.stage = Stage::Holding(Held::new(std::mem::take(chunks))),
                }
            }
            Stage::Passing(chunks) => chunks.push_back(chunk),
            Stage::Holding(held) => held.push(chunk),
            Stage::Decoding(decoder, _) => decoder.push(chunk),
            Stage::Corrupt => {}
        }
    }

    /// The raw body is complete. Pull until `None` once more.
    pub fn finish(&mut self) {
        match &mut self.stage {
            // Shorter than the magic: it cannot be gzip.
            Stage::Sniffing(chunks) => self.stage = Stage::Passing(std::mem::take(chunks)),
            Stage::Holding(held) => held.decoder.finish(),
            Stage::Decoding(decoder, _) => decoder.finish(),
            Stage::Passing(_) | Stage::Corrupt => {}
        }
    }

    /// The next piece for the client; `None` when it takes another chunk to make one, or after
    /// [`Self::finish`] when the body is over.
    pub fn pull(&mut self) -> Result<Option<Bytes>, CorruptGzip> {
        if let Stage::Holding(_) = self.stage
            && let Stage::Holding(held) = std::mem::replace(&mut self.stage, Stage::Corrupt)
        {
            self.stage = held.advance(self.hold);
        }
        match &mut self.stage {
            Stage::Sniffing(_) | Stage::Holding(_) => Ok(None),
            Stage::Passing(chunks) => Ok(chunks.pop_front()),
            Stage::Decoding(decoder, pieces) => {
                if let Some(piece) = pieces.pop_front() {
                    return Ok(Some(piece));
                }
                match decoder.step() {
                    Step::Piece(piece) => Ok(Some(piece)),
                    Step::NeedsMore | Step::Complete => Ok(None),
                    Step::Corrupt => {
                        self.stage = Stage::Corrupt;
                        Err(CorruptGzip)
                    }
                }
            }
            Stage::Corrupt => Err(CorruptGzip),
        }
    }

    /// Whether the body is known to cross untouched, and nothing of it is held.
    #[must_use]
    pub fn has_nothing_to_do(&self) -> bool {
        matches!(&self.stage, Stage::Passing(chunks) if chunks.is_empty())
    }

    /// Whether what leaves differs from what came, so that the raw body's length is not the
    /// length of what leaves. Final once a piece has been pulled.
    #[must_use]
    pub fn is_decoding(&self) -> bool {
        matches!(self.stage, Stage::Decoding(..) | Stage::Corrupt)
    }
}

impl Held {
    fn new(raw: VecDeque<Bytes>) -> Self {
        let mut held = Self {
            decoder: Decoder::new(),
            raw: VecDeque::new(),
            raw_bytes: 0,
            decoded: VecDeque::new(),
            decoded_bytes: 0,
        };
        for chunk in raw {
            held.push(chunk);
        }
        held
    }

    fn push(&mut self, chunk: Bytes) {
        self.raw_bytes += chunk.len();
        self.decoder.push(chunk.clone()); // shares the bytes
        self.raw.push_back(chunk);
    }

    /// Decodes what has come, and decides when it can.
    fn advance(mut self, hold: usize) -> Stage {
        loop {
            match self.decoder.step() {
                Step::Piece(piece) => {
                    self.decoded_bytes += piece.len();
                    self.decoded.push_back(piece);
                    if self.decoded_bytes >= DECODED_HELD {
                        return Stage::Decoding(self.decoder, self.decoded);
                    }
                }
                Step::NeedsMore if self.raw_bytes < hold => return Stage::Holding(self),
                Step::NeedsMore | Step::Complete => {
                    return Stage::Decoding(self.decoder, self.decoded);
                }
                Step::Corrupt => return Stage::Passing(self.raw),
            }
        }
    }
}

/// `None` when too few bytes have come to tell.
fn starts_with_magic(chunks: &VecDeque<Bytes>) -> Option<bool> {
    let start = chunks.iter().flatten().zip(&GZIP_MAGIC);
    let mut matched = 0;
    for (byte, expected) in start {
        if byte != expected {
            return Some(false);
        }
        matched += 1;
    }
    (matched == GZIP_MAGIC.len()).then_some(true)
}
