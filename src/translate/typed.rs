//! JSON into types, with a note of what the types have no place for.

use serde::de::DeserializeOwned;

use super::dropped::Dropped;

/// A body that cannot be translated, and why, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Reads `json`. Members without a place in `T` are noted by their paths.
pub(super) fn read<T: DeserializeOwned>(
    json: &[u8],
    dropped: &mut Dropped,
) -> Result<T, Unreadable> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut track = serde_path_to_error::Track::new();
    let deserializer_with_path =
        serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let mut note = |path: serde_ignored::Path<'_>| dropped.note(&plain(&path.to_string()));
    let value = serde_ignored::deserialize(deserializer_with_path, &mut note).map_err(|error| {
        let path = track.path().to_string();
        if path == "." {
            return Unreadable(error.to_string());
        }
        Unreadable(format!("{path}: {error}"))
    })?;
    deserializer.end().map_err(|error| Unreadable(error.to_string()))?;
    Ok(value)
}

/// `serde_ignored` writes `?` for an `Option` on the way.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').filter(|part| *part != "?").collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Deserialize, Debug)]
    struct Outer {
        inner: Option<Vec<Inner>>,
    }

    #[derive(Deserialize, Debug)]
    struct Inner {
        number: Box<RawValue>,
    }

    #[test]
    fn numbers_stay_as_written_and_unknown_members_are_noted() {
        let mut dropped = Dropped::default();
        let json =
            br#"{"inner":[{"number":123456789012345678901234567890.10,"odd":1}],"x":{"y":1}}"#;
        let outer: Outer = read(json, &mut dropped).unwrap();
        assert_eq!(outer.inner.unwrap()[0].number.get(), "123456789012345678901234567890.10");
        assert_eq!(dropped.to_field().as_deref(), Some("inner.odd, x"));
    }

    #[test]
    fn an_error_says_where() {
        #[derive(Deserialize, Debug)]
        struct Strict {
            #[expect(dead_code, reason = "read by serde only")]
            deep: Vec<u32>,
        }
        let error = read::<Strict>(br#"{"deep":[1,"x"]}"#, &mut Dropped::default()).unwrap_err();
        assert!(error.0.starts_with("deep[1]: invalid type: string"), "{error}");
        let error = read::<Strict>(br#"{"deep":[1]} x"#, &mut Dropped::default()).unwrap_err();
        assert!(error.0.contains("trailing"), "{error}");
    }
}
