//! A client that sees every byte.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::expect;
use super::wire::{Fields, Reader};

/// An answer as the client saw it.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub fields: Fields,
    pub body: Vec<u8>,
}

impl Response {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// One connection to the gateway.
pub struct Client {
    pub reader: Reader<OwnedReadHalf>,
    pub writer: OwnedWriteHalf,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = expect(TcpStream::connect(address), "a connection").await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (reader, writer) = stream.into_split();
        Self { reader: Reader::new(reader), writer }
    }

    /// Sends bytes as they are.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.writer.write_all(bytes.as_ref()).await.unwrap();
        self.writer.flush().await.unwrap();
    }

    /// Sends a request with the given fields and body, `Content-Length` included when there is one.
    pub async fn send(&mut self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str("host: gateway\r\n");
        }
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.say([head.as_bytes(), body].concat()).await;
    }

    /// Sends a request and reads its answer.
    pub async fn ask(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.send(method, target, fields, body).await;
        if method == "HEAD" { self.head().await } else { self.response().await }
    }

    /// The head of the next answer.
    pub async fn head(&mut self) -> Response {
        let (first, fields, _) = expect(self.reader.head(), "the head of an answer")
            .await
            .unwrap()
            .expect("the connection ended before a head");
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        Response { status: status.expect("a status"), fields, body: Vec::new() }
    }

    /// The next answer, whole.
    pub async fn response(&mut self) -> Response {
        let mut response = self.head().await;
        response.body = expect(self.rest(&response.fields), "the body of an answer").await.unwrap();
        response
    }

    /// The body that belongs to a head.
    pub async fn rest(&mut self, fields: &Fields) -> io::Result<Vec<u8>> {
        Ok(self.reader.body(fields).await?.unwrap_or_default())
    }

    /// The next chunk of a chunked body; an error when the answer is cut.
    pub async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        expect(self.reader.chunk(), "a chunk").await
    }

    /// Waits for the end of the connection and returns what came before it.
    pub async fn to_end(&mut self) -> Vec<u8> {
        expect(self.reader.to_end(), "the end of the connection").await.unwrap_or_default()
    }
}
