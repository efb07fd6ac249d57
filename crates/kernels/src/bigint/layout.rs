//! Residues and groups: what goes where, and how values come in and out.

use super::{Arithmetic, LANES, Limbs, Modulus, PARTS, Scratch, Task, Weight, words};
use crate::Wiped;

impl Modulus {
    /// The residues of values of any common number of words, at most four times n's words.
    ///
    /// # Panics
    /// If the values are not as many as the residues, or longer.
    pub fn import(&self, scratch: &mut Scratch, values: &[u64], residues: &mut [u64]) {
        let words = self.words_each(values, residues);
        let parts = match self.is_sliced() {
            true => (64 * words).div_ceil(52 * self.length()),
            false => words.div_ceil(self.length()),
        };
        assert!(parts <= PARTS, "values of {words} words modulo {}", self.words());
        self.sums(scratch, parts, &self.powers, residues, |raw, i| {
            self.put(raw, i % LANES, &values[i * words..(i + 1) * words]);
        });
    }

    /// The residues of x + f y for numbers x and y of as many words as n, and f.
    ///
    /// # Panics
    /// If there are not as many numbers as residues.
    pub fn import_sum(
        &self,
        scratch: &mut Scratch,
        x: &[u64],
        f: &Weight,
        y: &[u64],
        residues: &mut [u64],
    ) {
        let n = self.words() / self.numbers;
        assert!(
            [x, y].iter().all(|x| self.words_each(x, residues) == n),
            "numbers of another length"
        );
        self.sums(scratch, 2, &f.0, residues, |raw, i| {
            for (k, x) in [x, y].into_iter().enumerate() {
                self.put_number(raw, i % LANES, [k, 2], &x[i * n..(i + 1) * n]);
            }
        });
    }

    /// Prepares a residue as a factor of [`Self::import_sum`].
    pub fn weight(&self, scratch: &mut Scratch, residue: &[u64]) -> Weight {
        let mut weights = Wiped::zeros(2 * self.limbs);
        let (one, own) = weights.split_at_mut(self.limbs);
        one.copy_from_slice(&self.powers[..self.limbs]);
        self.gather(residue, [Some(0); LANES], own);
        self.mul_assign(scratch, own, one);
        Weight(weights)
    }

    /// Sums of weights times numbers, which `put` sets for each residue.
    fn sums(
        &self,
        scratch: &mut Scratch,
        parts: usize,
        weights: &[Limbs],
        residues: &mut [u64],
        put: impl Fn(&mut [Limbs], usize),
    ) {
        let mut raw = Wiped::zeros(parts * self.length());
        for (group, residues) in residues.chunks_mut(LANES * self.limbs).enumerate() {
            for lane in 0..residues.len() / self.limbs {
                put(&mut raw, LANES * group + lane);
            }
            let Scratch { work, group } = scratch;
            self.run(work, Task::Sum(&raw, weights), group);
            for (lane, residue) in residues.chunks_exact_mut(self.limbs).enumerate() {
                self.scatter(group, lane, residue);
            }
        }
    }

    /// Turns residues into values below the modulus, of [`Self::words`] words: the inverse of [`Self::import`].
    ///
    /// # Panics
    /// If there are not as many values as residues.
    pub fn export(&self, scratch: &mut Scratch, residues: &[u64], values: &mut [u64]) {
        assert_eq!(self.words_each(values, residues), self.words(), "values of another length");
        let mut raw = Wiped::zeros(self.limbs);
        let values = values.chunks_mut(LANES * self.words());
        for (values, residues) in values.zip(residues.chunks(LANES * self.limbs)) {
            for (lane, residue) in residues.chunks_exact(self.limbs).enumerate() {
                self.place(&mut raw, lane, residue);
            }
            let Scratch { work, group } = scratch;
            self.run(work, Task::Value(&raw), group);
            for (lane, value) in values.chunks_exact_mut(self.words()).enumerate() {
                self.take(group, lane, value);
            }
        }
    }

    /// Words of each of as many values as there are residues.
    fn words_each(&self, values: &[u64], residues: &[u64]) -> usize {
        let count = residues.len() / self.limbs;
        let words = values.len().checked_div(count).unwrap_or(self.words());
        assert!(
            values.len() == count * words && residues.len() == count * self.limbs,
            "{} words of values, {} of residues",
            values.len(),
            residues.len()
        );
        words
    }

    /// The words of one number of a residue.
    fn length(&self) -> usize {
        self.limbs / self.numbers
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

    /// Sets one value of a raw group to words, which fit.
    fn put(&self, group: &mut [Limbs], lane: usize, value: &[u64]) {
        if self.is_sliced() {
            for (i, limbs) in group.iter_mut().enumerate() {
                limbs.0[lane] = words::limb52(value, i);
            }
        } else {
            let len = group.len();
            let words: &mut [u64] = bytemuck::must_cast_slice_mut(group);
            let words = &mut words[lane * len..(lane + 1) * len];
            words[..value.len()].copy_from_slice(value);
            words[value.len()..].fill(0);
        }
    }

    /// Sets one number of a value of so many.
    pub(super) fn put_number(
        &self,
        group: &mut [Limbs],
        lane: usize,
        [k, numbers]: [usize; 2],
        number: &[u64],
    ) {
        let length = self.length();
        if self.is_sliced() {
            self.put(&mut group[k * length..(k + 1) * length], lane, number);
        } else {
            let words: &mut [u64] = bytemuck::must_cast_slice_mut(group);
            words[(lane * numbers + k) * length..][..length].copy_from_slice(number);
        }
    }

    /// Reads one value, below twice the modulus, of a raw group, and reduces it.
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
        words::reduce_once(value, &mut 0, &self.bound);
    }
}
