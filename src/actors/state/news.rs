//! What replicas tell each other, and how it is written.
//!
//! ```json
//! {"v":1,"from":"8f3a…","news":{"rest":{"account":"5e1c…","class":"limited","began_ms_ago":3,"left_ms":2000,…}}}
//! ```
//!
//! Times are told as how long ago and how long still, so that replicas need no common clock. What is
//! kept at the server has the server's time before it: whoever reads it later knows how old it is.
//! Text of another version is not understood, and left alone: during an update there are both.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::names::{AccountName, ReplicaId, parse_hex};
use crate::dialect::{SessionKey, TroubleClass};
use crate::types::ModelName;

const VERSION: u8 = 1;

/// What is older or lasts longer than anything that is told; no clock runs over by it.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Something that one replica has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    Rest(SharedRest),
    Served(SharedSuccess),
    Bound(SharedBinding),
    /// Somebody has ended an account's rests by hand.
    Reset(AccountName),
}

/// An account rests, or its rest has become longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedRest {
    pub account: AccountName,
    /// `None`: for every model.
    pub model: Option<ModelName>,
    pub class: TroubleClass,
    pub began: Instant,
    pub until: Instant,
    /// How many backoffs there were in a row.
    pub level: u32,
    /// The provider itself said for how long.
    pub was_told: bool,
}

/// An account has answered well what it was sent at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSuccess {
    pub account: AccountName,
    pub model: ModelName,
    pub sent_at: Instant,
}

/// A conversation is with this account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedBinding {
    pub session: SessionKey,
    /// As the client calls it.
    pub model: ModelName,
    pub account: AccountName,
    /// As the provider calls it.
    pub upstream_model: ModelName,
    pub used_at: Instant,
    /// How long it holds after its last use.
    pub ttl: Duration,
}

#[derive(Serialize, Deserialize)]
struct Letter {
    v: u8,
    from: String,
    news: Written,
}

#[derive(Deserialize)]
struct Version {
    v: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Rest {
        account: AccountName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        class: String,
        began_ms_ago: u64,
        /// Less than nothing for what is over.
        left_ms: i64,
        level: u32,
        told: bool,
    },
    Served {
        account: AccountName,
        model: String,
        sent_ms_ago: u64,
    },
    Bound {
        session: String,
        model: String,
        account: AccountName,
        upstream_model: String,
        idle_ms: u64,
        ttl_ms: u64,
    },
    Reset {
        account: AccountName,
    },
}

/// Writes news as they are told at `now`.
pub fn encode(from: ReplicaId, news: &News, now: Instant) -> String {
    let ago = |then: Instant| millis(now.saturating_duration_since(then));
    let news = match news {
        News::Rest(rest) => Written::Rest {
            account: rest.account,
            model: rest.model.as_ref().map(|model| model.as_str().to_owned()),
            class: rest.class.as_str().to_owned(),
            began_ms_ago: ago(rest.began),
            left_ms: left(rest.until, now),
            level: rest.level,
            told: rest.was_told,
        },
        News::Served(success) => Written::Served {
            account: success.account,
            model: success.model.as_str().to_owned(),
            sent_ms_ago: ago(success.sent_at),
        },
        News::Bound(bound) => Written::Bound {
            session: bound.session.to_string(),
            model: bound.model.as_str().to_owned(),
            account: bound.account,
            upstream_model: bound.upstream_model.as_str().to_owned(),
            idle_ms: ago(bound.used_at),
            ttl_ms: millis(bound.ttl),
        },
        News::Reset(account) => Written::Reset { account: *account },
    };
    let letter = Letter { v: VERSION, from: from.to_string(), news };
    serde_json::to_string(&letter).expect("a letter has text keys only")
}

/// Reads what was told at `told_at`; `None` when it is not understood.
pub fn decode(text: &str, told_at: Instant) -> Option<(ReplicaId, News)> {
    let Version { v } = serde_json::from_str(text).ok()?;
    if v != VERSION {
        return None;
    }
    let Letter { from, news, .. } = serde_json::from_str(text).ok()?;
    let before = |ms: u64| told_at.checked_sub(duration(ms)).unwrap_or(told_at);
    let news = match news {
        Written::Rest { account, model, class, began_ms_ago, left_ms, level, told } => {
            let model = match model {
                Some(model) => Some(ModelName::parse(&model)?),
                None => None,
            };
            let until = match u64::try_from(left_ms) {
                Ok(left) => told_at + duration(left),
                Err(_) => before(left_ms.unsigned_abs()),
            };
            let class = TroubleClass::parse(&class)?;
            let began = before(began_ms_ago);
            News::Rest(SharedRest { account, model, class, began, until, level, was_told: told })
        }
        Written::Served { account, model, sent_ms_ago } => {
            let (model, sent_at) = (ModelName::parse(&model)?, before(sent_ms_ago));
            News::Served(SharedSuccess { account, model, sent_at })
        }
        Written::Bound { session, model, account, upstream_model, idle_ms, ttl_ms } => {
            News::Bound(SharedBinding {
                session: SessionKey::from_bytes(parse_hex(&session)?),
                model: ModelName::parse(&model)?,
                account,
                upstream_model: ModelName::parse(&upstream_model)?,
                used_at: before(idle_ms),
                ttl: duration(ttl_ms),
            })
        }
        Written::Reset { account } => News::Reset(account),
    };
    Some((ReplicaId::parse(&from)?, news))
}

