//! CLIProxyAPI's keys that ampgate does not have: its users' files load, with a word on each.

use super::schema::{KeyPath, Step};

const DISGUISE: &str = "ampgate never disguises a client";
const LOGINS: &str = "ampgate logs in where the provider permits it: see `oauth`";
const FORBIDDEN: &str = "its provider's terms forbid other programs to use this login";
const NO_MANAGEMENT: &str = "ampgate is configured by its file only";
const IMAGES: &str = "ampgate passes image and video requests on as they are";
const TO_STDERR: &str = "ampgate logs to standard error; let the system keep the files";
const ONE_RULE: &str = "ampgate has one rule for all credentials";
const UNCHANGED: &str = "ampgate passes requests on unchanged";
const HELD: &str = "ampgate adds nothing to an answer that is waited for";
const DESCRIBED: &str = "ampgate does not describe models to clients";

/// Where a key is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Top,
    Credential,
    Model,
    Routing,
}

#[rustfmt::skip] // columns are easier to proofread
const KEYS: &[(Place, &str, &str)] = &[
    (Place::Top, "remote-management", NO_MANAGEMENT),
    (Place::Top, "debug", "use `log.level: debug`"),
    (Place::Top, "pprof", "use a system profiler"),
    (Place::Top, "plugins", "ampgate has no plugins"),
    (Place::Top, "commercial-mode", "ampgate is built for many clients as it is"),
    (Place::Top, "logging-to-file", TO_STDERR),
    (Place::Top, "logs-max-total-size-mb", TO_STDERR),
    (Place::Top, "error-logs-max-files", TO_STDERR),
    (Place::Top, "request-log", "ampgate never logs bodies"),
    (Place::Top, "usage-statistics-enabled", "use the metrics of the admin port"),
    (Place::Top, "redis-usage-queue-retention-seconds", "use the metrics of the admin port"),
    (Place::Top, "passthrough-headers", "ampgate always passes response headers on"),
    (Place::Top, "max-retry-credentials", "ampgate tries every credential that may serve; see `request-retry`"),
    (Place::Top, "save-cooldown-status", "cooldowns live in memory, and with `state` in Redis"),
    (Place::Top, "transient-error-cooldown-seconds", "how long a credential rests follows from the failure"),
    (Place::Top, "disable-claude-cloak-mode", DISGUISE),
    (Place::Top, "claude-code", DISGUISE),
    (Place::Top, "claude-header-defaults", DISGUISE),
    (Place::Top, "codex-header-defaults", DISGUISE),
    (Place::Top, "codex", DISGUISE),
    (Place::Top, "disable-image-generation", IMAGES),
    (Place::Top, "gpt-image-2-base-model", IMAGES),
    (Place::Top, "video-result-auth-cache-ttl", IMAGES),
    (Place::Top, "auth-auto-refresh-workers", "every account has its token refreshed ahead of time"),
    (Place::Top, "oauth-model-alias", "use `models` of an entry of `oauth`"),
    (Place::Top, "oauth-excluded-models", "use `excluded-models` of an entry of `oauth`"),
    (Place::Top, "oauth-request-scoped-errors", ONE_RULE),
    (Place::Top, "antigravity", FORBIDDEN),
    (Place::Top, "antigravity-signature-cache-enabled", FORBIDDEN),
    (Place::Top, "antigravity-signature-bypass-strict", FORBIDDEN),
    (Place::Top, "auth", LOGINS),
    (Place::Top, "quota-exceeded", "an exhausted credential rests, and the others answer"),
    (Place::Top, "xai", "use `openai-compatibility` for xAI"),
    (Place::Top, "xai-api-key", "use `openai-compatibility` for xAI"),
    (Place::Top, "generative-language-api-key", "use `gemini-api-key`"),
    (Place::Top, "interactions-api-key", "use `gemini-api-key`"),
    (Place::Top, "ws-auth", "every model route asks for a key"),
    (Place::Top, "allow-localhost-unauthenticated", "every model route asks for a key"),
    (Place::Top, "nonstream-keepalive-interval", HELD),
    (Place::Top, "streaming", "ampgate adds nothing to a stream, and tries again by `request-retry` before its first event"),
    (Place::Top, "payload", UNCHANGED),
    (Place::Top, "credential-concurrency", "use `limits.connections-per-upstream`"),
    (Place::Top, "credential-in-flight", "use the metrics of the admin port"),
    (Place::Credential, "weight", "use `priority`, or list a credential more than once"),
    (Place::Credential, "request-retry", ONE_RULE),
    (Place::Credential, "request-scoped-errors", ONE_RULE),
    (Place::Credential, "alpha-search", UNCHANGED),
    (Place::Credential, "websockets", "ampgate passes a WebSocket on where every credential is OpenAI's or the only one is a ChatGPT plan, and answers it itself elsewhere"),
    (Place::Credential, "cloak", DISGUISE),
    (Place::Credential, "fingerprint-profile", DISGUISE),
    (Place::Credential, "experimental-cch-signing", DISGUISE),
    (Place::Credential, "rebuild-mid-system-message", UNCHANGED),
    (Place::Credential, "support-prompt-cache-key", UNCHANGED),
    (Place::Model, "display-name", DESCRIBED),
    (Place::Model, "max-context-length", DESCRIBED),
    (Place::Model, "input-modalities", DESCRIBED),
    (Place::Model, "output-modalities", DESCRIBED),
    (Place::Model, "image", DESCRIBED),
    (Place::Model, "thinking", UNCHANGED),
    (Place::Model, "is-compat", UNCHANGED),
    (Place::Model, "force-mapping", UNCHANGED),
    (Place::Model, "fork", "list the model twice, once with an alias"),
    (Place::Routing, "session-affinity-subagents", "a subagent is a session like any other"),
];

