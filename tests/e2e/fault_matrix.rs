//! Every fault of a wire at every place of an exchange: what the client is told, and that nothing of
//! it stays behind.
//!
//! One stage serves all rows: an upstream, the gateway, a client, and a [`FaultProxy`] on each of the
//! two ways between them. A row plans a fault on one of the wires and says what the client must hear.
//! After each row both wires are let go, and the next request is answered over the same ways; with one
//! connection allowed, it could not be if a permit had leaked. Who fails by saying the wrong thing is
//! in [`crate::faults`]; here everybody says the right thing, and the wire fails.

mod client;
mod http2;
mod tls;
mod tunnel;
mod upstream;

use std::net::SocketAddr;

use crate::support::{
    Client, Conversation, FaultProxy, GatewayProcess, Reader, Response, StubUpstream, TestGateway,
    expect,
};

const KEY: (&str, &str) = ("x-api-key", "client-key-1");

/// Every body holds this text; faults in mid-body begin in its middle.
const FIRST_HALF: &str = "first half";
const BODY: &str = "first half,last half";
const MODEL_CALL: &str = r#"{"model":"claude-x","stream":true,"messages":"first half,last half"}"#;

/// The upstream begins its answer to this one and never ends it.
const ENDLESS_CALL: &str = r#"{"model":"claude-x","stream":true,"messages":"endless"}"#;

const EVENTS: [&str; 3] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\
     \"text_delta\",\"text\":\"first half,last half\"}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
     connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A request cannot be in flight while another one still holds the only permit.
const ONE_AT_A_TIME: &str = "limits: { connections-per-upstream: 1 }\n";

/// Everything but the gateway.
struct Stage {
    upstream: StubUpstream,
    at_upstream: FaultProxy,
    at_client: FaultProxy,
}

/// An answer as far as it came.
#[derive(Debug)]
struct Heard {
    head: Response,
    /// Whether the body ended as its framing says it should.
    is_whole: bool,
}

fn address_in(origin: &str) -> SocketAddr {
    origin.split_once("://").unwrap().1.parse().unwrap()
}

/// Amp and a credential at one origin, each asked once.
fn configuration(origin: &str, credential: &str) -> String {
    format!(
        "api-keys: [client-key-1]\nrequest-retry: 0\ndisable-cooling: true\n\
         ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n\
         {credential}: [{{ api-key: provider-key, base-url: '{origin}' }}]\n"
    )
}

const CLAUDE: &str = "claude-api-key";

/// Without any other, the WebSocket of Responses is a tunnel.
const OPENAI: &str = "openai-api-key";

impl Stage {
    /// A stage around a gateway in this process, which goes on while it is held.
    async fn around_a_gateway() -> (Self, TestGateway) {
        Self::around(CLAUDE, ONE_AT_A_TIME, in_this_process).await
    }

    async fn around<G>(
        credential: &str,
        more: &str,
        start: impl AsyncFnOnce(String) -> (SocketAddr, G),
    ) -> (Self, G) {
        let upstream = StubUpstream::answering(speak).await;
        let at_upstream = FaultProxy::before(address_in(&upstream.origin)).await;
        let origin = format!("http://{}", at_upstream.address);
        let (address, gateway) = start(configuration(&origin, credential) + more).await;
        let at_client = FaultProxy::before(address).await;
        (Self { upstream, at_upstream, at_client }, gateway)
    }

    async fn connect(&self) -> Client {
        Client::connect(self.at_client.address).await
    }

    /// Connects and asks for a target, with a body where the target wants one.
    async fn ask(&self, target: &str) -> Client {
        let mut client = self.connect().await;
        let (method, body) = question(target);
        client.send(method, target, &[KEY, ("connection", "close")], body.as_bytes()).await;
        client
    }

    /// Waits until the gateway holds nothing of what was, and asks it once more.
    async fn recovers(&self, why: &str) {
        self.at_upstream.all_closed().await;
        self.upstream.all_closed().await;
        let mut client = self.ask("/api/well").await;
        let heard = hear(&mut client).await.unwrap_or_else(|| panic!("{why}: nothing answers"));
        assert_eq!(heard.text(), "well again", "{why}: the next request");
        drop(client);
        self.at_client.all_closed().await;
        self.at_upstream.all_closed().await;
    }
}

async fn in_this_process(yaml: String) -> (SocketAddr, TestGateway) {
    let gateway = TestGateway::start(&yaml).await;
    (gateway.address, gateway)
}

async fn in_a_process(yaml: String) -> (SocketAddr, GatewayProcess) {
    let gateway = GatewayProcess::start(&yaml);
    (gateway.address, gateway)
}

fn question(target: &str) -> (&'static str, &'static str) {
    match target {
        "/v1/messages" => ("POST", MODEL_CALL),
        "/api/upload" => ("POST", BODY),
        _ => ("GET", ""),
    }
}

/// The body of the whole answer.
fn whole_answer(target: &str) -> String {
    match target {
        "/v1/messages" | "/api/events" => EVENTS.concat(),
        _ => BODY.to_owned(),
    }
}

