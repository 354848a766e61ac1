//! A wire between two ends of a test that fails where and how it is told to.
//!
//! It knows bytes and nothing of what they mean. A fault is planned for the next connection, in one
//! of its directions and from one place on; every other connection is a good wire. At its place the
//! wire holds, tells the test so, and goes on as planned when the test says so: nothing here depends
//! on who is faster.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::expect;

const READ_BYTES: usize = 16 * 1024;

/// A throttled wire carries this much at once, and then rests for this long.
const THROTTLED_BYTES: usize = 64;
const THROTTLED_REST: Duration = Duration::from_millis(1);

/// What a wire does from its place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing came through until the test struck, then all of it.
    Delay,
    /// A few bytes at a time.
    Throttle,
    OneByteWrites,
    /// Both ends see an orderly end, in both directions.
    Cut,
    /// Both ends see a reset.
    Reset,
    /// The reader of this direction sees an orderly end; the other direction goes on.
    HalfClose,
    /// Every byte but line ends is turned into another: what is framed by lines stays so.
    Garble,
}

/// A direction, named after what crosses from the end that has connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Asking,
    Answering,
}

/// Where in its direction a fault begins.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Behind this many bytes; behind none it begins before a byte was read.
    Bytes(usize),
    /// Behind the first occurrence of a text.
    Behind(&'static str),
    /// Where the wire is when the test says [`Planned::here`].
    Here,
}

/// A fault to come, as the test holds it.
pub struct Planned(Rc<Plan>);

struct Plan {
    direction: Direction,
    place: Place,
    fault: Fault,
    here: Notify,
    reached: Notify,
    struck: Notify,
}

impl Planned {
    /// Says where [`Place::Here`] is.
    pub fn here(&self) {
        self.0.here.notify_one();
    }

    /// Waits until all before the place has crossed; nothing behind it does until [`Self::strike`].
    pub async fn reached(&self) {
        let what = format!("the place of {:?}", self.0.fault);
        expect(self.0.reached.notified(), &what).await;
    }

    /// Lets the fault happen.
    pub fn strike(&self) {
        self.0.struck.notify_one();
    }
}

/// What [`Fault::Garble`] makes of some bytes.
pub fn garbled(bytes: &[u8]) -> Vec<u8> {
    let turned = |byte: &u8| if matches!(byte, b'\r' | b'\n') { *byte } else { byte ^ 0x80 };
    bytes.iter().map(turned).collect()
}

#[derive(Default)]
struct State {
    planned: RefCell<Option<Rc<Plan>>>,
    open: Cell<usize>,
    changed: Notify,
}

/// A proxy on a port of its own.
pub struct FaultProxy {
    pub address: SocketAddr,
    state: Rc<State>,
    accepting: actix_rt::task::JoinHandle<()>,
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl FaultProxy {
    /// A wire to `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Rc::new(State::default());
        let shared = state.clone();
        let accepting = actix_rt::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (state, plan) = (shared.clone(), shared.planned.take());
                state.open.set(state.open.get() + 1);
                state.changed.notify_waiters();
                actix_rt::spawn(async move {
                    if let Ok(far) = TcpStream::connect(target).await {
                        carry(near, far, plan).await;
                    }
                    state.open.set(state.open.get() - 1);
                    state.changed.notify_waiters();
                });
            }
        });
        Self { address, state, accepting }
    }

    /// Plans a fault for the next connection.
    pub fn plan(&self, direction: Direction, place: Place, fault: Fault) -> Planned {
        let (here, reached, struck) = (Notify::new(), Notify::new(), Notify::new());
        let plan = Rc::new(Plan { direction, place, fault, here, reached, struck });
        let unused = self.state.planned.replace(Some(plan.clone()));
        assert!(unused.is_none(), "the fault planned before met no connection");
        Planned(plan)
    }

    /// Waits until somebody is connected.
    pub async fn has_connections(&self) {
        self.open_connections(|open| open > 0, "a connection to the wire").await;
    }

    /// Waits until both ends of every connection have let go of it.
    pub async fn all_closed(&self) {
        self.open_connections(|open| open == 0, "both ends of every wire to let go").await;
    }

    async fn open_connections(&self, wanted: fn(usize) -> bool, what: &str) {
        let reached = async {
            loop {
                let changed = self.state.changed.notified();
                if wanted(self.state.open.get()) {
                    return;
                }
                changed.await;
            }
        };
        expect(reached, what).await;
    }
}

