use serde::Serialize;
use sordino_graph::fixed::{FixedOp, Function};

/// What a layer is for, as coarse as costs are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Products with weights.
    Linear,
    /// A nonlinear function of each value, and the truncation that is one step with it.
    Activation,
    /// Truncation alone.
    Truncation,
    /// Sums and maxima of windows.
    Pooling,
    /// Everything else; mostly free.
    Other,
}

impl Group {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] =
        [Self::Linear, Self::Activation, Self::Truncation, Self::Pooling, Self::Other];

    /// Of an operator.
    pub fn of(op: &FixedOp) -> Self {
        match op {
            FixedOp::Linear { .. } => Self::Linear,
            FixedOp::Activate { function: Function::Identity, .. }
            | FixedOp::Rescale { function: Function::Identity, .. } => Self::Truncation,
            FixedOp::Activate { .. } | FixedOp::Rescale { .. } | FixedOp::Lookup { .. } => {
                Self::Activation
            }
            FixedOp::MaxPool(_) | FixedOp::SumPool(_) => Self::Pooling,
            _ => Self::Other,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Activation => "activation",
            Self::Truncation => "truncation",
            Self::Pooling => "pooling",
            Self::Other => "other",
        }
    }
}
