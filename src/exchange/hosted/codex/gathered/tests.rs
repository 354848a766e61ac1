use super::*;

const R02: &str =
    include_str!("../../../../../tests/fixtures/openai-responses/r02-text.stream.sse");
const R04: &str =
    include_str!("../../../../../tests/fixtures/openai-responses/r04-tools-reasoning.stream.sse");

fn gathered(stream: &str) -> Gathered {
    let mut gathering = Gathering::default();
    gathering.push(stream.as_bytes()).unwrap();
    gathering.finish().unwrap()
}

fn events(events: &[Value]) -> String {
    let event = |event: &Value| format!("data: {event}\n\n");
    events.iter().map(event).collect()
}

/// The response that ends a stream, as it stands there.
fn ending(stream: &str) -> Value {
    let data = stream.lines().rev().find_map(|line| line.strip_prefix("data:")).unwrap();
    let mut event: Value = serde_json::from_str(data).unwrap();
    event["response"].take()
}

#[test]
fn a_stream_comes_to_the_response_that_ends_it_at_any_cut() {
    for stream in [R02, R04] {
        let expected = ending(stream);
        for cut in (0..stream.len()).step_by(97) {
            let mut gathering = Gathering::default();
            gathering.push(&stream.as_bytes()[..cut]).unwrap();
            assert!(!gathering.is_over(), "cut at {cut}");
            gathering.push(&stream.as_bytes()[cut..]).unwrap();
            assert!(gathering.is_over());
            let Gathered::Response(whole) = gathering.finish().unwrap() else {
                panic!("no response")
            };
            assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap(), expected, "cut at {cut}");
        }
    }
}

/// The backend says its items one by one, and repeats none in the end.
#[test]
fn an_empty_output_is_filled_with_the_items_in_their_order() {
    let item = |id: &str, at: Option<u64>| json!({ "type": "response.output_item.done", "output_index": at, "item": { "id": id, "n": 1.50 } });
    let end = |output: &Value| json!({ "type": "response.completed", "response": { "id": "r", "output": output, "usage": {} } });
    let items =
        |ids: &[&str]| ids.iter().map(|id| json!({ "id": id, "n": 1.50 })).collect::<Vec<_>>();
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // items,                                               in the end,      output,             why
        (vec![item("a", Some(0)), item("b", Some(1))],          json!([]),       items(&["a", "b"]), "one by one"),
        (vec![item("b", Some(1)), item("a", Some(0))],          json!([]),       items(&["a", "b"]), "by their places"),
        (vec![item("a", None), item("b", None)],                json!([]),       items(&["a", "b"]), "as they came"),
        (vec![item("a", Some(0))],                              Value::Null,     items(&["a"]),      "nothing said at all"),
        (vec![item("a", Some(0))],                              json!([{"id": "x"}]), vec![json!({"id": "x"})], "said whole in the end"),
        (vec![],                                                json!([]),       vec![],             "there is none"),
    ];
    for (mut stream, told, expected, why) in cases {
        stream.push(end(&told));
        let Gathered::Response(whole) = gathered(&events(&stream)) else { panic!("{why}") };
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(whole["output"], Value::from(expected), "{why}");
        assert_eq!((&whole["id"], &whole["usage"]), (&json!("r"), &json!({})), "{why}");
    }
}

#[test]
fn how_a_stream_ends_is_told_apart() {
    let response = |kind: &str| json!({ "type": kind, "response": { "id": "r", "output": [] } });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (vec![response("response.completed")],   "response",   "it is there"),
        (vec![response("response.incomplete")],  "response",   "cut short, and still said"),
        (vec![response("response.done")],        "response",   "another word for completed"),
        (vec![response("response.failed")],      "failed",     "an event says so"),
        (vec![json!({ "type": "error", "code": "c" })], "failed", "an event says so"),
        (vec![response("response.created")],     "unfinished", "the stream broke off"),
        (vec![json!({ "type": "response.completed" })], "unfinished", "nothing is there"),
        (vec![],                                 "unfinished", "nothing was said"),
        (vec![response("response.failed"), response("response.completed")], "failed", "the first ending counts"),
    ];
    for (stream, expected, why) in cases {
        let seen = match gathered(&(events(&stream) + "data: [DONE]\n\n")) {
            Gathered::Response(_) => "response",
            Gathered::Failed(_) => "failed",
            Gathered::Unfinished => "unfinished",
        };
        assert_eq!(seen, expected, "{why}");
    }
    let unclosed = format!("data: {}", response("response.completed"));
    assert!(matches!(gathered(&unclosed), Gathered::Response(_)), "without its blank line");
}

#[test]
fn more_than_fits_is_not_held() {
    let item = json!({ "type": "response.output_item.done", "item": "x".repeat(8 << 20) });
    let event = events(&[item]);
    let mut gathering = Gathering::default();
    let pushed: Result<(), TooLong> = (0..9).try_for_each(|_| gathering.push(event.as_bytes()));
    assert_eq!(pushed, Err(TooLong));
    assert!(gathering.held.items.len() <= 9);
}

#[test]
fn a_failure_is_an_error_with_the_status_it_would_have_had() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // event, status, error, why
        (json!({ "type": "response.failed", "response": { "error": { "code": "rate_limit_exceeded", "message": "m" } } }),
            429, json!({ "code": "rate_limit_exceeded", "message": "m" }), "as it stands there"),
        (json!({ "type": "error", "code": "context_length_exceeded", "message": "m", "param": "input", "sequence_number": 3 }),
            400, json!({ "code": "context_length_exceeded", "message": "m", "param": "input", "type": null }), "flat"),
        (json!({ "type": "error", "status": 429, "error": { "type": "usage_limit_reached", "resets_at": 5 } }),
            429, json!({ "type": "usage_limit_reached", "resets_at": 5 }), "what a plan's limit says of its end stays"),
        (json!({ "type": "response.failed", "response": { "error": null } }),
            500, json!({ "code": null, "param": null, "type": null, "message": "The response failed, and its provider did not say why." }), "no reason at all"),
    ];
    for (event, status, error, why) in cases {
        let (seen, body) = error_answer(event.to_string().as_bytes());
        assert_eq!(seen.as_u16(), status, "{why}");
        assert_eq!(
            serde_json::from_slice::<Value>(&body).unwrap(),
            json!({ "error": error }),
            "{why}"
        );
    }
}
