//! The Responses API's WebSocket, served by the gateway itself.
//!
//! A handshake names no model, and every message on the connection may ask for another one. So OpenAI's
//! own WebSocket is joined to the client, byte for byte, only where every credential is OpenAI's, or where
//! a Codex client asks and the only one is a `ChatGPT` plan (`super::socket`, [`crate::tunnel`]). Elsewhere
//! the handshake is answered here and each message becomes a call of its own, as if it had come over HTTP: with the
//! router's choice, retries, translation and a line in the log. See
//! `docs/decisions/0011-a-websocket-of-our-own.md`.
//!
//! | module    | knows                                                              |
//! | --------- | ------------------------------------------------------------------ |
//! | `create`  | a client's message, and the HTTP body that asks for the same       |
//! | `memory`  | the last response, which the next message may go on from           |
//! | `call`    | one message answered                                               |
//! | `events`  | a streamed answer as messages                                      |
//! | `refusal` | errors as messages                                                 |
//! | `wire`    | the connection as messages                                         |
//!
//! One call is answered after the other; messages that come meanwhile wait. A connection holds, each at
//! most as long as `limits.request-body`: the message that comes, those that wait, the one that is
//! answered and the memory; and a few events that the client has not taken yet.

mod call;
mod create;
mod events;
mod memory;
mod refusal;
mod wire;

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_http::ws::{CloseCode, CloseReason, Message, handshake};
use actix_web::body::MessageBody as _;
use actix_web::dev::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use tokio::time::{Sleep, sleep, timeout};

use self::call::{Caller, fields_of_calls};
use self::memory::Memory;
use self::wire::{Gone, Incoming, Outgoing, Said};
use crate::actors::upstream::UpstreamFailure;
use crate::actors::{Handles, Worker};
use crate::door::ModelDoor;
use crate::error::GatewayError;
use crate::metrics::OpenGuard;
use crate::telemetry::RequestRecord;
use crate::types::ClientId;

/// OpenAI's own limit. Clients know its error, and connect anew.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// How many messages wait while one is answered. Codex sends the next one when it has the answer.
const MAX_WAITING: usize = 8;

/// How long a client may take to answer our closing.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Answers a handshake, and from then on the client's messages, in a task of their own.
pub fn serve_responses_socket(
    handles: &Rc<Handles>,
    request: &HttpRequest,
    payload: Payload,
    door: ModelDoor,
    client: Option<&ClientId>,
) -> Result<HttpResponse, UpstreamFailure> {
    let mut switched = handshake(request.head()).map_err(|refused| UpstreamFailure {
        error: GatewayError::AmbiguousRequest("its WebSocket handshake is not that of RFC 6455"),
        cause: refused.to_string(),
    })?;
    let (outgoing, to_client) = Outgoing::new();
    let response = switched.message_body(to_client.boxed()).map_err(|broken| UpstreamFailure {
        error: GatewayError::Internal,
        cause: broken.to_string(),
    })?;
    let limit_bytes = handles.settings.limits.request_body;
    let limit_bytes = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let record = RequestRecord::of(request);
    let caller = Caller {
        handles: handles.clone(),
        door,
        client: client.cloned(),
        uri: request.uri().clone(),
        fields: fields_of_calls(request.headers()),
        record: record.clone(),
    };
    let connection = Connection {
        worker: request.app_data::<Rc<Worker>>().cloned(),
        incoming: Incoming::new(payload, record, limit_bytes),
        hearing: Hearing { outgoing, owed: None, waiting: VecDeque::new(), limit_bytes },
        memory: Memory::new(limit_bytes),
        _open: caller.record.tunnel_opens(),
        caller,
    };
    actix_rt::spawn(connection.run());
    Ok(response.into())
}

/// One connection.
struct Connection {
    caller: Caller,
    /// Tells whether the configuration is another one by now.
    worker: Option<Rc<Worker>>,
    incoming: Incoming,
    hearing: Hearing,
    memory: Memory,
    _open: Option<OpenGuard>,
}

/// What is done while the client is listened to.
struct Hearing {
    outgoing: Outgoing,
    /// The answer to a message that is not a call, until there is room for it.
    owed: Option<Message>,
    waiting: VecDeque<Bytes>,
    limit_bytes: usize,
}

