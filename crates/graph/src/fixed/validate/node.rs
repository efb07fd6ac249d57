use super::limits::{self, Budget};
use super::{ensure, invalid, movement, table};
use crate::Error;
use crate::fixed::{
    ConvShape, Edge, FixedGraph, FixedNode, FixedOp, Function, KernelSums, PoolShape, WeightId,
};

/// An edge on its own.
pub(super) fn edge(e: &Edge, budget: &mut Budget) -> Result<(), Error> {
    let about = |why: String| format!("edge {:?}: {why}", e.name);
    limits::at_most("length of an edge's name", e.name.len(), limits::NAME_BYTES)?;
    limits::at_most("axes of a tensor", e.shape.len(), limits::RANK)?;
    budget.tensor(limits::product("elements of a tensor", &e.shape, limits::TENSOR)?)?;
    ensure(!e.shape.contains(&0), || about(format!("empty shape {:?}", e.shape)))?;
    ensure((2..=64).contains(&e.ring), || about(format!("a ring of {} bits", e.ring)))?;
    ensure(e.frac.abs() <= limits::FRAC, || about(format!("{} fraction bits", e.frac)))?;
    ensure(e.divisor > 0, || about("divisor 0".into()))?;
    ensure(e.lo <= e.hi, || about("an empty range".into()))
}

/// A node against its edges, all of which exist.
pub(super) fn check(
    g: &FixedGraph,
    n: &FixedNode,
    weights: &mut u32,
    budget: &mut Budget,
) -> Result<(), Error> {
    let xs: Vec<&Edge> = n.inputs.iter().map(|e| &g.edges[e.0 as usize]).collect();
    let y = &g.edges[n.output.0 as usize];
    match &n.op {
        FixedOp::Add { .. } | FixedOp::Mul => operands(&xs, 2)?,
        FixedOp::Concat { .. } => ensure(!xs.is_empty(), || "no operand".into())?,
        _ => operands(&xs, 1)?,
    }
    let x = xs[0];
    match &n.op {
        FixedOp::Linear { conv, weights: id, weight_bits, weight_frac, sums } => {
            next_id(*id, weights)?;
            local_ring(x.ring, y.ring)?;
            conv_shape(conv, x, y, budget)?;
            ensure((1..=32).contains(weight_bits), || format!("{weight_bits}-bit kernel"))?;
            if let Some(sums) = sums {
                ensure(KernelSums::apply_to(conv), || {
                    "bounds of kernel sums for a layer that has none".into()
                })?;
                ensure(sums.possible(*weight_bits), || {
                    format!(
                        "kernel sums of fewer bits than entries of {weight_bits}, or of more than they have"
                    )
                })?;
            }
            ensure(weight_frac.abs() <= limits::FRAC, || {
                format!("{weight_frac} kernel fraction bits")
            })?;
            ensure(y.frac == x.frac + weight_frac, || scales(x, y))
        }
        FixedOp::AddConst { weights: id } => {
            next_id(*id, weights)?;
            same(x, y)?;
            local_ring(x.ring, y.ring)
        }
        FixedOp::Activate { shift, function, flips } => {
            if let Some(id) = flips {
                next_id(*id, weights)?;
                ensure(*function == Function::Relu, || {
                    "signs of something else than a Relu".into()
                })?;
            }
            ensure(x.shape == y.shape, || shapes(x, y))?;
            ensure(*shift < x.ring, || format!("shift {shift} in a ring of {} bits", x.ring))?;
            ensure(
                i64::from(y.frac) == i64::from(x.frac) - i64::from(*shift)
                    && x.divisor == y.divisor,
                || scales(x, y),
            )?;
            let signed = || {
                ensure(*shift + 1 < x.ring, || {
                    format!("shift {shift} leaves only the sign of {} bits", x.ring)
                })
            };
            match *function {
                Function::ReluMax { hi } => {
                    ensure(hi > 0 && fits(hi, y.ring), || {
                        format!("upper bound {hi} in a ring of {} bits", y.ring)
                    })?;
                    signed()
                }
                Function::Relu => signed(),
                Function::Identity => Ok(()),
            }
        }
        FixedOp::SumPool(pool) => {
            local_ring(x.ring, y.ring)?;
            pool_shape(pool, x, y, budget)
        }
        FixedOp::MaxPool(pool) => {
            local_ring(x.ring, y.ring)?;
            ensure(x.frac == y.frac && x.divisor == y.divisor, || scales(x, y))?;
            pool_shape(pool, x, y, budget)?;
            windows_hit(pool)
        }
        FixedOp::Add { shl, .. } => (0..2).try_for_each(|i| aligned(xs[i], shl[i], y)),
        FixedOp::Mul => {
            ensure(xs.iter().all(|x| x.shape == y.shape), || shapes(x, y))?;
            ensure(
                xs[0].frac + xs[1].frac == y.frac
                    && xs[0].divisor.checked_mul(xs[1].divisor) == Some(y.divisor),
                || scales(x, y),
            )?;
            xs.iter().try_for_each(|x| local_ring(x.ring, y.ring))
        }
        FixedOp::Concat { axis, shl } => concat(*axis as usize, shl, &xs, y),
        FixedOp::Rearrange(r) => {
            local_ring(x.ring, y.ring)?;
            ensure(x.frac == y.frac && x.divisor == y.divisor, || scales(x, y))?;
            movement::check(r, x, y)
        }
        FixedOp::ArgMax => {
            ensure(y.len() == 1 && y.frac == 0 && y.divisor == 1, || shapes(x, y))?;
            ensure(fits(x.len() as i64 - 1, y.ring), || {
                format!("an index below {} does not fit {} bits", x.len(), y.ring)
            })
        }
        FixedOp::Lookup { divisor, first, values } => {
            ensure(x.shape == y.shape, || shapes(x, y))?;
            table::lookup(*divisor, *first, values, y.ring)
        }
        FixedOp::Rescale { modulus, divisor, function } => {
            ensure(x.shape == y.shape, || shapes(x, y))?;
            ensure(table::divides(x, *divisor, y), || scales(x, y))?;
            table::rescale(*modulus, *divisor, *function, y.ring)
        }
    }
}

