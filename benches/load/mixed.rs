//! Mixed traffic for a long time: every kind of visit at once, at a bounded rate, while the gateway is
//! looked at every second.
//!
//! A visit that goes another way than its kind expects is an error, and one that has not ended a
//! minute after the last began hangs. What the figures mean is judged by `benches/soak`.

mod clients;
mod gauge;
mod provider;
mod visits;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use self::clients::Clients;
use self::gauge::Gauge;
use self::provider::Provider;
use self::visits::Went;
use crate::process::Watched;
use crate::{Outcome, Place, Report};

/// Visits begin in groups, so often.
const TICKS_PER_SECOND: u32 = 100;
/// No visit takes longer, unless something hangs.
const LONGEST_VISIT: Duration = Duration::from_secs(90);
/// More at once means that somebody does not keep pace: then no new ones begin.
const MOST_AT_ONCE: u32 = 2000;
/// So many failures are told in full.
const MOST_TOLD: u64 = 20;

/// How much traffic, and for how long.
pub struct Plan<'a> {
    /// Visits that begin in a second.
    pub rate: u32,
    pub traffic: Duration,
    /// How long to go on looking when all visits have ended.
    pub quiet: Duration,
    pub samples: &'a Path,
}

/// How all visits went.
#[derive(Default)]
struct Tally {
    done: Cell<u64>,
    as_the_upstream: Cell<u64>,
    failed: Cell<u64>,
    not_begun: Cell<u64>,
    failed_by_kind: RefCell<BTreeMap<&'static str, u64>>,
}

impl Tally {
    fn note(&self, kind: &'static str, outcome: &io::Result<Went>) {
        add_one(&self.done);
        match outcome {
            Ok(Went::Well) => {}
            Ok(Went::AsTheUpstream) => add_one(&self.as_the_upstream),
            Err(error) => {
                add_one(&self.failed);
                *self.failed_by_kind.borrow_mut().entry(kind).or_default() += 1;
                if self.failed.get() <= MOST_TOLD {
                    let _ = writeln!(io::stderr().lock(), "load: {kind}: {error}");
                }
            }
        }
    }
}

fn add_one(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

pub async fn mixed(place: &Place, plan: Plan<'_>) -> Outcome {
    let work = async {
        let provider = Provider::start(place.upstream).await?;
        let clients = Rc::new(Clients::new(place.to, &place.key));
        let (tally, visiting) = (Rc::new(Tally::default()), Gauge::default());
        let mut samples = Samples::start(plan.samples, place.watched(), &clients, &tally)?;
        samples.take("idle")?;

        let mut ticks = tokio::time::interval(Duration::from_secs(1) / TICKS_PER_SECOND);
        // What a busy machine has missed is not made up for: a burst is another experiment.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut owed = 0;
        while samples.began.elapsed() < plan.traffic {
            ticks.tick().await;
            owed += plan.rate;
            while owed >= TICKS_PER_SECOND {
                owed -= TICKS_PER_SECOND;
                if visiting.get() >= MOST_AT_ONCE {
                    add_one(&tally.not_begun);
                    continue;
                }
                begin(&clients, &tally, &visiting);
            }
            samples.take_when_due("traffic")?;
        }

        provider.stop();
        let ended = Instant::now();
        while visiting.get() > 0 && ended.elapsed() < LONGEST_VISIT {
            tokio::time::sleep(Duration::from_millis(10)).await;
            samples.take_when_due("ending")?;
        }
        clients.go_home();
        let quiet_began = Instant::now();
        while quiet_began.elapsed() < plan.quiet {
            tokio::time::sleep(Duration::from_millis(50)).await;
            samples.take_when_due("quiet")?;
        }
        samples.take("end")?;

        let by_kind = tally.failed_by_kind.borrow();
        let kinds: Vec<String> = by_kind.iter().map(|(kind, n)| format!("{kind}:{n}")).collect();
        let report: Report = vec![
            ("requests", tally.done.get().to_string()),
            ("failed", tally.failed.get().to_string()),
            ("failed_by_kind", kinds.join(",")),
            ("as_the_upstream", tally.as_the_upstream.get().to_string()),
            ("not_begun", tally.not_begun.get().to_string()),
            ("hanging", visiting.get().to_string()),
            ("upstream_busy", provider.busy().to_string()),
        ];
        Ok(report)
    };
    LocalSet::new().run_until(work).await
}

fn begin(clients: &Rc<Clients>, tally: &Rc<Tally>, visiting: &Gauge) {
    let (clients, tally, counted) = (clients.clone(), tally.clone(), visiting.hold());
    tokio::task::spawn_local(async move {
        let (visit, kind) = clients.choose();
        let outcome = tokio::time::timeout(LONGEST_VISIT, clients.make(visit)).await;
        tally.note(kind, &outcome.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into())));
        drop(counted);
    });
}

/// Writes a line each second.
struct Samples<'a> {
    began: Instant,
    next: Duration,
    file: BufWriter<File>,
    watched: Watched<'a>,
    clients: Rc<Clients>,
    tally: Rc<Tally>,
}

impl<'a> Samples<'a> {
    fn start(
        path: &Path,
        watched: Watched<'a>,
        clients: &Rc<Clients>,
        tally: &Rc<Tally>,
    ) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(
            file,
            "second,phase,requests,failed,as_the_upstream,streams,tunnels,resident_kib,\
             private_dirty_kib,descriptors,threads,established,close_wait,closing,cpu_ms"
        )?;
        let (clients, tally) = (clients.clone(), tally.clone());
        Ok(Self { began: Instant::now(), next: Duration::ZERO, file, watched, clients, tally })
    }

    fn take_when_due(&mut self, phase: &str) -> io::Result<()> {
        if self.began.elapsed() >= self.next { self.take(phase) } else { Ok(()) }
    }

    fn take(&mut self, phase: &str) -> io::Result<()> {
        self.next = self.began.elapsed() + Duration::from_secs(1);
        let Self { watched, clients, tally, .. } = self;
        let open = watched.descriptors()?;
        writeln!(
            self.file,
            "{:.1},{phase},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            self.began.elapsed().as_secs_f64(),
            tally.done.get(),
            tally.failed.get(),
            tally.as_the_upstream.get(),
            clients.streams.get(),
            clients.tunnels.get(),
            watched.resident()?,
            watched.private_dirty()?,
            open.all,
            watched.threads()?,
            open.established,
            open.close_wait,
            open.closing,
            watched.cpu()?.as_millis(),
        )?;
        self.file.flush()
    }
}
