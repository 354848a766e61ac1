//! The end of a login in the browser: a server for one page, on this machine only (RFC 8252, section
//! 7.3).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio::sync::{mpsc, oneshot};

use crate::config::{LoopbackHost, LoopbackRedirect};
use crate::oauth::page;

/// For the last page to leave, in seconds.
const LAST_PAGE_SECONDS: u64 = 2;

/// Nothing is fetched, nothing runs, and no other page learns the address: there is a code in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

pub(super) struct Loopback {
    pub port: u16,
    visits: mpsc::Receiver<Visit>,
    server: ServerHandle,
}

/// A browser that has come back and waits for its page.
pub(super) struct Visit {
    /// As it came: whose it is, nobody has looked at yet.
    pub query: String,
    page: oneshot::Sender<(StatusCode, String)>,
}

impl Visit {
    pub fn show_success(self, text: &str) {
        self.show(StatusCode::OK, "Logged in", text);
    }

    pub fn show_failure(self, text: &str) {
        self.show(StatusCode::BAD_REQUEST, "Not logged in", text);
    }

    fn show(self, status: StatusCode, title: &str, text: &str) {
        // A browser that has left misses it.
        let _ = self.page.send((status, page(title, text)));
    }
}

impl Loopback {
    /// Listens from now on.
    pub fn open(redirect: &LoopbackRedirect) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, redirect.port))?;
        let port = listener.local_addr()?.port();
        let (tell, visits) = mpsc::channel(1);
        let path = redirect.path.clone();
        let app =
            move || App::new().app_data(Data::new(tell.clone())).route(&path, web::get().to(visit));
        let server = HttpServer::new(app).workers(1).disable_signals();
        let mut server = server.shutdown_timeout(LAST_PAGE_SECONDS).listen(listener)?;
        if redirect.host == LoopbackHost::Name {
            // Some browsers look for `localhost` there first; where there is no IPv6 none does.
            if let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
                server = server.listen(listener)?;
            }
        }
        let running = server.run();
        let server = running.handle();
        actix_rt::spawn(running);
        Ok(Self { port, visits, server })
    }

    /// The next browser that comes.
    pub async fn visit(&mut self) -> Option<Visit> {
        self.visits.recv().await
    }

    /// Stops to listen when the last page is sent.
    pub async fn close(mut self) {
        // Who comes now gets no page; who waits for one has had it.
        self.visits.close();
        self.server.stop(true).await;
    }
}

async fn visit(request: HttpRequest, tell: Data<mpsc::Sender<Visit>>) -> HttpResponse {
    let (page, shown) = oneshot::channel();
    let visit = Visit { query: request.query_string().to_owned(), page };
    if tell.send(visit).await.is_err() {
        return HttpResponse::Gone().force_close().finish();
    }
    let Ok((status, page)) = shown.await else {
        return HttpResponse::Gone().force_close().finish();
    };
    HttpResponse::build(status)
        .force_close()
        .content_type(ContentType::html())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page)
}