fn operands(xs: &[&Edge], n: usize) -> Result<(), Error> {
    ensure(xs.len() == n, || format!("{} operands instead of {n}", xs.len()))
}

/// Weight ids count up in the order of the layers.
fn next_id(id: WeightId, next: &mut u32) -> Result<(), Error> {
    ensure(id.0 == *next, || format!("weights {} where {next} come next", id.0))?;
    *next += 1;
    Ok(())
}

/// Local operators cannot enlarge a ring.
fn local_ring(x: u32, y: u32) -> Result<(), Error> {
    ensure(y <= x, || format!("a result of {y} ring bits from an operand of {x}"))
}

fn same(x: &Edge, y: &Edge) -> Result<(), Error> {
    ensure(x.shape == y.shape, || shapes(x, y))?;
    ensure(x.frac == y.frac && x.divisor == y.divisor, || scales(x, y))
}

fn aligned(x: &Edge, shl: u32, y: &Edge) -> Result<(), Error> {
    ensure(x.shape == y.shape, || shapes(x, y))?;
    shifted(x, shl, y)
}

fn shifted(x: &Edge, shl: u32, y: &Edge) -> Result<(), Error> {
    ensure(shl < 64, || format!("left shift by {shl}"))?;
    ensure(x.frac + shl as i32 == y.frac && x.divisor == y.divisor, || scales(x, y))?;
    local_ring(x.ring + shl, y.ring)
}

fn concat(axis: usize, shl: &[u32], xs: &[&Edge], y: &Edge) -> Result<(), Error> {
    ensure(shl.len() == xs.len(), || format!("{} shifts for {} operands", shl.len(), xs.len()))?;
    ensure(axis < y.shape.len(), || format!("axis {axis} of a result of shape {:?}", y.shape))?;
    let mut extent = 0u64;
    for (x, &s) in xs.iter().zip(shl) {
        let others = |e: &Edge| {
            let mut s = e.shape.clone();
            s[axis] = 0;
            s
        };
        ensure(x.shape.len() == y.shape.len() && others(x) == others(y), || shapes(x, y))?;
        extent += u64::from(x.shape[axis]);
        shifted(x, s, y)?;
    }
    ensure(extent == u64::from(y.shape[axis]), || {
        format!("operands of {extent} along axis {axis} make a result of {}", y.shape[axis])
    })
}

