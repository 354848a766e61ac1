//! HTTP/1.1 as bytes, for both ends of a test.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Header fields as they were on the wire, in order.
#[derive(Clone, Debug, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn parse(lines: &str) -> Self {
        let pairs = lines.lines().filter_map(|line| line.split_once(':'));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }
}

/// A request as an upstream saw it.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    pub method: String,
    pub target: String,
    pub fields: Fields,
    pub body: Vec<u8>,
    /// Head and body as they came, chunk marks excepted.
    pub raw: Vec<u8>,
    /// Which of the upstream's connections it came on, counted from 0.
    pub connection: usize,
}

impl SeenRequest {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    /// Whether a text stands anywhere in the request.
    pub fn mentions(&self, text: &str) -> bool {
        memchr::memmem::find(&self.raw, text.as_bytes()).is_some()
    }
}

/// Reads ahead of what it gives out, so that heads and bodies can be told apart.
pub struct Reader<R> {
    source: R,
    pub buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub fn new(source: R) -> Self {
        Self { source, buffer: Vec::new() }
    }

    /// Reads once more; `false` at the end.
    pub async fn fill(&mut self) -> io::Result<bool> {
        let mut room = vec![0; 64 * 1024];
        let read = self.source.read(&mut room).await?;
        self.buffer.extend_from_slice(&room[..read]);
        Ok(read > 0)
    }

    /// The first line and the fields of a head; `None` when the connection ends before one.
    pub async fn head(&mut self) -> io::Result<Option<(String, Fields, Vec<u8>)>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let raw: Vec<u8> = self.buffer.drain(..at + 4).collect();
                let text = String::from_utf8_lossy(&raw).into_owned();
                let (first, rest) = text.split_once("\r\n").unwrap_or((&text, ""));
                return Ok(Some((first.to_owned(), Fields::parse(rest), raw)));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    pub async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    pub async fn to_end(&mut self) -> io::Result<Vec<u8>> {
        while self.fill().await? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next chunk of a chunked body; `None` after the last.
    pub async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.line().await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, line.clone()))?;
        let data = self.exactly(length).await?;
        self.line().await?;
        Ok((length > 0).then_some(data))
    }

    /// A body by its framing; `None` when the head declares none.
    pub async fn body(&mut self, fields: &Fields) -> io::Result<Option<Vec<u8>>> {
        if fields.get("transfer-encoding").is_some() {
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk().await? {
                body.extend(chunk);
            }
            return Ok(Some(body));
        }
        match fields.get("content-length") {
            Some(length) => self.exactly(length.parse().unwrap()).await.map(Some),
            None => Ok(None),
        }
    }
}
