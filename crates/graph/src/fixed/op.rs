use super::{KernelSums, WeightId};
use serde::{Deserialize, Serialize};

/// A 2-D convolution over `[cin, h, w]`; 1-D networks have `h = 1`, dense layers have
/// `h = w = kh = kw = 1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConvShape {
    /// Input channels.
    pub cin: u32,
    /// Input height.
    pub h: u32,
    /// Input width.
    pub w: u32,
    /// Output channels.
    pub cout: u32,
    /// Kernel height and width.
    pub kernel: [u32; 2],
    /// Vertical and horizontal step.
    pub stride: [u32; 2],
    /// Spacing of taps.
    pub dilation: [u32; 2],
    /// Zero padding: top, bottom, left, right.
    pub pads: [u32; 4],
    /// Groups; `cin` and `cout` are multiples of it.
    pub groups: u32,
}

impl ConvShape {
    /// Weights of the kernel.
    pub fn kernel_len(&self) -> usize {
        let taps = self.cin / self.groups * self.kernel[0] * self.kernel[1];
        self.cout as usize * taps as usize
    }

    /// Output height and width.
    pub fn output(&self) -> (u32, u32) {
        let axis = |n: u32, k: u32, s: u32, d: u32, p: u32| (n + p - (d * (k - 1) + 1)) / s + 1;
        (
            axis(
                self.h,
                self.kernel[0],
                self.stride[0],
                self.dilation[0],
                self.pads[0] + self.pads[1],
            ),
            axis(
                self.w,
                self.kernel[1],
                self.stride[1],
                self.dilation[1],
                self.pads[2] + self.pads[3],
            ),
        )
    }
}

/// A pooling window over the last two axes of `[.., h, w]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolShape {
    /// Channels (product of all leading axes).
    pub channels: u32,
    /// Input height.
    pub h: u32,
    /// Input width.
    pub w: u32,
    /// Window height and width.
    pub kernel: [u32; 2],
    /// Vertical and horizontal step.
    pub stride: [u32; 2],
    /// Spacing of taps.
    pub dilation: [u32; 2],
    /// Padding: top, bottom, left, right; padded positions do not take part.
    pub pads: [u32; 4],
}

impl PoolShape {
    /// Output height and width.
    pub fn output(&self) -> (u32, u32) {
        ConvShape {
            cin: 1,
            h: self.h,
            w: self.w,
            cout: 1,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pads: self.pads,
            groups: 1,
        }
        .output()
    }
}

/// What [`FixedOp::Activate`] applies after its shift. Bounds are integers at the output's scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    /// `t`.
    Identity,
    /// `max(t, 0)`.
    Relu,
    /// `min(max(t, 0), hi)`, `hi > 0`.
    ReluMax {
        /// Upper bound.
        hi: i64,
    },
}

/// Movement of elements without arithmetic: local for every backend that works on shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rearrange {
    /// Same elements, the output edge's shape.
    Reshape,
    /// `out axis i = in axis perm[i]`.
    Transpose {
        /// Permutation.
        perm: Vec<u32>,
    },
    /// Pads each axis with `value`, or crops where negative.
    Pad {
        /// Before and after, per axis.
        pads: Vec<(i32, i32)>,
        /// Integer at the edge's scale.
        value: i64,
    },
    /// Strided window.
    Slice {
        /// First index per axis.
        starts: Vec<u32>,
        /// Step per axis, may be negative.
        steps: Vec<i32>,
    },
    /// Selects `indices` along `axis` (Gather, nearest resize, tiling, mirrored padding).
    Take {
        /// Axis.
        axis: u32,
        /// Source index of each output index.
        indices: Vec<u32>,
    },
    /// Inserts `step - 1` zeros between neighbours of the last two axes (transposed convolution).
    Dilate {
        /// Vertical and horizontal spacing.
        step: [u32; 2],
    },
}

