//! The clients of mixed traffic: how each kind of visit is made.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use memchr::memmem;

use super::gauge::Gauge;
use super::visits::{VISITS, Visit, Went};
use crate::client::{Connection, Head, call_of, management_get};

const SMALL: usize = 1024;
const LARGE: usize = 48 * 1024;
const UPLOAD: usize = 256 * 1024;
/// Conversations that calls belong to.
const SESSIONS: u32 = 2000;
/// Connections kept for the next visit.
const MOST_IDLE: usize = 64;
/// The longest time a client waits before it leaves.
const LONGEST_PATIENCE_MS: u32 = 200;
/// A tunnel's conversation: so many messages of a KiB, with a pause behind each.
const MESSAGES: (u32, Duration) = (20, Duration::from_millis(500));
/// What is kept of a stream to judge its end by: room for an error event and the last chunk.
const TAIL: usize = 2048;

/// All clients: one key, and connections that are used again.
pub struct Clients {
    to: SocketAddr,
    key: String,
    idle: RefCell<Vec<Connection>>,
    chance: Cell<u64>,
    /// Streams that are being read.
    pub streams: Gauge,
    pub tunnels: Gauge,
}

impl Clients {
    pub fn new(to: SocketAddr, key: &str) -> Self {
        Self {
            to,
            key: key.to_owned(),
            idle: RefCell::default(),
            // Any start but 0; the same in each run.
            chance: Cell::new(0x9e37_79b9_7f4a_7c15),
            streams: Gauge::default(),
            tunnels: Gauge::default(),
        }
    }

    /// The next visit, in the proportions of [`VISITS`].
    pub fn choose(&self) -> (Visit, &'static str) {
        let mut at = self.below(VISITS.iter().map(|(.., weight)| weight).sum());
        for (visit, name, weight) in VISITS {
            if at < *weight {
                return (*visit, name);
            }
            at -= weight;
        }
        (Visit::Get, "get")
    }

    /// Closes the connections that are not used.
    pub fn go_home(&self) {
        self.idle.borrow_mut().clear();
    }

    pub async fn make(&self, visit: Visit) -> io::Result<Went> {
        let key = &self.key;
        match visit {
            Visit::Get => self.ask(&management_get(key), &[200]).await,
            Visit::List => self.ask(&get("/v1/models", key), &[200]).await,
            Visit::Small => {
                let session = format!("x-session-id: s{}\r\n", self.below(SESSIONS));
                self.ask(&call_of("steady", key, SMALL, false, &session), &[200]).await
            }
            Visit::Large => self.ask(&call_of("steady", key, LARGE, false, ""), &[200]).await,
            Visit::Upload => self.ask(&upload(key), &[200]).await,
            Visit::Short => self.read_stream("short").await,
            Visit::Long => self.read_stream("long").await,
            Visit::Tunnel => self.talk().await,
            Visit::TunnelEnded => self.talk_until_left().await,
            Visit::LeavesInHead => self.leave_within(&management_get(key), 40).await,
            Visit::LeavesInUpload => self.leave_within(&upload(key), UPLOAD / 2).await,
            Visit::LeavesBeforeAnswer => {
                let silent = call_of("silent", key, SMALL, true, "");
                self.leave_within(&silent, silent.len()).await
            }
            Visit::LeavesInStream => self.leave_in_stream().await,
            Visit::Flaky => {
                let call = call_of("flaky", key, SMALL, false, "");
                self.ask(&call, &[200, 429, 500, 502, 503, 529]).await
            }
            Visit::Cut => self.read_cut_stream().await,
            Visit::Reset => self.ask(&get("/api/reset", key), &[502]).await,
            Visit::WrongKey => {
                self.ask(&call_of("steady", "nobodys-key", SMALL, false, ""), &[401]).await
            }
        }
    }

    /// A request and its answer, whose status must be among `expected`.
    async fn ask(&self, request: &[u8], expected: &[u16]) -> io::Result<Went> {
        let (mut connection, head) = match self.take_idle() {
            Some(connection) => match answered(connection, request).await {
                Ok(answered) => answered,
                // The gateway may have closed it meanwhile: what any client does then.
                Err(_) => answered(self.connect().await?, request).await?,
            },
            None => answered(self.connect().await?, request).await?,
        };
        if !expected.contains(&head.status) {
            return Err(unexpected(head.status));
        }
        connection.skip(head.length).await?;
        if head.status == 200 && self.idle.borrow().len() < MOST_IDLE {
            self.idle.borrow_mut().push(connection);
        }
        let is_as_asked = head.status == 200 || expected.len() == 1;
        Ok(if is_as_asked { Went::Well } else { Went::AsTheUpstream })
    }

    async fn read_stream(&self, model: &str) -> io::Result<Went> {
        let (mut connection, head) = self.open_stream(model).await?;
        if head.status != 200 {
            return Err(unexpected(head.status));
        }
        let _open = self.streams.hold();
        let tail = to_the_end(&mut connection).await?;
        let went_well = memmem::find(&tail, b"event: error").is_none()
            && memmem::find(&tail, b"message_stop").is_some();
        if went_well { Ok(Went::Well) } else { Err(io::Error::other("the stream ended badly")) }
    }

