//! What the targets share: dice, cuts, and a plain reading of JSON and of event streams to hold the
//! gateway's own against.
//!
//! An input is what the gateway would be given, so that fixtures and captured bodies are seeds as they
//! are. What a target has to choose besides is thrown with [`Dice`] that are made of the input.

pub mod events;
pub mod json;

use bytes::Bytes;

/// Choices that follow from the input, so that a crash repeats.
pub struct Dice(u64);

impl Dice {
    /// Every byte of the input counts, the last one most directly: a mutation of it is another throw.
    #[must_use]
    pub fn of(input: &[u8]) -> Self {
        let hash = input.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash | 1)
    }

    /// From 0 to less than `sides`, which is not 0.
    pub fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.throw(among.len())]
    }

    pub fn flip(&mut self) -> bool {
        self.throw(2) == 0
    }

    /// The input in pieces, most of them tiny in one throw and large in the next; some are empty.
    pub fn cut<'a>(&mut self, input: &'a [u8]) -> Vec<&'a [u8]> {
        let longest = *self.pick(&[1, 3, 16, 256, 1 << 20]);
        let mut pieces = Vec::new();
        let mut rest = input;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(self.throw(longest + 1).min(rest.len()));
            pieces.push(piece);
            rest = behind;
            if piece.is_empty() && longest == 1 {
                pieces.push(&rest[..1]);
                rest = &rest[1..];
            }
        }
        pieces
    }
}

/// What a push machine makes of pieces.
pub fn pushed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, mut push: impl FnMut(&Bytes)) {
    for piece in pieces {
        push(&Bytes::copy_from_slice(piece));
    }
}
