//! Compare the statistics of resamples with the observed ones: alone, and by the step-down maximum.
//!
//! `>=` has the tolerance `100 eps max(|z|, 1)`, so that a tie spoilt by rounding still counts. Step-down maxima
//! (Westfall and Young 1993, algorithm 4.1): measures stand on a ladder from the weakest |z| up, and the maximum of
//! `|z*|` over a measure and all below it is compared with its |z|. Measures of bitwise equal |z| share a rung.
//!
//! The maxima are not formed. A `|z*|` of the measure on rung `i` lifts every rung from `i` to the last one that it
//! reaches, so a resample lifts a union of intervals, and only a `|z*|` that reaches beyond all earlier ones changes
//! it. Such records are few (about ln m a resample where nothing differs). Where z is a monotone function of one
//! whole number the others are passed over 512 at a time, without even becoming numbers.

use std::io;
use std::ops::Range;

use super::ladder::{Ladder, Outside};
use super::planes::{self, LANES, Lanes};
use super::sums::{Sums, Work};
use super::{Counts, PermutationError};
use crate::parallel::{blocks, run};
use crate::simd::width::{Job, Width};

/// Each of so many first rungs lifts many resamples, and it is worth looking how low the lowest stands; later on each
/// so many.
const OFTEN: usize = 16;
/// Sums of so many resamples of a block are cheaper made numbers all together.
const MANY: i64 = 48;

/// A statistic of all measures that depends on the resample's index alone.
pub(super) trait Statistic: Sync {
    fn measures(&self) -> usize;
    /// The columns whose sums it is made of.
    fn sums(&self) -> &Sums;
    /// The drawn rows of a resample, or (None) of the data as they are.
    fn draw(&self, resample: Option<u64>, bits: &mut [u64]);
    /// The column of whole numbers of whose sum alone z is a monotone function: `at_count`.
    fn single(&self, measure: usize) -> Option<usize>;
    fn at_count(&self, measure: usize, count: u64) -> f64;
    /// z of every resample of the block.
    fn values(&self, measure: usize, work: &mut Work, out: &mut [f64; LANES]);
}

pub(super) fn count(
    width: Width,
    statistic: &impl Statistic,
    ladder: &Ladder,
    resamples: Range<u64>,
    threads: usize,
) -> Result<Counts, PermutationError> {
    let parts = run(blocks(resamples, threads), |range| {
        width.run(Count {
            statistic,
            ladder,
            range,
        })
    })
    .map_err(refused(threads))?;

    let (mut exceed, mut exceed_max) = (vec![0; ladder.order.len()], vec![0; ladder.order.len()]);
    for tally in parts {
        let mut lifted = 0;
        for (rung, &measure) in ladder.order.iter().enumerate() {
            lifted += tally.lifts[rung];
            exceed[measure] += tally.alone[rung];
            exceed_max[measure] += lifted;
        }
    }
    Ok(Counts { exceed, exceed_max })
}

/// The statistic of the data as they are, by the same arithmetic as in a resample.
pub(super) fn observed(width: Width, statistic: &impl Statistic) -> Vec<f64> {
    let mut z = vec![0.0; statistic.measures()];
    width.run(Null {
        statistic,
        range: None,
        out: &mut z,
    });
    z
}

/// The statistics themselves, one row a resample.
pub(super) fn null(
    statistic: &impl Statistic,
    resamples: Range<u64>,
    threads: usize,
) -> Result<Vec<f64>, PermutationError> {
    let measures = statistic.measures();
    let mut out = zeros(resamples.end - resamples.start, measures)?;
    let mut rest = out.as_mut_slice();
    let mut work = Vec::new();
    for block in blocks(resamples, threads) {
        let length = usize::try_from(block.end - block.start).map_or(0, |rows| rows * measures);
        let (mine, others) = rest.split_at_mut(length);
        work.push((block, mine));
        rest = others;
    }
    run(work, |(range, out)| {
        Width::widest().run(Null {
            statistic,
            range: Some(range),
            out,
        });
    })
    .map_err(refused(threads))?;
    Ok(out)
}

fn zeros(resamples: u64, measures: usize) -> Result<Vec<f64>, PermutationError> {
    let too_large = PermutationError::TooLarge {
        resamples,
        measures,
    };
    let length = usize::try_from(resamples)
        .ok()
        .and_then(|rows| rows.checked_mul(measures));
    let Some(length) = length else {
        return Err(too_large);
    };
    let mut out = Vec::new();
    if out.try_reserve_exact(length).is_err() {
        return Err(too_large);
    }
    out.resize(length, 0.0);
    Ok(out)
}