/// Why both directions end at once.
enum Broken {
    Cut,
    Reset,
}

/// Carries bytes both ways until both ends have said their last, or a fault ends it.
async fn carry(near: TcpStream, far: TcpStream, plan: Option<Rc<Plan>>) {
    for socket in [&near, &far] {
        let _ = socket.set_nodelay(true);
    }
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let of = |direction| plan.as_deref().filter(|plan| plan.direction == direction);
    let asking = pass(&mut near_in, &mut far_out, of(Direction::Asking));
    let answering = pass(&mut far_in, &mut near_out, of(Direction::Answering));
    match futures::future::try_join(asking, answering).await {
        Ok(_) => {}
        Err(Broken::Cut) => {
            let _ = near_out.shutdown().await;
            let _ = far_out.shutdown().await;
            // What is left unread would turn the end into a reset.
            futures::future::join(drain(&mut near_in), drain(&mut far_in)).await;
        }
        Err(Broken::Reset) => {
            for end in [near_out, far_out] {
                let _ = end.as_ref().set_zero_linger();
                end.forget(); // dropped, it would say an orderly goodbye first
            }
        }
    }
}

/// Carries one direction to its end.
async fn pass(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    plan: Option<&Plan>,
) -> Result<(), Broken> {
    let carried = match plan {
        None => carry_as(Fault::Delay, Vec::new(), from, to).await,
        Some(plan) => match carry_to_place(plan, from, to).await {
            Err(ended) => Err(ended),
            Ok(behind) => {
                plan.reached.notify_one();
                plan.struck.notified().await;
                match plan.fault {
                    Fault::Cut => return Err(Broken::Cut),
                    Fault::Reset => return Err(Broken::Reset),
                    Fault::HalfClose => Ok(()),
                    fault => carry_as(fault, behind, from, to).await,
                }
            }
        },
    };
    let _ = to.shutdown().await;
    // The end that sends is not closed by us: that it leaves by itself is what a test waits for.
    if carried.is_err() || plan.is_some_and(|plan| plan.fault == Fault::HalfClose) {
        drain(from).await;
    }
    Ok(())
}

/// Carries all before the place, and returns what was read behind it.
async fn carry_to_place(
    plan: &Plan,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
) -> io::Result<Vec<u8>> {
    let mut seen = Vec::new();
    let mut carried = 0;
    let mut room = vec![0; READ_BYTES];
    loop {
        let at = match plan.place {
            Place::Bytes(count) => (seen.len() >= count).then_some(count),
            Place::Behind(text) => {
                memchr::memmem::find(&seen, text.as_bytes()).map(|at| at + text.len())
            }
            Place::Here => None,
        };
        let until = at.unwrap_or(seen.len());
        if until > carried {
            to.write_all(&seen[carried..until]).await?;
            carried = until;
        }
        if let Some(at) = at {
            return Ok(seen.split_off(at));
        }
        let read = tokio::select! {
            biased;
            read = from.read(&mut room) => read?,
            () = plan.here.notified() => return Ok(Vec::new()),
        };
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&room[..read]);
    }
}

/// Carries all that comes, in the manner of a fault that loses nothing.
async fn carry_as(
    fault: Fault,
    mut piece: Vec<u8>,
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let mut room = vec![0; READ_BYTES];
    loop {
        match fault {
            Fault::Throttle => {
                for few in piece.chunks(THROTTLED_BYTES) {
                    to.write_all(few).await?;
                    tokio::time::sleep(THROTTLED_REST).await;
                }
            }
            Fault::OneByteWrites => {
                for byte in &piece {
                    to.write_all(&[*byte]).await?;
                    tokio::task::yield_now().await;
                }
            }
            Fault::Garble => to.write_all(&garbled(&piece)).await?,
            _ => to.write_all(&piece).await?,
        }
        let read = from.read(&mut room).await?;
        if read == 0 {
            return Ok(());
        }
        piece = room[..read].to_vec();
    }
}

async fn drain(from: &mut OwnedReadHalf) {
    let mut room = vec![0; READ_BYTES];
    while matches!(from.read(&mut room).await, Ok(read) if read > 0) {}
}
