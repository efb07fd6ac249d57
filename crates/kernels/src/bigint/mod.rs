//! Products, squares and powers modulo odd numbers n of 512 to 3072 bits and their squares n^2, eight values at a time.
//!
//! Values are kept in Montgomery's form x R; modulo n^2 as pairs x0 + x1 n of two numbers of n's length, with the same R
//! as modulo n. There are two layouts, both opaque and both depending on the instruction set of the [`Modulus`]:
//!
//! * A *residue*: one value, [`Modulus::limbs`] words. Many lie one after the other in a slice.
//! * A *group*: eight values, [`Modulus::limbs`] times [`Limbs`], the operands of all arithmetic.
//!   [`Modulus::gather`] makes it of any eight residues, [`Modulus::scatter`] takes one out.
//!
//! A residue has many forms, for its numbers need not be below n; [`Modulus::export`] gives the value below the modulus.
//!
//! On AVX-512 a limb has 52 bits and a register holds the same limb of eight values; products of limbs come from IFMA,
//! or from fused multiply-add of doubles where that is missing. Elsewhere values are words of 64 bits, one value after
//! the other.
//!
//! *Cost* of a product per value, in products of limbs: with L = bits / 52 of n, 2 L^2 modulo n, 5 L^2 modulo n^2;
//! squares take 1.5 and 3.5 L^2 with vectors. Modulo n^2 of 4096 and 6144 bits a product takes 0.5 and 1.1 microseconds
//! with IFMA, and 1.1 and 2.4 by doubles, on a core of an Intel Xeon that has both (the bench `bigint`).
//!
//! *Security*: running time depends on the modulus' length, numbers of values and lengths of exponents alone. Scratch
//! memory is wiped on drop; groups and residues that hold secrets are the caller's to wipe.

mod fermat;
mod layout;
#[cfg(target_arch = "x86_64")]
mod multipliers;
#[cfg(target_arch = "x86_64")]
mod pair;
mod portable;
mod power;
#[cfg(target_arch = "x86_64")]
mod sweep;
#[cfg(target_arch = "x86_64")]
mod wide;
mod words;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use fermat::fermat;
pub use power::FixedBase;

use bytemuck::{Pod, Zeroable};

use crate::Wiped;
#[cfg(target_arch = "x86_64")]
use crate::isa::{self, Isa};
use portable::Portable;

/// Values in a group.
pub const LANES: usize = 8;
/// The longest n, in bits.
pub const MAX_BITS: usize = 3072;
/// The shortest n, in bits.
pub const MIN_BITS: usize = 512;

/// An eighth of the words of a group: with vectors, one limb of each of its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Limbs([u64; LANES]);

/// The longest values that are imported, in numbers below R.
const PARTS: usize = 4;