pub(super) fn refused(threads: usize) -> impl Fn(io::Error) -> PermutationError {
    move |error| PermutationError::Spawn {
        threads,
        reason: error.to_string(),
    }
}

/// Draw the resamples from `first` on, up to a block of them; how many.
#[inline(always)]
fn draw(statistic: &impl Statistic, range: &Range<u64>, work: &mut Work) -> usize {
    let words = statistic.sums().words();
    let length = range.clone().take(LANES).count();
    if words > 0 {
        for (b, bits) in range
            .clone()
            .zip(work.by_resample.chunks_exact_mut(words))
            .take(length)
        {
            statistic.draw(Some(b), bits);
        }
    }
    statistic.sums().load(work);
    length
}

/// Every z of a range of resamples, or of the data.
struct Null<'a, S> {
    statistic: &'a S,
    range: Option<Range<u64>>,
    out: &'a mut [f64],
}

impl<S: Statistic> Job for Null<'_, S> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (statistic, measures) = (self.statistic, self.statistic.measures());
        let mut work = statistic.sums().work();
        let mut range = self.range.clone().unwrap_or(0..1);
        for rows in self.out.chunks_mut((LANES * measures).max(1)) {
            if self.range.is_some() {
                range.start += draw(statistic, &range, &mut work) as u64;
            } else {
                let words = statistic.sums().words();
                statistic.draw(None, &mut work.by_resample[..words]);
                statistic.sums().load(&mut work);
            }
            let mut z = [0.0; LANES];
            for measure in 0..measures {
                statistic.values(measure, &mut work, &mut z);
                for (row, z) in rows.chunks_exact_mut(measures).zip(&z) {
                    row[measure] = *z;
                }
            }
        }
    }
}

/// Resamples that reach a rung by its own measure, and by where the union of intervals begins and ends.
struct Tally {
    alone: Vec<i64>,
    lifts: Vec<i64>,
}

struct Count<'a, S> {
    statistic: &'a S,
    ladder: &'a Ladder,
    range: Range<u64>,
}

impl<S: Statistic> Job for Count<'_, S> {
    type Out = Tally;

    #[inline(always)]
    fn run(self) -> Tally {
        let Self {
            statistic,
            ladder,
            mut range,
        } = self;
        let rungs = ladder.order.len();
        let mut tally = Tally {
            alone: vec![0; rungs],
            lifts: vec![0; rungs + 1],
        };
        let mut work = statistic.sums().work();
        let mut z = [0.0; LANES];
        while rungs > 0 && !range.is_empty() {
            let length = draw(statistic, &range, &mut work);
            range.start += length as u64;
            let mut climb = Climb::new(length, rungs);
            for rung in 0..rungs {
                if rung < OFTEN || rung % OFTEN == 0 {
                    climb.look();
                }
                let measure = ladder.order[rung];
                if let Some(column) = statistic.single(measure) {
                    let planes = statistic.sums().counted(column, &mut work);
                    let reached = |count| {
                        let known = ladder.known(rung, count);
                        known.unwrap_or_else(|| {
                            ladder.reached(statistic.at_count(measure, count).abs())
                        })
                    };
                    climb.step_whole(ladder, rung, planes, reached, &mut tally);
                } else {
                    statistic.values(measure, &mut work, &mut z);
                    climb.step_numbers(ladder, rung, &z, &mut tally);
                }
            }
        }
        tally
    }
}

/// Every set bit.
#[inline(always)]
fn each(bits: &Lanes, mut visit: impl FnMut(usize)) {
    for (g, &word) in bits.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            visit(g * 64 + rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
    }
}

/// How far up the ladder each resample of a block has come.
struct Climb {
    /// Every rung below is lifted, or was passed.
    height: [u32; LANES],
    /// No resample is lower.
    lowest: usize,
    real: Lanes,
}

impl Climb {
    #[inline(always)]
    fn new(length: usize, rungs: usize) -> Self {
        let mut climb = Self {
            height: [u32::try_from(rungs).unwrap_or(u32::MAX); LANES],
            lowest: 0,
            real: Lanes::default(),
        };
        for lane in 0..length {
            climb.height[lane] = 0;
            climb.real[lane / 64] |= 1 << (lane % 64);
        }
        climb
    }