/// Why a connection ends.
enum Ending {
    /// The client is not there any more.
    Left,
    /// The client closes it.
    Closed(Option<CloseReason>),
    /// We close it.
    Close(CloseCode, &'static str),
}

impl From<Gone> for Ending {
    fn from(_: Gone) -> Self {
        Self::Left
    }
}

impl Connection {
    async fn run(mut self) {
        let life = sleep(LIFE);
        tokio::pin!(life);
        let ending = loop {
            if let Err(ending) = self.serve_next(life.as_mut()).await {
                break ending;
            }
        };
        let reason = match ending {
            Ending::Left => return,
            Ending::Closed(reason) => reason,
            Ending::Close(code, why) => Some((code, why).into()),
        };
        let Self { mut incoming, hearing, caller, .. } = self;
        let drain = &caller.handles.drain;
        // The end of the body is the end of the connection, so it comes when the client has read that it
        // ends. What it still sends is read and forgotten: a reset would take our last word back.
        let farewell = timeout(CLOSE_PATIENCE, async {
            if hearing.outgoing.send(Message::Close(reason)).await.is_ok() {
                incoming.wait_for_end().await;
            }
        });
        tokio::select! {
            _ = farewell => {}
            () = drain.over() => {}
        }
    }

    /// Waits for a message and answers it.
    async fn serve_next(&mut self, mut life: Pin<&mut Sleep>) -> Result<(), Ending> {
        let Self { caller, worker, incoming, hearing, memory, .. } = self;
        let drain = &caller.handles.drain;
        let message = if let Some(message) = hearing.waiting.pop_front() {
            message
        } else {
            tokio::select! {
                message = hearing.next_text(incoming) => message?,
                () = drain.begun() => return Err(Ending::Close(CloseCode::Away, DRAINING)),
                () = life.as_mut() => {
                    hearing.outgoing.say(refusal::of_old_connection()).await?;
                    return Err(Ending::Close(CloseCode::Normal, OLD));
                }
            }
        };
        if drain.has_begun() {
            return Err(Ending::Close(CloseCode::Away, DRAINING));
        }
        if life.is_elapsed() {
            hearing.outgoing.say(refusal::of_old_connection()).await?;
            return Err(Ending::Close(CloseCode::Normal, OLD));
        }
        // Under another configuration the client's key may be gone, or its provider: who connects anew
        // is asked again.
        if worker.as_ref().is_some_and(|worker| !Rc::ptr_eq(&worker.handles(), &caller.handles)) {
            return Err(Ending::Close(CloseCode::Restart, RELOADED));
        }
        let outgoing = hearing.outgoing.clone();
        tokio::select! {
            biased; // an answer that the drain ends still says so itself
            answered = caller.answer(message, memory, &outgoing) => Ok(answered?),
            ending = hearing.listen(incoming) => Err(ending),
            () = drain.over() => Err(Ending::Close(CloseCode::Away, DRAINING)),
        }
    }
}

const DRAINING: &str = "the gateway is shutting down";
const OLD: &str = "the connection has lived for 60 minutes";
const RELOADED: &str = "the gateway has another configuration";

impl Hearing {
    /// Listens while a call is answered. Only the end of the connection ends it.
    async fn listen(&mut self, incoming: &mut Incoming) -> Ending {
        loop {
            match self.next_text(incoming).await {
                Ok(message) => {
                    let waiting: usize = self.waiting.iter().map(Bytes::len).sum();
                    if self.waiting.len() < MAX_WAITING
                        && waiting + message.len() <= self.limit_bytes
                    {
                        self.waiting.push_back(message);
                    } else {
                        self.owed = Some(Message::Text(refusal::of_full_queue().into()));
                    }
                }
                Err(ending) => return ending,
            }
        }
    }

    /// The client's next text. Dropping the future loses nothing: what has been heard and not answered
    /// is owed.
    async fn next_text(&mut self, incoming: &mut Incoming) -> Result<Bytes, Ending> {
        loop {
            self.outgoing.send_from(&mut self.owed).await?;
            let said = incoming.next().await.ok_or(Ending::Left)?;
            match said.map_err(|code| Ending::Close(code, "the message cannot be read"))? {
                Said::Text(text) => return Ok(text),
                Said::Ping(bytes) => self.owed = Some(Message::Pong(bytes)),
                Said::Binary => {
                    let what = create::BadMessage {
                        stream_id: None,
                        message: "messages are JSON texts, not binary".to_owned(),
                        param: None,
                    };
                    self.owed = Some(Message::Text(refusal::of_bad_message(&what).into()));
                }
                Said::Close(reason) => return Err(Ending::Closed(reason)),
            }
        }
    }
}
