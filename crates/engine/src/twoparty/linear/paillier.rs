//! Linear layers on Paillier's encryption: the client's share of the same element of all tiles of the image in the slots
//! of one ciphertext, the server's weights as exponents, the sums masked before they go back.
//!
//! The client encrypts its share, centred, as integers; the server adds up powers of the ciphertexts, skipping
//! weights of zero, adds a mask to every slot and re-randomises. Masked sums and masks are additive shares: whatever
//! bits they have above the ring are dropped.
//!
//! *Cost*: [`Strength::ciphertext_bytes`] for each input and result of the [`Layout`]; one round. Computing is about a
//! product modulo n^2 for each non-zero weight and result.
//!
//! *Security*: semi-honest. The server sees encryptions; the client sees sums under masks that are
//! [`MASK_BITS`](sordino_he::paillier::MASK_BITS) bits wider than any sum, in ciphertexts re-randomised within 2^-63. The
//! time that the server takes tells the client roughly how many weights are zero, how large the largest is, and whether
//! any is negative.
//!
//! *Source*: Paillier, EUROCRYPT 1999; the module [`sordino_he::paillier`] for what is ours.

use crate::session::PaillierBits;
use crate::shape::encrypted;
use crate::work::{Passing, RANDOMISING, Unit, WorkLog, paillier};
use crate::{Error, Layer};
use sordino_graph::fixed::{FixedGraph, FixedNode, FixedOp, Weights, semantics};
use sordino_he::paillier::{
    Ciphertexts, Layout, Linear, Packing, Pool, PublicKey, SecretKey, Strength,
};
use sordino_secret::{Ring, SecretRng};
use sordino_wire::{Cipher, Dir, Kind, Lane, Meter, Public, Role};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

const PUBLIC_KEY: Kind = Kind::new(0x0310, "Paillier public key");
const INPUT: Kind = Kind::new(0x0311, "encrypted tiles");
const RESULT: Kind = Kind::new(0x0312, "masked tiles");

/// Ciphertexts of a message.
const CHUNK: usize = 64;
/// Products of an image that a party agrees to: some twenty minutes of one core.
const MAX_PRODUCTS: u64 = 1 << 28;
/// Ciphertexts of a layer that a party holds at a time, each of some 2 KiB as it is computed with.
const MAX_CIPHERTEXTS: usize = 1 << 18;
/// Slots that the client fills for a layer.
const MAX_SLOTS: usize = 1 << 26;
/// Weights that the server sorts.
const MAX_WEIGHTS: usize = 1 << 25;

/// What both parties derive from the graph.
pub(crate) struct Plans {
    strength: Strength,
    layers: BTreeMap<u32, Plan>,
}

struct Plan {
    layout: Layout,
    packing: Packing,
    ring: Ring,
}

/// The owner's kernels, by layer number.
pub(crate) struct Kernels(BTreeMap<u32, Linear>);

impl Plans {
    /// Slots with room for the rings, kernel entries and sums of the graph.
    pub(crate) fn new(graph: &FixedGraph, bits: PaillierBits) -> Result<Self, Error> {
        let strength = match bits {
            PaillierBits::N2048 => Strength::Bits112,
            PaillierBits::N3072 => Strength::Bits128,
        };
        let mut layers = BTreeMap::new();
        let (mut products, mut weights) = (0_u64, 0_usize);
        for (i, node) in graph.nodes.iter().enumerate() {
            if !matches!(node.op, FixedOp::Linear { .. }) {
                continue;
            }
            let plan = Plan::new(graph, node, strength)?;
            products = products.saturating_add(plan.products());
            weights = weights.saturating_add(plan.layout.shape().kernel_len());
            // Before the next layer is laid out: the graph is the server's word.
            if products > MAX_PRODUCTS || weights > MAX_WEIGHTS {
                return Err(Error::Config(format!(
                    "up to layer '{}', {products} products modulo n^2 and {weights} weights are too many for Paillier's \
                     encryption (at most {MAX_PRODUCTS} and {MAX_WEIGHTS}); use --linear lattice",
                    node.name
                )));
            }
            layers.insert(i as u32, plan);
        }
        Ok(Self { strength, layers })
    }

    /// Whether the results of so many images may wait for each other.
    pub(crate) fn fit(&self, images: usize) -> Result<(), Error> {
        let most = self.layers.values().map(|plan| plan.layout.separate()).max().unwrap_or(0);
        match most.saturating_mul(images) {
            n if n > MAX_CIPHERTEXTS && images > 1 => {
                Err(super::too_many(images, format!("a layer has {n} Paillier ciphertexts")))
            }
            _ => Ok(()),
        }
    }

    fn layer(&self, layer: u32) -> Result<&Plan, Error> {
        let missing = || Error::Config(format!("layer {layer} has no layout"));
        self.layers.get(&layer).ok_or_else(missing)
    }

    /// Products modulo n^2 of a layer without weights of zero.
    pub(crate) fn products(&self, layer: u32) -> Result<u64, Error> {
        Ok(self.layer(layer)?.products())
    }

