//! The measures from the weakest to the strongest, and what it takes to reach each: made once for all resamples.

use super::counting::Statistic;

/// How many heights are known in advance for each measure.
const HEIGHTS: usize = 16;
/// Up to this sum it is known in advance how far each sum lifts.
const KNOWN: u64 = 2048;

/// Sums with a z at least so large: those under `below`, and from `above` on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outside {
    pub below: u64,
    pub above: u64,
}

/// Everything is by rung.
pub(super) struct Ladder {
    pub order: Vec<usize>,
    /// The lowest rung of equal |z|.
    pub start: Vec<usize>,
    /// The least `|z*|` that counts as `>= |z|`; it never falls.
    pub least: Vec<f64>,
    /// Sums that reach the rung, where z is a function of a sum.
    pub own: Vec<Outside>,
    /// Sums that reach rungs 0, `step`, `2 step`, …
    pub higher: Vec<[Outside; HEIGHTS]>,
    pub step: usize,
    /// One past the highest rung that a sum reaches, for sums up to `KNOWN`; empty where there are larger ones.
    known: Vec<Vec<u32>>,
}

impl Ladder {
    pub fn new(z: &[f64], statistic: &impl Statistic) -> Self {
        let mut order: Vec<usize> = (0..z.len()).collect();
        order.sort_by(|&a, &b| z[a].abs().total_cmp(&z[b].abs()).then(a.cmp(&b)));
        let strength = |rung: usize| z[order[rung]].abs();
        let mut start: Vec<usize> = (0..z.len()).collect();
        for rung in 1..z.len() {
            if strength(rung).total_cmp(&strength(rung - 1)).is_eq() {
                start[rung] = start[rung - 1];
            }
        }
        let least: Vec<f64> = (0..z.len())
            .map(|rung| strength(rung) - 100.0 * f64::EPSILON * strength(rung).max(1.0))
            .collect();
        let step = z.len().div_ceil(HEIGHTS).max(1);
        let mut own = vec![Outside::default(); z.len()];
        let mut higher = vec![[Outside::default(); HEIGHTS]; z.len()];
        let mut known = vec![Vec::new(); z.len()];
        for (rung, &measure) in order.iter().enumerate() {
            if let Some(column) = statistic.single(measure) {
                let most = statistic.sums().most(column);
                if most <= KNOWN {
                    let reach = |count| reached(&least, statistic.at_count(measure, count).abs());
                    known[rung] = (0..=most).map(reach).collect();
                }
                own[rung] = outside(statistic, measure, least[rung]);
                for (known, least) in higher[rung].iter_mut().zip(least.iter().step_by(step)) {
                    *known = outside(statistic, measure, *least);
                }
            }
        }
        Self {
            order,
            start,
            least,
            own,
            higher,
            step,
            known,
        }
    }

    /// One past the highest rung that `|z*|` reaches.
    pub fn reached(&self, z: f64) -> u32 {
        reached(&self.least, z)
    }

    /// The same for a sum of the measure on a rung, if it is known.
    #[inline(always)]
    pub fn known(&self, rung: usize, count: u64) -> Option<u32> {
        let at = usize::try_from(count).ok()?;
        self.known[rung].get(at).copied()
    }
}

/// Measures are counted in 32 bits: 2^32 of them would be 32 GiB for a single row.
fn reached(least: &[f64], z: f64) -> u32 {
    u32::try_from(least.partition_point(|&least| least <= z)).unwrap_or(u32::MAX)
}

fn outside(statistic: &impl Statistic, measure: usize, least: f64) -> Outside {
    let most = statistic
        .single(measure)
        .map_or(0, |column| statistic.sums().most(column));
    let z = |count| statistic.at_count(measure, count);
    let turn = if z(0) <= z(most) { 1.0 } else { -1.0 };
    let below = if least <= 0.0 {
        most + 1
    } else {
        first(most, |count| turn * z(count) > -least)
    };
    Outside {
        below,
        above: first(most, |count| turn * z(count) >= least),
    }
}

/// The first count up to `most` from which on `is` holds, else `most + 1`.
fn first(most: u64, is: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, most + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if is(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
