//! Memory of a feed and of a fit does not grow with the rows. Alone in its process: it counts every allocation.
#![allow(missing_docs, clippy::unwrap_used)]

extern crate kindred_feed as feed;

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use feed::{Feed, Order};

/// Counts the bytes in use, and the most that were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let in_use = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(in_use, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged; only counters are added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        grow(size);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most bytes in use beyond those at the start, while `work` runs.
fn peak(work: impl FnOnce()) -> usize {
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// Peaks of a fit, a feed in sequence and a shuffled feed.
fn peaks(rows: usize, folder: &Path) -> [usize; 3] {
    let runtime = runtime();
    write_customers(folder, rows, 20_000, 5_000);
    let table = table(folder, &runtime);
    let fitting = peak(|| drop(fitted(&table, 2, &runtime)));
    let fitted = fitted(&table, 2, &runtime);
    let feeding = |order| {
        peak(|| {
            let plan = plan(&table, &fitted, order, None, 2);
            let feed = Feed::open(plan, runtime.handle()).unwrap();
            let delivered: usize = feed.map(|batch| batch.unwrap().rows()).sum();
            assert_eq!(delivered, rows);
        })
    };
    let shuffled = Order::Shuffled { seed: 1, epoch: 0, window_rows: 15_000 };
    [fitting, feeding(Order::Sequential), feeding(shuffled)]
}

#[test]
fn ten_times_the_rows_take_no_more_memory() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let once = peaks(100_000, folders[0].path());
    let ten_times = peaks(1_000_000, folders[1].path());
    for (what, (once, ten_times)) in
        ["fitting", "in sequence", "shuffled"].into_iter().zip(once.into_iter().zip(ten_times))
    {
        // What may grow: the quantile sketch by a buffer for each doubling, and what threads happen to hold at once.
        let allowed = once + once / 2 + (4 << 20);
        assert!(ten_times < allowed, "{what}: {once} bytes for 100,000 rows, {ten_times} for 1,000,000");
        println!("{what}: {once} bytes for 100,000 rows, {ten_times} for 1,000,000");
    }
}
