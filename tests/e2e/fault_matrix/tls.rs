//! The wire fails below TLS, on either side: in the handshake, and behind it, where nothing tells an
//! end from a cut but the encryption itself.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{
    CLAUDE, ENDLESS_CALL, FIRST_HALF, KEY, ONE_AT_A_TIME, Stage, address_in, configuration,
    first_half_of, hear, hear_until, in_a_process, in_this_process, leave_nothing_behind, parse,
    speak, whole_answer,
};
use crate::support::Direction::{Answering, Asking};
use crate::support::{Direction, Fault, FaultProxy, Place, StubUpstream, expect};
use crate::tls::Authority;

use Fault::{Cut, Delay, Garble, HalfClose, OneByteWrites, Reset, Throttle};

/// Inside the first message of either side.
const IN_HELLO: Place = Place::Bytes(60);

/// Fault, whether the other end is lost by it, why.
type Row = (Fault, bool, &'static str);

#[rustfmt::skip] // columns are easier to proofread
const IN_A_HANDSHAKE: [Row; 7] = [
    (Delay,         false, "late is not failed"),
    (Throttle,      false, "records in pieces"),
    (OneByteWrites, false, "records in bytes"),
    (Cut,           true,  "half a handshake is none"),
    (Reset,         true,  "the same, by reset"),
    (HalfClose,     true,  "the same, by half"),
    (Garble,        true,  "not a message of TLS any more"),
];

#[rustfmt::skip] // columns are easier to proofread
const IN_A_BODY: [Row; 7] = [
    (Delay,         false, "the rest comes later"),
    (Throttle,      false, "records in pieces"),
    (OneByteWrites, false, "records in bytes"),
    (Cut,           true,  "an end that TLS did not announce"),
    (Reset,         true,  "the same, by reset"),
    (HalfClose,     true,  "the same, by half"),
    (Garble,        true,  "a record that nobody has signed"),
];

/// An upstream behind TLS: its wire carries records.
struct EncryptedUpstream {
    stage: Stage,
    /// Behind TLS; holds back what the upstream says, so that there is something to come when the
    /// wire fails.
    held: FaultProxy,
    _authority: Authority,
}

impl EncryptedUpstream {
    async fn before<G>(
        more: &str,
        start: impl AsyncFnOnce(String) -> (SocketAddr, G),
    ) -> (Self, G) {
        let authority = Authority::new();
        let upstream = StubUpstream::answering(speak).await;
        let held = FaultProxy::before(address_in(&upstream.origin)).await;
        let config = authority.server_config("127.0.0.1", &[b"http/1.1"]);
        let at_upstream = FaultProxy::before(encrypting(config, held.address).await).await;
        let yaml = configuration(&format!("https://{}", at_upstream.address), CLAUDE);
        let tls = format!("tls: {{ upstream-ca: '{}' }}\n", authority.ca_file());
        let (address, gateway) = start(yaml + &tls + more).await;
        let at_client = FaultProxy::before(address).await;
        let stage = Stage { upstream, at_upstream, at_client };
        (Self { stage, held, _authority: authority }, gateway)
    }
}

/// Puts TLS before a server that speaks in the clear.
async fn encrypting(config: ServerConfig, server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    actix_rt::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let accepting = acceptor.accept(socket);
            actix_rt::spawn(async move {
                let Ok(mut socket) = accepting.await else { return };
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut server).await;
            });
        }
    });
    address
}

