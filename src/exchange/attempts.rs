//! One model call over all credentials that can answer it.
//!
//! A round asks each of them once, the best first, until one answers. Between rounds the call waits
//! for the credential that is back soonest, if that is soon enough; otherwise only those are asked
//! again that have failed and do not have to rest. All of this happens before the first byte has
//! gone to the client; from then on an answer is what it is.

use std::time::{Duration, Instant, SystemTime};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::ahead::BegunAnswer;
use super::answer::{self, Answering, ModelAnswer};
use super::call::Call;
use super::foreign::{self, Translation};
use super::judged::{Judged, look_at};
use super::proof::Proof;
use super::{hosted, local, own_login, sent};
use crate::actors::router::{Attempts, Choice, Exhausted, Found, LocalPlan, ModelRequest, Reach};
use crate::actors::upstream::{OutgoingRequest, UpstreamFailure, UpstreamResponse};
use crate::adapt::leans_on_a_response;
use crate::config::{Credential, Family};
use crate::dialect::{Scope, Trouble, TroubleClass, Verdict, is_error_of, session_key};
use crate::error::GatewayError;
use crate::translate::Dropped;
use crate::types::{Dialect, ProviderName, Route};

/// The pause before another round when no credential rests, so that nothing says how long to wait.
/// Doubled for each round.
const ROUND_PAUSE: Duration = Duration::from_millis(200);

/// What is left of a call that nobody has answered.
#[derive(Debug)]
enum Failure {
    /// A provider's own answer: passed on when there is no better one.
    Answer(Box<(BegunAnswer, Answering, Option<Translation>)>),
    /// No answer came.
    Error(UpstreamFailure),
}

/// How an attempt ended.
enum Outcome {
    Answered(HttpResponse),
    /// Another credential may do better; with the class of what went wrong.
    Failed(Failure, &'static str),
    /// The same credential is to be asked for less.
    AskAgain(Box<LocalPlan>),
}

/// Answers a call from our own providers, or from Amp where it may.
pub(super) async fn answer(call: &Call<'_>) -> Result<HttpResponse, UpstreamFailure> {
    let router = &call.handles.router;
    let request = ModelRequest {
        dialect: call.dialect,
        model: &call.asked.model,
        came_through_amp_door: call.came_through_amp_door(),
        reach: call.reach(),
        ways: call.handles.limits.ways_of(call.client),
        brings_login: call.brings_login,
        leans_on_a_response: call.dialect == Dialect::OpenAiResponses
            && leans_on_a_response(call.readable_body()),
    };
    let mut attempts = Attempts::default();
    let mut rounds = Rounds::new(call);
    let mut last = None;
    let mut failed_as = None;
    let exhausted = loop {
        let session = || session_key(call.request.headers(), call.dialect, call.readable_body());
        match router.choose(&request, &attempts, session)? {
            Choice::Local(mut plan) => {
                // It held a place at its provider, which the next attempt may need.
                drop(last.take());
                if let (Some(class), Some(provider)) = (failed_as.take(), call.record.provider()) {
                    call.handles.metrics.retried(&provider, class);
                }
                last = loop {
                    match attempt(call, plan, &mut attempts).await? {
                        Outcome::Answered(response) => return Ok(response),
                        Outcome::Failed(failure, class) => {
                            rounds.note(&failure);
                            failed_as = Some(class);
                            break Some(failure);
                        }
                        Outcome::AskAgain(less) => plan = *less,
                    }
                };
            }
            Choice::Amp => return call.ask_amp(None).await,
            Choice::Exhausted(exhausted) => match rounds.next(&exhausted, call) {
                Some(Pause::UntilProbed(pause)) => call.wait(pause).await?,
                Some(Pause::BeforeRound(pause)) => {
                    call.wait(pause).await?;
                    attempts.begin_round();
                }
                None => break exhausted,
            },
        }
    };
    if exhausted.amp_may_answer {
        let failed_with = match last {
            Some(Failure::Answer(failed)) => failed.0.response.status.to_string(),
            Some(Failure::Error(failure)) => failure.error.code().to_owned(),
            None => "all credentials rest".to_owned(),
        };
        return call.ask_amp(Some(failed_with)).await;
    }
    match last {
        Some(Failure::Answer(failed)) => {
            let (answer, answering, translation) = *failed;
            told(answer, answering, translation).await
        }
        Some(Failure::Error(failure)) => Err(failure),
        None => Err(all_rest(call, &exhausted).into()),
    }
}

/// The error for a call whose every credential rests.
fn all_rest(call: &Call<'_>, exhausted: &Exhausted) -> GatewayError {
    let Some(rest) = &exhausted.rest else { return GatewayError::Internal };
    let left = call.handles.router.time_left(rest);
    // Rounded up: a client that comes back a moment too early is turned away once more.
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    GatewayError::AllResting {
        model: call.asked.model.clone(),
        provider: rest.provider.clone(),
        reason: rest.reason,
        seconds: seconds.max(1),
    }
}

/// How often, and how long, a call waits for credentials to come back.
struct Rounds {
    left: u32,
    begun: u32,
    max_pause: Duration,
    /// For how long others may still be waited for while they probe.
    probe_budget: Duration,
}

/// Why a call waits.
enum Pause {
    /// Another request is finding out how a credential is. That costs time, and no round: what has
    /// failed is not asked again.
    UntilProbed(Duration),
    BeforeRound(Duration),
}

impl Rounds {
    fn new(call: &Call<'_>) -> Self {
        let settings = &call.handles.settings;
        let max_pause = settings.max_retry_interval;
        Self { left: settings.request_retry, begun: 0, max_pause, probe_budget: max_pause }
    }

