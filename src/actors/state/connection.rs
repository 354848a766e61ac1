//! Connections to the server: one for commands, one that listens.
//!
//! The streams are our own, so that `rediss://` is checked by the gateway's own roots of trust, with
//! the one provider of cryptography that the gateway has.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{MultiplexedConnection, PubSub, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, ServerErrorKind};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;

use super::keys::Keys;
use super::news::{News, decode_kept};
use super::replicas::{Replica, read_replicas};
use super::scripts;
use crate::actors::upstream::UpstreamTls;
use crate::config::{RedisServer, SharedStateSettings};

/// How long anything may take that no request waits for. Beyond it the server counts as gone.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// For both connections, and all that is kept, which may be some thousand conversations.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(10);

/// Letters that are read at once.
const PAGE: usize = 1000;

/// What is shared, where, and whom to trust there.
#[derive(Clone, Debug)]
pub struct StatePlan {
    pub settings: SharedStateSettings,
    pub tls: UpstreamTls,
}

/// Why the server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("no answer in time")]
    Late,
    #[error("the connection has ended")]
    Ended,
    #[error("an answer that is not understood")]
    Strange,
}

impl StateError {
    /// Whether the server has answered, and would answer the same to the same command: a script that
    /// went wrong, a key of another kind in our place. What is about the server (it is loading, it is
    /// read-only, it does not know our scripts) is not.
    #[must_use]
    pub fn is_about_the_command(&self) -> bool {
        let Self::Redis(error) = self else { return false };
        matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::CrossSlot)
                | ErrorKind::Extension
        )
    }
}

/// Two connections that work.
pub struct Link {
    pub commands: MultiplexedConnection,
    pub listener: PubSubSink,
    _driver: Driver,
}

/// What feeds the connection for commands. It ends with the link, even while the server owes an
/// answer: one that hangs must not be waited for.
struct Driver(actix_rt::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

/// A link, and what the server knew when it was made.
pub struct Opened {
    pub link: Link,
    pub messages: PubSubStream,
    /// Rests, and conversations from the one that stays longest.
    pub kept: Vec<News>,
    pub replicas: Vec<Replica>,
}

/// Waits for an answer, but not for ever.
pub async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, StateError> {
    match timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(StateError::Late),
    }
}

/// Connects, listens, and only then reads what is kept: nothing that is told in between is missed.
pub async fn open(plan: &StatePlan, keys: &Keys, beat: &Beat) -> Result<Opened, StateError> {
    let opened = timeout(PATIENCE_AT_FIRST, open_for_ever(plan, keys, beat)).await;
    opened.unwrap_or(Err(StateError::Late))
}

async fn open_for_ever(plan: &StatePlan, keys: &Keys, beat: &Beat) -> Result<Opened, StateError> {
    let login = login(&plan.settings.server);
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let stream = within_patience(connect(plan)).await?;
    let (mut commands, driver) =
        within(PATIENCE, MultiplexedConnection::new_with_config(&login, stream, config)).await?;
    let driver = Driver(actix_rt::spawn(driver));
    let stream = within_patience(connect(plan)).await?;
    let mut listening = within(PATIENCE, PubSub::new(&login, stream)).await?;
    within(PATIENCE, listening.subscribe(keys.channel())).await?;
    let (listener, messages) = listening.split();
    for script in scripts::all() {
        within(PATIENCE, script.load_async(&mut commands)).await?;
    }
    let kept = read_all_kept(&mut commands, keys).await?;
    // Last, and a write: a server that takes none is no use.
    let replicas = beat.send(&mut commands, keys).await?;
    Ok(Opened { link: Link { commands, listener, _driver: driver }, messages, kept, replicas })
}

async fn within_patience<T>(
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, StateError> {
    let connected = timeout(PATIENCE, connecting).await.map_err(|_elapsed| StateError::Late)?;
    connected.map_err(StateError::Connect)
}

type Stream = Either<TcpStream, Box<tokio_rustls::client::TlsStream<TcpStream>>>;

async fn connect(plan: &StatePlan) -> io::Result<Stream> {
    let RedisServer { is_tls, host, port, .. } = &plan.settings.server;
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    stream.set_nodelay(true)?;
    if !is_tls {
        return Ok(Either::Left(stream));
    }
    let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
    let mut config = ClientConfig::clone(&plan.tls.http1_only);
    config.alpn_protocols.clear(); // no HTTP here
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(Either::Right(Box::new(stream)))
}

fn login(server: &RedisServer) -> RedisConnectionInfo {
    // A server before version 7.2 does not know the command that gives a library's name.
    let mut login = RedisConnectionInfo::default().set_skip_set_lib_name().set_db(server.database);
    if let Some(user) = &server.user {
        login = login.set_username(user);
    }
    if let Some(password) = &server.password {
        login = login.set_password(password.expose());
    }
    login
}

/// Reads rests, and conversations from the one that stays longest.
pub async fn read_all_kept(
    commands: &mut MultiplexedConnection,
    keys: &Keys,
) -> Result<Vec<News>, StateError> {
    let mut kept = read_kept(commands, keys.rests()).await?;
    kept.append(&mut read_kept(commands, keys.bindings()).await?);
    Ok(kept)
}

/// Reads everything that is kept under two keys, page by page.
async fn read_kept(
    commands: &mut MultiplexedConnection,
    keys: [&str; 2],
) -> Result<Vec<News>, StateError> {
    let mut news = Vec::new();
    for page in 0.. {
        let mut invocation = scripts::PAGE.prepare_invoke();
        invocation.key(&keys).arg(page * PAGE).arg(PAGE);
        let read = invocation.invoke_async(commands);
        let (now, letters): (String, Vec<Option<String>>) = within(PATIENCE, read).await?;
        let now: u64 = now.parse().map_err(|_number| StateError::Strange)?;
        let here = Instant::now();
        let count = letters.len();
        let letters = letters.iter().flatten();
        news.extend(letters.filter_map(|text| decode_kept(text, now, here)).map(|(_, news)| news));
        if count < PAGE {
            break;
        }
    }
    Ok(news)
}

/// What a replica says when it says that it is alive.
pub struct Beat {
    pub id: String,
    pub letter: String,
}

impl Beat {
    /// Sends it; the answer is what all replicas have said last.
    pub async fn send(
        &self,
        commands: &mut MultiplexedConnection,
        keys: &Keys,
    ) -> Result<Vec<Replica>, StateError> {
        let mut invocation = scripts::BEAT.prepare_invoke();
        let forgotten = super::replicas::FORGOTTEN_AFTER.as_millis();
        let forgotten = u64::try_from(forgotten).unwrap_or(u64::MAX);
        invocation.key(keys.replicas()).arg(&self.id).arg(&self.letter).arg(forgotten);
        let answer = within(PATIENCE, invocation.invoke_async(commands)).await?;
        let (now, all): (String, Vec<String>) = answer;
        let now = now.parse().map_err(|_number| StateError::Strange)?;
        Ok(read_replicas(&all, &self.id, now))
    }
}
