//! What `aws-config` asks over HTTP, sent by our own transport.
//!
//! Its clients want futures that may change threads, and our connections never leave theirs. So a question
//! is handed over, and answered where the actor of the tokens lives.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::actors::upstream::{OutgoingRequest, RequestBody, Upstream, UpstreamResponse};
use crate::config::Proxy;
use crate::types::{Origin, ProviderName};

/// For an answer, where nobody says how long to wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Much more than keys take.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What `aws-config` takes for an HTTP client.
#[derive(Clone, Debug)]
pub(super) struct AwsHttp(mpsc::UnboundedSender<Question>);

#[derive(Debug)]
pub(super) struct Question {
    request: HttpRequest,
    reply: oneshot::Sender<Result<HttpResponse, ConnectorError>>,
}

impl AwsHttp {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Question>) {
        let (ask, questions) = mpsc::unbounded_channel();
        (Self(ask), questions)
    }

    fn connector(&self, patience: Duration) -> Connector {
        Connector { ask: self.0.clone(), patience }
    }
}

impl HttpClient for AwsHttp {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // A machine without a metadata service is found out after a second, as `aws-config` wants it.
        let told = settings.connect_timeout().into_iter().chain(settings.read_timeout());
        let patience = told.reduce(|connect, read| connect + read).unwrap_or(PATIENCE);
        SharedHttpConnector::new(self.connector(patience))
    }
}

#[derive(Debug)]
struct Connector {
    ask: mpsc::UnboundedSender<Question>,
    patience: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (reply, answer) = oneshot::channel();
        let is_asked = self.ask.send(Question { request, reply }).is_ok();
        let patience = self.patience;
        HttpConnectorFuture::new(async move {
            if !is_asked {
                return Err(failed("the gateway is stopping"));
            }
            match timeout(patience, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_dropped)) => Err(failed("the gateway is stopping")),
                Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
            }
        })
    }
}

fn failed(why: impl Into<String>) -> ConnectorError {
    ConnectorError::io(std::io::Error::other(why.into()).into())
}

/// Answers questions, one after the other, until nobody can ask any more.
pub(super) async fn serve(
    mut questions: mpsc::UnboundedReceiver<Question>,
    upstream: &Upstream,
    proxy: Option<&Proxy>,
) {
    while let Some(Question { request, mut reply }) = questions.recv().await {
        let answer = tokio::select! {
            answer = answer(&request, upstream, proxy) => answer,
            // Given up, so that the next one must not wait for it.
            () = reply.closed() => continue,
        };
        let _ = reply.send(answer.map_err(failed));
    }
}

async fn answer(
    request: &HttpRequest,
    upstream: &Upstream,
    proxy: Option<&Proxy>,
) -> Result<HttpResponse, String> {
    let sent = upstream.send(outgoing(request, proxy)?).await;
    let response = sent.map_err(|failure| failure.cause)?;
    let status = response.status.as_u16().try_into();
    let fields = response.fields.clone();
    let body = SdkBody::from(collect(response).await?);
    let mut answer = HttpResponse::new(status.map_err(|_| "no status")?, body);
    for (name, value) in &fields {
        if let Ok(value) = value.to_str() {
            let name = name.as_str().to_owned();
            answer.headers_mut().try_insert(name, value.to_owned()).map_err(|e| e.to_string())?;
        }
    }
    Ok(answer)
}

fn outgoing(request: &HttpRequest, proxy: Option<&Proxy>) -> Result<OutgoingRequest, String> {
    let uri: Uri = request.uri().parse().map_err(|_invalid| "no address")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("no address".to_owned());
    };
    let address = format!("{scheme}://{authority}");
    let (origin, _) = Origin::split(&address).map_err(|error| error.to_string())?;
    let method: Method = request.method().parse().map_err(|_invalid| "no method")?;
    let mut fields = HeaderMap::new();
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_invalid| "no field")?;
        // Written by awc.
        if name != header::CONTENT_LENGTH {
            let value = HeaderValue::from_str(value).map_err(|_invalid| "no field")?;
            fields.append(name, value);
        }
    }
    let host = HeaderValue::from_str(origin.authority()).map_err(|_invalid| "no host")?;
    fields.insert(header::HOST, host);
    let body = request.body().bytes().ok_or("a body that streams")?;
    let body = match method {
        Method::GET => RequestBody::None,
        _ => RequestBody::buffered(Bytes::copy_from_slice(body)),
    };
    Ok(OutgoingRequest {
        proxy: proxy_to(&origin, proxy),
        origin,
        provider: ProviderName::new("aws"),
        method,
        path_and_query: uri.path_and_query().cloned().ok_or("no path")?,
        fields,
        body,
        first_byte_timeout: PATIENCE,
    })
}

