//! A demo upstream with known keys, and the sockets to speak to it.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::time::Duration;

use ampgate::demo::{DemoOptions, DemoUpstream, SEEN_PATH};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub const PROVIDER_KEY: &str = "provider-key";
pub const AMP_KEY: &str = "amp-key";

/// The mask of every frame we send: all zeros, so that the payload stays readable.
const MASK: [u8; 4] = [0; 4];

/// A client must mask its frames (RFC 6455, 5.1).
const MASK_BIT: u8 = 0x80;

/// Says that the length follows in two bytes.
const TWO_BYTE_LENGTH: u8 = 0x7e;

/// One final text frame.
const TEXT_FRAME: u8 = 0x81;

/// Keys to show: the field and its value.
pub type Keys<'a> = &'a [(&'a str, &'a str)];

pub struct Demo(DemoUpstream);

impl Demo {
    pub async fn start() -> Self {
        let options = DemoOptions {
            provider_key: Some(PROVIDER_KEY.to_owned()),
            amp_key: Some(AMP_KEY.to_owned()),
            event_delay: Duration::ZERO,
            ..DemoOptions::default()
        };
        Self(DemoUpstream::start(options).await.unwrap())
    }

    /// Posts with the key the path wants.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(path, &[right_key(path)], &[], body.to_string().into_bytes()).await
    }

    pub async fn post_with_keys(&self, path: &str, keys: Keys<'_>) -> (u16, Value) {
        self.send(path, keys, &[], Vec::new()).await
    }

    pub async fn post_gzip(&self, path: &str, body: Vec<u8>) -> (u16, Value) {
        self.send(path, &[right_key(path)], &[("content-encoding", "gzip")], body).await
    }

    /// Posts, and reads the whole answer as text: a stream.
    pub async fn post_for_text(&self, path: &str, body: &Value) -> String {
        let request = awc::Client::new().post(self.url(path)).insert_header(right_key(path));
        let mut answer = request.send_json(body).await.unwrap();
        String::from_utf8(answer.body().await.unwrap().to_vec()).unwrap()
    }

    pub async fn seen(&self) -> Value {
        awc::Client::new().get(self.url(SEEN_PATH)).send().await.unwrap().json().await.unwrap()
    }

    /// Shakes hands by hand; the status when it is not 101.
    pub async fn open_socket(&self, path: &str, subprotocols: &str) -> Result<Socket, u16> {
        let host = self.0.origin().trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await.unwrap();
        let mut head = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        if path.starts_with("/v1/") {
            head.extend(["Authorization: Bearer ", PROVIDER_KEY, "\r\n"]);
        }
        if !subprotocols.is_empty() {
            head.extend(["Sec-WebSocket-Protocol: ", subprotocols, "\r\n"]);
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap().to_lowercase();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        if status == 101 { Ok(Socket { stream, answer }) } else { Err(status) }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.origin())
    }

    async fn send(
        &self,
        path: &str,
        keys: Keys<'_>,
        fields: &[(&str, &str)],
        body: Vec<u8>,
    ) -> (u16, Value) {
        let mut request = awc::Client::new().post(self.url(path));
        for field in keys.iter().chain(fields) {
            request = request.insert_header(*field);
        }
        let mut answer = request.send_body(body).await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }
}

/// An open WebSocket, spoken by hand.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    answer: String,
}

impl Socket {
    pub fn subprotocol(&self) -> Option<&str> {
        self.answer.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: "))
    }

    pub async fn send(&mut self, text: &str) {
        let mut frame = vec![TEXT_FRAME];
        let len = u16::try_from(text.len()).unwrap();
        match u8::try_from(len) {
            Ok(len) if len < TWO_BYTE_LENGTH => frame.push(MASK_BIT | len),
            Ok(_) | Err(_) => {
                frame.push(MASK_BIT | TWO_BYTE_LENGTH);
                frame.extend(len.to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(text.as_bytes());
        self.stream.write_all(&frame).await.unwrap();
    }

    pub async fn receive(&mut self) -> String {
        assert_eq!(self.stream.read_u8().await.unwrap(), TEXT_FRAME);
        let len = match self.stream.read_u8().await.unwrap() {
            TWO_BYTE_LENGTH => usize::from(self.stream.read_u16().await.unwrap()),
            len => usize::from(len),
        };
        let mut text = vec![0; len];
        self.stream.read_exact(&mut text).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    pub async fn receive_json(&mut self) -> Value {
        serde_json::from_str(&self.receive().await).unwrap()
    }
}

/// The data of every event but `[DONE]`; where an event has a name, it is its data's type.
pub fn events_of(stream: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut name = None;
    for line in stream.lines() {
        if let Some(event) = line.strip_prefix("event: ") {
            name = Some(event);
        } else if let Some(data) = line.strip_prefix("data: ").filter(|data| *data != "[DONE]") {
            let data: Value = serde_json::from_str(data).unwrap();
            if let Some(name) = name.take() {
                assert_eq!(type_of(&data), name);
            }
            events.push(data);
        }
    }
    events
}

pub fn type_of(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default()
}

fn right_key(path: &str) -> (&'static str, &'static str) {
    if path.starts_with("/api/") {
        ("x-api-key", AMP_KEY)
    } else if path.ends_with("/messages") {
        ("x-api-key", PROVIDER_KEY)
    } else if path.contains("/models/") {
        ("x-goog-api-key", PROVIDER_KEY)
    } else {
        ("authorization", "Bearer provider-key")
    }
}
