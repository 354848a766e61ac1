//! The wire on either side of a WebSocket fails: while it is opened, and in its middle.

use super::{FIRST_HALF, KEY, ONE_AT_A_TIME, OPENAI, Stage, in_this_process};
use crate::support::Direction::{Answering, Asking};
use crate::support::{Client, Direction, Fault, Place, expect, garbled};

const HANDSHAKE_FIELDS: &[(&str, &str)] = &[
    KEY,
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

const AMP_SOCKET: &str = "/api/socket";
const RESPONSES_SOCKET: &str = "/v1/responses";

const LAST_HALF: &str = ",last half";

use Fault::{Cut, Delay, Garble, HalfClose, OneByteWrites, Reset, Throttle};

/// What the client hears when the upstream's 101 does not come as it should; `None`: it comes.
type Opening = Option<(u16, &'static str)>;

const RESET: Opening = Some((502, "upstream_reset"));
const GARBLED: Opening = Some((502, "upstream_garbled"));

#[rustfmt::skip] // columns are easier to proofread
const OPENING: [(Fault, Opening, &str); 7] = [
    (Delay,         None,    "late is not failed"),
    (Throttle,      None,    "a head in pieces is a head"),
    (OneByteWrites, None,    "so is one in bytes"),
    (Cut,           RESET,   "no 101 came"),
    (Reset,         RESET,   "the same, by reset"),
    (HalfClose,     RESET,   "the same, by half"),
    (Garble,        GARBLED, "no 101 can be read"),
];

async fn opening(stage: &Stage, targets: &[&str]) {
    for place in [Place::Bytes(0), Place::Behind("HTTP/1.1 101 Switching")] {
        for target in targets.iter().copied() {
            for (fault, outcome, why) in OPENING {
                let why = format!("{target}: {fault:?} {place:?}: {why}");
                let asked = stage.upstream.requests().len();
                let planned = stage.at_upstream.plan(Answering, place, fault);
                let mut client = stage.connect().await;
                client.send("GET", target, HANDSHAKE_FIELDS, b"").await;
                planned.reached().await;
                stage.upstream.request(asked).await;
                planned.strike();

                let Some((status, code)) = outcome else {
                    assert_eq!(client.head().await.status, 101, "{why}");
                    echoes(&mut client, &why).await;
                    drop(client);
                    stage.recovers(&why).await;
                    continue;
                };
                let heard = client.response().await;
                // Codex goes on over HTTP at once when it reads 426, and is told there what is wrong.
                let expected = match target {
                    RESPONSES_SOCKET => (426, "websocket_not_served"),
                    _ => (status, code),
                };
                let said = heard.json();
                let said = (heard.status, said["error"]["code"].as_str().unwrap());
                assert_eq!(said, expected, "{why}");
                drop(client);
                stage.recovers(&why).await;
            }
        }
    }
}

async fn echoes(client: &mut Client, why: &str) {
    client.say(FIRST_HALF).await;
    let heard = expect(client.reader.exactly(FIRST_HALF.len()), "the echo").await.unwrap();
    assert_eq!(heard, FIRST_HALF.as_bytes(), "{why}");
}

#[derive(Clone, Copy, Debug)]
enum Wire {
    Upstream,
    Client,
}

/// What comes back of what the client says behind the fault.
#[derive(Clone, Copy, Debug)]
enum Echo {
    Whole,
    /// Bytes are passed on whatever they are.
    AsItCame,
    /// Nothing: the end of either side ends the other.
    End,
}

#[rustfmt::skip] // columns are easier to proofread
const IN_THE_TUNNEL: [(Fault, Echo, &str); 7] = [
    (Delay,         Echo::Whole,    "later"),
    (Throttle,      Echo::Whole,    "in pieces"),
    (OneByteWrites, Echo::Whole,    "in bytes"),
    (Cut,           Echo::End,      "an orderly end"),
    (Reset,         Echo::End,      "a reset"),
    (HalfClose,     Echo::End,      "an orderly end of one direction ends both"),
    (Garble,        Echo::AsItCame, "frames are not ours to check"),
];

/// An actix server waits a second for a client that has more to say before it closes; tests that need
/// not hear the end do not wait for it.
async fn in_the_tunnel(stage: &Stage, directions: &[Direction], waits_for_the_end: bool) {
    for (wire, proxy) in [(Wire::Upstream, &stage.at_upstream), (Wire::Client, &stage.at_client)] {
        for &direction in directions {
            for (fault, echo, why) in IN_THE_TUNNEL {
                let why = format!("{wire:?} {direction:?} {fault:?}: {why}");
                let planned = proxy.plan(direction, Place::Behind(FIRST_HALF), fault);
                let mut client = stage.connect().await;
                client.send("GET", AMP_SOCKET, HANDSHAKE_FIELDS, b"").await;
                assert_eq!(client.head().await.status, 101, "{why}");
                echoes(&mut client, &why).await;
                planned.reached().await;
                client.say(LAST_HALF).await;
                planned.strike();

                if waits_for_the_end || !matches!(echo, Echo::End) {
                    hears(&mut client, echo, &why).await;
                }

                drop(client);
                stage.recovers(&why).await;
            }
        }
    }
}

async fn hears(client: &mut Client, echo: Echo, why: &str) {
    let expected = match echo {
        Echo::Whole => LAST_HALF.as_bytes().to_vec(),
        Echo::AsItCame => garbled(LAST_HALF.as_bytes()),
        Echo::End => {
            // Nothing behind the place crosses, so nothing of it comes back.
            assert_eq!(client.to_end().await, b"", "{why}");
            return;
        }
    };
    let heard = expect(client.reader.exactly(expected.len()), why).await.unwrap();
    assert_eq!(heard, expected, "{why}");
}

pub async fn every_row(stage: &Stage) {
    opening(stage, &[AMP_SOCKET]).await;
    in_the_tunnel(stage, &[Asking, Answering], false).await;
}

#[actix_web::test]
async fn a_wire_that_fails_while_a_tunnel_opens_is_told_or_not_noticed() {
    let (stage, _gateway) = Stage::around(OPENAI, ONE_AT_A_TIME, in_this_process).await;
    opening(&stage, &[AMP_SOCKET, RESPONSES_SOCKET]).await;
}

#[actix_web::test]
async fn a_wire_that_fails_on_the_way_to_the_other_side_of_a_tunnel_ends_both() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    in_the_tunnel(&stage, &[Asking], true).await;
}

#[actix_web::test]
async fn a_wire_that_fails_on_the_way_back_through_a_tunnel_ends_both() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    in_the_tunnel(&stage, &[Answering], true).await;
}
