use super::super::parts::{float, int, ints};
use super::super::proto::AttributeProto;
use crate::ir::{Unary, Window};

pub(super) fn window(window: &Window) -> Vec<AttributeProto> {
    let pads = window.pads.iter().map(|p| p.0).chain(window.pads.iter().map(|p| p.1));
    let mut attributes = vec![
        ints("kernel_shape", window.kernel.iter().copied()),
        ints("strides", window.stride.iter().copied()),
        ints("pads", pads),
    ];
    if window.dilation.iter().any(|&d| d != 1) {
        attributes.push(ints("dilations", window.dilation.iter().copied()));
    }
    attributes
}

pub(super) fn grouped(w: &Window, groups: usize) -> Vec<AttributeProto> {
    let mut attributes = window(w);
    attributes.push(int("group", groups as i64));
    attributes
}

/// Operator and attributes of a function that ONNX has under one name with no further operand.
pub(super) fn unary(f: &Unary) -> Option<(&'static str, Vec<AttributeProto>)> {
    Some(match *f {
        Unary::Relu => ("Relu", vec![]),
        Unary::LeakyRelu { slope } => ("LeakyRelu", vec![float("alpha", slope)]),
        Unary::Sigmoid => ("Sigmoid", vec![]),
        Unary::HardSigmoid { alpha, beta } => {
            ("HardSigmoid", vec![float("alpha", alpha), float("beta", beta)])
        }
        Unary::HardSwish => ("HardSwish", vec![]),
        Unary::Tanh => ("Tanh", vec![]),
        Unary::Elu { alpha } => ("Elu", vec![float("alpha", alpha)]),
        Unary::Selu { alpha, gamma } => {
            ("Selu", vec![float("alpha", alpha), float("gamma", gamma)])
        }
        Unary::Gelu { tanh } => {
            let how = if tanh { "tanh" } else { "none" };
            ("Gelu", vec![super::super::parts::text("approximate", how)])
        }
        Unary::Softplus => ("Softplus", vec![]),
        Unary::Softsign => ("Softsign", vec![]),
        Unary::Mish => ("Mish", vec![]),
        Unary::Exp => ("Exp", vec![]),
        Unary::Log => ("Log", vec![]),
        Unary::Sqrt => ("Sqrt", vec![]),
        Unary::Reciprocal => ("Reciprocal", vec![]),
        Unary::Neg => ("Neg", vec![]),
        Unary::Abs => ("Abs", vec![]),
        Unary::Clip { .. } | Unary::Swish { .. } => return None,
    })
}
