//! Whether a JSON object that comes in pieces is complete.

/// Watches a JSON object go by; says when its last brace has come. Does not validate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct JsonEnd {
    depth: u32,
    in_string: bool,
    escaped: bool,
    reached: bool,
}

impl JsonEnd {
    pub fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.reached |= self.depth == 0;
                }
                _ => {}
            }
        }
    }

    pub fn is_reached(self) -> bool {
        self.reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_last_brace_wherever_it_is_cut() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // text,                        complete, why
            ("",                            false, "nothing yet"),
            ("{",                           false, "open"),
            ("{}",                          true,  "empty"),
            (r#"{"a":"}"}"#,                true,  "a brace in a string is text"),
            (r#"{"a":"}"#,                  false, "and closes nothing"),
            (r#"{"a":"\"}"#,                false, "an escaped quote ends no string"),
            (r#"{"a":"\\"}"#,               true,  "an escaped backslash escapes nothing"),
            (r#"{"a":[{"b":1}]}"#,          true,  "nested"),
            (r#"{"a":[{"b":1}]"#,           false, "nested, open"),
            ("{} ",                         true,  "white space behind it"),
        ];
        for (text, complete, why) in cases {
            for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                let mut end = JsonEnd::default();
                end.push(&text[..cut]);
                end.push(&text[cut..]);
                assert_eq!(end.is_reached(), complete, "{text} cut at {cut}: {why}");
            }
        }
    }
}
