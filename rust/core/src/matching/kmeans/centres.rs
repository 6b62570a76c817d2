//! Centres as queries of packed rows: six share the loads of a tile.

use std::ops::Range;

use super::super::rounded::{Packed, Rounded, SLACK, UNDERFLOW, bound, round, side_by_side};
use super::square;
use crate::simd::scan::{GROUP, Query, Step, TILE, products, wide};

/// Rounded centres.
pub(super) struct Centres {
    pub groups: Vec<Group>,
}

/// Up to [`GROUP`] centres.
pub(super) struct Group {
    pub members: usize,
    pub codes: Vec<Step<GROUP>>,
    /// The threshold is half the square of the centre's norm, and a row's `tail` adds to it.
    pub queries: [Query; GROUP],
    /// Squared norms of the rounded centres.
    squares: [f32; GROUP],
}

impl Centres {
    /// Rows of `dim` values, seen from where the packed rows are seen from, in as many steps.
    pub fn new(rows: &[f32], dim: usize, steps: u8) -> Self {
        let width = dim.next_multiple_of(crate::simd::scan::BLOCK);
        let group = |rows: &[f32]| {
            let rows: Vec<&[f32]> = rows.chunks_exact(dim).collect();
            let rounded: Vec<Rounded> = rows.iter().map(|row| round(row, width, steps)).collect();
            let last = rows.len() - 1;
            Group {
                members: rows.len(),
                codes: side_by_side(&rounded),
                queries: std::array::from_fn(|i| Query {
                    tail: 1.0,
                    threshold: half(square(rows[i.min(last)])),
                    ..bound(&rounded[i.min(last)], steps)
                }),
                squares: std::array::from_fn(|i| norm(&rounded[i.min(last)])),
            }
        };
        Self {
            groups: rows.chunks(GROUP * dim).map(group).collect(),
        }
    }

    /// The nearest centre of each rounded row of some tiles, and its squared distance less the row's squared norm.
    pub fn nearest(&self, packed: &Packed, tiles: Range<usize>) -> (Vec<i32>, Vec<f32>) {
        let lanes = tiles.len() * TILE;
        let (mut labels, mut scores) = (vec![0; lanes], vec![f32::INFINITY; lanes]);
        let (labels_of, scores_of) = (
            labels.as_chunks_mut::<TILE>().0,
            scores.as_chunks_mut::<TILE>().0,
        );
        for (tile, (labels, scores)) in tiles.zip(labels_of.iter_mut().zip(scores_of)) {
            let mut label = 0;
            for group in &self.groups {
                let found = products(packed.codes(tile), &group.codes);
                for (i, products) in found[..group.members].iter().enumerate() {
                    let score = group.scores(i, products, packed.scales(tile));
                    wide(
                        #[inline(always)]
                        || {
                            for lane in 0..TILE {
                                let nearer = score[lane] < scores[lane];
                                scores[lane] = if nearer { score[lane] } else { scores[lane] };
                                labels[lane] = if nearer { label } else { labels[lane] };
                            }
                        },
                    );
                    label += 1;
                }
            }
        }
        (labels, scores)
    }
}

impl Group {
    /// Squared distances of rounded rows from the `i`th centre, less the rows' squared norms.
    #[inline]
    pub fn scores(&self, i: usize, products: &[i32; TILE], scales: &[f32; TILE]) -> [f32; TILE] {
        let (query, square) = (&self.queries[i], self.squares[i]);
        let twice = 2.0 * query.scale;
        wide(
            #[inline(always)]
            || {
                std::array::from_fn(|lane| {
                    square - (products[lane] - query.offset) as f32 * (twice * scales[lane])
                })
            },
        )
    }
}

/// Squared norm of the rounded part.
#[expect(clippy::cast_possible_truncation, reason = "a rounded value")]
pub(super) fn norm(row: &Rounded) -> f32 {
    (row.norm * row.norm) as f32
}

/// No more than half of a square.
#[expect(clippy::cast_possible_truncation, reason = "rounded down afterwards")]
fn half(square: f64) -> f32 {
    let lower = square / 2.0 * (1.0 - SLACK) - UNDERFLOW;
    (lower as f32).next_down()
}
