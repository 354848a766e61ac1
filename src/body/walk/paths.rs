//! Which keys lead to a value that is wanted.

/// The paths to look at, and how far each candidate has matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths(&'static [&'static [&'static str]]);

/// A set of paths, one bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidates(u8);

impl Candidates {
    pub const NONE: Self = Self(0);
}

impl Paths {
    pub fn new(paths: &'static [&'static [&'static str]]) -> Self {
        debug_assert!(paths.len() <= 8, "one bit for each path");
        Self(paths)
    }

    pub fn all(self) -> Candidates {
        self.select(Candidates(u8::MAX), |_path| true)
    }

    /// Those that go on with `key` after `depth` matched keys.
    pub fn with_key(self, among: Candidates, depth: usize, key: &[u8]) -> Candidates {
        self.select(among, |path| path.get(depth).is_some_and(|name| name.as_bytes() == key))
    }

    /// Those that have more than `depth` keys.
    pub fn longer_than(self, among: Candidates, depth: usize) -> Candidates {
        self.select(among, |path| path.len() > depth)
    }

    /// Whether one of them ends after `depth` keys.
    pub fn ends_at(self, among: Candidates, depth: usize) -> bool {
        self.select(among, |path| path.len() == depth) != Candidates::NONE
    }

    /// The longest key of any path, in bytes.
    pub fn longest_key(self) -> usize {
        self.0.iter().flat_map(|path| path.iter()).map(|key| key.len()).max().unwrap_or(0)
    }

    fn select(self, among: Candidates, keep: impl Fn(&[&str]) -> bool) -> Candidates {
        let mut bits = 0;
        for (i, path) in self.0.iter().enumerate() {
            let bit = 1 << i;
            if among.0 & bit != 0 && keep(path) {
                bits |= bit;
            }
        }
        Candidates(bits)
    }
}
