//! From a float network to integers for garbled arithmetic in residues.
//!
//! # What differs from rings
//!
//! A garbled value is a residue per prime of a base. Sums and products with public weights are
//! free; whatever else is a table over one residue. So every activation is one
//! [`FixedOp::Lookup`](super::FixedOp::Lookup): the accumulator's top digit in mixed radix goes
//! through a table that applies the function, clamps and requantises. Any function of one value
//! costs the same, and `x * sigmoid(x)` in whatever nodes is one function.
//!
//! # Policy
//!
//! * Results of tables are `outputs` consecutive integers. Their unit minimises the squared error
//!   over the samples, clipping a tail where that pays; clipping inside a table is harmless.
//! * An accumulator's unit is the finest whose window, the range to be covered, fits a form's
//!   period. The window of rectified and of merely rescaled values is aligned with the grid of
//!   the results, so that nothing is rounded twice. Beyond its window a value wraps around and the
//!   result is wrong: see [`RangeMode`].
//! * Sums happen at the accumulator's unit; an activation enters them through a 1x1 layer with
//!   one integer weight. Operands of a concatenation share one unit. Maxima are taken over table
//!   results, since monotone functions commute with them.
//! * Sums over windows go into a linear layer as they are if its weights keep enough bits, else
//!   through a table.
//!
//! Lookup values, scales and, in this backend, weights are public.
//!
//! Source: the fused gadget follows Szabo and Tanaka's mixed-radix conversion; the second style
//! follows Dash (TCHES 2025) and ReDash, whose networks rescale by a prime after each linear
//! layer or not at all.

mod arrange;
mod bounds;
mod code;
mod correct;
mod dash;
mod emit;
mod fit;
mod observe;
mod options;
mod plan;
mod program;
mod run;
mod strict;
mod unit;

pub use fit::{FittedResidue, MAX_ERROR, fit};
pub use options::{LookupForm, RangeMode, RescaleForm, ResidueOptions, Style};

use super::quantise::{Range, lower};
use super::{Calibration, FixedModel, QuantiseOptions};
use crate::Error;
use crate::ir::{Graph, Tensor};
use arrange::{Rules, arrange};
use dash::Dash;
use observe::{Seen, observe};
use plan::Plan;
use program::{Class, Layer, Program};
use strict::{Failed, Strict};
use unit::Unit;

/// Bits of the reals that the layers pass through; far above what any table resolves.
const FINE_BITS: u32 = 16;

/// Quantises a network for the garbled backend. Ranges and error statistics come from `samples`,
/// 100 or more typical inputs; run `passes::simplify` on the graph first.
///
/// # Errors
/// [`Error::Unsupported`] naming the first layer that has no table (products of two values,
/// `ArgMax` inside the network), why, and what to do; [`Error::Limit`] when values do not fit the
/// given forms or modulus; [`Error::Config`] for settings out of bounds or without a sample.
pub fn quantise(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
    options: &ResidueOptions,
) -> Result<FixedModel, Error> {
    options.validate()?;
    let fine =
        QuantiseOptions { act_bits: FINE_BITS, weight_bits: FINE_BITS, margin: 1.0, max_ring: 64 };
    let lowered = lower(graph, calibration, &fine)?;
    match &options.style {
        Style::Strict { forms, weight_bits } => {
            let mut rules = Rules { tables: true, ..Rules::default() };
            loop {
                let p = arrange(&graph.name, &lowered, &rules)?;
                let seen = observe(&p, samples)?;
                let (p, seen) = (&p, &seen);
                let strict = Strict { p, seen, options, forms, weight_bits: *weight_bits };
                match strict.plan() {
                    Ok(plan) => return integers(p, &plan, samples, options),
                    // Each sum is narrowed once at most.
                    Err(Failed::Narrow(sum)) if !rules.narrow.contains(&sum) => {
                        rules.narrow.insert(sum);
                    }
                    Err(Failed::Narrow(sum)) => {
                        return Err(Error::Limit(format!(
                            "the layer after '{sum}' gets too few bits; add a form with a larger divisor"
                        )));
                    }
                    Err(Failed::Error(e)) => return Err(e),
                }
            }
        }
        Style::DashCompat(form) => {
            let rules = Rules { grow: form.divisor == 1, ..Rules::default() };
            let p = arrange(&graph.name, &lowered, &rules)?;
            let seen = observe(&p, samples)?;
            let plan = Dash { p: &p, seen: &seen, options, form: *form }.plan()?;
            integers(&p, &plan, samples, options)
        }
    }
}

/// The model of a plan. Biases are corrected where windows have a margin for it.
fn integers(
    p: &Program,
    plan: &Plan,
    samples: &[Tensor],
    options: &ResidueOptions,
) -> Result<FixedModel, Error> {
    let rounded = emit::integers(p, plan)?;
    if options.range == RangeMode::Proof {
        rounded.proven(p)?;
        return rounded.model(p, plan);
    }
    let mut model = rounded.clone().model(p, plan)?;
    correct::correct(p, &mut model, samples)?;
    rounded.with(p, model.weights).model(p, plan)
}

/// Unit and range of the input's integers.
fn input(p: &Program, seen: &Seen, options: &ResidueOptions) -> Result<(Unit, (i64, i64)), Error> {
    let r = seen.ranges[p.input];
    let most = f64::from((1u32 << options.input_bits) - 1);
    let width = r.hi - r.lo;
    // Raw pixels and other integers are exact.
    let unit = if (seen.whole && width <= most) || width == 0.0 {
        Unit::ONE
    } else {
        Unit::near(most / width)?
    };
    let u = unit.value();
    Ok((unit, ((r.lo * u).round() as i64, (r.hi * u).round() as i64)))
}

/// Units of sums over windows, which follow from their operands'.
fn sum_units(p: &Program, units: &mut [Unit]) -> Result<(), Error> {
    for n in &p.nodes {
        match &n.layer {
            Layer::SumPool { count, .. } => {
                units[n.output] = units[n.inputs[0]].times(count.round() as u64)?;
            }
            _ if p.values[n.output].class == Class::Sum => units[n.output] = units[n.inputs[0]],
            _ => {}
        }
    }
    Ok(())
}

/// An interval `factor` times as wide, the same on both sides.
fn widened(r: Range, factor: f64) -> Range {
    let more = (r.hi - r.lo) * (factor - 1.0) / 2.0;
    Range::new(r.lo - more, r.hi + more)
}

/// Integers that accumulators must stay within: operands of tables, and the output. Sums on the
/// way to them may wrap around their modulus and come back.
fn admitted(p: &Program, seen: &Seen, units: &[Unit], mode: RangeMode) -> Vec<Option<(i64, i64)>> {
    let mut of = vec![None; p.values.len()];
    if let RangeMode::Calibrated { margin } = mode {
        for v in p.tables().map(|t| t.2).chain([p.output]) {
            let (r, u) = (widened(seen.ranges[v], margin), units[v].value());
            if p.values[v].class == Class::Accumulator {
                of[v] = Some(((r.lo * u).floor() as i64, (r.hi * u).ceil() as i64));
            }
        }
    }
    of
}
