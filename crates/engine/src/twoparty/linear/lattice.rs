//! Linear layers on lattice ciphertexts: a few sets of parameters, each with keys of its own, for a
//! session, one layout per layer, kernels encoded once per model.

use crate::{Error, Layer};
use sordino_graph::fixed::{self, FixedGraph, FixedModel, FixedOp};
use sordino_he::{
    ClientKeys, ConvLayout, ConvShape, EncodedKernel, LayerSpec, Params, ServerKeys, SessionPlan,
    linear,
};
use sordino_secret::SecretRng;
use sordino_wire::{Lane, Meter};
use std::collections::BTreeMap;

/// Bytes of transformed kernels that a model keeps in memory.
const KERNEL_BUDGET: usize = 600 << 20;

/// What both parties derive from the graph.
pub(crate) struct Plans {
    session: SessionPlan,
    /// Places in the session's layers by layer number.
    places: BTreeMap<u32, usize>,
}

/// A party's keys by the number of the set of parameters; none where no layer uses it.
pub(crate) type Keys<K> = Vec<Option<K>>;

/// The owner's kernels in the form that the products use, by layer number.
pub(crate) struct Kernels(BTreeMap<u32, EncodedKernel>);

fn shape(conv: &fixed::ConvShape) -> ConvShape {
    ConvShape {
        cin: conv.cin,
        h: conv.h,
        w: conv.w,
        cout: conv.cout,
        kernel: conv.kernel,
        stride: conv.stride,
        dilation: conv.dilation,
        pads: conv.pads,
        groups: conv.groups,
    }
}

impl Plans {
    /// Parameters with room for the rings, kernel entries and sums of the graph, all of whose
    /// layers must have a meaning on shares.
    pub(crate) fn new(graph: &FixedGraph) -> Result<Self, Error> {
        crate::twoparty::support::on_shares(graph)?;
        let (mut specs, mut nodes) = (Vec::new(), Vec::new());
        for (i, node) in graph.nodes.iter().enumerate() {
            if let FixedOp::Linear { conv, weight_bits, .. } = &node.op {
                let plain_bits = graph.edges[node.output.0 as usize].ring;
                specs.push(LayerSpec { shape: shape(conv), plain_bits, weight_bits: *weight_bits });
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
        Ok(Self { session, places })
    }

    /// A layer's set of parameters and layout.
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

    /// Messages of one layer.
    pub(crate) fn cost(&self, m: &mut Meter, layer: u32) -> Result<(), Error> {
        linear::cost(m, self.layer(layer)?.1);
        Ok(())
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
        let (set, layout) = self.layer(l.index)?;
        let keys = keys.get(set).and_then(Option::as_ref).ok_or_else(|| missing(l))?;
        Ok(linear::client(lane, keys, layout, x, rng)?)
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
        let (set, layout) = self.layer(l.index)?;
        let keys = keys.get(set).and_then(Option::as_ref).ok_or_else(|| missing(l))?;
        let kernel = kernels.0.get(&l.index).ok_or_else(|| missing(l))?;
        Ok(linear::server(lane, keys, layout, kernel, x, bias, rng)?)
    }
}

fn missing(l: &Layer<'_>) -> Error {
    Error::Config(format!("layer '{}' has no keys or kernel", l.node.name))
}

impl Kernels {
    /// Encodes the kernels, keeping as many transformed as fit the budget: first those with few
    /// values, for which keeping saves most.
    pub(crate) fn new(plans: &Plans, model: &FixedModel) -> Result<Self, Error> {
        let mut layers = Vec::new();
        for (i, node) in model.graph.nodes.iter().enumerate() {
            if let FixedOp::Linear { weights, .. } = &node.op {
                let (_, layout) = plans.layer(i as u32)?;
                layers.push((i as u32, layout, &model.weights.layers[weights.0 as usize].kernel));
            }
        }
        layers.sort_by_key(|(i, layout, _)| (layout.kernel_values(), *i));
        let mut left = KERNEL_BUDGET;
        let mut kernels = BTreeMap::new();
        for (i, layout, kernel) in layers {
            kernels.insert(i, EncodedKernel::encode_within(layout, kernel, left)?);
            left = left.saturating_sub(EncodedKernel::transformed_bytes(layout));
        }
        Ok(Self(kernels))
    }
}
