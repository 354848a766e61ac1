//! What the kernel says a process has cost.

use std::time::Duration;
use std::{fs, io};

/// The processes of one gateway.
pub struct Watched<'a> {
    pids: &'a [u32],
}

impl<'a> Watched<'a> {
    pub fn new(pids: &'a [u32]) -> Self {
        Self { pids }
    }

    /// CPU that all their threads have had so far. `schedstat` counts nanoseconds; `stat` counts
    /// ticks of 10 ms, too coarse for what is measured here.
    pub fn cpu(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for pid in self.pids {
            for task in fs::read_dir(format!("/proc/{pid}/task"))? {
                // A thread may end between the listing and the reading.
                let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
                nanoseconds += first_number(&text)?;
            }
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Resident memory of all of them, in KiB.
    pub fn resident(&self) -> io::Result<u64> {
        let mut kibibytes = 0;
        for pid in self.pids {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            kibibytes += first_number(line.unwrap_or_default())?;
        }
        Ok(kibibytes)
    }
}

fn first_number(text: &str) -> io::Result<u64> {
    let number = text.split_whitespace().next().and_then(|word| word.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no number in `{text}`")))
}
