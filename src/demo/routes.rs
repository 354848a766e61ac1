//! Every route of the demo upstream, on one screen.

use actix_web::web::{self, PayloadConfig, ServiceConfig};

use super::{
    SEEN_PATH, amp, anthropic, chat, failure, gemini, models, responses, responses_socket, seen,
    thread,
};

/// As much as the gateway lets through.
const BODY_LIMIT_BYTES: usize = 64 * 1024 * 1024;

pub fn configure(app: &mut ServiceConfig) {
    app.app_data(PayloadConfig::new(BODY_LIMIT_BYTES))
        .route(SEEN_PATH, web::get().to(seen::show))
        .configure(amp_routes)
        .service(web::scope("/api/provider/{provider}").configure(model_routes))
        .service(web::scope("/compatible/v1").configure(compatible_routes))
        .service(web::scope("").configure(model_routes))
        .default_service(web::to(amp::anything_else));
}

/// Model calls; under `/api/provider/{provider}` Amp pays. The `/v1` may be missing there.
fn model_routes(scope: &mut ServiceConfig) {
    for version in ["/v1", ""] {
        let path = |path: &str| format!("{version}{path}");
        scope
            .route(&path("/messages"), web::post().to(anthropic::create_message))
            .route(&path("/messages/count_tokens"), web::post().to(anthropic::count_tokens))
            .route(&path("/chat/completions"), web::post().to(chat::create_chat))
            .route(&path("/completions"), web::post().to(chat::create_completion))
            .route(&path("/responses"), web::post().to(responses::create_response))
            .route(&path("/responses"), web::get().to(responses_socket::open_socket))
            .route(&path("/models"), web::get().to(models::list));
    }
    scope
        .route("/v1beta/models", web::get().to(models::list_gemini))
        .route("/v1/models/{model}", web::get().to(models::show))
        .route("/{version:v1|v1beta|v1beta1}/{path:.*}", web::post().to(gemini::call_model));
}

/// A server of the kind that speaks OpenAI's language, but only the old half of it.
fn compatible_routes(scope: &mut ServiceConfig) {
    scope
        .route("/chat/completions", web::post().to(chat::create_chat))
        .route("/models", web::get().to(models::list))
        .default_service(web::to(failure::no_such_route));
}

/// What Amp's clients ask for besides models.
fn amp_routes(app: &mut ServiceConfig) {
    app.route("/api/internal", web::post().to(amp::call_internal))
        .route("/api/telemetry", web::post().to(amp::telemetry))
        .route("/api/threads/find", web::get().to(amp::find_threads))
        .route("/api/thread-actors", web::post().to(amp::create_thread))
        .route("/api/thread-actors/{thread}", web::post().to(amp::create_thread))
        .route("/api/user-actor-credentials", web::post().to(amp::user_credentials))
        .route("/api/auth/oauth-config", web::get().to(amp::oauth_config))
        .route("/news.rss", web::get().to(amp::news))
        .service(
            web::scope("/actors/gateway/threadActor")
                .route("/websocket/", web::get().to(thread::open_socket))
                .route("/request/import", web::post().to(thread::import)),
        );
}
