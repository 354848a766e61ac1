//! A wire that carries HTTP/2 fails. It has many requests on it: those fail or are asked again, and no
//! later one ever meets it.

use super::address_in;
use crate::support::Direction::{Answering, Asking};
use crate::support::{Direction, Fault, FaultProxy, Place, Planned, TestGateway};
use crate::tls::{Authority, http2_server};

use Fault::{Cut, Delay, Garble, HalfClose, OneByteWrites, Reset, Throttle};

const UPLOAD: &[u8] = &[b'x'; 20_000];
const IN_THE_UPLOAD: Place = Place::Bytes(10_000);

/// A gateway before a server that speaks HTTP/2, whose first connection fails.
async fn failing(
    direction: Direction,
    place: Place,
    fault: Fault,
) -> (Planned, TestGateway, (FaultProxy, Authority)) {
    let authority = Authority::new();
    let port = http2_server(authority.server_config("127.0.0.1", &[b"h2"]));
    let wire = FaultProxy::before(address_in(&format!("https://127.0.0.1:{port}"))).await;
    let gateway = TestGateway::start(&format!(
        "api-keys: [client-key-1]\ntls: {{ upstream-ca: '{}' }}\n\
         ampcode: {{ upstream-url: 'https://{}', upstream-api-key: team-key }}\n\
         limits: {{ connections-per-upstream: 1 }}\n",
        authority.ca_file(),
        wire.address
    ))
    .await;
    (wire.plan(direction, place, fault), gateway, (wire, authority))
}

#[actix_web::test]
async fn an_upload_over_http2_is_told_of_its_wire_and_the_next_has_another() {
    #[rustfmt::skip] // columns are easier to proofread
    let rows = [
        (Delay,         false, "the rest goes later"),
        (Throttle,      false, "frames in pieces"),
        (OneByteWrites, false, "frames in bytes"),
        (Cut,           true,  "an upload is never sent twice"),
        (Reset,         true,  "the same, by reset"),
        (HalfClose,     true,  "the upstream reads an end, and leaves"),
        (Garble,        true,  "the upstream reads a record nobody has signed, and leaves"),
    ];
    for (fault, is_lost, why) in rows {
        let why = format!("{fault:?}: {why}");
        let (planned, gateway, _alive) = failing(Asking, IN_THE_UPLOAD, fault).await;
        let striking = async {
            planned.reached().await;
            planned.strike();
        };

        let uploading = gateway.post_json("/api/x", UPLOAD);
        let (answer, ()) = futures::future::join(uploading, striking).await;

        if is_lost {
            assert_eq!(answer.status, 502, "{why}: {}", answer.text());
            assert_eq!(answer.json()["error"]["code"], "upstream_reset", "{why}");
        } else {
            assert_eq!(answer.text(), "HTTP/2.0 20000", "{why}");
        }
        assert_eq!(gateway.post_json("/api/x", UPLOAD).await.text(), "HTTP/2.0 20000", "{why}");
    }
}

#[actix_web::test]
async fn an_http2_connection_whose_wire_fails_while_idle_costs_no_request() {
    for fault in [Delay, Throttle, OneByteWrites, Cut, Reset, HalfClose, Garble] {
        for direction in [Asking, Answering] {
            let why = format!("{direction:?} {fault:?}");
            let (planned, gateway, _alive) = failing(direction, Place::Here, fault).await;
            assert_eq!(gateway.get("/api/x").await.text(), "HTTP/2.0 0", "{why}");
            planned.here();
            planned.reached().await;
            planned.strike();

            for _ in 0..2 {
                let answer = gateway.get("/api/x").await;
                assert_eq!(answer.text(), "HTTP/2.0 0", "{why}: {}", answer.status);
            }
        }
    }
}
