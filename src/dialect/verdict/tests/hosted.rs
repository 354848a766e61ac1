//! Answers of hosts of others' APIs.

use super::*;

#[test]
fn azure_is_judged_by_what_it_says() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (429, r#"{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 6 seconds."}}"#, Limited, Model, seconds(6), "a deployment's limit"),
        (404, r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,      ModelUnknown, Model, None, "no such deployment"),
        (401, r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#,     Unauthorized, Credential, None, "the key"),
        (403, r#"{"error":{"code":"403","message":"Public access is disabled. Please configure private endpoint."}}"#,            Forbidden, Model, None, "the network"),
        (503, r#"{"error":{"code":"InternalServerError","message":"Backend returned unexpected response."}}"#,                    Unavailable, Model, None, "trouble"),
    ];
    for (code, body, class, scope, wait, why) in cases {
        assert_eq!(trouble(code, &[], body), Trouble { class, scope, wait }, "{why}");
    }
    let filtered = r#"{"error":{"code":"content_filter","param":"prompt","message":"The response was filtered","status":400}}"#;
    assert_eq!(ask(400, &[], filtered), Verdict::RequestFault);
    let both = [("retry-after", "6"), ("retry-after-ms", "6210")];
    assert_eq!(wait(429, &both, "{}"), milliseconds(6210));
}

#[test]
fn claude_on_vertex_ai_is_judged_in_googles_words_and_in_anthropics() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (429, r#"{"error":{"code":429,"message":"Quota exceeded for aiplatform.googleapis.com/online_prediction_input_tokens_per_minute_per_base_model with base model: anthropic-claude-opus-4.","status":"RESOURCE_EXHAUSTED"}}"#, Limited, Model, "a model's quota"),
        (404, r#"{"error":{"code":404,"message":"Publisher Model `projects/p/locations/global/publishers/anthropic/models/claude-x` was not found or your project does not have access to it.","status":"NOT_FOUND"}}"#,            ModelUnknown, Model, "a model that is not enabled"),
        (403, r#"[{"error":{"code":403,"message":"Permission 'aiplatform.endpoints.predict' denied on resource.","status":"PERMISSION_DENIED"}}]"#,                                                                               Forbidden, Model, "a role that is missing"),
        (401, r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#,                                                                                               Unauthorized, Credential, "a token that has ended"),
        (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,                                                                                                                                   Unavailable, Model, "Anthropic's own words"),
    ];
    for (code, body, class, scope, why) in cases {
        assert_eq!(trouble(code, &[], body), Trouble { class, scope, wait: None }, "{why}");
    }
    let fault = r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: Field required"}}"#;
    assert_eq!(ask(400, &[], fault), Verdict::RequestFault);
    let hint = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}"#;
    assert_eq!(wait(429, &[], hint), milliseconds(3500));
}
