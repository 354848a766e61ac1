//! The experiments.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::client::{Connection, management_get, model_call};
use crate::upstream::{EVENT, LAST_EVENT, Script, Seen, Upstream};
use crate::{Outcome, Place, Report};

/// The body of a call that opens a stream.
const SMALL_CALL: usize = 1024;
/// So many connections are opened at once, so that no backlog overflows.
const OPENED_AT_ONCE: u32 = 100;
/// A stream has so long to end once its upstream has been told to.
const TO_THE_END: Duration = Duration::from_secs(30);
/// What the slow reader reads before it pauses, and how long: about 13 MB/s.
const SLOW_PIECE: usize = 64 * 1024;
const SLOW_PAUSE: Duration = Duration::from_millis(5);

/// One after the other, so that a run of twice as many differs by requests and nothing else.
pub async fn requests(place: &Place, count: u32, body: Option<usize>) -> Outcome {
    let (key, watched) = (&place.key, place.watched());
    let request = body.map_or_else(|| management_get(key), |size| model_call(key, size, false));
    let work = async {
        let _upstream = Upstream::start(place.upstream, Script::Message).await?;
        let mut connection = Connection::open(place.to).await?;
        let before = watched.cpu()?;
        for _ in 0..count {
            connection.send(&request).await?;
            let length = connection.head().await?;
            connection.skip(length).await?;
        }
        let cpu = watched.cpu()?.saturating_sub(before);
        Ok(vec![("requests", count.to_string()), ("cpu_us", each(cpu, u64::from(count)))])
    };
    LocalSet::new().run_until(work).await
}

/// What the clients of all streams have seen.
#[derive(Default)]
struct Tally {
    /// Streams that are open, or will not be.
    settled: Cell<u32>,
    events: Cell<u64>,
    ended_well: Cell<u32>,
}

/// Opens all streams, and measures when all of them flow.
pub async fn streams(
    place: &Place,
    count: u32,
    pause: Option<Duration>,
    window: Duration,
) -> Outcome {
    let (to, watched) = (place.to, place.watched());
    let request: Rc<[u8]> = model_call(&place.key, SMALL_CALL, true).into();
    let work = async {
        let upstream = Upstream::start(place.upstream, Script::Events { pause }).await?;
        let tally = Rc::new(Tally::default());
        let idle = watched.resident()?;
        let mut clients = Vec::new();
        for number in 1..=count {
            let (request, told) = (request.clone(), tally.clone());
            clients.push(tokio::task::spawn_local(async move {
                let _ = follow(to, &request, &told).await; // a failure is missing in the tally
            }));
            wait_until(|| number - tally.settled.get() <= OPENED_AT_ONCE).await;
        }
        wait_until(|| tally.settled.get() == count).await;
        let (cpu, events, began) = (watched.cpu()?, tally.events.get(), Instant::now());
        tokio::time::sleep(window).await;
        let resident = watched.resident()?;
        let (cpu, events) = (watched.cpu()?.saturating_sub(cpu), tally.events.get() - events);
        let took = began.elapsed();
        upstream.stop();
        let all = async {
            for client in clients {
                let _ = client.await; // what it saw is in the tally
            }
        };
        let _ = tokio::time::timeout(TO_THE_END, all).await;
        let grown = resident.saturating_sub(idle);
        let report: Report = vec![
            ("streams", count.to_string()),
            ("cpu_us", each(cpu, events)),
            ("events_per_second", format!("{:.0}", as_float(events) / took.as_secs_f64())),
            ("idle_kib", idle.to_string()),
            ("open_kib", resident.to_string()),
            ("kib_per_stream", format!("{:.1}", as_float(grown) / f64::from(count))),
            ("errors", (count - tally.ended_well.get()).to_string()),
        ];
        Ok(report)
    };
    LocalSet::new().run_until(work).await
}

async fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Reads one stream to its last event; anything else is a failure.
async fn follow(to: SocketAddr, request: &[u8], tally: &Tally) -> io::Result<()> {
    let opened = open(to, request).await;
    tally.settled.set(tally.settled.get() + 1);
    let mut connection = opened?;
    let mut is_over = count_events(connection.behind_head(), tally);
    while !is_over {
        is_over = count_events(connection.piece().await?, tally);
    }
    tally.ended_well.set(tally.ended_well.get() + 1);
    Ok(())
}

