//! The textbook formulas, one measure and one resample at a time, with no scaling, centring or integers.

/// `z` of one column under one sign vector (true: minus).
pub fn sign_z(column: &[f64], minus: &[bool]) -> f64 {
    let norm = column.iter().map(|d| d * d).sum::<f64>().sqrt();
    let sum: f64 = column
        .iter()
        .zip(minus)
        .map(|(d, &m)| if m { -d } else { *d })
        .sum();
    if norm == 0.0 { 0.0 } else { sum / norm }
}

/// Welch's t, second minus first, of the values that are there.
pub fn welch_t(column: &[Option<f64>], first: &[bool]) -> f64 {
    let group = |is: bool| -> Vec<f64> {
        let rows = column.iter().zip(first).filter(|&(_, &f)| f == is);
        rows.filter_map(|(x, _)| *x).collect()
    };
    let (a, b) = (group(true), group(false));
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let square_error = |x: &[f64]| {
        let squares: f64 = x.iter().map(|v| (v - mean(x)).powi(2)).sum();
        squares / (x.len() as f64 - 1.0) / x.len() as f64
    };
    let difference = mean(&b) - mean(&a);
    let nothing = difference.abs() < 1e-12;
    if a.len() < 2 || b.len() < 2 {
        return if nothing {
            0.0
        } else {
            difference.signum() * 1e154
        };
    }
    let error = (square_error(&a) + square_error(&b)).sqrt();
    match (error < 1e-7, nothing) {
        (true, true) => 0.0,
        (true, false) => difference.signum() * 1e154,
        (false, _) => difference / error,
    }
}

/// Every k-subset of 0..n, sorted, in lexicographic order.
pub fn subsets(n: usize, k: usize) -> Vec<Vec<bool>> {
    fn extend(n: usize, k: usize, from: usize, chosen: &mut Vec<usize>, all: &mut Vec<Vec<bool>>) {
        if chosen.len() == k {
            all.push((0..n).map(|i| chosen.contains(&i)).collect());
            return;
        }
        for i in from..n {
            chosen.push(i);
            extend(n, k, i + 1, chosen, all);
            chosen.pop();
        }
    }
    let mut all = Vec::new();
    extend(n, k, 0, &mut Vec::new(), &mut all);
    all
}

/// Counts alone and by the step-down maximum, from a row of z* for each resample, by definition.
pub fn counts(z: &[f64], null: &[Vec<f64>]) -> (Vec<i64>, Vec<i64>) {
    let reaches = |star: f64, z: f64| star >= z.abs() - 100.0 * f64::EPSILON * z.abs().max(1.0);
    let count = |m: usize, largest: &dyn Fn(&Vec<f64>) -> f64| {
        let hits = null.iter().filter(|row| reaches(largest(row), z[m]));
        i64::try_from(hits.count()).expect("fits")
    };
    let alone = (0..z.len()).map(|m| count(m, &|row| row[m].abs()));
    let joint = (0..z.len()).map(|m| {
        let weaker: Vec<usize> = (0..z.len()).filter(|&w| z[w].abs() <= z[m].abs()).collect();
        count(m, &|row| {
            weaker.iter().map(|&w| row[w].abs()).fold(0.0, f64::max)
        })
    });
    (alone.collect(), joint.collect())
}
