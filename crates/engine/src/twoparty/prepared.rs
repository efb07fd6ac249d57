//! Material for an inference on one image or a batch, made and stored before the input is known.
//!
//! A linear layer is run on a random input of the client, as it is without preparation: the parties
//! hold shares of `W r`, and once the input is there the client opens `x - r` of its share
//! `x`; the server computes `W (x - r)` and its own part of the input in the clear. The online
//! phase of a linear layer sends one ring element per input and has no homomorphic operation.
//! Everything else stores the pads of its transfers.
//!
//! *Security*: as without preparation; `x - r` is uniform, for `r` is drawn afresh and used once.
//! That it is used once rests on the [`Store`](sordino_store::Store).
//!
//! *Source*: Mishra et al., "Delphi", USENIX Security 2020, for the offline linear layers; there the
//! client's share is `r` itself, which needs no opening but a protocol that hits a given share.

use super::CotPool;
use super::linear::{self, LinearSide};
use super::outline::Visitor;
use super::stock::{Part, Stock};
use crate::evaluator::Linear;
use crate::{Clock, Error, Layer};
use sordino_graph::fixed::{FixedGraph, FixedOp, semantics};
use sordino_secret::{Party, Ring, SecretRng, Share, pack, packed_len, unpack};
use sordino_store::{Entry, Writer};
use sordino_wire::{Kind, Lane, Masked, Meter, Phase, Role};
use zeroize::{Zeroize, Zeroizing};

const SEED: usize = 32;
const OPENING: Kind = Kind::new(0x0012, "opened input of a linear layer");

/// The owner's integers of a linear layer, the bias per output element.
pub(crate) struct Owner<'a> {
    pub kernel: &'a [i32],
    pub bias: Vec<u64>,
}

/// Refuses a graph with a layer whose correlations cannot be stored.
pub(crate) fn check(graph: &FixedGraph) -> Result<(), Error> {
    match graph.nodes.iter().find(|n| matches!(n.op, FixedOp::Lookup { .. })) {
        None => Ok(()),
        Some(node) => Err(Error::Unsupported {
            node: node.name.clone(),
            op: node.op.name().into(),
            why: "tables on shares cannot be prepared".into(),
            hint: "serve the network with --nonlinear ot, or infer without preparing".into(),
        }),
    }
}

/// Bytes that open a linear layer's masked input.
pub(crate) fn opening_len(l: &Layer<'_>) -> usize {
    packed_len(l.input_len(0), l.output().ring)
}

/// Kind of a party's entries for so many images in a store.
pub(crate) fn kind(role: Role, images: usize) -> String {
    let party = party(role);
    if images == 1 { party.into() } else { format!("{party}-{images}") }
}

/// The images that an entry of this kind serves; none if it is not this party's.
pub(crate) fn images(role: Role, kind: &str) -> usize {
    match kind.strip_prefix(party(role)) {
        Some("") => 1,
        Some(number) => number.strip_prefix('-').and_then(|n| n.parse().ok()).unwrap_or(0),
        None => 0,
    }
}

fn party(role: Role) -> &'static str {
    match role {
        Role::Client => "twoparty-client",
        Role::Server => "twoparty-server",
    }
}

/// Runs everything that does not depend on the input, and writes what it gives to a store.
pub(crate) struct Preparer<'a, P: Party> {
    pub lane: &'a mut Lane,
    pub clock: &'a mut Clock,
    pub pool: &'a mut CotPool,
    pub linear: LinearSide<'a>,
    pub rng: &'a mut SecretRng,
    pub writer: Writer,
    pub party: std::marker::PhantomData<P>,
}

