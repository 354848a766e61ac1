//! A count of tokens for a client, by a provider that speaks another dialect, or by estimate.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use super::{
    Question, X_AMPGATE_ESTIMATED, hosted_request, outgoing, target, tell_what_was_dropped,
};
use crate::actors::router::LocalPlan;
use crate::actors::upstream::UpstreamFailure;
use crate::exchange::ahead::BegunAnswer;
use crate::exchange::answer::{Answering, response, tell_who_answered};
use crate::exchange::call::Call;
use crate::exchange::proof::Proof;
use crate::exchange::{hosted, sent};
use crate::translate::{Written, estimate_tokens, read_count, write_count, write_count_request};
use crate::types::Dialect;

/// Much more than a number takes.
const MAX_COUNT_BYTES: usize = 64 * 1024;

/// Answers with the provider's own count where its dialect has the question and the server answers it;
/// else, and where nobody is asked because there is no proof, with an estimate that says so. A client that
/// counts wants to go on, not an error.
pub async fn count(
    plan: &LocalPlan,
    call: &Call<'_>,
    proof: Option<&Proof<'_>>,
    answering: &Answering,
) -> Result<HttpResponse, UpstreamFailure> {
    let request = call.neutral()?;
    let mut downstream = HeaderMap::new();
    if let Some(model) = &answering.model {
        tell_who_answered(&mut downstream, model, &answering.record);
    }
    let mut tokens = None;
    if let Some(proof) = proof
        && let Some(written) = write_count_request(request, plan.dialect, plan.model())
    {
        tell_what_was_dropped(&mut downstream, &written.dropped);
        tokens = ask(plan, call, proof, written).await;
    }
    let tokens = tokens.unwrap_or_else(|| {
        downstream.insert(X_AMPGATE_ESTIMATED, HeaderValue::from_static("true"));
        estimate_tokens(request)
    });
    downstream.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = BoxBody::new(write_count(call.dialect, tokens));
    Ok(response(StatusCode::OK, downstream).set_body(body))
}

async fn ask(
    plan: &LocalPlan,
    call: &Call<'_>,
    proof: &Proof<'_>,
    written: Written,
) -> Option<u64> {
    let model = plan.upstream_model.as_str();
    if hosted::is_hosted(plan.credential().family) {
        let hosted = hosted_request(plan, &written.body, false, true).ok()?;
        let question = Question { target: hosted.target, body: hosted.body };
        return answered(plan, call, proof, question).await;
    }
    let target = match plan.dialect {
        Dialect::Anthropic => {
            format!("{}/count_tokens", target(plan.credential(), plan.dialect, model, ""))
        }
        Dialect::OpenAiResponses => {
            format!("{}/input_tokens", target(plan.credential(), plan.dialect, model, ""))
        }
        Dialect::Gemini => target(plan.credential(), plan.dialect, model, "countTokens"),
        Dialect::OpenAiChat => return None,
    };
    answered(plan, call, proof, Question { target, body: written.body }).await
}

async fn answered(
    plan: &LocalPlan,
    call: &Call<'_>,
    proof: &Proof<'_>,
    question: Question,
) -> Option<u64> {
    let ask = |proof: &Proof<'_>| outgoing(plan, call, proof, question.clone(), false);
    let (credential, record) = (plan.credential(), Some(&*call.record));
    let sent = sent::send_renewing(call.handles, record, credential, proof, ask).await;
    let mut answer = BegunAnswer::from(sent.ok()?);
    if !answer.response.status.is_success() {
        return None;
    }
    answer.ahead.read_bytes(&mut answer.response.body, MAX_COUNT_BYTES).await;
    read_count(plan.dialect, &answer.ahead.joined())
}
