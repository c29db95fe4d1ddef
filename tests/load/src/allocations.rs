//! Counting allocations: how often the current thread has asked for memory.
//!
//! The count is per thread, so that what a scenario does on one thread (the node's heart, a client's store) is measured
//! alone, and so that threads of the relay do not share a counter.
#![allow(
    unsafe_code,
    reason = "an allocator is an unsafe trait; this one counts and hands everything on to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator with a counter in front of it.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// How often the current thread has asked for memory so far, and for how many bytes; growing a block counts as asking.
pub fn so_far() -> (u64, u64) {
    (COUNT.get(), BYTES.get())
}

fn note(bytes: usize) {
    // Thread-local cells without a destructor: they neither allocate nor end before their thread.
    COUNT.set(COUNT.get().wrapping_add(1));
    BYTES.set(BYTES.get().wrapping_add(bytes as u64));
}

// SAFETY: every call is handed to the system's allocator with the arguments that it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_counted_on_the_thread_that_made_it() {
        let before = so_far();
        let other = std::thread::spawn(|| drop(std::hint::black_box(vec![0u8; 1 << 20])));
        other.join().unwrap();
        let between = so_far();
        assert!(between.1 - before.1 < 1 << 20, "another thread's block was counted");
        drop(std::hint::black_box(vec![0u8; 1 << 20]));
        assert!(so_far().0 > between.0 && so_far().1 - between.1 >= 1 << 20);
    }
}
