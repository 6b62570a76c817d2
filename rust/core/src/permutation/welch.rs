//! Welch's t from the numbers, sums and sums of squares of two groups.

use super::BEYOND;

/// Number, sum and sum of squares of the present values of one measure in one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub n: f64,
    pub x: f64,
    pub xx: f64,
}

/// Welch's t of one group against another, mean of `one` minus mean of `other`.
#[inline(always)]
pub(super) fn welch(one: Group, other: Group, noise: f64) -> f64 {
    if one.n == 0.0 || other.n == 0.0 {
        return 0.0;
    }
    let difference = (other.n * one.x - one.n * other.x) / (one.n * other.n);
    let error = (square_error(one, noise) + square_error(other, noise)).sqrt();
    if one.n >= 2.0 && other.n >= 2.0 && error > 0.0 {
        return difference / error;
    }
    // Centred and scaled values are below 2, so that is the unit in which a difference is nothing.
    if difference.abs() <= noise {
        0.0
    } else {
        difference.signum() * BEYOND
    }
}

/// The unbiased variance of the values over their number; 0 for fewer than 2.
#[inline(always)]
fn square_error(sums: Group, noise: f64) -> f64 {
    let Group { n, x, xx } = sums;
    let spread = n * xx - x * x;
    if n < 2.0 || spread <= noise * n * xx {
        0.0
    } else {
        spread / (n * n * (n - 1.0))
    }
}

/// [`welch`] of groups of one size: their summed variance is what the means leave of all squares, `squares`.
#[inline(always)]
pub(super) fn even_welch(one: Group, other: Group, squares: f64, noise: f64) -> f64 {
    let n = one.n;
    if n == 0.0 {
        return 0.0;
    }
    let difference = (one.x - other.x) / n;
    let spread = n * squares - one.x * one.x - other.x * other.x;
    if n >= 2.0 && spread > noise * n * squares {
        return difference / (spread / (n * n * (n - 1.0))).sqrt();
    }
    if difference.abs() <= noise {
        0.0
    } else {
        difference.signum() * BEYOND
    }
}
