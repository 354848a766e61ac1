//! A thread's WebSocket at the Amp server, as current clients open it: they connect, register their
//! tools and wait to be told what to run. Models would be called in Amp's cloud; this one is silent.

use actix_web::http::header::SEC_WEBSOCKET_PROTOCOL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, Closed, Session};
use futures::StreamExt as _;
use percent_encoding::percent_decode;
use serde_json::{Value, json};

use super::Demo;
use super::amp::THREAD_TOKEN;

/// The one subprotocol the server picks from the client's list.
const SUBPROTOCOL: &str = "rivet";

/// A client registers its tools in one frame of some 40 KB.
const FRAME_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// `GET /actors/gateway/threadActor/websocket/`
pub async fn open_socket(
    req: HttpRequest,
    demo: Data<Demo>,
    payload: Payload,
) -> actix_web::Result<HttpResponse> {
    if !shows_thread_token(&req) {
        return Ok(HttpResponse::Unauthorized().json(json!({ "error": "unknown thread token" })));
    }
    let (response, mut session, frames) =
        actix_ws::handle_with_protocols(&req, payload, &[SUBPROTOCOL])?;
    demo.seen.socket();
    actix_web::rt::spawn(async move {
        let mut frames = frames
            .max_frame_size(FRAME_LIMIT_BYTES)
            .aggregate_continuations()
            .max_continuation_size(FRAME_LIMIT_BYTES);
        while let Some(Ok(frame)) = frames.next().await {
            let sent = match frame {
                AggregatedMessage::Text(text) => send(&mut session, replies_to(&demo, &text)).await,
                AggregatedMessage::Ping(bytes) => session.pong(&bytes).await,
                AggregatedMessage::Close(_) => break,
                AggregatedMessage::Binary(_) | AggregatedMessage::Pong(_) => Ok(()),
            };
            if sent.is_err() {
                return; // the other side is gone
            }
        }
        let _ = session.close(None).await; // it may have closed first
    });
    Ok(response)
}

/// `POST /actors/gateway/threadActor/request/import`
pub async fn import() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "ok": true, "result": {} }))
}

/// The token is in the last subprotocol, as percent-encoded JSON.
fn shows_thread_token(req: &HttpRequest) -> bool {
    let mut offers = req.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    offers.any(|offer| percent_decode(offer.as_bytes()).decode_utf8_lossy().contains(THREAD_TOKEN))
}

async fn send(session: &mut Session, frames: Vec<String>) -> Result<(), Closed> {
    for frame in frames {
        session.text(frame).await?;
    }
    Ok(())
}

/// A `ping` wants its `pong` within 15 seconds; a JSON-RPC request wants a result, and a client that
/// offers to run tools wants to be told, beyond the result, that it was taken on.
fn replies_to(demo: &Demo, frame: &str) -> Vec<String> {
    if frame == "ping" {
        return vec!["pong".to_owned()];
    }
    let call: Value = serde_json::from_str(frame).unwrap_or_default();
    let Some(method) = call["method"].as_str() else {
        return Vec::new(); // an answer of the client's, or nothing we know
    };
    demo.seen.thread_method(method);
    let mut replies = Vec::new();
    if let Some(id) = call.get("id") {
        replies.push(json!({ "jsonrpc": "2.0", "id": id, "result": {} }));
    }
    match method {
        "executor_connect" => {
            let welcome = json!({
                "executorId": call["params"]["clientId"],
                "registeredToolCount": 0,
                "guidanceInventory": [],
            });
            let method = "executor_connected";
            replies.push(json!({ "jsonrpc": "2.0", "method": method, "params": welcome }));
        }
        "executor_tools_register" => {
            let tools = call["params"]["tools"].as_array().into_iter().flatten();
            let name = |tool: &Value| tool["name"].as_str().map(ToOwned::to_owned);
            demo.seen.tools_registered(tools.filter_map(name).collect());
        }
        _ => {}
    }
    replies.iter().map(Value::to_string).collect()
}
