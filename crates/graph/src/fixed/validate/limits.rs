//! Upper bounds on a fixed-point graph, far above any network meant for private inference and
//! low enough that a checked graph fits in memory.

use crate::Error;

/// Encoded size in bytes.
pub const GRAPH_BYTES: usize = 8 << 20;
/// Edges.
pub const EDGES: usize = 1 << 16;
/// Layers.
pub const NODES: usize = 1 << 16;
/// Operands of one layer.
pub const OPERANDS: usize = 1 << 10;
/// Axes of a tensor.
pub const RANK: usize = 8;
/// Bytes of a name.
pub const NAME_BYTES: usize = 1 << 10;
/// Elements of one tensor.
pub const TENSOR: u64 = 1 << 27;
/// Elements of all tensors together.
pub const ELEMENTS: u64 = 1 << 29;
/// Multiply-accumulates, comparisons and additions in windows together.
pub const WORK: u64 = 1 << 39;
/// Elements in the windows of one channel of every pool together, counted per window: backends
/// keep them.
pub const WINDOWS: u64 = 1 << 24;
/// Kernel entries of all layers together.
pub const KERNEL: u64 = 1 << 28;
/// Padding, stride, dilation and kernel extent of a window.
pub const WINDOW: u32 = 1 << 16;
/// Magnitude of the fraction bits of an edge or kernel.
pub const FRAC: i32 = 256;

/// Entries of a lookup's table.
pub const LEVELS: usize = 251;
/// Magnitude of a lookup's entries, and of the multiple that its first entry is for.
pub const ENTRY: i64 = 1 << 31;
/// Period of a lookup, and modulus of a rescaling: twice it fits signed 64-bit words.
pub const PERIOD: u64 = 1 << 62;

/// What a graph has used up so far.
#[derive(Default)]
pub(super) struct Budget {
    elements: u64,
    work: u64,
    windows: u64,
    kernels: u64,
}

impl Budget {
    pub(super) fn tensor(&mut self, n: u64) -> Result<(), Error> {
        at_most("elements of a tensor", n, TENSOR)?;
        self.elements += n;
        at_most("elements of all tensors", self.elements, ELEMENTS)
    }

    pub(super) fn windows(&mut self, n: u64) -> Result<(), Error> {
        self.windows = self.windows.saturating_add(n);
        at_most("elements in the windows of all pools", self.windows, WINDOWS)
    }

    pub(super) fn kernel(&mut self, n: u64) -> Result<(), Error> {
        self.kernels = self.kernels.saturating_add(n);
        at_most("kernel entries of all layers", self.kernels, KERNEL)
    }

    pub(super) fn work(&mut self, n: u64) -> Result<(), Error> {
        self.work = self.work.saturating_add(n);
        at_most("multiply-accumulates", self.work, WORK)
    }
}

/// An error unless `n <= limit`.
pub(in crate::fixed) fn at_most<T: PartialOrd + std::fmt::Display>(
    what: &str,
    n: T,
    limit: T,
) -> Result<(), Error> {
    if n <= limit {
        return Ok(());
    }
    Err(Error::Limit(format!("{what}: {n}, at most {limit} allowed")))
}

/// Product of extents, or an error beyond `limit`.
pub(super) fn product(what: &str, dims: &[u32], limit: u64) -> Result<u64, Error> {
    let n = dims.iter().try_fold(1u64, |a, &d| a.checked_mul(u64::from(d)));
    let n = n.unwrap_or(u64::MAX);
    at_most(what, n, limit).map(|()| n)
}
