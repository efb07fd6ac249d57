//! Linear layers on lattice ciphertexts: a few sets of parameters, each with keys of its own, for a
//! session, one layout per layer, kernels encoded once per model.

use crate::shape::encrypted;
use crate::work::{Passing, Unit, WorkLog};
use crate::{Error, Layer};
use sordino_graph::fixed::{FixedGraph, FixedModel, FixedOp};
use sordino_he::{
    ClientKeys, ConvLayout, EncodedKernel, LayerSpec, LayerWork, Params, ServerKeys, SessionPlan,
    linear, residues,
};
use sordino_secret::SecretRng;
use sordino_wire::{Lane, Meter, Role};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Bytes of transformed kernels that a model keeps in memory.
const KERNEL_BUDGET: usize = 600 << 20;

/// What both parties derive from the graph.
pub(crate) struct Plans {
    session: SessionPlan,
    /// Places in the session's layers by layer number.
    places: BTreeMap<u32, usize>,
    /// Layouts by number of images, made when they are first needed.
    batches: Mutex<BTreeMap<usize, Batch>>,
    budgets: OnceLock<BTreeMap<u32, usize>>,
}

/// A party's keys by the number of the set of parameters; none where no layer uses it.
pub(crate) type Keys<K> = Vec<Option<K>>;

/// For each of the session's layers its layouts, one after the other.
type Batch = Arc<Vec<Arc<[ConvLayout]>>>;

/// The owner's kernels in the form that the products use, by layer number.
pub(crate) struct Kernels(BTreeMap<u32, EncodedKernel>);

impl Plans {
    /// Parameters with room for the rings, kernel entries and sums of the graph, all of whose
    /// layers must have a meaning on shares.
    pub(crate) fn new(graph: &FixedGraph) -> Result<Self, Error> {
        crate::twoparty::support::on_shares(graph)?;
        let (mut specs, mut nodes) = (Vec::new(), Vec::new());
        for (i, node) in graph.nodes.iter().enumerate() {
            if let FixedOp::Linear { conv, weight_bits, .. } = &node.op {
                let plain_bits = graph.edges[node.output.0 as usize].ring;
                specs.push(LayerSpec {
                    shape: encrypted(conv),
                    plain_bits,
                    weight_bits: *weight_bits,
                });
                nodes.push((i as u32, node));
            }
        }
        let session = SessionPlan::new(&specs).map_err(|(i, e)| Error::Unsupported {
            node: nodes[i].1.name.clone(),
            op: "Linear".into(),
            why: e.to_string(),
            hint: "use a smaller ring, narrower weights or a smaller kernel".into(),
        })?;
        let places = nodes.iter().enumerate().map(|(place, (i, _))| (*i, place)).collect();
        Ok(Self { session, places, batches: Mutex::default(), budgets: OnceLock::new() })
    }

    /// Lays out so many images.
    pub(crate) fn fit(&self, images: usize) -> Result<(), Error> {
        self.batch(images).map(drop)
    }

    fn batch(&self, images: usize) -> Result<Batch, Error> {
        let batches = || self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let known = batches().get(&images).map(Arc::clone);
        if let Some(batch) = known {
            return Ok(batch);
        }
        // Outside the lock: other sessions go on meanwhile.
        let made = self.session.batch(images).map_err(|(_, e)| super::too_many(images, e))?;
        Ok(Arc::clone(batches().entry(images).or_insert_with(|| Arc::new(made))))
    }

    /// A layer's set of parameters, and layouts for so many images.
    fn layouts(&self, layer: u32, images: usize) -> Result<(usize, Arc<[ConvLayout]>), Error> {
        let batch = self.batch(images)?;
        let place = self.places.get(&layer).copied().unwrap_or(usize::MAX);
        let planned = self.session.layers.get(place).zip(batch.get(place));
        let missing = || Error::Config(format!("layer {layer} has no layout"));
        planned.map(|((set, _), layouts)| (*set, Arc::clone(layouts))).ok_or_else(missing)
    }