    /// Client: makes a key and sends the public one.
    pub(crate) fn send_key(
        &self,
        lane: &mut Lane,
        rng: &mut SecretRng,
    ) -> Result<SecretKey, Error> {
        let key = SecretKey::generate(self.strength, rng);
        lane.send(PUBLIC_KEY, Public::new(&key.public().to_bytes()))?;
        lane.flush()?;
        Ok(key)
    }

    /// Server: receives the public key.
    pub(crate) fn receive_key(&self, lane: &mut Lane) -> Result<PublicKey, Error> {
        let bytes = lane.recv(PUBLIC_KEY, self.strength.public_key_bytes())?;
        Ok(PublicKey::from_bytes(self.strength, &bytes)?)
    }

    /// Messages of the key.
    pub(crate) fn key_cost(&self, m: &mut Meter) {
        m.message(Dir::Up, self.strength.public_key_bytes());
    }

    /// Making the key, and reading it.
    pub(crate) fn key_work(&self, work: &mut WorkLog) {
        let units = paillier(self.strength);
        work.add(Role::Client, units.key, 1);
        work.add(Role::Server, units.read, 1);
        work.held.keep(Role::Client, self.strength.secret_tables());
        work.held.keep(Role::Server, self.strength.public_tables());
    }

    /// What both parties compute for one layer, if no weight is zero.
    pub(crate) fn work(&self, work: &mut WorkLog, l: &Layer<'_>) -> Result<(), Error> {
        let (plan, units) = (self.layer(l.index)?, paillier(self.strength));
        work.add(Role::Client, units.encrypt, l.images * plan.layout.inputs());
        work.add(Role::Client, units.decrypt, l.images * plan.layout.results());
        let FixedOp::Linear { weight_bits, .. } = l.node.op else { return Ok(()) };
        let products = plan.layout.expected_products(weight_bits) as usize;
        let residues = plan.layout.expected_multiples(weight_bits)
            + 2 * plan.layout.inputs()
            + 3 * plan.layout.results();
        work.held.pass(Role::Server, Passing::Step, residues * self.strength.residue_bytes());
        let randomising = plan.layout.results() * RANDOMISING;
        work.add(Role::Server, units.product, l.images * (products + randomising));
        work.add(Role::Server, Unit::Product, super::own_products(l));
        Ok(())
    }

    /// Messages of one layer.
    pub(crate) fn cost(&self, m: &mut Meter, layer: u32, images: usize) -> Result<(), Error> {
        let plan = self.layer(layer)?;
        let size = self.strength.ciphertext_bytes();
        for n in (0..images).flat_map(|_| chunks(plan.layout.inputs())) {
            m.message(Dir::Up, n * size);
        }
        let parts = plan.layout.parts();
        for n in (0..images).flat_map(|_| &parts).flat_map(|part| chunks(part.len())) {
            m.message(Dir::Down, n * size);
        }
        Ok(())
    }

    /// The client's share of `W x`.
    pub(crate) fn client(
        &self,
        lane: &mut Lane,
        key: &SecretKey,
        l: &Layer<'_>,
        x: &[u64],
        rng: &mut SecretRng,
    ) -> Result<Vec<u64>, Error> {
        let Plan { layout, packing, ring } = self.layer(l.index)?;
        let (public, slots) = (key.public(), layout.input_slots());
        let mut pool = Pool::new(public);
        for x in x.chunks(l.input(0).len()) {
            let centred = Zeroizing::new(x.iter().map(|x| ring.signed(*x)).collect::<Vec<_>>());
            let values = Zeroizing::new(layout.arrange(&centred)?);
            for values in values.chunks(CHUNK * slots) {
                key.fill(&mut pool, values.len() / slots, rng)?;
                let rows = public.encrypt(&packing.pack(public, slots, values)?, &mut pool)?;
                lane.send(INPUT, Cipher::new(&rows.to_bytes()))?;
            }
        }
        lane.flush()?;
        let (mut y, parts) = (vec![0; l.output_len()], layout.parts());
        for y in y.chunks_mut(l.output().len()) {
            let slots = layout.result_slots();
            for results in parts.iter().flat_map(|part| part.chunks(CHUNK)) {
                let bytes = lane.recv(RESULT, results.len() * self.strength.ciphertext_bytes())?;
                let masked = key.decrypt(&Ciphertexts::from_bytes(public, &bytes)?)?;
                let opened = packing.open(public, slots, &masked)?;
                for (result, slots) in results.iter().zip(opened.chunks_exact(slots)) {
                    scatter(layout, *result, slots, |to, v| y[to] = ring.reduce(v));
                }
            }
        }
        Ok(y)
    }

