//! Paths of Gemini calls, which name the model and the method: `.../models/{model}:{method}`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What may not stand in a path as it is (RFC 3986, 3.3). A slash may: it is part of some names.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What may not stand in one segment of it; some servers drop what follows a semicolon.
const NOT_IN_SEGMENT: &AsciiSet = &NOT_IN_PATH.add(b'/').add(b';');

/// How often escapes of escapes are undone before a name counts as one that hides something.
const MOST_ESCAPES: usize = 3;

/// A call that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeminiCall {
    /// Percent-decoded; may hold slashes.
    pub model: String,
    /// `generateContent`, `streamGenerateContent`, `countTokens`, or one we do not know.
    pub method: String,
    /// Where the model stands in the parsed path, as it was written.
    pub model_span: Range<usize>,
}

impl GeminiCall {
    /// Whether the method answers piece by piece.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.method == "streamGenerateContent"
    }
}

/// Writes `{model}:{method}`, the last part of a path.
#[must_use]
pub fn gemini_path(model: &str, method: &str) -> String {
    format!("{}:{method}", in_path(model))
}

/// Whether a name that stands in a path could lead out of its place there: it has a segment that is
/// empty, `.` or `..`, be it escaped (more than once), with `\` for `/`, or with parameters (`..;x`).
///
/// SECURITY: names come from clients, and what is in the path is asked with the team's credential.
#[must_use]
pub fn leads_elsewhere(name: &str) -> bool {
    let is_step = |segment: &str| matches!(segment.split(';').next(), Some("" | "." | ".."));
    let mut name = Cow::Borrowed(name);
    for _ in 0..=MOST_ESCAPES {
        if name.split(['/', '\\']).any(is_step) {
            return true;
        }
        let plain = percent_decode_str(&name).decode_utf8_lossy();
        if plain == name {
            return false;
        }
        name = Cow::Owned(plain.into_owned());
    }
    true
}

/// Reads `{model}:{method}`, the last part of a path, without query. The colon may be `%3A`.
///
/// The last colon counts: a model name may hold one (`tuned:7`), a method may not.
#[must_use]
pub fn parse_gemini_call(path_tail: &str) -> Option<GeminiCall> {
    let (model_end, method_start) = last_colon(path_tail)?;
    let method = &path_tail[method_start..];
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    let model = percent_decode_str(&path_tail[..model_end]).decode_utf8().ok()?;
    if model.trim().is_empty() {
        return None;
    }
    Some(GeminiCall {
        model: model.into_owned(),
        method: method.to_owned(),
        model_span: 0..model_end,
    })
}

/// The same for a whole path, without query: what follows its first `/models/` is the last part.
#[must_use]
pub fn parse_gemini_path(path: &str) -> Option<GeminiCall> {
    const BEFORE: &str = "/models/";
    let start = path.find(BEFORE)? + BEFORE.len();
    let mut call = parse_gemini_call(&path[start..])?;
    call.model_span = start..start + call.model_span.end;
    Some(call)
}

/// `path`, from which `call` was parsed, with another model; every other byte stays.
///
/// # Panics
///
/// When `call` was parsed from another path.
#[must_use]
pub fn replace_gemini_model(path: &str, call: &GeminiCall, model: &str) -> String {
    let model = in_path(model);
    format!("{}{model}{}", &path[..call.model_span.start], &path[call.model_span.end..])
}

/// A name as it stands in a path: in one segment, if it could lead elsewhere.
fn in_path(model: &str) -> impl fmt::Display {
    let not_in_it = if leads_elsewhere(model) { NOT_IN_SEGMENT } else { NOT_IN_PATH };
    utf8_percent_encode(model, not_in_it)
}

