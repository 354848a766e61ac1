use actix_http::BoxedPayloadStream;
use actix_web::error::PayloadError;
use futures::stream;

use super::*;

const LIMIT: usize = 1000;

fn incoming(pieces: Vec<Vec<u8>>) -> Incoming {
    let pieces = pieces.into_iter().map(|piece| Ok::<_, PayloadError>(Bytes::from(piece)));
    let payload: BoxedPayloadStream = Box::pin(stream::iter(pieces));
    let request = actix_web::test::TestRequest::default().to_http_request();
    Incoming::new(Payload::Stream { payload }, RequestRecord::of(&request), LIMIT)
}

/// Messages as a client sends them: masked.
fn frames(messages: impl IntoIterator<Item = Message>) -> Vec<u8> {
    let mut codec = Codec::new().client_mode();
    let mut bytes = BytesMut::new();
    for message in messages {
        codec.encode(message, &mut bytes).unwrap();
    }
    bytes.to_vec()
}

async fn heard(pieces: Vec<Vec<u8>>) -> Vec<Result<Said, CloseCode>> {
    let mut incoming = incoming(pieces);
    let mut heard = Vec::new();
    while let Some(said) = incoming.next().await {
        let is_over = said.is_err();
        heard.push(said);
        if is_over {
            break;
        }
    }
    heard
}

fn text(text: &str) -> Said {
    Said::Text(Bytes::copy_from_slice(text.as_bytes()))
}

#[actix_web::test]
async fn messages_are_the_same_at_any_cut() {
    let part = |bytes: &'static [u8]| Bytes::from_static(bytes);
    let bytes = frames([
        Message::Text("one".into()),
        Message::Continuation(Item::FirstText(part("🦀".as_bytes()).slice(..2))),
        Message::Ping(part(b"p")),
        Message::Continuation(Item::Continue(part("🦀".as_bytes()).slice(2..))),
        Message::Continuation(Item::Last(part(b"!"))),
        Message::Pong(part(b"q")),
        Message::Binary(part(b"b")),
        Message::Text("x".repeat(300).into()),
        Message::Close(None),
    ]);
    let expected = || {
        let long = "x".repeat(300);
        let ping = Said::Ping(Bytes::from_static(b"p"));
        [text("one"), ping, text("🦀!"), Said::Binary, text(&long), Said::Close(None)].map(Ok)
    };
    for cut in 0..=bytes.len() {
        let pieces = vec![bytes[..cut].to_vec(), bytes[cut..].to_vec()];
        assert_eq!(heard(pieces).await, expected(), "cut at {cut}");
    }
}

#[actix_web::test]
async fn what_cannot_be_understood_says_by_which_code_to_close() {
    let part = |length: usize| Bytes::from(vec![b'x'; length]);
    let text = |length: usize| Message::Text("x".repeat(length).into());
    let whole = frames([text(LIMIT + 1)]);
    let endless = {
        let mut frame = vec![0x81, 0x80 + 127];
        frame.extend(u64::MAX.to_be_bytes());
        frame
    };
    let unmasked = vec![0x81, 1, b'x'];
    let reserved = vec![0xc1, 0x81, 0, 0, 0, 0, b'x'];
    let not_utf8 = vec![0x81, 0x81, 0, 0, 0, 0, 0xff];
    let parts = frames([
        Message::Continuation(Item::FirstText(part(LIMIT / 2))),
        Message::Continuation(Item::Continue(part(LIMIT / 2))),
        Message::Continuation(Item::Last(part(1))),
    ]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // bytes,                         last word,                      why
        (frames([text(LIMIT)]),           None,                           "as long as it may be"),
        (whole.clone(),                   Some(CloseCode::Size),          "one byte more"),
        (whole[..10].to_vec(),            Some(CloseCode::Size),          "said by the head alone"),
        (endless,                         Some(CloseCode::Size),          "no length there is"),
        (parts,                           Some(CloseCode::Size),          "too long together"),
        (unmasked,                        Some(CloseCode::Protocol),      "clients mask"),
        (reserved,                        Some(CloseCode::Protocol),      "no extension was agreed on"),
        (not_utf8,                        Some(CloseCode::Invalid),       "texts are UTF-8"),
    ];
    for (bytes, expected, why) in cases {
        let heard = heard(vec![bytes]).await;
        let last = heard.last().unwrap().as_ref().err().copied();
        assert_eq!(last, expected, "{why}");
    }
}

#[actix_web::test]
async fn what_is_said_waits_for_room() {
    let (outgoing, to_client) = Outgoing::new();
    for _ in 0..MESSAGES_ON_THE_WAY {
        outgoing.say("x".to_owned()).await.unwrap();
    }
    let mut owed = Some(Message::Pong(Bytes::new()));
    let waits = futures::FutureExt::now_or_never(outgoing.send_from(&mut owed));
    assert!(waits.is_none() && owed.is_some(), "there is no room, and nothing is lost");
    drop(to_client);
    assert!(outgoing.send_from(&mut owed).await.is_err(), "nobody is there any more");
}
