//! STAND-IN until merged.
use crate::types::Dialect;
use actix_web::http::StatusCode;
pub fn error_body(_d: Dialect, status: StatusCode, code: &str, message: &str, request_id: &str) -> String {
    serde_json::json!({"type":"error","error":{"type":"authentication_error","code":code,"message":message,"status":"UNAUTHENTICATED"},"request_id":request_id, "s": status.as_u16()}).to_string()
}
