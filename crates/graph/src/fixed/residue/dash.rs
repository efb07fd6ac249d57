//! Units of the `dash-compat` style: one factor for all weights, found by bisection.

use super::emit::integers;
use super::observe::Seen;
use super::options::{RangeMode, RescaleForm, ResidueOptions};
use super::plan::Plan;
use super::program::{Class, Layer, Program};
use super::unit::Unit;
use crate::Error;
use crate::fixed::quantise::CurveKind;
use crate::fixed::{FixedOp, Function};
use std::collections::BTreeMap;

/// Least and largest magnitude of a layer's largest kernel entry.
const WEIGHTS: (f64, f64) = (4.0, 32767.0);
/// Halvings of the interval of magnitudes, on a logarithmic scale.
const STEPS: u32 = 24;

pub(super) struct Dash<'a> {
    pub(super) p: &'a Program,
    pub(super) seen: &'a Seen,
    pub(super) options: &'a ResidueOptions,
    pub(super) form: RescaleForm,
}

impl Dash<'_> {
    /// The plan with the largest weights whose accumulators stay within the modulus.
    pub(super) fn plan(&self) -> Result<Plan, Error> {
        let (mut lo, mut hi) = (WEIGHTS.0.ln(), WEIGHTS.1.ln());
        let Some(mut best) = self.fitting(lo.exp())? else {
            return Err(Error::Limit(format!(
                "values leave modulus {} or 62 bits even with weights of 3 bits; use another modulus{}",
                self.form.modulus,
                if self.options.range == RangeMode::Proof {
                    " or the calibrated range"
                } else {
                    ""
                }
            )));
        };
        for _ in 0..STEPS {
            let middle = (lo + hi) / 2.0;
            match self.fitting(middle.exp())? {
                Some(plan) => (best, lo) = (plan, middle),
                None => hi = middle,
            }
        }
        Ok(best)
    }

    /// The plan with this magnitude of the largest kernel entries, if nothing wraps.
    fn fitting(&self, weight: f64) -> Result<Option<Plan>, Error> {
        let plan = self.with(weight)?;
        let half = i128::from(self.form.modulus / 2);
        let accumulator = |&v: &usize| self.p.values[v].class == Class::Accumulator;
        let within = |(lo, hi): (i128, i128)| -half <= lo && hi <= half;
        let mut values = (0..self.p.values.len()).filter(accumulator);
        let integers = match integers(self.p, &plan) {
            Err(Error::Limit(_)) => return Ok(None),
            other => other?,
        };
        let fits = match self.options.range {
            RangeMode::Proof => values.all(|v| within(integers.intervals[v])),
            RangeMode::Calibrated { .. } => values
                .all(|v| plan.admitted[v].is_none_or(|(lo, hi)| within((lo.into(), hi.into())))),
        };
        let fits = fits && integers.rings(self.p).is_ok();
        Ok(fits.then_some(plan))
    }

    fn with(&self, weight: f64) -> Result<Plan, Error> {
        let p = self.p;
        let (input_unit, input) = super::input(p, self.seen, self.options)?;
        // Accumulators and their rescaled values move together.
        let linked = self.linked();
        let mut found: BTreeMap<usize, Unit> = BTreeMap::new();
        let mut units = vec![Unit::ONE; p.values.len()];
        for (v, unit) in units.iter_mut().enumerate() {
            if p.group(v) == p.group(p.input) {
                *unit = input_unit;
            }
        }
        for n in &p.nodes {
            let (x, y) = (n.inputs[0], n.output);
            let link = linked[p.group(y)];
            match (&n.layer, p.values[y].class) {
                (Layer::SumPool { count, .. }, _) => {
                    units[y] = units[x].times(count.round() as u64)?;
                }
                (_, Class::Input) => {}
                (_, Class::Sum) => units[y] = units[x],
                (Layer::Linear(k), _) if !found.contains_key(&link) => {
                    let top = k.largest().max(f64::MIN_POSITIVE);
                    let exact = weight / top * units[x].value() / self.form.divisor as f64;
                    found.insert(link, Unit::near(exact)?);
                }
                _ => {}
            }
            if let (Some(code), Class::Code | Class::Accumulator) =
                (found.get(&link), p.values[y].class)
            {
                units[y] = match p.values[y].class {
                    Class::Code => *code,
                    _ => code.times(self.form.divisor)?,
                };
            }
        }
        let tables = self.tables()?;
        let admitted = super::admitted(p, self.seen, &units, self.options.range);
        Ok(Plan { units, input, tables, admitted })
    }

    /// Per group, the group that stands for all whose units are tied together by tables.
    fn linked(&self) -> Vec<usize> {
        let p = self.p;
        let mut link: Vec<usize> = (0..p.values.len()).collect();
        loop {
            let mut changed = false;
            for (.., x, y) in p.tables() {
                let (a, b) = (p.group(x), p.group(y));
                let least = link[a].min(link[b]);
                changed |= link[a] != least || link[b] != least;
                (link[a], link[b]) = (least, least);
            }
            if !changed {
                return link;
            }
        }
    }

    fn tables(&self) -> Result<BTreeMap<usize, FixedOp>, Error> {
        let p = self.p;
        p.tables()
            .map(|(i, curve, x, y)| {
                let function = match curve.kind {
                    CurveKind::Identity => Function::Identity,
                    CurveKind::Relu => Function::Relu,
                    CurveKind::Clip | CurveKind::Other => {
                        return Err(Error::Unsupported {
                            node: p.nodes[i].name.clone(),
                            op: "table".into(),
                            why: "only Relu is computed in dash-compat style".into(),
                            hint: "use strict style, or retrain with Relu".into(),
                        });
                    }
                };
                let same = p.values[x].class == p.values[y].class;
                let divisor = if same { 1 } else { self.form.divisor };
                Ok((i, FixedOp::Rescale { modulus: self.form.modulus, divisor, function }))
            })
            .collect()
    }
}
