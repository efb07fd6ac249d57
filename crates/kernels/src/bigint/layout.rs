//! Residues and groups: what goes where, and how values come in and out.

#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{Arithmetic, LANES, Limbs, Modulus, Scratch, words};
use crate::Wiped;
#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;

impl Modulus {
    /// Turns values below n, [`Self::words`] each, into residues.
    ///
    /// # Panics
    /// If there are not as many residues as values.
    pub fn import(&self, scratch: &mut Scratch, values: &[u64], residues: &mut [u64]) {
        self.check_counts(values, residues);
        let mut group = Wiped::zeros(self.limbs);
        let values = values.chunks(LANES * self.words());
        for (values, residues) in values.zip(residues.chunks_mut(LANES * self.limbs)) {
            for (lane, value) in values.chunks_exact(self.words()).enumerate() {
                self.put(&mut group, lane, value);
            }
            self.mul_assign(scratch, &mut group, &self.r_squared);
            for (lane, residue) in residues.chunks_exact_mut(self.limbs).enumerate() {
                self.scatter(&group, lane, residue);
            }
        }
    }

    /// Turns residues into values below n: the inverse of [`Self::import`].
    ///
    /// # Panics
    /// If there are not as many values as residues.
    pub fn export(&self, scratch: &mut Scratch, residues: &[u64], values: &mut [u64]) {
        self.check_counts(values, residues);
        let mut group = Wiped::zeros(self.limbs);
        let values = values.chunks_mut(LANES * self.words());
        for (values, residues) in values.zip(residues.chunks(LANES * self.limbs)) {
            for (lane, residue) in residues.chunks_exact(self.limbs).enumerate() {
                self.place(&mut group, lane, residue);
            }
            self.mul_assign(scratch, &mut group, &self.unit);
            for (lane, value) in values.chunks_exact_mut(self.words()).enumerate() {
                self.take(&group, lane, value);
            }
        }
    }

    /// The residues of values of twice as many words as n, below n 2^b where n has b bits.
    ///
    /// # Panics
    /// If there are not as many residues as values.
    pub fn import_wide(&self, scratch: &mut Scratch, values: &[u64], residues: &mut [u64]) {
        let words = 2 * self.words();
        assert_eq!(values.len() * self.limbs, residues.len() * words, "counts differ");
        let mut columns = Wiped::zeros(2 * self.limbs);
        let values = values.chunks(LANES * words);
        for (values, residues) in values.zip(residues.chunks_mut(LANES * self.limbs)) {
            for (lane, value) in values.chunks_exact(words).enumerate() {
                self.put_wide(&mut columns, lane, value);
            }
            let Scratch { group, .. } = scratch;
            match &self.arithmetic {
                Arithmetic::Portable(portable) => portable.reduce(
                    bytemuck::must_cast_slice_mut(&mut columns),
                    bytemuck::must_cast_slice_mut(group),
                ),
                // SAFETY: the level was active when the modulus was made, so its features were detected.
                #[cfg(target_arch = "x86_64")]
                Arithmetic::Wide(constants, isa) => unsafe {
                    if *isa == Isa::Avx512Ifma {
                        x86::ifma::reduce(constants, &mut columns, group);
                    } else {
                        x86::avx512::reduce(constants, &mut columns, group);
                    }
                },
            }
            let mut reduced = Wiped::zeros(self.limbs);
            reduced.copy_from_slice(group);
            self.mul_assign(scratch, &mut reduced, &self.r_cubed);
            for (lane, residue) in residues.chunks_exact_mut(self.limbs).enumerate() {
                self.scatter(&reduced, lane, residue);
            }
        }
    }

    /// Like [`Self::put`] for twice as many words.
    fn put_wide(&self, columns: &mut [Limbs], lane: usize, value: &[u64]) {
        if self.is_sliced() {
            self.put(columns, lane, value);
        } else {
            let words: &mut [u64] = bytemuck::must_cast_slice_mut(columns);
            words[2 * lane * self.limbs..2 * (lane + 1) * self.limbs].copy_from_slice(value);
        }
    }

    fn check_counts(&self, values: &[u64], residues: &[u64]) {
        let count = values.len() / self.words();
        assert!(
            values.len() == count * self.words() && residues.len() == count * self.limbs,
            "{} words of values, {} of residues",
            values.len(),
            residues.len()
        );
    }