/// Where the last colon begins and ends.
fn last_colon(path: &str) -> Option<(usize, usize)> {
    let plain = path.rfind(':').map(|at| (at, at + 1));
    let escaped = path.rfind("%3A").max(path.rfind("%3a")).map(|at| (at, at + 3));
    plain.max(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_and_method_are_read_from_the_path() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // tail,                                   model,                 method,                  why
            ("gemini-2.5-flash:generateContent",       "gemini-2.5-flash",    "generateContent",       "plain"),
            ("gemini-2.5-flash:streamGenerateContent", "gemini-2.5-flash",    "streamGenerateContent", "stream"),
            ("gemini-2.5-flash%3AcountTokens",         "gemini-2.5-flash",    "countTokens",           "escaped colon"),
            ("gemini-2.5-flash%3acountTokens",         "gemini-2.5-flash",    "countTokens",           "escaped, lower case"),
            ("m:newMethod2",                           "m",                   "newMethod2",            "unknown method"),
            ("publishers/google/models/m:predict",     "publishers/google/models/m", "predict",        "slashes"),
            ("tunedModels%2Fm:generateContent",        "tunedModels/m",       "generateContent",       "escaped slash"),
            ("a%20b%25:x",                             "a b%",                "x",                     "escaped blank and percent"),
            ("m%C3%A9:x",                              "mé",                  "x",                     "UTF-8"),
            ("tuned:7:x",                              "tuned:7",             "x",                     "colon in the name"),
            ("tuned%3A7:x",                            "tuned:7",             "x",                     "escaped colon in the name"),
            ("tuned:7%3Ax",                            "tuned:7",             "x",                     "the later colon is the escaped one"),
        ];
        for (tail, model, method, why) in cases {
            let call = parse_gemini_call(tail).unwrap();
            assert_eq!((call.model.as_str(), call.method.as_str()), (model, method), "{why}");
            let path = format!("/v1beta/models/{tail}");
            let in_path = parse_gemini_path(&path).unwrap();
            assert_eq!(path[in_path.model_span.clone()], tail[call.model_span], "{why}");
            assert_eq!((in_path.model, in_path.method), (call.model, call.method), "{why}");
        }
    }

    #[test]
    fn what_is_no_call_is_not_read() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("",                   "empty"),
            ("gemini-2.5-flash",   "a model alone: GET of its entry"),
            (":generateContent",   "no model"),
            ("%20:x",              "blank model"),
            ("m:",                 "no method"),
            ("m:a/b",              "method with a slash"),
            ("m:x?alt=sse",        "the query is not part of the path"),
            ("%ff:x",              "not UTF-8"),
        ];
        for (tail, why) in cases {
            assert_eq!(parse_gemini_call(tail), None, "{why}");
        }
        assert_eq!(parse_gemini_path("/v1beta/cachedContents:x"), None, "no models in the path");
    }

    #[test]
    fn only_the_model_is_replaced() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // path,                                  model,   expected,                               why
            ("/v1beta/models/a:generateContent",      "b",     "/v1beta/models/b:generateContent",     "plain"),
            ("/v1beta//models/a%3Ax",                 "b",     "/v1beta//models/b%3Ax",                "escaped colon stays"),
            ("/v1beta1/publishers/google/models/a:x", "b.1-c", "/v1beta1/publishers/google/models/b.1-c:x", "Vertex"),
            ("/v1/models/a/b:x",                      "c/d",   "/v1/models/c/d:x",                     "slashes stay"),
            ("/v1/models/a:x",                        "b?c#d %é", "/v1/models/b%3Fc%23d%20%25%C3%A9:x", "escaped where it must be"),
            ("/v1/models/a:x",                        "b/../c",   "/v1/models/b%2F..%2Fc:x",              "slashes that lead elsewhere do not stay"),
        ];
        for (path, model, expected, why) in cases {
            let call = parse_gemini_path(path).unwrap();
            let replaced = replace_gemini_model(path, &call, model);
            assert_eq!(replaced, expected, "{why}");
            assert_eq!(parse_gemini_path(&replaced).unwrap().model, model, "{why}: read back");
        }
    }

    #[test]
    fn a_name_that_could_lead_elsewhere_is_told_from_one_with_slashes() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("gemini-3-pro",                        false, "plain"),
            ("gemini-3.5-flash(high)",              false, "dots in a name, and a suffix"),
            ("publishers/google/models/m",          false, "slashes"),
            ("tunedModels/m",                       false, "a tuned model"),
            ("tunedModels%2Fm",                     false, "the same, escaped"),
            ("a b%",                                false, "a blank, and a percent sign that escapes nothing"),
            ("...",                                 false, "no step"),
            ("a;b",                                 false, "parameters"),
            ("gemini-flash/../gemini-3-pro",        true,  "up, and down to another model"),
            ("gemini-x/../../../../endpoints/1",    true,  "out of the models"),
            ("gemini-x/./y",                        true,  "nowhere, which some servers take out"),
            ("gemini-x//y",                         true,  "an empty segment, which some servers take out"),
            ("/gemini-x",                           true,  "empty in front"),
            ("gemini-x/",                           true,  "empty at the end"),
            ("gemini-x/..",                         true,  "up at the end"),
            ("..",                                  true,  "nothing else"),
            ("",                                    true,  "no name"),
            ("gemini-x%2F..%2fy",                   true,  "escaped slashes"),
            ("gemini-x/%2e%2E/y",                   true,  "escaped dots"),
            ("gemini-x/%252e%252e/y",               true,  "escaped twice"),
            ("gemini-x\\..\\y",                     true,  "backslashes"),
            ("gemini-x%5C..%5cy",                   true,  "escaped backslashes"),
            ("gemini-x/..;a=b/y",                   true,  "with a parameter"),
            ("%252525252525252e",                   true,  "escaped more often than anybody does"),
        ];
        for (name, expected, why) in cases {
            assert_eq!(leads_elsewhere(name), expected, "{name}: {why}");
        }
    }
}
