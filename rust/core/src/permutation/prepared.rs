//! A prepared test: columns are made ready once, then any range of resamples is counted on any number of threads.
//!
//! Preparing takes a few nanoseconds a value. Each count of a range is a call of its own, so whoever counts can show how
//! far it is, stop between ranges, or leave off early: counts of ranges add up to that of the whole.

use std::ops::Range;

use super::counting;
use super::labels::{Groups, Labels};
use super::ladder::Ladder;
use super::signs::Signs;
use super::{Counts, Matrix, PermutationError};
use crate::simd::width::Width;

/// What resample `b` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Drawn at random, from the seed and `b` alone.
    Random {
        /// The seed.
        seed: u64,
    },
    /// The b-th of all arrangements.
    Each,
}

enum Kind {
    Signs(Signs),
    Labels(Labels),
}

/// Sign flips of pairs, or label permutations of two groups, for all measures at once.
///
/// Memory beside the input, for p rows and m measures: 8 bytes a value where more than two fifths of a column are
/// nonzero and not on a grid (twice that for labels, if the groups differ in size or values are missing), else up to 16
/// bytes a nonzero value, for whole numbers 4 bytes for each bit set in them; 0.3 to 9 kB a measure; while preparing,
/// 64 columns more. A running [`count`](Self::count) takes 128 p + 4,096 m bytes a thread
/// (8,192 m where 16 bytes a value are made ready), however many the resamples.
pub struct PermutationTest {
    kind: Kind,
    z: Vec<f64>,
    ladder: Ladder,
    /// How many arrangements there are, where each is taken.
    total: Option<u64>,
}

impl PermutationTest {
    /// Paired: `z = sum(d) / sqrt(sum(d^2))` of every column under sign flips of the rows.
    ///
    /// `differences` has a row for each pair and a column for each measure, 0 for a missing pair. Where all of a
    /// column is 0, z is 0 and every resample counts. Enumerated, the signs of resample b are its bits (set: minus).
    ///
    /// # Errors
    ///
    /// [`PermutationError`]: a value that is not finite, a wrong length, more than 62 pairs to enumerate.
    ///
    /// # Examples
    ///
    /// ```
    /// use diptych_core::permutation::{Draw, Matrix, PermutationTest};
    ///
    /// let differences = Matrix { data: &[1.0, 2.0, 3.0], rows: 3, columns: 1 };
    /// let test = PermutationTest::sign_flips(differences, Draw::Each)?;
    /// assert_eq!(test.count(0..8, 1)?.exceed, [2]); // +++ and ---
    /// # Ok::<(), diptych_core::permutation::PermutationError>(())
    /// ```
    pub fn sign_flips(differences: Matrix<'_>, draw: Draw) -> Result<Self, PermutationError> {
        let (signs, total) = Signs::new(differences, draw)?;
        let z = counting::observed(Width::widest(), &signs);
        let ladder = Ladder::new(&z, &signs);
        let kind = Kind::Signs(signs);
        Ok(Self {
            kind,
            z,
            ladder,
            total,
        })
    }

    /// Unpaired: Welch's t of every column, second group minus first, under permutations of who is in the first.
    ///
    /// Where a group has fewer than 2 present values, or neither has any spread, t is 0 for equal means, else
    /// [`BEYOND`](super::BEYOND) with the sign of the difference. Enumerated, resample b gives the smaller group (of
    /// two equal ones, that without row 0) the b-th subset of rows in lexicographic order.
    ///
    /// # Errors
    ///
    /// [`PermutationError`]: a present value that is not finite, a wrong length, 2^64 subsets or more to enumerate.
    ///
    /// # Examples
    ///
    /// ```
    /// use diptych_core::permutation::{Draw, Groups, Matrix, PermutationTest};
    ///
    /// let values = Matrix { data: &[1.0, 2.0, 8.0, 9.0], rows: 4, columns: 1 };
    /// let groups = Groups { values, present: &[true; 4], first: &[true, true, false, false] };
    /// let test = PermutationTest::label_permutations(groups, Draw::Each)?;
    /// assert_eq!(test.count(0..6, 1)?.exceed, [2]);
    /// # Ok::<(), diptych_core::permutation::PermutationError>(())
    /// ```
    pub fn label_permutations(groups: Groups<'_>, draw: Draw) -> Result<Self, PermutationError> {
        let (labels, total) = Labels::new(groups, draw)?;
        let z = counting::observed(Width::widest(), &labels);
        let ladder = Ladder::new(&z, &labels);
        let kind = Kind::Labels(labels);
        Ok(Self {
            kind,
            z,
            ladder,
            total,
        })
    }

