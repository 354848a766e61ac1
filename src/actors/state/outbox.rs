//! What is still to be told.

use std::collections::VecDeque;

use super::news::News;

/// While the server is gone this much is remembered; a conversation costs some 300 bytes.
const MOST: usize = 10_000;

/// News in their order. Bounded: beyond the most the oldest go, which are the nearest to their end.
#[derive(Debug, Default)]
pub struct Outbox(VecDeque<News>);

impl Outbox {
    /// Says whether something else had to go.
    pub fn push(&mut self, news: News) -> bool {
        self.0.push_back(news);
        let is_over = self.0.len() > MOST;
        if is_over {
            self.0.pop_front();
        }
        is_over
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the oldest.
    pub fn take(&mut self, most: usize) -> Vec<News> {
        let count = self.0.len().min(most);
        self.0.drain(..count).collect()
    }

    /// Gives back what could not be told.
    pub fn put_back(&mut self, batch: Vec<News>) {
        for news in batch.into_iter().rev() {
            if self.0.len() < MOST {
                self.0.push_front(news);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::state::names::AccountName;

    fn news(number: usize) -> News {
        News::Reset(AccountName::try_from(format!("{number:032x}")).unwrap())
    }

    #[test]
    fn news_keep_their_order_when_they_come_back() {
        let mut outbox = Outbox::default();
        for number in 0..5 {
            assert!(!outbox.push(news(number)));
        }
        let batch = outbox.take(3);
        outbox.put_back(batch);
        assert_eq!(outbox.take(9), (0..5).map(news).collect::<Vec<_>>());
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_long_outage_fills_no_memory() {
        let mut outbox = Outbox::default();
        let lost = (0..MOST + 10).filter(|number| outbox.push(news(*number))).count();
        let batch = outbox.take(5);
        assert!(!outbox.push(news(0)));
        outbox.put_back(batch);
        assert_eq!(lost, 10);
        assert_eq!(outbox.0.len(), MOST);
        assert_eq!(outbox.take(1), [news(11)], "the newest are kept");
    }
}
