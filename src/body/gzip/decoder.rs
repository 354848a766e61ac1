//! A gzip decoder that may run dry: it takes up where it stopped when more bytes come.

use std::collections::VecDeque;
use std::io::{self, BufRead, ErrorKind, Read};

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;

use super::PIECE;

/// Decodes all members of a gzip body, a bounded step at a time.
pub(super) struct Decoder {
    members: MultiGzDecoder<ChunkQueue>,
    /// Reused, so that many small pieces do not cost a big buffer each.
    scratch: Box<[u8]>,
}

pub(super) enum Step {
    /// Up to [`PIECE`] decoded bytes.
    Piece(Bytes),
    NeedsMore,
    /// The body is over, checksum and length of its last member are right.
    Complete,
    Corrupt,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            members: MultiGzDecoder::new(ChunkQueue::default()),
            scratch: vec![0; PIECE].into_boxed_slice(),
        }
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        self.members.get_mut().chunks.push_back(chunk);
    }

    pub(super) fn finish(&mut self) {
        self.members.get_mut().finished = true;
    }

    pub(super) fn step(&mut self) -> Step {
        match self.members.read(&mut self.scratch) {
            Ok(0) => Step::Complete,
            Ok(length) => Step::Piece(Bytes::copy_from_slice(&self.scratch[..length])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::NeedsMore,
            Err(_) => Step::Corrupt,
        }
    }
}

/// Chunks as a reader. Empty but not finished, it "would block", which flate2 keeps its place for.
#[derive(Default)]
struct ChunkQueue {
    chunks: VecDeque<Bytes>,
    finished: bool,
}

impl BufRead for ChunkQueue {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunks.front().is_some_and(Bytes::is_empty) {
            self.chunks.pop_front();
        }
        match self.chunks.front() {
            Some(chunk) => Ok(chunk),
            None if self.finished => Ok(&[]),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn consume(&mut self, amount: usize) {
        if let Some(chunk) = self.chunks.front_mut() {
            chunk.advance(amount);
        }
    }
}

impl Read for ChunkQueue {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(into.len());
        into[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}
