//! Addresses of providers, as each family's users write them, put into one form.
//!
//! | family             | written by its users | kept as                       |
//! | ------------------ | -------------------- | ----------------------------- |
//! | Anthropic          | without `/v1`        | without `/v1`                 |
//! | Gemini, Vertex     | without a version    | without a version             |
//! | OpenAI, compatible | with `/v1`           | with `/v1`, or its own version |
//! | Azure              | the resource alone   | without `/openai` and what follows |
//!
//! A version too many or too few is put right, never doubled, and a pasted method path is taken
//! off.

use crate::types::{Origin, OriginError};

use super::credential::Family;

/// Method paths people paste from a provider's documentation, longest first.
const METHODS: [&str; 5] =
    ["/messages/count_tokens", "/messages", "/chat/completions", "/completions", "/responses"];

/// An address that method paths can be appended to.
#[derive(Debug, PartialEq, Eq)]
pub struct BaseUrl {
    pub origin: Origin,
    /// No slash at its end.
    pub path: String,
    /// A method path that was part of the address, and no longer is.
    pub method: Option<&'static str>,
}

/// An address as origin and path; the problem never repeats a part that may be secret.
pub fn split(address: &str) -> Result<(Origin, String), String> {
    if address.contains(['?', '#']) {
        return Err("must not have a query or a fragment (`?` or `#`)".to_owned());
    }
    let split = Origin::split(address);
    match split {
        Ok((origin, path)) if origin.host().chars().all(is_host_char) => Ok((origin, path)),
        Err(OriginError::UserInfo) => Err("must not carry a user name or password".to_owned()),
        Ok(_) | Err(_) if address.contains("${") => {
            Err("is no address: `${...}` is not interpolated; write the address".to_owned())
        }
        // SECURITY: what stands before an @ may be a password.
        Ok(_) | Err(_) if address.contains('@') => {
            Err("is no address like https://host:port".to_owned())
        }
        Err(OriginError::Scheme(text)) => {
            Err(format!("`{text}` must start with http:// or https://"))
        }
        Ok(_) | Err(_) => Err(format!("`{address}` is no address like https://host:port")),
    }
}

/// URLs may have stranger hosts (`${x}`), but neither DNS nor a `Host` field can.
fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':')
}

/// The address of a provider, in the form its family wants.
pub fn parse(address: &str, family: Family) -> Result<BaseUrl, String> {
    let (origin, mut path) = split(address)?;
    let method = METHODS.into_iter().find(|method| path.ends_with(method));
    if let Some(method) = method {
        path.truncate(path.len() - method.len());
    }
    let versions: &[&str] = match family {
        Family::Claude => &["/v1"],
        Family::Gemini | Family::Vertex | Family::VertexClaude => &["/v1", "/v1beta", "/v1beta1"],
        Family::OpenAi
        | Family::OpenAiCompatible
        | Family::Azure
        | Family::Bedrock
        | Family::Codex => &[],
    };
    path.truncate(path.trim_end_matches('/').len());
    if family == Family::Azure
        && let Some(at) = path.rfind("/openai").filter(|at| is_azures(&path[*at..]))
    {
        path.truncate(at);
    }
    while let Some(rest) = versions.iter().find_map(|version| path.strip_suffix(version)) {
        path.truncate(rest.trim_end_matches('/').len());
    }
    let has_version = matches!(family, Family::OpenAi | Family::OpenAiCompatible);
    if has_version && !path.split('/').any(is_version) {
        path.push_str("/v1");
    }
    Ok(BaseUrl { origin, path, method })
}

/// `/openai`, alone or with what stands behind it in an address that was copied.
fn is_azures(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    matches!(
        segments[..],
        ["openai"] | ["openai", "v1" | "deployments"] | ["openai", "deployments", _]
    )
}

