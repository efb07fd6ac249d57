use crate::tiles::Run;
use crate::{Offsets, Prime, Slot, Step};
use sordino_kernels::{Block, digits};
use std::ops::Range;

/// The largest modulus, as a buffer size.
const MAX: usize = 256;

/// The garbling of some elements of a program.
pub(super) struct Tile<'a> {
    run: &'a Run<'a>,
    seed: Block,
    offsets: &'a Offsets,
    range: Range<usize>,
    /// The elements' tables, element after element.
    rows: &'a mut [Block],
    /// Zero labels of every wire.
    slots: Vec<Vec<u8>>,
    keys: [Block; MAX],
    /// The permutation of `keys`, shared by all outputs of a wire.
    permuted: [Block; MAX],
    labels: [Block; MAX],
    index: [u8; MAX],
}

impl<'a> Tile<'a> {
    pub(super) fn new(
        run: &'a Run<'a>,
        seed: Block,
        offsets: &'a Offsets,
        range: Range<usize>,
        rows: &'a mut [Block],
    ) -> Self {
        let slots = run.slots(&range);
        let zero = [Block::ZERO; MAX];
        Self {
            run,
            seed,
            offsets,
            range,
            rows,
            slots,
            keys: zero,
            permuted: zero,
            labels: zero,
            index: [0; MAX],
        }
    }

    /// Writes the tables and returns every wire's zero labels.
    pub(super) fn garble(mut self) -> Vec<Vec<u8>> {
        let (mut row, mut gate) = (0, 0);
        let run = self.run;
        for step in &run.program.steps {
            let cost = run.program.step_cost(step);
            match step {
                Step::Project { from, outputs } => self.project(*from, outputs, row, gate),
                Step::Combine { to, terms, constant } => {
                    run.combine(&mut self.slots, to.0 as usize, terms);
                    let p = run.program.prime(*to);
                    let negated = vec![p.reduce(-i128::from(*constant)); self.range.len()];
                    let slot = &mut self.slots[to.0 as usize];
                    digits::add_each(p.radix(), slot, &negated, self.offsets.get(p));
                }
                Step::Multiply { x, y, to } => self.multiply([*x, *y, *to], row, gate),
            }
            row += cost.rows;
            gate += cost.gates as u64;
        }
        self.slots
    }

    /// Number of gate `gate` of the tile's first element.
    fn id(&self, gate: u64) -> u64 {
        self.run.first + gate * self.run.lanes as u64 + self.range.start as u64
    }

    fn fresh(&self, gate: u64, p: Prime) -> Vec<u8> {
        let mut labels = vec![0; p.digits() * self.range.len()];
        digits::sample(p.radix(), self.seed, self.id(gate), &mut labels);
        labels
    }

    fn label(&self, s: Slot, lane: usize) -> &[u8] {
        let n = self.run.program.prime(s).digits();
        &self.slots[s.0 as usize][lane * n..(lane + 1) * n]
    }

    /// Keys of a wire's values in the order of their colours, and the zero label's colour.
    fn open(&mut self, s: Slot, lane: usize) -> u8 {
        let p = self.run.program.prime(s);
        let n = usize::from(p.get());
        let at = lane * p.digits();
        let zero = &self.slots[s.0 as usize][at..at + p.digits()];
        digits::keys(p.radix(), zero, self.offsets.get(p), &mut self.keys[..n]);
        self.run.hash.permute(&self.keys[..n], &mut self.permuted[..n]);
        zero[0]
    }

    /// Encrypts `labels[table[v]]` under the key of every value `v` of the open wire.
    fn write(&mut self, lane: usize, row: usize, id: u64, colour: u8, table: &[u8], used: usize) {
        let n = table.len();
        digits::rotate(table, colour, &mut self.index[..n]);
        let at = lane * self.run.rows + row;
        let rows = &mut self.rows[at..at + n];
        digits::select(&self.labels[..used], &self.index[..n], rows);
        self.run.hash.mask(&self.permuted[..n], id, 0, rows);
    }

    fn project(&mut self, from: Slot, outputs: &[(Slot, Vec<u8>)], row: usize, gate: u64) {
        let program = self.run.program;
        let size = usize::from(program.prime(from).get());
        for (i, (to, _)) in outputs.iter().enumerate() {
            self.slots[to.0 as usize] = self.fresh(gate + i as u64, program.prime(*to));
        }
        let used: Vec<usize> = outputs
            .iter()
            .map(|(_, table)| usize::from(table.iter().copied().max().unwrap_or(0)) + 1)
            .collect();
        for lane in 0..self.range.len() {
            let colour = self.open(from, lane);
            for (i, (to, table)) in outputs.iter().enumerate() {
                let p = program.prime(*to);
                let at = lane * p.digits();
                let zero = &self.slots[to.0 as usize][at..at + p.digits()];
                digits::ladder(p.radix(), zero, self.offsets.get(p), &mut self.labels[..used[i]]);
                let id = self.id(gate + i as u64) + lane as u64;
                self.write(lane, row + i * size, id, colour, table, used[i]);
            }
        }
    }

    fn multiply(&mut self, [x, y, to]: [Slot; 3], row: usize, gate: u64) {
        let program = self.run.program;
        let (p, q) = (program.prime(x), program.prime(y));
        let (r, offset) = (p.radix(), self.offsets.get(p));
        let (size, small, n) = (usize::from(p.get()), usize::from(q.get()), p.digits());
        let [factor, mask, product] = [0, 1, 2].map(|i| self.fresh(gate + i, p));
        let values: Vec<u8> = (0..q.get()).map(|v| p.reduce(i128::from(v))).collect();
        let used = usize::from(values.iter().copied().max().unwrap_or(0)) + 1;
        for lane in 0..self.range.len() {
            let part = lane * n..(lane + 1) * n;
            let id = |i: u64| self.id(gate + i) + lane as u64;
            let ids = [0, 1, 2].map(id);
            // y, and y times minus the mask of x, both modulo p.
            let colour = self.open(y, lane);
            digits::ladder(r, &factor[part.clone()], offset, &mut self.labels[..used]);
            self.write(lane, row, ids[0], colour, &values, used);
            let mut step = vec![0; n];
            let negated = p.minus(self.label(x, lane)[0]);
            digits::add_each(r, &mut step, &[negated], offset);
            digits::ladder(r, &mask[part.clone()], &step, &mut self.labels[..used]);
            self.write(lane, row + small, ids[1], colour, &values, used);
            // For each colour c of x: the product's zero label minus c times that of y.
            self.open(x, lane);
            let mut step = vec![0; n];
            let zero = vec![0; n];
            digits::sub(r, &zero, &factor[part.clone()], &mut step);
            let at = lane * self.run.rows + row + 2 * small;
            let rows = &mut self.rows[at..at + size];
            digits::ladder(r, &product[part], &step, rows);
            self.run.hash.mask(&self.permuted[..size], ids[2], 0, rows);
        }
        let slot = &mut self.slots[to.0 as usize];
        digits::add(r, &product, &mask, slot);
    }
}
