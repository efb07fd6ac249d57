//! What both parties compute, counted in products modulo n^2: a square takes three quarters of one.

use super::blocks::blocks;
use super::plan::{Exchange, Plan, TILE};
use super::round::Round;
use super::supply;
use crate::Error;
use crate::session::PopcornMode;
use crate::work::{Held, Passing, RANDOMISING, Stage, WEIGHT, WorkLog, paillier};
use sordino_graph::fixed::{EdgeId, FixedOp};
use sordino_he::paillier::MASK_BITS;
use sordino_kernels::bigint::LANES;
use sordino_wire::Role;

/// Products of what is computed to every ciphertext.
const NEGATE: usize = 3;
const ADD: usize = 1;
const ADD_PLAIN: usize = 2;
/// Bringing a received ciphertext into its form, and seeing that it is invertible.
const READ: usize = 2;

fn squares(n: usize) -> usize {
    n * 3 / 4
}

/// A power of so many bits.
fn power(bits: usize) -> usize {
    squares(bits) + bits * 3 / 10
}

/// Ciphertexts are computed eight at a time.
fn lanes(n: usize) -> usize {
    n.next_multiple_of(LANES)
}

impl Plan {
    /// A request's input and output.
    pub(super) fn frame_work(&self, work: &mut WorkLog) {
        let units = paillier(self.strength);
        let (input, output) = (self.input_len(), self.output_len());
        let mut add = |party, unit, n| work.add_in(Stage::Turns, party, unit, n);
        add(Role::Client, units.encrypt, input);
        add(Role::Server, units.product, input * READ + output * (ADD + RANDOMISING));
        add(Role::Client, units.decrypt, output);
    }

    /// A layer, if no weight is zero.
    pub(super) fn layer_work(&self, work: &mut WorkLog, layer: u32) -> Result<(), Error> {
        let units = paillier(self.strength);
        if let Some(node) = self.graph.nodes.get(layer as usize) {
            let bits = match node.op {
                FixedOp::Linear { weight_bits, .. } => weight_bits,
                _ => 1,
            };
            let (mut products, mut multiples) = (0, 0);
            for block in blocks(&node.op) {
                let layout = block.layout()?;
                products += layout.expected_products(bits) as usize;
                multiples = multiples.max(layout.expected_multiples(bits));
            }
            let len = |e: EdgeId| self.graph.edges[e.0 as usize].len();
            let values = node.inputs.iter().map(|e| len(*e)).sum::<usize>() + 2 * len(node.output);
            let residues = self.strength.residue_bytes();
            work.held.pass(Role::Server, Passing::Step, (multiples + values) * residues);
            work.add_in(Stage::Turns, Role::Server, units.product, products);
        }
        for exchange in self.exchanges(layer) {
            self.exchange_work(work, exchange)?;
        }
        Ok(())
    }

    /// What both parties hold whatever the layer: tables of the key, and encryptions of zero in advance.
    pub(super) fn held(&self, held: &mut Held) {
        let ahead = supply::AHEAD * self.strength.residue_bytes();
        held.keep(
            Role::Server,
            self.strength.public_tables() + ahead + WEIGHT * self.graph.kernel_len(),
        );
        held.keep(Role::Client, self.strength.secret_tables() + ahead);
    }

    fn exchange_work(&self, work: &mut WorkLog, exchange: &Exchange) -> Result<(), Error> {
        let units = paillier(self.strength);
        // Values, what is asked of them, answers, and what they become.
        let values: usize = self.tiles(exchange).iter().map(|tile| tile.len()).sum();
        let residues = self.strength.residue_bytes();
        work.held.pass(Role::Server, Passing::Step, 4 * values * residues);
        work.held.pass(Role::Client, Passing::Step, 8 * TILE.min(values) * residues);
        for tile in self.tiles(exchange) {
            for round in &exchange.rounds {
                let n = tile.len();
                let asked: usize = self.question(*round, n)?.iter().sum();
                let answered: usize = round.answers().iter().map(|(_, each)| each * n).sum();
                let mut add = |party, unit, n| work.add_in(Stage::Pipeline, party, unit, n);
                add(Role::Client, units.decrypt, lanes(asked));
                add(Role::Client, units.encrypt, answered);
                let own = self.asking(*round, n)? + answered * READ + self.reading(*round, n);
                add(Role::Server, units.product, own + asked * (ADD_PLAIN + ADD + RANDOMISING));
            }
        }
        Ok(())
    }

    /// Products of the server's for a question about so many elements, but for sending it.
    fn asking(&self, round: Round, n: usize) -> Result<usize, Error> {
        let mut products = match round {
            Round::Split { exact: true, .. } => n * ADD_PLAIN,
            Round::Split { .. } => 0,
            Round::Carry { shift } => n * (squares(shift as usize) + NEGATE + ADD),
            Round::Rectify { bound, .. } => bound.map_or(0, |_| n * ADD_PLAIN),
        };
        if let Some(asked) = self.blinded(round, n)? {
            let turned = self.mode == PopcornMode::Affine;
            let (slot, factor) = (asked.blinding.slot_bits(), asked.blinding.factor_bits());
            let each = squares(slot - factor) + power(factor);
            products += lanes(asked.count) * asked.values.div_ceil(asked.count.max(1)) * each;
            products += if turned { lanes(asked.values) * NEGATE } else { 0 };
        }
        if let Some(asked) = self.masked(round, n)? {
            let join = (asked.slots - 1) * squares(asked.packing.slot_bits()) + asked.slots;
            products += lanes(asked.count) * join;
        }
        Ok(products)
    }

    /// Products of the server's for an answer about so many elements, but for reading it.
    fn reading(&self, round: Round, n: usize) -> usize {
        let turned = self.mode == PopcornMode::Affine;
        match round {
            Round::Split { .. } => n * ADD_PLAIN,
            Round::Carry { .. } if turned => n * (NEGATE + ADD_PLAIN + ADD),
            Round::Carry { .. } => n * ADD,
            Round::Rectify { bits, shift, bound } => {
                let (tests, factor) = (round.tests() * n, bits + MASK_BITS + 1 - shift);
                let parts = if shift > 0 { n * ADD_PLAIN } else { 0 };
                let kept = lanes(tests) * power(factor as usize) + tests * ADD;
                let others = if turned { tests * (NEGATE + ADD) } else { 0 };
                let bounded = bound.map_or(0, |_| n * (ADD_PLAIN + NEGATE + ADD));
                parts + kept + others + bounded
            }
        }
    }
}
