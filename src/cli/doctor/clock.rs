//! This machine's clock, held against the `Date` of answers (RFC 9110, section 6.6.1).

use std::time::Duration;

use super::finding::Finding;

/// A clock that is further off breaks what looks at times: certificates, signed logins, rests that a
/// provider gives the end of. `Date` has whole seconds, and an answer is on its way for a while.
const MOST_SKEW: Duration = Duration::from_secs(30);

/// How far a server's clock is ahead of ours, in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skew {
    pub server: String,
    pub seconds: i64,
}

impl Skew {
    fn is_much(&self) -> bool {
        self.seconds.unsigned_abs() > MOST_SKEW.as_secs()
    }

    fn said(&self) -> String {
        let off = humantime::format_duration(Duration::from_secs(self.seconds.unsigned_abs()));
        let way = if self.seconds > 0 { "behind" } else { "ahead of" };
        format!("{off} {way} {}", self.server)
    }
}

/// What the answers say of our clock. One that all servers contradict is wrong; where only some do,
/// it is theirs.
pub fn judge(skews: &[Skew]) -> Finding {
    let off: Vec<String> = skews.iter().filter(|s| s.is_much()).map(Skew::said).collect();
    if skews.is_empty() {
        return Finding::note("no answer said what time it is");
    }
    if off.is_empty() {
        let servers: Vec<&str> = skews.iter().map(|skew| skew.server.as_str()).collect();
        return Finding::ok(format!("this machine's clock agrees with {}", servers.join(", ")));
    }
    let off = off.join(", ");
    if skews.iter().all(Skew::is_much) {
        let advice = "set it, best by NTP: certificates and rests of credentials go by it";
        return Finding::warning(format!("this machine's clock is {off}"), advice);
    }
    Finding::note(format!("this machine's clock is {off}, and agrees with the others"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_clock_is_wrong_when_every_server_says_so() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (vec![],              Level::Note,    "no answer",                "nobody to ask"),
            (vec![2],             Level::Ok,      "agrees with s0",           "on its way for two seconds"),
            (vec![30, -30],       Level::Ok,      "agrees with s0, s1",           "just so"),
            (vec![31],            Level::Warning, "31s behind s0",            "slow"),
            (vec![-7200],         Level::Warning, "2h ahead of s0",           "fast"),
            (vec![-90, -91],      Level::Warning, "1m 30s ahead of s0, 1m 31s ahead of s1", "both say so"),
            (vec![0, 3600],       Level::Note,    "1h behind s1, and agrees", "the other server's is wrong"),
        ];
        for (seconds, level, said, why) in cases {
            let skew = |(n, seconds): (usize, i64)| Skew { server: format!("s{n}"), seconds };
            let found = judge(&seconds.into_iter().enumerate().map(skew).collect::<Vec<_>>());
            assert_eq!(found.level, level, "{why}: {found:?}");
            assert!(found.what.contains(said), "{why}: {found:?}");
        }
    }
}