/// `v1`, `v1beta`, `v4`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_put_right_and_never_doubled() {
        use Family::{Azure, Claude, Gemini, OpenAi, OpenAiCompatible as Compatible, Vertex};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // family,   path of the address,       path kept,           why
            (Claude,     "",                        "",                  "as its users write it"),
            (Claude,     "/v1",                     "",                  "one version too many"),
            (Claude,     "/v1/",                    "",                  "a slash too"),
            (Claude,     "/v1/v1",                  "",                  "twice too many"),
            (Claude,     "/anthropic",              "/anthropic",        "a compatible server"),
            (Claude,     "/anthropic/v1",           "/anthropic",        "a compatible server"),
            (Claude,     "/v1/messages",            "",                  "a pasted method"),
            (Claude,     "/v1/messages/count_tokens", "",                "a pasted method"),
            (Claude,     "/av1",                    "/av1",              "a name that ends in v1"),
            (Gemini,     "",                        "",                  "as its users write it"),
            (Gemini,     "/v1beta",                 "",                  "one version too many"),
            (Vertex,     "/v1beta1",                "",                  "one version too many"),
            (Vertex,     "/v1",                     "",                  "one version too many"),
            (OpenAi,     "/v1",                     "/v1",               "as its users write it"),
            (OpenAi,     "",                        "/v1",               "one version too few"),
            (OpenAi,     "/",                       "/v1",               "one version too few"),
            (OpenAi,     "/v1/responses",           "/v1",               "a pasted method"),
            (Compatible, "/api/v1",                 "/api/v1",           "as its users write it"),
            (Compatible, "/api/paas/v4",            "/api/paas/v4",      "a version of its own"),
            (Compatible, "/v1beta/openai",          "/v1beta/openai",    "a version inside"),
            (Compatible, "/api",                    "/api/v1",           "one version too few"),
            (Compatible, "/vault",                  "/vault/v1",         "no version: no digit"),
            (Compatible, "/v1/chat/completions",    "/v1",               "a pasted method"),
            (Compatible, "/chat/completions",       "/v1",               "a method, no version"),
            (Azure,      "",                        "",                  "the resource alone"),
            (Azure,      "/openai",                 "",                  "the older API"),
            (Azure,      "/openai/v1/",             "",                  "the API without versions"),
            (Azure,      "/openai/deployments/d",   "",                  "a deployment"),
            (Azure,      "/openai/deployments/d/chat/completions", "",   "a pasted method"),
            (Azure,      "/gateway/openai/v1",      "/gateway",          "behind something else"),
            (Azure,      "/openai/proxy",           "/openai/proxy",     "somebody else's path"),
            (Azure,      "/openai-eu",              "/openai-eu",        "somebody else's path"),
        ];
        for (family, written, kept, why) in cases {
            let base = parse(&format!("https://h.example{written}"), family).unwrap();
            assert_eq!(base.path, kept, "{family:?} {written}: {why}");
        }
    }

    #[test]
    fn a_login_behind_a_host_that_cannot_be_is_not_repeated() {
        let problem = split("https://a&b://me:hush@h").unwrap_err();

        assert_eq!(problem, "is no address like https://host:port");
    }

    #[test]
    fn a_problem_repeats_nothing_that_may_be_secret() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("https://h/?key=hush",    "must not have a query or a fragment (`?` or `#`)"),
            ("https://h/#hush",        "must not have a query or a fragment (`?` or `#`)"),
            ("https://me:hush@h/",     "must not carry a user name or password"),
            ("ftp://me:hush@h/",       "is no address like https://host:port"),
            ("me:hush@h",              "is no address like https://host:port"),
            ("https://${HOST}/v1",     "is no address: `${...}` is not interpolated; write the address"),
            ("https://a'b/v1",         "`https://a'b/v1` is no address like https://host:port"),
            ("api.example.com",        "`api.example.com` is no address like https://host:port"),
            ("ftp://h",                "`ftp://h` must start with http:// or https://"),
        ];
        for (address, expected) in cases {
            assert_eq!(parse(address, Family::Claude).unwrap_err(), expected, "{address}");
        }
    }
}
