use sordino_graph::fixed::{ConvShape, FixedOp, KernelSums};

/// What both parties know of a linear layer's kernel.
#[derive(Clone, Copy)]
pub(crate) struct Kernel<'a> {
    pub(super) conv: &'a ConvShape,
    /// Bits of an entry with its sign.
    pub(super) bits: u32,
    /// Bits of the sums that a transform makes of the entries.
    pub(super) sums: KernelSums,
}

impl<'a> Kernel<'a> {
    /// None for other layers.
    pub(crate) fn of(op: &'a FixedOp) -> Option<Self> {
        let FixedOp::Linear { conv, weight_bits: bits, sums, .. } = op else { return None };
        Some(Self::new(conv, *bits, *sums))
    }

    pub(super) fn new(conv: &'a ConvShape, bits: u32, sums: Option<KernelSums>) -> Self {
        Self { conv, bits, sums: sums.unwrap_or_else(|| KernelSums::worst(bits)) }
    }
}
