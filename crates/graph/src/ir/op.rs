//! Operators with their attributes already read, defaulted and checked.
//!
//! Spatial attributes have one entry per spatial axis (one for 1-D, two for 2-D networks).
//! `auto_pad`, `ceil_mode` and opset differences are resolved on import, so an executor never
//! sees them.

/// Window of a convolution or pooling: one entry per spatial axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Kernel extent.
    pub kernel: Vec<usize>,
    /// Step between windows.
    pub stride: Vec<usize>,
    /// Spacing of kernel taps.
    pub dilation: Vec<usize>,
    /// Zero padding before and after each axis. `ceil_mode` shows as extra padding after.
    pub pads: Vec<(usize, usize)>,
}

/// What a node does. Operands are [`super::Node::inputs`] in ONNX's order; operands that ONNX
/// gives as tensors but that must be constant (axes, pads, shapes) have been moved in here.
#[allow(missing_docs, reason = "fields bear the names of the ONNX attributes they hold")]
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `x, w [, b]`; `w` is `[cout, cin/groups, k..]`.
    Conv { window: Window, groups: usize },
    /// `x, w [, b]`; `w` is `[cin, cout/groups, k..]`; `output_padding` per spatial axis.
    ConvTranspose { window: Window, groups: usize, output_padding: Vec<usize> },
    /// `alpha * a' b' + beta * c`, `a, b [, c]`.
    Gemm { alpha: f32, beta: f32, trans_a: bool, trans_b: bool },
    /// Numpy-style matrix product.
    MatMul,
    /// Inference mode: `x, scale, bias, mean, var`.
    BatchNorm { epsilon: f32 },
    /// Per instance and channel: `x, scale, bias`.
    InstanceNorm { epsilon: f32 },
    /// `x, scale [, bias]` over axes from `axis` on.
    LayerNorm { axis: usize, epsilon: f32 },
    /// Local response normalisation across channels.
    Lrn { size: usize, alpha: f32, beta: f32, bias: f32 },
    /// Element-wise function of one operand.
    Unary(Unary),
    /// `x, slope` with broadcasting.
    PRelu,
    /// Element-wise function of two operands with numpy broadcasting.
    Binary(Binary),
    /// `size` is the kernel; padding counts as minus infinity.
    MaxPool { window: Window },
    /// Average; `divisor` says what padded positions count as.
    AveragePool { window: Window, count_include_pad: bool },
    /// Maximum over all spatial axes, kept as size 1.
    GlobalMaxPool,
    /// Mean over all spatial axes, kept as size 1.
    GlobalAveragePool,
    /// Reduction over `axes`.
    Reduce { kind: Reduce, axes: Vec<usize>, keep_dims: bool },
    /// Index of the largest element along `axis`.
    ArgMax { axis: usize, keep_dims: bool, select_last: bool },
    /// Along `axis`; opset < 13 semantics (flattening from `axis`) when `flatten`.
    Softmax { axis: usize, flatten: bool, log: bool },
    /// Joins along `axis`.
    Concat { axis: usize },
    /// Any change of shape that keeps the row-major order: Reshape, Flatten, Squeeze, Unsqueeze.
    Reshape { shape: Vec<usize> },
    /// `out axis i = in axis perm[i]`.
    Transpose { perm: Vec<usize> },
    /// Pads (or crops where negative) each axis.
    Pad { pads: Vec<(isize, isize)>, mode: PadMode, value: f32 },
    /// Per axis: start, step, count; step may be negative.
    Slice { starts: Vec<usize>, steps: Vec<isize>, shape: Vec<usize> },
    /// Cuts along `axis` into the outputs' extents.
    Split { axis: usize, sizes: Vec<usize> },
    /// `x, indices`: selects along `axis`.
    Gather { axis: usize },
    /// Broadcasts to `shape`.
    Expand { shape: Vec<usize> },
    /// Repeats each axis.
    Tile { repeats: Vec<usize> },
    /// Resampling of the trailing axes: for every axis the source index of each output index.
    ResizeNearest { index: Vec<Vec<usize>> },
    /// Block rearrangement; `to_space` for DepthToSpace, `column_row` for ONNX's mode CRD.
    DepthSpace { block: usize, to_space: bool, column_row: bool },
    /// To another element type.
    Cast { to: super::DType },
    /// `x, scale [, zero_point]` to integers in `lo..=hi`, per tensor or along `axis`.
    QuantizeLinear { axis: Option<usize>, lo: i64, hi: i64 },
    /// `x, scale [, zero_point]`.
    DequantizeLinear { axis: Option<usize> },
    /// `x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero [, b]`.
    QLinearConv { window: Window, groups: usize, lo: i64, hi: i64 },
}

/// Element-wise functions of one operand.
#[allow(missing_docs, reason = "fields bear the names of the ONNX attributes they hold")]
#[derive(Clone, Debug, PartialEq)]
pub enum Unary {
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, else `slope * x`.
    LeakyRelu { slope: f32 },
    /// Limits, infinite where the file gives none.
    Clip { lo: f32, hi: f32 },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `clip(alpha * x + beta, 0, 1)`.
    HardSigmoid { alpha: f32, beta: f32 },
    /// `x * clip(x / 6 + 0.5, 0, 1)`.
    HardSwish,
    /// Hyperbolic tangent.
    Tanh,
    /// `x` where positive, else `alpha * (exp(x) - 1)`.
    Elu { alpha: f32 },
    /// Scaled exponential unit.
    Selu { alpha: f32, gamma: f32 },
    /// Gaussian error unit, exact or by tanh.
    Gelu { tanh: bool },
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x * tanh(softplus(x))`.
    Mish,
    /// `x * sigmoid(alpha * x)`.
    Swish { alpha: f32 },
    /// Exponential.
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// `1 / x`.
    Reciprocal,
    /// `-x`.
    Neg,
    /// `|x|`.
    Abs,
}

/// Element-wise functions of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient (integers truncate toward zero).
    Div,
    /// Power.
    Pow,
    /// Larger.
    Max,
    /// Smaller.
    Min,
}

/// Reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Arithmetic mean.
    Mean,
    /// Sum.
    Sum,
    /// Maximum.
    Max,
    /// Minimum.
    Min,
}

/// What padding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PadMode {
    /// The given value.
    Constant,
    /// Mirror without repeating the edge.
    Reflect,
    /// The edge.
    Edge,
}
