//! Powers with secret exponents: fixed windows, every table entry read for every digit.

use super::{LANES, Limbs, Modulus, Scratch};
use crate::Wiped;

/// Widest digits of exponents in [`Modulus::pow`]: 32 entries of eight values each stay in the second-level cache.
const WIDEST: usize = 5;

/// The width of digits with which an exponent of so many bits takes the fewest products.
fn width(bits: usize) -> usize {
    let products = |width: &usize| bits.div_ceil(*width) + (1 << width);
    (1..=WIDEST).min_by_key(products).unwrap_or(WIDEST)
}

/// `width` bits of an exponent from bit `start` on.
fn digit(exponent: &[u64], start: usize, width: usize) -> u64 {
    let (word, shift) = (start / 64, start % 64);
    let low = exponent.get(word).map_or(0, |word| word >> shift);
    let high = exponent.get(word + 1).map_or(0, |word| word << 1 << (63 - shift));
    (low | high) & ((1 << width) - 1)
}

impl Modulus {
    /// Raises each value of a group to the lowest `bits` bits of its exponent.
    ///
    /// *Cost*: that of [`Self::raise_onto`].
    ///
    /// *Security*: constant time in bases and exponents; their length is public.
    ///
    /// # Panics
    /// If a length does not belong to this modulus.
    pub fn pow(
        &self,
        scratch: &mut Scratch,
        base: &mut [Limbs],
        exponents: [&[u64]; LANES],
        bits: usize,
    ) {
        let mut power = Wiped::zeros(self.limbs());
        self.gather(&[], [None; LANES], &mut power);
        self.raise_onto(scratch, &mut power, base, exponents, bits);
        base.copy_from_slice(&power);
    }

    /// `sum = sum^(2^bits) base^exponent`, for each value with the lowest `bits` bits of its own exponent: a step of
    /// Horner's rule over factors that lie side by side.
    ///
    /// *Cost*: a square per bit, a product per digit and 2^w - 2 products, with digits of w bits, at most 5, that make it
    /// least: 1.2 to 1.35 in all per bit of exponents of 60 to 260 bits.
    ///
    /// *Security*: as [`Self::pow`].
    ///
    /// # Panics
    /// As [`Self::pow`].
    pub fn raise_onto(
        &self,
        scratch: &mut Scratch,
        sum: &mut [Limbs],
        base: &[Limbs],
        exponents: [&[u64]; LANES],
        bits: usize,
    ) {
        let (limbs, width) = (self.limbs(), width(bits));
        let mut table = Wiped::zeros(limbs << width);
        self.gather(&[], [None; LANES], &mut table[..limbs]);
        table[limbs..2 * limbs].copy_from_slice(base);
        for i in 2..1 << width {
            let (known, next) = table.split_at_mut(i * limbs);
            let half = i / 2 * limbs;
            let next = &mut next[..limbs];
            if i % 2 == 0 {
                next.copy_from_slice(&known[half..half + limbs]);
                self.square_assign(scratch, next, 1);
            } else {
                self.mul(scratch, &known[(i - 1) * limbs..], base, next);
            }
        }
        let mut factor = Wiped::zeros(limbs);
        let mut left = bits;
        while left > 0 {
            // The first digit has what is left over.
            let own = (left - 1) % width + 1;
            left -= own;
            let digits = exponents.map(|e| digit(e, left, own));
            self.select(&table, &digits, &mut factor);
            self.square_assign(scratch, sum, own);
            self.mul_assign(scratch, sum, &factor);
        }
    }
}

/// Powers of one base, from a table of its powers.
///
/// Wiped on drop.
pub struct FixedBase {
    window: usize,
    windows: usize,
    limbs: usize,
    /// For each window i, the base to the powers d 2^(i window) for d below 2^window.
    table: Wiped<u64>,
}

impl FixedBase {
    /// Tables for exponents of up to `bits` bits, digit by digit of `window` bits.
    ///
    /// *Cost*: `bits` squares and 2^window products per 8 windows; bits / window 2^window residues of memory.
    ///
    /// # Panics
    /// If `base` is no residue of the modulus, `bits` is 0, or `window` is not in 1..=8.
    pub fn new(modulus: &Modulus, base: &[u64], bits: usize, window: usize) -> Self {
        assert!(bits > 0 && (1..=8).contains(&window), "{bits} bits in windows of {window}");
        let (limbs, windows) = (modulus.limbs(), bits.div_ceil(window));
        let mut scratch = modulus.scratch();
        let mut table = Wiped::zeros((windows * limbs) << window);
        let mut bases = Wiped::zeros(windows * limbs);
        let mut power = Wiped::zeros(limbs);
        modulus.gather(base, [Some(0); LANES], &mut power);
        for base in bases.chunks_exact_mut(limbs) {
            modulus.scatter(&power, 0, base);
            modulus.square_assign(&mut scratch, &mut power, window);
        }
        let mut first = Wiped::zeros(limbs);
        for i in (0..windows).step_by(LANES) {
            let index = core::array::from_fn(|lane| (i + lane < windows).then_some(i + lane));
            modulus.gather(&bases, index, &mut first);
            modulus.gather(&[], [None; LANES], &mut power);
            for d in 0..1 << window {
                for (lane, window_at) in index.into_iter().enumerate() {
                    if let Some(at) = window_at {
                        let entry = ((at << window) + d) * limbs;
                        modulus.scatter(&power, lane, &mut table[entry..entry + limbs]);
                    }
                }
                modulus.mul_assign(&mut scratch, &mut power, &first);
            }
        }
        Self { window, windows, limbs, table }
    }

    /// The words that an exponent must have.
    pub fn exponent_words(&self) -> usize {
        (self.windows * self.window).div_ceil(64)
    }

    /// Sets groups to the base to the power of eight exponents each, [`Self::exponent_words`] words each. Bits beyond
    /// the tables' are ignored.
    ///
    /// *Cost*: a product and a pass over 2^window residues per group and window.
    ///
    /// *Security*: constant time in base and exponents.
    ///
    /// # Panics
    /// If there are not eight exponents per group, or the modulus is not the tables'.
    pub fn pow(
        &self,
        modulus: &Modulus,
        scratch: &mut Scratch,
        exponents: &[u64],
        groups: &mut [Limbs],
    ) {
        let words = self.exponent_words();
        assert!(
            modulus.limbs() == self.limbs
                && groups.len() * LANES * words == exponents.len() * self.limbs,
            "exponents of {} words for {} limbs",
            exponents.len(),
            groups.len()
        );
        let mut factor = Wiped::zeros(self.limbs);
        let tables = self.table.chunks_exact(self.limbs << self.window);
        for (i, table) in tables.enumerate() {
            let exponents = exponents.chunks_exact(LANES * words);
            for (exponents, group) in exponents.zip(groups.chunks_exact_mut(self.limbs)) {
                let digits = core::array::from_fn(|lane| {
                    let exponent = &exponents[lane * words..(lane + 1) * words];
                    digit(exponent, i * self.window, self.window)
                });
                if i == 0 {
                    modulus.select_single(table, &digits, group);
                } else {
                    modulus.select_single(table, &digits, &mut factor);
                    modulus.mul_assign(scratch, group, &factor);
                }
            }
        }
    }
}
