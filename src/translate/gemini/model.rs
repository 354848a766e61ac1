//! What a model's name says about what it takes. Read by family and version, never from a list.

/// The version of a Gemini model; `None` where the name has none, as `gemini-flash-latest`, which
/// means the newest, or where it is another family's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    version: Option<(u32, u32)>,
    is_gemini: bool,
}

impl Model {
    pub fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let version = name.rsplit_once("gemini-").and_then(|(_, rest)| {
            let number = rest.split(['-', '@', ':']).next().unwrap_or_default();
            let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
            Some((major.parse().ok()?, minor.parse().ok()?))
        });
        // Vertex serves Claude too, which refuses what only Gemini knows; Gemma does not think.
        let is_gemini = !name.contains("claude") && !name.contains("gemma");
        Self { version, is_gemini }
    }

    fn is_at_least(self, version: (u32, u32)) -> bool {
        self.version.is_none_or(|of_model| of_model >= version)
    }

    /// Whether it refuses a call in the history without a `thoughtSignature`.
    pub fn demands_signatures(self) -> bool {
        self.is_gemini && self.is_at_least((3, 0))
    }

    /// Whether it takes JSON schema, and not only Google's subset of `OpenAPI`.
    pub fn takes_json_schema(self) -> bool {
        self.is_at_least((2, 5))
    }

    /// Whether it can write out what it thinks.
    pub fn shows_thoughts(self) -> bool {
        self.is_gemini && self.is_at_least((2, 5))
    }

    /// Whether a response of a function may hold images; an unversioned name promises nothing.
    pub fn takes_media_in_responses(self) -> bool {
        self.is_gemini && self.version.is_some_and(|version| version >= (3, 0))
    }

    /// Whether it answers in JSON although it has functions to call.
    pub fn takes_format_beside_functions(self) -> bool {
        self.is_at_least((3, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_the_model_takes() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // name,                         signatures, JSON schema, media, why
            ("gemini-3-pro-preview",         true,  true,  true,  "3"),
            ("gemini-3.1-flash",             true,  true,  true,  "3.1"),
            ("models/gemini-10-pro",         true,  true,  true,  "two digits, with its path"),
            ("GEMINI-2.5-Pro",               false, true,  false, "2.5 in capitals"),
            ("gemini-2.0-flash-001",         false, false, false, "2.0"),
            ("gemini-1.5-pro",               false, false, false, "1.5"),
            ("gemini-flash-latest",          true,  true,  false, "no version: the newest"),
            ("tunedModels/mine",             true,  true,  false, "no version: who knows"),
            ("claude-sonnet-4-5@20250929",   false, true,  false, "Claude on Vertex"),
            ("gemma-3-27b-it",               false, true,  false, "no Gemini"),
        ];
        for (name, signatures, json_schema, media, why) in cases {
            let model = Model::of(name);
            assert_eq!(model.demands_signatures(), signatures, "{name}: {why}");
            assert_eq!(model.takes_json_schema(), json_schema, "{name}: {why}");
            assert_eq!(model.takes_media_in_responses(), media, "{name}: {why}");
        }
    }
}
