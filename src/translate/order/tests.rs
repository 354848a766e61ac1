use std::borrow::Cow;

use super::*;

/// What a writer would be told, in short.
fn steps(events: &[Event<'_>]) -> Vec<String> {
    steps_with(ClientNames::default(), events)
}

fn steps_with(names: ClientNames, events: &[Event<'_>]) -> Vec<String> {
    let mut order = Order::new(names, "x".to_owned());
    let mut seen = Vec::new();
    let mut sink = |step: Step<'_>| {
        seen.push(match step {
            Step::Start(_) => "start".to_owned(),
            Step::Open(Block::Text) => "open text".to_owned(),
            Step::Open(Block::Thinking) => "open thinking".to_owned(),
            Step::Open(Block::Call { id, name, .. }) => format!("open {name} {id}"),
            Step::Piece(piece) => format!("  {piece}"),
            Step::Signature(signature) => format!("  signed {signature}"),
            Step::Close => "close".to_owned(),
            Step::Stop(reason, _) => format!("{reason:?}"),
            Step::Fail(failure) => format!("fail {}", failure.code),
        });
    };
    for event in events {
        order.push(event.clone(), &mut sink);
    }
    order.finish(&mut sink);
    seen
}

const fn text(text: &str) -> Event<'_> {
    Event::Text(Cow::Borrowed(text))
}

const fn thinking(text: &str) -> Event<'_> {
    Event::Thinking(Cow::Borrowed(text))
}

const fn call<'a>(slot: u32, id: &'a str, name: &'a str) -> Event<'a> {
    let (id, name) = (Some(Cow::Borrowed(id)), Some(Cow::Borrowed(name)));
    Event::Call { slot, id, name, input: InputKind::Json }
}

const fn input(slot: u32, piece: &str) -> Event<'_> {
    Event::CallInput { slot, piece: Cow::Borrowed(piece) }
}

#[test]
fn blocks_are_opened_filled_and_closed_one_after_the_other() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&[Event<'_>], &[&str], &str)] = &[
        (&[], &["fail upstream_garbled"], "nothing at all is no answer"),
        (&[Event::Stop(StopReason::EndTurn)], &["start", "EndTurn"], "nothing said is one"),
        (&[text("a"), text("b"), Event::Stop(StopReason::MaxTokens), Event::End],
         &["start", "open text", "  a", "  b", "close", "MaxTokens"], "one block for pieces of one kind"),
        (&[thinking("t"), Event::Signature("s".into()), text("a")],
         &["start", "open thinking", "  t", "  signed s", "close", "open text", "  a", "close", "EndTurn"], "thinking first"),
        (&[thinking("t"), Event::Signature("s".into()), thinking("u"), Event::Signature("v".into())],
         &["start", "open thinking", "  t", "  signed s", "close", "open thinking", "  u", "  signed v", "close", "EndTurn"], "each signature has its block"),
        (&[Event::Signature("s".into())],
         &["start", "open thinking", "  signed s", "close", "EndTurn"], "thinking that is not shown is signed all the same"),
        (&[call(0, "i", "f"), Event::Stop(StopReason::EndTurn)],
         &["start", "open f i", "  {}", "close", "ToolUse"], "no arguments are an empty object, and a call is the reason"),
        (&[Event::Stop(StopReason::ToolUse)],
         &["start", "EndTurn"], "a call that never came is no reason"),
        (&[call(0, "i", "f"), input(0, "{\"a\""), input(0, ":1}"), text("b")],
         &["start", "open f i", "  {\"a\"", "  :1}", "close", "open text", "  b", "close", "ToolUse"], "text behind a complete call"),
        (&[call(0, "i", "f"), input(0, "{"), call(1, "j", "g"), input(1, "{\"x\":1"), input(0, "}"), input(1, "}")],
         &["start", "open f i", "  {", "  }", "close", "open g j", "  {\"x\":1", "  }", "close", "ToolUse"], "interleaved calls"),
        (&[call(0, "i", "f"), input(0, "{}"), call(1, "j", "g"), input(1, "{"), input(1, "}")],
         &["start", "open f i", "  {}", "close", "open g j", "  {", "  }", "close", "ToolUse"], "calls in turn are not held"),
        (&[call(0, "i", "f"), input(0, "{"), text("late")],
         &["start", "open f i", "  {", "close", "open text", "  late", "close", "ToolUse"], "text waits for the call"),
        (&[Event::Call { slot: 0, id: None, name: None, input: InputKind::Json }, input(0, "{\"a\":"), call(0, "i", "f"), input(0, "1}")],
         &["start", "open f i", "  {\"a\":", "  1}", "close", "ToolUse"], "the name comes late"),
        (&[Event::Call { slot: 4, id: None, name: Some("f".into()), input: InputKind::Json }],
         &["start", "open f call_x_0", "  {}", "close", "ToolUse"], "an id is made where none comes"),
        (&[Event::Call { slot: 0, id: None, name: None, input: InputKind::Json }, text("a")],
         &["start", "fail upstream_garbled"], "a call without a name cannot be told"),
        (&[text("a"), Event::End, text("b"), Event::Stop(StopReason::MaxTokens)],
         &["start", "open text", "  a", "close", "EndTurn"], "nothing behind the end"),
        (&[text(""), Event::Stop(StopReason::EndTurn)],
         &["start", "EndTurn"], "an empty piece opens nothing"),
    ];
    for (events, expected, why) in cases {
        assert_eq!(steps(events), *expected, "{why}");
    }
}

#[test]
fn a_failure_leaves_open_what_is_not_whole() {
    let failure = Failure {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "overloaded".to_owned(),
        message: "busy".to_owned(),
    };
    let seen = steps(&[text("a"), Event::Failed(failure), text("b"), Event::End]);
    assert_eq!(seen, ["start", "open text", "  a", "fail overloaded"]);
}

#[test]
fn waiting_input_is_bounded() {
    let piece = "x".repeat(1024 * 1024);
    let mut events = vec![call(0, "i", "f"), input(0, "{"), call(1, "j", "g")];
    events.extend(std::iter::repeat_n(input(1, &piece), 17));
    assert_eq!(steps(&events).last().map(String::as_str), Some("fail upstream_garbled"));
}

#[test]
fn pieces_of_the_open_call_are_never_held() {
    let piece = "x".repeat(1024 * 1024);
    let mut events = vec![call(0, "i", "f"), input(0, "{\"a\":\"")];
    events.extend(std::iter::repeat_n(input(0, &piece), 40));
    events.push(input(0, "\"}"));
    assert_eq!(steps(&events).len(), 46, "start, open, 42 pieces, close, stop");
}
