//! AES-128 as whole-batch operations, so that the instruction set is chosen once per batch and many blocks are in
//! flight.

use core::ops::Range;
use std::sync::OnceLock;

use crate::Block;
use crate::isa;
#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;

pub(crate) mod scalar;
#[cfg(target_arch = "x86_64")]
mod wide;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Calls a batch loop at a level from AVX2 on.
#[cfg(target_arch = "x86_64")]
macro_rules! at_level {
    ($isa:expr, $name:ident($($argument:expr),*)) => {
        match $isa {
            Isa::Avx512Ifma => x86::vaes::$name($($argument),*),
            Isa::Avx512 => x86::ni512::$name($($argument),*),
            _ => x86::ni::$name($($argument),*),
        }
    };
}

/// Keys of the fixed permutations: the first digits of pi, so that nothing is hidden in them.
pub(crate) const FIXED: [Block; 3] = [
    Block(0x243f_6a88_85a3_08d3_1319_8a2e_0370_7344),
    Block(0xa409_3822_299f_31d0_082e_fa98_ec4e_6c89),
    Block(0x4528_21e6_38d0_1377_be54_66cf_34e9_0c6c),
];

/// Blocks of one row that [`Keys::fold`] makes at a time: a matrix of 128 such rows stays in the first-level cache.
pub(crate) const TILE: usize = 16;
/// log2 of the most seeds that [`Keys::fold`] adds up.
pub(crate) const DEPTH: usize = 8;

/// Places in a row of [`Key::sparse`].
pub(crate) const WEIGHT: usize = 10;
/// Random blocks that give the places of a row.
pub(crate) const ROW_BLOCKS: usize = 2;

/// The random words of a row.
pub(crate) type RowWords = [u64; 2 * ROW_BLOCKS];

/// Ten places below `k`, five from each two words: twice 25 bits of each word, and the 28 bits that are left.
#[inline(always)]
pub(crate) fn places(random: RowWords, k: u64) -> [usize; WEIGHT] {
    let low = |word: u64| (((word & 0x1ff_ffff) * k) >> 25) as usize;
    let [a, b, c, d] = random;
    let rest = |a: u64, b: u64| ((((a >> 50) | ((b >> 50) << 14)) * k) >> 28) as usize;
    let [first, second] =
        [[a, b], [c, d]].map(|[a, b]| [low(a), low(a >> 25), low(b), low(b >> 25), rest(a, b)]);
    let [a, b, c, d, e] = first;
    let [f, g, h, i, j] = second;
    [a, b, c, d, e, f, g, h, i, j]
}

/// An expanded secret key in the form that the instruction set active at its creation wants; wiped on drop.
pub(crate) enum Key {
    Scalar(aes::Aes128),
    #[cfg(target_arch = "x86_64")]
    X86(Isa, x86::Schedule),
}

impl Key {
    pub(crate) fn new(key: Block) -> Self {
        match isa::active() {
            #[cfg(target_arch = "x86_64")]
            isa @ (Isa::Avx2 | Isa::Avx512 | Isa::Avx512Ifma) => {
                // SAFETY: `active` returns only levels whose features were detected.
                Self::X86(isa, unsafe { x86::ni::schedule(key) })
            }
            _ => Self::Scalar(scalar::cipher(key)),
        }
    }

    /// `out[j]` = the encryption of counter + j.
    pub(crate) fn counter_mode(&self, counter: u64, out: &mut [[u8; 16]]) {
        match self {
            Self::Scalar(cipher) => scalar::counter_mode(cipher, counter, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedule) => unsafe {
                at_level!(*isa, counter_mode(schedule, counter, out))
            },
        }
    }

    /// `out[i]` = the encryption of `x[i]`.
    pub(crate) fn permute(&self, x: &[Block], out: &mut [Block]) {
        match self {
            Self::Scalar(cipher) => scalar::permute(cipher, x, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedule) => unsafe { at_level!(*isa, permute(schedule, x, out)) },
        }
    }

    /// See [`crate::prg::add_sparse`].
    pub(crate) fn sparse(&self, counter: u64, input: &[Block], out: &mut [Block]) {
        match self {
            Self::Scalar(cipher) => scalar::sparse(cipher, counter, input, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedule) => unsafe {
                at_level!(*isa, sparse(schedule, counter, input, out))
            },
        }
    }

    /// `out[i]` = H(x[i]), see [`crate::hash::Mmo`].
    pub(crate) fn mmo(&self, x: &[Block], out: &mut [Block]) {
        match self {
            Self::Scalar(cipher) => scalar::mmo(cipher, x, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedule) => unsafe { at_level!(*isa, mmo(schedule, x, out)) },
        }
    }

    /// `out[i]` = H(x[i]), see [`crate::hash::Ccr`].
    pub(crate) fn ccr(&self, x: &[Block], out: &mut [Block]) {
        match self {
            Self::Scalar(cipher) => scalar::ccr(cipher, x, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedule) => unsafe { at_level!(*isa, ccr(schedule, x, out)) },
        }
    }