async fn in_an_upstreams_handshake(encrypted: &EncryptedUpstream) {
    let EncryptedUpstream { stage, held, .. } = encrypted;
    let places = [(Answering, Place::Bytes(0)), (Answering, IN_HELLO), (Asking, IN_HELLO)];
    for target in ["/api/sized", "/v1/messages"] {
        for (direction, place) in places {
            for (fault, is_lost, why) in IN_A_HANDSHAKE {
                let why = format!("{target}: {direction:?} {fault:?} {place:?}: {why}");
                let asked = stage.upstream.requests().len();
                let planned = stage.at_upstream.plan(direction, place, fault);
                let mut client = stage.ask(target).await;
                planned.reached().await;
                planned.strike();

                let heard = hear(&mut client).await.unwrap_or_else(|| panic!("{why}: no answer"));

                if is_lost {
                    let (path, said) = match target {
                        "/v1/messages" => ("/error/type", "api_error"),
                        _ => ("/error/code", "upstream_unreachable"),
                    };
                    assert_eq!(heard.head.status, 502, "{why}: {}", heard.text());
                    assert_eq!(heard.head.json().pointer(path).unwrap(), said, "{why}");
                } else {
                    heard.assert_whole(whole_answer(target), &why);
                }
                let asked = stage.upstream.requests().len() - asked;
                assert_eq!(asked, usize::from(!is_lost), "{why}");
                drop(client);
                held.all_closed().await;
                stage.recovers(&why).await;
            }
        }
    }
}

async fn in_an_encrypted_body(encrypted: &EncryptedUpstream) {
    let EncryptedUpstream { stage, held, .. } = encrypted;
    for target in ["/api/sized", "/api/chunked", "/v1/messages"] {
        for (fault, is_lost, why) in IN_A_BODY {
            let why = format!("{target}: {fault:?}: {why}");
            let rest = held.plan(Answering, Place::Behind(FIRST_HALF), Delay);
            let planned = stage.at_upstream.plan(Answering, Place::Here, fault);
            let mut client = stage.ask(target).await;
            hear_until(&mut client, FIRST_HALF).await;
            planned.here();
            planned.reached().await;
            rest.strike();
            planned.strike();

            let heard = hear(&mut client).await.unwrap_or_else(|| panic!("{why}: no answer"));

            if is_lost {
                let text = heard.text();
                let is_events = target == "/v1/messages";
                assert!(text.starts_with(&first_half_of(target)), "{why}: {text}");
                assert_eq!(text.contains("event: error\ndata: {"), is_events, "{why}: {text}");
                assert_eq!(heard.is_whole, is_events, "{why}: {text}");
            } else {
                heard.assert_whole(whole_answer(target), &why);
            }
            drop(client);
            held.all_closed().await;
            stage.recovers(&why).await;
        }
    }
}

#[actix_web::test]
async fn a_handshake_with_an_upstream_that_fails_is_told_or_not_noticed() {
    let (encrypted, _gateway) = EncryptedUpstream::before(ONE_AT_A_TIME, in_this_process).await;
    in_an_upstreams_handshake(&encrypted).await;
}

#[actix_web::test]
async fn half_an_encrypted_answer_never_looks_whole() {
    let (encrypted, _gateway) = EncryptedUpstream::before(ONE_AT_A_TIME, in_this_process).await;
    in_an_encrypted_body(&encrypted).await;
}

#[actix_web::test]
async fn faults_below_an_upstreams_tls_leave_nothing_behind() {
    let (encrypted, gateway) = EncryptedUpstream::before("", in_a_process).await;
    leave_nothing_behind(&gateway, async || {
        in_an_upstreams_handshake(&encrypted).await;
        in_an_encrypted_body(&encrypted).await;
    })
    .await;
}

/// Who trusts the certificate that the gateway shows.
struct EncryptedClient {
    stage: Stage,
    connector: TlsConnector,
    _authority: Authority,
}

impl EncryptedClient {
    async fn of<G>(more: &str, start: impl AsyncFnOnce(String) -> (SocketAddr, G)) -> (Self, G) {
        let authority = Authority::new();
        let more = format!("{more}tls: {{ {} }}\n", authority.shown());
        let (stage, gateway) = Stage::around(CLAUDE, &more, start).await;
        (Self { stage, connector: authority.connector(), _authority: authority }, gateway)
    }
}

async fn shake_hands(stage: &Stage, with: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(stage.at_client.address).await?;
    with.connect("127.0.0.1".try_into().unwrap(), socket).await
}

