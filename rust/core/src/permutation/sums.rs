//! Sums of many columns over the drawn rows, for a block of resamples.
//!
//! Whole numbers are added as bit planes (`planes`), other numbers by tables (`tables`).

use super::planes::{self, LANES, Lanes, Planes};
use super::tables::{self, Cells, Scratch, TILE, Weights};

/// A nonzero value of a sparse column costs about as much as two and a half rows of a tile.
const DENSE: [usize; 2] = [2, 5];
/// A tile costs the same with fewer columns in it, and a column of its own a third of it.
const WORTH_A_TILE: usize = 4;

enum Column {
    Counted(Planes),
    Sparse(Vec<(u32, f64)>),
    /// Padded to whole words of rows.
    Single(Vec<f64>),
    /// Of the tiled columns this one.
    Tiled(usize),
}

pub(super) struct Sums {
    words: usize,
    weights: Weights,
    columns: Vec<Column>,
    /// Dense columns that wait for a tile to be full.
    dense: Vec<Vec<f64>>,
    tiles: Vec<Vec<Cells>>,
}

/// What one thread reuses from block to block.
pub(super) struct Work {
    /// The bits of each resample, one resample after another.
    pub by_resample: Vec<u64>,
    by_row: Vec<Lanes>,
    tiled: Vec<[f64; LANES]>,
    planes: Vec<Lanes>,
    scratch: Box<Scratch>,
}

impl Sums {
    pub fn new(rows: usize, weights: Weights) -> Self {
        Self {
            words: rows.div_ceil(64),
            weights,
            columns: Vec::new(),
            dense: Vec::new(),
            tiles: Vec::new(),
        }
    }

    pub fn words(&self) -> usize {
        self.words
    }

    /// A column of whole numbers, magnitudes below 2^53 in sum; its place.
    pub fn add_whole(&mut self, numbers: impl Iterator<Item = f64>) -> usize {
        self.columns.push(Column::Counted(Planes::new(numbers)));
        self.columns.len() - 1
    }

    /// A column of any numbers; its place.
    pub fn add_floats(&mut self, values: Vec<f64>) -> usize {
        let nonzero = values.iter().filter(|&&x| x != 0.0).count();
        if nonzero * DENSE[1] > values.len() * DENSE[0] {
            let at = self.tiles.len() * TILE + self.dense.len();
            self.columns.push(Column::Tiled(at));
            self.dense.push(values);
            if self.dense.len() == TILE {
                self.fill_tile();
            }
        } else {
            self.columns.push(Column::Sparse(nonzeros(&values)));
        }
        self.columns.len() - 1
    }

    /// The dense columns that wait become a tile.
    fn fill_tile(&mut self) {
        let mut tile = vec![[0.0; TILE]; self.words * 64];
        for (i, column) in self.dense.drain(..).enumerate() {
            for (cells, x) in tile.iter_mut().zip(column) {
                cells[i] = x;
            }
        }
        self.tiles.push(tile);
    }

    /// After the last column.
    pub fn finish(&mut self) {
        if self.dense.len() >= WORTH_A_TILE {
            return self.fill_tile();
        }
        let mut rest = std::mem::take(&mut self.dense);
        for column in &mut self.columns {
            if let Column::Tiled(at) = *column
                && let Some(waiting) = at.checked_sub(self.tiles.len() * TILE)
            {
                let mut values = std::mem::take(&mut rest[waiting]);
                values.resize(self.words * 64, 0.0);
                *column = Column::Single(values);
            }
        }
    }

    /// The most that a column of whole numbers can add up to.
    pub fn most(&self, at: usize) -> u64 {
        match &self.columns[at] {
            Column::Counted(planes) => planes.most,
            _ => 0,
        }
    }

    pub fn work(&self) -> Work {
        let width = |column: &Column| match column {
            Column::Counted(planes) => planes.width(),
            _ => 0,
        };
        Work {
            by_resample: vec![0; LANES * self.words],
            by_row: vec![Lanes::default(); self.words * 64],
            tiled: vec![[0.0; LANES]; self.tiles.len() * TILE],
            scratch: Scratch::new(),
            planes: vec![Lanes::default(); self.columns.iter().map(width).max().unwrap_or(0) + 3],
        }
    }

    /// Take up the bits in `work.by_resample`.
    #[inline(always)]
    pub fn load(&self, work: &mut Work) {
        if self
            .columns
            .iter()
            .any(|column| matches!(column, Column::Counted(_) | Column::Sparse(_)))
        {
            planes::by_row(&work.by_resample, self.words, &mut work.by_row);
        }
        #[allow(clippy::large_stack_arrays)] // 32 KiB, in a worker thread of its own
        let mut sums = [[0.0; TILE]; LANES];
        for (tile, out) in self.tiles.iter().zip(work.tiled.chunks_exact_mut(TILE)) {
            tables::tile(tile, &work.by_resample, self.words, self.weights, &mut sums);
            for (lane, cells) in sums.iter().enumerate() {
                for (column, sum) in out.iter_mut().zip(cells) {
                    column[lane] = *sum;
                }
            }
        }
    }

    /// The planes of a column of whole numbers.
    #[inline(always)]
    pub fn counted<'w>(&self, at: usize, work: &'w mut Work) -> &'w [Lanes] {
        let Column::Counted(column) = &self.columns[at] else {
            return &[];
        };
        let width = column.width();
        column.add_up(&work.by_row, &mut work.planes[..width + 3]);
        &work.planes[..width]
    }

    /// The sums of any column.
    #[inline(always)]
    pub fn numbers(&self, at: usize, work: &mut Work, out: &mut [f64; LANES]) {
        match &self.columns[at] {
            Column::Counted(_) => {
                planes::spread(self.counted(at, work), |lane, sum| out[lane] = sum as f64);
            }
            Column::Sparse(values) => {
                tables::sparse(values, &work.by_row, self.weights, &mut work.scratch, out);
            }
            Column::Single(values) => {
                let (bits, scratch) = (&work.by_resample, &mut work.scratch);
                tables::single(values, bits, self.words, self.weights, scratch, out);
            }
            Column::Tiled(at) => out.copy_from_slice(&work.tiled[*at]),
        }
    }
}

fn nonzeros(values: &[f64]) -> Vec<(u32, f64)> {
    let cells = (0..).zip(values.iter().copied());
    let mut nonzero: Vec<(u32, f64)> = cells.filter(|&(_, x)| x != 0.0).collect();
    nonzero.shrink_to_fit();
    nonzero
}
