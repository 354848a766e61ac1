//! Secrets: written in place, in a file (`*-file`) or in a variable (`*-env`).

use std::path::Path;

use actix_web::http::header::HeaderValue;
use zeroize::Zeroizing;

use super::reader::Reader;
use super::shapes::Scalar;

/// The three ways to give one secret.
pub struct RawSecret<'r> {
    pub text: &'r Scalar,
    pub file: &'r Scalar,
    pub variable: &'r Scalar,
}

/// The key a secret is written under. A plain entry of `api-keys` has none; as a map it has `key`.
fn key_name(path: &str) -> &str {
    if path.ends_with(']') { "key" } else { path.rsplit('.').next().unwrap_or(path) }
}

/// Marks that a problem was noted: the caller must not note a second one.
#[derive(Debug, PartialEq, Eq)]
pub struct Noted;

/// A path, as messages may name it.
///
/// SECURITY: a key pasted in the place of a path must not be printed. Keys have slashes (base64) and dots
/// (signed tokens) as well, so a text counts as a path by its start, or by one short ending.
pub fn shown_path(file: &Path) -> String {
    let text = file.to_string_lossy();
    let is_ending = |end: &str| {
        (1..=5).contains(&end.len()) && end.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let ends_as_one = text.split_once('.').is_some_and(|(_, end)| is_ending(end));
    if ["/", "./", "../"].iter().any(|start| text.starts_with(start)) || ends_as_one {
        format!("`{text}`")
    } else {
        "a file".to_owned()
    }
}

impl Reader<'_> {
    /// The secret at `path` (the name of its plain key); `None` when it is not given at all.
    pub fn secret(
        &mut self,
        path: &str,
        raw: &RawSecret<'_>,
    ) -> Result<Option<Zeroizing<String>>, Noted> {
        let file_path = format!("{path}-file");
        let variable_path = format!("{path}-env");
        let given = [raw.text, raw.file, raw.variable].iter().filter(|s| !s.is_blank()).count();
        if given > 1 {
            let name = key_name(path);
            self.problem(
                path,
                format!("is given twice; keep one of `{name}`, `{name}-file` and `{name}-env`"),
            );
            return Err(Noted);
        }
        let (path, secret) = if !raw.file.is_blank() {
            let secret = self.secret_in_file(&file_path, raw.file).ok_or(Noted)?;
            (file_path, secret)
        } else if !raw.variable.is_blank() {
            let secret = self.secret_in_variable(&variable_path, raw.variable).ok_or(Noted)?;
            (variable_path, secret)
        } else if !raw.text.is_blank() {
            let secret = Zeroizing::new(self.text(path, raw.text).ok_or(Noted)?);
            // An address is a secret only with a login in it.
            if !secret.contains("://") || secret.contains('@') {
                self.has_secret_in_place(path);
            }
            if secret.contains("${") {
                let name = key_name(path);
                self.warn(
                    path,
                    format!("is taken as it is: `${{...}}` is not interpolated; use `{name}-env`"),
                );
            }
            (path.to_owned(), secret)
        } else {
            return Ok(None);
        };
        // Whoever pastes a login often takes the whole of its file.
        if secret.starts_with('{') {
            let what = "is JSON, perhaps the file of a login or of a service account; a key alone belongs \
                        here";
            self.problem(&path, what);
            return Err(Noted);
        }
        // A key travels in a header field; a line break inside one is a copy gone wrong.
        if !secret.is_ascii() || HeaderValue::from_str(&secret).is_err() || secret.contains(' ') {
            self.problem(&path, "has characters no key can have (a space or a line break?)");
            return Err(Noted);
        }
        Ok(Some(secret))
    }

    /// Reads a mounted secret. Only the path is ever named.
    fn secret_in_file(&mut self, path: &str, scalar: &Scalar) -> Option<Zeroizing<String>> {
        let file = self.file(path, scalar)?;
        self.depends_on(&file);
        self.holds_secret(&file);
        let shown = shown_path(&file);
        let content = match std::fs::read_to_string(&file) {
            Ok(content) => Zeroizing::new(content),
            Err(error) => {
                self.problem(path, format!("names {shown}, which cannot be read: {error}"));
                return None;
            }
        };
        let secret = content.trim();
        if secret.is_empty() {
            self.problem(path, format!("names {shown}, which is empty"));
            return None;
        }
        Some(Zeroizing::new(secret.to_owned()))
    }

    fn secret_in_variable(&mut self, path: &str, scalar: &Scalar) -> Option<Zeroizing<String>> {
        let name = self.text(path, scalar)?;
        let secret =
            self.environment.get(&name).map(|value| Zeroizing::new(value.trim().to_owned()));
        let state = match secret {
            Some(secret) if !secret.is_empty() => return Some(secret),
            Some(_) => "is empty",
            None => "is not set",
        };
        // SECURITY: a key pasted in the place of a name must not be printed.
        let is_usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name.chars().all(is_usual) {
            self.problem(path, format!("names the variable `{name}`, which {state}"));
        } else {
            self.problem(path, format!("names a variable which {state}; write its name here"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write as _;

    use super::*;
    use crate::config::places::Places;

    fn text(text: &str) -> Scalar {
        Scalar::Text(text.to_owned())
    }

    /// Reads a secret, and returns it with everything that was said on the way.
    fn read(plain: &Scalar, file: &Scalar, variable: &Scalar) -> (Option<String>, String) {
        let environment = BTreeMap::from([
            ("KEY".to_owned(), " from-variable\n".to_owned()),
            ("EMPTY".to_owned(), " ".to_owned()),
        ]);
        let mut reader = Reader::new(&environment, Places::new(Some("f".to_owned())));
        let raw = RawSecret { text: plain, file, variable };
        let secret = reader.secret("a.key", &raw).unwrap_or_default();
        let secret = secret.map(|secret| secret.to_string());
        let problems = reader.problems.iter().map(ToString::to_string);
        let said: Vec<_> =
            problems.chain(reader.warnings.iter().map(ToString::to_string)).collect();
        (secret, said.join("\n"))
    }

    #[test]
    fn a_secret_comes_from_one_of_three_places() {
        let mut mounted = tempfile::NamedTempFile::new().unwrap();
        writeln!(mounted, "from-file").unwrap();
        let mounted = text(mounted.path().to_str().unwrap());
        let none = || Scalar::Absent;

        assert_eq!(read(&text("plain"), &none(), &none()), (Some("plain".into()), String::new()));
        assert_eq!(read(&none(), &mounted, &none()), (Some("from-file".into()), String::new()));
        let from_variable = (Some("from-variable".into()), String::new());
        assert_eq!(read(&none(), &none(), &text("KEY")), from_variable);
        assert_eq!(read(&text(""), &none(), &text("KEY")), from_variable, "an empty text is none");
        assert_eq!(read(&none(), &none(), &none()), (None, String::new()));
    }

    /// Of a key with a slash or a dot in it the message repeated all.
    #[test]
    fn a_key_in_the_place_of_a_path_is_not_taken_for_one() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("/run/secrets/claude",                      true,  "from the root"),
            ("./claude",                                 true,  "from here"),
            ("../keys/claude",                           true,  "from above"),
            ("claude.key",                               true,  "a name with an ending"),
            ("keys/google.json",                         true,  "the same in a folder"),
            ("sk-ant-api03-hush",                        false, "a key"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYhush",       false, "a secret of AWS's"),
            ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln", false, "a signed token"),
            ("ya29.hush-and-more",                       false, "a token with a dot"),
            ("keys/claude",                              false, "nobody can tell"),
        ];
        for (text, expected, why) in cases {
            assert_eq!(shown_path(Path::new(text)).contains(text), expected, "{text}: {why}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_it() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = empty.path().to_str().unwrap();
        let none = || Scalar::Absent;
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Scalar::Integer(123_456), none(), none(), "f: a.key is a number; put it in quotes".to_owned()),
            (Scalar::Float(0.5), none(), none(), "f: a.key is a number; put it in quotes".to_owned()),
            (Scalar::Bool(true), none(), none(), "f: a.key is a boolean; put it in quotes".to_owned()),
            (text("hush"), none(), text("KEY"), "f: a.key is given twice; keep one of `key`, `key-file` and `key-env`".to_owned()),
            (none(), text(empty), none(), format!("f: a.key-file names `{empty}`, which is empty")),
            (none(), text("/no/such"), none(), "f: a.key-file names `/no/such`, which cannot be read: No such file or directory (os error 2)".to_owned()),
            (none(), none(), text("EMPTY"), "f: a.key-env names the variable `EMPTY`, which is empty".to_owned()),
            (none(), none(), text("UNSET"), "f: a.key-env names the variable `UNSET`, which is not set".to_owned()),
            (none(), none(), text("sk-hush"), "f: a.key-env names a variable which is not set; write its name here".to_owned()),
            (none(), text("sk-hush"), none(), "f: a.key-file names a file, which cannot be read: No such file or directory (os error 2)".to_owned()),
            (text("{\"hush\": 1}"), none(), none(), "f: a.key is JSON, perhaps the file of a login or of a service account; a key alone belongs here".to_owned()),
            (text("hush\nhush"), none(), none(), "f: a.key has characters no key can have (a space or a line break?)".to_owned()),
            (text("${KEY}"), none(), none(), "f: a.key is taken as it is: `${...}` is not interpolated; use `key-env`".to_owned()),
        ];
        for (plain, file, variable, expected) in cases {
            let (_, said) = read(&plain, &file, &variable);
            assert_eq!(said, expected);
            assert!(!said.contains("hush"));
        }
    }
}
