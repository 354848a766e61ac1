//! Encrypted upstreams: HTTP/2 where they offer it, HTTP/1.1 where not, and no half answer ever.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures::StreamExt as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::{Client, TestGateway, expect};

/// An authority of its own, and what it has signed for `127.0.0.1`.
pub struct Authority {
    folder: tempfile::TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = Self { folder, ca };
        authority.write("ca.pem", &authority.ca.pem());
        authority
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    }

    pub fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    pub fn server_config(&self, name: &str, protocols: &[&[u8]]) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        self.write("cert.pem", &certificate.pem());
        self.write("key.pem", &key.serialize_pem());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }

    /// A certificate for `127.0.0.1`, as a gateway is told to show it.
    pub fn shown(&self) -> String {
        let _ = self.server_config("127.0.0.1", &[]); // writes the two files
        let folder = self.folder.path().display();
        format!("cert: '{folder}/cert.pem', key: '{folder}/key.pem'")
    }

    /// A client that trusts nobody else.
    pub fn connector(&self) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }
}

async fn gateway_to(port: u16, authority: &Authority) -> TestGateway {
    TestGateway::start(&format!(
        "api-keys: [client-key-1]\ntls: {{ upstream-ca: '{}' }}\ntimeouts: {{ connect: 2s }}\n\
         ampcode: {{ upstream-url: 'https://127.0.0.1:{port}', upstream-api-key: team-key }}\n",
        authority.ca_file()
    ))
    .await
}

async fn version(request: HttpRequest, mut body: web::Payload) -> HttpResponse {
    let mut length = 0;
    while let Some(Ok(piece)) = body.next().await {
        length += piece.len();
    }
    HttpResponse::Ok().body(format!("{:?} {length}", request.version()))
}

/// An actix server behind TLS that tells the version it was asked in; it speaks HTTP/2 and HTTP/1.1.
pub fn http2_server(config: ServerConfig) -> u16 {
    let server = HttpServer::new(|| App::new().default_service(web::to(version)))
        .workers(1)
        .disable_signals()
        .bind_rustls_0_23("127.0.0.1:0", config)
        .unwrap();
    let port = server.addrs()[0].port();
    actix_rt::spawn(server.run());
    port
}

/// A server behind TLS that reads a head and says some bytes, then closes in the orderly way.
async fn http1_server(config: ServerConfig, says: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    actix_rt::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            actix_rt::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else { return };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = socket.read_u8().await else { return };
                    head.push(byte);
                }
                let _ = socket.write_all(says.as_bytes()).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    port
}

#[actix_web::test]
async fn an_upstream_that_offers_http2_is_spoken_to_in_http2() {
    let authority = Authority::new();
    let port = http2_server(authority.server_config("127.0.0.1", &[b"h2", b"http/1.1"]));
    let gateway = gateway_to(port, &authority).await;
    let body = vec![b'x'; 300_000];

    assert_eq!(gateway.get("/api/x").await.text(), "HTTP/2.0 0");
    assert_eq!(gateway.request("POST", "/api/x", &[], &body).await.text(), "HTTP/2.0 300000");
    let many = (0..50).map(|_| gateway.get("/api/x"));
    let answers = futures::future::join_all(many).await;
    assert!(answers.iter().all(|answer| answer.text() == "HTTP/2.0 0"));
}

#[actix_web::test]
async fn an_upstream_without_http2_is_spoken_to_in_http1() {
    let authority = Authority::new();
    let says = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let port = http1_server(authority.server_config("127.0.0.1", &[b"http/1.1"]), says).await;
    let gateway = gateway_to(port, &authority).await;

    for _ in 0..3 {
        assert_eq!(gateway.get("/api/x").await.text(), "ok");
    }
}

/// `close_notify` ends the TLS stream in the orderly way, and awc takes that for the end of a chunked
/// body.
#[actix_web::test]
async fn a_chunked_answer_cut_by_an_orderly_tls_close_is_cut_for_the_client() {
    let authority = Authority::new();
    let says = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let port = http1_server(authority.server_config("127.0.0.1", &[]), says).await;
    let gateway = gateway_to(port, &authority).await;
    let mut client: Client = gateway.connect().await;

    client.send("GET", "/api/x", &[("x-api-key", "client-key-1")], b"").await;
    client.head().await;

    assert_eq!(client.chunk().await.unwrap().unwrap(), b"half");
    assert!(client.chunk().await.is_err(), "half an answer looked whole");
}

#[actix_web::test]
async fn an_upstream_nobody_vouches_for_is_not_trusted() {
    let (theirs, ours) = (Authority::new(), Authority::new());
    let cases = [
        (theirs.server_config("127.0.0.1", &[]), "an authority we do not know"),
        (ours.server_config("other.example", &[]), "another server's certificate"),
    ];
    for (config, why) in cases {
        let port = http2_server(config);
        let gateway = gateway_to(port, &ours).await;

        let response = gateway.get("/api/x").await;

        assert_eq!(response.status, 502, "{why}");
        assert_eq!(response.json()["error"]["code"], "upstream_unreachable", "{why}");
    }
}

#[actix_web::test]
async fn a_handshake_that_stalls_is_a_504() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\ntls: {{ upstream-ca: '{}' }}\ntimeouts: {{ connect: 200ms }}\n\
         ampcode: {{ upstream-url: 'https://127.0.0.1:{port}' }}\n",
        authority.ca_file()
    ))
    .await;

    let response = gateway.get("/api/x").await;

    assert_eq!(response.status, 504, "{}", response.text());
    assert_eq!(response.json()["error"]["code"], "connect_timeout");
}

#[actix_web::test]
async fn a_websocket_crosses_to_an_encrypted_upstream() {
    let authority = Authority::new();
    let says = "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nhello";
    let port =
        http1_server(authority.server_config("127.0.0.1", &[b"h2", b"http/1.1"]), says).await;
    let gateway = gateway_to(port, &authority).await;
    let mut client = gateway.connect().await;

    let handshake = [("connection", "upgrade"), ("upgrade", "websocket")];
    client.send("GET", "/actors/x", &handshake, b"").await;

    assert_eq!(client.head().await.status, 101);
    assert_eq!(client.to_end().await, b"hello");
}

#[actix_web::test]
async fn the_gateway_shows_a_certificate_of_its_own() {
    let authority = Authority::new();
    let yaml = format!("api-keys: [k]\ntls: {{ {} }}\n", authority.shown());
    let gateway = TestGateway::start(&yaml).await;
    let socket = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let mut socket = authority.connector().connect(name, socket).await.expect("a handshake");

    socket
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    expect(socket.read_to_string(&mut answer), "an answer").await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}
