use super::blind::Blinding;
use super::blocks::signs;
use super::messages::pieces;
use super::round::Round;
use super::support::refuse;
use crate::Error;
use crate::session::{
    BackendChoice, LinearChoice, PaillierBits, PopcornMode, Reveal, Truncation, Wish,
};
use sordino_graph::fixed::semantics::{Tournament, windows};
use sordino_graph::fixed::{FixedGraph, FixedNode, FixedOp, Function};
use sordino_he::paillier::{Packing, Slots, Strength};
use sordino_kernels::bigint::LANES;
use std::ops::Range;

/// Values that the exchanges of an inference are about, at most: hours of a core.
const MAX_VALUES: usize = 1 << 24;
/// Weights that the server sorts.
const MAX_WEIGHTS: usize = 1 << 25;
/// Ciphertexts of an edge, each of some 2 KiB as it is computed with.
const MAX_EDGE: usize = 1 << 22;
/// Values that are blinded in a tile, about: some hundred milliseconds of a core, a few MiB of answers.
pub(super) const TILE: usize = 1024;

/// What both parties derive from the graph and the wish.
pub(super) struct Plan {
    pub(super) graph: FixedGraph,
    pub(super) mode: PopcornMode,
    pub(super) strength: Strength,
    layers: Vec<Vec<Exchange>>,
    signs: Vec<Vec<bool>>,
}

/// Questions about the same values, round after round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) values: usize,
    pub(super) rounds: Vec<Round>,
}

/// How a tile's values are masked.
pub(super) struct Masked {
    pub(super) packing: Packing,
    pub(super) slots: usize,
    pub(super) count: usize,
}

/// How a tile's values are blinded.
pub(super) struct Blinded {
    pub(super) blinding: Blinding,
    pub(super) slots: Slots,
    pub(super) values: usize,
    pub(super) count: usize,
}

impl Plan {
    /// # Errors
    /// [`Error::Config`] for a wish that is not this backend's or a graph that is too large, [`Error::Unsupported`] for a
    /// layer that it cannot run.
    pub(super) fn new(graph: &FixedGraph, wish: &Wish) -> Result<Self, Error> {
        let BackendChoice::Popcorn(mode) = wish.backend else {
            return Err(Error::Config("the wish is not for the popcorn backend".into()));
        };
        let strength = match wish.linear {
            LinearChoice::Paillier(PaillierBits::N2048) => Strength::Bits112,
            LinearChoice::Paillier(PaillierBits::N3072) => Strength::Bits128,
            _ => {
                return Err(Error::Config(
                    "the popcorn backend has Paillier's encryption only: choose the size of its key".into(),
                ));
            }
        };
        if wish.reveal != Reveal::Logits {
            return Err(Error::Config(
                "the popcorn backend reveals the scores; the data owner finds the best class"
                    .into(),
            ));
        }
        let layers = layers(graph, wish.truncation)?;
        let signs = graph.nodes.iter().map(|node| signs(&node.op)).collect::<Result<_, _>>()?;
        Ok(Self { graph: graph.clone(), mode, strength, layers, signs })
    }

    /// The exchanges of a layer, in order.
    pub(super) fn exchanges(&self, layer: u32) -> &[Exchange] {
        self.layers.get(layer as usize).map_or(&[], |exchanges| exchanges)
    }

    /// For every part of a linear layer, whether the server gives a sign of life after it.
    pub(super) fn signs(&self, layer: u32) -> &[bool] {
        self.signs.get(layer as usize).map_or(&[], |signs| signs)
    }

    /// Signs of life that the server gives while it computes a layer.
    pub(super) fn signs_of_life(&self, layer: u32) -> usize {
        self.signs(layer).iter().filter(|sign| **sign).count()
    }

    /// The values of an exchange together with its dummies.
    pub(super) fn asked(&self, exchange: &Exchange) -> usize {
        match self.mode {
            PopcornMode::Affine => exchange.values,
            PopcornMode::Paper => exchange.values + exchange.values.div_ceil(4),
        }
    }

