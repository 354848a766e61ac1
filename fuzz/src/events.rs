//! An event stream read as the standard says (WHATWG HTML, 9.2.6), slowly.

/// What a client would be told of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub name: Vec<u8>,
    pub data: Vec<u8>,
}

/// All events of a stream. With `unended`, the last one too when no blank line has ended it.
#[must_use]
pub fn events(stream: &[u8], unended: bool) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut events = Vec::new();
    let mut event = Event::default();
    let mut has_data = false;
    for (line, is_whole) in lines(stream) {
        if !is_whole && !unended {
            break;
        }
        if line.is_empty() {
            if has_data {
                events.push(std::mem::take(&mut event));
            }
            (event, has_data) = (Event::default(), false);
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"event" => event.name = value.to_vec(),
            b"data" => {
                if has_data {
                    event.data.push(b'\n');
                }
                event.data.extend_from_slice(value);
                has_data = true;
            }
            _ => {}
        }
    }
    if unended && has_data {
        events.push(event);
    }
    events
}

/// Each line, and whether its end is there.
fn lines(stream: &[u8]) -> Vec<(&[u8], bool)> {
    let mut lines = Vec::new();
    let mut rest = stream;
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        lines.push((&rest[..end], true));
        let length = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + length..];
    }
    if !rest.is_empty() {
        lines.push((rest, false));
    }
    lines
}
