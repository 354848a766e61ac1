//! STAND-IN until merged.
use crate::types::Dialect;
use actix_web::http::StatusCode;
pub fn error_body(
    _d: Dialect,
    status: StatusCode,
    code: &str,
    message: &str,
    request_id: &str,
) -> String {
    serde_json::json!({"type":"error","error":{"type":"authentication_error","code":code,"message":message,"status":"UNAUTHENTICATED"},"request_id":request_id, "s": status.as_u16()}).to_string()
}
pub fn stream_error_event(
    _d: Dialect,
    code: &str,
    message: &str,
    _s: StatusCode,
    n: u64,
    _c: bool,
) -> String {
    format!("event: error\ndata: {{\"code\":\"{code}\",\"m\":\"{message}\",\"n\":{n}}}\n\n")
}
pub fn model_paths(_: Dialect) -> &'static [&'static [&'static str]] {
    &[&["model"]]
}
#[derive(Debug)]
pub struct GeminiCall {
    pub model: String,
    pub method: String,
    pub model_span: std::ops::Range<usize>,
}
pub fn parse_gemini_call(t: &str) -> Option<GeminiCall> {
    let (m, x) = t.rsplit_once(':')?;
    Some(GeminiCall { model: m.into(), method: x.into(), model_span: 0..m.len() })
}
pub fn replace_gemini_model(p: &str, c: &GeminiCall, m: &str) -> String {
    format!("{m}{}", &p[c.model_span.end..])
}
#[derive(Clone, Copy)]
pub enum ModelListShape {
    Anthropic,
    OpenAi,
    Gemini,
}
pub struct ListedModel<'a> {
    pub id: &'a str,
    pub owned_by: &'a str,
}
pub fn list_shape(_: Option<&str>, _: bool, _: bool) -> ModelListShape {
    ModelListShape::OpenAi
}
pub fn models_list(_: ModelListShape, _: &[ListedModel<'_>]) -> String {
    String::new()
}
pub fn model_entry(_: ModelListShape, _: &ListedModel<'_>) -> String {
    String::new()
}
pub fn merge_models_lists(
    _: ModelListShape,
    _: &[ListedModel<'_>],
    _: &[bytes::Bytes],
) -> Result<String, std::fmt::Error> {
    Ok(String::new())
}