async fn is_answered(client: &mut TlsStream<TcpStream>, why: &str) {
    let request = format!(
        "GET /api/sized HTTP/1.1\r\nhost: g\r\nconnection: close\r\n{}: {}\r\n\r\n",
        KEY.0, KEY.1
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    expect(client.read_to_end(&mut bytes), "an answer").await.unwrap();
    let heard = parse(bytes).await.unwrap_or_else(|| panic!("{why}: no answer"));
    heard.assert_whole(whole_answer("/api/sized"), why);
}

/// Nothing of the row is left, and the next client is served.
async fn serves_on(stage: &Stage, connector: &TlsConnector, why: &str) {
    stage.at_client.all_closed().await;
    stage.at_upstream.all_closed().await;
    let mut next = shake_hands(stage, connector).await.unwrap();
    is_answered(&mut next, why).await;
    drop(next);
    stage.at_client.all_closed().await;
    stage.at_upstream.all_closed().await;
}

async fn in_a_clients_handshake(encrypted: &EncryptedClient) {
    let EncryptedClient { stage, connector, .. } = encrypted;
    let places: [(Direction, Place); 4] = [
        (Asking, Place::Bytes(0)),
        (Asking, IN_HELLO),
        (Answering, Place::Bytes(0)),
        (Answering, IN_HELLO),
    ];
    for (direction, place) in places {
        for (fault, is_lost, why) in IN_A_HANDSHAKE {
            let why = format!("{direction:?} {fault:?} {place:?}: {why}");
            let planned = stage.at_client.plan(direction, place, fault);
            let striking = async {
                planned.reached().await;
                planned.strike();
            };

            let shaking = expect(shake_hands(stage, connector), "the end of a handshake");
            let (shaken, ()) = futures::future::join(shaking, striking).await;

            assert_eq!(shaken.is_err(), is_lost, "{why}");
            if let Ok(mut client) = shaken {
                is_answered(&mut client, &why).await;
            }
            serves_on(stage, connector, &why).await;
        }
    }
}

async fn leaving_in_mid_stream(encrypted: &EncryptedClient) {
    let EncryptedClient { stage, connector, .. } = encrypted;
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        (Cut,       "an end that TLS did not announce"),
        (Reset,     "the same, by reset"),
        (HalfClose, "the same, by half"),
        (Garble,    "a record that nobody has signed: there is no client any more"),
    ];
    for (fault, why) in rows {
        let why = format!("{fault:?}: {why}");
        let planned = stage.at_client.plan(Asking, Place::Here, fault);
        let mut client = shake_hands(stage, connector).await.unwrap();
        let request = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: g\r\n{}: {}\r\ncontent-length: {}\r\n\r\n\
             {ENDLESS_CALL}",
            KEY.0,
            KEY.1,
            ENDLESS_CALL.len()
        );
        client.write_all(request.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        while memchr::memmem::find(&heard, FIRST_HALF.as_bytes()).is_none() {
            let read = expect(client.read_buf(&mut heard), "the first half").await.unwrap();
            assert!(read > 0, "{why}: ended early");
        }
        planned.here();
        planned.reached().await;
        client.write_all(b"GET ").await.unwrap(); // something for the wire to garble
        planned.strike();

        // The client is still there, and the upstream would go on for ever.
        stage.at_upstream.all_closed().await;

        drop(client);
        serves_on(stage, connector, &why).await;
    }
}

#[actix_web::test]
async fn a_handshake_with_a_client_that_fails_concerns_nobody_else() {
    let (encrypted, _gateway) = EncryptedClient::of(ONE_AT_A_TIME, in_this_process).await;
    in_a_clients_handshake(&encrypted).await;
}

#[actix_web::test]
async fn an_encrypted_client_that_is_cut_off_in_mid_stream_frees_the_upstream() {
    let (encrypted, _gateway) = EncryptedClient::of(ONE_AT_A_TIME, in_this_process).await;
    leaving_in_mid_stream(&encrypted).await;
}

#[actix_web::test]
async fn faults_below_a_clients_tls_leave_nothing_behind() {
    let (encrypted, gateway) = EncryptedClient::of("", in_a_process).await;
    leave_nothing_behind(&gateway, async || {
        in_a_clients_handshake(&encrypted).await;
        leaving_in_mid_stream(&encrypted).await;
    })
    .await;
}
