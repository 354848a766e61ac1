//! Names that clients choose, as label values: only so many of them.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// Each name makes a few dozen time series; beyond this many that clients brought, a name is `other`.
/// How long one may be is [`crate::types::ModelName`]'s to say.
const MAX_NAMES: usize = 200;

/// What stands for all names that were not let in.
pub const OTHER: &str = "other";

/// The names that have been let in. They are leaked: there are few, and they stay to the end.
#[derive(Debug, Default)]
pub struct BoundedNames(RwLock<Names>);

#[derive(Debug, Default)]
struct Names {
    all: HashSet<&'static str>,
    /// How many of them the configuration did not name.
    from_clients: usize,
}

impl BoundedNames {
    /// Lets names of the configuration in, however many there are: whoever wrote them bounds them.
    pub fn let_in_all<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if !known.all.contains(name) {
                known.all.insert(Box::leak(name.into()));
            }
        }
    }

    /// The label for `name`. Only a call that a provider has answered well (`served`) lets a new name in:
    /// else a client that makes up names would take all places.
    pub fn label(&self, name: &str, served: bool) -> &'static str {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.all.get(name) {
            return known;
        }
        let is_full = names.from_clients >= MAX_NAMES;
        drop(names);
        if is_full || !served { OTHER } else { self.let_in(name) }
    }

    fn let_in(&self, name: &str) -> &'static str {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.all.get(name) {
            return known;
        }
        if names.from_clients >= MAX_NAMES {
            return OTHER;
        }
        let name: &'static str = Box::leak(name.into());
        names.all.insert(name);
        names.from_clients += 1;
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_were_served_are_let_in() {
        let names = BoundedNames::default();
        assert_eq!(names.label("made-up", false), "other");
        assert_eq!(names.label("real", true), "real");
        assert_eq!(names.label("real", false), "real", "known by now");
    }

    #[test]
    fn past_the_limit_a_name_is_other_unless_it_is_configured() {
        let names = BoundedNames::default();
        for number in 0..MAX_NAMES {
            names.label(&format!("m-{number}"), true);
        }
        assert_eq!(names.label("one-more", true), "other");
        assert_eq!(names.label("m-0", true), "m-0");

        names.let_in_all(["configured"]);

        assert_eq!(names.label("configured", false), "configured");
    }

    #[test]
    fn configured_names_take_no_place_from_clients() {
        let names = BoundedNames::default();
        let configured: Vec<String> = (0..=MAX_NAMES).map(|number| format!("c-{number}")).collect();
        names.let_in_all(configured.iter().map(String::as_str));

        assert_eq!(names.label("of-a-client", true), "of-a-client");
    }
}