/// An odd modulus n or n^2, with what products modulo it need.
///
/// A modulus is as secret as what it is made of: it is wiped on drop.
pub struct Modulus {
    /// What values are below: n or n^2.
    bound: Wiped<u64>,
    /// Numbers of n's length in a value: 1 or 2.
    numbers: usize,
    limbs: usize,
    arithmetic: Arithmetic,
    /// R^2, R^3, ..., raw, each in all lanes.
    powers: Wiped<Limbs>,
    /// The residue of 1.
    one: Wiped<u64>,
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

/// What a number is multiplied by in [`Modulus::import_sum`]. Wiped on drop.
pub struct Weight(Wiped<Limbs>);

/// What is computed of groups, and for [`Task::Sum`] of numbers without a form.
#[derive(Clone, Copy)]
enum Task<'a> {
    /// The product of two groups, / R.
    Product(&'a [Limbs], &'a [Limbs]),
    /// The square of a group, / R.
    Square(&'a [Limbs]),
    /// The sum of numbers below R, at most [`PARTS`] of them, each times the group at its place, / R.
    Sum(&'a [Limbs], &'a [Limbs]),
    /// A group / R, from pairs to numbers again: at most (n + 1)^2 - 1 modulo n^2, at most n modulo n.
    Value(&'a [Limbs]),
}

impl Modulus {
    /// Prepares arithmetic modulo `n`, least significant word first, on the instruction set active now.
    ///
    /// *Cost*: below a millisecond.
    ///
    /// # Panics
    /// If `n` is even or has not [`MIN_BITS`] to [`MAX_BITS`] significant bits, the top word included.
    pub fn new(n: &[u64]) -> Self {
        let mut bound = Wiped::zeros(n.len());
        bound.copy_from_slice(n);
        Self::of(n, bound, 1)
    }

    /// The same modulo n^2.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn squared(n: &[u64]) -> Self {
        Self::of(n, words::square(n), 2)
    }

    fn of(n: &[u64], bound: Wiped<u64>, numbers: usize) -> Self {
        let bits = words::bits(n);
        assert!(n.first().is_some_and(|word| word % 2 == 1), "an even modulus");
        assert!(
            (MIN_BITS..=MAX_BITS).contains(&bits) && bits > 64 * (n.len() - 1),
            "a modulus of {bits} bits in {} words",
            n.len()
        );
        let (arithmetic, length, radix_bits) = Self::arithmetic(n);
        let limbs = numbers * length;
        let mut this = Self {
            bound,
            numbers,
            limbs,
            arithmetic,
            powers: Wiped::zeros(PARTS * limbs),
            one: Wiped::zeros(limbs),
        };
        let power = words::power_of_two(2 * radix_bits, n, numbers);
        let mut powers = Wiped::zeros(PARTS * limbs);
        for lane in 0..LANES {
            for (number, digit) in power.chunks_exact(n.len()).enumerate() {
                this.put_number(&mut powers[..limbs], lane, [number, numbers], digit);
            }
        }
        let mut scratch = this.scratch();
        for i in 1..PARTS {
            let (known, next) = powers.split_at_mut(i * limbs);
            this.mul(&mut scratch, &known[(i - 1) * limbs..], &known[..limbs], &mut next[..limbs]);
        }
        this.powers = powers;
        let mut one = Wiped::zeros(limbs);
        let mut unit = Wiped::zeros(this.bound.len());
        unit[0] = 1;
        this.import(&mut scratch, &unit, &mut one);
        this.one = one;
        this
    }

    /// The arithmetic, the words of a number, and the bits of R.
    #[cfg(target_arch = "x86_64")]
    fn arithmetic(n: &[u64]) -> (Arithmetic, usize, usize) {
        let isa = isa::active();
        if isa < Isa::Avx512 {
            return Self::portable(n);
        }
        let limbs = wide::limbs(n.len());
        // SAFETY: the level is active, so its features were detected.
        let prepare = |a: &[Limbs], out: &mut [Limbs]| unsafe { x86::prepare(isa, a, out) };
        let constants = wide::Constants::new(n, limbs, prepare);
        (Arithmetic::Wide(Box::new(constants), isa), limbs, 52 * limbs)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn arithmetic(n: &[u64]) -> (Arithmetic, usize, usize) {
        Self::portable(n)
    }

    fn portable(n: &[u64]) -> (Arithmetic, usize, usize) {
        (Arithmetic::Portable(Portable::new(n)), n.len(), 64 * n.len())
    }

    /// The words of a value in ordinary form.
    pub fn words(&self) -> usize {
        self.bound.len()
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
        assert!(a.len() == self.limbs && b.len() == self.limbs, "operands of another modulus");
        self.run(&mut scratch.work, Task::Product(a, b), out);
    }

    /// `a *= b`.
    pub fn mul_assign(&self, scratch: &mut Scratch, a: &mut [Limbs], b: &[Limbs]) {
        let Scratch { work, group } = scratch;
        assert!(a.len() == self.limbs && b.len() == self.limbs, "operands of another modulus");
        self.run(work, Task::Product(a, b), group);
        a.copy_from_slice(group);
    }

    /// `a = a^(2^times)`.
    pub fn square_assign(&self, scratch: &mut Scratch, a: &mut [Limbs], times: usize) {
        let Scratch { work, group } = scratch;
        assert!(a.len() == self.limbs, "an operand of another modulus");
        for _ in 0..times {
            self.run(work, Task::Square(a), group);
            a.copy_from_slice(group);
        }
    }

    /// Callers have checked the lengths of operands.
    fn run(&self, work: &mut [Limbs], task: Task<'_>, out: &mut [Limbs]) {
        assert!(
            work.len() == 3 * self.limbs && out.len() == self.limbs,
            "{} limbs modulo {}",
            out.len(),
            self.limbs
        );
        match &self.arithmetic {
            Arithmetic::Portable(portable) => {
                portable.run(
                    task,
                    self.numbers,
                    bytemuck::must_cast_slice_mut(work),
                    bytemuck::must_cast_slice_mut(out),
                );
            }
            // SAFETY: the level was active when the modulus was made, so its features were detected.
            #[cfg(target_arch = "x86_64")]
            Arithmetic::Wide(constants, isa) => unsafe {
                x86::run(*isa, constants, task, work, out);
            },
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

#[cfg(test)]
mod tests;
