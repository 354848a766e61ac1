//! The way to an upstream through a proxy: CONNECT (RFC 9110, section 9.3.6) or SOCKS5 (RFC 1928).
//!
//! Both end in a socket whose bytes are the upstream's. CONNECT is used for upstreams without TLS as
//! well: the request then crosses as it is, and neither a pooled connection nor a WebSocket needs a
//! second way of asking. Which upstream goes through which proxy is decided in `config`.

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio_socks::tcp::Socks5Stream;

use super::socket::{Socket, Unreached};
use super::tls::UpstreamTls;
use crate::config::{Login, Proxy, ProxyScheme};
use crate::headers::USER_AGENT;
use crate::types::Origin;

const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// The longest head of an answer to CONNECT. Those seen in the wild have a few hundred bytes; one
/// that never ends would hold the request until the connect timeout.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Why a proxy did not take us to the upstream. Names neither its address nor our login.
#[derive(Debug, thiserror::Error)]
pub enum ProxyFault {
    #[error(transparent)]
    Unreached(#[from] Unreached),
    #[error("it broke off: {0}")]
    Broke(#[from] io::Error),
    #[error("it asks for a user name and password (407)")]
    LoginMissing,
    #[error("it refuses the user name and password (407)")]
    LoginRefused,
    #[error("it answered {0} to CONNECT")]
    Refused(u16),
    #[error("it does not speak HTTP")]
    NotHttp,
    #[error("the head of its answer is over {MAX_HEAD_BYTES} bytes")]
    HeadTooLong,
    #[error("SOCKS5: {0}")]
    Socks(tokio_socks::Error),
}

/// A connection to `origin` through `proxy`, not yet encrypted for the origin.
pub async fn reach(
    proxy: &Proxy,
    tls: &UpstreamTls,
    origin: &Origin,
) -> Result<Socket, ProxyFault> {
    let socket = Socket::dial(proxy.host(), proxy.port()).await?;
    match proxy.scheme() {
        ProxyScheme::Http => connect(socket, proxy.login(), origin).await,
        ProxyScheme::Https => {
            let socket = socket.encrypt(tls.http1_only.clone(), proxy.host()).await?;
            connect(socket, proxy.login(), origin).await
        }
        ProxyScheme::Socks5 => ask_socks5(socket, proxy.login(), origin).await,
    }
}

async fn connect(
    mut socket: Socket,
    login: Option<&Login>,
    origin: &Origin,
) -> Result<Socket, ProxyFault> {
    socket.write_all(connect_head(origin, login).as_bytes()).await?;
    socket.flush().await?;
    let head = read_head(&mut socket).await?;
    judge(&head, login.is_some())?;
    Ok(socket)
}

/// The proxy resolves the name: it may see a network that we do not.
async fn ask_socks5(
    socket: Socket,
    login: Option<&Login>,
    origin: &Origin,
) -> Result<Socket, ProxyFault> {
    let target = (origin.host(), origin.port());
    let opened = match login {
        Some(Login { user, password }) => {
            Socks5Stream::connect_with_password_and_socket(socket, target, user, password).await
        }
        None => Socks5Stream::connect_with_socket(socket, target).await,
    };
    match opened {
        Ok(stream) => Ok(stream.into_inner()),
        Err(tokio_socks::Error::Io(cause)) => Err(ProxyFault::Broke(cause)),
        Err(refused) => Err(ProxyFault::Socks(refused)),
    }
}

/// What is said to the proxy. The client's fields and keys are no part of it.
fn connect_head(origin: &Origin, login: Option<&Login>) -> String {
    let (host, port) = (origin.host(), origin.port());
    let authority =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let authorization = login.map_or_else(String::new, |Login { user, password }| {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        format!("Proxy-Authorization: Basic {encoded}\r\n")
    });
    format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {USER_AGENT}\r\n\
         {authorization}\r\n"
    )
}

/// Reads up to the end of a head and not a byte further: what follows is the upstream's. A read for
/// each byte is paid once for each connection.
async fn read_head(source: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, ProxyFault> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(BLANK_LINE) {
        if head.len() == MAX_HEAD_BYTES {
            return Err(ProxyFault::HeadTooLong);
        }
        head.push(source.read_u8().await?);
    }
    Ok(head)
}

/// Whether the answer to CONNECT opens the way. A 2xx has no body, whatever its fields say.
fn judge(head: &[u8], with_login: bool) -> Result<(), ProxyFault> {
    match status_of(head).ok_or(ProxyFault::NotHttp)? {
        200..=299 => Ok(()),
        407 if with_login => Err(ProxyFault::LoginRefused),
        407 => Err(ProxyFault::LoginMissing),
        status => Err(ProxyFault::Refused(status)),
    }
}

fn status_of(head: &[u8]) -> Option<u16> {
    let (version, rest) = head.split_at_checked(b"HTTP/1.x ".len())?;
    if !matches!(version, b"HTTP/1.1 " | b"HTTP/1.0 ") {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(3)?;
    // The reason may be missing, and some servers leave its space out as well.
    let ends = matches!(rest.first(), Some(b' ' | b'\r'));
    if !ends || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::split(address).unwrap().0
    }

    #[test]
    fn a_proxy_is_asked_for_host_and_port() {
        let proxy = Proxy::parse("http://me:p%40ss@proxy.example").unwrap();
        let anyone = Proxy::parse("http://proxy.example").unwrap();
        let basic = "Proxy-Authorization: Basic bWU6cEBzcw==\r\n";
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("https://api.example.com",   &anyone, "api.example.com:443", "",    "the port is always said"),
            ("http://api.example.com",    &anyone, "api.example.com:80",  "",    "without TLS too"),
            ("https://[2001:db8::1]:8443", &anyone, "[2001:db8::1]:8443", "",    "IPv6 in brackets"),
            ("https://api.example.com",   &proxy,  "api.example.com:443", basic, "with a login"),
        ];
        for (upstream, proxy, authority, authorization, why) in cases {
            assert_eq!(
                connect_head(&origin(upstream), proxy.login()),
                format!(
                    "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\
                     User-Agent: {USER_AGENT}\r\n{authorization}\r\n"
                ),
                "{why}"
            );
        }
    }

