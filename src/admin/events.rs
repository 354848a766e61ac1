//! The status again and again, for a page that stays open: server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Site;
use super::refusal::Refusal;

/// Soon enough to look live. It is the heartbeat as well: proxies let go of what is silent for a minute.
const EVERY: Duration = Duration::from_secs(2);

/// How soon a reader comes back after an end, in its own words: milliseconds.
const RETRY: &[u8] = b"retry: 2000\n\n";

/// Each makes the status anew, and holds a connection.
pub(super) const MOST_READERS: usize = 16;

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// The places of those who read at the same time. A copy has the same places.
#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Semaphore>);

impl Readers {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(MOST_READERS)))
    }
}

/// Answers with the status, now and every two seconds, until the reader leaves or the gateway drains.
pub(super) fn answer(site: &Site) -> Result<HttpResponse, Refusal> {
    let place = site.readers.0.clone().try_acquire_owned();
    let place = place.map_err(|_full| Refusal::TooManyReaders)?;
    Ok(head().streaming(events(site.clone(), place)))
}

/// What HEAD gets: it takes no place.
pub(super) fn answer_to_head() -> HttpResponse {
    head().finish()
}

fn head() -> actix_web::HttpResponseBuilder {
    let mut head = HttpResponse::Ok();
    head.insert_header((header::CONTENT_TYPE, EVENT_STREAM));
    head
}

struct Reading {
    site: Site,
    ticks: Interval,
    drain: Pin<Box<WaitForCancellationFutureOwned>>,
    is_over: bool,
    /// Given back when the reader has left.
    _place: OwnedSemaphorePermit,
}

fn events(
    site: Site,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Bytes, Infallible>> + 'static {
    let drain = Box::pin(site.house().drain.begun());
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reading = Reading { site, ticks, drain, is_over: false, _place: place };
    let statuses = stream::unfold(reading, async |mut reading| {
        if reading.is_over {
            return None;
        }
        tokio::select! {
            biased;
            // The last word is that we drain.
            () = &mut reading.drain => reading.is_over = true,
            _ = reading.ticks.tick() => {}
        }
        let event = format!("data: {}\n\n", reading.site.status_json());
        Some((Ok(event.into()), reading))
    });
    stream::once(async { Ok(Bytes::from_static(RETRY)) }).chain(statuses)
}
