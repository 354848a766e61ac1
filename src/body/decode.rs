//! Takes the declared content codings off a buffered request body, so that its model can be read.
//!
//! Codex sends zstd; others send gzip. The gateway forwards the decoded body, so every coding it
//! accepts here it must read whole; the limit holds for the decoded size.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// RFC 9659: a zstd content coding needs no window beyond 8 MiB. The library's own limit of
/// 128 MiB would let a few bytes allocate as much.
pub(super) const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Nobody means more; each one costs a pass over the body.
const MAX_CODINGS: usize = 4;

const SUPPORTED: &str = "gzip, deflate, br, zstd, identity";

/// Why a request body cannot be read. The client reads this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("content coding `{0}` is not supported; use one of {SUPPORTED}")]
    Unsupported(String),
    #[error("the request body has more than {MAX_CODINGS} content codings")]
    TooManyCodings,
    #[error("the request body is not valid {0}, though `Content-Encoding` says so")]
    Corrupt(Coding),
    #[error("the request body is larger than {limit} bytes when decoded")]
    TooLarge { limit: u64 },
}

/// A content coding that we can take off (RFC 9110, 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The only one that `content_encoding` names; `None` without one, with several, or with one that
    /// is not known.
    #[must_use]
    pub fn the_only_one(content_encoding: &str) -> Option<Self> {
        match parse_codings(content_encoding).ok()?.as_slice() {
            [coding] => Some(*coding),
            _ => None,
        }
    }
}

impl std::fmt::Display for Coding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        })
    }
}

/// Decodes `body` as `content_encoding` says: a list in the order in which the codings were
/// applied (RFC 9110, 8.4), so the last one comes off first. At most `limit` decoded bytes.
///
/// An empty body is empty in every coding: some clients name one on requests without a body.
pub fn decode_request(
    content_encoding: &str,
    body: &Bytes,
    limit: u64,
) -> Result<Bytes, DecodeError> {
    let codings = parse_codings(content_encoding)?;
    if body.len() as u64 > limit {
        return Err(DecodeError::TooLarge { limit });
    }
    let mut decoded = body.clone();
    if body.is_empty() {
        return Ok(decoded);
    }
    for coding in codings.into_iter().rev() {
        decoded = decode(coding, &decoded, limit)?;
    }
    Ok(decoded)
}

fn parse_codings(content_encoding: &str) -> Result<Vec<Coding>, DecodeError> {
    let mut codings = Vec::new();
    for name in content_encoding.split(',').map(str::trim) {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => {}
            "gzip" | "x-gzip" => codings.push(Coding::Gzip), // RFC 9110, 8.4.1.3
            "deflate" => codings.push(Coding::Deflate),
            "br" => codings.push(Coding::Brotli),
            "zstd" => codings.push(Coding::Zstd),
            _ => return Err(DecodeError::Unsupported(name.to_owned())),
        }
    }
    if codings.len() > MAX_CODINGS {
        return Err(DecodeError::TooManyCodings);
    }
    Ok(codings)
}

fn decode(coding: Coding, body: &[u8], limit: u64) -> Result<Bytes, DecodeError> {
    let decoded = match coding {
        Coding::Gzip => read_up_to(limit, MultiGzDecoder::new(body)),
        Coding::Deflate if has_zlib_header(body) => read_up_to(limit, ZlibDecoder::new(body)),
        Coding::Deflate => read_up_to(limit, DeflateDecoder::new(body)),
        Coding::Brotli => read_up_to(limit, brotli::Decompressor::new(body, 4096)),
        Coding::Zstd => zstd_decoder(body).and_then(|decoder| read_up_to(limit, decoder)),
    };
    match decoded {
        Ok(decoded) if decoded.len() as u64 > limit => Err(DecodeError::TooLarge { limit }),
        Ok(decoded) => Ok(decoded.into()),
        Err(_) => Err(DecodeError::Corrupt(coding)),
    }
}

/// Reads one byte more than `limit`, so that the caller can tell.
fn read_up_to(limit: u64, decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    decoder.take(limit.saturating_add(1)).read_to_end(&mut output)?;
    Ok(output)
}

fn zstd_decoder(body: &[u8]) -> io::Result<impl Read> {
    let mut decoder = zstd::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// "deflate" means zlib (RFC 9110, 8.4.1.2), but some clients send the bare format.
pub(super) fn has_zlib_header(body: &[u8]) -> bool {
    match body {
        // RFC 1950, 2.2: method 8, and both bytes together a multiple of 31.
        [cmf, flg, ..] => cmf & 0x0f == 8 && u16::from_be_bytes([*cmf, *flg]) % 31 == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
