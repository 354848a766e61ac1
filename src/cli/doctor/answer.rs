//! The body of an answer, as much of it as a judgement needs.

use std::time::Duration;

use futures::StreamExt as _;

use crate::actors::upstream::UpstreamBody;

/// The most that is read: a list of models has half a megabyte at the most.
const MAX_BYTES: usize = 4 << 20;

/// Reads a body. What has not come in time, or is too much, is left out.
pub async fn read(mut body: UpstreamBody, wait: Duration) -> Vec<u8> {
    let mut read = Vec::new();
    let whole = async {
        while let Some(Ok(piece)) = body.next().await {
            read.extend_from_slice(&piece);
            if read.len() > MAX_BYTES {
                return;
            }
        }
    };
    // Late or not, what has come is looked at.
    let _ = tokio::time::timeout(wait, whole).await;
    read
}
