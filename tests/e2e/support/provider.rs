//! Providers that answer by a script, and the configuration that makes a pool of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

use super::expect;
use super::upstream::{Conversation, StubUpstream};
use super::wire::SeenRequest;

/// One answer of a provider.
#[derive(Clone)]
pub struct Scripted {
    status: u16,
    fields: Vec<(String, String)>,
    body: Body,
    /// The head waits for this.
    gate: Option<Rc<Notify>>,
}

#[derive(Clone)]
enum Body {
    Whole(Vec<u8>),
    Pieces(Vec<Piece>),
    /// Begun, and cut.
    Cut(Vec<u8>),
    /// The connection ends without an answer.
    HangUp,
    /// There is no answer until the gateway leaves.
    Silence,
}

#[derive(Clone)]
enum Piece {
    Bytes(Vec<u8>),
    /// What follows waits for this.
    Gate(Rc<Notify>),
}

impl Scripted {
    fn new(status: u16, body: Body) -> Self {
        Self { status, fields: Vec::new(), body, gate: None }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, Body::Whole(body.into())).with("content-type", "application/json")
    }

    /// A good answer, and whose it is.
    pub fn by(name: &str) -> Self {
        Self::json(200, format!(r#"{{"by":"{name}"}}"#))
    }

    /// A failure that says nothing but its status.
    pub fn failure(status: u16) -> Self {
        Self::json(status, format!("{{ \"error\" : {{\"message\":\"scripted {status}\"}} }}"))
    }

    /// A limit that ends in so many seconds.
    pub fn limited(seconds: u32) -> Self {
        Self::failure(429).with("retry-after", &seconds.to_string())
    }

    /// A limit that has as good as ended.
    pub fn limited_for_a_moment() -> Self {
        Self::failure(429).with("retry-after-ms", "1")
    }

    /// A stream of events.
    pub fn stream(events: impl Into<Vec<u8>>) -> Self {
        let body = Body::Pieces(vec![Piece::Bytes(events.into())]);
        Self::new(200, body).with("content-type", "text/event-stream")
    }

    /// A stream that breaks behind these events.
    pub fn cut_stream(events: impl Into<Vec<u8>>) -> Self {
        Self::new(200, Body::Cut(events.into())).with("content-type", "text/event-stream")
    }

    pub fn hang_up() -> Self {
        Self::new(0, Body::HangUp)
    }

    pub fn silence() -> Self {
        Self::new(0, Body::Silence)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A stream that goes on with `events` when the gate opens.
    pub fn then(mut self, gate: &Rc<Notify>, events: &str) -> Self {
        if let Body::Pieces(pieces) = &mut self.body {
            pieces.extend([Piece::Gate(gate.clone()), Piece::Bytes(events.into())]);
        }
        self
    }

    /// The same answer, which waits for the gate to open before its head.
    pub fn behind(mut self, gate: &Rc<Notify>) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// A provider that gives its answers in order; the last one it gives from then on.
pub struct Provider {
    stub: StubUpstream,
    given: Rc<Given>,
}

/// How many answers have gone out.
#[derive(Default)]
struct Given {
    count: Cell<usize>,
    changed: Notify,
}

impl Provider {
    pub async fn saying(answers: impl IntoIterator<Item = Scripted>) -> Self {
        let answers: VecDeque<Scripted> = answers.into_iter().collect();
        assert!(!answers.is_empty(), "a provider has something to say");
        let script = RefCell::new(answers);
        let given = Rc::new(Given::default());
        let counted = given.clone();
        let stub = StubUpstream::answering(move |conversation| {
            let mut script = script.borrow_mut();
            let next = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
            let counted = counted.clone();
            async move {
                let conversation = play(conversation, next.unwrap()).await;
                counted.count.set(counted.count.get() + 1);
                counted.changed.notify_waiters();
                conversation
            }
        })
        .await;
        Self { stub, given }
    }

    /// Always well.
    pub async fn well(name: &str) -> Self {
        Self::saying([Scripted::by(name)]).await
    }

    pub fn origin(&self) -> &str {
        &self.stub.origin
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.stub.requests().len()
    }

    pub fn requests(&self) -> Vec<SeenRequest> {
        self.stub.requests()
    }

    /// Waits until it has been asked so often.
    pub async fn asked_times(&self, times: usize) -> SeenRequest {
        self.stub.request(times - 1).await
    }

    /// Waits until it has answered so often. A test that blocks its thread, as the log of a process
    /// does, must let its providers speak first.
    pub async fn answered_times(&self, times: usize) {
        let answered = async {
            loop {
                let changed = self.given.changed.notified();
                if self.given.count.get() >= times {
                    return;
                }
                changed.await;
            }
        };
        expect(answered, "an answer of the provider").await;
    }

    /// Waits until every connection to it is closed.
    pub async fn all_closed(&self) {
        self.stub.all_closed().await;
    }
}

async fn play(mut conversation: Conversation, next: Scripted) -> Option<Conversation> {
    let Scripted { status, fields, body, gate } = next;
    if let Some(gate) = gate {
        gate.notified().await;
    }
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    match body {
        Body::HangUp => return None,
        Body::Silence => {
            conversation.gateway_leaves().await;
            return None;
        }
        Body::Cut(bytes) => {
            conversation.begin(status, &fields).await;
            conversation.chunk(bytes).await;
            return None;
        }
        Body::Whole(body) => conversation.reply(status, &fields, body).await,
        Body::Pieces(pieces) => {
            conversation.begin(status, &fields).await;
            for piece in pieces {
                match piece {
                    Piece::Bytes(bytes) if bytes.is_empty() => {}
                    Piece::Bytes(bytes) => conversation.chunk(bytes).await,
                    Piece::Gate(gate) => gate.notified().await,
                }
            }
            conversation.end().await;
        }
    }
    Some(conversation)
}

/// A list of credentials, `list` in the configuration: one for each origin, with the keys `key-1`,
/// `key-2` and so on, all for the model `m`. What stands beside an origin is added to its entry.
pub fn pool(list: &str, entries: &[(&str, &str)]) -> String {
    let entry = |(index, (origin, more)): (usize, &(&str, &str))| {
        let models = if more.contains("models:") { "" } else { ", models: [{ name: m }]" };
        let number = index + 1;
        if list == "openai-compatibility" {
            let keys = format!("api-key-entries: [{{ api-key: key-{number} }}]");
            let name = format!("name: provider-{number}, base-url: '{origin}/v1'");
            return format!("  - {{ {name}, {keys}{models}{more} }}\n");
        }
        format!("  - {{ api-key: key-{number}, base-url: '{origin}'{models}{more} }}\n")
    };
    let entries: String = entries.iter().enumerate().map(entry).collect();
    format!("{list}:\n{entries}")
}
