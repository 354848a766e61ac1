//! The upstream: answers every request by one script, and says what it saw.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::client::{content_length, head_end};

/// In each event but the last, once: what clients count. One byte, so that no chunk divides it, and
/// one that heads and chunk framing do not have.
pub const EVENT: u8 = b'!';
/// In the last event, once.
pub const LAST_EVENT: u8 = b'$';

/// The size of an event on the wire: what a provider sends for a word or two.
const EVENT_BYTES: usize = 150;
/// Events in one write when nothing paces them: what fits the 8 KiB that gateways like to read.
const BURST: usize = 50;
const MESSAGE_BYTES: usize = 1024;
const PIECE: usize = 64 * 1024;

/// What becomes of a request.
#[derive(Clone, Copy)]
pub enum Script {
    /// 1 KiB of JSON at once.
    Message,
    /// Events until told to stop, one at a time with a pause, or in bursts without.
    Events { pause: Option<Duration> },
    /// So many bytes, as fast as they are taken.
    Bytes(u64),
    /// Nothing, after so many events; not even a head after none.
    Silence { after_events: usize },
}

/// What the upstream tells.
pub enum Seen {
    /// A request is there, all of it.
    Request,
    /// The gateway has closed a connection whose answer was not over.
    Closed(Instant),
}

pub struct Upstream {
    pub seen: mpsc::UnboundedReceiver<Seen>,
    shared: Rc<Shared>,
}

struct Shared {
    script: Script,
    tell: mpsc::UnboundedSender<Seen>,
    stop: Cell<bool>,
    written: Cell<u64>,
}

impl Upstream {
    /// Listens; must run inside a `LocalSet`.
    pub async fn start(at: SocketAddr, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let (tell, seen) = mpsc::unbounded_channel();
        let (stop, written) = (Cell::new(false), Cell::new(0));
        let shared = Rc::new(Shared { script, tell, stop, written });
        let served = shared.clone();
        tokio::task::spawn_local(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let shared = served.clone();
                tokio::task::spawn_local(async move {
                    let _ = shared.serve(socket).await; // how it ended shows at the client
                });
            }
        });
        Ok(Self { seen, shared })
    }

    /// Ends every stream of events in good order.
    pub fn stop(&self) {
        self.shared.stop.set(true);
    }

    /// Bytes of answers that the kernel has taken so far.
    pub fn written(&self) -> u64 {
        self.shared.written.get()
    }
}

impl Shared {
    async fn serve(&self, mut socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let message = message();
        while read_request(&mut socket).await? {
            let _ = self.tell.send(Seen::Request);
            match self.script {
                Script::Message => socket.write_all(&message).await?,
                Script::Events { pause } => self.stream(&mut socket, pause).await?,
                Script::Bytes(count) => self.pour(&mut socket, count).await?,
                Script::Silence { after_events } => {
                    self.fall_silent(&mut socket, after_events).await?;
                }
            }
        }
        Ok(())
    }

    async fn stream(&self, socket: &mut TcpStream, pause: Option<Duration>) -> io::Result<()> {
        socket.write_all(STREAM_HEAD).await?;
        let single = event(EVENT);
        let burst = single.repeat(BURST);
        while !self.stop.get() {
            match pause {
                Some(pause) => {
                    socket.write_all(&single).await?;
                    tokio::time::sleep(pause).await;
                }
                None => socket.write_all(&burst).await?,
            }
        }
        let mut end = event(LAST_EVENT);
        end.extend_from_slice(b"0\r\n\r\n");
        socket.write_all(&end).await
    }

    async fn pour(&self, socket: &mut TcpStream, count: u64) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {count}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await?;
        let piece = vec![b'x'; PIECE];
        let mut left = count;
        while left > 0 {
            let size = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
            let taken = socket.write(&piece[..size]).await? as u64;
            self.written.set(self.written.get() + taken);
            left -= taken;
        }
        Ok(())
    }

    /// Waits for the other side to go.
    async fn fall_silent(&self, socket: &mut TcpStream, after_events: usize) -> io::Result<()> {
        if after_events > 0 {
            socket.write_all(STREAM_HEAD).await?;
            socket.write_all(&event(EVENT).repeat(after_events)).await?;
        }
        let mut nothing = [0; 1];
        let ended = socket.read(&mut nothing).await;
        let _ = self.tell.send(Seen::Closed(Instant::now()));
        ended.map(|_| ())
    }
}

pub const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    content-type: text/event-stream\r\n\
    transfer-encoding: chunked\r\n\r\n";

/// One event in a chunk of its own.
fn event(mark: u8) -> Vec<u8> {
    let mark = char::from(mark);
    let before = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
                  \"delta\":{\"type\":\"text_delta\",\"text\":\"";
    let after = "\"}}\n\n";
    let text = "x".repeat(EVENT_BYTES - before.len() - after.len() - 1);
    format!("{EVENT_BYTES:x}\r\n{before}{text}{mark}{after}\r\n").into_bytes()
}

/// A model's answer, or a management answer: nobody here minds which.
pub fn message() -> Vec<u8> {
    let before = r#"{"id":"msg_1","type":"message","role":"assistant","model":"bench","content":[{"type":"text","text":""#;
    let after = r#""}],"stop_reason":"end_turn","usage":{"input_tokens":200,"output_tokens":200}}"#;
    let text = "x".repeat(MESSAGE_BYTES - before.len() - after.len());
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {MESSAGE_BYTES}\r\n\r\n\
         {before}{text}{after}"
    )
    .into_bytes()
}

/// Reads one request to its end; false when the connection ends instead.
async fn read_request(socket: &mut TcpStream) -> io::Result<bool> {
    let mut read = Vec::with_capacity(8 * 1024);
    let head = loop {
        if let Some(end) = head_end(&read) {
            break end;
        }
        if socket.read_buf(&mut read).await? == 0 {
            return Ok(false);
        }
    };
    let mut left = (head + content_length(&read[..head])).saturating_sub(read.len());
    let mut piece = vec![0; left.min(PIECE)];
    while left > 0 {
        let size = left.min(PIECE);
        let count = socket.read(&mut piece[..size]).await?;
        if count == 0 {
            return Ok(false);
        }
        left -= count;
    }
    Ok(true)
}