    async fn read_cut_stream(&self) -> io::Result<Went> {
        let (mut connection, head) = self.open_stream("cut").await?;
        if head.status != 200 {
            // A reset may overtake the events before it, in the gateway's own kernel.
            return Ok(Went::AsTheUpstream);
        }
        let _open = self.streams.hold();
        let tail = to_the_end(&mut connection).await?;
        match memmem::find(&tail, b"event: error") {
            Some(_) => Ok(Went::Well),
            None => Err(io::Error::other("a stream that was cut looks whole")),
        }
    }

    async fn open_stream(&self, model: &str) -> io::Result<(Connection, Head)> {
        let call = call_of(model, &self.key, SMALL, true, "");
        answered(self.connect().await?, &call).await
    }

    async fn leave_in_stream(&self) -> io::Result<Went> {
        let (mut connection, head) = self.open_stream("long").await?;
        if head.status != 200 {
            return Err(unexpected(head.status));
        }
        let _open = self.streams.hold();
        // Short streams, as all are in the end, may have come together with their heads.
        if connection.behind_head().is_empty() {
            connection.piece().await?;
        }
        self.leave(connection).await
    }

    /// Sends the first `length` bytes only.
    async fn leave_within(&self, request: &[u8], length: usize) -> io::Result<Went> {
        let mut connection = self.connect().await?;
        connection.send(&request[..length.min(request.len())]).await?;
        self.leave(connection).await
    }

    /// Leaves after a while, with a reset or in the orderly way.
    async fn leave(&self, connection: Connection) -> io::Result<Went> {
        let patience = u64::from(self.below(LONGEST_PATIENCE_MS));
        tokio::time::sleep(Duration::from_millis(patience)).await;
        if self.below(2) == 0 {
            connection.reset()?;
        }
        Ok(Went::Well)
    }

    async fn talk(&self) -> io::Result<Went> {
        let mut connection = self.open_tunnel("/actors/soak/websocket").await?;
        let _open = self.tunnels.hold();
        let (messages, pause) = MESSAGES;
        for _ in 0..messages {
            connection.send(&[0x82; 1024]).await?;
            connection.skip(1024).await?;
            tokio::time::sleep(pause).await;
        }
        self.leave(connection).await
    }

    async fn talk_until_left(&self) -> io::Result<Went> {
        let mut connection = self.open_tunnel("/actors/soak/upstream-leaves").await?;
        let _open = self.tunnels.hold();
        connection.send(b"last words").await?;
        connection.skip(b"last words".len()).await?;
        match connection.piece().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Went::Well),
            Err(error) => Err(error),
            Ok(_) => Err(io::Error::other("a tunnel says more than its upstream")),
        }
    }

    async fn open_tunnel(&self, path: &str) -> io::Result<Connection> {
        let handshake = format!(
            "GET {path} HTTP/1.1\r\nhost: gateway\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let (connection, head) = answered(self.connect().await?, handshake.as_bytes()).await?;
        match head.status {
            101 => Ok(connection),
            status => Err(unexpected(status)),
        }
    }

    async fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.to).await
    }

    fn take_idle(&self) -> Option<Connection> {
        // Now and then a new one, as clients that start have.
        if self.below(50) == 0 {
            return None;
        }
        let mut idle = self.idle.borrow_mut();
        // Any of them, as clients that know nothing of each other do: then each has soon carried the
        // largest body, whose buffer the gateway's side of it keeps.
        let which = self.below(u32::try_from(idle.len()).ok().filter(|count| *count > 0)?);
        let taken = idle.swap_remove(which as usize);
        taken.is_idle().then_some(taken)
    }

    /// A number below `bound`, by a chance that is the same in each run (Marsaglia's xorshift).
    fn below(&self, bound: u32) -> u32 {
        let mut chance = self.chance.get();
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        self.chance.set(chance);
        u32::try_from((chance >> 32) % u64::from(bound)).unwrap_or(0)
    }
}

async fn answered(mut connection: Connection, request: &[u8]) -> io::Result<(Connection, Head)> {
    connection.send(request).await?;
    let head = connection.any_head().await?;
    Ok((connection, head))
}

/// Reads to the last chunk, and returns what came last.
async fn to_the_end(connection: &mut Connection) -> io::Result<Vec<u8>> {
    let mut tail = connection.behind_head().to_vec();
    while !tail.ends_with(b"\r\n0\r\n\r\n") {
        tail.extend_from_slice(connection.piece().await?);
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
    Ok(tail)
}

fn get(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n\r\n")
        .into_bytes()
}

fn upload(key: &str) -> Vec<u8> {
    let mut request = format!(
        "POST /api/attachments HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {UPLOAD}\r\n\r\n"
    )
    .into_bytes();
    request.resize(request.len() + UPLOAD, b'x');
    request
}

fn unexpected(status: u16) -> io::Error {
    io::Error::other(format!("answered with {status}"))
}
