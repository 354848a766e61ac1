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
    let before = r#"{"max_tokens":1024,"messages":[{"role":"user","content":""#;
    let after = format!(r#""}}],"stream":{stream},"model":"{MODEL}"}}"#);
    let text = "x".repeat(size.saturating_sub(before.len() + after.len()));
    let body = format!("{before}{text}{after}");
    format!(
        "POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\nanthropic-version: 2023-06-01\r\n\
         user-agent: bench/1\r\ncontent-length: {}\r\n\r\n{body}",
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
        loop {
            if let Some(end) = head_end(&self.read) {
                let length = content_length(&self.read[..end]);
                if !self.read.starts_with(b"HTTP/1.1 200") {
                    let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
                    return Err(io::Error::other(head));
                }
                self.read.drain(..end);
                return Ok(length);
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

    async fn more(&mut self) -> io::Result<()> {
        match self.socket.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
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
