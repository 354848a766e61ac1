//! Events of a stream (WHATWG HTML, 9.2.6) whose data is to be changed.

/// The event with white space in place of everything that is not its data: JSON in which every
/// value stands where it stands in the event, even when it comes in several lines. A line end stays
/// one, since inside a string it is a fault, for us as for the client.
pub(super) fn only_data(event: &[u8]) -> Vec<u8> {
    let mut json = vec![b' '; event.len()];
    let mut line_at = 0;
    for line in event.split(|byte| matches!(byte, b'\r' | b'\n')) {
        let line_end = line_at + line.len();
        if let Some(data) = line.strip_prefix(b"data:") {
            json[line_end - data.len()..line_end].copy_from_slice(data);
        }
        if let Some(end) = json.get_mut(line_end) {
            *end = b'\n';
        }
        line_at = line_end + 1;
    }
    json
}
