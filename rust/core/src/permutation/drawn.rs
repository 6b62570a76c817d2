//! Which rows the drawn group holds: in the data, and when all subsets are enumerated.

use super::PermutationError;
use crate::stream::Subsets;

/// The group whose rows are drawn.
pub(super) struct Drawn {
    pub bits: Vec<u64>,
    pub n: usize,
    pub k: usize,
    /// 1 where the drawn group is the second, else -1.
    pub sign: f64,
    pub subsets: Subsets,
    /// C(n - 1, k - 1), how many of the subsets contain row 0; only for enumeration.
    with_row_0: u64,
}

impl Drawn {
    pub fn new(first: &[bool]) -> Self {
        let n = first.len();
        let in_first = first.iter().filter(|&&is| is).count();
        let draws_first = match in_first.cmp(&(n - in_first)) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => first.first() == Some(&false),
        };
        let mut bits = vec![0; n.div_ceil(64)];
        for (row, _) in first
            .iter()
            .enumerate()
            .filter(|&(_, &is)| is == draws_first)
        {
            bits[row / 64] |= 1 << (row % 64);
        }
        let (k, sign) = if draws_first {
            (in_first, -1.0)
        } else {
            (n - in_first, 1.0)
        };
        Self {
            bits,
            n,
            k,
            sign,
            subsets: Subsets::new(n, k),
            with_row_0: 0,
        }
    }

    /// Count the subsets, as enumeration needs.
    pub fn enumerate(&mut self) -> Result<u64, PermutationError> {
        let (n, k) = (self.n, self.k);
        let total =
            binomial(n as u64, k as u64).ok_or(PermutationError::TooManySubsets { n, k })?;
        // C(n - 1, k - 1) = C(n, k) k / n exactly.
        self.with_row_0 = proportion(total, k as u64, (n as u64).max(1));
        Ok(total)
    }

    /// The b-th k-subset in lexicographic order of its sorted rows, as `itertools.combinations` gives them.
    pub fn unrank(&self, mut b: u64, bits: &mut [u64]) {
        bits.fill(0);
        // `with` is how many choices of the `k` rows still wanted, out of the `left` from `row` on, contain `row`.
        let (mut with, mut k) = (self.with_row_0, self.k as u64);
        for row in 0..self.n {
            if k == 0 {
                return;
            }
            let left = (self.n - row) as u64;
            if b < with {
                bits[row / 64] |= 1 << (row % 64);
                with = proportion(with, k - 1, (left - 1).max(1));
                k -= 1;
            } else {
                b -= with;
                with = proportion(with, left - k, (left - 1).max(1));
            }
        }
    }
}

/// `count * share / of`, where that is whole and below 2^64.
fn proportion(count: u64, share: u64, of: u64) -> u64 {
    u64::try_from(u128::from(count) * u128::from(share) / u128::from(of)).unwrap_or(u64::MAX)
}

/// C(n, k), if it is below 2^64.
fn binomial(n: u64, k: u64) -> Option<u64> {
    let k = k.min(n - k);
    let mut ways = 1;
    for i in 0..k {
        // After this step `ways` is C(n, i + 1), which grows with i while i < n / 2.
        ways = u64::try_from(u128::from(ways) * u128::from(n - i) / u128::from(i + 1)).ok()?;
    }
    Some(ways)
}