/// Operators of the fixed-point graph. `ring`, `frac` and shapes are those of the node's edges.
///
/// Operators that are local on shares cannot enlarge a ring: `out.ring <= in.ring` (plus the left
/// shift, for `Add` and `Concat`). Only `Activate` and `ArgMax` may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FixedOp {
    /// `y = conv(W, x) + b mod 2^out.ring`; `out.frac = in.frac + weight_frac`.
    ///
    /// `weight_bits`, `weight_frac` and `sums` are public: they tell the data owner the largest kernel
    /// entry of the layer, and the largest sums of entries of some kinds where larger, to within a
    /// factor of two, and nothing else about it.
    Linear {
        /// Geometry.
        conv: ConvShape,
        /// Kernel and bias.
        weights: WeightId,
        /// Two's-complement bits of every kernel entry (public bound).
        weight_bits: u32,
        /// Fraction bits of the kernel.
        weight_frac: i32,
        /// Two's-complement bits of sums of 3x3 kernels (public bounds), for layers that
        /// [`KernelSums::apply_to`] and with many filters. What `weight_bits` implies where nothing is said.
        sums: Option<KernelSums>,
    },
    /// `y = x + c mod 2^out.ring` with a secret constant of the model owner.
    AddConst {
        /// One value per element, in `bias`.
        weights: WeightId,
    },
    /// `t = (x + 2^(shift-1)) >> shift` (arithmetic, on the value wrapped to `in.ring`; no
    /// rounding term when `shift = 0`), then `f(t)` read in the output ring. The sum wraps modulo
    /// `2^in.ring` before the shift.
    Activate {
        /// Fraction bits dropped: `out.frac = in.frac - shift`.
        shift: u32,
        /// Function.
        function: Function,
        /// For [`Function::Relu`] only: secret signs of the model owner, one 0 or 1 per element,
        /// or per channel of `[1, c, ..]`, in `bias`. Where it is 1 the function is `min(t, 0)`.
        /// That there are signs is public. See `quantise::lower::gate` for what they are for.
        flips: Option<WeightId>,
    },
    /// Sum over each window (padding counts as zero), `out.ring <= in.ring`. An average differs
    /// only in the output's `frac` and `divisor`.
    SumPool(PoolShape),
    /// Maximum over each window: a tournament of pairs in row-major order of the window's valid
    /// elements, level by level, an odd one passing on; `max(a, b) = b + relu(a - b)` with the
    /// difference wrapped to `in.ring`, so `in.ring` must exceed the value's bits. An empty window
    /// gives 0. See `semantics::Tournament`.
    MaxPool(PoolShape),
    /// `y = (a << shl[0]) + (b << shl[1])`, or minus when `subtract`, modulo `2^out.ring`.
    Add {
        /// Left shifts that align the scales.
        shl: [u32; 2],
        /// `a - b`.
        subtract: bool,
    },
    /// Element-wise product of two secrets modulo `2^out.ring`; `out.frac` is the sum of theirs.
    /// Both operands may be the same edge (square).
    Mul,
    /// Joins along `axis` after `<< shl[i]`, modulo `2^out.ring`.
    Concat {
        /// Axis.
        axis: u32,
        /// Left shift of each operand.
        shl: Vec<u32>,
    },
    /// Movement of elements.
    Rearrange(Rearrange),
    /// Index of the largest of all elements as one value with `frac = 0`: the same tournament as
    /// `MaxPool` over the flattened tensor, the first of equals winning.
    ArgMax,
    /// Any function of a value's top digit: rescaling, activation, clamping and requantisation in
    /// one table. `u = (x + floor(divisor/2) - first*divisor) mod (divisor*levels)` with
    /// `levels = values.len()`, then `y = values[u / divisor]`: the operand rounded to multiples
    /// of `divisor`, counted from `first`, and cyclic beyond the table's end. The result's scale
    /// is whatever `values` stand for.
    Lookup {
        /// Step between neighbouring table entries, in units of the operand.
        divisor: u64,
        /// Multiple of `divisor` that the first entry is for.
        first: i64,
        /// Results, 2 to [`limits::LEVELS`](super::limits::LEVELS).
        values: Vec<i64>,
    },
    /// Rescaling in residues: `c` is the operand's representative modulo the odd `modulus` in
    /// `[-(modulus-1)/2, (modulus-1)/2]`, `t = floor((c + floor(divisor/2)) / divisor)`, then
    /// `function(t)`. The result's unit is the operand's divided by `divisor`.
    Rescale {
        /// Product of the residues' moduli.
        modulus: u64,
        /// What is divided by; 1 for none.
        divisor: u64,
        /// Function.
        function: Function,
    },
}

impl FixedOp {
    /// The layer's entry among the model owner's weights.
    pub fn weights(&self) -> Option<WeightId> {
        match self {
            FixedOp::Linear { weights, .. } | FixedOp::AddConst { weights } => Some(*weights),
            FixedOp::Activate { flips, .. } => *flips,
            _ => None,
        }
    }

    /// The same, to change it.
    pub(super) fn weights_mut(&mut self) -> Option<&mut WeightId> {
        match self {
            FixedOp::Linear { weights, .. } | FixedOp::AddConst { weights } => Some(weights),
            FixedOp::Activate { flips, .. } => flips.as_mut(),
            _ => None,
        }
    }
}
