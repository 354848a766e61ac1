//! Streamed answers: frames that are really sent one after the other.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures::{Stream, StreamExt as _, stream};
use serde_json::Value;

/// A streamed answer, written down before it is sent.
#[derive(Default)]
pub struct Script {
    frames: Vec<Frame>,
}

struct Frame {
    /// Whether to wait before it: a piece of the answer, not its frame.
    paced: bool,
    text: String,
}

impl Script {
    /// A frame that goes out with the one before it.
    pub fn frame(&mut self, text: String) {
        self.frames.push(Frame { paced: false, text });
    }

    /// A frame the client sees arrive on its own.
    pub fn paced_frame(&mut self, text: String) {
        self.frames.push(Frame { paced: true, text });
    }

    /// Answers with the script as server-sent events.
    pub fn into_sse(self, delay: Duration) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("text/event-stream; charset=utf-8")
            .insert_header(("cache-control", "no-cache"))
            .streaming(self.play(delay).map(|text| Ok::<_, actix_web::Error>(Bytes::from(text))))
    }

    /// Answers with the script as one JSON document, written piece by piece.
    pub fn into_json(self, delay: Duration) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("application/json; charset=UTF-8")
            .streaming(self.play(delay).map(|text| Ok::<_, actix_web::Error>(Bytes::from(text))))
    }

    /// The frames, each in its time.
    pub fn play(self, delay: Duration) -> impl Stream<Item = String> + 'static {
        stream::iter(self.frames).then(move |frame| async move {
            if frame.paced {
                actix_web::rt::time::sleep(delay).await;
            }
            frame.text
        })
    }
}

/// An event whose name is the `type` of its data, as Anthropic and OpenAI Responses write it.
pub fn named_event(data: &Value) -> String {
    let name = data["type"].as_str().unwrap_or("message");
    format!("event: {name}\ndata: {data}\n\n")
}

/// An event without a name, as OpenAI Chat writes it.
pub fn data_event(data: &Value) -> String {
    format!("data: {data}\n\n")
}
