//! Very many plain requests: does anything grow with their number?

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::client::{Connection, management_get, model_call};
use crate::upstream::{Script, Upstream};
use crate::{Outcome, Place, Report};

const SMALL_CALL: usize = 1024;
/// Samples in one run, at equal distances.
const SAMPLES: u64 = 40;

/// On so many connections at once, by turns a management GET and a model call.
pub async fn many(place: &Place, count: u64, connections: u32, samples: &Path) -> Outcome {
    let (to, watched) = (place.to, place.watched());
    let requests = Rc::new([management_get(&place.key), model_call(&place.key, SMALL_CALL, false)]);
    let work = async {
        let mut upstream = Upstream::start(place.upstream, Script::Message).await?;
        upstream.seen.close(); // nobody asks what it has seen
        let mut file = File::create(samples)?;
        writeln!(file, "requests,resident_kib,private_dirty_kib,descriptors")?;
        let mut sample = |requests: u64| {
            let (resident, dirty) = (watched.resident()?, watched.private_dirty()?);
            writeln!(file, "{requests},{resident},{dirty},{}", watched.descriptors()?.all)
        };
        sample(0)?;
        let left = Rc::new(Cell::new(count));
        let (began, cpu) = (Instant::now(), watched.cpu()?);
        let mut clients = Vec::new();
        for _ in 0..connections {
            let (requests, left) = (requests.clone(), left.clone());
            clients.push(tokio::task::spawn_local(ask_until_none_is_left(to, requests, left)));
        }
        let mut due = count / SAMPLES;
        while !clients.iter().all(tokio::task::JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let sent = count - left.get();
            if sent >= due {
                sample(sent)?;
                due += count / SAMPLES;
            }
        }
        for client in clients {
            client.await??;
        }
        let cpu = watched.cpu()?.saturating_sub(cpu);
        let report: Report = vec![
            ("requests", count.to_string()),
            ("seconds", began.elapsed().as_secs().to_string()),
            ("gateway_cpu_seconds", cpu.as_secs().to_string()),
        ];
        Ok(report)
    };
    LocalSet::new().run_until(work).await
}

/// Any answer but 200 is a failure, and ends the run.
async fn ask_until_none_is_left(
    to: SocketAddr,
    requests: Rc<[Vec<u8>; 2]>,
    left: Rc<Cell<u64>>,
) -> io::Result<()> {
    let mut connection = Connection::open(to).await?;
    for request in requests.iter().cycle() {
        if left.get() == 0 {
            break;
        }
        left.set(left.get() - 1);
        connection.send(request).await?;
        let length = connection.head().await?;
        connection.skip(length).await?;
    }
    Ok(())
}
