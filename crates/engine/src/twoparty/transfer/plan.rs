use super::columns::{self, columns};
use super::winograd::{self, Winograd};
use crate::twoparty::Needs;
use crate::{Error, Layer};
use sordino_graph::fixed::{ConvShape, FixedGraph, FixedOp};
use sordino_ot::Supply;
use sordino_ot::matrix::{self, Elements, Part, Shape, Weights};
use sordino_secret::Party;
use sordino_wire::{Lane, Meter, Role};
use std::collections::BTreeMap;

/// Transfers drawn at a time, 16 bytes each.
const DRAW: usize = 1 << 21;
/// Ring elements of one layer's operand that the client may have to lay out, 8 bytes each.
const MAX_LAYOUT: usize = 1 << 27;

/// How each linear layer of a graph is run, by layer number.
pub(crate) struct Plans(BTreeMap<u32, Plan>);

/// How a layer becomes products of matrices.
#[derive(Clone, Copy, Debug)]
enum Method {
    /// One product, of kernels and patches.
    Direct,
    /// One product per pixel of a patch.
    Winograd(&'static Winograd),
}

pub(crate) struct Plan {
    conv: ConvShape,
    bits: u32,
    method: Method,
    shapes: Vec<Shape>,
}

/// What one draw of transfers is for: parts of products, by the number of the product.
pub(crate) struct Task(Vec<(usize, Part)>);

impl Plans {
    /// For every layer the method that sends the fewest bits, those of the supply included.
    pub(crate) fn new(graph: &FixedGraph, supply: Supply) -> Result<Self, Error> {
        let mut plans = BTreeMap::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            if let FixedOp::Linear { conv, weight_bits, .. } = &node.op {
                let bits = graph.edges[node.output.0 as usize].ring;
                let plan = Plan::cheapest(conv, *weight_bits, bits, supply);
                let layout: usize = plan.shapes.iter().map(Shape::inputs).sum();
                if layout > MAX_LAYOUT {
                    return Err(Error::Unsupported {
                        node: node.name.clone(),
                        op: node.op.name().into(),
                        why: format!("its patches have {layout} elements, at most {MAX_LAYOUT}"),
                        hint: "use --linear lattice".into(),
                    });
                }
                plans.insert(i as u32, plan);
            }
        }
        Ok(Self(plans))
    }

    /// A layer's plan.
    pub(crate) fn layer(&self, l: &Layer<'_>) -> Result<&Plan, Error> {
        let missing = || Error::Config(format!("layer '{}' has no plan", l.node.name));
        self.0.get(&l.index).ok_or_else(missing)
    }
}

impl Plan {
    fn cheapest(conv: &ConvShape, weight_bits: u32, bits: u32, supply: Supply) -> Self {
        let plan = |method, shapes| Self { conv: conv.clone(), bits, method, shapes };
        let direct = plan(Method::Direct, vec![columns::shape(conv, weight_bits, bits)]);
        let sizes = winograd::SIZES.iter().filter_map(|size| {
            let shapes = size.shapes(conv, weight_bits, bits)?;
            Some(plan(Method::Winograd(size), shapes))
        });
        let mut best = direct;
        for other in sizes {
            if other.sent(supply) < best.sent(supply) {
                best = other;
            }
        }
        best
    }

    /// Bits that the layer sends, about.
    fn sent(&self, supply: Supply) -> u128 {
        let transfer = match supply {
            Supply::SoftSpoken { k } => u64::from(128u32.div_ceil(k)),
            Supply::Ferret => 2,
        };
        let of = |s: &Shape| {
            let each = s.bits_per_weight() + transfer * s.cots_per_weight() as u64;
            s.weights() as u128 * u128::from(each)
        };
        self.shapes.iter().map(of).sum()
    }

    /// The layer cut into draws of bounded size.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        let (mut tasks, mut room) = (Vec::new(), 0);
        for (i, shape) in self.shapes.iter().enumerate() {
            let (mut from, each) = (0, shape.cots_per_weight());
            while from < shape.weights() {
                if room < each {
                    tasks.push(Task(Vec::new()));
                    room = DRAW;
                }
                let n = (shape.weights() - from).min(room / each);
                if let Some(Task(parts)) = tasks.last_mut() {
                    parts.push((i, Part { shape: *shape, weights: from..from + n }));
                }
                room -= n * each;
                from += n;
            }
        }
        tasks
    }

    /// Shares of the products before anything is added.
    pub(crate) fn sums(&self) -> Vec<Vec<u64>> {
        self.shapes.iter().map(|s| vec![0; s.outputs()]).collect()
    }

    /// The client's share as the products take it.
    pub(crate) fn elements(&self, x: &[u64]) -> Vec<Vec<u64>> {
        match self.method {
            Method::Direct => vec![columns(&self.conv, x)],
            Method::Winograd(size) => size.elements(&self.conv, x),
        }
    }

    /// The server's kernel as the products take it.
    pub(crate) fn weights(&self, kernel: &[i32]) -> Vec<Vec<i64>> {
        match self.method {
            Method::Direct => vec![kernel.iter().map(|&w| w.into()).collect()],
            Method::Winograd(size) => size.weights(kernel),
        }
    }

    /// This party's share of the layer, without the product of the server's own share.
    pub(crate) fn result<P: Party>(&self, mut sums: Vec<Vec<u64>>) -> Vec<u64> {
        match self.method {
            Method::Direct => sums.pop().unwrap_or_default(),
            Method::Winograd(size) => size.result::<P>(&self.conv, self.bits, &sums),
        }
    }
}

