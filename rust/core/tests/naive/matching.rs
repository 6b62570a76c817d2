//! Counting pair by pair, and trying every assignment.

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
