//! The repair of an undeclared gzip body gives what a decoder gives for the whole, at any cut and in
//! small pieces, or what came, or an error; never anything else.
//!
//! Input: a body. Every other one is compressed first, and perhaps damaged, since no mutation finds a
//! checksum.

#![no_main]

use std::io::{Read as _, Write as _};

use ampgate::body::{CorruptGzip, GZIP_MAGIC, GzipRepair};
use ampgate_fuzz::Dice;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

/// Of a bomb enough to see how it is handed out.
const LOOKED_AT: u64 = 4 * 1024 * 1024;
const LARGEST_PIECE: usize = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let mut dice = Dice::of(input);
    let body = match dice.throw(4) {
        0 | 1 => input.to_vec(),
        2 => gzip(&input.repeat(dice.throw(3) + 1)),
        _ => {
            let mut body = gzip(input);
            let at = dice.throw(body.len());
            body[at] ^= 1 << dice.throw(8);
            body.truncate(body.len() - dice.throw(2) * dice.throw(body.len()));
            body
        }
    };
    let hold = *dice.pick(&[0, 1, 16, 1024, 16 * 1024]);
    let (left, end, decodes) = repaired(&dice.cut(&body), hold);

    if !body.starts_with(&GZIP_MAGIC) {
        assert!(!decodes && end.is_ok() && left == body, "what is no gzip has changed");
        return;
    }
    let mut decoded = Vec::new();
    let read = MultiGzDecoder::new(&body[..]).take(LOOKED_AT).read_to_end(&mut decoded);
    let is_bomb = decoded.len() as u64 >= LOOKED_AT;
    match (read, end) {
        _ if is_bomb => assert!(left.starts_with(&decoded) || decoded.starts_with(&left)),
        (Ok(_), end) => {
            assert!(decodes && end.is_ok() && left == decoded, "good gzip was not decoded");
        }
        (Err(_), Ok(())) => assert!(!decodes && left == body, "bad gzip must cross as it came"),
        // What left before it went bad is right as far as it goes: a decoder is ahead of its buffer.
        (Err(_), Err(CorruptGzip)) => {
            assert!(body.len() >= hold || left.len() >= 1024 * 1024, "was still held");
            assert!(decoded.starts_with(&left) || left.starts_with(&decoded));
        }
    }
});

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn repaired(pieces: &[&[u8]], hold: usize) -> (Vec<u8>, Result<(), CorruptGzip>, bool) {
    let mut repair = GzipRepair::new(hold);
    let mut left = Vec::new();
    let mut end = Ok(());
    for piece in pieces {
        repair.push(Bytes::copy_from_slice(piece));
        end = pull(&mut repair, &mut left);
        if end.is_err() {
            break;
        }
    }
    if end.is_ok() {
        repair.finish();
        end = pull(&mut repair, &mut left);
    }
    (left, end, repair.is_decoding())
}

fn pull(repair: &mut GzipRepair, left: &mut Vec<u8>) -> Result<(), CorruptGzip> {
    while let Some(piece) = repair.pull()? {
        assert!(!repair.is_decoding() || piece.len() <= LARGEST_PIECE, "a piece too large");
        if (left.len() as u64) < LOOKED_AT {
            left.extend_from_slice(&piece);
        }
    }
    Ok(())
}
