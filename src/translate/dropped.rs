//! What a translation had to leave out, for the client to know.

use std::collections::BTreeSet;

/// Names, never values, of what did not reach the provider: `metadata`, `messages.content.citations`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped(BTreeSet<String>);

/// As much as a header field may say; the longest lists are those of odd clients.
const MAX_FIELD_BYTES: usize = 1024;

impl Dropped {
    /// Notes a member by its path. Positions in lists are left out: the name says enough.
    pub fn note(&mut self, path: &str) {
        let is_position = |segment: &&str| segment.bytes().all(|byte| byte.is_ascii_digit());
        let name: Vec<&str> = path.split('.').filter(|part| !is_position(part)).collect();
        // A client's own names may hold anything; a header field may not.
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"');
        let name: String = name.join(".").bytes().filter(is_plain).map(char::from).collect();
        if !name.is_empty() {
            self.0.insert(name);
        }
    }

    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `x-ampgate-dropped`; `None` when nothing was.
    #[must_use]
    pub fn to_field(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut field = String::new();
        for name in &self.0 {
            if field.len() + name.len() + 2 > MAX_FIELD_BYTES - 3 {
                field.push_str(", ...");
                break;
            }
            if !field.is_empty() {
                field.push_str(", ");
            }
            field.push_str(name);
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_names_without_positions_once_each() {
        let mut dropped = Dropped::default();
        dropped.note("messages.0.content.3.citations");
        dropped.note("messages.7.content.0.citations");
        dropped.note("metadata");
        dropped.note("odd\r\nname, \"quoted\"é");
        dropped.note("12");
        assert_eq!(
            dropped.to_field().as_deref(),
            Some("messages.content.citations, metadata, oddnamequoted")
        );
        assert_eq!(Dropped::default().to_field(), None);
    }

    #[test]
    fn a_field_stays_short() {
        let mut dropped = Dropped::default();
        for number in 0..500 {
            dropped.note(&format!("member_{number}"));
        }
        let field = dropped.to_field().unwrap();
        assert!(field.len() <= MAX_FIELD_BYTES && field.ends_with(", ..."), "{field}");
    }
}
