//! The beginning of an answer's body, read before its head goes to the client.
//!
//! Nothing read here is lost: what was read ahead is the first that the client gets.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use crate::actors::upstream::{BodyBroke, UpstreamBody, UpstreamResponse};

/// An answer, the beginning of its body read ahead.
#[derive(Debug)]
pub struct BegunAnswer {
    pub response: UpstreamResponse,
    pub ahead: Ahead,
}

impl From<UpstreamResponse> for BegunAnswer {
    fn from(response: UpstreamResponse) -> Self {
        Self { response, ahead: Ahead::default() }
    }
}

/// What was read ahead, and how it went.
#[derive(Debug, Default)]
pub struct Ahead {
    pub pieces: Vec<Bytes>,
    /// The body broke behind the pieces.
    pub broke: Option<BodyBroke>,
    /// The body is whole.
    pub is_whole: bool,
}

impl Ahead {
    pub fn length(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    pub fn starts_with(&self, beginning: &[u8]) -> bool {
        let read = self.pieces.iter().flatten().take(beginning.len());
        read.eq(beginning)
    }

    /// Whether a line ended in what was read last.
    pub fn last_piece_ends_a_line(&self) -> bool {
        self.pieces.last().is_some_and(|piece| memchr::memchr2(b'\n', b'\r', piece).is_some())
    }

    /// Everything read so far in one piece.
    pub fn joined(&self) -> Bytes {
        match self.pieces.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            several => several.concat().into(),
        }
    }

    /// Whether reading on brings nothing.
    pub fn is_over(&self) -> bool {
        self.is_whole || self.broke.is_some()
    }

    /// Reads the next piece.
    pub async fn read_piece(&mut self, body: &mut UpstreamBody) {
        match body.next().await {
            Some(Ok(piece)) => self.pieces.push(piece),
            Some(Err(broke)) => self.broke = Some(broke),
            None => self.is_whole = true,
        }
    }

    /// Reads until `count` bytes are there, or the body is over.
    pub async fn read_bytes(&mut self, body: &mut UpstreamBody, count: usize) {
        while !self.is_over() && self.length() < count {
            self.read_piece(body).await;
        }
    }

    /// The same, for no longer than `patience`.
    pub async fn read_bytes_within(
        &mut self,
        body: &mut UpstreamBody,
        count: usize,
        patience: Duration,
    ) {
        let deadline = Instant::now() + patience;
        // What has been read stays read when time is up: a piece is taken whole or not at all.
        let _ = timeout_at(deadline, self.read_bytes(body, count)).await;
    }
}
