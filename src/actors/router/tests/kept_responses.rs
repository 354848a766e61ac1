//! Calls that go on from a response which their provider has kept.

use super::*;

#[actix_web::test]
async fn a_plan_is_not_asked_to_go_on_from_a_response_where_a_key_serves_the_model() {
    use Family::{Codex, OpenAi};
    let three = [(Codex, "plan"), (OpenAi, "key"), (Codex, "other-plan")];
    let two = [(Codex, "plan"), (Codex, "other-plan")];
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[(Family, &str)], bool, &[&str], &str); 4] = [
        // credentials, leans, asked in turn,                why
        (&three,        true,  &["key", "key", "key"],           "plans keep no response"),
        (&three,        false, &["plan", "key", "other-plan"],   "nothing to be kept"),
        (&two,          true,  &["plan", "other-plan", "plan"],  "one of them tells the client why not"),
        (&two[..1],     true,  &["plan", "plan", "plan"],        "it tells the client why not"),
    ];
    for (credentials, leans_on_a_response, expected, why) in cases {
        let credentials = credentials.iter().map(|(family, id)| credential(*family, id)).collect();
        let story = Story::of(credentials);
        let model = name("gpt-5");
        let dialect = Dialect::OpenAiResponses;
        let request = ModelRequest { dialect, leans_on_a_response, ..asking_for(&model) };
        let ask = |_| match story.router.choose(&request, &Attempts::default(), || None).unwrap() {
            Choice::Local(plan) => plan.credential().id.to_string(),
            other => panic!("{why}: {other:?}"),
        };

        let asked: Vec<String> = (0..expected.len()).map(ask).collect();

        assert_eq!(asked, expected, "{why}");
    }
}
