use crate::Error;
use crate::compress::TAPS;
use sordino_graph::ir::{Graph, Node, Op, ValueId, Window};
use std::fmt;

/// What a convolution is replaced by. `k` is its kernel; stride, padding and dilation are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Depthwise kxk, then 1x1.
    Separable,
    /// kxk to fewer channels, then 1x1.
    LowRank {
        /// Channels between.
        rank: usize,
    },
    /// 1xk to some channels, then kx1.
    Crossed {
        /// Channels between.
        rank: usize,
    },
    /// 1x1 in groups, channels shuffled, then depthwise kxk, or 1x1 in groups again where k is 1.
    XOperator {
        /// Groups.
        groups: usize,
    },
    /// kxk for half of the channels, and depthwise 3x3 of these for the other half.
    Ghost,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Separable => f.write_str("separable"),
            Self::LowRank { rank } => write!(f, "low-rank {rank}"),
            Self::Crossed { rank } => write!(f, "crossed {rank}"),
            Self::XOperator { groups } => write!(f, "x-operator {groups}"),
            Self::Ghost => f.write_str("ghost"),
        }
    }
}

/// A convolution over two axes, in one group, with constant weights.
#[derive(Clone, Debug)]
pub struct Site {
    /// Name of the node.
    pub node: String,
    /// Channels of its operand.
    pub cin: usize,
    /// Channels of its result.
    pub cout: usize,
    /// Elements of a channel of its operand.
    pub extent: [usize; 2],
    /// Elements of a channel of its result.
    pub out: [usize; 2],
    pub(super) operand: ValueId,
    pub(super) result: ValueId,
    pub(super) window: Window,
    /// `[cout, cin, k, k]`.
    pub(super) weights: Vec<f32>,
}

/// All convolutions that could be replaced.
pub fn sites(graph: &Graph) -> Vec<Site> {
    graph.nodes.iter().filter_map(|node| site(graph, node)).collect()
}

fn site(graph: &Graph, node: &Node) -> Option<Site> {
    let Op::Conv { window, groups: 1 } = &node.op else { return None };
    let operand = node.inputs.first().copied().flatten()?;
    let weight = node.inputs.get(1).copied().flatten()?;
    let weights = graph.constant(weight)?.as_f32().ok()?.to_vec();
    let result = *node.outputs.first()?;
    let (&[1, cin, h, w], &[1, cout, oh, ow]) =
        (&graph.value(operand).shape[..], &graph.value(result).shape[..])
    else {
        return None;
    };
    let (window, node) = (window.clone(), node.name.clone());
    let (extent, out) = ([h, w], [oh, ow]);
    Some(Site { node, cin, cout, extent, out, operand, result, window, weights })
}

impl Site {
    /// Height and width of its kernel.
    pub fn kernel(&self) -> [usize; 2] {
        [self.window.kernel[0], self.window.kernel[1]]
    }

    /// Products of a weight and an operand.
    pub fn products(&self) -> u64 {
        let [h, w] = self.kernel();
        (self.cin * h * w) as u64 * self.results()
    }

    fn results(&self) -> u64 {
        (self.cout * self.out[0] * self.out[1]) as u64
    }

    /// Forms with fewer products that are worth a try.
    pub fn forms(&self) -> Vec<Form> {
        let narrow = self.cin.min(self.cout);
        let mut ranks = vec![narrow * 3 / 4, narrow / 2, narrow / 4];
        ranks.dedup();
        let mut all = vec![Form::Separable, Form::Ghost];
        all.extend(ranks.iter().map(|&rank| Form::LowRank { rank }));
        all.extend(ranks.iter().map(|&rank| Form::Crossed { rank }));
        all.extend([2, 4].map(|groups| Form::XOperator { groups }));
        all.retain(|form| form.saves(self));
        all
    }
}

impl Form {
    /// Products of a weight and an operand, where a site has this form.
    pub fn products(self, site: &Site) -> u64 {
        let [kh, kw] = site.kernel();
        let (cin, cout) = (site.cin as u64, site.cout as u64);
        let (taps, area) = ((kh * kw) as u64, (site.out[0] * site.out[1]) as u64);
        let before = (site.extent[0] * site.extent[1]) as u64;
        match self {
            Self::Separable => area * cin * (taps + cout),
            Self::LowRank { rank } => area * rank as u64 * (cin * taps + cout),
            Self::Crossed { rank } => {
                let between = (site.extent[0] * site.out[1]) as u64;
                rank as u64 * (between * cin * kw as u64 + area * cout * kh as u64)
            }
            Self::XOperator { groups } if taps == 1 => {
                cout * (before * cin + area * cout) / groups as u64
            }
            Self::XOperator { groups } => before * cout * cin / groups as u64 + area * cout * taps,
            Self::Ghost => area * (cout / 2) * (cin * taps + 9),
        }
    }

    /// Whether a site can have this form, and has fewer products then.
    pub fn saves(self, site: &Site) -> bool {
        self.check(site).is_ok() && self.products(site) < site.products()
    }

    /// Refuses what cannot be where a site is.
    pub(super) fn check(self, site: &Site) -> Result<(), Error> {
        let [kh, kw] = site.kernel();
        let divides = |n: usize| n > 1 && site.cin.is_multiple_of(n) && site.cout.is_multiple_of(n);
        let most = site.cout.min(site.cin * kh * kw);
        let crossing = (site.cout * kh).min(site.cin * kw);
        let possible = match self {
            Self::Separable => kh * kw > 1,
            Self::LowRank { rank } => (1..=most).contains(&rank),
            Self::Crossed { rank } => (1..=crossing).contains(&rank) && kh > 1 && kw > 1,
            Self::XOperator { groups } => divides(groups) && site.cin > groups,
            Self::Ghost => site.cout.is_multiple_of(2),
        };
        // Weights of a channel of the last layer, which are fitted together.
        let fitted = match self {
            Self::Separable => site.cin,
            Self::LowRank { rank } => rank,
            Self::Crossed { rank } => rank * kh,
            Self::XOperator { groups } => (site.cout / groups).max(kh * kw),
            Self::Ghost => 9,
        };
        if possible && fitted <= TAPS {
            return Ok(());
        }
        let Site { node, cin, cout, .. } = site;
        Err(Error::Config(format!(
            "'{node}' ({kh}x{kw}, {cin} to {cout} channels) cannot be replaced by {self}"
        )))
    }
}
