//! Content codings, as clients apply them.

use std::io::Write as _;

/// A text as a client that compresses sends it.
pub fn encoded(coding: &str, text: &str) -> Vec<u8> {
    match coding {
        "zstd" => zstd::encode_all(text.as_bytes(), 3).unwrap(),
        "gzip" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.into_inner()
        }
        _ => panic!("{coding}"),
    }
}
