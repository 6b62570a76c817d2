//! Counting pair by pair, trying every assignment, visiting every pair of vectors.

pub fn contingency(a: &[i32], b: &[i32], n_a: i32, n_b: i32) -> Vec<i64> {
    let count = |i: i32, j: i32| a.iter().zip(b).filter(|&(&x, &y)| x == i && y == j).count();
    (0..n_a)
        .flat_map(|i| (0..n_b).map(move |j| (i, j)))
        .map(|(i, j)| count(i, j).try_into().expect("fits"))
        .collect()
}

/// The least total cost of giving rows `row ..` different columns; `rows <= columns`.
pub fn least(cost: &[f64], row: usize, rows: usize, columns: usize, taken: &mut Vec<usize>) -> f64 {
    if row == rows {
        return 0.0;
    }
    let mut best = f64::INFINITY;
    for column in 0..columns {
        if !taken.contains(&column) {
            taken.push(column);
            best =
                best.min(cost[row * columns + column] + least(cost, row + 1, rows, columns, taken));
            taken.pop();
        }
    }
    best
}

pub fn cluster_sums(labels: &[i32], vectors: &[f32], dim: usize, n: usize) -> Vec<f64> {
    let mut sums = vec![0.0; n * dim];
    for (row, &label) in vectors.chunks_exact(dim).zip(labels) {
        if let Ok(cluster) = usize::try_from(label) {
            for (at, &value) in row.iter().enumerate() {
                sums[cluster * dim + at] += f64::from(value);
            }
        }
    }
    sums
}

pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&x, &y)| f64::from(x) * f64::from(y))
        .sum()
}

/// The mean of the cosines of all pairs; NaN of none.
pub fn mean_similarity(a: &[&[f32]], b: &[&[f32]]) -> f64 {
    let mut sum = 0.0;
    for x in a {
        for y in b {
            let norms = (dot(x, x) * dot(y, y)).sqrt();
            sum += if norms > 0.0 { dot(x, y) / norms } else { 0.0 };
        }
    }
    sum / (a.len() * b.len()) as f64
}

/// All products of a query, sorted: largest first, equal ones by index.
pub fn nearest(query: &[f32], targets: &[f32], k: usize) -> Vec<(usize, f64)> {
    let rows = targets.chunks_exact(query.len());
    let mut all: Vec<(usize, f64)> = rows.map(|row| dot(query, row)).enumerate().collect();
    all.sort_by(|x, y| y.1.partial_cmp(&x.1).expect("finite").then(x.0.cmp(&y.0)));
    all.truncate(k);
    all
}
