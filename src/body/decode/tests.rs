use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

const TEXT: &[u8] = br#"{"model":"m","messages":[{"role":"user","content":"hi hi hi hi hi hi"}]}"#;
const LIMIT: u64 = 1024;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn br(data: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(data).unwrap();
    encoder.into_inner()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).unwrap()
}

#[test]
fn every_declared_coding_comes_off() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("",                     TEXT.to_vec(),     "none"),
        ("identity",             TEXT.to_vec(),     "identity"),
        ("gzip",                 gzip(TEXT),        "gzip"),
        ("GZip",                 gzip(TEXT),        "names ignore case"),
        ("x-gzip",               gzip(TEXT),        "old name"),
        ("deflate",              zlib(TEXT),        "deflate is zlib"),
        ("deflate",              raw_deflate(TEXT), "bare deflate is tolerated"),
        ("br",                   br(TEXT),          "brotli"),
        ("zstd",                 zstd(TEXT),        "zstd, as Codex sends"),
        ("gzip, zstd",           zstd(&gzip(TEXT)), "the last one comes off first"),
        (" identity ,, br,gzip", gzip(&br(TEXT)),   "empty elements and identity"),
        ("gzip",                 [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat(), "two members"),
    ];
    for (coding, body, why) in cases {
        assert_eq!(decode_request(coding, &body.into(), LIMIT).unwrap(), TEXT, "{why}");
    }
}

#[test]
fn an_identity_body_is_shared() {
    let body = Bytes::from_static(TEXT);
    assert_eq!(decode_request("", &body, LIMIT).unwrap().as_ptr(), body.as_ptr());
}

#[test]
fn an_empty_body_is_empty_in_every_coding() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        assert_eq!(decode_request(coding, &Bytes::new(), LIMIT).unwrap(), "", "{coding}");
    }
}

#[test]
fn what_cannot_be_decoded_is_refused_with_its_reason() {
    let unsupported = |name: &str| DecodeError::Unsupported(name.to_owned());
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("compress",         TEXT.to_vec(),    unsupported("compress"),              "nobody uses it"),
        ("gzip, sdch",       TEXT.to_vec(),    unsupported("sdch"),                  "second of two"),
        ("gzip,gzip,gzip,gzip,gzip", TEXT.to_vec(), DecodeError::TooManyCodings,     "five"),
        ("gzip",             TEXT.to_vec(),    DecodeError::Corrupt(Coding::Gzip),   "not gzip at all"),
        ("deflate",          TEXT.to_vec(),    DecodeError::Corrupt(Coding::Deflate), "not deflate at all"),
        ("br",               TEXT.to_vec(),    DecodeError::Corrupt(Coding::Brotli), "not brotli at all"),
        ("zstd",             TEXT.to_vec(),    DecodeError::Corrupt(Coding::Zstd),   "not zstd at all"),
        ("gzip, zstd",       zstd(TEXT),       DecodeError::Corrupt(Coding::Gzip),   "inner coding is missing"),
    ];
    for (coding, body, error, why) in cases {
        assert_eq!(decode_request(coding, &body.into(), LIMIT), Err(error), "{why}");
    }
    let message = unsupported("compress").to_string();
    assert!(message.contains("`compress`") && message.contains("zstd"), "{message}");
}

#[test]
fn a_body_cut_off_anywhere_is_corrupt() {
    let bodies = [
        ("gzip", Coding::Gzip, gzip(TEXT)),
        ("deflate", Coding::Deflate, zlib(TEXT)),
        ("deflate", Coding::Deflate, raw_deflate(TEXT)),
        ("br", Coding::Brotli, br(TEXT)),
        ("zstd", Coding::Zstd, zstd(TEXT)),
    ];
    for (name, coding, body) in bodies {
        for length in 1..body.len() {
            let cut = Bytes::copy_from_slice(&body[..length]);
            let expected = Err(DecodeError::Corrupt(coding));
            assert_eq!(decode_request(name, &cut, LIMIT), expected, "{name}, {length} bytes");
        }
    }
}

#[test]
fn the_limit_holds_for_the_decoded_size() {
    let zeros = vec![0; 4096];
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("",           zeros.clone(),        "identity"),
        ("gzip",       gzip(&zeros),         "gzip"),
        ("deflate",    zlib(&zeros),         "deflate"),
        ("br",         br(&zeros),           "br"),
        ("zstd",       zstd(&zeros),         "zstd"),
        ("gzip, gzip", gzip(&gzip(&zeros)),  "inside another"),
    ];
    for (coding, body, why) in cases {
        let body = Bytes::from(body);
        let too_large = Err(DecodeError::TooLarge { limit: 4095 });
        assert_eq!(decode_request(coding, &body, 4095), too_large, "{why}");
        assert_eq!(decode_request(coding, &body, 4096).unwrap().len(), 4096, "{why}: exactly");
    }
}

#[test]
fn a_zstd_frame_with_a_huge_window_is_refused() {
    // Magic, a descriptor without content size, and a window of 2^(10+17) bytes.
    let frame = Bytes::from_static(b"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00");
    let expected = Err(DecodeError::Corrupt(Coding::Zstd));
    assert_eq!(decode_request("zstd", &frame, LIMIT), expected);
}
