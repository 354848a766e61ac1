//! TLS or not, and the time for a head: new connections get what the file says, old ones end well.

use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::client::TlsStream;

use crate::reload::{relaying, status};
use crate::support::{Client, GatewayProcess, Reader, StubUpstream, expect};
use crate::tls::Authority;

const HALF_A_HEAD: &str = "GET /healthz HTTP/1.1\r\nhost: g\r\nx-half: ";
const PLAIN: &str = "api-keys: [k]\n";

fn with_head(yaml: &str, time: &str) -> String {
    format!("{yaml}timeouts: {{ client-head: {time}, drain: 1h }}\n")
}

/// Asks, and says whether the answer is to be the connection's last.
async fn is_told_to_leave(socket: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n").await.unwrap();
    let mut reader = Reader::new(socket);
    let (first, fields, _) = expect(reader.head(), "an answer").await.unwrap().unwrap();
    assert!(first.starts_with("HTTP/1.1 200 "), "{first}");
    expect(reader.body(&fields), "its body").await.unwrap();
    fields.get("connection") == Some("close")
}

async fn has_ended(socket: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    // TLS may end without a goodbye.
    let _ = expect(socket.read_to_end(&mut rest), "the end of the connection").await;
    rest.is_empty()
}

async fn plain(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn encrypted(
    address: SocketAddr,
    authority: &Authority,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = "127.0.0.1".try_into().unwrap();
    let connecting = authority.connector().connect(name, plain(address).await);
    expect(connecting, "a handshake, well or not").await
}

/// An upstream that streams when it is let, and echoes through tunnels.
async fn streaming(gate: Rc<Semaphore>) -> StubUpstream {
    StubUpstream::answering(move |mut conversation| {
        let gate = gate.clone();
        async move {
            if conversation.request.field("upgrade").is_some() {
                let head = "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
                conversation.say(head).await;
                while let Ok(piece) = conversation.reader.exactly(4).await {
                    conversation.say(piece).await;
                }
                return None;
            }
            conversation.begin(200, &[("content-type", "text/event-stream")]).await;
            conversation.chunk("data: 1\n\n").await;
            gate.acquire().await.unwrap().forget();
            conversation.chunk("data: 2\n\n").await;
            conversation.end().await;
            Some(conversation)
        }
    })
    .await
}

async fn stream(client: &mut Client) {
    client.send("GET", "/api/events", &[("x-api-key", "k")], b"").await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: 1\n\n");
}

async fn assert_streams_to_its_end(mut client: Client) {
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: 2\n\n");
    assert_eq!(client.chunk().await.unwrap(), None);
}

async fn tunnel(client: &mut Client) {
    let fields = [("connection", "upgrade"), ("upgrade", "websocket"), ("x-api-key", "k")];
    client.send("GET", "/actors/x", &fields, b"").await;
    assert_eq!(client.head().await.status, 101);
}

async fn assert_echoes(client: &mut Client) {
    client.say(b"\x81\x02hi").await;
    assert_eq!(expect(client.reader.exactly(4), "an echo").await.unwrap(), b"\x81\x02hi");
}

/// By the value of the start the slow client would wait for an hour.
#[actix_web::test]
async fn a_new_time_for_heads_holds_for_new_connections_and_not_for_old_ones() {
    let mut gateway = GatewayProcess::start(&with_head(PLAIN, "1h"));
    let mut old = gateway.connect().await;
    old.say(HALF_A_HEAD).await;
    let mut older = plain(gateway.address).await;
    assert!(!is_told_to_leave(&mut older).await);

    let said = gateway.reload(&with_head(PLAIN, "50ms"));
    assert!(!said.contains("restart"), "{said}");
    let mut slow = gateway.connect().await;
    slow.say(HALF_A_HEAD).await;

    let last = String::from_utf8(slow.to_end().await).unwrap();
    assert!(last.is_empty() || last.starts_with("HTTP/1.1 408"), "{last}");
    old.say("done\r\n\r\n").await;
    assert_eq!(old.response().await.status, 200, "a head begun under the old value");
    assert!(is_told_to_leave(&mut older).await, "so that the next connection is a new one");
    assert!(has_ended(&mut older).await);
}

#[actix_web::test]
async fn tls_is_turned_on_and_off_on_the_same_port() {
    let authority = Authority::new();
    let secret = format!("{PLAIN}tls: {{ {} }}\n", authority.shown());
    let mut gateway = GatewayProcess::start(PLAIN);
    let address = gateway.address;

    for round in 1..=2 {
        let mut before = plain(address).await;
        assert!(!is_told_to_leave(&mut before).await, "{round}");
        assert!(encrypted(address, &authority).await.is_err(), "{round}: no TLS yet");

        let said = gateway.reload(&secret);
        assert!(!said.contains("restart"), "{said}");
        let mut during = encrypted(address, &authority).await.unwrap();
        assert!(!is_told_to_leave(&mut during).await, "{round}");
        let mut stranger = gateway.connect().await;
        stranger.say("GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n").await;
        assert!(!stranger.to_end().await.starts_with(b"HTTP"), "{round}: plain text is over");
        assert!(is_told_to_leave(&mut before).await, "{round}: for those inside, too");
        assert!(has_ended(&mut before).await, "{round}");

        gateway.reload(PLAIN);
        assert!(is_told_to_leave(&mut during).await, "{round}");
        assert!(has_ended(&mut during).await, "{round}");
    }
    assert!(!is_told_to_leave(&mut plain(address).await).await);
}

#[actix_web::test]
async fn streams_and_tunnels_go_on_over_changes_of_the_listener() {
    let gate = Rc::new(Semaphore::new(0));
    let upstream = streaming(gate.clone()).await;
    let authority = Authority::new();
    let relaying = relaying("k", &upstream.origin);
    let mut gateway = GatewayProcess::start(&with_head(&relaying, "10s"));
    let (mut running, mut tunneled) = (gateway.connect().await, gateway.connect().await);
    // Those who come with the first request after the change.
    let (mut late, mut late_tunnel) = (gateway.connect().await, gateway.connect().await);
    for client in [&mut late, &mut late_tunnel] {
        client.send("GET", "/healthz", &[], b"").await;
        assert_eq!(client.response().await.status, 200);
    }
    stream(&mut running).await;
    tunnel(&mut tunneled).await;

    gateway.reload(&with_head(&relaying, "11s"));
    stream(&mut late).await;
    tunnel(&mut late_tunnel).await;
    gateway.reload(&format!("{relaying}tls: {{ {} }}\n", authority.shown()));

    assert_echoes(&mut tunneled).await;
    assert_echoes(&mut late_tunnel).await;
    gate.add_permits(2);
    assert_streams_to_its_end(running).await;
    assert_streams_to_its_end(late).await;
}

#[actix_web::test]
async fn draining_waits_for_connections_of_before_and_lets_go_of_idle_ones() {
    let gate = Rc::new(Semaphore::new(0));
    let upstream = streaming(gate.clone()).await;
    let relaying = relaying("k", &upstream.origin);
    let mut gateway = GatewayProcess::start(&with_head(&relaying, "10s"));
    let mut running = gateway.connect().await;
    stream(&mut running).await;
    let mut idle = gateway.connect().await;
    idle.send("GET", "/healthz", &[], b"").await;
    idle.response().await;

    gateway.reload(&with_head(&relaying, "11s"));
    let mut new_idle = gateway.connect().await;
    new_idle.send("GET", "/healthz", &[], b"").await;
    new_idle.response().await;
    let mut new_running = gateway.connect().await;
    stream(&mut new_running).await;
    gateway.signal("-TERM");

    assert_eq!(idle.to_end().await, b"", "while the streams run");
    assert_eq!(new_idle.to_end().await, b"");
    gate.add_permits(2);
    assert_streams_to_its_end(running).await;
    assert_streams_to_its_end(new_running).await;
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_second_signal_ends_connections_of_before_as_well() {
    let upstream = streaming(Rc::new(Semaphore::new(0))).await;
    let relaying = relaying("k", &upstream.origin);
    let mut gateway = GatewayProcess::start(&with_head(&relaying, "10s"));
    let mut running = gateway.connect().await;
    stream(&mut running).await;
    gateway.reload(&with_head(&relaying, "11s"));

    gateway.signal("-TERM");
    gateway.log_line_with("draining");
    gateway.signal("-TERM");

    assert!(running.chunk().await.is_err(), "a relayed stream is cut");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[actix_web::test]
async fn a_certificate_that_cannot_be_read_leaves_the_listener_as_it_is() {
    let mut gateway = GatewayProcess::start(PLAIN);
    gateway.save(&format!("{PLAIN}tls: {{ cert: nowhere.pem, key: nowhere.pem }}\n"));
    gateway.log_line_with("configuration has problems");

    assert_eq!(status(&gateway, "wrong").await, 401, "in plain text");
}
