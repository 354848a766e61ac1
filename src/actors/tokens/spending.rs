//! Refresh tokens that are spent, and whose successors are on their way to the disk.

use tokio::sync::watch;

/// Counts them over all accounts, for the end of the process to wait for.
#[derive(Clone, Debug, Default)]
pub struct Spending(watch::Sender<usize>);

/// One of them. Dropped, its successor is written down, or nobody will do it any more.
#[derive(Debug)]
pub struct SpentToken(watch::Sender<usize>);

impl Spending {
    #[must_use]
    pub fn begin(&self) -> SpentToken {
        self.0.send_modify(|count| *count += 1);
        SpentToken(self.0.clone())
    }

    /// Waits until there is none.
    pub async fn is_over(&self) {
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await; // we hold a sender ourselves
    }
}

impl Drop for SpentToken {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn what_is_spent_is_waited_for_and_nothing_else() {
        let spending = Spending::default();
        spending.is_over().await;
        let (one, other) = (spending.begin(), spending.clone().begin());

        let mut over = Box::pin(spending.is_over());
        assert!(futures::poll!(&mut over).is_pending());
        drop(one);
        assert!(futures::poll!(&mut over).is_pending(), "there is another");
        drop(other);

        over.await;
    }
}
