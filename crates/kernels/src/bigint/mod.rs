//! Products, squares and powers modulo odd numbers of 512 to 6144 bits, eight values at a time.
//!
//! Values are kept in Montgomery's form x R mod n. There are two layouts, both opaque and both depending on the
//! instruction set of the [`Modulus`]:
//!
//! * A *residue*: one value, [`Modulus::limbs`] words. Many lie one after the other in a slice.
//! * A *group*: eight values, [`Modulus::limbs`] times [`Limbs`], the operands of all arithmetic.
//!   [`Modulus::gather`] makes it of any eight residues, [`Modulus::scatter`] takes one out.
//!
//! On AVX-512 a limb has 52 bits and a register holds the same limb of eight values; products of limbs come from IFMA,
//! or from fused multiply-add of doubles where that is missing. Elsewhere values are words of 64 bits, one value after
//! the other.
//!
//! *Cost* of a product per value: 2 (bits / 52)^2 products of limbs; squares save a quarter. Modulo 4096 and 6144 bits
//! that is 2.1 and 4.5 microseconds on a 2.5 GHz Cascade Lake core by doubles, and 8.3 and 19 by words.
//!
//! *Security*: running time depends on the modulus' length, numbers of values and lengths of exponents alone. Scratch
//! memory is wiped on drop; groups and residues that hold secrets are the caller's to wipe.

mod layout;
#[cfg(target_arch = "x86_64")]
mod multipliers;
mod portable;
mod power;
#[cfg(target_arch = "x86_64")]
mod wide;
mod words;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use power::FixedBase;

use bytemuck::{Pod, Zeroable};

use crate::Wiped;
#[cfg(target_arch = "x86_64")]
use crate::isa::{self, Isa};
use portable::Portable;

/// Values in a group.
pub const LANES: usize = 8;
/// The longest modulus, in bits.
pub const MAX_BITS: usize = 6144;
/// The shortest modulus, in bits.
pub const MIN_BITS: usize = 512;

/// An eighth of the words of a group: with vectors, one limb of each of its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Limbs([u64; LANES]);

/// An odd modulus, with what products modulo it need.
///
/// A modulus is as secret as what it is made of: it is wiped on drop.
pub struct Modulus {
    n: Wiped<u64>,
    limbs: usize,
    arithmetic: Arithmetic,
    /// R^2 modulo n, raw, in all lanes.
    r_squared: Wiped<Limbs>,
    /// R^3 modulo n.
    r_cubed: Wiped<Limbs>,
    /// 1, raw, in all lanes.
    unit: Wiped<Limbs>,
    /// The residue of 1, and eight of it.
    one: Wiped<u64>,
    ones: Wiped<Limbs>,
}

enum Arithmetic {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Wide(Box<wide::Constants>, Isa),
}

/// Memory for intermediate results of one thread, for moduli of one length. Wiped on drop.
pub struct Scratch {
    work: Wiped<Limbs>,
    group: Wiped<Limbs>,
}

