//! Where each value was written, so that a message can send its reader there.

use std::collections::BTreeMap;

/// Sources and paths as the user wrote them, by the path ampgate reads.
#[derive(Clone, Debug, Default)]
pub struct Places {
    file: Option<String>,
    written: BTreeMap<String, (String, String)>,
}

impl Places {
    pub fn new(file: Option<String>) -> Self {
        Self { file, written: BTreeMap::new() }
    }

    pub fn file(&self) -> &str {
        self.file.as_deref().unwrap_or("built-in defaults")
    }

    /// Notes that the value at `path` came from `source`, which calls it `written`. Later layers
    /// overwrite earlier ones, here as in the values.
    pub fn note(&mut self, path: &str, source: &str, written: &str) {
        self.written.insert(path.to_owned(), (source.to_owned(), written.to_owned()));
    }

    /// The source of the value at `path`, and its path there. What is not noted, itself or as part
    /// of something noted, stands in the file under its own name.
    pub fn written(&self, path: &str) -> (String, String) {
        let mut noted = path;
        loop {
            if let Some((source, written)) = self.written.get(noted) {
                return (source.clone(), format!("{written}{}", &path[noted.len()..]));
            }
            match noted.rfind(['.', '[']) {
                Some(end) => noted = &noted[..end],
                None => return (self.file().to_owned(), path.to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_where_it_or_its_list_was_written() {
        let mut places = Places::new(Some("a.yaml".to_owned()));
        places.note("api-keys", "AMPGATE__API_KEYS", "api-keys");
        places.note("ampcode.upstream-url", "a.yaml", "amp-upstream-url");

        let written = |path: &str| {
            let (source, path) = places.written(path);
            format!("{source}: {path}")
        };

        assert_eq!(written("api-keys[1].name"), "AMPGATE__API_KEYS: api-keys[1].name");
        assert_eq!(written("ampcode.upstream-url"), "a.yaml: amp-upstream-url");
        assert_eq!(written("ampcode.upstream-api-key"), "a.yaml: ampcode.upstream-api-key");
        assert_eq!(Places::default().written("port").0, "built-in defaults");
    }
}
