//! A distribution of times, over all labels of its histogram.

use prometheus::proto::{self, Metric};

use super::counted::Samples;
use crate::admin::status::{AnswerTimes, Bucket};

/// Adds up the histograms of a family. All of them have the same bounds.
#[expect(clippy::cast_precision_loss, reason = "a mean of more than 2^53 answers")]
pub fn of(samples: &Samples<'_>, family: &str) -> AnswerTimes {
    let mut bounds: Vec<f64> = Vec::new();
    let mut cumulative: Vec<u64> = Vec::new();
    let (mut count, mut sum) = (0, 0.0);
    for histogram in samples.of_family(family).iter().map(Metric::get_histogram) {
        count += histogram.get_sample_count();
        sum += histogram.get_sample_sum();
        let buckets = histogram.get_bucket();
        if bounds.is_empty() {
            bounds = buckets.iter().map(proto::Bucket::upper_bound).collect();
            cumulative = vec![0; bounds.len()];
        }
        for (total, bucket) in cumulative.iter_mut().zip(buckets) {
            *total += bucket.cumulative_count();
        }
    }
    if count == 0 {
        return AnswerTimes::default();
    }
    let buckets = parts(&bounds, &cumulative, count);
    AnswerTimes {
        count,
        mean_seconds: Some(sum / count as f64),
        median_seconds: Some(quantile(&buckets, count, 0.5)),
        p95_seconds: Some(quantile(&buckets, count, 0.95)),
        buckets,
    }
}

/// From "so many up to here" to "so many between".
fn parts(bounds: &[f64], cumulative: &[u64], count: u64) -> Vec<Bucket> {
    let mut below = 0;
    let mut buckets = Vec::with_capacity(bounds.len() + 1);
    let ends = bounds.iter().map(|bound| bound.is_finite().then_some(*bound));
    for (up_to_seconds, up_to_here) in ends.zip(cumulative) {
        buckets.push(Bucket { up_to_seconds, count: up_to_here.saturating_sub(below) });
        below = *up_to_here;
    }
    if buckets.last().is_none_or(|last| last.up_to_seconds.is_some()) {
        buckets.push(Bucket { up_to_seconds: None, count: count.saturating_sub(below) });
    }
    buckets
}

/// Within its bucket answers are taken to be spread evenly. Of those beyond the last bound no more is
/// known than that bound.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn quantile(buckets: &[Bucket], count: u64, share: f64) -> f64 {
    let rank = share * count as f64;
    let (mut below, mut from) = (0.0, 0.0);
    for bucket in buckets {
        let Some(to) = bucket.up_to_seconds else { break };
        let within = bucket.count as f64;
        if within > 0.0 && below + within >= rank {
            return from + (to - from) * ((rank - below) / within);
        }
        (below, from) = (below + within, to);
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_estimated_within_the_bucket_that_holds_it() {
        let buckets = |counts: [u64; 3]| {
            let ends = [Some(1.0), Some(3.0), None];
            ends.into_iter()
                .zip(counts)
                .map(|(up_to_seconds, count)| Bucket { up_to_seconds, count })
                .collect::<Vec<_>>()
        };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // up to 1 s, to 3 s, more; share; seconds, why
            ([10, 0, 0],   0.5,  0.5,  "half of the first"),
            ([0, 10, 0],   0.5,  2.0,  "the first is empty"),
            ([5, 5, 0],    0.5,  1.0,  "at the bound"),
            ([5, 5, 0],    0.9,  2.6,  "four fifths of the second"),
            ([1, 0, 9],    0.95, 3.0,  "no more is known than the last bound"),
        ];
        for (counts, share, expected, why) in cases {
            let found = quantile(&buckets(counts), counts.iter().sum(), share);
            assert!((found - expected).abs() < 1e-9, "{why}: {found}");
        }
    }
}
