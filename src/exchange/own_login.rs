//! The answer to a call that went out with the client's own login.
//!
//! What a provider says to one person's login is that person's affair: a login that has ended, or a plan that
//! is used up, tells nothing of anybody else's. So nothing rests for it, nobody else is asked, no limit is
//! noted, and the answer passes as it is.

use std::time::SystemTime;

use actix_web::HttpResponse;

use super::answer;
use super::attempts::answering;
use super::call::Call;
use super::judged::look_at;
use crate::actors::router::LocalPlan;
use crate::actors::upstream::{UpstreamFailure, UpstreamResponse};
use crate::dialect::Verdict;
use crate::error::GatewayError;

/// The answer as the client gets it, whatever it says.
pub(super) async fn told(
    call: &Call<'_>,
    plan: &LocalPlan,
    response: UpstreamResponse,
) -> Result<HttpResponse, UpstreamFailure> {
    let family = plan.credential().family;
    let judged = look_at(response, plan.dialect, family, SystemTime::now()).await;
    if !matches!(judged.verdict, Verdict::Fine) {
        call.record.attempt_is_given_up();
    }
    if judged.is_empty_stream {
        let provider = plan.credential().provider.clone();
        return Err(GatewayError::UpstreamReset { provider }.into());
    }
    Ok(answer::from_upstream(judged.answer, answering(call, plan)).await)
}
