//! The wire between the client and the gateway fails.

use super::{BODY, ENDLESS_CALL, FIRST_HALF, KEY, Stage, hear, hear_until, whole_answer};
use crate::support::Direction::{Answering, Asking};
use crate::support::{Direction, Fault, Place, garbled};

/// What becomes of the request.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It is answered, byte for byte.
    Whole,
    /// It is refused with this status, and no whole request goes on.
    Refused(u16),
    /// Nobody is there to be told; no whole request goes on.
    Unheard,
    /// Refused with this status where the refusal is faster than the end; no whole request goes on.
    RefusedInTime(u16),
}

use Fault::{Cut, Delay, Garble, HalfClose, OneByteWrites, Reset, Throttle};
use Outcome::{Refused, RefusedInTime, Unheard, Whole};

type Row = (Fault, Outcome, &'static str);

#[rustfmt::skip] // columns are easier to proofread
const BEFORE_THE_HEAD: [Row; 7] = [
    (Delay,         Whole,        "a connection made ahead of its request"),
    (Throttle,      Whole,        "a head in pieces is a head"),
    (OneByteWrites, Whole,        "so is one in bytes"),
    (Cut,           Unheard,      "a connection that was never used"),
    (Reset,         Unheard,      "the same, by reset"),
    (HalfClose,     Unheard,      "nothing will be asked"),
    (Garble,        Refused(400), "that is not HTTP"),
];

#[rustfmt::skip] // columns are easier to proofread
const IN_THE_HEAD: [Row; 7] = [
    (Delay,         Whole,        "the rest comes later"),
    (Throttle,      Whole,        "the rest comes in pieces"),
    (OneByteWrites, Whole,        "the rest comes in bytes"),
    (Cut,           Unheard,      "half a head is none"),
    (Reset,         Unheard,      "the same, by reset"),
    (HalfClose,     Unheard,      "the same, by half"),
    (Garble,        Refused(400), "a field that is none"),
];

#[rustfmt::skip] // columns are easier to proofread
const IN_AN_UPLOAD: [Row; 6] = [
    (Delay,         Whole,   "the rest comes later"),
    (Throttle,      Whole,   "the rest comes in pieces"),
    (OneByteWrites, Whole,   "the rest comes in bytes"),
    (Cut,           Unheard, "half a body is none"),
    (Reset,         Unheard, "the same, by reset"),
    (HalfClose,     RefusedInTime(400), "the same, by half; who sends no more may have left"),
];

async fn before_the_head(stage: &Stage) {
    for target in ["/api/sized", "/v1/messages"] {
        for row in BEFORE_THE_HEAD {
            ask(stage, target, Place::Bytes(0), row).await;
        }
    }
}

async fn in_the_head(stage: &Stage) {
    for target in ["/api/sized", "/v1/messages"] {
        for row in IN_THE_HEAD {
            ask(stage, target, Place::Behind("host: gateway\r\nx-"), row).await;
        }
    }
}

async fn in_an_upload(stage: &Stage) {
    for target in ["/api/upload", "/v1/messages"] {
        for row in IN_AN_UPLOAD {
            ask(stage, target, Place::Behind(FIRST_HALF), row).await;
        }
    }
    let garble = (Garble, Refused(400), "a body that is not JSON any more");
    ask(stage, "/v1/messages", Place::Behind("{\"model\""), garble).await;
}

async fn ask(stage: &Stage, target: &str, place: Place, row: Row) {
    let (fault, outcome, why) = row;
    let why = format!("{target}: {fault:?} {place:?}: {why}");
    let asked = stage.upstream.requests().len();
    let planned = stage.at_client.plan(Asking, place, fault);
    let mut client = stage.ask(target).await;
    planned.reached().await;
    if target == "/api/upload" {
        // It is sent on while it comes; before, the gateway could not have let go of anything.
        stage.at_upstream.has_connections().await;
    }
    planned.strike();
    let heard = hear(&mut client).await;
    drop(client);

    let asked = stage.upstream.requests().len() - asked;
    match outcome {
        Whole => {
            let heard = heard.unwrap_or_else(|| panic!("{why}: no answer"));
            heard.assert_whole(whole_answer(target), &why);
            assert_eq!(asked, 1, "{why}");
        }
        Refused(status) => {
            let heard = heard.unwrap_or_else(|| panic!("{why}: no answer"));
            assert_eq!(heard.head.status, status, "{why}: {}", heard.text());
            assert_eq!(asked, 0, "{why}: it went on");
        }
        Unheard => {
            assert!(heard.is_none(), "{why}: {heard:?}");
            assert_eq!(asked, 0, "{why}: half a request is none");
        }
        RefusedInTime(status) => {
            let said = heard.map(|heard| heard.head.status);
            assert!(said.is_none_or(|said| said == status), "{why}: {said:?}");
            assert_eq!(asked, 0, "{why}: half a request is none");
        }
    }
    stage.recovers(&why).await;
}

#[rustfmt::skip] // columns are easier to proofread
const FROM_AN_ENDLESS_STREAM: [(Direction, Fault, &str); 6] = [
    (Asking,    Cut,       "the client has left"),
    (Asking,    Reset,     "the same, by reset"),
    (Asking,    HalfClose, "who sends no more is taken to have left"),
    (Answering, Cut,       "the client has left"),
    (Answering, Reset,     "the same, by reset"),
    (Answering, HalfClose, "the client hears an end, and leaves"),
];

/// The upstream would go on for ever: that its connection is closed is the gateway's doing.
async fn leaving_in_mid_stream(stage: &Stage) {
    for (direction, fault, why) in FROM_AN_ENDLESS_STREAM {
        let why = format!("{direction:?} {fault:?}: {why}");
        let planned = stage.at_client.plan(direction, Place::Here, fault);
        let mut client = stage.connect().await;
        client.send("POST", "/v1/messages", &[KEY], ENDLESS_CALL.as_bytes()).await;
        hear_until(&mut client, FIRST_HALF).await;
        planned.here();
        planned.reached().await;
        planned.strike();

        let heard = hear(&mut client).await.unwrap_or_else(|| panic!("{why}: no answer"));

        assert!(!heard.is_whole, "{why}: {}", heard.text());
        drop(client);
        stage.recovers(&why).await;
    }
}

/// What the wire does behind us is nothing we could mend, or should trip over.
async fn in_an_answer(stage: &Stage) {
    for target in ["/api/sized", "/v1/messages"] {
        for fault in [Delay, Throttle, OneByteWrites, Garble] {
            let why = format!("{target}: {fault:?}");
            let planned = stage.at_client.plan(Answering, Place::Behind(FIRST_HALF), fault);
            let mut client = stage.ask(target).await;
            planned.reached().await;
            // The gateway is through with it while the client still waits for the rest.
            stage.upstream.all_closed().await;
            planned.strike();

            let heard = hear(&mut client).await.unwrap_or_else(|| panic!("{why}: no answer"));

            if fault != Garble {
                heard.assert_whole(whole_answer(target), &why);
            } else if target == "/api/sized" {
                let rest = garbled(&BODY.as_bytes()[FIRST_HALF.len()..]);
                heard.assert_whole([FIRST_HALF.as_bytes(), &rest].concat(), &why);
            }
            drop(client);
            stage.recovers(&why).await;
        }
    }
}

pub async fn every_row(stage: &Stage) {
    before_the_head(stage).await;
    in_the_head(stage).await;
    in_an_upload(stage).await;
    leaving_in_mid_stream(stage).await;
    in_an_answer(stage).await;
}

#[actix_web::test]
async fn half_a_head_of_a_request_goes_nowhere() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    before_the_head(&stage).await;
    in_the_head(&stage).await;
}

#[actix_web::test]
async fn half_a_body_of_a_request_is_no_request() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    in_an_upload(&stage).await;
}

#[actix_web::test]
async fn a_client_that_is_cut_off_in_mid_stream_frees_the_upstream() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    leaving_in_mid_stream(&stage).await;
}

#[actix_web::test]
async fn an_answer_does_not_depend_on_how_the_client_gets_it() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    in_an_answer(&stage).await;
}