    #[inline(always)]
    fn look(&mut self) {
        self.lowest = self.height.iter().fold(u32::MAX, |low, &h| low.min(h)) as usize;
    }

    /// Take up the next rung, where z is a function of a sum; `reached` is one past the highest rung of a sum.
    #[inline(always)]
    fn step_whole(
        &mut self,
        ladder: &Ladder,
        rung: usize,
        planes: &[Lanes],
        reached: impl Fn(u64) -> u32,
        tally: &mut Tally,
    ) {
        let (alone, reach) = self.counted(ladder, rung, planes);
        tally.alone[rung] += alone;
        if population(&reach) < MANY {
            each(&reach, |lane| {
                let to = reached(planes::one(planes, lane));
                self.lift(ladder, rung, lane, to, &mut tally.lifts);
            });
        } else {
            let mut sums = [0; LANES];
            planes::spread(planes, |lane, sum| sums[lane] = sum);
            each(&reach, |lane| {
                self.lift(ladder, rung, lane, reached(sums[lane]), &mut tally.lifts);
            });
        }
    }

    /// Take up the next rung, from numbers.
    #[inline(always)]
    fn step_numbers(&mut self, ladder: &Ladder, rung: usize, z: &[f64; LANES], tally: &mut Tally) {
        let (alone, reach) = self.valued(ladder, rung, z);
        tally.alone[rung] += alone;
        each(&reach, |lane| {
            let z = z[lane].abs();
            let from = ladder.start[rung].max(self.height[lane] as usize);
            if ladder.least.get(from).is_some_and(|&least| z >= least) {
                self.lift(ladder, rung, lane, ladder.reached(z), &mut tally.lifts);
            }
        });
    }

    /// How many resamples reach the rung alone, and all (with some others) that may lift.
    #[inline(always)]
    fn counted(&self, ladder: &Ladder, rung: usize, planes: &[Lanes]) -> (i64, Lanes) {
        let alone = self.reaching(planes, ladder.own[rung]);
        let from = ladder.start[rung].max(self.lowest);
        let reach = if from >= ladder.order.len() {
            Lanes::default()
        } else if from / ladder.step * ladder.step > ladder.start[rung] {
            self.reaching(planes, ladder.higher[rung][from / ladder.step])
        } else {
            alone
        };
        (population(&alone), reach)
    }

    #[inline(always)]
    fn reaching(&self, planes: &[Lanes], Outside { below, above }: Outside) -> Lanes {
        let (not_below, above) = (
            planes::at_least(planes, below),
            planes::at_least(planes, above),
        );
        let mut reached = self.real;
        for i in 0..reached.len() {
            reached[i] &= !not_below[i] | above[i];
        }
        reached
    }

    /// As `counted`, from numbers.
    #[inline(always)]
    fn valued(&self, ladder: &Ladder, rung: usize, z: &[f64; LANES]) -> (i64, Lanes) {
        let alone = self.beyond(z, ladder.least[rung]);
        let from = ladder.start[rung].max(self.lowest);
        let reach = match ladder.least.get(from) {
            None => Lanes::default(),
            Some(_) if from == ladder.start[rung] => alone,
            Some(&least) => self.beyond(z, least),
        };
        (population(&alone), reach)
    }

    #[inline(always)]
    fn beyond(&self, z: &[f64; LANES], least: f64) -> Lanes {
        let mut reached = self.real;
        for (word, z) in reached.iter_mut().zip(z.as_chunks::<64>().0) {
            let mut bits = 0;
            for (i, z) in z.iter().enumerate() {
                bits |= u64::from(z.abs() >= least) << i;
            }
            *word &= bits;
        }
        reached
    }

    /// A resample reaches all rungs from its own up to the one before `to`.
    #[inline(always)]
    fn lift(&mut self, ladder: &Ladder, rung: usize, lane: usize, to: u32, lifts: &mut [i64]) {
        let from = ladder.start[rung].max(self.height[lane] as usize);
        if to as usize > from {
            lifts[from] += 1;
            lifts[to as usize] -= 1;
            self.height[lane] = to;
        }
    }
}

#[inline(always)]
fn population(bits: &Lanes) -> i64 {
    bits.iter().map(|word| i64::from(word.count_ones())).sum()
}
