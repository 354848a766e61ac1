//! OpenAI Responses over a WebSocket: each `response.create` is answered by the events that the
//! HTTP form streams, one text frame each.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, Closed, Session};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::responses::Answer;
use super::{Demo, doors};

/// Codex sends its whole context in one frame.
const FRAME_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// `GET /v1/responses` with `Upgrade: websocket`
pub async fn open_socket(
    req: HttpRequest,
    demo: Data<Demo>,
    payload: Payload,
) -> actix_web::Result<HttpResponse> {
    let (response, mut session, frames) = actix_ws::handle(&req, payload)?;
    let payer = doors::payer_of(req.path());
    demo.seen.socket();
    actix_web::rt::spawn(async move {
        let mut frames = frames
            .max_frame_size(FRAME_LIMIT_BYTES)
            .aggregate_continuations()
            .max_continuation_size(FRAME_LIMIT_BYTES);
        while let Some(Ok(frame)) = frames.next().await {
            let sent = match frame {
                AggregatedMessage::Text(text) => answer(&mut session, &demo, payer, &text).await,
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

async fn answer(
    session: &mut Session,
    demo: &Demo,
    payer: doors::Payer,
    frame: &str,
) -> Result<(), Closed> {
    let body: Value = serde_json::from_str(frame).unwrap_or_default();
    let (Some("response.create"), Some(model)) = (body["type"].as_str(), body["model"].as_str())
    else {
        let message = "only response.create with a model is understood here";
        let error = json!({ "type": "invalid_request_error", "code": null, "message": message });
        let event = json!({ "type": "error", "status": 400, "error": error });
        return session.text(event.to_string()).await;
    };
    for event in Answer::to(demo, &body, model, payer).events() {
        if event.is_piece {
            actix_web::rt::time::sleep(demo.options.event_delay).await;
        }
        session.text(event.data.to_string()).await?;
    }
    Ok(())
}