    /// The tiles of an exchange, which fill the ciphertexts of blinded values.
    pub(super) fn tiles(&self, exchange: &Exchange) -> Vec<Range<usize>> {
        let filled = exchange.rounds.iter().find_map(|round| {
            let (tests, bits) = round.blinded()?;
            let slots = Slots::most(self.strength, self.blinding(bits).slot_bits());
            Some(((slots.max(1) * LANES).div_ceil(tests), tests))
        });
        let (unit, tests) = filled.unwrap_or((1, 1));
        // Small layers in smaller tiles, so that parties overlap there, too.
        let asked = self.asked(exchange);
        let size = (asked / 4).clamp(TILE / 2, TILE) / tests;
        pieces(asked, (size / unit).max(1) * unit).collect()
    }

    /// How the values of a round are masked together.
    pub(super) fn masked(&self, round: Round, elements: usize) -> Result<Option<Masked>, Error> {
        let Some(bits) = round.masked() else { return Ok(None) };
        let packing = Packing::new(self.strength, bits)?;
        let slots = balanced(elements, packing.slots());
        Ok(Some(Masked { packing, slots, count: elements.div_ceil(slots) }))
    }

    /// How the values of a round are blinded together.
    pub(super) fn blinded(&self, round: Round, elements: usize) -> Result<Option<Blinded>, Error> {
        let Some((tests, bits)) = round.blinded() else { return Ok(None) };
        let (blinding, values) = (self.blinding(bits), tests * elements);
        let bits = blinding.slot_bits();
        let slots = balanced(values, Slots::most(self.strength, bits));
        let slots = Slots::new(self.strength, bits, slots)?;
        Ok(Some(Blinded { blinding, slots, values, count: slots.count(values) }))
    }

    /// Ciphertexts of a round's question about so many elements: blinded and masked.
    pub(super) fn question(&self, round: Round, elements: usize) -> Result<[usize; 2], Error> {
        let blinded = self.blinded(round, elements)?.map_or(0, |blinded| blinded.count);
        Ok([blinded, self.masked(round, elements)?.map_or(0, |masked| masked.count)])
    }

    /// Ciphertexts that the server and the client make in an inference: all questions and the output, and the input and
    /// all answers.
    pub(super) fn ciphertexts(&self) -> Result<[usize; 2], Error> {
        let (mut server, mut client) = (self.output_len(), self.input_len());
        for exchange in self.layers.iter().flatten() {
            for tile in self.tiles(exchange) {
                for round in &exchange.rounds {
                    server += self.question(*round, tile.len())?.iter().sum::<usize>();
                    client += round.answers().iter().map(|(_, n)| n * tile.len()).sum::<usize>();
                }
            }
        }
        Ok([server, client])
    }

    /// Every round of an inference, with the number of values that it is about.
    pub(super) fn rounds(&self) -> impl Iterator<Item = (Round, usize)> {
        let exchanges = self.layers.iter().flatten();
        exchanges.flat_map(|e| e.rounds.iter().map(|round| (*round, e.values)))
    }

    /// How values of so many bits are blinded.
    pub(super) fn blinding(&self, bits: u32) -> Blinding {
        Blinding::new(self.mode, bits)
    }

    pub(super) fn input_len(&self) -> usize {
        self.graph.edges[self.graph.input.0 as usize].len()
    }

    pub(super) fn output_len(&self) -> usize {
        self.graph.edges[self.graph.output.0 as usize].len()
    }
}

