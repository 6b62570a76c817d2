//! Contingency tables, optimal assignment, sums by cluster, mean similarities, nearest neighbours.
//!
//! [`contingency`] is one pass over the labels; each thread counts into a table of its own, and integer sums do not
//! depend on the split. Cost: O(n + threads a b) time, O(threads a b) memory; a table never outgrows the labels it
//! counts, so small inputs use fewer threads. A chunk of labels is checked with wide vectors before it is counted
//! without a branch, noise in a row and column of its own.
//!
//! [`assign`] reads the costs once: rows whose cheapest columns differ are assigned, and if all do, that is optimal.
//! The rest bid (augmenting row reduction), and what is then free grows a shortest augmenting path a row (Jonker and
//! Volgenant 1987, Computing 38:325; rectangular as in Crouse 2016, IEEE TAES 52:1679). Cost: O(r^2 c) time for
//! r <= c, O(r + c) memory beyond the costs. Ties: of columns that are equally near a free one is taken before an
//! assigned one, then the lowest index; rows bid in ascending order. A matrix with more rows than columns is copied
//! and transposed first, so there rows and columns change places in this rule.
//!
//! [`kmeans`] lets starts race on rounded rows and finishes with exact distances, most of which it never takes.
//!
//! [`cluster_sums`] and [`mean_similarity`] read each vector once, cluster by cluster; [`nearest_neighbours`] scans
//! int8 codes with a proven bound and takes exact products only of what survives it.
#![allow(
    clippy::inline_always,
    clippy::needless_range_loop,
    clippy::similar_names,
    clippy::type_complexity,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::too_many_arguments,
    reason = "lanes are written out so that wide vectors take them; indices fit a slice"
)]

use std::io;

use crate::finite::first_odd;

mod assign;
mod contingency;
mod kmeans;
mod neighbours;
mod rounded;
mod sums;

pub use assign::assign;
pub use contingency::contingency;
pub use kmeans::{Options, Partition, kmeans, nearest_centroids};
pub use neighbours::nearest_neighbours;
pub use sums::{Clustering, cluster_sums, mean_similarity};

/// What is wrong with the arguments of a matching kernel.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MatchingError {
    /// The labellings are not of the same items.
    #[error("labels_a has {a} items, labels_b has {b}; pass two labels for every item")]
    Lengths {
        /// Length of the first labelling.
        a: usize,
        /// Length of the second.
        b: usize,
    },
    /// A label is neither noise nor one of the clusters.
    #[error("{name}: item {item} has label {label}, expected -1 (noise) to {}; renumber the labels or raise n", *n as i128 - 1)]
    Label {
        /// The labelling.
        name: &'static str,
        /// Its item, from 0.
        item: usize,
        /// The label found.
        label: i32,
        /// How many clusters there are.
        n: usize,
    },
    /// No thread to work on.
    #[error("threads: 0, expected at least 1; pass threads=1 to work on the calling thread")]
    NoThreads,
    /// The table does not fit in memory.
    #[error(
        "a table of {n_a} x {n_b} numbers does not fit in memory; renumber the labels without gaps"
    )]
    TooLarge {
        /// Rows of the table.
        n_a: usize,
        /// Columns of the table.
        n_b: usize,
    },
    /// The costs are not a full matrix.
    #[error("cost: {got} values, expected {rows} rows x {columns} columns = {}; pass a full matrix", rows * columns)]
    Shape {
        /// How many values there are.
        got: usize,
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// A cost is NaN or infinite.
    #[error(
        "cost: row {row}, column {column} is {value}, expected a finite number; give a forbidden pair a large cost"
    )]
    NotFinite {
        /// Its row, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// The cost.
        value: f64,
    },
    /// The system refused a thread.
    #[error(
        "threads: the system refused to start one of {threads} ({reason}); pass a smaller number"
    )]
    Spawn {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
    /// The vectors are not one row an item.
    #[error("{name}: {got} values, expected {}; pass one row for every item", rows_of(*items, *dim))]
    Vectors {
        /// Which vectors.
        name: &'static str,
        /// How many values there are.
        got: usize,
        /// How many rows there should be, if that is known.
        items: Option<usize>,
        /// Values in a row.
        dim: usize,
    },
    /// A value of a vector is NaN or infinite.
    #[error(
        "{name}: row {row}, column {column} is {value}, expected a finite number; drop the row"
    )]
    Value {
        /// Which vectors.
        name: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A value whose distance from another might be no f32.
    #[error(
        "{name}: row {row}, column {column} is {value}, expected at most 1e15 either way; scale the vectors"
    )]
    Large {
        /// Which vectors.
        name: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// There are not so many rows.
    #[error("{clusters} clusters of {rows} rows; ask for 1 to the number of rows, fewer than 2^31")]
    Clusters {
        /// How many were asked for.
        clusters: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// A number that must not be 0.
    #[error("{name}: 0, expected at least 1")]
    None {
        /// Which.
        name: &'static str,
    },
    /// There are not so many neighbours.
    #[error("k: {k} neighbours of {targets} targets; pass 1 to the number of targets")]
    Neighbours {
        /// How many were asked for.
        k: usize,
        /// How many targets there are.
        targets: usize,
    },
}

impl MatchingError {
    fn spawn(threads: usize, error: &io::Error) -> Self {
        Self::Spawn {
            threads,
            reason: error.to_string(),
        }
    }
}

fn rows_of(items: Option<usize>, dim: usize) -> String {
    match items {
        _ if dim == 0 => "at least 1 column".to_owned(),
        Some(items) => format!("{items} rows x {dim} columns"),
        None => format!("full rows of {dim} columns"),
    }
}

/// How many rows there are, all of them full.
fn check_vectors(
    name: &'static str,
    values: &[f32],
    items: Option<usize>,
    dim: usize,
) -> Result<usize, MatchingError> {
    let got = values.len();
    let rows = got.checked_div(dim);
    let wanted = items.or(rows).and_then(|rows| rows.checked_mul(dim));
    rows.filter(|_| wanted == Some(got))
        .ok_or(MatchingError::Vectors {
            name,
            got,
            items,
            dim,
        })
}

/// The first value that is not finite is named.
fn check_finite(name: &'static str, values: &[f32], dim: usize) -> Result<(), MatchingError> {
    let Some(at) = first_odd(values) else {
        return Ok(());
    };
    Err(MatchingError::Value {
        name,
        row: at / dim,
        column: at % dim,
        value: values[at],
    })
}

#[expect(clippy::cast_possible_truncation, reason = "an index of a slice")]
fn index(at: u64) -> usize {
    at as usize
}

/// `rows * columns` zeros.
fn zeros<T: Clone + Default>(rows: usize, columns: usize) -> Result<Vec<T>, MatchingError> {
    let too_large = || MatchingError::TooLarge {
        n_a: rows,
        n_b: columns,
    };
    let cells = rows.checked_mul(columns).ok_or_else(too_large)?;
    let mut table = Vec::new();
    table.try_reserve_exact(cells).map_err(|_| too_large())?;
    table.resize(cells, T::default());
    Ok(table)
}
