//! Where log lines go and how they look.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// What a filter stands on, and what the lines stand on.
type Filtered = Layered<reload::Layer<EnvFilter, Registry>, Registry>;
type Lines = Box<dyn Layer<Filtered> + Send + Sync>;

/// Whether the log, which is one for the process, is JSON now.
static JSON: AtomicBool = AtomicBool::new(false);

/// Whether lines are JSON, so that one may be written as such without tracing.
pub(super) fn lines_are_json() -> bool {
    JSON.load(Ordering::Relaxed) // nothing else hangs on it
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStyle {
    /// For people when standard error is a terminal, JSON otherwise.
    Auto,
    Human,
    Json,
}

impl LogStyle {
    fn is_json(self) -> bool {
        match self {
            Self::Human => false,
            Self::Json => true,
            Self::Auto => !std::io::stderr().is_terminal(),
        }
    }
}

/// Changes a running log.
#[derive(Clone)]
pub struct LogControl {
    filter: Handle<EnvFilter, Registry>,
    lines: Handle<Lines, Filtered>,
}

impl LogControl {
    /// Gives the log another style and level.
    pub fn set(&self, style: LogStyle, level: &str) {
        // An error says that the log is gone, and there is nowhere to tell.
        let _ = self.filter.reload(filter(level));
        let _ = self.lines.reload(lines(style));
        JSON.store(style.is_json(), Ordering::Relaxed);
    }
}

/// Starts logging to standard error. `level` is the level of our own lines.
pub fn init(style: LogStyle, level: &str) -> Result<LogControl, TryInitError> {
    let (filter_layer, filter) = reload::Layer::new(filter(level));
    let (lines_layer, lines) = reload::Layer::new(lines(style));
    tracing_subscriber::registry().with(filter_layer).with(lines_layer).try_init()?;
    JSON.store(style.is_json(), Ordering::Relaxed);
    Ok(LogControl { filter, lines })
}

fn filter(level: &str) -> EnvFilter {
    // actix-http reports at error level what is a client's or an upstream's fault and what we log
    // ourselves, once, with its request; OpenTelemetry each batch that a collector does not take.
    // SECURITY: what AWS's crates trace has session tokens in it. Why there are no keys, we tell ourselves.
    let quiet = "actix_http=off,opentelemetry=off,actix_server=warn,rustls=warn,h2=warn,\
                 aws_sigv4=off,aws_config=off,aws_credential_types=off,aws_runtime=off,\
                 aws_sdk_sts=off,aws_smithy_runtime=off,aws_smithy_runtime_api=off";
    EnvFilter::new(format!("{level},{quiet}"))
}

fn lines(style: LogStyle) -> Lines {
    let writer = BoxMakeWriter::new(std::io::stderr);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    if style.is_json() {
        return layer.json().event_format(JsonLines::new()).boxed();
    }
    let layer = layer.with_target(false);
    // A file shows colours as rubbish.
    if std::io::stderr().is_terminal() { layer.boxed() } else { layer.with_ansi(false).boxed() }
}

/// A JSON object for each event.
pub(super) struct JsonLines {
    with_spans: Format<Json>,
    without: Format<Json>,
}

impl JsonLines {
    pub(super) fn new() -> Self {
        let format = || {
            let format = tracing_subscriber::fmt::format().with_target(false).json();
            format.flatten_event(true).with_current_span(false)
        };
        Self { with_spans: format(), without: format().with_span_list(false) }
    }
}

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    /// Leaves out the spans of a request that began before the log was JSON: their fields were not
    /// written as JSON, and the crate panics where it finds none.
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let spans_are_json = context.lookup_current().is_none_or(|current| {
            let mut spans = current.scope();
            spans.all(|span| span.extensions().get::<FormattedFields<JsonFields>>().is_some())
        });
        let format = if spans_are_json { &self.with_spans } else { &self.without };
        format.format_event(context, writer, event)
    }
}