/// What of it stands before the place in its middle.
fn first_half_of(target: &str) -> String {
    let whole = whole_answer(target);
    whole[..whole.find(FIRST_HALF).unwrap() + FIRST_HALF.len()].to_owned()
}

/// The upstream of all rows. It leaves it to the gateway to close a connection.
async fn speak(mut conversation: Conversation) -> Option<Conversation> {
    const CLOSE: (&str, &str) = ("connection", "close");
    let body = conversation.request.body.clone();
    let target = conversation.request.target.clone();
    match target.split('?').next().unwrap_or_default() {
        "/api/sized" => conversation.reply(200, &[CLOSE], BODY).await,
        "/api/chunked" => {
            let (first, last) = BODY.split_at(BODY.len() / 2 + 3);
            conversation.begin(200, &[CLOSE]).await;
            for piece in [first, last] {
                conversation.chunk(piece).await;
            }
            conversation.end().await;
        }
        "/api/events" | "/v1/messages" => {
            let is_endless = memchr::memmem::find(&body, b"endless").is_some();
            conversation.begin(200, &[CLOSE, ("content-type", "text/event-stream")]).await;
            for event in &EVENTS[..if is_endless { 2 } else { 3 }] {
                conversation.chunk(event).await;
            }
            if !is_endless {
                conversation.end().await;
            }
        }
        "/api/upload" => conversation.reply(200, &[CLOSE], body).await,
        "/api/socket" | "/v1/responses" => echo(&mut conversation).await,
        _ => conversation.reply(200, &[CLOSE], "well again").await,
    }
    conversation.gateway_leaves().await;
    None
}

async fn echo(conversation: &mut Conversation) {
    conversation.say(SWITCHED).await;
    loop {
        let heard = std::mem::take(&mut conversation.reader.buffer);
        conversation.say(heard).await;
        if !matches!(conversation.reader.fill().await, Ok(true)) {
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut conversation.writer).await;
            return;
        }
    }
}

/// Reads on until a text has come.
async fn hear_until(client: &mut Client, text: &str) {
    let heard = async {
        while memchr::memmem::find(&client.reader.buffer, text.as_bytes()).is_none() {
            let more = client.reader.fill().await;
            assert!(matches!(more, Ok(true)), "ended before {text}: {:?}", client.reader.buffer);
        }
    };
    expect(heard, text).await;
}

/// Reads an answer until the connection ends, well or not; `None` when there was none.
async fn hear(client: &mut Client) -> Option<Heard> {
    let ended = async { while matches!(client.reader.fill().await, Ok(true)) {} };
    expect(ended, "the end of the answer").await;
    parse(std::mem::take(&mut client.reader.buffer)).await
}

/// An answer from all the bytes of a connection.
async fn parse(bytes: Vec<u8>) -> Option<Heard> {
    let mut reader = Reader::new(bytes.as_slice());
    let (first, fields, _) = reader.head().await.unwrap()?;
    let status = first.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = Vec::new();
    let is_whole = if fields.get("transfer-encoding").is_some() {
        loop {
            match reader.chunk().await {
                Ok(Some(piece)) => body.extend(piece),
                Ok(None) => break true,
                Err(_) => break false,
            }
        }
    } else {
        body = reader.to_end().await.unwrap();
        fields.get("content-length") == Some(body.len().to_string().as_str())
    };
    Some(Heard { head: Response { status, fields, body }, is_whole })
}

impl Heard {
    fn text(&self) -> String {
        self.head.text()
    }

    fn assert_whole(&self, expected: impl AsRef<[u8]>, why: &str) {
        assert_eq!(self.head.status, 200, "{why}: {}", self.text());
        assert!(self.head.body == expected.as_ref(), "{why}: {}", self.text());
        assert!(self.is_whole, "{why}: has no end");
    }
}

/// Plays the same rows several times in a real process: what a fault leaves behind would add up.
async fn leave_nothing_behind(gateway: &GatewayProcess, rows: impl AsyncFn()) {
    const ROUNDS: usize = 2;
    /// Each worker may have made once what it keeps: connections are closed after each row.
    const DESCRIPTORS: usize = 4;
    const ROOM_KIB: u64 = 8 << 10;
    rows().await; // the first round makes what a process makes once
    let (descriptors, threads) = (gateway.open_descriptors(), gateway.threads());
    let resident_kib = gateway.resident_kib();

    for _ in 0..ROUNDS {
        rows().await;
    }

    let let_go = async {
        while gateway.open_descriptors() > descriptors + DESCRIPTORS {
            tokio::task::yield_now().await;
        }
    };
    expect(let_go, "every descriptor to be given back").await;
    assert_eq!(gateway.threads(), threads);
    let grown = gateway.resident_kib().saturating_sub(resident_kib);
    assert!(grown < ROOM_KIB, "{grown} KiB");
}

#[actix_web::test]
async fn faults_leave_nothing_behind() {
    let (stage, gateway) = Stage::around(CLAUDE, "", in_a_process).await;
    leave_nothing_behind(&gateway, async || {
        upstream::every_row(&stage).await;
        client::every_row(&stage).await;
        tunnel::every_row(&stage).await;
    })
    .await;
}
