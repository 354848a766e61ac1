//! What becomes of a token that its provider refuses, where nobody has another.

use super::*;
use crate::config::AwsSource;

fn written_keys() -> TokenSource {
    TokenSource::Aws(AwsSource::Keys(AwsKeys {
        region: "us-east-1".to_owned(),
        access_key_id: "AKID".to_owned(),
        secret_access_key: ApiKey::parse("hush").unwrap(),
        session_token: None,
    }))
}

/// Fault of the first version: the refusal was remembered for good, so that a key that AWS had not heard of
/// yet, or that somebody enabled again, was of no use before a restart.
#[actix_web::test]
async fn written_keys_that_aws_has_refused_once_were_never_shown_again() {
    let (time, name) = (Time::new(), written_keys());
    let tokens = Tokens::start([name.clone()], time.policy());
    let look = async || tokens.account(&name).unwrap().actor.send(Look).await.unwrap();
    let fresh = || tokens.accounts()[0].state == AccountState::Fresh;
    let keys = tokens.token(&name).await.unwrap();

    let refused = tokens.renewed(&name, &keys).await;

    assert!(matches!(refused, Err(TokenError::LoginNeeded { .. })), "{refused:?}");
    time.pass(59);
    look().await;
    assert_eq!(tokens.token(&name).await, refused, "AWS is not asked with them all the time");
    time.pass(1);
    look().await;
    eventually("they are shown: it may have heard of them", fresh).await;
    assert_eq!(tokens.token(&name).await, Ok(keys.clone()));
    assert_eq!(tokens.renewed(&name, &keys).await, refused);
    let after = tokens.reconfigured([name.clone()], time.policy());
    eventually("they are shown: somebody may have mended it", fresh).await;
    assert_eq!(after.token(&name).await, Ok(keys));
}

#[actix_web::test]
async fn where_others_are_looked_for_in_vain_the_refused_ones_have_their_chance_after_a_minute() {
    let (bench, keys) = Bench::with_token("one").await;
    bench.source.shows_refused_after.set(Some(Duration::from_secs(60)));
    let again = || Ok(bench.time.token("one", HOUR));
    let waiting = bench.begin(Some(&keys));
    bench.source.answer(failure(Some(10))).await;
    assert!(waiting.await.unwrap().is_err());
    for _ in 0..5 {
        bench.time.pass(10);
        bench.look().await;
        let refused = bench.source.answer(failure(Some(10))).await;
        assert_eq!(refused.as_ref(), Some(&keys), "until then another one is wanted");
        eventually("it fails", || bench.state().as_str() == "failing").await;
        assert!(bench.get().await.is_err(), "and nobody is sent to be turned down");
    }

    bench.time.pass(10);
    bench.look().await;
    let refused = bench.source.answer(again()).await;

    assert_eq!(refused, None);
    eventually("it is fresh", || bench.state() == AccountState::Fresh).await;
    assert_eq!(secret(&bench.get().await.unwrap()), "one");
}
