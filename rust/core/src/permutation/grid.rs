//! A column whose values lie on a grid, as integers; any other column, scaled by a power of two.
//!
//! Shares of k draws are multiples of 1/k, which binary floats miss by an ulp: 0.6 - 0.4 is not 0.2. Their sums tie
//! all the time, so they are brought back to integers, whose sums are exact. A column is on a grid when every value
//! is a whole multiple of `g / h`, with `g` its smallest nonzero magnitude and `h <= 64`, to within 256 eps of the
//! value (a difference of two shares has lost that much). Being relative to `g`, the answer is the same after the
//! data are scaled by any factor. An indicator (all nonzero magnitudes equal) is the case `h = 1`.
//!
//! Cost: one look at the column for each `h` that has not failed; a column of measurements fails in its first rows.

/// Values agree with the grid, and sums of squares with 0, when they do so to this share: 256 eps.
pub(super) const NOISE: f64 = 256.0 * f64::EPSILON;

const FINEST: u32 = 64;
/// Added and taken away it rounds magnitudes below 2^51, and in vectors, which `round` does not.
const TO_WHOLE: f64 = 6_755_399_441_055_744.0;
/// Beyond 2^32 steps the grid is finer than what `NOISE` can tell apart.
const MOST_STEPS: f64 = 4_294_967_296.0;

/// The column in steps of its grid, if it has one. `error` is the absolute error that each value may have besides.
pub(super) fn steps(column: &[f64], error: f64) -> Option<Vec<f64>> {
    let (mut smallest, mut largest) = (f64::INFINITY, 0.0);
    for magnitude in column.iter().map(|x| x.abs()) {
        let counted = if magnitude > error {
            magnitude
        } else {
            f64::INFINITY
        };
        smallest = if counted < smallest {
            counted
        } else {
            smallest
        };
        largest = if magnitude > largest {
            magnitude
        } else {
            largest
        };
    }
    if smallest.is_infinite() {
        return Some(vec![0.0; column.len()]);
    }
    // Below 2^-900 the quotients would be of subnormals, which have too few digits to be judged.
    if smallest < 2.0_f64.powi(-900) || largest > MOST_STEPS * smallest {
        return None;
    }
    let mut whole = Vec::with_capacity(column.len());
    let fits = (1..=FINEST)
        .map(f64::from)
        .any(|h| on_grid(column, smallest, h, error, &mut whole));
    fits.then_some(whole)
}

fn on_grid(column: &[f64], smallest: f64, h: f64, error: f64, whole: &mut Vec<f64>) -> bool {
    let share = NOISE + 2.0 * error / smallest;
    whole.clear();
    for values in column.chunks(64) {
        let mut fits = true;
        whole.extend(values.iter().map(|x| {
            let quotient = x / smallest * h;
            let nearest = quotient + TO_WHOLE - TO_WHOLE;
            let magnitude = quotient.abs();
            let slack = share * if magnitude > h { magnitude } else { h };
            fits &= (slack <= 1.0 / 64.0) & ((quotient - nearest).abs() <= slack);
            nearest
        }));
        if !fits {
            return false;
        }
    }
    true
}

/// The column times the power of two that brings its largest magnitude into [1, 2); all zeros stay so.
///
/// Exact, except that values 2^-1022 times smaller than the largest may become 0, which no sum would notice.
pub(super) fn scaled(mut column: Vec<f64>) -> Vec<f64> {
    let largest = column
        .iter()
        .fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if largest == 0.0 {
        return column;
    }
    // A subnormal is first made normal, so that its exponent can be read from the bits.
    let (lift, lifted) = if largest < f64::MIN_POSITIVE {
        (54, largest * 2.0_f64.powi(54))
    } else {
        (0, largest)
    };
    let exponent =
        i32::try_from(lifted.to_bits() >> 52 & 0x7ff).map_or(0, |biased| biased - 1023 - lift);
    let half = -exponent / 2;
    let factors = [2.0_f64.powi(half), 2.0_f64.powi(-exponent - half)];
    for x in &mut column {
        *x = *x * factors[0] * factors[1];
    }
    column
}

#[cfg(test)]
mod tests {
    use super::{scaled, steps};

    #[test]
    fn shares_of_draws_become_whole_steps_at_any_scale() {
        for scale in [1.0, 1e-8, 1e8, 1e-200, 1e200] {
            let column: Vec<f64> = [0.6 - 0.4, 0.0, 0.8 - 0.2, 0.4 - 0.8, 1.0]
                .iter()
                .map(|x| x * scale)
                .collect();
            assert_eq!(
                steps(&column, 0.0),
                Some(vec![1.0, 0.0, 3.0, -2.0, 5.0]),
                "at {scale}"
            );
        }
        assert_eq!(steps(&[0.4, 0.6], 0.0), Some(vec![2.0, 3.0]));
        assert_eq!(steps(&[0.0, 0.0], 0.0), Some(vec![0.0, 0.0]));
    }

    #[test]
    fn measurements_are_not_on_a_grid() {
        assert_eq!(steps(&[0.123_456, 0.234_567_8, 0.991], 0.0), None);
        assert_eq!(steps(&[1e-300, 1e300], 0.0), None);
        assert_eq!(steps(&[5e-324, 1e-323], 0.0), None);
    }

    #[test]
    fn scaling_brings_the_largest_into_one_two() {
        for largest in [5e-324, 1e-310, 1e-200, 0.3, 1.0, 7.0, 1e200, f64::MAX] {
            let column = scaled(vec![largest, -largest / 4.0, 0.0]);
            assert!(
                (1.0..2.0).contains(&column[0]),
                "{largest} became {}",
                column[0]
            );
        }
    }
}
