//! Choosing the layout of least traffic.

use std::ops::Range;

use super::axis::{Axis, Bounds};
use super::tiling::Tiling;

/// Prices of computation, in bytes: a microsecond of a core is worth 10 bytes, as on a link of 80 Mb/s, so that neither
/// a few bytes cost much work nor the reverse. Times were measured with AVX-512 at n = 4096 and two primes, on a busy
/// machine; other parameters scale alike, and only the balance matters.
mod price {
    /// A ciphertext, for encryption and reading, or for re-randomising, rounding and decryption.
    pub(super) const INPUT: usize = 3000;
    pub(super) const RESULT: usize = 4000;
    /// A thousand coefficients of a product: of ciphertexts with kernels in a power of X, and with any.
    const SCALED: usize = 10;
    const GENERAL: usize = 20;
    /// Transforming a thousand values of a kernel: of one in a power of X, whose values are put in many places, and of
    /// any.
    const SCALED_VALUES: usize = 130;
    const VALUES: usize = 50;

    /// A product with a kernel of `degree / run` transformed values.
    pub(super) fn product(degree: usize, run: usize) -> usize {
        degree * if run > 1 { SCALED } else { GENERAL } / 1000
    }

    /// Transforming a kernel of `degree / run` values.
    pub(super) fn transform(degree: usize, run: usize) -> usize {
        degree / run * if run > 1 { SCALED_VALUES } else { VALUES } / 1000
    }
}

/// Runs of fewer values than a register holds are of no use.
const LEAST_RUN: usize = 8;

/// What the traffic of a layout depends on, besides the tiling.
pub(crate) struct Needs {
    pub(crate) degree: usize,
    /// Images that may share a block; 1 when their positions are in one row.
    pub(crate) images: usize,
    pub(crate) groups: usize,
    /// Planes (channels times phases) and outputs of one group.
    pub(crate) planes: usize,
    pub(crate) outputs: usize,
    /// Outputs that may share a result's noise budget.
    pub(crate) shared: usize,
    /// Whether positions do not meet.
    pub(crate) flat: bool,
    /// Bytes of an input ciphertext, and of a result apart from its outputs.
    pub(crate) input_bytes: usize,
    pub(crate) result_bytes: usize,
}

/// How a layer is cut into ciphertexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Groups treated as one, with zero weights between them.
    pub(crate) merged: usize,
    /// Images in a block, at most.
    pub(crate) images: usize,
    /// Tile size in outputs.
    pub(crate) tile: [usize; 2],
    /// Planes per input, outputs per result.
    pub(crate) planes: usize,
    pub(crate) outputs: usize,
    /// Spacing of planes and outputs in coefficients.
    pub(crate) block: i64,
    /// The power of X in which kernels are polynomials: a power of two, 1 or at least [`LEAST_RUN`].
    pub(crate) run: usize,
}

impl Plan {
    /// The inputs that share a group with a result, of so many planes and outputs in all.
    pub(crate) fn connected(&self, result: usize, [planes, outputs]: [usize; 2]) -> Range<usize> {
        let (planes, outputs) = (planes / self.merged, outputs / self.merged);
        let last = ((result + 1) * self.outputs).min(outputs * self.merged) - 1;
        let groups = result * self.outputs / outputs..last / outputs + 1;
        groups.start * planes / self.planes..(groups.end * planes).div_ceil(self.planes)
    }

    /// Pairs of an input and a result that share a group.
    fn pairs(&self, planes: usize, outputs: usize) -> usize {
        let results = outputs.div_ceil(self.outputs);
        if self.merged == 1 {
            return results * planes.div_ceil(self.planes);
        }
        (0..results).map(|result| self.connected(result, [planes, outputs]).len()).sum()
    }
}

/// A way to cut an axis into spans.
struct Cut {
    size: usize,
    spans: usize,
    bounds: Bounds,
}

/// The cuts whose tiles may fit a ciphertext.
fn cuts(axis: &Axis, degree: usize) -> Vec<Cut> {
    let cut = |size: usize| {
        if let Some(bounds) = axis.line_bounds(size) {
            return Cut { size, spans: axis.output.div_ceil(size), bounds };
        }
        let spans = axis.spans(size);
        Cut { size, spans: spans.len(), bounds: axis.bounds(&spans) }
    };
    axis.sizes().into_iter().filter(|size| *size <= degree).map(cut).collect()
}

/// Spacings of at least `block` worth trying, each with the run that it gives: for every power of two its least
/// multiple.
fn spacings(needs: &Needs, block: i64) -> Vec<(i64, usize)> {
    if !needs.flat {
        return vec![(block, 1)];
    }
    let degree = needs.degree as i64;
    let steps = (0..=needs.degree.trailing_zeros()).map(|log| 1_i64 << log);
    let mut blocks: Vec<i64> = steps.map(|step| (block + step - 1) / step * step).collect();
    blocks.dedup();
    let run = |block: i64| (block & -block).min(degree) as usize;
    let useful = |block: i64| if run(block) < LEAST_RUN { 1 } else { run(block) };
    blocks.into_iter().map(|block| (block, useful(block))).collect()
}

/// The plan of least traffic, with prices on computation. None when not even one plane of one output fits.
pub(crate) fn search(needs: &Needs, axes: &[Axis; 2]) -> Option<Plan> {
    let merges: Vec<usize> =
        (1..=needs.groups).filter(|m| needs.groups.is_multiple_of(*m)).collect();
    let [rows, columns] = [&axes[0], &axes[1]].map(|axis| cuts(axis, needs.degree));
    let mut best: Option<(usize, Plan)> = None;
    let counts = Axis::line(needs.images).sizes();
    let cuts = rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x)));
    let cuts = cuts.flat_map(|(y, x)| {
        // Several images in a block save nothing that wider tiles of one image would not.
        let useful = |n: &usize| *n == 1 || x.spans == 1;
        counts.iter().copied().filter(useful).map(move |images| (y, x, images))
    });
    for (y, x, images) in cuts {
        let tile = [y.size, x.size];
        let tiles = y.spans * x.spans * needs.images.div_ceil(images);
        let tiling = Tiling::new(axes, [y.bounds, x.bounds], images);
        for (block, run) in spacings(needs, tiling.block) {
            let blocks = tiling.spaced(block).most_blocks(needs.degree);
            for merged in merges.iter().filter(|_| blocks > 0) {
                let groups = needs.groups / merged;
                let (planes, outputs) = (needs.planes * merged, needs.outputs * merged);
                for split in splits(planes, outputs, blocks, needs.shared) {
                    let plan = Plan {
                        merged: *merged,
                        images,
                        tile,
                        planes: split.0,
                        outputs: split.1,
                        block,
                        run,
                    };
                    let up = planes.div_ceil(split.0) * (needs.input_bytes + price::INPUT);
                    let down = outputs.div_ceil(split.1) * (needs.result_bytes + price::RESULT);
                    let traffic = groups * tiles * (up + down);
                    let worse =
                        |price: usize| best.as_ref().is_some_and(|(least, _)| price >= *least);
                    if worse(traffic) {
                        continue;
                    }
                    let each = tiles * price::product(needs.degree, run)
                        + price::transform(needs.degree, run);
                    let price = traffic + groups * plan.pairs(planes, outputs) * each;
                    if !worse(price) {
                        best = Some((price, plan));
                    }
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
