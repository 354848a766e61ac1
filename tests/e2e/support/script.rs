//! A provider that plays a script: an answer cut where the test wants it cut.

use std::cell::RefCell;
use std::rc::Rc;

use super::client::Response;
use super::upstream::StubUpstream;

/// One answer for the stub to give: its body goes out in pieces when `pieces` says where to cut.
#[derive(Clone, Default)]
pub struct Script {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// `None`: whole, with its length. `Some`: chunked, cut after these many bytes each.
    pub pieces: Option<Vec<usize>>,
}

pub type Stage = Rc<RefCell<Script>>;

/// A provider that plays whatever script is on the stage.
pub async fn player() -> (StubUpstream, Stage) {
    let stage = Stage::default();
    let scripts = stage.clone();
    let stub = StubUpstream::answering(move |mut conversation| {
        let script = scripts.borrow().clone();
        async move {
            let fields: Vec<(&str, &str)> =
                script.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let Some(pieces) = script.pieces else {
                conversation.reply(script.status, &fields, &script.body).await;
                return Some(conversation);
            };
            conversation.begin(script.status, &fields).await;
            let mut rest = &script.body[..];
            for length in pieces {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                rest = behind;
                if !piece.is_empty() {
                    conversation.chunk(piece).await;
                    // Lets the gateway read this piece on its own.
                    tokio::task::yield_now().await;
                }
            }
            if !rest.is_empty() {
                conversation.chunk(rest).await;
            }
            conversation.end().await;
            Some(conversation)
        }
    })
    .await;
    (stub, stage)
}

/// The client got the answer as the provider gave it, plus what says who answered.
pub fn assert_unchanged(response: &Response, script: &Script, case: &str) {
    assert_eq!(response.status, script.status, "{case}");
    for (name, value) in &script.fields {
        assert_eq!(response.fields.all(name), [value.as_str()], "{case}: {name}");
    }
    let ours = [
        "content-length",
        "transfer-encoding",
        "date",
        "x-ampgate-route",
        "x-ampgate-provider",
        "x-request-id",
    ];
    for (name, _) in &response.fields.0 {
        let known = script.fields.iter().any(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
        assert!(known || ours.contains(&&*name.to_ascii_lowercase()), "{case}: {name} was added");
    }
    assert_same(&response.body, &script.body, case);
}

pub fn assert_same(got: &[u8], expected: &[u8], case: &str) {
    // Texts, since bytes are hard to read when they differ.
    assert_eq!(String::from_utf8_lossy(got), String::from_utf8_lossy(expected), "{case}");
    assert_eq!(got, expected, "{case}");
}