/// Without encryption `aws-config` speaks only with what is on the machine or beside it: its metadata,
/// its container's agent. No proxy leads there.
fn proxy_to(origin: &Origin, proxy: Option<&Proxy>) -> Option<Proxy> {
    proxy.filter(|_| origin.is_tls()).cloned()
}

async fn collect(mut response: UpstreamResponse) -> Result<Bytes, String> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.body.next().await {
        body.extend_from_slice(&piece.map_err(|broke| broke.to_string())?);
        if body.len() > MAX_ANSWER_BYTES {
            return Err("the answer is longer than 1 MiB".to_owned());
        }
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::actors::upstream::{
        ConnectionLimits, Timeouts, UpstreamActor, UpstreamPolicy, UpstreamTls,
    };

    fn upstream() -> Upstream {
        let long = Duration::from_secs(60);
        Upstream::start(UpstreamActor::new(Arc::new(UpstreamPolicy {
            tls: UpstreamTls::load(None).unwrap(),
            timeouts: Timeouts { connect: long, idle: long },
            limits: ConnectionLimits::new(0),
        })))
    }

    fn question(address: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(address.to_owned()).unwrap();
        request.headers_mut().insert("authorization", "of-the-agent");
        request.headers_mut().insert("content-length", "0");
        request
    }

    #[actix_web::test]
    async fn a_question_of_awss_is_sent_as_it_is_and_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "the request ended early");
            }
            let answer = "HTTP/1.1 403 X\r\nx-answer: yes\r\ncontent-length: 2\r\n\r\nno";
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(seen).unwrap().to_lowercase()
        };
        let (http, questions) = AwsHttp::new();
        let request = question(&format!("{origin}/v2/credentials?x=y"));
        let answer = async move { http.connector(PATIENCE).call(request).await.unwrap() };
        let upstream = upstream();

        let (answer, seen, ()) = tokio::join!(answer, server, serve(questions, &upstream, None));

        assert!(seen.starts_with("get /v2/credentials?x=y http/1.1\r\n"), "{seen}");
        assert!(seen.contains("authorization: of-the-agent\r\n"), "{seen}");
        assert!(!seen.contains("content-length"), "{seen}");
        assert_eq!(answer.status().as_u16(), 403);
        assert_eq!(answer.headers().get("x-answer"), Some("yes"));
        assert_eq!(answer.body().bytes(), Some(&b"no"[..]));
    }

    #[actix_web::test]
    async fn a_question_that_is_given_up_does_not_hold_up_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = format!("http://{}/", listener.local_addr().unwrap());
        let (http, questions) = AwsHttp::new();
        let connector = http.connector(Duration::ZERO);
        let asked = async move {
            let late = connector.call(question(&silent)).await.unwrap_err();
            let failed = http.connector(PATIENCE).call(question("http://127.0.0.1:0/")).await;
            (late, failed)
        };
        let upstream = upstream();

        let ((late, failed), ()) = tokio::join!(asked, serve(questions, &upstream, None));

        assert!(late.is_timeout(), "{late:?}");
        assert!(failed.is_err());
    }

    #[test]
    fn only_what_is_far_away_is_asked_through_a_proxy() {
        let proxy = Proxy::parse("http://proxy.test:3128").unwrap();
        for (address, goes_through, why) in [
            ("https://sts.us-east-1.amazonaws.com/", true, "the token service"),
            ("http://169.254.169.254/latest/", false, "the machine's metadata"),
            ("http://169.254.170.23/v1/credentials", false, "a pod's identity"),
            ("http://127.0.0.1:9911/creds", false, "an agent on the machine"),
        ] {
            let request = question(address);
            let sent = outgoing(&request, Some(&proxy)).unwrap();
            assert_eq!(sent.proxy.is_some(), goes_through, "{why}");
        }
    }
}
