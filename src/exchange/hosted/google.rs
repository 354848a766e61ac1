//! What requests to Vertex AI say of who pays.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::config::Credential;
use crate::exchange::proof::Proof;

const X_GOOG_USER_PROJECT: HeaderName = HeaderName::from_static("x-goog-user-project");

/// Names the project whose quota counts, where the account's file has one. With the team's own account
/// no client chooses it; the configuration may.
pub(super) fn put_quota_project(
    credential: &Credential,
    proof: &Proof<'_>,
    fields: &mut HeaderMap,
) {
    let Some(token) = proof.token() else { return };
    if credential.headers.iter().any(|(name, _)| *name == X_GOOG_USER_PROJECT) {
        return;
    }
    fields.remove(X_GOOG_USER_PROJECT);
    let project = token.account.id.as_deref();
    if let Some(project) = project.and_then(|project| HeaderValue::from_str(project).ok()) {
        fields.insert(X_GOOG_USER_PROJECT, project);
    }
}
