//! The same for an answer with a content coding: a copy of it is decoded as it passes.
//!
//! Nothing waits for it and nothing depends on it: a copy that cannot be decoded, or that grows past
//! its limit or a thousandfold at once, is given up, and the answer crosses all the same. Memory is the decoder's own: its window,
//! at most 16 MiB with brotli and 8 MiB with zstd, and a buffer.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::ValueWatch;
use crate::body::decode::{Coding, ZSTD_WINDOW_LOG_MAX, has_zlib_header};

/// As much may come out of the bytes that are pushed at once: a worker decodes for no other connection
/// meanwhile. What is read from a connection at once is far smaller, and text does not shrink so far; with
/// brotli a whole answer of more may be given up, because its decoder tells as much as its window at once.
const MAX_PUSH_BYTES: u64 = 1024 * 1024;

const BUFFER_BYTES: usize = 4096;

/// As many bytes tell one kind of deflate from the other.
const ZLIB_HEADER_BYTES: usize = 2;

/// Watches one encoded answer. Make a new one for each answer.
pub struct EncodedWatch(Decoder);

impl std::fmt::Debug for EncodedWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncodedWatch")
    }
}

enum Decoder {
    Gzip(MultiGzDecoder<Sink>),
    /// Too few bytes to tell which deflate it is.
    AnyDeflate(Vec<u8>, Sink),
    Zlib(ZlibDecoder<Sink>),
    Deflate(DeflateDecoder<Sink>),
    Brotli(Box<brotli::DecompressorWriter<Sink>>),
    Zstd(zstd::stream::write::Decoder<'static, Sink>),
    GivenUp,
}

/// Where the decoded bytes go. They are read and forgotten.
struct Sink {
    watch: ValueWatch,
    values: Vec<Vec<u8>>,
    left_bytes: u64,
    /// Of what may come out of one push.
    left_of_push: u64,
}

impl EncodedWatch {
    /// Watches up to `limit_bytes` decoded bytes.
    #[must_use]
    pub fn new(coding: Coding, watch: ValueWatch, limit_bytes: u64) -> Self {
        let sink = Sink { watch, values: Vec::new(), left_bytes: limit_bytes, left_of_push: 0 };
        Self(match coding {
            Coding::Gzip => Decoder::Gzip(MultiGzDecoder::new(sink)),
            Coding::Deflate => Decoder::AnyDeflate(Vec::new(), sink),
            Coding::Brotli => {
                Decoder::Brotli(Box::new(brotli::DecompressorWriter::new(sink, BUFFER_BYTES)))
            }
            Coding::Zstd => zstd_decoder(sink).map_or(Decoder::GivenUp, Decoder::Zstd),
        })
    }

    /// Takes the next encoded bytes; tells each value that ends in them.
    pub fn push(&mut self, chunk: &[u8], tell: &mut dyn FnMut(&[u8])) {
        if let Some(sink) = self.sink() {
            sink.left_of_push = MAX_PUSH_BYTES;
        }
        let written = match &mut self.0 {
            Decoder::Gzip(decoder) => write(decoder, chunk),
            Decoder::AnyDeflate(..) => self.push_deflate(chunk),
            Decoder::Zlib(decoder) => write(decoder, chunk),
            Decoder::Deflate(decoder) => write(decoder, chunk),
            Decoder::Brotli(decoder) => write(decoder, chunk),
            Decoder::Zstd(decoder) => write(decoder, chunk),
            Decoder::GivenUp => return,
        };
        // What was found before something went wrong was said all the same.
        if let Some(sink) = self.sink() {
            sink.values.drain(..).for_each(|value| tell(&value));
        }
        if written.is_err() {
            self.0 = Decoder::GivenUp;
        }
    }

    fn push_deflate(&mut self, chunk: &[u8]) -> io::Result<()> {
        let Decoder::AnyDeflate(held, _) = &mut self.0 else { return Ok(()) };
        held.extend_from_slice(chunk);
        if held.len() < ZLIB_HEADER_BYTES {
            return Ok(());
        }
        let Decoder::AnyDeflate(held, sink) = std::mem::replace(&mut self.0, Decoder::GivenUp)
        else {
            return Ok(());
        };
        if has_zlib_header(&held) {
            let mut decoder = ZlibDecoder::new(sink);
            let written = write(&mut decoder, &held);
            self.0 = Decoder::Zlib(decoder);
            written
        } else {
            let mut decoder = DeflateDecoder::new(sink);
            let written = write(&mut decoder, &held);
            self.0 = Decoder::Deflate(decoder);
            written
        }
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        Some(match &mut self.0 {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::AnyDeflate(_, sink) => sink,
            Decoder::Zlib(decoder) => decoder.get_mut(),
            Decoder::Deflate(decoder) => decoder.get_mut(),
            Decoder::Brotli(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
            Decoder::GivenUp => return None,
        })
    }
}

/// Flushed each time: a stream is read as it comes, and nobody says when its last byte has come.
fn write(decoder: &mut impl Write, chunk: &[u8]) -> io::Result<()> {
    decoder.write_all(chunk)?;
    decoder.flush()
}

fn zstd_decoder(sink: Sink) -> io::Result<zstd::stream::write::Decoder<'static, Sink>> {
    let mut decoder = zstd::stream::write::Decoder::new(sink)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

impl Write for Sink {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        let length = decoded.len() as u64;
        let too_long = || io::Error::other("the copy is too long");
        self.left_bytes = self.left_bytes.checked_sub(length).ok_or_else(too_long)?;
        self.left_of_push = self.left_of_push.checked_sub(length).ok_or_else(too_long)?;
        let values = &mut self.values;
        self.watch.push(decoded, &mut |value| values.push(value.to_vec()));
        Ok(decoded.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
