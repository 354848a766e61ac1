//! Older names of keys, still accepted: the flat ones of the first versions.

/// Old name, and the path it stands for.
pub const ALIASES: [(&str, &str); 3] = [
    ("amp-upstream-url", "ampcode.upstream-url"),
    ("amp-upstream-api-key", "ampcode.upstream-api-key"),
    ("amp-restrict-management-to-localhost", "ampcode.restrict-management-to-localhost"),
];

/// The path an old name stands for.
pub fn target(name: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(old, _)| *old == name).map(|(_, path)| *path)
}
