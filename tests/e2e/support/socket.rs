//! The client's side of a WebSocket (RFC 6455), frame by frame.

use serde_json::Value;

use super::client::Client;
use super::expect;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;

/// Stands before a length.
const MASKED: u8 = 0x80;

/// A client that has shaken hands.
pub struct SocketClient(pub Client);

impl SocketClient {
    /// Opens a WebSocket with `fields`, and with the client key where they show none in our own field.
    pub async fn open(mut client: Client, target: &str, fields: &[(&str, &str)]) -> Self {
        let mut handshake = vec![
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ];
        if !fields.iter().any(|(name, _)| *name == "x-ampgate-key") {
            handshake.push(("authorization", "Bearer client-key-1"));
        }
        handshake.extend_from_slice(fields);
        client.send("GET", target, &handshake, b"").await;
        let head = client.head().await;
        assert_eq!(head.status, 101);
        assert_eq!(head.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(head.field("sec-websocket-extensions"), None, "none is spoken");
        Self(client)
    }

    /// Sends a frame, masked as a client's must be.
    pub async fn frame(&mut self, opcode: u8, payload: &[u8]) {
        const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..126 => frame.push(MASKED + u8::try_from(length).unwrap()),
            length @ 126..65_536 => {
                frame.push(MASKED + 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                frame.push(MASKED + 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.0.say(frame).await;
    }

    pub async fn say(&mut self, message: &Value) {
        self.frame(TEXT, message.to_string().as_bytes()).await;
    }

    /// The next frame: its opcode and what it says.
    pub async fn heard(&mut self) -> (u8, Vec<u8>) {
        let head = self.exactly(2).await;
        assert_eq!(head[0] & 0xf0, 0x80, "whole, and without extensions");
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => usize::from(u16::from_be_bytes(self.exactly(2).await.try_into().unwrap())),
            127 => {
                let length = u64::from_be_bytes(self.exactly(8).await.try_into().unwrap());
                usize::try_from(length).unwrap()
            }
            length => usize::from(length),
        };
        (head[0] & 0x0f, self.exactly(length).await)
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        expect(self.0.reader.exactly(length), "a frame").await.unwrap()
    }

    /// The next message.
    pub async fn message(&mut self) -> Value {
        let (opcode, payload) = self.heard().await;
        assert_eq!(opcode, TEXT, "{payload:?}");
        serde_json::from_slice(&payload).unwrap()
    }

    /// The messages of one answer, to the one that ends it.
    pub async fn answer(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let message = self.message().await;
            let kind = message["type"].as_str().unwrap().to_owned();
            messages.push(message);
            let ends = ["response.completed", "response.incomplete", "response.failed", "error"];
            if ends.contains(&kind.as_str()) {
                return messages;
            }
        }
    }

    /// Asks, and returns the answer's last message.
    pub async fn ask(&mut self, message: &Value) -> Value {
        self.say(message).await;
        self.answer().await.pop().unwrap()
    }

    /// Waits for the gateway to close, and returns its code.
    pub async fn closed(&mut self) -> u16 {
        let (opcode, payload) = self.heard().await;
        assert_eq!(opcode, CLOSE, "{}", String::from_utf8_lossy(&payload));
        self.frame(CLOSE, &payload[..2]).await;
        u16::from_be_bytes([payload[0], payload[1]])
    }
}
