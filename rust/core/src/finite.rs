//! Whether every number of an array is finite, at the speed at which it is read.

use crate::simd::scan::wide;

/// Values that are looked at together.
const BLOCK: usize = 4096;

/// The place of the first value that is NaN or infinite.
pub(crate) fn first_odd(values: &[f32]) -> Option<usize> {
    let block = values.chunks(BLOCK).position(|block| !all_finite(block))?;
    let rest = values[block * BLOCK..].iter();
    Some(block * BLOCK + rest.take_while(|value| value.is_finite()).count())
}

/// Of a finite value the product with 0 is 0, of another it is NaN, which stays in a sum.
fn all_finite(block: &[f32]) -> bool {
    let odd = wide(
        #[inline(always)]
        || {
            let mut odd = [0.0_f32; 16];
            for chunk in block.chunks(16) {
                for (odd, value) in odd.iter_mut().zip(chunk) {
                    *odd += value * 0.0;
                }
            }
            odd
        },
    );
    odd.iter().all(|zero| !zero.is_nan())
}

#[cfg(test)]
mod tests {
    use super::first_odd;

    #[test]
    fn the_first_of_any_place_is_found() {
        for length in [0, 1, 15, 16, 4096, 4097, 9000] {
            let mut values = vec![f32::MAX; length];
            assert_eq!(first_odd(&values), None);
            for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for at in [0, 7, 4095, 4096, 8999]
                    .into_iter()
                    .filter(|at| *at < length)
                {
                    values[at] = odd;
                    values[length - 1] = odd;
                    assert_eq!(first_odd(&values), Some(at));
                    values[at] = -0.0;
                    values[length - 1] = f32::MIN_POSITIVE;
                }
            }
        }
    }
}
