//! Amp's management: what a client asks the Amp server besides models.
//!
//! The shapes are those the real clients were seen to accept; an answer of another shape makes some
//! builds stop without a word.

use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::Demo;
use super::prompt::read_json;

/// The thread token: handed out by [`create_thread`], asked for by the thread's WebSocket.
pub const THREAD_TOKEN: &str = "demo-thread-token";

const USER: &str = "user_demo";

/// `POST /api/internal?{method}`
pub async fn call_internal(req: HttpRequest, body: Bytes) -> HttpResponse {
    let Ok(body) = read_json(req.headers(), &body) else {
        let error = json!({ "code": "invalid-request", "message": "the body is not JSON" });
        return HttpResponse::BadRequest().json(json!({ "ok": false, "error": error }));
    };
    // The query names the method; the body repeats it.
    let method = req.query_string().split(['&', '=']).next().unwrap_or_default();
    let method = if method.is_empty() { body["method"].as_str().unwrap_or("") } else { method };
    HttpResponse::Ok().json(match result_of(method, &body["params"]) {
        Ok(result) => json!({ "ok": true, "result": result }),
        Err(code) => json!({ "ok": false, "error": { "code": code, "message": code } }),
    })
}

fn result_of(method: &str, params: &Value) -> Result<Value, &'static str> {
    Ok(match method {
        // No features: with `thread-actors-tui` a client would leave model calls to Amp's cloud.
        "getUserInfo" => json!({
            "id": USER,
            "email": "demo@example.com",
            "username": "demo",
            "features": [],
            "team": null,
        }),
        "getUserFreeTierStatus" => json!({ "canUseAmpFree": false, "isDailyGrantEnabled": false }),
        "userDisplayBalanceInfo" => json!({ "displayText": "the demo costs nothing" }),
        // A current client asks for the thread it has just made, and ends when it is not there.
        "getThreadTail" => json!({
            "thread": { "data": { "id": params["thread"], "v": 0, "agentMode": "smart" } },
            "messages": [],
            "hasMoreBefore": false,
        }),
        "getThread" | "getThreadMessagesPage" | "getThreadLinkInfo" => {
            return Err("thread-not-found"); // every thread is new here
        }
        "listThreads" => json!({ "threads": [] }),
        // An object instead of an array ends a client without a message.
        "loadPlugins" | "loadSkills" | "getThreadLabels" | "listRunners" | "notices" => json!([]),
        _ => json!({}),
    })
}

/// `POST /api/thread-actors` and `POST /api/thread-actors/{thread}`
pub async fn create_thread(demo: Data<Demo>, thread: Option<Path<String>>) -> HttpResponse {
    let thread = thread.map_or_else(|| new_thread_id(&demo), Path::into_inner);
    HttpResponse::Ok().json(json!({
        "threadId": thread,
        "wsToken": THREAD_TOKEN,
        "ownerUserId": USER,
        "threadVersion": 0,
        "usesThreadActors": true,
    }))
}

/// `POST /api/user-actor-credentials`
pub async fn user_credentials() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "userId": USER, "wsToken": THREAD_TOKEN, "poolName": "demo" }))
}

/// `GET /api/threads/find`
pub async fn find_threads() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "threads": [], "hasMore": false }))
}

/// `POST /api/telemetry`
pub async fn telemetry() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// `GET /api/auth/oauth-config`: nothing, so that clients keep to their old way of logging in.
pub async fn oauth_config() -> HttpResponse {
    HttpResponse::Ok().json(json!({}))
}

/// `GET /news.rss`
pub async fn news() -> HttpResponse {
    HttpResponse::Ok().content_type("application/rss+xml").body(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>"#,
        "<title>Demo news</title><link>http://127.0.0.1/</link><description>None</description>",
        "</channel></rss>"
    ))
}

/// Any other path: a page or an answer that says what it is.
pub async fn anything_else(req: HttpRequest) -> HttpResponse {
    let error = json!({ "code": "not-found", "message": "the demo upstream has no such path" });
    HttpResponse::NotFound().json(json!({ "ok": false, "error": error, "path": req.path() }))
}

/// In the form of a version 7 UUID, which clients check.
fn new_thread_id(demo: &Demo) -> String {
    let number = demo.ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("T-019dde00-0000-7000-8000-{number:012x}")
}
