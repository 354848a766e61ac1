//! What the kernel says a process has cost.

use std::collections::HashSet;
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
        self.sum_of("status", "VmRSS:")
    }

    /// Memory that they have written to, in KiB: heap and stacks, without the program itself.
    pub fn private_dirty(&self) -> io::Result<u64> {
        self.sum_of("smaps_rollup", "Private_Dirty:")
    }

    pub fn threads(&self) -> io::Result<u64> {
        self.sum_of("status", "Threads:")
    }

    fn sum_of(&self, file: &str, name: &str) -> io::Result<u64> {
        let mut sum = 0;
        for pid in self.pids {
            let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            sum += first_number(line.unwrap_or_default())?;
        }
        Ok(sum)
    }

    pub fn descriptors(&self) -> io::Result<Descriptors> {
        let mut found = Descriptors::default();
        let mut inodes = HashSet::new();
        for pid in self.pids {
            for descriptor in fs::read_dir(format!("/proc/{pid}/fd"))? {
                // One may be closed between the listing and the reading.
                let Ok(target) = fs::read_link(descriptor?.path()) else { continue };
                found.all += 1;
                let target = target.to_string_lossy();
                let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
                inodes.extend(inode.map(str::to_owned));
            }
        }
        let Some(pid) = self.pids.first() else { return Ok(found) };
        for family in ["tcp", "tcp6"] {
            // Sockets of everybody in this network; ours are known by their inodes.
            let table = fs::read_to_string(format!("/proc/{pid}/net/{family}"))?;
            for line in table.lines().skip(1) {
                let mut columns = line.split_whitespace();
                let (state, inode) = (columns.nth(3), columns.nth(5));
                if inode.is_some_and(|inode| inodes.contains(inode)) {
                    match state {
                        Some(ESTABLISHED) => found.established += 1,
                        Some(CLOSE_WAIT) => found.close_wait += 1,
                        Some(LISTEN) => {}
                        _ => found.closing += 1,
                    }
                }
            }
        }
        Ok(found)
    }
}

// States of a connection, as `/proc/net/tcp` writes them.
const ESTABLISHED: &str = "01";
const CLOSE_WAIT: &str = "08";
const LISTEN: &str = "0A";

/// What a gateway holds open.
#[derive(Clone, Copy, Default)]
pub struct Descriptors {
    pub all: u32,
    pub established: u32,
    /// The other side has closed, the gateway has not.
    pub close_wait: u32,
    /// In any other state of a connection.
    pub closing: u32,
}

fn first_number(text: &str) -> io::Result<u64> {
    let number = text.split_whitespace().next().and_then(|word| word.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no number in `{text}`")))
}