    /// A layer's set of parameters and layout for one image.
    fn layer(&self, layer: u32) -> Result<(usize, &ConvLayout), Error> {
        let place = self.places.get(&layer);
        let planned = place.and_then(|place| self.session.layers.get(*place));
        planned
            .map(|(set, layout)| (*set, layout))
            .ok_or_else(|| Error::Config(format!("layer {layer} has no layout")))
    }

    /// Number of sets of parameters.
    pub(crate) fn sets(&self) -> usize {
        self.session.params.len()
    }

    /// Layers with the number of their set.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (u32, usize)> {
        self.places.iter().map(|(layer, place)| (*layer, self.session.layers[*place].0))
    }

    /// Products of ciphertexts by kernel polynomials in a layer.
    pub(crate) fn products(&self, layer: u32) -> Result<u64, Error> {
        Ok(self.layer(layer)?.1.products() as u64)
    }

    /// Client: makes keys for some of the sets and sends the public ones.
    pub(crate) fn send_keys(
        &self,
        lane: &mut Lane,
        rng: &mut SecretRng,
        wanted: &[bool],
    ) -> Result<Keys<ClientKeys>, Error> {
        self.keys(wanted, |params| {
            let keys = ClientKeys::generate(params, rng);
            linear::send_key(lane, &keys)?;
            Ok(keys)
        })
    }

    /// Server: receives the public keys.
    pub(crate) fn receive_keys(
        &self,
        lane: &mut Lane,
        wanted: &[bool],
    ) -> Result<Keys<ServerKeys>, Error> {
        self.keys(wanted, |params| Ok(linear::receive_key(lane, params)?))
    }

    fn keys<K>(
        &self,
        wanted: &[bool],
        mut key: impl FnMut(&Params) -> Result<K, Error>,
    ) -> Result<Keys<K>, Error> {
        let all = self.session.params.iter().zip(wanted);
        all.map(|(params, wanted)| wanted.then(|| key(params)).transpose()).collect()
    }

    /// Messages of the key of a set.
    pub(crate) fn key_cost(&self, m: &mut Meter, set: usize) {
        linear::key_cost(m, &self.session.params[set]);
    }

    /// Making and reading the key of a set.
    pub(crate) fn key_work(&self, work: &mut WorkLog, set: usize) {
        work.add_both(Unit::LatticeKey, residues(&self.session.params[set]));
    }

    /// Messages of one layer.
    pub(crate) fn cost(&self, m: &mut Meter, layer: u32, images: usize) -> Result<(), Error> {
        self.layouts(layer, images)?.1.iter().for_each(|layout| linear::cost(m, layout));
        Ok(())
    }

    /// What both parties compute for one layer.
    pub(crate) fn work(&self, work: &mut WorkLog, layer: u32, images: usize) -> Result<(), Error> {
        let (_, one) = self.layer(layer)?;
        let kept = self.budgets().get(&layer).copied().unwrap_or_default();
        for layout in self.layouts(layer, images)?.1.iter() {
            let w = LayerWork::new(layout, if layout.shares_kernel(one) { kept } else { 0 });
            work.held.pass(Role::Server, Passing::Step, layout.server_bytes());
            work.add(Role::Client, Unit::LatticeEncrypt, w.inputs);
            work.add(Role::Client, Unit::LatticeDecrypt, w.decrypted);
            work.add(Role::Client, Unit::LatticeOutput, w.outputs);
            work.add(Role::Server, Unit::LatticeRead, w.inputs);
            work.add(Role::Server, Unit::LatticeKernel, w.kernels);
            work.add(Role::Server, Unit::LatticeWeight, w.weights);
            work.add(Role::Server, Unit::LatticeProduct, w.products);
            work.add(Role::Server, Unit::LatticeScaled, w.scaled);
            work.add(Role::Server, Unit::LatticeResult, w.results);
        }
        Ok(())
    }

    /// The kernels that the server keeps transformed.
    pub(crate) fn kept_kernels(&self, work: &mut WorkLog) {
        for (layer, budget) in self.budgets() {
            let kernel = self.layer(*layer).map(|(_, one)| EncodedKernel::transformed_bytes(one));
            work.held.keep(Role::Server, kernel.map_or(0, |bytes| bytes.min(*budget)));
        }
    }

    /// Bytes of transformed kernels that each layer may keep: first those with few values, for which keeping saves most.
    fn budgets(&self) -> &BTreeMap<u32, usize> {
        self.budgets.get_or_init(|| {
            let layouts = self.places.iter().map(|(i, place)| (*i, &self.session.layers[*place].1));
            let mut layouts: Vec<_> = layouts.collect();
            layouts.sort_by_key(|(i, layout)| (layout.kernel_values(), *i));
            let mut left = KERNEL_BUDGET;
            let budget = |(i, layout): (u32, &ConvLayout)| {
                let budget = left;
                left = left.saturating_sub(EncodedKernel::transformed_bytes(layout));
                (i, budget)
            };
            layouts.into_iter().map(budget).collect()
        })
    }

    /// The client's share of `W x + bias`.
    pub(crate) fn client(
        &self,
        lane: &mut Lane,
        keys: &Keys<ClientKeys>,
        l: &Layer<'_>,
        x: &[u64],
        rng: &mut SecretRng,
    ) -> Result<Vec<u64>, Error> {
        let (set, layouts) = self.layouts(l.index, l.images)?;
        let keys = keys.get(set).and_then(Option::as_ref).ok_or_else(|| missing(l))?;
        let (mut rest, mut y) = (x, Vec::with_capacity(l.output_len()));
        for layout in layouts.iter() {
            y.extend(linear::client(lane, keys, layout, part(&mut rest, layout.input_len()), rng)?);
        }
        Ok(y)
    }

    /// The server's share of `W x + bias`.
    pub(crate) fn server(
        &self,
        lane: &mut Lane,
        (keys, kernels): (&Keys<ServerKeys>, &Kernels),
        l: &Layer<'_>,
        x: &[u64],
        bias: &[u64],
        rng: &mut SecretRng,
    ) -> Result<Vec<u64>, Error> {
        let (set, layouts) = self.layouts(l.index, l.images)?;
        let keys = keys.get(set).and_then(Option::as_ref).ok_or_else(|| missing(l))?;
        let kernel = kernels.0.get(&l.index).ok_or_else(|| missing(l))?;
        let (mut rest, mut biases) = (x, bias);
        let mut y = Vec::with_capacity(l.output_len());
        for layout in layouts.iter() {
            let x = part(&mut rest, layout.input_len());
            let bias = part(&mut biases, layout.output_len());
            y.extend(linear::server(lane, keys, layout, kernel, x, bias, rng)?);
        }
        Ok(y)
    }
}

/// The next `n` words, or as many as there are.
fn part<'x>(rest: &mut &'x [u64], n: usize) -> &'x [u64] {
    let (part, others) = rest.split_at(n.min(rest.len()));
    *rest = others;
    part
}

fn missing(l: &Layer<'_>) -> Error {
    Error::Config(format!("layer '{}' has no keys or kernel", l.node.name))
}

impl Kernels {
    /// Encodes the kernels, keeping as many transformed as fit the budget.
    pub(crate) fn new(plans: &Plans, model: &FixedModel) -> Result<Self, Error> {
        let mut kernels = BTreeMap::new();
        for (i, node) in model.graph.nodes.iter().enumerate() {
            if let FixedOp::Linear { weights, .. } = &node.op {
                let (_, layout) = plans.layer(i as u32)?;
                let kernel = &model.weights.layers[weights.0 as usize].kernel;
                let budget = plans.budgets().get(&(i as u32)).copied().unwrap_or_default();
                kernels.insert(i as u32, EncodedKernel::encode_within(layout, kernel, budget)?);
            }
        }
        Ok(Self(kernels))
    }
}