fn conv_shape(c: &ConvShape, x: &Edge, y: &Edge, budget: &mut Budget) -> Result<(), Error> {
    let groups = c.groups;
    ensure(groups > 0 && c.cin.is_multiple_of(groups) && c.cout.is_multiple_of(groups), || {
        format!("{} groups of {} and {} channels", groups, c.cin, c.cout)
    })?;
    let [oh, ow] = window([c.h, c.w], c.kernel, c.stride, c.dilation, c.pads)?;
    elements("operand", &[c.cin, c.h, c.w], x)?;
    // Extents and paddings were bounded above, so these sums fit.
    let padded = [c.cin, c.h + c.pads[0] + c.pads[1], c.w + c.pads[2] + c.pads[3]];
    limits::product("elements of a padded operand", &padded, limits::TENSOR)?;
    let outputs = elements("result", &[c.cout, oh, ow], y)?;
    let taps = [c.cin / groups, c.kernel[0], c.kernel[1]];
    let kernel = [c.cout, taps[0], taps[1], taps[2]];
    budget.kernel(limits::product("kernel entries of a layer", &kernel, limits::KERNEL)?)?;
    budget.work(outputs * limits::product("taps of a kernel", &taps, limits::KERNEL)?)
}

fn pool_shape(p: &PoolShape, x: &Edge, y: &Edge, budget: &mut Budget) -> Result<(), Error> {
    let [oh, ow] = window([p.h, p.w], p.kernel, p.stride, p.dilation, p.pads)?;
    elements("operand", &[p.channels, p.h, p.w], x)?;
    elements("result", &[p.channels, oh, ow], y)?;
    let plane = [oh, ow, p.kernel[0], p.kernel[1]];
    let visits = limits::product("elements in the windows of a channel", &plane, limits::TENSOR)?;
    budget.windows(visits)?;
    budget.work(visits * u64::from(p.channels))
}

/// Every window of a maximum holds at least one element that is not padding.
fn windows_hit(p: &PoolShape) -> Result<(), Error> {
    let (oh, ow) = p.output();
    for (axis, (count, size)) in [(oh, p.h), (ow, p.w)].into_iter().enumerate() {
        let (pad, step) = (u64::from(p.pads[2 * axis]), u64::from(p.dilation[axis]));
        for window in 0..u64::from(count) {
            let start = window * u64::from(p.stride[axis]);
            let skipped = pad.saturating_sub(start).div_ceil(step);
            let hit = start + skipped * step;
            ensure(skipped < u64::from(p.kernel[axis]) && hit < pad + u64::from(size), || {
                "a window of nothing but padding".into()
            })?;
        }
    }
    Ok(())
}

/// Output extents of a window whose attributes are sane.
fn window(
    size: [u32; 2],
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    pads: [u32; 4],
) -> Result<[u32; 2], Error> {
    let mut out = [0; 2];
    for a in 0..2 {
        for v in [kernel[a], stride[a], dilation[a]] {
            ensure(v > 0, || "a kernel, stride or dilation of 0".into())?;
            limits::at_most("kernel, stride or dilation", v, limits::WINDOW)?;
        }
        let (before, after) = (pads[2 * a], pads[2 * a + 1]);
        limits::at_most("padding", before.max(after), limits::WINDOW)?;
        limits::at_most("extent", u64::from(size[a]), limits::TENSOR)?;
        let padded = u64::from(size[a]) + u64::from(before) + u64::from(after);
        let span = u64::from(dilation[a]) * u64::from(kernel[a] - 1) + 1;
        // The span must also fit 32 bits, in which `output()` computes.
        ensure(size[a] > 0 && span <= padded, || {
            format!("a window spanning {span} on a padded extent of {padded}")
        })?;
        out[a] = ((padded - span) / u64::from(stride[a]) + 1) as u32;
    }
    Ok(out)
}

fn elements(what: &str, dims: &[u32], e: &Edge) -> Result<u64, Error> {
    let n = limits::product("elements of a tensor", dims, limits::TENSOR)?;
    if n != e.len() as u64 {
        return Err(invalid(format!("{what} {dims:?} on an edge of shape {:?}", e.shape)));
    }
    Ok(n)
}

/// Whether a signed integer fits `ring` bits.
pub(super) fn fits(v: i64, ring: u32) -> bool {
    crate::fixed::semantics::wrap(v as u64, ring) == v
}

fn shapes(x: &Edge, y: &Edge) -> String {
    format!("operand {:?} and result {:?} do not fit together", x.shape, y.shape)
}

fn scales(x: &Edge, y: &Edge) -> String {
    format!(
        "operand with {} fraction bits (divisor {}) and result with {} ({}) do not fit together",
        x.frac, x.divisor, y.frac, y.divisor
    )
}
