//! What a stop does to questions: those that run end, and none begins in vain.

use super::*;

#[actix_web::test]
async fn the_end_waits_for_a_question_that_is_under_way() {
    let bench = Bench::new();
    eventually("a question", || bench.source.asked() == 1).await;
    let tokens = bench.tokens.clone();
    let mut end = Box::pin(tokens.settled());
    assert!(futures::poll!(&mut end).is_pending());

    bench.source.answer(Ok(bench.time.token("one", HOUR))).await;

    end.await;
    bench.tokens.settled().await; // and for nothing where there is none
}

/// Fault of the first version: a refresh could begin between the last wait of a stop and its end, and its
/// refresh token was spent for nobody.
#[actix_web::test]
async fn nothing_is_asked_once_the_process_is_about_to_end() {
    let (bench, _one) = Bench::with_token("one").await;

    bench.tokens.settled().await;
    bench.time.pass(2 * HOUR);
    bench.look().await;

    assert!(bench.get().await.is_err());
    assert_eq!(bench.source.asked(), 1);
}

/// Fault of the first version: new tokens that a full disk had refused were given up at once.
#[actix_web::test]
async fn what_is_not_on_the_disk_is_written_until_it_is_or_the_time_is_up() {
    let (bench, _) = Bench::with_token("one").await;
    bench.source.is_unfinished.set(true);
    let tokens = bench.tokens.clone();
    let end = actix_rt::spawn(async move { tokens.settled().await });

    bench.source.answer(Ok(bench.time.token("one", HOUR))).await;
    eventually("it is tried again", || bench.source.asked() == 3).await;
    assert!(!end.is_finished());
    bench.source.is_unfinished.set(false);
    bench.source.answer(Ok(bench.time.token("one", HOUR))).await;

    end.await.unwrap();
}

/// Fault of the first version: the process ended after ten seconds while an answer may take thirty, and the
/// refresh token was spent for nobody.
#[test]
fn the_end_waited_less_long_than_an_answer_may_take() {
    assert!(SETTLING > http::PATIENCE, "and what it brings has to be written down");
}

#[actix_web::test]
async fn while_the_gateway_drains_a_token_is_asked_for_only_when_somebody_needs_one() {
    let (bench, _) = Bench::with_token("one").await;

    bench.tokens.drain();
    bench.time.pass(HOUR - 299);
    bench.look().await;

    assert_eq!(secret(&bench.get().await.unwrap()), "one");
    bench.look().await;
    assert_eq!(bench.source.asked(), 1, "it is good for as long as this process lives");
    bench.time.pass(299);
    let waiting = bench.begin(None);
    bench.source.answer(Ok(bench.time.token("two", HOUR))).await;
    assert_eq!(secret(&waiting.await.unwrap().unwrap()), "two", "a call that still runs");
}
