use super::super::stream::MAX_EVENT_BYTES;
use super::*;

#[test]
fn the_start_of_a_block_is_found_in_any_event_stream() {
    const B: &str = r#"{"type":"content_block_start","content_block":{"type":"thinking"}}"#;
    const A: &str =
        r#"{"type":"content_block_start","content_block":{"signature":"","type":"thinking"}}"#;
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // event (`B` stands for the data),                            changes, why
        ("event: content_block_start\ndata: B\n\n",                    true,    "as Anthropic writes it"),
        ("event:content_block_start\r\ndata:B  \r\n\r\n",              true,    "CRLF, no space, padding"),
        ("event: content_block_start\rdata: B\r\r",                    true,    "CR"),
        ("data: B\n\n",                                                true,    "no name"),
        ("data: B\nevent: content_block_start\n\n",                    true,    "name behind"),
        ("id: 7\nevent: content_block_start\ndata: B\n\n",             true,    "another field in front"),
        (": ping\n\nevent: content_block_start\n: x\ndata: B\n\n",     true,    "comments"),
        ("\n\r\n\nevent: content_block_start\ndata: B\n\n",            true,    "blank lines"),
        ("event: content_block_delta\ndata: B\n\n",                    false,   "named as another"),
        ("data: B\r\nevent: content_block_stop\r\n\r\n",                false,   "named as another behind, CRLF"),
        ("event: content_block_start\ndata: [B]\n\n",                  false,   "no object"),
        ("event: content_block_start\ndata: oops B\n\n",               false,   "not JSON"),
        ("event: content_block_start\ndata: B",                        false,   "broken off in a line"),
        ("event: content_block_start\ndata: B\n",                      false,   "broken off before its end"),
        ("event: ping\ndata: {}\n\nevent: content_block_start\ndata: B\n\n", true, "the next after another"),
        ("data: [DONE]\n\ndata: x\ndatum: B\nexit: B\n\n",             false,   "other fields"),
    ];
    for (event, changes, why) in cases {
        let expected = event.replace('B', if changes { A } else { B });
        assert_adapts(&stream(), &event.replace('B', B), &expected, why);
    }
}

#[test]
fn data_in_several_lines_is_one_text() {
    let (head, tail) = (
        "data: {\"type\":\"content_block_start\",\r\n",
        "{\"type\":\r\ndata:\"thinking\"}}\r\n\r\n",
    );
    let before = format!("{head}id: \"\r\ndata:\"content_block\":{tail}");
    let after = before.replace(":{\"type\":\r\n", ":{\"signature\":\"\",\"type\":\r\n");
    assert_ne!(before, after);
    assert_adapts(&stream(), &before, &after, "white space to JSON, and so are the fields between");
}

#[test]
fn an_event_whose_lines_break_inside_a_string_is_not_taken_for_json() {
    let event = "data: {\"type\":\"content_block_start\",\"x\":\"\n\
                 data: \",\"content_block\":{\"type\":\"thinking\"}}\n\n";
    assert_adapts(&stream(), event, event, "no client can read it, so neither do we");
}

#[test]
fn other_events_cross_without_delay() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // before,                                               what comes,            goes out at once,     why
        ("event: content_block_delta\n",                         "data: {\"ty",         "data: {\"ty",         "named as another"),
        ("event: content_block_",                                "delta\n",             "event: content_block_delta\n", "as soon as the name is known"),
        ("event: ping\ndata: {}\n\n",                            ": keep-alive\n",      ": keep-alive\n",      "a comment between events"),
        ("",                                                     ": keep-al",           ": keep-al",           "a part of a comment"),
        ("event: content_block_start\n",                         "data: {\"type\":",    "",                    "may have to change"),
        ("data: {}\n",                                           "\n",                  "data: {}\n\n",        "without a name, at its end"),
    ];
    for (before, piece, expected, why) in cases {
        let (answer, _) = step(&stream(), &[before.as_bytes()]);
        let (_, written) = step(&answer, &[piece.as_bytes()]);
        assert_eq!(written, expected.as_bytes(), "{why}");
    }
}

#[test]
fn no_more_of_an_event_is_held_than_may_be() {
    let event = |bytes: usize| {
        let before = start(r#"{"type":"thinking","thinking":"X"}"#);
        before.replace('X', &"x".repeat(bytes + 1 - before.len()))
    };
    let (fits, too_large) = (event(MAX_EVENT_BYTES), event(MAX_EVENT_BYTES + 1));
    let (head, tail) = too_large.as_bytes().split_at(MAX_EVENT_BYTES);
    let changed = fits.replace(":{\"type\":\"thinking", ":{\"signature\":\"\",\"type\":\"thinking");
    assert!(run(&stream(), &[fits.as_bytes()]) == changed, "as large as may be");
    assert!(run(&stream(), &[head, tail]) == too_large, "larger by a byte");
    assert_eq!(step(&stream(), &[head]).1.len(), 0, "held as long as it may fit");
    let next = start(r#"{"type":"thinking"}"#);
    let expected = too_large.clone() + &start(r#"{"signature":"","type":"thinking"}"#);
    assert!(
        run(&stream(), &[(too_large.clone() + &next).as_bytes()]) == expected,
        "the next event"
    );
}

#[test]
fn real_streams_are_adapted_at_any_cut() {
    let mut changed = Vec::new();
    for (name, events) in fixtures("anthropic", ".sse") {
        let expected = events
            .replace(r#":{"type":"tool_use","#, r#":{"signature":"","type":"tool_use","#)
            .replace(r#""name":"get_weather""#, r#""name":"Get_Weather""#);
        assert_adapts(&stream(), &events, &expected, &name);
        if expected != events {
            changed.push(name);
        }
    }
    changed.sort();
    assert_eq!(changed, ["a04-tools-parallel.stream.sse", "a05-thinking-tool.stream.sse"]);
}
