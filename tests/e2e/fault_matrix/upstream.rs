//! The wire between the gateway and its upstream fails.

use super::{
    CLAUDE, FIRST_HALF, Stage, configuration, first_half_of, hear, hear_until, whole_answer,
};
use crate::support::Direction::{Answering, Asking};
use crate::support::{Direction, Fault, FaultProxy, Place, StubUpstream, TestGateway, garbled};

/// What the client hears.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// The answer, byte for byte.
    Whole,
    /// All of it, with the bytes that the wire has turned: no framing tells them from others.
    AsItCame,
    /// An error: its status, our code, and what the model's dialect calls it.
    Fails(u16, &'static str, &'static str),
    /// What came before the fault, and no end.
    Cut,
    /// What came before the fault, and an orderly end with an event that says so.
    ErrorEvent,
}

use Fault::{Cut, Delay, Garble, HalfClose, OneByteWrites, Reset, Throttle};
use Outcome::{AsItCame, ErrorEvent, Fails, Whole};

const RESET: Outcome = Fails(502, "upstream_reset", "api_error");
const GARBLED: Outcome = Fails(502, "upstream_garbled", "api_error");

type Row = (Fault, Outcome, &'static str);

#[rustfmt::skip] // columns are easier to proofread
const BEFORE_THE_HEAD: [Row; 7] = [
    (Delay,         Whole,   "late is not failed"),
    (Throttle,      Whole,   "a head in pieces is a head"),
    (OneByteWrites, Whole,   "so is one in bytes"),
    (Cut,           RESET,   "closed without a byte"),
    (Reset,         RESET,   "reset without a byte"),
    (HalfClose,     RESET,   "nothing more will come, though we could still ask"),
    (Garble,        GARBLED, "that is not HTTP"),
];

#[rustfmt::skip] // columns are easier to proofread
const IN_THE_HEAD: [Row; 7] = [
    (Delay,         Whole,   "the rest comes later"),
    (Throttle,      Whole,   "the rest comes in pieces"),
    (OneByteWrites, Whole,   "the rest comes in bytes"),
    (Cut,           RESET,   "half a head is none"),
    (Reset,         RESET,   "the same, by reset"),
    (HalfClose,     RESET,   "the same, by half"),
    (Garble,        GARBLED, "a field that is none"),
];

#[rustfmt::skip] // columns are easier to proofread
const IN_A_SIZED_BODY: [Row; 7] = [
    (Delay,         Whole,        "the rest comes later"),
    (Throttle,      Whole,        "in pieces"),
    (OneByteWrites, Whole,        "in bytes"),
    (Cut,           Outcome::Cut, "short of its length"),
    (Reset,         Outcome::Cut, "the same, by reset"),
    (HalfClose,     Outcome::Cut, "the same, by half"),
    (Garble,        AsItCame,     "a length says nothing of what is counted"),
];

#[rustfmt::skip] // columns are easier to proofread
const IN_A_CHUNKED_BODY: [Row; 7] = [
    (Delay,         Whole,        "the rest comes later"),
    (Throttle,      Whole,        "chunk marks in pieces"),
    (OneByteWrites, Whole,        "chunk marks in bytes"),
    (Cut,           Outcome::Cut, "inside a chunk"),
    (Reset,         Outcome::Cut, "the same, by reset"),
    (HalfClose,     Outcome::Cut, "the same, by half"),
    (Garble,        Outcome::Cut, "the next chunk has no size"),
];

#[rustfmt::skip] // columns are easier to proofread
const IN_A_MODELS_STREAM: [Row; 7] = [
    (Delay,         Whole,      "the rest comes later"),
    (Throttle,      Whole,      "events in pieces"),
    (OneByteWrites, Whole,      "events in bytes"),
    (Cut,           ErrorEvent, "inside an event, which must be closed first"),
    (Reset,         ErrorEvent, "the same, by reset"),
    (HalfClose,     ErrorEvent, "the same, by half"),
    (Garble,        ErrorEvent, "the next chunk has no size"),
];

#[rustfmt::skip] // columns are easier to proofread
const IN_AN_UPLOAD: [Row; 6] = [
    (Delay,         Whole, "the rest goes later"),
    (Throttle,      Whole, "in pieces"),
    (OneByteWrites, Whole, "in bytes"),
    (Cut,           RESET, "the upstream has half a request, and we no answer"),
    (Reset,         RESET, "the same, by reset"),
    (HalfClose,     RESET, "the upstream reads the end of half a request, and leaves"),
];

async fn before_the_head(stage: &Stage) {
    for target in ["/api/sized", "/v1/messages"] {
        for row in BEFORE_THE_HEAD {
            run(stage, target, Answering, Place::Bytes(0), row).await;
        }
    }
}

async fn in_the_head(stage: &Stage) {
    for target in ["/api/sized", "/v1/messages"] {
        for row in IN_THE_HEAD {
            run(stage, target, Answering, Place::Behind("HTTP/1.1 200 X\r\n"), row).await;
        }
    }
}

async fn in_the_body(stage: &Stage) {
    let bodies = [
        ("/api/sized", IN_A_SIZED_BODY),
        ("/api/chunked", IN_A_CHUNKED_BODY),
        ("/api/events", IN_A_CHUNKED_BODY), // relayed events are not ours to end
        ("/v1/messages", IN_A_MODELS_STREAM),
    ];
    for (target, rows) in bodies {
        for row in rows {
            run(stage, target, Answering, Place::Behind(FIRST_HALF), row).await;
        }
    }
}

async fn in_an_upload(stage: &Stage) {
    for target in ["/api/upload", "/v1/messages"] {
        for row in IN_AN_UPLOAD {
            run(stage, target, Asking, Place::Behind(FIRST_HALF), row).await;
        }
    }
    let garble = (Garble, AsItCame, "the upstream gets, and answers, what the wire made of it");
    run(stage, "/api/upload", Asking, Place::Behind(FIRST_HALF), garble).await;
}

pub async fn every_row(stage: &Stage) {
    before_the_head(stage).await;
    in_the_head(stage).await;
    in_the_body(stage).await;
    in_an_upload(stage).await;
}

async fn run(stage: &Stage, target: &str, direction: Direction, place: Place, row: Row) {
    let (fault, outcome, why) = row;
    let why = format!("{target}: {fault:?} {place:?}: {why}");
    let asked = stage.upstream.requests().len();
    let planned = stage.at_upstream.plan(direction, place, fault);
    let mut client = stage.ask(target).await;
    planned.reached().await;
    if direction == Answering {
        stage.upstream.request(asked).await;
    }
    if direction == Answering && matches!(place, Place::Behind(FIRST_HALF)) {
        hear_until(&mut client, FIRST_HALF).await; // what came is passed on before the rest comes
    }
    planned.strike();
    let heard = hear(&mut client).await.unwrap_or_else(|| panic!("{why}: no answer"));
    drop(client);

    let (whole, first_half) = (whole_answer(target), first_half_of(target));
    match outcome {
        Whole => heard.assert_whole(whole, &why),
        AsItCame => {
            let turned = garbled(&whole.as_bytes()[first_half.len()..]);
            heard.assert_whole([first_half.as_bytes(), &turned].concat(), &why);
        }
        Fails(status, code, kind) => {
            assert_eq!(heard.head.status, status, "{why}: {}", heard.text());
            assert!(heard.is_whole, "{why}");
            let is_model = target.starts_with("/v1/");
            let (path, expected) =
                if is_model { ("/error/type", kind) } else { ("/error/code", code) };
            let said = heard.head.json();
            assert_eq!(said.pointer(path).unwrap(), expected, "{why}");
        }
        Outcome::Cut => {
            assert_eq!(heard.head.status, 200, "{why}");
            assert!(heard.text().starts_with(&first_half), "{why}: {}", heard.text());
            assert!(!heard.is_whole, "{why}: ended as if whole: {}", heard.text());
        }
        ErrorEvent => {
            let text = heard.text();
            assert_eq!(heard.head.status, 200, "{why}");
            assert!(text.starts_with(&first_half), "{why}: {text}");
            let last = text.trim_end().rsplit("\n\n").next().unwrap();
            assert!(last.starts_with("event: error\ndata: {\"type\":\"error\""), "{why}: {text}");
            assert!(text.ends_with("\n\n") && heard.is_whole, "{why}: {text}");
        }
    }
    let asked = stage.upstream.requests().len() - asked;
    assert!(asked <= 1, "{why}: asked {asked} times on fresh connections");
    stage.recovers(&why).await;
}

#[actix_web::test]
async fn a_wire_that_fails_before_the_head_is_told_or_not_noticed() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    before_the_head(&stage).await;
}

