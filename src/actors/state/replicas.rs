//! The replicas that are alive, as each last told the others.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metrics::Tally;

/// A replica that has said nothing for this long is gone. Ten times as long as it takes to say it.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

const VERSION: u8 = 1;

/// One replica, as it last told the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    pub name: String,
    pub is_this_one: bool,
    /// How long ago it told.
    pub seen_ago: Duration,
    pub tally: Tally,
}

#[derive(Serialize, Deserialize)]
struct Letter {
    v: u8,
    name: String,
    tally: Tally,
}

/// What a replica says of itself.
pub fn letter(name: &str, tally: &Tally) -> String {
    let letter = Letter { v: VERSION, name: name.to_owned(), tally: tally.clone() };
    serde_json::to_string(&letter).expect("a letter has text keys only")
}

/// Reads what all have said: id and kept letter, one after the other. Ordered by name; those of
/// another version are left out.
pub fn read_replicas(all: &[String], me: &str, server_ms: u64) -> Vec<Replica> {
    let mut replicas: Vec<(Replica, &str)> = all
        .chunks_exact(2)
        .filter_map(|pair| {
            let (id, kept) = (pair[0].as_str(), &pair[1]);
            let (told_at, text) = kept.split_once(' ')?;
            let letter: Letter = serde_json::from_str(text).ok()?;
            let ago = server_ms.saturating_sub(told_at.parse().ok()?);
            let seen_ago = Duration::from_millis(ago);
            let Letter { v, name, tally } = letter;
            let is_this_one = id == me;
            (v == VERSION).then_some((Replica { name, is_this_one, seen_ago, tally }, id))
        })
        .collect();
    replicas.sort_by(|(one, id), (other, other_id)| (&one.name, id).cmp(&(&other.name, other_id)));
    replicas.into_iter().map(|(replica, _)| replica).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_listed_by_name_with_their_age() {
        let tally = Tally { requests: 7, cost_usd: 0.5, ..Tally::default() };
        let all = [
            ("2", format!("9000 {}", letter("b", &tally))),
            ("1", format!("10000 {}", letter("a", &Tally::default()))),
            ("3", "10000 {\"v\":2}".to_owned()),
            ("4", "soon".to_owned()),
        ];
        let all: Vec<String> =
            all.into_iter().flat_map(|(id, text)| [id.to_owned(), text]).collect();

        let replicas = read_replicas(&all, "1", 10_000);

        let seen: Vec<_> = replicas
            .iter()
            .map(|replica| (replica.name.as_str(), replica.is_this_one, replica.seen_ago.as_secs()))
            .collect();
        assert_eq!(seen, [("a", true, 0), ("b", false, 1)]);
        assert_eq!(replicas[1].tally, tally);
    }
}