    /// The server's share of `W x + bias`.
    pub(crate) fn server(
        &self,
        lane: &mut Lane,
        (key, kernels, weights): (&PublicKey, &Kernels, &Weights),
        l: &Layer<'_>,
        x: &[u64],
        bias: &[u64],
        rng: &mut SecretRng,
    ) -> Result<Vec<u64>, Error> {
        let missing = || Error::Config(format!("layer '{}' has no kernel", l.node.name));
        let Plan { layout, packing, ring } = self.layer(l.index)?;
        let kernel = kernels.0.get(&l.index).ok_or_else(missing)?;
        let FixedOp::Linear { conv, weights: id, .. } = &l.node.op else { return Err(missing()) };
        let layer = weights.layers.get(id.0 as usize).ok_or_else(missing)?;
        let mut y = Vec::with_capacity(l.output_len());
        let (parts, slots) = (layout.parts(), layout.result_slots());
        let images = x.chunks(l.input(0).len()).len();
        let mut waiting = Vec::new();
        for (image, x) in x.chunks(l.input(0).len()).enumerate() {
            // While the client encrypts.
            let mut pool = Pool::new(key);
            pool.fill(layout.results(), rng);
            let mut own = semantics::linear(conv, &layer.kernel, &[], x, ring.bits());
            let mut bytes = Vec::with_capacity(layout.inputs() * self.strength.ciphertext_bytes());
            for n in chunks(layout.inputs()) {
                bytes.extend(lane.recv(INPUT, n * self.strength.ciphertext_bytes())?);
            }
            let mut parts = parts.iter();
            kernel.apply(&Ciphertexts::from_bytes(key, &bytes)?, |sums| {
                let mut first = 0;
                for results in parts.next().into_iter().flat_map(|part| part.chunks(CHUNK)) {
                    let masks = packing.mask(key, slots, results.len(), rng)?;
                    let rows: Vec<usize> = (first..first + results.len()).collect();
                    let masked =
                        sums.select(&rows)?.add_plain(&masks.plaintexts)?.release(&mut pool)?;
                    waiting.push(masked.to_bytes());
                    for (result, shares) in results.iter().zip(masks.shares.chunks_exact(slots)) {
                        scatter(layout, *result, shares, |to, v| own[to] = own[to].wrapping_add(v));
                    }
                    first += results.len();
                }
                // The client reads none before it has sent all images.
                if image + 1 == images {
                    for message in waiting.drain(..) {
                        lane.send(RESULT, Cipher::new(&message))?;
                    }
                    lane.flush()?;
                }
                Ok::<_, Error>(())
            })?;
            y.extend(own);
        }
        for (i, y) in y.iter_mut().enumerate() {
            *y = ring.reduce(y.wrapping_add(bias.get(i).copied().unwrap_or_default()));
        }
        Ok(y)
    }
}

impl Plan {
    fn new(graph: &FixedGraph, node: &FixedNode, strength: Strength) -> Result<Self, Error> {
        let refuse = |why: String| Error::Unsupported {
            node: node.name.clone(),
            op: node.op.name().into(),
            why,
            hint: "use --linear lattice".into(),
        };
        let FixedOp::Linear { conv, weight_bits, .. } = &node.op else {
            return Err(refuse("it is not linear".into()));
        };
        let ring = Ring::new(graph.edges[node.output.0 as usize].ring);
        let taps = u64::from(conv.cin / conv.groups) * u64::from(conv.kernel[0] * conv.kernel[1]);
        // A weight and a share each have one bit of sign; so has the sum.
        let bits = ring.bits() + weight_bits - 1 + taps.max(1).next_power_of_two().ilog2();
        let packing = Packing::new(strength, bits).map_err(|e| refuse(e.to_string()))?;
        let layout =
            Layout::tiles(&encrypted(conv), &packing).map_err(|e| refuse(e.to_string()))?;
        let slots = layout.inputs().saturating_mul(layout.input_slots());
        let held = layout.inputs().max(layout.separate());
        if slots > MAX_SLOTS || held > MAX_CIPHERTEXTS {
            return Err(refuse(format!(
                "on Paillier's encryption it has {held} ciphertexts and {slots} slots, at most {MAX_CIPHERTEXTS} and \
                 {MAX_SLOTS}"
            )));
        }
        Ok(Self { layout, packing, ring })
    }

    /// Those for weights other than zero and for joining, and those that re-randomise results.
    fn products(&self) -> u64 {
        self.layout.products() + (self.layout.results() * RANDOMISING) as u64
    }
}

impl Kernels {
    /// Sorts the weights.
    pub(crate) fn new(plans: &Plans, graph: &FixedGraph, weights: &Weights) -> Result<Self, Error> {
        let mut kernels = BTreeMap::new();
        for (i, plan) in &plans.layers {
            if let FixedOp::Linear { weights: id, .. } = &graph.nodes[*i as usize].op {
                let kernel = &weights.layers[id.0 as usize].kernel;
                kernels.insert(*i, Linear::new(&plan.layout, kernel)?);
            }
        }
        Ok(Self(kernels))
    }
}

fn chunks(count: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(CHUNK).map(move |i| CHUNK.min(count - i))
}

/// Calls `put` with the element of the output that each slot of a result holds.
fn scatter(layout: &Layout, result: usize, row: &[u64], mut put: impl FnMut(usize, u64)) {
    for (slot, v) in row.iter().enumerate() {
        if let Some(to) = layout.element(result, slot) {
            put(to, *v);
        }
    }
}
