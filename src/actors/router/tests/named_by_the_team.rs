//! Models whose names at their provider say nothing of what they are.

use super::*;

#[actix_web::test]
async fn a_model_is_judged_by_its_alias_where_the_team_has_named_it() {
    use Family::{Azure, Bedrock, OpenAiCompatible};
    const PROFILE: &str = "arn:aws:bedrock:us-east-1:1:application-inference-profile/p";
    const CLAUDE: &str = "us.anthropic.claude-opus-4-5-20251101-v1:0";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // family,         provider's name, alias,              judged by,          why
        (Azure,            "our-gpt",       "gpt-5",            "gpt-5",            "a deployment has any name"),
        (Azure,            "gpt-4o",        "gpt-5",            "gpt-4o",           "one that tells"),
        (Azure,            "our-gpt",       "fast",             "our-gpt",          "neither tells"),
        (Bedrock,          PROFILE,         "claude-opus-4-6",  "claude-opus-4-6",  "an inference profile"),
        (Bedrock,          CLAUDE,          "claude-x",         CLAUDE,             "a name that tells"),
        (OpenAiCompatible, "kimi-k2",       "claude-opus-4-6",  "kimi-k2",          "a pretence makes no Claude of it"),
    ];
    for (family, upstream, alias, nature, why) in cases {
        let story = Story::of(vec![listing(family, "a", &[(upstream, alias)])]);
        let model = name(alias);
        let request = ModelRequest { reach: Reach::AnyDialect, ..asking_for(&model) };

        let choice = story.router.choose(&request, &Attempts::default(), || None).unwrap();

        let Choice::Local(plan) = choice else { panic!("{why}: {choice:?}") };
        let seen = plan.model();
        assert_eq!((seen.name, seen.nature), (upstream, nature), "{why}");
    }
}
