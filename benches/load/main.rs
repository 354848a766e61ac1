//! Load for `benches/compare`, `benches/count` and `benches/soak`: what `wrk` cannot do.
//!
//! Each command is both ends of one experiment, the clients and the upstream, in one process on one
//! thread: so one clock sees both, and the gateway between them can have a core of its own. It
//! prints one line of `name=value` pairs. Nothing here judges a result.

mod cases;
mod client;
mod many;
mod mixed;
mod process;
mod upstream;

use std::error::Error;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::process::Watched;

/// Both ends of one experiment with a gateway in the middle.
#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    case: Case,
}

/// Where everybody is.
#[derive(Debug, Args)]
struct Place {
    /// The gateway
    #[arg(long)]
    to: SocketAddr,
    /// Where the gateway looks for its upstream
    #[arg(long)]
    upstream: SocketAddr,
    /// The key that opens the gateway
    #[arg(long)]
    key: String,
    /// A process of the gateway whose CPU and memory count
    #[arg(long = "pid")]
    pids: Vec<u32>,
}

#[derive(Debug, Subcommand)]
enum Case {
    /// One request after the other on one connection
    Requests {
        #[arg(long)]
        count: u32,
        /// Size of the model call's body; without it, a management GET
        #[arg(long)]
        body: Option<usize>,
    },
    /// Event streams, all open at once
    Streams {
        #[arg(long)]
        streams: u32,
        /// Milliseconds between two events of a stream; without it, as fast as they are read
        #[arg(long)]
        every_ms: Option<u64>,
        /// How long to measure once all of them are open
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// A client that reads a large answer slower than it could come
    SlowReader {
        #[arg(long, default_value_t = 100)]
        megabytes: u64,
    },
    /// Clients that leave: how long until the upstream knows?
    Abort {
        #[arg(long, default_value_t = 50)]
        rounds: u32,
        /// Leave after the first event, not before the head
        #[arg(long)]
        mid_stream: bool,
    },
    /// Plain requests on kept connections, the gateway's memory looked at meanwhile
    Many {
        #[arg(long)]
        count: u64,
        #[arg(long, default_value_t = 32)]
        connections: u32,
        /// Where the samples go, as CSV
        #[arg(long)]
        samples: PathBuf,
    },
    /// Everything at once, aborts and failures included, for a long time
    Mixed {
        /// Requests that begin in a second
        #[arg(long)]
        rate: u32,
        #[arg(long)]
        seconds: u64,
        /// How long to look at the gateway behind the last request
        #[arg(long, default_value_t = 20)]
        quiet_seconds: u64,
        /// Where the samples go, as CSV
        #[arg(long)]
        samples: PathBuf,
    },
}

impl Place {
    fn watched(&self) -> Watched<'_> {
        Watched::new(&self.pids)
    }
}

/// A result, as one line tells it.
type Report = Vec<(&'static str, String)>;

type Outcome = Result<Report, Box<dyn Error>>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(error.into()),
    };
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    match outcome {
        Ok(report) => {
            let pairs: Vec<String> =
                report.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            let _ = writeln!(stdout, "{}", pairs.join(" "));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(stderr, "load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Cli { place, case }: Cli) -> Outcome {
    match case {
        Case::Requests { count, body } => cases::requests(&place, count, body).await,
        Case::Streams { streams, every_ms, seconds } => {
            let pause = every_ms.map(Duration::from_millis);
            cases::streams(&place, streams, pause, Duration::from_secs(seconds)).await
        }
        Case::SlowReader { megabytes } => cases::slow_reader(&place, megabytes * 1_000_000).await,
        Case::Abort { rounds, mid_stream } => cases::abort(&place, rounds, mid_stream).await,
        Case::Many { count, connections, samples } => {
            many::many(&place, count, connections, &samples).await
        }
        Case::Mixed { rate, seconds, quiet_seconds, samples } => {
            let (traffic, quiet) =
                (Duration::from_secs(seconds), Duration::from_secs(quiet_seconds));
            mixed::mixed(&place, mixed::Plan { rate, traffic, quiet, samples: &samples }).await
        }
    }
}
