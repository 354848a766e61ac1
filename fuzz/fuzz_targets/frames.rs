//! AWS's event streams: what is read does not depend on cuts, and what leaves are events of Anthropic's
//! that say what the frames said, each in lines of its own.
//!
//! Input: a stream. Every other one is texts, one a line, in good frames, which are perhaps damaged: no
//! mutation finds a checksum.

#![no_main]

use ampgate::adapt::bedrock::{EventFrames, FrameError};
use ampgate_fuzz::Dice;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|input: &[u8]| {
    let mut dice = Dice::of(input);
    let is_framed = dice.flip();
    let mut expected = Vec::new();
    let mut stream = input.to_vec();
    if is_framed {
        stream.clear();
        for text in input.split(|byte| *byte == b'\n') {
            let event = json!({ "type": "ping", "text": String::from_utf8_lossy(text) });
            stream.extend(chunk(&event));
            expected.push(event);
        }
    }
    let is_damaged = is_framed && dice.flip();
    if is_damaged && !stream.is_empty() {
        let at = dice.throw(stream.len());
        stream[at] ^= 1 << dice.throw(8);
    }

    let (events, end) = read(&dice.cut(&stream));

    assert_eq!((&events, &end), (&read(&[&stream]).0, &read(&[&stream]).1), "a cut matters");
    let read: Vec<Value> = events.split_terminator("\n\n").map(data_of).collect();
    if is_framed && !is_damaged {
        assert_eq!((read, end), (expected, Ok(())));
    } else if is_damaged {
        assert!(end.is_err(), "a damage was not seen");
        assert!(expected.starts_with(&read), "what came before is as it was");
    }
});

fn chunk(event: &Value) -> Vec<u8> {
    let text = |text: &'static str| HeaderValue::String(text.into());
    let payload = json!({ "bytes": STANDARD.encode(event.to_string()) }).to_string();
    let message = Message::new(payload)
        .add_header(Header::new(":message-type", text("event")))
        .add_header(Header::new(":event-type", text("chunk")));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("an event is not too long");
    bytes
}

fn read(pieces: &[&[u8]]) -> (String, Result<(), FrameError>) {
    let (mut frames, mut out) = (EventFrames::default(), BytesMut::new());
    let pushed = pieces.iter().try_for_each(|piece| frames.push(piece, &mut out));
    let end = pushed.and_then(|()| frames.finish());
    (String::from_utf8(out.to_vec()).expect("events are text"), end)
}

fn data_of(event: &str) -> Value {
    let mut lines = event.split('\n');
    assert!(lines.next().is_some_and(|line| line.starts_with("event: ")), "no event: {event}");
    let data = lines.next().and_then(|line| line.strip_prefix("data: ")).expect("data");
    assert!(lines.next().is_none(), "a line too many: {event}");
    serde_json::from_str(data).expect("the data of an event is JSON")
}