impl Task {
    /// Transfers that it uses up.
    pub(crate) fn needs(&self) -> Needs {
        let client_sends = self.0.iter().map(|(_, part)| part.cots_needed()).sum();
        Needs { server_sends: 0, client_sends }
    }

    /// Client: adds its shares to the sums.
    pub(crate) fn send(
        &self,
        lane: &mut Lane,
        cots: sordino_ot::SenderCots,
        x: &[Vec<u64>],
        sums: &mut [Vec<u64>],
    ) -> Result<(), Error> {
        let mut sums: Vec<_> = sums.iter_mut().map(Some).collect();
        let work = self
            .0
            .iter()
            .filter_map(|(i, part)| Some(Elements { part, x: &x[*i], sum: sums[*i].take()? }));
        Ok(matrix::send(lane, cots, &mut work.collect::<Vec<_>>())?)
    }

    /// Server: adds its shares to the sums.
    pub(crate) fn recv(
        &self,
        lane: &mut Lane,
        cots: sordino_ot::ReceiverCots,
        w: &[Vec<i64>],
        sums: &mut [Vec<u64>],
    ) -> Result<(), Error> {
        let mut sums: Vec<_> = sums.iter_mut().map(Some).collect();
        let work = self
            .0
            .iter()
            .filter_map(|(i, part)| Some(Weights { part, w: &w[*i], sum: sums[*i].take()? }));
        Ok(matrix::recv(lane, cots, &mut work.collect::<Vec<_>>())?)
    }

    /// Replays the messages.
    pub(crate) fn cost(&self, m: &mut Meter) {
        let parts: Vec<Part> = self.0.iter().map(|(_, part)| part.clone()).collect();
        matrix::cost(m, Role::Client, &parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(c: u32, size: u32, kernel: u32, groups: u32) -> ConvShape {
        ConvShape {
            cin: c,
            h: size,
            w: size,
            cout: c,
            kernel: [kernel; 2],
            stride: [1; 2],
            dilation: [1; 2],
            pads: [kernel / 2; 4],
            groups,
        }
    }

    fn plan(conv: &ConvShape, supply: Supply) -> Plan {
        Plan::cheapest(conv, 8, 25, supply)
    }

    fn tile(plan: &Plan) -> usize {
        match plan.shapes.len() {
            1 => 1,
            n => n.isqrt() - 2,
        }
    }

    #[test]
    fn the_method_follows_the_bits() {
        for supply in [Supply::SoftSpoken { k: 2 }, Supply::Ferret] {
            assert_eq!(tile(&plan(&conv(8, 56, 3, 1), supply)), 4);
            assert_eq!(tile(&plan(&conv(8, 56, 1, 1), supply)), 1);
            assert_eq!(tile(&plan(&conv(8, 1, 3, 1), supply)), 1);
            let direct = Plan {
                method: Method::Direct,
                shapes: vec![columns::shape(&conv(8, 56, 3, 1), 8, 25)],
                ..plan(&conv(8, 56, 3, 1), supply)
            };
            let saved =
                direct.sent(supply) as f64 / plan(&conv(8, 56, 3, 1), supply).sent(supply) as f64;
            assert!((2.0..3.0).contains(&saved), "{saved}");
        }
        // A transform has more weights, each with transfers of its own: too dear where few pixels
        // share them.
        assert_eq!(tile(&plan(&conv(8, 2, 3, 1), Supply::Ferret)), 2);
        assert_eq!(tile(&plan(&conv(8, 2, 3, 1), Supply::SoftSpoken { k: 2 })), 1);
    }

    #[test]
    fn a_depthwise_layer_has_no_more_weights_than_its_kernel() {
        let direct = columns::shape(&conv(32, 14, 5, 32), 8, 25);
        assert_eq!((direct.weights(), direct.groups), (32 * 25, 32));
    }

    #[test]
    fn tasks_cover_every_product_in_draws_of_bounded_size() {
        let plan = plan(&conv(300, 14, 3, 1), Supply::Ferret);
        let tasks = plan.tasks();
        assert!(tasks.len() > 1);
        let mut next = vec![0; plan.shapes.len()];
        for task in &tasks {
            assert!(!task.0.is_empty() && task.needs().total() <= DRAW);
            for (i, part) in &task.0 {
                assert_eq!((part.shape, part.weights.start), (plan.shapes[*i], next[*i]));
                next[*i] = part.weights.end;
            }
        }
        let all: Vec<usize> = plan.shapes.iter().map(Shape::weights).collect();
        assert_eq!(next, all);
    }
}