async fn open(to: SocketAddr, request: &[u8]) -> io::Result<Connection> {
    let mut connection = Connection::open(to).await?;
    connection.send(request).await?;
    connection.head().await?;
    Ok(connection)
}

/// Whether the last one was among them.
fn count_events(piece: &[u8], tally: &Tally) -> bool {
    let count = memchr::memchr_iter(EVENT, piece).count() as u64;
    tally.events.set(tally.events.get() + count);
    memchr::memchr(LAST_EVENT, piece).is_some()
}

/// Reads `size` bytes slowly: what the gateway takes in advance must stay small.
pub async fn slow_reader(place: &Place, size: u64) -> Outcome {
    let watched = place.watched();
    let work = async {
        let upstream = Upstream::start(place.upstream, Script::Bytes(size)).await?;
        let mut connection = Connection::open(place.to).await?;
        let (idle, cpu) = (watched.resident()?, watched.cpu()?);
        connection.send(&management_get(&place.key)).await?;
        let mut left = connection.head().await?;
        if left as u64 != size {
            return Err(format!("{left} bytes are announced, not {size}").into());
        }
        let (mut peak, mut most_ahead) = (idle, 0);
        while left > 0 {
            connection.skip(left.min(SLOW_PIECE)).await?;
            left -= left.min(SLOW_PIECE);
            peak = peak.max(watched.resident()?);
            most_ahead = most_ahead.max(upstream.written().saturating_sub(size - left as u64));
            tokio::time::sleep(SLOW_PAUSE).await;
        }
        let cpu = watched.cpu()?.saturating_sub(cpu);
        let report: Report = vec![
            ("cpu_us_per_mb", each(cpu, size / 1_000_000)),
            ("grown_kib", (peak - idle).to_string()),
            ("most_ahead_mb", format!("{:.1}", as_float(most_ahead) / 1e6)),
        ];
        Ok(report)
    };
    LocalSet::new().run_until(work).await
}

/// From a client's leaving to the moment at which the upstream sees its connection closed.
pub async fn abort(place: &Place, rounds: u32, mid_stream: bool) -> Outcome {
    let request = model_call(&place.key, SMALL_CALL, true);
    let work = async {
        let script = Script::Silence { after_events: usize::from(mid_stream) };
        let mut upstream = Upstream::start(place.upstream, script).await?;
        let mut delays = Vec::new();
        for _ in 0..rounds {
            let mut connection = Connection::open(place.to).await?;
            connection.send(&request).await?;
            if mid_stream {
                connection.head().await?;
                while memchr::memchr(EVENT, connection.behind_head()).is_none() {
                    connection.piece().await?;
                }
            }
            while !matches!(next(&mut upstream).await?, Seen::Request) {}
            let left = Instant::now();
            drop(connection);
            if let Seen::Closed(at) = next(&mut upstream).await? {
                delays.push(at.duration_since(left));
            }
        }
        delays.sort();
        let milliseconds = |at: usize| {
            let delay = delays.get(at).copied().unwrap_or_default();
            format!("{:.2}", delay.as_secs_f64() * 1e3)
        };
        let report: Report = vec![
            ("rounds", delays.len().to_string()),
            ("median_ms", milliseconds(delays.len() / 2)),
            ("longest_ms", milliseconds(delays.len().saturating_sub(1))),
        ];
        Ok(report)
    };
    LocalSet::new().run_until(work).await
}

async fn next(upstream: &mut Upstream) -> io::Result<Seen> {
    let seen = tokio::time::timeout(TO_THE_END, upstream.seen.recv()).await;
    let late = || io::Error::other("the upstream saw nothing for half a minute");
    seen.map_err(|_| late())?.ok_or_else(late)
}

/// Microseconds for each of `count`.
fn each(time: Duration, count: u64) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e6 / as_float(count.max(1)))
}

/// Counts of one run: far below what a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "they are, see above")]
fn as_float(count: u64) -> f64 {
    count as f64
}
