//! The upstream of mixed traffic: the request itself says what becomes of it, by its path or model.
//!
//! | path or model   | answer                                                                     |
//! | --------------- | -------------------------------------------------------------------------- |
//! | `/actors/...`   | 101, then every byte back; in a path with `upstream-leaves` only once      |
//! | `/v1/models`    | a list of one                                                              |
//! | `/api/reset`    | the connection is reset                                                    |
//! | model `short`   | a second of events                                                         |
//! | model `long`    | events for half a minute, or until all are told to stop                    |
//! | model `silent`  | nothing                                                                    |
//! | model `cut`     | some events, then a reset                                                  |
//! | model `flaky`   | in turn 429, 500, 503, 529, a reset, and 15 good answers                   |
//! | all others      | 1 KiB of JSON                                                              |

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::gauge::Gauge;
use crate::client::{content_length, head_end};
use crate::upstream::{STREAM_HEAD, message};

const SHORT: (u32, Duration) = (20, Duration::from_millis(50));
const LONG: (u32, Duration) = (120, Duration::from_millis(250));
/// Events before a stream is cut.
const BEFORE_THE_CUT: usize = 3;
/// Of so many calls of the flaky model, the first five fail.
const FLAKY_PERIOD: u32 = 20;
/// Where the model is in our own clients' bodies: at their end.
const MODEL_WITHIN: usize = 64;

/// The pair of [`super::clients`]'s key in RFC 6455, section 1.3.
const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
    connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[derive(Clone)]
pub struct Provider {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    message: Vec<u8>,
    flaky_calls: Cell<u32>,
    stop: Cell<bool>,
    /// Requests that are being answered, tunnels included.
    busy: Gauge,
}

impl Provider {
    /// Listens; must run inside a `LocalSet`.
    pub async fn start(at: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let shared = Rc::new(Shared { message: message(), ..Shared::default() });
        let provider = Self { shared: shared.clone() };
        tokio::task::spawn_local(async move {
            // Without descriptors a connection fails, and the next one may not.
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let shared = shared.clone();
                tokio::task::spawn_local(async move {
                    let _ = shared.serve(socket).await; // how it ended shows at the client
                });
            }
        });
        Ok(provider)
    }

    /// Ends long streams in good order, and keeps the next ones short.
    pub fn stop(&self) {
        self.shared.stop.set(true);
    }

    /// Requests that are being answered.
    pub fn busy(&self) -> u32 {
        self.shared.busy.get()
    }
}

impl Shared {
    async fn serve(&self, mut socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let mut read = Vec::new();
        while let Some(head) = read_request(&mut socket, &mut read).await? {
            let busy = self.busy.hold();
            let stays = self.answer(&mut socket, &read, head).await?;
            drop(busy);
            match stays {
                Stays::Open => {}
                Stays::Closed => return Ok(()),
                Stays::Reset => return socket.set_zero_linger(),
            }
        }
        Ok(())
    }

    async fn answer(&self, socket: &mut TcpStream, read: &[u8], head: usize) -> io::Result<Stays> {
        let path = path_of(&read[..head]);
        if path.starts_with("/actors/") {
            return echo(socket, path.contains("upstream-leaves")).await;
        }
        if path.starts_with("/v1/models") {
            let list = r#"{"data":[{"type":"model","id":"claude-listed"}],"has_more":false}"#;
            return say(socket, 200, "", list).await;
        }
        if path == "/api/reset" {
            return Ok(Stays::Reset);
        }
        match model_of(&read[head..]) {
            b"short" => self.stream(socket, SHORT).await,
            b"long" => self.stream(socket, LONG).await,
            b"silent" => closed_by_the_other(socket).await,
            b"cut" => {
                socket.write_all(STREAM_HEAD).await?;
                socket.write_all(&chunk(START)).await?;
                socket.write_all(&chunk(DELTA).repeat(BEFORE_THE_CUT)).await?;
                Ok(Stays::Reset)
            }
            b"flaky" => self.answer_in_turn(socket).await,
            _ => self.answer_well(socket).await,
        }
    }

    async fn answer_well(&self, socket: &mut TcpStream) -> io::Result<Stays> {
        socket.write_all(&self.message).await?;
        Ok(Stays::Open)
    }

    async fn answer_in_turn(&self, socket: &mut TcpStream) -> io::Result<Stays> {
        let call = self.flaky_calls.get();
        self.flaky_calls.set((call + 1) % FLAKY_PERIOD);
        let error = r#"{"type":"error","error":{"type":"api_error","message":"not now"}}"#;
        match call {
            0 => say(socket, 429, "retry-after: 1\r\n", error).await,
            1 => say(socket, 500, "", error).await,
            2 => say(socket, 503, "retry-after: 1\r\n", error).await,
            3 => say(socket, 529, "", error).await,
            4 => Ok(Stays::Reset),
            _ => self.answer_well(socket).await,
        }
    }

    async fn stream(
        &self,
        socket: &mut TcpStream,
        (events, pause): (u32, Duration),
    ) -> io::Result<Stays> {
        socket.write_all(STREAM_HEAD).await?;
        socket.write_all(&chunk(START)).await?;
        let delta = chunk(DELTA);
        for _ in 0..events {
            socket.write_all(&delta).await?;
            if self.stop.get() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        let mut end = chunk(STOP);
        end.extend_from_slice(b"0\r\n\r\n");
        socket.write_all(&end).await?;
        Ok(Stays::Open)
    }
}

/// What becomes of a connection after an answer.
enum Stays {
    Open,
    Closed,
    Reset,
}

async fn say(socket: &mut TcpStream, status: u16, fields: &str, body: &str) -> io::Result<Stays> {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{fields}content-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(answer.as_bytes()).await?;
    Ok(Stays::Open)
}

async fn echo(socket: &mut TcpStream, only_once: bool) -> io::Result<Stays> {
    socket.write_all(SWITCHED).await?;
    let mut piece = [0; 4096];
    loop {
        match socket.read(&mut piece).await? {
            0 => return Ok(Stays::Closed),
            count => socket.write_all(&piece[..count]).await?,
        }
        if only_once {
            return Ok(Stays::Closed);
        }
    }
}

async fn closed_by_the_other(socket: &mut TcpStream) -> io::Result<Stays> {
    let _end = socket.read(&mut [0; 1]).await?;
    Ok(Stays::Closed)
}

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\
    \"type\":\"message\",\"role\":\"assistant\",\"model\":\"long\",\"content\":[]}}\n\n";
const DELTA: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
    \"delta\":{\"type\":\"text_delta\",\"text\":\"a word or two\"}}\n\n";
const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

fn path_of(head: &[u8]) -> &str {
    let end = memchr::memchr(b'\r', head).unwrap_or(head.len());
    let line = std::str::from_utf8(&head[..end]).unwrap_or_default();
    line.split(' ').nth(1).unwrap_or_default()
}

fn model_of(body: &[u8]) -> &[u8] {
    let end = &body[body.len().saturating_sub(MODEL_WITHIN)..];
    let mark = br#""model":""#;
    let Some(at) = memmem::find(end, mark) else { return b"" };
    let name = &end[at + mark.len()..];
    &name[..memchr::memchr(b'"', name).unwrap_or(0)]
}

/// Reads one request to its end and returns where its body begins; `None` when the connection ends
/// instead.
async fn read_request(socket: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<Option<usize>> {
    read.clear();
    loop {
        if let Some(head) = head_end(read)
            && read.len() >= head + content_length(&read[..head])
        {
            return Ok(Some(head));
        }
        if socket.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}
