use super::links::{Links, sweep};
use crate::Error;
use crate::ir::{Graph, Op, PadMode, Window};

/// Folds explicit padding of the spatial axes into the convolution or pooling after it.
///
/// # Errors
/// Never; the signature is that of every pass.
pub fn fold_pads(graph: &mut Graph) -> Result<bool, Error> {
    let links = Links::new(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let Some(source) = links.sole_source(graph, i, 0) else { continue };
        let Op::Pad { pads, mode: PadMode::Constant, value } = &graph.nodes[source].op else {
            continue;
        };
        let (pads, value) = (pads.clone(), *value);
        let (window, neutral) = match &mut graph.nodes[i].op {
            Op::Conv { window, .. } => (window, value == 0.0),
            Op::MaxPool { window } => (window, value == f32::NEG_INFINITY),
            Op::AveragePool { window, count_include_pad: true } => (window, value == 0.0),
            _ => continue,
        };
        if neutral && widen(window, &pads) {
            graph.nodes[i].inputs[0] = graph.nodes[source].inputs[0];
            graph.nodes[source].outputs.clear();
            changed = true;
        }
    }
    sweep(graph);
    Ok(changed)
}

/// Adds `pads` to the window's own; refuses other axes and cropping.
fn widen(window: &mut Window, pads: &[(isize, isize)]) -> bool {
    let Some((batch_and_channel, spatial)) = pads.split_at_checked(2) else { return false };
    let fits = batch_and_channel.iter().all(|&p| p == (0, 0))
        && spatial.iter().all(|&(a, b)| a >= 0 && b >= 0)
        && spatial.len() == window.pads.len();
    if fits {
        for (own, &(a, b)) in window.pads.iter_mut().zip(spatial) {
            *own = (own.0 + a as usize, own.1 + b as usize);
        }
    }
    fits
}
