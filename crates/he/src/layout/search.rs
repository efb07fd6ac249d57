//! Choosing the layout of least traffic.

use super::axis::{Axis, Bounds};
use super::tiling::Tiling;

/// What the traffic of a layout depends on, besides the tiling.
pub(crate) struct Needs {
    pub(crate) degree: usize,
    pub(crate) groups: usize,
    /// Planes (channels times phases) and outputs of one group.
    pub(crate) planes: usize,
    pub(crate) outputs: usize,
    /// Outputs that may share a result's noise budget.
    pub(crate) shared: usize,
    /// Bytes of an input ciphertext, and of a result apart from its outputs.
    pub(crate) input_bytes: usize,
    pub(crate) result_bytes: usize,
}

/// How a layer is cut into ciphertexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Groups treated as one, with zero weights between them.
    pub(crate) merged: usize,
    /// Tile size in outputs.
    pub(crate) tile: [usize; 2],
    /// Planes per input, outputs per result.
    pub(crate) planes: usize,
    pub(crate) outputs: usize,
}

/// A way to cut an axis into spans.
struct Cut {
    size: usize,
    spans: usize,
    bounds: Bounds,
}

fn cuts(axis: &Axis) -> Vec<Cut> {
    let cut = |size: usize| {
        let spans = axis.spans(size);
        Cut { size, spans: spans.len(), bounds: axis.bounds(&spans) }
    };
    axis.sizes().into_iter().map(cut).collect()
}

/// The plan of least traffic; among those, of fewest products. None when not even one plane of one output fits.
pub(crate) fn search(needs: &Needs, axes: &[Axis; 2]) -> Option<Plan> {
    let merges: Vec<usize> =
        (1..=needs.groups).filter(|m| needs.groups.is_multiple_of(*m)).collect();
    let [rows, columns] = [cuts(&axes[0]), cuts(&axes[1])];
    let mut best: Option<((usize, usize), Plan)> = None;
    for (y, x) in rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x))) {
        let blocks = Tiling::new(axes, [y.bounds, x.bounds]).most_blocks(needs.degree);
        if blocks == 0 {
            continue;
        }
        let tile = [y.size, x.size];
        for merged in &merges {
            let jobs = needs.groups / merged * y.spans * x.spans;
            for (planes, outputs) in
                splits(needs.planes * merged, needs.outputs * merged, blocks, needs.shared)
            {
                let inputs = (needs.planes * merged).div_ceil(planes);
                let results = (needs.outputs * merged).div_ceil(outputs);
                let bytes = jobs * (inputs * needs.input_bytes + results * needs.result_bytes);
                let price = (bytes, jobs * inputs * results);
                if best.as_ref().is_none_or(|(least, _)| price < *least) {
                    best = Some((price, Plan { merged: *merged, tile, planes, outputs }));
                }
            }
        }
    }
    best.map(|(_, plan)| plan)
}

/// The ways to share `blocks` between planes per input and outputs per result, with planes spread evenly.
fn splits(
    planes: usize,
    outputs: usize,
    blocks: usize,
    shared: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let first = planes.div_ceil(blocks);
    let mut count = first;
    std::iter::from_fn(move || {
        if count > planes {
            return None;
        }
        let size = planes.div_ceil(count);
        // The next count of inputs that makes them smaller.
        count = if size > 1 { planes.div_ceil(size - 1) } else { planes + 1 };
        let most = (blocks / size).min(shared).min(outputs);
        (most > 0).then(|| (size, outputs.div_ceil(outputs.div_ceil(most))))
    })
}
