//! Whatever an upstream answers to a WebSocket handshake: it is a tunnel only after a 101, the bytes
//! behind the 101 all cross, and nothing depends on how the answer is cut.
//!
//! Input: what the upstream sends before it closes.

#![no_main]

use actix_web::http::header::HeaderMap;
use ampgate::actors::upstream::fuzzing::{Answered, answer_handshake};
use ampgate::headers::for_downstream;
use ampgate_fuzz::Dice;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_all().build().expect("a runtime");
}

fuzz_target!(|input: &[u8]| {
    let whole = answered(&[input]);
    let mut pieces = Dice::of(input).cut(input);
    pieces.truncate(64); // each costs two system calls
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    pieces.push(&input[length..]);
    let cut = answered(&pieces);

    match (&whole, &cut) {
        (Answered::Switched(fields, behind), Answered::Switched(cut_fields, cut_behind)) => {
            assert_eq!(listed(fields), listed(cut_fields));
            assert_eq!(behind, cut_behind);
            let (status, rest) = final_head(input).expect("a head");
            assert_eq!(status, b"101", "a tunnel without a 101");
            assert_eq!(rest, &behind[..], "bytes behind the 101 were lost or made up");
            let passed_on = for_downstream(fields.clone(), false);
            assert!(!passed_on.contains_key("connection") && !passed_on.contains_key("upgrade"));
        }
        (
            Answered::Refused(status, fields, body, is_whole),
            Answered::Refused(cut_status, cut_fields, cut_body, cut_is_whole),
        ) => {
            assert_eq!((status, is_whole), (cut_status, cut_is_whole));
            assert_eq!(listed(fields), listed(cut_fields));
            assert_ne!(status.as_u16(), 101);
            if *is_whole {
                assert_eq!(body, cut_body);
            }
        }
        (Answered::Failed(code), Answered::Failed(cut_code)) => assert_eq!(code, cut_code),
        _ => panic!("whole: {whole:?}, cut: {cut:?}"),
    }
});

fn answered(pieces: &[&[u8]]) -> Answered {
    let pieces = pieces.iter().filter(|piece| !piece.is_empty());
    let pieces = pieces.map(|piece| Bytes::copy_from_slice(piece)).collect();
    // A set of its own for each answer: nothing is left over for the next.
    RUNTIME
        .with(|runtime| LocalSet::new().block_on(runtime, answer_handshake(pieces)))
        .expect("a socket pair")
}

/// The status of the first head that is not interim, and what stands behind it.
fn final_head(mut input: &[u8]) -> Option<(&[u8], &[u8])> {
    loop {
        // Lines end in LF, with or without a CR, and may be empty in front of a head.
        while let [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] = input {
            input = rest;
        }
        let head_end = |at: &usize| matches!(&input[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]);
        let line_end = (0..input.len()).filter(|at| input[*at] == b'\n').find(head_end)?;
        let length = if input[line_end + 1] == b'\n' { 2 } else { 3 };
        let behind = &input[line_end + length..];
        let status = input.get(9..12)?;
        if !status.starts_with(b"1") || status == b"101" {
            return Some((status, behind));
        }
        input = behind;
    }
}

fn listed(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let pairs = fields.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs
}