/// Reads what is kept at the server: its time in milliseconds, a space, and the letter.
pub fn decode_kept(text: &str, server_ms: u64, now: Instant) -> Option<(ReplicaId, News)> {
    let (told_at, letter) = text.split_once(' ')?;
    let age = server_ms.saturating_sub(told_at.parse().ok()?);
    decode(letter, now.checked_sub(duration(age)).unwrap_or(now))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn left(until: Instant, now: Instant) -> i64 {
    let still = i64::try_from(millis(until.saturating_duration_since(now))).unwrap_or(i64::MAX);
    let over = i64::try_from(millis(now.saturating_duration_since(until))).unwrap_or(i64::MAX);
    still - over
}

fn duration(ms: u64) -> Duration {
    Duration::from_millis(ms).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn ago(now: Instant, length: Duration) -> Instant {
        now.checked_sub(length).unwrap()
    }

    fn account() -> AccountName {
        AccountName::try_from("00112233445566778899aabbccddeeff".to_owned()).unwrap()
    }

    fn model(name: &str) -> ModelName {
        ModelName::parse(name).unwrap()
    }

    fn all_news(now: Instant) -> Vec<News> {
        let rest = SharedRest {
            account: account(),
            model: Some(model("m")),
            class: TroubleClass::Limited,
            began: ago(now, MINUTE),
            until: now + 2 * MINUTE,
            level: 3,
            was_told: true,
        };
        let success =
            SharedSuccess { account: account(), model: model("m"), sent_at: ago(now, MINUTE) };
        vec![
            News::Rest(rest.clone()),
            News::Rest(SharedRest { model: None, until: ago(now, MINUTE / 2), ..rest }),
            News::Served(success),
            News::Bound(SharedBinding {
                session: SessionKey::from_bytes([7; 16]),
                model: model("m"),
                account: account(),
                upstream_model: model("n"),
                used_at: ago(now, MINUTE),
                ttl: 60 * MINUTE,
            }),
            News::Reset(account()),
        ]
    }

    #[test]
    fn news_are_read_as_they_were_told() {
        let now = Instant::now() + 10 * MINUTE;
        let from = ReplicaId::random();
        for news in all_news(now) {
            let text = encode(from, &news, now);
            assert_eq!(decode(&text, now), Some((from, news)), "{text}");
        }
    }

    #[test]
    fn clocks_of_replicas_need_not_agree() {
        let (here, there) = (Instant::now() + 10 * MINUTE, Instant::now() + 90 * MINUTE);
        for (told, heard) in all_news(here).iter().zip(all_news(there)) {
            let text = encode(ReplicaId::random(), told, here);
            assert_eq!(decode(&text, there).unwrap().1, heard, "{text}");
        }
    }

    #[test]
    fn what_is_kept_has_aged_by_the_clock_of_the_server() {
        let now = Instant::now() + 10 * MINUTE;
        let letter = encode(ReplicaId::random(), &all_news(now)[0], now);

        let kept = decode_kept(&format!("1000000 {letter}"), 1_090_000, now).unwrap().1;

        let News::Rest(rest) = kept else { panic!("it was a rest") };
        assert_eq!(rest.until, now + MINUTE / 2);
        assert_eq!(rest.began, ago(now, MINUTE * 5 / 2));
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        let now = Instant::now();
        let account = account().to_string();
        let rest = |class: &str, model: &str| {
            format!(
                r#"{{"v":1,"from":"1","news":{{"rest":{{"account":"{account}","model":"{model}","class":"{class}","began_ms_ago":0,"left_ms":1,"level":0,"told":false}}}}}}"#
            )
        };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (rest("limited", "m"),                                   true,  "all is well"),
            (rest("limited", "m").replace("\"v\":1", "\"v\":2"),     false, "another version"),
            (rest("enchanted", "m"),                                 false, "a class we do not have"),
            (rest("limited", " "),                                   false, "a model without a name"),
            (rest("limited", &"m".repeat(ModelName::MOST_BYTES + 1)), false, "a name without an end"),
            (rest("limited", "m").replace(&account, "hush"),         false, "no account"),
            (rest("limited", "m").replace("\"from\":\"1\"", "\"from\":\"-\""), false, "nobody"),
            (r#"{"v":1,"from":"1","news":{"party":{}}}"#.to_owned(), false, "news we do not know"),
            (r#"{"v":2,"party":true}"#.to_owned(),                   false, "another version's shape"),
            ("hello".to_owned(),                                     false, "no JSON"),
        ];
        for (text, expected, why) in cases {
            assert_eq!(decode(&text, now).is_some(), expected, "{text}: {why}");
        }
    }

    #[test]
    fn no_number_makes_a_clock_run_over() {
        let now = Instant::now();
        let (most, least) = (u64::MAX, i64::MIN);
        let account = account();
        for left in [i64::MAX, least] {
            let text = format!(
                r#"{{"v":1,"from":"1","news":{{"rest":{{"account":"{account}","class":"limited","began_ms_ago":{most},"left_ms":{left},"level":4294967295,"told":true}}}}}}"#
            );
            assert!(decode(&text, now).is_some(), "{left}");
            assert!(decode_kept(&format!("0 {text}"), most, now).is_some(), "{left}");
        }
    }
}
