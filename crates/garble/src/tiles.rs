//! How a program's elements are cut: tiles that fit the cache, groups that bound memory.

use crate::{Labels, Program};
use sordino_kernels::hash::Tmmo;
use std::ops::Range;

/// Elements that one thread runs together.
pub(crate) const TILE: usize = 64;
/// Table rows that are held at a time: 32 MiB.
pub const GROUP_ROWS: usize = 2 << 20;

/// One run of a program on `lanes` elements.
pub(crate) struct Run<'a> {
    pub(crate) program: &'a Program,
    pub(crate) inputs: &'a [&'a Labels],
    pub(crate) lanes: usize,
    /// Rows of one element.
    pub(crate) rows: usize,
    /// The circuit's hash.
    pub(crate) hash: &'a Tmmo,
    /// Number of the first gate; gate `g` of element `i` is `first + g * lanes + i`.
    pub(crate) first: u64,
}

impl<'a> Run<'a> {
    /// # Panics
    /// If the operands are not those of the program: a bug of the caller, never of a peer.
    pub(crate) fn new(
        program: &'a Program,
        inputs: &'a [&'a Labels],
        hash: &'a Tmmo,
        first: u64,
    ) -> Self {
        let lanes = inputs.first().map_or(0, |x| x.len());
        assert!(inputs.iter().all(|x| x.len() == lanes), "operands of different sizes");
        assert!(
            program.inputs().eq(inputs.iter().map(|x| x.prime())),
            "operands of other moduli than the program's"
        );
        Self { program, inputs, lanes, rows: program.cost().rows, hash, first }
    }

    /// Gates of all elements.
    pub(crate) fn gates(&self) -> u64 {
        (self.program.cost().gates * self.lanes) as u64
    }

    /// Consecutive elements whose tables are held at a time.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let size = (GROUP_ROWS / self.rows.max(1) / TILE).max(1) * TILE;
        let lanes = self.lanes;
        (0..lanes).step_by(size).map(move |from| from..(from + size).min(lanes))
    }

    /// Tiles of a group.
    pub(crate) fn tiles(group: Range<usize>) -> Vec<Range<usize>> {
        group.clone().step_by(TILE).map(|from| from..(from + TILE).min(group.end)).collect()
    }

    /// A tile's wires: operands filled in, the rest empty.
    pub(crate) fn slots(&self, tile: &Range<usize>) -> Vec<Vec<u8>> {
        let mut slots: Vec<Vec<u8>> =
            self.program.slots.iter().map(|p| vec![0; p.digits() * tile.len()]).collect();
        for (s, x) in self.program.inputs.iter().zip(self.inputs) {
            slots[s.0 as usize].copy_from_slice(x.part(tile.start, tile.end));
        }
        slots
    }

    /// Puts the tiles' results together.
    pub(crate) fn collect(&self, tiles: impl Iterator<Item = Vec<Vec<u8>>>) -> Vec<Labels> {
        let sizes = self.program.outputs().map(|p| p.digits() * self.lanes);
        let mut out: Vec<Vec<u8>> = sizes.map(Vec::with_capacity).collect();
        for tile in tiles {
            for (all, slot) in out.iter_mut().zip(&self.program.outputs) {
                all.extend_from_slice(&tile[slot.0 as usize]);
            }
        }
        self.program.outputs().zip(out).map(|(p, d)| Labels::from_digits(p, d)).collect()
    }

    /// `to = sum of factor * slot` on digits; the constant is the garbler's business.
    pub(crate) fn combine(&self, slots: &mut [Vec<u8>], to: usize, terms: &[(crate::Slot, u8)]) {
        let r = self.program.slots[to].radix();
        let mut out = std::mem::take(&mut slots[to]);
        for (i, (s, c)) in terms.iter().enumerate() {
            let x = &slots[s.0 as usize];
            if i == 0 {
                sordino_kernels::digits::scale(r, *c, x, &mut out);
            } else {
                sordino_kernels::digits::add_scaled(r, &mut out, *c, x);
            }
        }
        slots[to] = out;
    }
}
