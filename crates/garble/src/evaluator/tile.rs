use crate::tiles::{Run, TILE};
use crate::{Prime, Slot, Step};
use sordino_kernels::{Block, digits};
use std::ops::Range;

/// Active labels of every wire for some elements of a program.
pub(super) fn evaluate(run: &Run<'_>, range: Range<usize>, rows: &[Block]) -> Vec<Vec<u8>> {
    let mut tile = Tile {
        run,
        rows,
        slots: run.slots(&range),
        lanes: range.len(),
        start: range.start,
        permuted: [Block::ZERO; TILE],
        keys: [Block::ZERO; TILE],
        offsets: [0; TILE],
    };
    let (mut row, mut gate) = (0, 0);
    for step in &run.program.steps {
        let cost = run.program.step_cost(step);
        match step {
            Step::Project { from, outputs } => {
                tile.open(*from, row);
                let size = usize::from(run.program.prime(*from).get());
                for (i, (to, _)) in outputs.iter().enumerate() {
                    let p = run.program.prime(*to);
                    let mut out = std::mem::take(&mut tile.slots[to.0 as usize]);
                    tile.read(i * size, gate + i as u64, p, &mut out);
                    tile.slots[to.0 as usize] = out;
                }
            }
            Step::Combine { to, terms, .. } => {
                run.combine(&mut tile.slots, to.0 as usize, terms);
            }
            Step::Multiply { x, y, to } => tile.multiply([*x, *y, *to], row, gate),
        }
        row += cost.rows;
        gate += cost.gates as u64;
    }
    tile.slots
}

struct Tile<'a> {
    run: &'a Run<'a>,
    rows: &'a [Block],
    slots: Vec<Vec<u8>>,
    lanes: usize,
    start: usize,
    keys: [Block; TILE],
    permuted: [Block; TILE],
    /// Where each element's row of the open wire's first output lies.
    offsets: [usize; TILE],
}

impl Tile<'_> {
    /// Makes a wire's labels the keys of what is read next.
    fn open(&mut self, s: Slot, row: usize) {
        let p = self.run.program.prime(s);
        let slot = &self.slots[s.0 as usize];
        digits::pack(p.radix(), slot, &mut self.keys[..self.lanes]);
        self.run.hash.permute(&self.keys[..self.lanes], &mut self.permuted[..self.lanes]);
        for (lane, label) in slot.chunks_exact(p.digits()).enumerate() {
            self.offsets[lane] = lane * self.run.rows + row + usize::from(label[0]);
        }
    }

    /// Decrypts one output of the open wire.
    fn read(&self, column: usize, gate: u64, p: Prime, out: &mut [u8]) {
        let mut labels = [Block::ZERO; TILE];
        for (label, at) in labels.iter_mut().zip(&self.offsets[..self.lanes]) {
            *label = self.rows[at + column];
        }
        let id = self.run.first + gate * self.run.lanes as u64 + self.start as u64;
        let labels = &mut labels[..self.lanes];
        self.run.hash.mask(&self.permuted[..self.lanes], id, 1, labels);
        digits::unpack(p.radix(), labels, out);
    }

    fn multiply(&mut self, [x, y, to]: [Slot; 3], row: usize, gate: u64) {
        let (p, q) = (self.run.program.prime(x), self.run.program.prime(y));
        let small = usize::from(q.get());
        let size = self.lanes * p.digits();
        let [mut factor, mut mask, mut product] = [(); 3].map(|()| vec![0; size]);
        self.open(y, row);
        self.read(0, gate, p, &mut factor);
        self.read(small, gate + 1, p, &mut mask);
        self.open(x, row + 2 * small);
        self.read(0, gate + 2, p, &mut product);
        let colours: Vec<u8> =
            self.slots[x.0 as usize].chunks_exact(p.digits()).map(|label| label[0]).collect();
        digits::add_each(p.radix(), &mut product, &colours, &factor);
        digits::add(p.radix(), &product, &mask, &mut self.slots[to.0 as usize]);
    }
}
