//! Panics that nobody else would see: a task that panics closes its connection, which is what many hostile cases expect.
//!
//! A hook that is set once per process writes every panic down before the usual report. A [`Watch`] begins with the case
//! and fails it at its end if there was one. Tests run beside each other in one process, so panics are told apart by
//! thread: a task of `#[tokio::test]` runs on its test's own thread; any other that has no watch and is no test's (the
//! node's, a reader's) belongs to every case that is running.

use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};

/// What the hook has written down. Poison means that a panic came in the middle, which is what this is about.
static LEDGER: Mutex<Ledger> = Mutex::new(Ledger { panics: Vec::new(), watched: Vec::new() });

struct Ledger {
    /// Where each was, as the standard library says it, and on which thread.
    panics: Vec<(ThreadId, String)>,
    /// Threads that have a watch of their own.
    watched: Vec<ThreadId>,
}

fn ledger() -> MutexGuard<'static, Ledger> {
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches for panics from when it is made until it goes. Going, it panics if there was one.
#[derive(Debug)]
pub struct Watch {
    thread: ThreadId,
    from: usize,
}

impl Watch {
    /// Begins to watch.
    pub fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let report = take_hook();
            set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                let name = thread::current().name().unwrap_or("without a name").to_owned();
                let said = info.payload_as_str().unwrap_or("no text");
                // The test harness names its threads after paths; a test without a watch fails by itself.
                if !name.contains("::") || ledger().watched.contains(&thread::current().id()) {
                    ledger().panics.push((thread::current().id(), format!("{place}, thread {name}: {said}")));
                }
                report(info);
            }));
        });
        let mut ledger = ledger();
        let thread = thread::current().id();
        if !ledger.watched.contains(&thread) {
            ledger.watched.push(thread);
        }
        Self { thread, from: ledger.panics.len() }
    }

    /// What panicked since it began: on this thread, or on one that no watch has.
    pub fn seen(&self) -> Vec<String> {
        let ledger = ledger();
        let ours = |thread: ThreadId| thread == self.thread || !ledger.watched.contains(&thread);
        let since = ledger.panics[self.from..].iter();
        since.filter(|(thread, _)| ours(*thread)).map(|(_, said)| said.clone()).collect()
    }

    /// Ends it without failing: what panicked meanwhile, for a test that tells it in its own words.
    pub fn end(self) -> Vec<String> {
        let seen = self.seen();
        std::mem::forget(self);
        seen
    }

    /// Fails if something panicked.
    pub fn check(&self) {
        let seen = self.seen();
        assert!(seen.is_empty(), "hostile input made something panic:\n{}", seen.join("\n"));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A test that fails already has said why.
        if !thread::panicking() {
            self.check();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both kinds of thread: one nobody watches, and the watch's own; and another test's is not ours.
    #[test]
    fn a_panic_on_an_unwatched_thread_and_on_the_own_is_seen_and_that_of_another_test_is_not() {
        let watch = Watch::begin();
        let other = thread::spawn(|| {
            let own = Watch::begin();
            let caught = std::panic::catch_unwind(|| panic!("of another test"));
            assert!(caught.is_err() && own.end().len() == 1);
        });
        other.join().expect("it catches its panic");
        assert_eq!(watch.seen(), [""; 0]);
        let caught = std::panic::catch_unwind(|| panic!("of a task"));
        let joined = thread::Builder::new().name("a-node".to_owned()).spawn(|| panic!("of a node")).map(|it| it.join());
        assert!(caught.is_err() && joined.is_ok_and(|joined| joined.is_err()));
        let seen = watch.seen();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[0].ends_with("of a task") && seen[1].ends_with("thread a-node: of a node"), "{seen:?}");
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watch.check()));
        assert!(failed.is_err(), "the case fails");
        assert_eq!(watch.end().len(), 3, "its own failure is one, too");
    }
}
