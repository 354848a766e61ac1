//! An upstream that says what the test tells it to, byte by byte if need be.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::expect;
use super::wire::{Reader, SeenRequest};

/// One request and the connection to answer it on.
pub struct Conversation {
    pub request: SeenRequest,
    pub reader: Reader<OwnedReadHalf>,
    pub writer: OwnedWriteHalf,
    state: Rc<State>,
    keep: bool,
}

impl Conversation {
    /// Sends bytes as they are. An error means that the gateway is gone, which some tests want.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.writer.write_all(bytes.as_ref()).await;
        let _ = self.writer.flush().await;
    }

    /// A whole answer with its length.
    pub async fn reply(&mut self, status: u16, fields: &[(&str, &str)], body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.say([head.as_bytes(), body].concat()).await;
    }

    /// The head of a chunked answer.
    pub async fn begin(&mut self, status: u16, fields: &[(&str, &str)]) {
        let mut head = format!("HTTP/1.1 {status} X\r\ntransfer-encoding: chunked\r\n");
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.say(head).await;
    }

    pub async fn chunk(&mut self, data: impl AsRef<[u8]>) {
        let data = data.as_ref();
        self.say([format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()).await;
    }

    pub async fn end(&mut self) {
        self.say("0\r\n\r\n").await;
    }

    /// Ends the connection with a reset.
    pub fn reset(mut self) {
        self.keep = false;
        let Self { reader, writer, state, .. } = self;
        state.resets.set(state.resets.get() + 1);
        let _ = writer.as_ref().set_zero_linger();
        writer.forget(); // dropped, it would say an orderly goodbye first
        drop(reader);
    }

    /// Waits until the gateway closes the connection.
    pub async fn gateway_leaves(&mut self) {
        while matches!(self.reader.fill().await, Ok(true)) {}
    }
}

#[derive(Default)]
struct State {
    seen: RefCell<Vec<SeenRequest>>,
    connections: Cell<usize>,
    open: Cell<usize>,
    resets: Cell<usize>,
    changed: Notify,
}

type Answer = Pin<Box<dyn Future<Output = Option<Conversation>>>>;

/// An upstream on a port of its own.
pub struct StubUpstream {
    pub origin: String,
    state: Rc<State>,
    accepting: actix_rt::task::JoinHandle<()>,
}

impl Drop for StubUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl StubUpstream {
    /// Answers each request with what `answer` says. It gets the conversation and gives it back to
    /// keep the connection; dropping it closes the connection.
    pub async fn answering<F, A>(answer: F) -> Self
    where
        F: Fn(Conversation) -> A + 'static,
        A: Future<Output = Option<Conversation>> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Rc::new(State::default());
        let answer: Rc<dyn Fn(Conversation) -> Answer> =
            Rc::new(move |conversation| Box::pin(answer(conversation)));
        let shared = state.clone();
        let accepting = actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                actix_rt::spawn(serve(stream, shared.clone(), answer.clone()));
            }
        });
        Self { origin: format!("http://127.0.0.1:{port}"), state, accepting }
    }

    /// Answers every request with the same whole answer.
    pub async fn replying(
        status: u16,
        content_type: &'static str,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let body: Rc<[u8]> = body.into().into();
        Self::answering(move |mut conversation| {
            let body = body.clone();
            async move {
                conversation.reply(status, &[("content-type", content_type)], &body).await;
                Some(conversation)
            }
        })
        .await
    }

    pub fn requests(&self) -> Vec<SeenRequest> {
        self.state.seen.borrow().clone()
    }

    /// The one request that came.
    pub fn only_request(&self) -> SeenRequest {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "upstream saw {} requests", requests.len());
        requests.into_iter().next().unwrap()
    }

    /// Waits until this many requests have come.
    pub async fn request(&self, number: usize) -> SeenRequest {
        let arrived = async {
            loop {
                let changed = self.state.changed.notified();
                if let Some(request) = self.state.seen.borrow().get(number) {
                    return request.clone();
                }
                changed.await;
            }
        };
        expect(arrived, "a request at the upstream").await
    }

    /// How many connections were ever made.
    pub fn connections(&self) -> usize {
        self.state.connections.get()
    }

    /// Waits until a connection is open.
    pub async fn connected(&self) {
        loop {
            let changed = self.state.changed.notified();
            if self.state.open.get() > 0 {
                return;
            }
            changed.await;
        }
    }

    /// Waits until every connection is closed.
    pub async fn all_closed(&self) {
        let closed = async {
            loop {
                let changed = self.state.changed.notified();
                if self.state.open.get() == 0 {
                    return;
                }
                changed.await;
            }
        };
        expect(closed, "the upstream's connections to be closed").await;
    }
}

async fn serve(stream: TcpStream, state: Rc<State>, answer: Rc<dyn Fn(Conversation) -> Answer>) {
    let connection = state.connections.get();
    state.connections.set(connection + 1);
    state.open.set(state.open.get() + 1);
    state.changed.notify_waiters();
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let mut reader = Reader::new(reader);
    while let Ok(Some((first, fields, mut raw))) = reader.head().await {
        if fields.get("expect").is_some() {
            let _ = writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        let Ok(body) = reader.body(&fields).await else { break };
        let body = body.unwrap_or_default();
        raw.extend_from_slice(&body);
        let mut words = first.split(' ').map(str::to_owned);
        let request = SeenRequest {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            fields,
            body,
            raw,
            connection,
        };
        state.seen.borrow_mut().push(request.clone());
        state.changed.notify_waiters();
        let conversation =
            Conversation { request, reader, writer, state: state.clone(), keep: true };
        match answer(conversation).await {
            Some(kept) if kept.keep => (reader, writer) = (kept.reader, kept.writer),
            _ => {
                state.open.set(state.open.get() - 1);
                state.changed.notify_waiters();
                return;
            }
        }
    }
    state.open.set(state.open.get() - 1);
    state.changed.notify_waiters();
}
