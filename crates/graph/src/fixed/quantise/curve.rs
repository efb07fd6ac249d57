use crate::fixed::EdgeId;
use std::fmt;
use std::sync::Arc;

/// A real function of the value on one edge.
#[derive(Clone)]
pub(in crate::fixed) struct Curve {
    /// The edge.
    pub(in crate::fixed) base: EdgeId,
    /// Real to real.
    pub(in crate::fixed) f: Arc<dyn Fn(f64) -> f64 + Send + Sync>,
    /// What is known about the function.
    pub(in crate::fixed) kind: CurveKind,
}

/// Functions that are more than a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fixed) enum CurveKind {
    /// The value itself.
    Identity,
    /// `max(v, 0)`.
    Relu,
    /// `min(max(v, lo), hi)`.
    Clip,
    /// Any other.
    Other,
}

impl Curve {
    pub(in crate::fixed) fn identity(base: EdgeId) -> Self {
        Self { base, f: Arc::new(|v| v), kind: CurveKind::Identity }
    }

    pub(in crate::fixed) fn relu(base: EdgeId) -> Self {
        Self { base, f: Arc::new(|v| v.max(0.0)), kind: CurveKind::Relu }
    }

    pub(in crate::fixed) fn clip(base: EdgeId, lo: f64, hi: f64) -> Self {
        Self { base, f: Arc::new(move |v| v.max(lo).min(hi)), kind: CurveKind::Clip }
    }

    pub(in crate::fixed) fn new(
        base: EdgeId,
        f: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self { base, f: Arc::new(f), kind: CurveKind::Other }
    }
}

impl fmt::Debug for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.kind, self.base)
    }
}
