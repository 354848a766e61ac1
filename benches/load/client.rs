//! The clients: requests written by hand, and no more of the answers read than a case needs.

use std::io;
use std::net::SocketAddr;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MODEL: &str = "bench";

/// A management request.
pub fn management_get(key: &str) -> Vec<u8> {
    format!(
        "GET /api/user HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n\
         accept: application/json\r\nuser-agent: bench/1\r\n\r\n"
    )
    .into_bytes()
}

/// A model call with a body of `size` bytes, the model at its end: the most that a gateway may have
/// to look at.
pub fn model_call(key: &str, size: usize, stream: bool) -> Vec<u8> {
    call_of(MODEL, key, size, stream, "")
}

/// A model call for any model; `fields` are further lines of the head.
pub fn call_of(model: &str, key: &str, size: usize, stream: bool, fields: &str) -> Vec<u8> {
    let before = r#"{"max_tokens":1024,"messages":[{"role":"user","content":""#;
    let after = format!(r#""}}],"stream":{stream},"model":"{model}"}}"#);
    let text = "x".repeat(size.saturating_sub(before.len() + after.len()));
    let body = format!("{before}{text}{after}");
    format!(
        "POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\nanthropic-version: 2023-06-01\r\n\
         user-agent: bench/1\r\n{fields}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A connection to the gateway.
pub struct Connection {
    socket: TcpStream,
    /// Read, and not consumed.
    read: Vec<u8>,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(to).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, read: Vec::with_capacity(8 * 1024) })
    }

    pub async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.socket.write_all(request).await
    }

    /// Reads the head of an answer, which must be a good one, and returns the length it declares.
    pub async fn head(&mut self) -> io::Result<usize> {
        let head = self.any_head().await?;
        match head.status {
            200 => Ok(head.length),
            status => Err(io::Error::other(format!("answered with {status}"))),
        }
    }

    /// Reads the head of an answer, whatever it says.
    pub async fn any_head(&mut self) -> io::Result<Head> {
        loop {
            if let Some(end) = head_end(&self.read) {
                let head = Head::parse(&self.read[..end])?;
                self.read.drain(..end);
                return Ok(head);
            }
            self.more().await?;
        }
    }

    /// Reads and drops `length` bytes.
    pub async fn skip(&mut self, length: usize) -> io::Result<()> {
        let mut left = length;
        loop {
            let dropped = left.min(self.read.len());
            self.read.drain(..dropped);
            left -= dropped;
            if left == 0 {
                return Ok(());
            }
            self.more().await?;
        }
    }

    /// What has been read, after waiting for some of it.
    pub async fn piece(&mut self) -> io::Result<&[u8]> {
        self.read.clear();
        self.more().await?;
        Ok(&self.read)
    }

    /// Read together with the head.
    pub fn behind_head(&self) -> &[u8] {
        &self.read
    }

    /// Whether the other side has left the connection open, and said nothing.
    pub fn is_idle(&self) -> bool {
        let nothing = self.socket.try_read(&mut [0; 1]);
        matches!(nothing, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Leaves with a reset, not in the orderly way that dropping is.
    pub fn reset(self) -> io::Result<()> {
        self.socket.set_zero_linger()
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.socket.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// What matters of an answer's head.
pub struct Head {
    pub status: u16,
    /// 0 without one.
    pub length: usize,
}

impl Head {
    fn parse(head: &[u8]) -> io::Result<Self> {
        let text = String::from_utf8_lossy(head);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(text.into_owned()))?;
        Ok(Self { status, length: content_length(head) })
    }
}

/// Where the body begins.
pub fn head_end(read: &[u8]) -> Option<usize> {
    memmem::find(read, b"\r\n\r\n").map(|at| at + 4)
}

/// 0 without a length.
pub fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| *name == "content-length");
    lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}
