//! The Amp client's secrets file: a flat JSON object, `apiKey@<server>` to key.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::types::ApiKey;

/// The largest file we read; the real one holds a handful of keys.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why the file has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SecretsFileError {
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    // serde's own words may quote the text, and the text holds keys.
    #[error("is not a JSON object of strings (line {line}, column {column})")]
    Malformed { line: usize, column: usize },
}

/// Reads the key for the Amp server at `url`. A missing file is an answer: no key.
pub fn read_key(path: &Path, url: &str) -> Result<Option<ApiKey>, SecretsFileError> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(SecretsFileError::Unreadable)?,
    };
    if metadata.len() > MAX_FILE_BYTES {
        return Err(SecretsFileError::TooLarge);
    }
    let text = std::fs::read_to_string(path).map_err(SecretsFileError::Unreadable)?;
    let text = Zeroizing::new(text);
    find_key(&text, url)
}

/// Finds the key for `url`, with and without the slash at its end: clients wrote both.
fn find_key(text: &str, url: &str) -> Result<Option<ApiKey>, SecretsFileError> {
    let entries: HashMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| SecretsFileError::Malformed {
            line: error.line(),
            column: error.column(),
        })?;
    let url = url.trim_end_matches('/');
    let key = [format!("apiKey@{url}/"), format!("apiKey@{url}")]
        .iter()
        .filter_map(|name| entries.get(name)?.as_str())
        .find_map(|key| ApiKey::parse(key).ok());
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_by_the_servers_address() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"apiKey@https://ampcode.com/":"k"}"#, "https://ampcode.com",  Some("k"), "slash in the file"),
            (r#"{"apiKey@https://ampcode.com":"k"}"#,  "https://ampcode.com/", Some("k"), "slash in the configuration"),
            (r#"{"apiKey@https://ampcode.com":"k"}"#,  "https://ampcode.com",  Some("k"), "no slash"),
            (r#"{"apiKey@https://other.example":"k"}"#, "https://ampcode.com", None,      "another server's key"),
            (r#"{"apiKey@https://ampcode.com":""}"#,   "https://ampcode.com",  None,      "empty"),
            (r#"{"apiKey@https://ampcode.com":7}"#,    "https://ampcode.com",  None,      "not a string"),
            ("{}",                                     "https://ampcode.com",  None,      "no entry"),
        ];
        for (text, url, expected, why) in cases {
            let key = find_key(text, url).unwrap();
            assert_eq!(key.as_ref().map(ApiKey::expose), expected, "{why}");
        }
    }

    #[test]
    fn a_malformed_file_is_told_by_its_place_and_never_by_its_text() {
        for text in [r#"{"apiKey@x":"secret-1" oops}"#, r#"["secret-1"]"#, r#""secret-1""#] {
            let error = find_key(text, "x").unwrap_err();
            assert!(!error.to_string().contains("secret-1"), "{error}");
        }
    }
}