    /// A provider that has let us wait for its first byte, or for the next one, gets no second round:
    /// each may last for minutes, and each may be paid for.
    fn note(&mut self, failure: &Failure) {
        if let Failure::Error(UpstreamFailure { error, .. }) = failure
            && matches!(
                error,
                GatewayError::FirstByteTimeout { .. } | GatewayError::IdleTimeout { .. }
            )
        {
            self.left = 0;
        }
    }

    /// What to wait for; `None` when it is over.
    fn next(&mut self, exhausted: &Exhausted, call: &Call<'_>) -> Option<Pause> {
        if let Some(rest) = exhausted.rest.as_ref().filter(|rest| rest.is_probed) {
            let pause = call.handles.router.time_left(rest);
            self.probe_budget = self.probe_budget.checked_sub(pause)?;
            return (self.left > 0).then_some(Pause::UntilProbed(pause));
        }
        let left = exhausted.rest.as_ref().map(|rest| call.handles.router.time_left(rest));
        let pause = match left.filter(|left| *left <= self.max_pause) {
            Some(left) => left,
            None if left.is_some() && !exhausted.may_ask_again => return None,
            None => (ROUND_PAUSE * 2_u32.saturating_pow(self.begun)).min(self.max_pause),
        };
        self.left = self.left.checked_sub(1)?;
        self.begun += 1;
        Some(Pause::BeforeRound(pause))
    }
}

/// Asks one credential.
async fn attempt(
    call: &Call<'_>,
    mut plan: LocalPlan,
    attempts: &mut Attempts,
) -> Result<Outcome, UpstreamFailure> {
    let Call { handles, record, .. } = call;
    let router = &handles.router;
    let credential = plan.credential();
    record.takes(route_of(&plan));
    record.tries(credential.provider.clone(), credential.id.clone());
    record.asks_at(credential.gen_ai_provider.clone(), plan.upstream_model.clone());
    let family = credential.family;
    if call.only_counts() && !hosted::can_count(family) {
        let answering = answering(call, &plan);
        return foreign::count(&plan, call, None, &answering).await.map(Outcome::Answered);
    }
    let sent_at = router.now();
    let proof = match Proof::of(credential, &handles.tokens).await {
        Ok(proof) => proof,
        Err(failure) => {
            attempts.note_failure_of(&plan);
            return given_up(call, plan, failure, sent_at).await;
        }
    };
    // A host may refuse to count what it answers, and its flags there are not those of a call.
    if call.only_counts() && (plan.dialect != call.dialect || hosted::is_hosted(family)) {
        let answering = answering(call, &plan);
        return foreign::count(&plan, call, Some(&proof), &answering).await.map(Outcome::Answered);
    }
    let (outgoing, translation, dropped) = question(&plan, call, &proof)?;
    let sent_at = router.now();
    let asked = ask(call, credential, outgoing).await;
    if plan.is_own_login() {
        return own_login::told(call, &plan, asked?).await.map(Outcome::Answered);
    }
    let mut response = match asked {
        Ok(response) => response,
        Err(failure) => {
            attempts.note_failure_of(&plan);
            return given_up(call, plan, failure, sent_at).await;
        }
    };
    if response.status == StatusCode::UNAUTHORIZED
        && !plan.again.with_new_token
        && proof.is_renewed(credential, &handles.tokens).await
    {
        plan.again.with_new_token = true;
        return Ok(Outcome::AskAgain(Box::new(plan)));
    }
    foreign::tell_what_was_dropped(&mut response.fields, &dropped);
    router.note_limits(&plan, &response.fields);
    let speaks_for_credential = proof.speaks_for_credential(plan.again);
    let judged = look_at(response, plan.dialect, family, SystemTime::now()).await;
    if asks_for_less(call, &mut plan, &judged).await {
        return Ok(Outcome::AskAgain(Box::new(plan)));
    }
    let Judged { answer, verdict, is_settled, is_empty_stream, .. } = judged;
    let mut answering = answering(call, &plan);
    match verdict {
        // A provider that cannot count has the model all the same.
        Verdict::Trouble(Trouble { class: TroubleClass::ModelUnknown, .. })
            if call.only_counts() =>
        {
            told(answer, answering, translation).await.map(Outcome::Answered)
        }
        Verdict::Fine => {
            // To count well proves nothing about the model's own limits.
            if is_settled && !call.only_counts() {
                router.succeeded(&mut plan, sent_at);
            }
            if plan.again.instead_of_responses {
                router.found_without_responses(&plan);
            }
            answering.breaks = (!call.only_counts()).then(|| router.watch(plan, sent_at));
            told(answer, answering, translation).await.map(Outcome::Answered)
        }
        Verdict::RequestFault => {
            record.attempt_is_given_up();
            told(answer, answering, translation).await.map(Outcome::Answered)
        }
        Verdict::Trouble(trouble) => {
            attempts.note_failure_of(&plan);
            record.attempt_is_given_up();
            let class = trouble.class.as_str();
            note_retry(call, class);
            record.upstream_failed(class);
            let provider = plan.credential().provider.clone();
            let may_rest = trouble.class != TroubleClass::Unauthorized || speaks_for_credential;
            if may_rest && (!call.only_counts() || trouble.scope == Scope::Credential) {
                router.failed(plan, trouble, sent_at).await;
            }
            let failure = if is_empty_stream {
                Failure::Error(GatewayError::UpstreamReset { provider }.into())
            } else {
                Failure::Answer(Box::new((answer, answering, translation)))
            };
            Ok(Outcome::Failed(failure, class))
        }
    }
}

/// The call as a credential is asked it; what its answer is read by, where that is in another dialect;
/// and what its host would not have taken, where nobody else tells of it.
fn question(
    plan: &LocalPlan,
    call: &Call<'_>,
    proof: &Proof<'_>,
) -> Result<(OutgoingRequest, Option<Translation>, Dropped), GatewayError> {
    if plan.dialect == call.dialect {
        let (outgoing, dropped) = local::call(plan, call, proof)?;
        return Ok((outgoing, None, dropped));
    }
    let (outgoing, translation) = foreign::call(plan, call, proof)?;
    Ok((outgoing, Some(translation), Dropped::default()))
}

/// The answer, as the API itself would have given it.
async fn ask(
    call: &Call<'_>,
    credential: &Credential,
    outgoing: OutgoingRequest,
) -> Result<UpstreamResponse, UpstreamFailure> {
    let (handles, record) = (call.handles, Some(&*call.record));
    let response = sent::send(handles, record, outgoing).await?;
    if !hosted::is_hosted(credential.family) {
        return Ok(response);
    }
    let answer = hosted::answer(credential, call.streams(), response).await;
    // The head was well, but an answer that is read to its end here may still be none.
    if let Err(failure) = &answer {
        sent::note_failure(handles, record, &credential.provider, failure);
    }
    answer
}

/// Whether a credential is to be asked once more, for less than it has turned down.
async fn asks_for_less(call: &Call<'_>, plan: &mut LocalPlan, judged: &Judged) -> bool {
    // Only what was asked for can have been turned down.
    if judged.refuses_long_context
        && !plan.strip_long_context
        && plan.credential().learns_long_context()
        && local::asks_for_long_context(plan, call)
    {
        call.handles.router.turned_long_context_down(plan).await;
        plan.strip_long_context = true;
        return true;
    }
    if plan.dialect == Dialect::OpenAiResponses
        && matches!(plan.credential().family, Family::OpenAiCompatible | Family::Azure)
        && call.reach() == Reach::AnyDialect
        && says_no_such_route(judged.answer.response.status)
        && call.neutral().is_ok()
    {
        plan.dialect = Dialect::OpenAiChat;
        plan.again.instead_of_responses = true;
        return true;
    }
    false
}

/// An attempt that came to no answer.
async fn given_up(
    call: &Call<'_>,
    plan: LocalPlan,
    failure: UpstreamFailure,
    sent_at: Instant,
) -> Result<Outcome, UpstreamFailure> {
    match fault_of(&failure.error) {
        Fault::Provider(trouble) => call.handles.router.failed(plan, trouble, sent_at).await,
        Fault::OurOwn => {}
        Fault::Client => return Err(failure),
    }
    let class = failure.error.code();
    note_retry(call, class);
    Ok(Outcome::Failed(Failure::Error(failure), class))
}

/// The answer as the client gets it.
async fn told(
    answer: BegunAnswer,
    answering: Answering,
    translation: Option<Translation>,
) -> Result<HttpResponse, UpstreamFailure> {
    match translation {
        Some(translation) => foreign::from_upstream(answer, answering, translation).await,
        None => match &answering.model {
            Some(model) if model.is_hosted && speaks_otherwise(model.dialect, &answer) => {
                Ok(foreign::error_for(model.dialect, answer, &answering).await)
            }
            _ => Ok(answer::from_upstream(answer, answering).await),
        },
    }
}

/// Whether an answer is an error that clients of `dialect` cannot read. What there is to read of one was
/// read for its verdict.
fn speaks_otherwise(dialect: Dialect, answer: &BegunAnswer) -> bool {
    !answer.response.status.is_success() && !is_error_of(dialect, &answer.ahead.joined())
}

/// What servers answer on a path they do not have. A model that they do not have may look the same;
/// then Chat Completions says so once more.
fn says_no_such_route(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

fn note_retry(call: &Call<'_>, class: &'static str) {
    tracing::debug!(
        request.id = call.record.id(),
        upstream.name = call.record.provider().as_ref().map(ProviderName::as_str),
        class,
        "attempt failed"
    );
}

/// Who is to blame for an attempt without an answer.
pub(super) enum Fault {
    Provider(Trouble),
    /// Our own limits: another provider may have room.
    OurOwn,
    /// Nothing another credential could mend.
    Client,
}

pub(super) fn fault_of(error: &GatewayError) -> Fault {
    use GatewayError as E;
    match error {
        E::UpstreamUnreachable { .. } | E::ProxyFailed { .. } | E::ConnectTimeout { .. } => {
            Fault::Provider(Trouble::unreachable())
        }
        // The last two of an answer that was gathered: none of it has gone to the client.
        E::UpstreamReset { .. }
        | E::FirstByteTimeout { .. }
        | E::UpstreamGarbled { .. }
        | E::UpstreamBroke { .. }
        | E::IdleTimeout { .. } => Fault::Provider(Trouble::silent()),
        E::UpstreamBusy { .. } | E::LoginNeeded { .. } | E::NoToken { .. } => Fault::OurOwn,
        _ => Fault::Client,
    }
}

fn route_of(plan: &LocalPlan) -> Route {
    match plan.found {
        _ if plan.is_own_login() => Route::OwnLogin,
        Found::Directly => Route::Local,
        Found::ByMapping { .. } => Route::Mapped,
    }
}

pub(super) fn answering(call: &Call<'_>, plan: &LocalPlan) -> Answering {
    let model = ModelAnswer {
        dialect: call.dialect,
        route: route_of(plan),
        provider: plan.credential().provider.clone(),
        client_model: plan.renames.then(|| call.asked.model.clone()),
        after_failure: false,
        amp_client: call.amp_client(plan.found.crosses_makers()),
        hides_usage: plan.dialect == call.dialect && call.body_asking_for_usage().is_some(),
        is_hosted: hosted::is_hosted(plan.credential().family),
        metering: call.metering(&plan.upstream_model),
    };
    Answering::modelled(&call.request, call.handles.drain.clone(), model)
}
