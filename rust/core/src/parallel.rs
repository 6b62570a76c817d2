//! Contiguous blocks of work on scoped threads, their results in the order of the blocks.
//!
//! The split never reaches a result: callers add up integers, or write disjoint slices.

use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::thread::{Builder, scope};

/// More threads than this are never started, whatever was asked for.
const MOST_THREADS: usize = 256;

/// `range` cut into at most `threads` contiguous blocks that differ in length by at most one; never none.
pub(crate) fn blocks(range: Range<u64>, threads: usize) -> Vec<Range<u64>> {
    let length = range.end.saturating_sub(range.start);
    let count = (threads.clamp(1, MOST_THREADS) as u64).min(length).max(1);
    let (each, longer) = (length / count, length % count);
    let edge = |i: u64| range.start + i * each + i.min(longer);
    (0..count).map(|i| edge(i)..edge(i + 1)).collect()
}

/// Apply `job` to every block, the first on the calling thread and each other on its own.
///
/// # Errors
///
/// If the system refuses a thread.
pub(crate) fn run<W: Send, T: Send>(
    work: Vec<W>,
    job: impl Fn(W) -> T + Sync,
) -> io::Result<Vec<T>> {
    let job = &job;
    scope(|threads| {
        let mut work = work.into_iter();
        let here = work.next();
        let others = work
            .map(|item| Builder::new().spawn_scoped(threads, move || job(item)))
            .collect::<io::Result<Vec<_>>>()?;
        let first = here.map(job);
        let rest = others
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        Ok(first.into_iter().chain(rest).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::{blocks, run};

    #[test]
    fn blocks_cover_the_range_once() {
        for (length, threads) in [(0, 1), (0, 8), (1, 8), (10, 3), (1000, 7), (5, 0)] {
            let parts = blocks(3..3 + length, threads);
            assert!(parts.len() <= threads.max(1));
            assert_eq!(parts[0].start, 3);
            assert_eq!(parts[parts.len() - 1].end, 3 + length);
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }

    #[test]
    fn results_keep_the_order_of_the_work() {
        assert_eq!(
            run((0..50).collect(), |i: u64| i * i).unwrap(),
            (0..50).map(|i| i * i).collect::<Vec<u64>>()
        );
        assert!(run(Vec::new(), |i: u64| i).unwrap().is_empty());
    }
}
