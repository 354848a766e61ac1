//! The way of spans to a collector: in batches, on a thread of its own.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter as OtlpExporter, WithExportConfig as _,
    WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use rustls::ClientConfig;

use super::SpanMaker;
use crate::config::Otlp;

/// For one batch to be taken.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// For what is not sent yet when the gateway stops. A collector that does not answer must not hold it up.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a collector that takes nothing is worth a line.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Why no traces can be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    #[error("`telemetry.otlp`: {0}")]
    Exporter(#[from] ExporterBuildError),
    #[error("`telemetry.otlp`: no HTTP client can be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// All spans of the process on their way to the collector.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send to the collector. `tls` is what we trust.
    pub fn start(otlp: &Otlp, tls: ClientConfig) -> Result<Self, TracesError> {
        // Made on a thread without an async runtime, because it brings its own.
        let making = thread::spawn(move || {
            reqwest::blocking::Client::builder()
                .timeout(EXPORT_TIMEOUT)
                .tls_backend_preconfigured(tls)
                .build()
        });
        let client = making.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let exporter = OtlpExporter::builder()
            .with_http()
            .with_http_client(WithOurFields { client, fields: fields(otlp) })
            .with_endpoint(otlp.endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(otlp.service_name.clone())
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(otlp.sample_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler)
            .with_span_processor(BatchSpanProcessor::builder(Patient::new(exporter)).build())
            .build();
        Ok(Self(provider))
    }

    /// What spans are made with.
    #[must_use]
    pub fn span_maker(&self) -> SpanMaker {
        SpanMaker(self.0.tracer("ampgate"))
    }

    /// Sends what is left, for three seconds at most.
    pub async fn stop(self) {
        let (done, is_done) = tokio::sync::oneshot::channel();
        // A thread of its own: it waits for the sending thread, and nobody waits for it for longer.
        thread::spawn(move || {
            let _ = done.send(self.0.shutdown_with_timeout(FLUSH_TIMEOUT));
        });
        let flushed = tokio::time::timeout(FLUSH_TIMEOUT, is_done).await;
        if !matches!(flushed, Ok(Ok(Ok(())))) {
            tracing::warn!("the collector has not taken the last traces");
        }
    }
}

/// The configured header fields, in the types of the library that sends them.
fn fields(otlp: &Otlp) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in &otlp.headers {
        // Both libraries have the same rules, so nothing is left out.
        if let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(name.as_ref()), HeaderValue::from_bytes(value.as_bytes()))
        {
            value.set_sensitive(true);
            fields.insert(name, value);
        }
    }
    fields
}

/// Sends with the configured header fields and none of the environment's.
///
/// The exporter lets `OTEL_EXPORTER_OTLP_HEADERS` override what it is given, and percent-decodes that once
/// more. The configuration has read the variable already, for where the file says nothing.
#[derive(Debug)]
struct WithOurFields<C> {
    client: C,
    fields: HeaderMap,
}

#[async_trait]
impl<C: HttpClient> HttpClient for WithOurFields<C> {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut fields = self.fields.clone();
        for name in [CONTENT_TYPE, CONTENT_ENCODING] {
            if let Some(value) = request.headers_mut().remove(&name) {
                fields.insert(name, value);
            }
        }
        if let Some(agent) = request.headers_mut().remove(USER_AGENT) {
            fields.entry(USER_AGENT).or_insert(agent);
        }
        *request.headers_mut() = fields;
        self.client.send_bytes(request).await
    }
}

/// An exporter that tells of a collector that takes nothing now and then, instead of with each batch.
#[derive(Debug)]
struct Patient<E> {
    exporter: E,
    lost_spans: AtomicU64,
    told_at: Mutex<Option<Instant>>,
}

impl<E> Patient<E> {
    fn new(exporter: E) -> Self {
        Self { exporter, lost_spans: AtomicU64::new(0), told_at: Mutex::default() }
    }

    /// Whether it is time for a line.
    fn may_tell(&self, now: Instant) -> bool {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = told_at.is_none_or(|at| now.duration_since(at) >= WARNING_INTERVAL);
        if is_time {
            *told_at = Some(now);
        }
        is_time
    }

    fn note(&self, spans: usize, outcome: &OTelSdkResult, now: Instant) {
        match outcome {
            Ok(()) => {
                let lost_spans = self.lost_spans.swap(0, Ordering::Relaxed);
                if lost_spans > 0 {
                    *self.told_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    tracing::info!(lost_spans, "the collector takes traces again");
                }
            }
            Err(cause) => {
                let spans = u64::try_from(spans).unwrap_or(u64::MAX);
                let lost_spans = self.lost_spans.fetch_add(spans, Ordering::Relaxed) + spans;
                if self.may_tell(now) {
                    tracing::warn!(%cause, lost_spans, "the collector takes no traces");
                }
            }
        }
    }
}

impl<E: SpanExporter> SpanExporter for Patient<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let outcome = self.exporter.export(batch).await;
        self.note(spans, &outcome, Instant::now());
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    #[test]
    fn a_collector_that_takes_nothing_is_told_of_now_and_then() {
        let patient = Patient::new(());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let refused = || Err(OTelSdkError::InternalFailure("refused".to_owned()));

        assert!(patient.may_tell(at(0)), "the first time");
        assert!(!patient.may_tell(at(5)), "not with the next batch");
        assert!(patient.may_tell(at(60)), "a minute later");
        patient.note(3, &refused(), at(61));
        patient.note(4, &refused(), at(62));
        assert_eq!(patient.lost_spans.load(Ordering::Relaxed), 7);
        patient.note(1, &Ok(()), at(63));
        assert_eq!(patient.lost_spans.load(Ordering::Relaxed), 0);
        assert!(patient.may_tell(at(64)), "the next outage is another one");
    }
}