impl<P: Party> Visitor for Preparer<'_, P> {
    fn begin(&mut self, l: &Layer<'_>) {
        self.lane.meter_mut().set(Phase::Offline, Some(l.index));
        self.clock.enter(Phase::Offline, Some(l.index));
    }

    fn linear(&mut self, l: &Layer<'_>) -> Result<(), Error> {
        let (n, ring) = (l.input_len(0), Ring::new(l.output().ring));
        // As large as it gets, so that nothing is left behind in memory that is too small.
        let len = SEED + packed_len(l.output_len(), ring.bits());
        let mut chunk = Zeroizing::new(Vec::with_capacity(len));
        let input = match P::ROLE {
            Role::Server => Share::<P>::zero(n, ring),
            Role::Client => {
                chunk.resize(SEED, 0);
                self.rng.fill_bytes(&mut chunk);
                Share::from_protocol(mask(&chunk, n, ring)?, ring)
            }
        };
        let mut tools = linear::Tools {
            lane: self.lane,
            clock: self.clock,
            pool: self.pool,
            rng: self.rng,
            phase: Phase::Offline,
        };
        let mut output = self.linear.run::<P>(&mut tools, l, &input, None)?;
        chunk.extend(pack(&output, ring.bits()));
        output.zeroize();
        Ok(self.writer.append(&chunk)?)
    }

    fn tile(&mut self, _: &Layer<'_>, parts: &[Part], _: &dyn Fn(&mut Meter)) -> Result<(), Error> {
        if parts.is_empty() {
            return Ok(());
        }
        let stock = Stock::draw::<P>(self.lane, self.pool, parts)?;
        Ok(self.writer.append(&stock.write(Stock::len::<P>(parts))?)?)
    }
}

/// One party's material, read in the order in which it was made.
pub(crate) struct Prepared(pub Entry);

impl Prepared {
    /// The correlations of the next tile.
    pub(crate) fn stock<P: Party>(&mut self, parts: &[Part]) -> Result<Stock, Error> {
        if parts.is_empty() {
            return Stock::read::<P>(parts, &[]);
        }
        Stock::read::<P>(parts, &self.next(Stock::len::<P>(parts))?)
    }

    /// The next linear layer: this party's share of `W x + bias`.
    pub(crate) fn layer<P: Party>(
        &mut self,
        lane: &mut Lane,
        l: &Layer<'_>,
        op: &Linear<'_>,
        x: &Share<P>,
        owner: Option<Owner<'_>>,
    ) -> Result<Vec<u64>, Error> {
        let (inputs, outputs) = (l.input_len(0), l.output_len());
        let ring = Ring::new(l.output().ring);
        let seed = if P::ROLE == Role::Client { SEED } else { 0 };
        let chunk = self.next(seed + packed_len(outputs, ring.bits()))?;
        let (seed, image) = chunk.split_at(seed);
        let mut image = unpack(image, ring.bits(), outputs);
        match P::ROLE {
            Role::Client => {
                let mut r = mask(seed, inputs, ring)?;
                for (r, x) in r.iter_mut().zip(x.expose()) {
                    *r = ring.reduce(x.wrapping_sub(*r));
                }
                lane.send(OPENING, Masked::new(&pack(&r, ring.bits())))?;
                lane.flush()?;
            }
            Role::Server => {
                let missing = || Error::Config(format!("layer '{}' has no kernel", l.node.name));
                let Owner { kernel, bias } = owner.ok_or_else(missing)?;
                let opened = lane.recv(OPENING, opening_len(l))?;
                let mut input = unpack(&opened, ring.bits(), inputs);
                for (v, own) in input.iter_mut().zip(x.expose()) {
                    *v = ring.reduce(v.wrapping_add(*own));
                }
                let products = input
                    .chunks(l.input(0).len())
                    .flat_map(|x| semantics::linear(op.conv, kernel, &[], x, ring.bits()));
                for ((image, product), bias) in image.iter_mut().zip(products).zip(bias) {
                    *image = ring.reduce(image.wrapping_add(product).wrapping_add(bias));
                }
            }
        }
        Ok(image)
    }

    fn next(&mut self, len: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let chunk = Zeroizing::new(self.0.next_chunk(len)?.unwrap_or_default());
        if chunk.len() == len {
            return Ok(chunk);
        }
        Err(Error::Config(format!(
            "stored material {} was made for another network or release: delete the store",
            self.0.info().id
        )))
    }
}

fn mask(seed: &[u8], n: usize, ring: Ring) -> Result<Vec<u64>, Error> {
    let seed = Zeroizing::new(
        <[u8; SEED]>::try_from(seed)
            .map_err(|_| Error::Config("a seed of another length".into()))?,
    );
    let mut words = vec![0; n];
    SecretRng::from_seed(*seed).fill_words(&mut words);
    words.iter_mut().for_each(|w| *w = ring.reduce(*w));
    Ok(words)
}