#[actix_web::test]
async fn a_wire_that_fails_in_the_head_is_told_or_not_noticed() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    in_the_head(&stage).await;
}

#[actix_web::test]
async fn a_wire_that_fails_in_the_body_never_makes_half_an_answer_look_whole() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    in_the_body(&stage).await;
}

#[actix_web::test]
async fn a_wire_that_fails_in_an_upload_is_told_or_not_noticed() {
    let (stage, _gateway) = Stage::around_a_gateway().await;
    in_an_upload(&stage).await;
}

#[actix_web::test]
async fn another_credential_answers_where_the_wire_of_the_first_fails() {
    let first = StubUpstream::answering(super::speak).await;
    let wire = FaultProxy::before(super::address_in(&first.origin)).await;
    let second = StubUpstream::answering(super::speak).await;
    let one = format!("http://{}", wire.address);
    let two = format!(
        "claude-api-key: [{{ api-key: first-key, base-url: '{one}', priority: 1 }}, \
         {{ api-key: second-key, base-url: '{}' }}]\n",
        second.origin
    );
    let yaml = configuration(&one, CLAUDE);
    let claude = yaml.lines().find(|line| line.starts_with("claude-api-key")).unwrap();
    let yaml = yaml.replace(claude, two.trim_end()) + super::ONE_AT_A_TIME;
    let gateway = TestGateway::start(&yaml).await;
    #[rustfmt::skip] // columns are easier to proofread
    let places: [(Place, &[Fault], &str); 4] = [
        (Place::Bytes(0),                     &[Cut, Reset, HalfClose, Garble], "before the head"),
        (Place::Behind("HTTP/1.1 200 X\r\n"), &[Cut, Reset, HalfClose, Garble], "in the head"),
        (Place::Behind("\r\n\r\n"),           &[Cut, Reset, HalfClose, Garble], "before the first event"),
        // Garbled, it would still be an event, and what events say to clients is not ours to judge.
        (Place::Behind("event: mess"),        &[Cut, Reset, HalfClose],         "in the first event"),
    ];
    let mut count = 0;
    for (place, faults, where_it_was) in places {
        for fault in faults {
            let why = format!("{fault:?} {where_it_was}");
            let planned = wire.plan(Answering, place, *fault);
            let asking = gateway.post_json("/v1/messages", super::MODEL_CALL);
            let striking = async {
                planned.reached().await;
                first.request(count).await;
                planned.strike();
            };

            let (answer, ()) = futures::future::join(asking, striking).await;

            count += 1;
            assert_eq!(answer.status, 200, "{why}: {}", answer.text());
            assert_eq!(answer.text(), whole_answer("/v1/messages"), "{why}");
            assert_eq!(first.requests().len(), count, "{why}: the first is asked once");
            assert_eq!(second.requests().len(), count, "{why}: and then the second");
            wire.all_closed().await;
            second.all_closed().await;
        }
    }
}