    /// Sets a group to eight residues of a slice by their numbers; 1 where there is none.
    ///
    /// # Panics
    /// If a number is out of range or the group has a wrong length.
    pub fn gather(&self, residues: &[u64], index: [Option<usize>; LANES], group: &mut [Limbs]) {
        for (lane, index) in index.into_iter().enumerate() {
            let residue =
                index.map_or(&self.one[..], |i| &residues[i * self.limbs..(i + 1) * self.limbs]);
            self.place(group, lane, residue);
        }
    }

    /// Sets one value of a group to a residue.
    ///
    /// # Panics
    /// If a length is wrong or there is no such lane.
    pub fn place(&self, group: &mut [Limbs], lane: usize, residue: &[u64]) {
        assert!(group.len() == self.limbs && residue.len() == self.limbs && lane < LANES);
        if self.is_sliced() {
            for (limbs, limb) in group.iter_mut().zip(residue) {
                limbs.0[lane] = *limb;
            }
        } else {
            let words: &mut [u64] = bytemuck::must_cast_slice_mut(group);
            words[lane * self.limbs..(lane + 1) * self.limbs].copy_from_slice(residue);
        }
    }

    /// Sets a residue to one value of a group.
    ///
    /// # Panics
    /// If a length is wrong or there is no such lane.
    pub fn scatter(&self, group: &[Limbs], lane: usize, residue: &mut [u64]) {
        assert!(group.len() == self.limbs && residue.len() == self.limbs && lane < LANES);
        if self.is_sliced() {
            for (limbs, limb) in group.iter().zip(residue) {
                *limb = limbs.0[lane];
            }
        } else {
            let words: &[u64] = bytemuck::must_cast_slice(group);
            residue.copy_from_slice(&words[lane * self.limbs..(lane + 1) * self.limbs]);
        }
    }

    /// Copies one value of a group into the same lane of another.
    ///
    /// # Panics
    /// If a length is wrong or there is no such lane.
    pub fn copy_lane(&self, from: &[Limbs], lane: usize, to: &mut [Limbs]) {
        assert!(from.len() == self.limbs && to.len() == self.limbs && lane < LANES);
        if self.is_sliced() {
            for (from, to) in from.iter().zip(to) {
                to.0[lane] = from.0[lane];
            }
        } else {
            let range = lane * self.limbs..(lane + 1) * self.limbs;
            let words: &[u64] = bytemuck::must_cast_slice(from);
            let to: &mut [u64] = bytemuck::must_cast_slice_mut(to);
            to[range.clone()].copy_from_slice(&words[range]);
        }
    }

    pub(super) fn is_sliced(&self) -> bool {
        !matches!(self.arithmetic, Arithmetic::Portable(_))
    }

    /// Sets one value of a raw group to words below R.
    pub(super) fn put(&self, group: &mut [Limbs], lane: usize, value: &[u64]) {
        if self.is_sliced() {
            for (i, limbs) in group.iter_mut().enumerate() {
                limbs.0[lane] = words::limb52(value, i);
            }
        } else {
            let words: &mut [u64] = bytemuck::must_cast_slice_mut(group);
            let words = &mut words[lane * self.limbs..(lane + 1) * self.limbs];
            words.fill(0);
            words[..value.len()].copy_from_slice(value);
        }
    }

    /// Reads one value, at most n, of a raw group, and reduces it.
    fn take(&self, group: &[Limbs], lane: usize, value: &mut [u64]) {
        if self.is_sliced() {
            value.fill(0);
            for (i, limbs) in group.iter().enumerate() {
                let (word, shift, limb) = (52 * i / 64, 52 * i % 64, limbs.0[lane]);
                if let Some(value) = value.get_mut(word) {
                    *value |= limb << shift;
                }
                if let Some(value) = value.get_mut(word + 1).filter(|_| shift > 12) {
                    *value |= limb >> (64 - shift);
                }
            }
        } else {
            let words: &[u64] = bytemuck::must_cast_slice(group);
            value.copy_from_slice(&words[lane * self.limbs..(lane + 1) * self.limbs]);
        }
        words::reduce_once(value, 0, &self.n);
    }
}