    /// The observed statistic of each measure.
    #[must_use]
    pub fn statistic(&self) -> &[f64] {
        &self.z
    }

    /// Count the resamples of a range that are at least as extreme as the data, for every measure.
    ///
    /// The result is the same for every value of `threads`.
    ///
    /// # Errors
    ///
    /// [`PermutationError`]: `threads` of 0, a range that runs backwards or beyond the last arrangement.
    pub fn count(&self, resamples: Range<u64>, threads: usize) -> Result<Counts, PermutationError> {
        self.count_at(Width::widest(), resamples, threads)
    }

    pub(super) fn count_at(
        &self,
        width: Width,
        resamples: Range<u64>,
        threads: usize,
    ) -> Result<Counts, PermutationError> {
        self.check(&resamples, threads)?;
        match &self.kind {
            Kind::Signs(signs) => counting::count(width, signs, &self.ladder, resamples, threads),
            Kind::Labels(labels) => {
                counting::count(width, labels, &self.ladder, resamples, threads)
            }
        }
    }

    /// The statistics of a range of resamples themselves: a row for each resample, a column for each measure.
    ///
    /// # Errors
    ///
    /// As [`count`](Self::count), and where the matrix does not fit in memory.
    pub fn null(
        &self,
        resamples: Range<u64>,
        threads: usize,
    ) -> Result<Vec<f64>, PermutationError> {
        self.check(&resamples, threads)?;
        match &self.kind {
            Kind::Signs(signs) => counting::null(signs, resamples, threads),
            Kind::Labels(labels) => counting::null(labels, resamples, threads),
        }
    }

    fn check(&self, resamples: &Range<u64>, threads: usize) -> Result<(), PermutationError> {
        super::check_range(resamples, threads)?;
        match self.total {
            Some(total) if resamples.end > total => Err(PermutationError::PastTheEnd {
                stop: resamples.end,
                total,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(i: u32, m: u32) -> f64 {
        match m % 3 {
            0 => f64::from(i * 37 % 101).sqrt() - 6.5,
            1 => f64::from(i * 13 % 11) - 5.0,
            _ => f64::from(u8::from(i.is_multiple_of(20 + m))) * f64::from(i * 31 % 17).sqrt(),
        }
    }

    #[test]
    fn every_register_width_gives_the_same_counts() {
        let (rows, columns) = (200, 31);
        let data: Vec<f64> = (0..200)
            .flat_map(|i| (0..31).map(move |m| cell(i, m)))
            .collect();
        let values = Matrix {
            data: &data,
            rows,
            columns,
        };
        let first: Vec<bool> = (0..rows).map(|i| i % 5 < 2).collect();
        let groups = Groups {
            values,
            present: &vec![true; data.len()],
            first: &first,
        };
        let draw = Draw::Random { seed: 3 };
        for test in [
            PermutationTest::sign_flips(values, draw).unwrap(),
            PermutationTest::label_permutations(groups, draw).unwrap(),
        ] {
            let plain = test.count_at(Width::Portable, 1..700, 1).unwrap();
            #[cfg(target_arch = "x86_64")]
            for width in [Width::Avx2, Width::Avx512] {
                assert_eq!(test.count_at(width, 1..700, 1).unwrap(), plain);
            }
            assert!(plain.exceed.iter().any(|&count| count > 0));
        }
    }

    #[test]
    fn other_measures_change_no_bit_of_a_measure() {
        let alone: Vec<f64> = (0..130).map(|i| cell(i, 0)).collect();
        for columns in 2..20 {
            let data: Vec<f64> = (0..130)
                .flat_map(|i| (0..columns).map(move |m| cell(i + 7 * m, 0)))
                .collect();
            let null = |data: &[f64], columns: usize| {
                let matrix = Matrix {
                    data,
                    rows: 130,
                    columns,
                };
                let test = PermutationTest::sign_flips(matrix, Draw::Random { seed: 5 }).unwrap();
                let null = test.null(0..600, 2).unwrap();
                null.into_iter().step_by(columns).collect::<Vec<f64>>()
            };
            assert_eq!(null(&data, columns as usize), null(&alone, 1));
        }
    }
}
