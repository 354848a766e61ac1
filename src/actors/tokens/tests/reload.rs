//! What a reload changes for an account.

use super::*;

#[actix_web::test]
async fn a_reload_keeps_the_token_and_looks_again_where_there_is_none() {
    let (bench, _) = Bench::with_token("one").await;

    let after = bench.tokens.reconfigured([bench.name.clone()], bench.time.policy());

    assert_eq!(secret(&after.token(&bench.name).await.unwrap()), "one");
    bench.look().await;
    assert_eq!(bench.source.asked(), 1);
    bench.time.pass(HOUR);
    bench.look().await;
    bench.source.answer(end()).await;
    eventually("it is told", || bench.state().as_str() == "login_needed").await;
    let after = after.reconfigured([bench.name.clone()], bench.time.policy());
    bench.source.answer(Ok(bench.time.token("two", HOUR))).await;
    let name = &bench.name;
    eventually("it is fresh", || after.accounts()[0].state == AccountState::Fresh).await;
    assert_eq!(secret(&after.token(name).await.unwrap()), "two");
}

/// Fault of the first version: whoever had logged in again meanwhile was not noticed.
#[actix_web::test]
async fn a_reload_that_came_during_a_question_was_forgotten() {
    let (bench, one) = Bench::with_token("one").await;
    bench.source.may_have_changed.set(true);
    let waiting = bench.begin(Some(&one));
    eventually("a question", || bench.source.asked() == 2).await;

    let after = bench.tokens.reconfigured([bench.name.clone()], bench.time.policy());
    bench.look().await; // comes behind the reload
    bench.source.answer(Ok(bench.time.token("two", HOUR))).await;
    assert_eq!(secret(&waiting.await.unwrap().unwrap()), "two");
    bench.source.answer(Ok(bench.time.token("three", HOUR))).await;

    eventually("it is fresh", || bench.state() == AccountState::Fresh).await;
    assert_eq!(secret(&after.token(&bench.name).await.unwrap()), "three");
}
