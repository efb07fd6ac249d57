//! Linear layers on lattice ciphertexts: one set of parameters and keys for a session, one layout
//! per layer, kernels encoded once per model.

use crate::{Error, Layer};
use sordino_graph::fixed::{self, FixedGraph, FixedModel, FixedOp};
use sordino_he::{ClientKeys, ConvLayout, ConvShape, EncodedKernel, Params, ServerKeys, linear};
use sordino_secret::{Party, SecretRng, Share};
use sordino_wire::{Lane, Meter};
use std::collections::BTreeMap;

/// What both parties derive from the graph.
pub(crate) struct Plans {
    params: Option<Params>,
    layouts: BTreeMap<u32, ConvLayout>,
}

/// One party's secret side of the linear layers.
pub(crate) enum LinearSide<'a> {
    Client { plans: &'a Plans, keys: Option<&'a ClientKeys> },
    Server { plans: &'a Plans, keys: Option<&'a ServerKeys>, kernels: &'a Kernels },
}

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
    /// Parameters with room for the widest ring, kernel entries and sums of the graph, all of whose
    /// layers must have a meaning on shares.
    pub(crate) fn new(graph: &FixedGraph) -> Result<Self, Error> {
        super::support::on_shares(graph)?;
        let linear = || {
            graph.nodes.iter().enumerate().filter_map(|(i, n)| match &n.op {
                FixedOp::Linear { conv, weight_bits, .. } => {
                    Some((i as u32, n, conv, *weight_bits))
                }
                _ => None,
            })
        };
        let ring = |n: &fixed::FixedNode| graph.edges[n.output.0 as usize].ring;
        let taps = |c: &fixed::ConvShape| {
            (c.cin / c.groups) as usize * (c.kernel[0] * c.kernel[1]) as usize
        };
        let Some(widest) = linear().map(|(_, n, ..)| ring(n)).max() else {
            return Ok(Self { params: None, layouts: BTreeMap::new() });
        };
        let weights = linear().map(|(.., w)| w).max().unwrap_or(1);
        let sums = linear().map(|(_, _, c, _)| taps(c)).max().unwrap_or(1);
        let params = Params::choose(widest, weights, sums)?;
        let mut layouts = BTreeMap::new();
        for (i, node, conv, _) in linear() {
            let layout =
                ConvLayout::new(&shape(conv), &params).map_err(|e| Error::Unsupported {
                    node: node.name.clone(),
                    op: "Linear".into(),
                    why: e.to_string(),
                    hint: "use a smaller ring, narrower weights or a smaller kernel".into(),
                })?;
            layouts.insert(i, layout);
        }
        Ok(Self { params: Some(params), layouts })
    }

    fn layout(&self, layer: u32) -> Result<&ConvLayout, Error> {
        self.layouts
            .get(&layer)
            .ok_or_else(|| Error::Config(format!("layer {layer} has no layout")))
    }

    /// Client: makes keys and sends the public one.
    pub(crate) fn send_keys(
        &self,
        lane: &mut Lane,
        rng: &mut SecretRng,
    ) -> Result<Option<ClientKeys>, Error> {
        let Some(params) = &self.params else { return Ok(None) };
        let keys = ClientKeys::generate(params, rng);
        linear::send_key(lane, &keys)?;
        lane.flush()?;
        Ok(Some(keys))
    }

    /// Server: receives the public key.
    pub(crate) fn receive_keys(&self, lane: &mut Lane) -> Result<Option<ServerKeys>, Error> {
        let Some(params) = &self.params else { return Ok(None) };
        Ok(Some(linear::receive_key(lane, params)?))
    }

    /// Messages of the key.
    pub(crate) fn cost_setup(&self, m: &mut Meter) {
        if let Some(params) = &self.params {
            linear::key_cost(m, params);
        }
    }

    /// Messages of one layer.
    pub(crate) fn cost(&self, m: &mut Meter, l: &Layer<'_>) -> Result<(), Error> {
        linear::cost(m, self.layout(l.index)?);
        Ok(())
    }
}

impl Kernels {
    pub(crate) fn new(plans: &Plans, model: &FixedModel) -> Result<Self, Error> {
        let mut kernels = BTreeMap::new();
        for (i, node) in model.graph.nodes.iter().enumerate() {
            if let FixedOp::Linear { weights, .. } = &node.op {
                let layout = plans.layout(i as u32)?;
                let kernel = &model.weights.layers[weights.0 as usize].kernel;
                kernels.insert(i as u32, EncodedKernel::encode(layout, kernel)?);
            }
        }
        Ok(Self(kernels))
    }
}

impl LinearSide<'_> {
    /// This party's share of `W x + bias`, `bias` given per output element at the server.
    pub(crate) fn run<P: Party>(
        &self,
        lane: &mut Lane,
        l: &Layer<'_>,
        x: &Share<P>,
        bias: Option<Vec<u64>>,
        rng: &mut SecretRng,
    ) -> Result<Vec<u64>, Error> {
        let missing = || Error::Config(format!("layer '{}' has no keys or kernel", l.node.name));
        match self {
            Self::Client { plans, keys } => {
                let keys = keys.ok_or_else(missing)?;
                Ok(linear::client(lane, keys, plans.layout(l.index)?, x.expose(), rng)?)
            }
            Self::Server { plans, keys, kernels } => {
                let keys = keys.ok_or_else(missing)?;
                let kernel = kernels.0.get(&l.index).ok_or_else(missing)?;
                let bias = bias.unwrap_or_default();
                let layout = plans.layout(l.index)?;
                Ok(linear::server(lane, keys, layout, kernel, x.expose(), &bias, rng)?)
            }
        }
    }
}
