//! Tables in words: a slot of a hashed key for every entry.

use sordino_kernels::Block;

use super::cots_needed;
use crate::Error;
use crate::error::{expect_len, expect_range};

/// Bits of a choice and of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) radix: u32,
    pub(super) msg_bits: u32,
}

impl Form {
    pub(super) fn new(radix: u32, msg_bits: u32) -> Result<Self, Error> {
        expect_range("1-of-N OT radix", radix, 1, 6, "1 to 6 bits")?;
        let most = 64 >> radix;
        expect_range("1-of-N OT message", msg_bits, 1, most.min(8), "1 to 64 / 2^radix bits")?;
        Ok(Self { radix, msg_bits })
    }

    /// Bits of a table.
    pub(super) fn width(self) -> u32 {
        self.msg_bits << self.radix
    }

    /// Bits of the slots whose entry number has bit `b` set.
    fn ones(self, b: u32) -> u64 {
        (0..1u32 << self.radix)
            .filter(|slot| slot >> b & 1 == 1)
            .map(|slot| low_mask(self.msg_bits) << (slot * self.msg_bits))
            .fold(0, |a, m| a | m)
    }

    pub(super) fn instances(self, cots: usize) -> Result<usize, Error> {
        let n = cots / self.radix as usize;
        expect_len("correlated OTs", cots, cots_needed(n, self.radix))?;
        Ok(n)
    }
}

/// The low `width` (1 to 64) bits set.
pub(super) fn low_mask(width: u32) -> u64 {
    u64::MAX >> (64 - width)
}

/// Calls the function for the number of bits of a choice, so that its loops over them are unrolled.
macro_rules! by_radix {
    ($radix:expr, $f:ident($($argument:expr),*)) => {
        match $radix {
            1 => $f::<1>($($argument),*),
            2 => $f::<2>($($argument),*),
            3 => $f::<3>($($argument),*),
            4 => $f::<4>($($argument),*),
            5 => $f::<5>($($argument),*),
            _ => $f::<6>($($argument),*),
        }
    };
}

/// Tables of pads from both keys of `radix` COTs each.
pub(super) fn tables(form: Form, keys: [&[Block]; 2], words: &mut Vec<u64>) {
    by_radix!(form.radix, tables_of(form, keys, words));
}

/// The chosen pads from the chosen keys of `radix` COTs each.
pub(super) fn chosen(form: Form, keys: &[Block], indices: &[u64], pads: &mut Vec<u64>) {
    by_radix!(form.radix, chosen_of(form, keys, indices, pads));
}

/// The tables under pads that are moved to where the receiver's corrections say.
pub(super) fn moved(form: Form, pads: Vec<u64>, tables: &[u64], flips: &[u64]) -> Vec<u64> {
    by_radix!(form.radix, moved_of(form, pads, tables, flips))
}

fn tables_of<const R: usize>(form: Form, keys: [&[Block]; 2], words: &mut Vec<u64>) {
    let ones: [u64; R] = core::array::from_fn(|b| form.ones(b as u32));
    let pairs = keys[0].as_chunks::<R>().0.iter().zip(keys[1].as_chunks::<R>().0);
    words.extend(pairs.map(|(x, y)| {
        let each = |b: usize| {
            let (x, y) = (x[b].0 as u64, y[b].0 as u64);
            x ^ ((x ^ y) & ones[b])
        };
        (0..R).fold(0, |word, b| word ^ each(b))
    }));
}

fn chosen_of<const R: usize>(form: Form, keys: &[Block], indices: &[u64], pads: &mut Vec<u64>) {
    let low = low_mask(form.msg_bits);
    let keys = keys.as_chunks::<R>().0;
    pads.extend(keys.iter().zip(indices).map(|(keys, index)| {
        let word = (0..R).fold(0, |word, b| word ^ keys[b].0 as u64);
        word >> (*index as u32 * form.msg_bits) & low
    }));
}

fn moved_of<const R: usize>(
    form: Form,
    mut pads: Vec<u64>,
    tables: &[u64],
    flips: &[u64],
) -> Vec<u64> {
    // Entries whose numbers differ in bit b are `msg_bits << b` apart; these are the lower ones of each pair.
    let lower: [u64; R] = core::array::from_fn(|b| !form.ones(b as u32) & low_mask(form.width()));
    for ((pad, table), flip) in pads.iter_mut().zip(tables).zip(flips) {
        *pad = table
            ^ (0..R).fold(*pad, |pad, b| {
                let (distance, on) = (form.msg_bits << b, (flip >> b & 1).wrapping_neg());
                let differ = (pad ^ pad >> distance) & lower[b] & on;
                pad ^ differ ^ differ << distance
            });
    }
    pads
}
