//! Where log lines go and how they look.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStyle {
    /// For people when standard error is a terminal, JSON otherwise.
    Auto,
    Human,
    Json,
}

/// Starts logging to standard error. `level` is the level of our own lines.
pub fn init(style: LogStyle, level: &str) -> Result<(), TryInitError> {
    // actix-http reports at error level what is a client's or an upstream's fault and what we log
    // ourselves, once, with its request.
    let filter = format!("{level},actix_http=off,actix_server=warn,rustls=warn,h2=warn");
    let human = match style {
        LogStyle::Human => true,
        LogStyle::Json => false,
        LogStyle::Auto => std::io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
    let writer = BoxMakeWriter::new(std::io::stderr);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    if human {
        registry.with(layer.with_target(false)).try_init()
    } else {
        let layer = layer.with_target(false).json().flatten_event(true);
        registry.with(layer.with_current_span(false)).try_init()
    }
}
