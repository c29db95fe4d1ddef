//! Jobs: work of the edge inside the batch's transaction.

use crate::store::{StoreError, Transaction};

/// A piece of work in two steps, so that nobody hears of it before it is durable. Make one with [`job`].
pub trait Job: Send {
    /// Does the work. On an error everything it wrote is undone; its neighbours in the batch are not concerned.
    fn run(&mut self, transaction: &dyn Transaction) -> Result<(), StoreError>;

    /// Hears, after the commit, what became of it. On an error nothing of it was kept.
    fn finish(self: Box<Self>, result: Result<(), StoreError>);
}

/// A job from two closures: `work` runs in the transaction, `deliver` gets its value once that is committed.
pub fn job<T, W, D>(work: W, deliver: D) -> Box<dyn Job>
where
    T: Send + 'static,
    W: FnOnce(&dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    D: FnOnce(Result<T, StoreError>) + Send + 'static,
{
    Box::new(Closures { work: Some(work), value: None, deliver })
}

struct Closures<T, W, D> {
    work: Option<W>,
    value: Option<T>,
    deliver: D,
}

impl<T, W, D> Job for Closures<T, W, D>
where
    T: Send,
    W: FnOnce(&dyn Transaction) -> Result<T, StoreError> + Send,
    D: FnOnce(Result<T, StoreError>) + Send,
{
    fn run(&mut self, transaction: &dyn Transaction) -> Result<(), StoreError> {
        let work = self.work.take().ok_or(StoreError::Missing("work left in the job"))?;
        self.value = Some(work(transaction)?);
        Ok(())
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        let Self { value, deliver, .. } = *self;
        deliver(result.and_then(|()| value.ok_or(StoreError::Missing("value of the job"))));
    }
}