/// Two factors, or one and the place of the result.
enum Operands<'a> {
    Mul(&'a [Limbs], &'a [Limbs], &'a mut [Limbs]),
    MulAssign(&'a mut [Limbs], &'a [Limbs]),
    SquareAssign(&'a mut [Limbs]),
}

impl Modulus {
    /// Prepares arithmetic modulo `n`, least significant word first, on the instruction set active now.
    ///
    /// *Cost*: below a millisecond.
    ///
    /// # Panics
    /// If `n` is even or has not [`MIN_BITS`] to [`MAX_BITS`] significant bits, the top word included.
    pub fn new(n: &[u64]) -> Self {
        let bits = words::bits(n);
        assert!(n.first().is_some_and(|word| word % 2 == 1), "an even modulus");
        assert!(
            (MIN_BITS..=MAX_BITS).contains(&bits) && bits > 64 * (n.len() - 1),
            "a modulus of {bits} bits in {} words",
            n.len()
        );
        let mut kept = Wiped::zeros(n.len());
        kept.copy_from_slice(n);
        let (arithmetic, limbs, r_squared) = Self::arithmetic(n);
        let mut this = Self {
            n: kept,
            limbs,
            arithmetic,
            r_squared: Wiped::zeros(limbs),
            r_cubed: Wiped::zeros(limbs),
            unit: Wiped::zeros(limbs),
            one: Wiped::zeros(limbs),
            ones: Wiped::zeros(limbs),
        };
        let mut group = Wiped::zeros(limbs);
        for lane in 0..LANES {
            this.put(&mut group, lane, &r_squared);
        }
        core::mem::swap(&mut this.r_squared, &mut group);
        for lane in 0..LANES {
            this.put(&mut group, lane, &[1]);
        }
        core::mem::swap(&mut this.unit, &mut group);
        let mut scratch = this.scratch();
        this.mul(&mut scratch, &this.r_squared, &this.r_squared, &mut group);
        core::mem::swap(&mut this.r_cubed, &mut group);
        this.mul(&mut scratch, &this.unit, &this.r_squared, &mut group);
        let mut one = Wiped::zeros(limbs);
        this.scatter(&group, 0, &mut one);
        (this.one, this.ones) = (one, group);
        this
    }

    /// The arithmetic, the words of a residue, and R^2 modulo n.
    #[cfg(target_arch = "x86_64")]
    fn arithmetic(n: &[u64]) -> (Arithmetic, usize, Vec<u64>) {
        let isa = isa::active();
        if isa < Isa::Avx512 {
            return Self::portable(n);
        }
        // R = 2^(52 limbs) is at least 8 n.
        let limbs = (words::bits(n) + 3).div_ceil(52).next_multiple_of(wide::ROWS);
        let broadcast = |words: &[u64], i| Limbs([words::limb52(words, i); LANES]);
        let raw: Vec<Limbs> = (0..limbs).map(|i| broadcast(n, i)).collect();
        let inverse = words::minus_inverse_wide(n);
        let inverse: [Limbs; wide::ROWS] = core::array::from_fn(|i| broadcast(&inverse, i));
        let mut constants = wide::Constants { n: Wiped::zeros(limbs), minus_inverse: inverse };
        // SAFETY: the level is active, so its features were detected.
        unsafe {
            if isa == Isa::Avx512Ifma {
                x86::ifma::operands(&raw, &mut constants.n);
                x86::ifma::operands(&inverse, &mut constants.minus_inverse);
            } else {
                x86::avx512::operands(&raw, &mut constants.n);
                x86::avx512::operands(&inverse, &mut constants.minus_inverse);
            }
        }
        (Arithmetic::Wide(Box::new(constants), isa), limbs, words::power_of_two(104 * limbs, n))
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn arithmetic(n: &[u64]) -> (Arithmetic, usize, Vec<u64>) {
        Self::portable(n)
    }

    fn portable(n: &[u64]) -> (Arithmetic, usize, Vec<u64>) {
        let portable = Portable::new(n);
        let r_squared = portable.r_squared();
        (Arithmetic::Portable(portable), n.len(), r_squared)
    }

    /// The words of a value in ordinary form.
    pub fn words(&self) -> usize {
        self.n.len()
    }

    /// The words of a residue, and the [`Limbs`] of a group.
    pub fn limbs(&self) -> usize {
        self.limbs
    }

    /// Memory for this modulus, or another of the same length.
    pub fn scratch(&self) -> Scratch {
        Scratch { work: Wiped::zeros(3 * self.limbs), group: Wiped::zeros(self.limbs) }
    }

    /// The residue of 1.
    pub fn one(&self) -> &[u64] {
        &self.one
    }

    /// `out = a b`.
    ///
    /// # Panics
    /// If an operand or the scratch memory is not of this modulus' length; so for the other operations.
    pub fn mul(&self, scratch: &mut Scratch, a: &[Limbs], b: &[Limbs], out: &mut [Limbs]) {
        self.run(scratch, Operands::Mul(a, b, out));
    }

    /// `a *= b`.
    pub fn mul_assign(&self, scratch: &mut Scratch, a: &mut [Limbs], b: &[Limbs]) {
        self.run(scratch, Operands::MulAssign(a, b));
    }

    /// `a = a^(2^times)`.
    pub fn square_assign(&self, scratch: &mut Scratch, a: &mut [Limbs], times: usize) {
        for _ in 0..times {
            self.run(scratch, Operands::SquareAssign(a));
        }
    }

    /// `a += b`.
    ///
    /// *Cost*: a product with vectors, which reduces the sum.
    pub fn add_assign(&self, scratch: &mut Scratch, a: &mut [Limbs], b: &[Limbs]) {
        assert!(a.len() == self.limbs && b.len() == self.limbs, "operands of another modulus");
        if self.is_sliced() {
            let mut carry = [0; LANES];
            for (a, b) in a.iter_mut().zip(b) {
                for ((a, b), carry) in a.0.iter_mut().zip(b.0).zip(&mut carry) {
                    let sum = *a + b + *carry;
                    (*a, *carry) = (sum & ((1 << 52) - 1), sum >> 52);
                }
            }
            // Below 4 n, which a product with a factor below 2 n takes: R is at least 8 n.
            self.mul_assign(scratch, a, &self.ones);
        } else {
            let a: &mut [u64] = bytemuck::must_cast_slice_mut(a);
            let b: &[u64] = bytemuck::must_cast_slice(b);
            for (a, b) in a.chunks_exact_mut(self.limbs).zip(b.chunks_exact(self.limbs)) {
                let carry = words::add_assign(a, b);
                words::reduce_once(a, carry, &self.n);
            }
        }
    }

    fn run(&self, scratch: &mut Scratch, operands: Operands<'_>) {
        let lengths = match &operands {
            Operands::Mul(a, b, out) => [a.len(), b.len(), out.len()],
            Operands::MulAssign(a, b) => [a.len(), b.len(), self.limbs],
            Operands::SquareAssign(a) => [a.len(), self.limbs, self.limbs],
        };
        let Scratch { work, group } = scratch;
        assert!(
            lengths == [self.limbs; 3] && group.len() == self.limbs,
            "operands of {lengths:?} limbs modulo {} limbs",
            self.limbs
        );
        match &self.arithmetic {
            Arithmetic::Portable(portable) => {
                let sum: &mut [u64] = bytemuck::must_cast_slice_mut(work);
                let sum = &mut sum[..self.limbs];
                let words = bytemuck::must_cast_slice::<Limbs, u64>;
                let words_mut = bytemuck::must_cast_slice_mut::<Limbs, u64>;
                match operands {
                    Operands::Mul(a, b, out) => {
                        portable.mul(words(a), words(b), words_mut(out), sum)
                    }
                    Operands::MulAssign(a, b) => {
                        portable.mul_assign(words_mut(a), words(b), sum);
                    }
                    Operands::SquareAssign(a) => portable.square_assign(words_mut(a), sum),
                }
            }
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Wide(constants, isa) => {
                use wide::Factors;
                let (in_place, out) = match operands {
                    Operands::Mul(a, b, out) => {
                        wide_product(*isa, constants, Factors::Two(a, b), work, out);
                        return;
                    }
                    Operands::MulAssign(a, b) => {
                        wide_product(*isa, constants, Factors::Two(a, b), work, group);
                        (a, group)
                    }
                    Operands::SquareAssign(a) => {
                        wide_product(*isa, constants, Factors::Square(a), work, group);
                        (a, group)
                    }
                };
                in_place.copy_from_slice(out);
            }
        }
    }

    /// Sets each value of `out` to that entry of a table of groups that its digit names, reading all entries.
    fn select(&self, table: &[Limbs], digits: &[u64; LANES], out: &mut [Limbs]) {
        match &self.arithmetic {
            Arithmetic::Portable(_) => {
                let (limbs, table) = (self.limbs, bytemuck::must_cast_slice::<Limbs, u64>(table));
                let out: &mut [u64] = bytemuck::must_cast_slice_mut(out);
                out.fill(0);
                for (lane, out) in out.chunks_exact_mut(limbs).enumerate() {
                    portable::select(&table[lane * limbs..], LANES * limbs, digits[lane], out);
                }
            }
            // SAFETY: the level was active when the modulus was made, so its features were detected.
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Wide(..) => unsafe { x86::avx512::select(table, &Limbs(*digits), out) },
        }
    }

    /// The same for a table of residues.
    fn select_single(&self, table: &[u64], digits: &[u64; LANES], out: &mut [Limbs]) {
        match &self.arithmetic {
            Arithmetic::Portable(_) => {
                let out: &mut [u64] = bytemuck::must_cast_slice_mut(out);
                out.fill(0);
                for (lane, out) in out.chunks_exact_mut(self.limbs).enumerate() {
                    portable::select(table, self.limbs, digits[lane], out);
                }
            }
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Wide(..) => unsafe {
                x86::avx512::select_single(table, &Limbs(*digits), out);
            },
        }
    }
}

/// The product at this level; the caller has checked the lengths.
#[cfg(target_arch = "x86_64")]
fn wide_product(
    isa: Isa,
    constants: &wide::Constants,
    factors: wide::Factors<'_>,
    work: &mut [Limbs],
    out: &mut [Limbs],
) {
    // SAFETY: the level was active when the modulus was made, so its features were detected.
    unsafe {
        if isa == Isa::Avx512Ifma {
            x86::ifma::product(constants, factors, work, out);
        } else {
            x86::avx512::product(constants, factors, work, out);
        }
    }
}

#[cfg(test)]
mod tests;