/// Why a key of CLIProxyAPI has no effect here; `None` when it is none of theirs.
pub fn reason(path: &KeyPath) -> Option<&'static str> {
    let (parent, key) = path.split_last();
    let place = place_of(&parent)?;
    KEYS.iter().find(|(at, name, _)| (*at, *name) == (place, key)).map(|(.., reason)| *reason)
}

/// CLIProxyAPI's keys in a section of ours, and why they have no effect here.
pub fn in_section(section: &KeyPath) -> impl Iterator<Item = (&'static str, &'static str)> {
    let place = place_of(section);
    KEYS.iter().filter(move |(at, ..)| Some(*at) == place).map(|(_, key, reason)| (*key, *reason))
}

fn place_of(section: &KeyPath) -> Option<Place> {
    let keys: Vec<&str> = section
        .0
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
        .collect();
    match keys[..] {
        [] => Some(Place::Top),
        ["routing"] => Some(Place::Routing),
        [list] | [list, "api-key-entries"] if holds_credentials(list) => Some(Place::Credential),
        [list, "models"] if holds_credentials(list) => Some(Place::Model),
        _ => None,
    }
}

pub fn holds_credentials(list: &str) -> bool {
    list.ends_with("-api-key") || list == "openai-compatibility"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_at_its_place_only() {
        let path = |keys: &[&str]| {
            KeyPath(keys.iter().map(|key| Step::Key((*key).to_owned())).collect::<Vec<_>>())
        };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (path(&["auth"]),                                      Some(LOGINS)),
            (path(&["auth-dir"]),                                  None),
            (path(&["claude-api-key", "cloak"]),                   Some(DISGUISE)),
            (path(&["openai-compatibility", "weight"]),            Some(KEYS[43].2)),
            (path(&["gemini-api-key", "models", "display-name"]),  Some(DESCRIBED)),
            (path(&["cloak"]),                                     None),
            (path(&["ampcode", "auth-dir"]),                       None),
            (path(&["routing", "thinking"]),                       None),
        ];
        for (path, expected) in cases {
            assert_eq!(reason(&path), expected, "{path}");
        }
    }

    #[test]
    fn no_key_of_ours_is_called_foreign() {
        for (place, key, _) in KEYS {
            let own = match place {
                Place::Top => super::super::schema::find(&KeyPath::of_keys(&[(*key).to_owned()])),
                _ => None,
            };
            assert!(own.is_none(), "{place:?}.{key} is in both lists");
        }
    }

    #[test]
    fn the_guide_for_their_users_says_of_each_key_what_the_warning_says() {
        let guide = include_str!("../../docs/guides/from-cliproxyapi.md");
        for (place, key, reason) in KEYS {
            let place = match place {
                Place::Top => "",
                Place::Credential => "in a credential",
                Place::Model => "in a model",
                Place::Routing => "in `routing`",
            };
            let row = format!("| `{key}` | {place} | {reason} |");
            assert!(guide.lines().any(|line| line == row), "the guide lacks the line: {row}");
        }
    }
}