    #[test]
    fn only_a_2xx_opens_the_way() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("HTTP/1.1 200 Connection established\r\n\r\n", false, "",                      "as most say it"),
            ("HTTP/1.0 200 OK\r\n\r\n",                     false, "",                      "old proxies"),
            ("HTTP/1.1 204\r\nContent-Length: 5\r\n\r\n",   false, "",                      "any 2xx, no reason"),
            ("HTTP/1.1 407 Who\r\n\r\n",                    false, "it asks for a user name and password (407)", "no login"),
            ("HTTP/1.1 407 Who\r\n\r\n",                    true,  "it refuses the user name and password (407)", "a wrong one"),
            ("HTTP/1.1 403 Forbidden\r\n\r\n",              true,  "it answered 403 to CONNECT", "a policy"),
            ("HTTP/1.1 302 Found\r\n\r\n",                  false, "it answered 302 to CONNECT", "a captive portal"),
            ("HTTP/1.1 2000 OK\r\n\r\n",                    false, "it does not speak HTTP", "four digits"),
            ("HTTP/1.1 +20 OK\r\n\r\n",                     false, "it does not speak HTTP", "not digits"),
            ("HTTP/2.0 200 OK\r\n\r\n",                     false, "it does not speak HTTP", "another version"),
            ("SSH-2.0-OpenSSH\r\n\r\n",                     false, "it does not speak HTTP", "another protocol"),
            ("\r\n\r\n",                                    false, "it does not speak HTTP", "nothing"),
        ];
        for (head, with_login, expected, why) in cases {
            let fault = judge(head.as_bytes(), with_login).err();
            assert_eq!(fault.map(|fault| fault.to_string()).unwrap_or_default(), expected, "{why}");
        }
    }

    /// A slice is read without waiting.
    fn now<T>(reading: impl Future<Output = T>) -> T {
        reading.now_or_never().unwrap()
    }

    #[test]
    fn an_answer_without_an_end_is_given_up() {
        let endless = vec![b'x'; MAX_HEAD_BYTES + 1];
        let fault = now(read_head(&mut endless.as_slice())).unwrap_err();
        assert!(matches!(fault, ProxyFault::HeadTooLong), "{fault}");

        let short = b"HTTP/1.1 200 OK\r\n";
        let fault = now(read_head(&mut short.as_slice())).unwrap_err();
        assert!(matches!(fault, ProxyFault::Broke(_)), "{fault}");
    }

    proptest! {
        #[test]
        fn what_follows_a_head_stays_in_the_source(fields in "[a-z: \r]{0,64}", rest in any::<Vec<u8>>()) {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            let first_end = head.find("\r\n\r\n").unwrap() + 4;
            let sent = [head.as_bytes(), &rest].concat();
            let mut source = sent.as_slice();

            let read = now(read_head(&mut source)).unwrap();

            prop_assert_eq!(&read, &sent[..first_end]);
            prop_assert_eq!(source, &sent[first_end..]);
        }

        #[test]
        fn no_answer_is_judged_by_chance(head in any::<Vec<u8>>(), with_login: bool) {
            let starts_well = head.starts_with(b"HTTP/1.");
            prop_assert!(starts_well || judge(&head, with_login).is_err());
        }
    }
}