/// The exchanges of every layer.
///
/// # Errors
/// [`Error::Config`] for a graph that is too large, [`Error::Unsupported`] for a layer that cannot be run.
pub(super) fn layers(
    graph: &FixedGraph,
    truncation: Truncation,
) -> Result<Vec<Vec<Exchange>>, Error> {
    let exchanges = |node| exchanges(graph, node, truncation);
    let layers: Vec<Vec<Exchange>> = graph.nodes.iter().map(exchanges).collect::<Result<_, _>>()?;
    let asked = layers.iter().flatten().flat_map(|exchange| {
        let tests = exchange.rounds.iter().map(|round| round.tests().max(1));
        tests.map(|tests| exchange.values.saturating_mul(tests))
    });
    let values = asked.fold(0, usize::saturating_add);
    let weights: usize = graph.nodes.iter().map(kernel_len).fold(0, usize::saturating_add);
    let widest = graph.edges.iter().map(|edge| edge.len()).max().unwrap_or(0);
    if values > MAX_VALUES || weights > MAX_WEIGHTS || widest > MAX_EDGE {
        return Err(Error::Config(format!(
            "{values} values to ask the client for, {weights} weights and an edge of {widest} elements are too many for \
             the popcorn backend (at most {MAX_VALUES}, {MAX_WEIGHTS} and {MAX_EDGE}); use --backend twoparty"
        )));
    }
    Ok(layers)
}

/// Slots of a ciphertext, at most `most`, with which as few groups of ciphertexts as possible are about equally full: work
/// goes with the slots of a group, whether or not all its lanes are used.
fn balanced(values: usize, most: usize) -> usize {
    let groups = values.div_ceil(most.max(1) * LANES).max(1);
    values.div_ceil(groups * LANES).max(1)
}

fn kernel_len(node: &FixedNode) -> usize {
    match &node.op {
        FixedOp::Linear { conv, .. } => {
            let [kh, kw] = conv.kernel.map(|k| k as usize);
            (conv.cout as usize * (conv.cin / conv.groups) as usize).saturating_mul(kh * kw)
        }
        _ => 0,
    }
}

/// Checks a layer and lists its exchanges.
pub(super) fn exchanges(
    graph: &FixedGraph,
    node: &FixedNode,
    truncation: Truncation,
) -> Result<Vec<Exchange>, Error> {
    let input = &graph.edges[node.inputs[0].0 as usize];
    Ok(match &node.op {
        FixedOp::Activate { shift, function, .. } => {
            let rounds = activation(input.ring, *shift, *function, truncation);
            let asks = !rounds.is_empty();
            asks.then(|| Exchange { values: input.len(), rounds }).into_iter().collect()
        }
        FixedOp::MaxPool(pool) => {
            // Differences of two values.
            let bits = input.ring + 1;
            let rounds = vec![Round::Rectify { bits, shift: 0, bound: None }];
            let levels = Tournament::new(&windows(pool)).levels;
            let pairs = levels.iter().map(|level| level.pairs.len() * pool.channels as usize);
            pairs.map(|values| Exchange { values, rounds: rounds.clone() }).collect()
        }
        FixedOp::Mul => {
            return Err(refuse(
                node,
                "products of two secrets are not computed on Paillier's encryption alone",
            ));
        }
        FixedOp::ArgMax => {
            return Err(refuse(node, "the data owner finds the best class in the scores itself"));
        }
        FixedOp::Lookup { .. } | FixedOp::Rescale { .. } => {
            return Err(refuse(node, "only the garbled backend computes it"));
        }
        FixedOp::Linear { .. }
        | FixedOp::AddConst { .. }
        | FixedOp::SumPool(_)
        | FixedOp::Add { .. }
        | FixedOp::Concat { .. }
        | FixedOp::Rearrange(_) => Vec::new(),
    })
}

fn activation(ring: u32, shift: u32, function: Function, truncation: Truncation) -> Vec<Round> {
    // What no value reaches is no bound.
    let bound = match function {
        Function::ReluMax { hi } if ring - shift > u64::BITS - hi.leading_zeros() => Some(hi),
        _ => None,
    };
    let rectifies = function != Function::Identity;
    if rectifies && (shift == 0 || truncation == Truncation::OneLsb) {
        return vec![Round::Rectify { bits: ring, shift, bound }];
    }
    if shift == 0 {
        return Vec::new();
    }
    let exact = truncation == Truncation::Exact;
    let split = [Round::Split { bits: ring, shift, exact }];
    let carry = exact.then_some(Round::Carry { shift });
    // Rounded up at the most.
    let rectify = Round::Rectify { bits: ring - shift + 1, shift: 0, bound };
    split.into_iter().chain(carry).chain(rectifies.then_some(rectify)).collect()
}
