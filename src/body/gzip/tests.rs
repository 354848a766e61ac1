use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use flate2::{GzBuilder, write};

use super::*;

const HOLD: usize = 16 * 1024;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Does not compress well, so that compressed bytes outgrow what is held.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// What leaves, and whether the body ended well. Checks on the way that pieces stay small.
fn repaired(body: &[u8], chunk_size: usize) -> (Vec<u8>, Result<(), CorruptGzip>) {
    let mut repair = GzipRepair::new(HOLD);
    let mut left = Vec::new();
    for chunk in body.chunks(chunk_size) {
        repair.push(Bytes::copy_from_slice(chunk));
        if let Err(error) = drain(&mut repair, &mut left) {
            return (left, Err(error));
        }
    }
    repair.finish();
    let end = drain(&mut repair, &mut left);
    (left, end)
}

fn drain(repair: &mut GzipRepair, left: &mut Vec<u8>) -> Result<(), CorruptGzip> {
    while let Some(piece) = repair.pull()? {
        assert!(!repair.is_decoding() || piece.len() <= PIECE);
        left.extend_from_slice(&piece);
    }
    Ok(())
}

#[test]
fn what_is_not_good_gzip_crosses_untouched() {
    let good = gzip(b"hello, hello, hello");
    let mut bad_checksum = good.clone();
    let checksum_at = good.len() - 8;
    bad_checksum[checksum_at] ^= 1;
    let mut bad_length = good.clone();
    bad_length[checksum_at + 4] ^= 1;
    let then_garbage = [good.as_slice(), b"garbage"].concat();
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[u8], &str); 12] = [
        (b"",                                   "empty"),
        (b"\x1f",                               "one byte of the magic"),
        (b"\x1f\x8b",                           "two bytes of the magic"),
        (b"\x1f\x8b\x00\x00",                   "unknown method"),
        (b"\x1f\x8b\x08",                       "the magic alone"),
        (b"\x1f\x8b\x08 and then no gzip",      "magic, then garbage"),
        (b"{\"id\":\"text\"}",                  "text"),
        (&good[..good.len() - 1],               "trailer cut off"),
        (&good[..15],                           "data cut off"),
        (&bad_checksum,                         "wrong checksum"),
        (&bad_length,                           "wrong length"),
        (&then_garbage,                         "garbage after the last member"),
    ];
    for (body, why) in cases {
        for chunk_size in [1, 2, 3, 7, 1000] {
            assert_eq!(repaired(body, chunk_size), (body.to_vec(), Ok(())), "{why}, {chunk_size}");
        }
    }
}

#[test]
fn small_gzip_is_decoded_at_any_cut() {
    let mut named = GzBuilder::new()
        .filename("name")
        .comment("comment")
        .extra(vec![1, 2, 3])
        .write(Vec::new(), Compression::best());
    named.write_all(b"with every header field").unwrap();
    let named = named.finish().unwrap();
    let two_members = [gzip(b"first, "), gzip(b"second")].concat();
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[u8], &[u8], &str); 4] = [
        (&gzip(b"hello, hello, hello"), b"hello, hello, hello",     "plain"),
        (&gzip(b""),                    b"",                        "nothing inside"),
        (&named,                        b"with every header field", "long header"),
        (&two_members,                  b"first, second",           "two members"),
    ];
    for (body, expected, why) in cases {
        for chunk_size in 1..=body.len() {
            assert_eq!(
                repaired(body, chunk_size),
                (expected.to_vec(), Ok(())),
                "{why}, {chunk_size}"
            );
        }
    }
}

#[test]
fn nothing_leaves_before_a_small_body_is_checked() {
    let body = gzip(b"hello");
    let mut repair = GzipRepair::new(HOLD);
    repair.push(Bytes::from(body));
    assert_eq!(repair.pull(), Ok(None));
    assert!(!repair.is_decoding());
    repair.finish();
    assert_eq!(repair.pull(), Ok(Some(Bytes::from_static(b"hello"))));
    assert!(repair.is_decoding());
    assert_eq!(repair.pull(), Ok(None));
}

#[test]
fn large_gzip_is_decoded_at_any_cut() {
    let data = noise(10 * 1024 * 1024);
    let body = gzip(&data);
    for chunk_size in [1009, usize::MAX] {
        let (left, end) = repaired(&body, chunk_size);
        assert_eq!(end, Ok(()));
        assert!(left == data, "chunks of {chunk_size}"); // 10 MB are not worth printing
    }
}

#[test]
fn a_large_body_that_goes_bad_late_is_an_error() {
    let data = noise(1024 * 1024);
    let good = gzip(&data);
    let mut bad_checksum = good.clone();
    bad_checksum[good.len() - 8] ^= 1;
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[u8], &str); 2] = [
        (&good[..good.len() / 2], "cut off"),
        (&bad_checksum,           "wrong checksum"),
    ];
    for (body, why) in cases {
        let (left, end) = repaired(body, 4096);
        assert_eq!(end, Err(CorruptGzip), "{why}");
        assert!(data.starts_with(&left) && !left.is_empty(), "{why}");
    }
}

#[test]
fn a_bomb_leaves_in_small_pieces() {
    const SIZE: usize = 16 * 1024 * 1024;
    let mut encoder = write::GzEncoder::new(Vec::new(), Compression::best());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), SIZE as u64), &mut encoder).unwrap();
    let bomb = Bytes::from(encoder.finish().unwrap());
    assert!(bomb.len() * 1000 < SIZE);

    let mut repair = GzipRepair::new(usize::MAX);
    repair.push(bomb);
    let mut total = 0;
    while let Some(piece) = repair.pull().unwrap() {
        assert!(piece.len() <= PIECE);
        total += piece.len();
        if let Stage::Decoding(_, decoded) = &repair.stage {
            assert!(decoded.len() * PIECE <= DECODED_HELD, "held: {}", decoded.len());
        }
    }
    assert_eq!(total, SIZE, "only what was pulled was decoded");
}