    /// See [`crate::hash::Ccr::grow`].
    pub(crate) fn ccr_grow(&self, nodes: &mut [Block], right: &mut [Block]) -> Block {
        match self {
            Self::Scalar(cipher) => scalar::ccr_grow(cipher, nodes, right),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedule) => unsafe {
                at_level!(*isa, ccr_grow(schedule, nodes, right))
            },
        }
    }

    /// Both hashes of a correlated pair, see [`crate::hash::Mmo`].
    pub(crate) fn mmo_cot(&self, q: &[Block], delta: Block, out: [&mut [Block]; 2]) {
        match self {
            Self::Scalar(cipher) => scalar::mmo_cot(cipher, q, delta, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedule) => unsafe {
                at_level!(*isa, mmo_cot(schedule, q, delta, out))
            },
        }
    }

    /// `out[i]` ^= P(px[i] ^ (tweak + i step)) ^ px[i], see [`crate::hash::Tmmo`].
    pub(crate) fn tmmo_from(&self, px: &[Block], tweak: u64, step: u64, out: &mut [Block]) {
        match self {
            Self::Scalar(cipher) => scalar::tmmo_from(cipher, px, tweak, step, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedule) => unsafe {
                at_level!(*isa, tmmo_from(schedule, px, tweak, step, out))
            },
        }
    }
}

/// Many expanded keys.
pub(crate) enum Keys {
    Scalar(Vec<aes::Aes128>),
    #[cfg(target_arch = "x86_64")]
    X86(Isa, Vec<x86::Schedule>),
}

impl Keys {
    pub(crate) fn new(keys: &[Block]) -> Self {
        match isa::active() {
            #[cfg(target_arch = "x86_64")]
            isa @ (Isa::Avx2 | Isa::Avx512 | Isa::Avx512Ifma) => {
                // SAFETY: `active` returns only levels whose features were detected.
                Self::X86(isa, keys.iter().map(|key| unsafe { x86::ni::schedule(*key) }).collect())
            }
            _ => Self::Scalar(keys.iter().map(|key| scalar::cipher(*key)).collect()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Scalar(ciphers) => ciphers.len(),
            #[cfg(target_arch = "x86_64")]
            Self::X86(_, schedules) => schedules.len(),
        }
    }

    /// See [`crate::prg::Seeds::fold`].
    pub(crate) fn fold(
        &self,
        seeds: Range<usize>,
        punctured: bool,
        counter: u64,
        planes: &mut [[Block; TILE]],
        sum: &mut [Block; TILE],
    ) {
        match self {
            Self::Scalar(ciphers) => {
                scalar::fold(&ciphers[seeds], punctured, counter, planes, sum);
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level was detected when the key was made.
            Self::X86(isa, schedules) => unsafe {
                at_level!(*isa, fold(&schedules[seeds], punctured, counter, planes, sum))
            },
        }
    }
}

/// Rows of `row` blocks: block j of row i is the encryption of counter + j under `keys[i]`.
pub(crate) fn expand(keys: &[Block], counter: u64, row: usize, out: &mut [Block]) {
    match isa::active() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `active` returns only levels whose features were detected.
        isa @ (Isa::Avx2 | Isa::Avx512 | Isa::Avx512Ifma) => unsafe {
            at_level!(isa, expand(keys, counter, row, out))
        },
        _ => scalar::expand(keys, counter, row, out),
    }
}

/// `out[i]` = H(x[i], tweak + i), see [`crate::hash::tmmo`].
pub(crate) fn tmmo(x: &[Block], tweak: u64, out: &mut [Block]) {
    match isa::active() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `active` returns only levels whose features were detected.
        isa @ (Isa::Avx2 | Isa::Avx512 | Isa::Avx512Ifma) => unsafe {
            at_level!(isa, tmmo(&fixed_schedules()[0], x, tweak, out))
        },
        _ => scalar::tmmo(&fixed_ciphers()[0], x, tweak, out),
    }
}

/// One level of a GGM tree, see [`crate::hash::ggm_double`].
pub(crate) fn ggm_double(parents: &[Block], children: &mut [Block]) {
    match isa::active() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `active` returns only levels whose features were detected.
        isa @ (Isa::Avx2 | Isa::Avx512 | Isa::Avx512Ifma) => unsafe {
            at_level!(isa, ggm_double(&fixed_schedules()[1..], parents, children))
        },
        _ => scalar::ggm_double(&fixed_ciphers()[1..], parents, children),
    }
}

fn fixed_ciphers() -> &'static [aes::Aes128; 3] {
    static CIPHERS: OnceLock<[aes::Aes128; 3]> = OnceLock::new();
    CIPHERS.get_or_init(|| FIXED.map(scalar::cipher))
}

/// To be called only at a level that has AES-NI.
#[cfg(target_arch = "x86_64")]
fn fixed_schedules() -> &'static [x86::Schedule; 3] {
    static SCHEDULES: OnceLock<[x86::Schedule; 3]> = OnceLock::new();
    // SAFETY: every caller has matched a level with AES-NI.
    SCHEDULES.get_or_init(|| FIXED.map(|key| unsafe { x86::ni::schedule(key) }))
}

#[cfg(test)]
mod tests;
