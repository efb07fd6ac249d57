//! Units and tables of the `strict` style.

use super::bounds::{Worst, worst};
use super::code::{Code, codes, on_grid};
use super::observe::Seen;
use super::options::{LookupForm, RangeMode, ResidueOptions};
use super::plan::Plan;
use super::program::{Class, Kernel, Node, Program, Value, keeps_slope};
use super::unit::Unit;
use crate::Error;
use crate::fixed::FixedOp;
use crate::fixed::quantise::{Curve, Range};
use std::collections::BTreeMap;

/// Bits that no kernel entry exceeds.
const MAX_WEIGHT: f64 = 32767.0;
/// Signed bits of the last layer's kernel beyond those that others need.
const OUTPUT_BITS: u32 = 2;
/// Least factor between the units of an accumulator and of a value carried to it: their ratio is
/// rounded to a whole number.
const MIN_CARRY: f64 = 24.0;
/// Least number of a table's steps per step of its results for a form to be taken when a later
/// one has more levels.
const RESOLUTION: f64 = 0.75;
/// Fewest steps of a table over the range seen.
const MIN_STEPS: f64 = 8.0;

/// Why a plan could not be made.
pub(super) enum Failed {
    /// The linear layer reading this window sum gets too few bits.
    Narrow(String),
    Error(Error),
}

impl From<Error> for Failed {
    fn from(e: Error) -> Self {
        Self::Error(e)
    }
}

pub(super) struct Strict<'a> {
    pub(super) p: &'a Program,
    pub(super) seen: &'a Seen,
    pub(super) options: &'a ResidueOptions,
    pub(super) forms: &'a [LookupForm],
    pub(super) weight_bits: u32,
}

/// What one group of accumulators is read and written by.
struct Group<'a> {
    kernels: Vec<(&'a Node, &'a Kernel, Value)>,
    tables: Vec<(usize, &'a Curve, Value, Value)>,
    values: Vec<Value>,
    output: bool,
}

impl<'a> Strict<'a> {
    pub(super) fn plan(&self) -> Result<Plan, Failed> {
        let (p, outputs) = (self.p, self.forms[0].outputs);
        let levels = self.forms.iter().map(|f| f.levels).max().unwrap_or(outputs);
        let (input_unit, input) = super::input(p, self.seen, self.options)?;
        let codes = codes(p, self.seen, outputs, levels, self.margin())?;
        let mut units: Vec<Unit> = (0..p.values.len())
            .map(|v| match p.values[v].class {
                Class::Input => input_unit,
                _ => codes[v].map_or(Unit::ONE, |c| c.unit),
            })
            .collect();
        super::sum_units(p, &mut units)?;
        let known = |v: usize| match (p.values[v].class, codes[v]) {
            (Class::Input, _) => {
                let (lo, hi) = (input.0 as f64, input.1 as f64);
                let u = input_unit.value();
                Some((Range::new(lo / u, hi / u), lo.abs().max(hi.abs())))
            }
            (_, Some(c)) => Some((c.range(), c.first.abs().max(c.last().abs()) as f64)),
            _ => None,
        };
        let worst = worst(p, known);
        let mut tables = BTreeMap::new();
        for group in 0..p.values.len() {
            if p.values[group].class != Class::Accumulator || p.group(group) != group {
                continue;
            }
            let g = self.group(group);
            if g.kernels.is_empty() {
                continue;
            }
            let (unit, form) = if g.tables.is_empty() {
                (self.revealed(&g, &units, &worst)?, self.forms[0])
            } else {
                self.choose(&g, &units, &codes, &worst)?
            };
            g.values.iter().for_each(|&v| units[v] = unit);
            if g.output {
                self.fits_output(unit, &worst)?;
            }
            for &(node, curve, x, y) in &g.tables {
                let Some(code) = codes[y] else { continue };
                let op = self.lookup(curve, x, code, unit, form, &worst[x])?;
                tables.insert(node, op);
            }
        }
        for (node, curve, x, y) in p.tables() {
            if let (Class::Code, Some(from), Some(to)) = (p.values[x].class, codes[x], codes[y]) {
                let u = from.unit.value();
                let values = (from.first..=from.last())
                    .map(|t| entry(&p.nodes[node].name, curve, t as f64 / u, to))
                    .collect::<Result<_, _>>()?;
                tables.insert(node, FixedOp::Lookup { divisor: 1, first: from.first, values });
            }
        }
        let admitted = super::admitted(p, self.seen, &units, self.options.range);
        Ok(Plan { units, input, tables, admitted })
    }

    fn margin(&self) -> f64 {
        match self.options.range {
            RangeMode::Calibrated { margin } => margin,
            RangeMode::Proof => 1.0,
        }
    }

    fn group(&self, group: usize) -> Group<'a> {
        let p = self.p;
        let of = |v: Value| p.group(v) == group;
        Group {
            kernels: p.kernels().filter(|k| of(k.3)).map(|(n, k, x, _)| (n, k, x)).collect(),
            tables: p.tables().filter(|t| of(t.2)).collect(),
            values: (0..p.values.len()).filter(|&v| of(v)).collect(),
            output: of(p.output),
        }
    }

    /// The real window that a table must cover, and integers to add to it.
    fn window(&self, x: Value, worst: &Worst) -> (Range, f64) {
        match self.options.range {
            RangeMode::Calibrated { margin } => (super::widened(self.seen.ranges[x], margin), 0.0),
            RangeMode::Proof => (worst.range, 2.0 * worst.slack + 2.0),
        }
    }

    /// The cheapest form that leaves the kernels enough bits, and the unit it allows.
    fn choose(
        &self,
        g: &Group<'_>,
        units: &[Unit],
        codes: &[Option<Code>],
        worst: &[Worst],
    ) -> Result<(Unit, LookupForm), Failed> {
        let (mut short, mut few, mut coarse) = (None, None, None);
        for &form in self.forms {
            let most = self.finest(g, form, worst);
            let mut unit = most;
            if let [(_, curve, _, y)] = g.tables[..]
                && let (true, Some(code)) = (keeps_slope(curve), codes[y])
            {
                let d = form.divisor as f64;
                unit = on_grid(most / d, code.unit.value()) * d;
            }
            for &(_, k, x) in &g.kernels {
                if k.largest() > 0.0 {
                    unit = unit.min(MAX_WEIGHT * units[x].value() / k.largest());
                }
            }
            match self.too_coarse(g, unit, units) {
                None => {
                    if let Some(e) = self.few_steps(g, unit / form.divisor as f64) {
                        few = few.or(Some(e));
                        continue;
                    }
                    // Rounding the unit must not lose what its window has to cover.
                    let found = (Unit::near(unit * (1.0 - 2f64.powi(-15)))?, form);
                    if self.resolves(g, codes, unit / form.divisor as f64) {
                        return Ok(found);
                    }
                    coarse = coarse
                        .filter(|c: &(Unit, LookupForm)| c.1.levels >= form.levels)
                        .or(Some(found));
                }
                Some(found) => short = Some(found),
            }
        }
        if let Some(found) = coarse {
            return Ok(found);
        }
        if let Some(e) = few {
            return Err(e.into());
        }
        let Some((name, operand, bits)) = short else {
            return Err(Error::Config("no lookup form is given".into()).into());
        };
        if self.p.values[operand].class == Class::Sum {
            return Err(Failed::Narrow(self.p.values[operand].name.clone()));
        }
        Err(Error::Limit(format!(
            "layer '{name}' gets {bits:.1} bits for its weights from the widest lookup form; add a form with a larger divisor{}",
            match self.options.range {
                RangeMode::Proof => ", or use the calibrated range",
                RangeMode::Calibrated { .. } => "",
            }
        ))
        .into())
    }

    /// Whether tables with these steps per real unit lose little of their results' resolution.
    fn resolves(&self, g: &Group<'_>, codes: &[Option<Code>], steps: f64) -> bool {
        g.tables.iter().all(|&(_, curve, _, y)| {
            !keeps_slope(curve) || codes[y].is_none_or(|c| steps >= RESOLUTION * c.unit.value())
        })
    }

    /// The finest unit with which every table's window fits the form's period.
    fn finest(&self, g: &Group<'_>, form: LookupForm, worst: &[Worst]) -> f64 {
        let d = form.divisor as f64;
        let fits = |x: Value| {
            let (range, slack) = self.window(x, &worst[x]);
            let room = (d * f64::from(form.levels - 1) - slack).max(0.0);
            room / (range.hi - range.lo).max(f64::MIN_POSITIVE)
        };
        g.tables.iter().map(|t| fits(t.2)).fold(f64::MAX.sqrt(), f64::min)
    }

    /// The first kernel that gets too few bits, its operand and its bits.
    fn too_coarse(&self, g: &Group<'_>, unit: f64, units: &[Unit]) -> Option<(String, Value, f64)> {
        g.kernels.iter().find_map(|&(n, k, x)| {
            let top = k.largest() * unit / units[x].value();
            let least = if k.unit { MIN_CARRY } else { f64::from(self.weight_bits - 1).exp2() };
            (top < least && k.largest() > 0.0).then(|| (n.name.clone(), x, top.log2() + 1.0))
        })
    }

    /// The unit of a group that no table reads.
    fn revealed(&self, g: &Group<'_>, units: &[Unit], worst: &[Worst]) -> Result<Unit, Failed> {
        let bits = (self.weight_bits + OUTPUT_BITS).min(15);
        let wanted = |&(_, k, x): &(&Node, &Kernel, Value)| {
            let top = if k.unit { MIN_CARRY } else { f64::from(bits - 1).exp2() };
            top * units[x].value() / k.largest().max(f64::MIN_POSITIVE)
        };
        let unit = g.kernels.iter().map(wanted).fold(0.0, f64::max);
        let room = self.options.max_modulus as f64 / 2.0 - 1.0;
        let (range, slack) = self.window(self.p.output, &worst[self.p.output]);
        let most = (room - slack).max(0.0) / range.magnitude().max(f64::MIN_POSITIVE);
        let unit = unit.min(most);
        match self.too_coarse(g, unit, units) {
            None => Ok(Unit::near(unit * (1.0 - 2f64.powi(-15)))?),
            Some((_, x, _)) if self.p.values[x].class == Class::Sum => {
                Err(Failed::Narrow(self.p.values[x].name.clone()))
            }
            Some((name, ..)) => Err(Error::Limit(format!(
                "the output of '{name}' does not fit modulus {}; raise max_modulus or lower weight_bits",
                self.options.max_modulus
            ))
            .into()),
        }
    }

    fn fits_output(&self, unit: Unit, worst: &[Worst]) -> Result<(), Error> {
        let (range, slack) = self.window(self.p.output, &worst[self.p.output]);
        if range.magnitude() * unit.value() + slack < self.options.max_modulus as f64 / 2.0 {
            return Ok(());
        }
        Err(Error::Limit(format!(
            "the output does not fit modulus {}; raise max_modulus",
            self.options.max_modulus
        )))
    }

    /// Why the range that samples show is too little of a table.
    fn few_steps(&self, g: &Group<'_>, steps: f64) -> Option<Error> {
        g.tables.iter().find_map(|&(_, _, x, _)| {
            let r = self.seen.ranges[x];
            let seen = (r.hi - r.lo) * steps;
            (seen < MIN_STEPS && r.hi > r.lo).then(|| {
                let name = &self.p.values[x].name;
                Error::Limit(format!(
                    "the range of '{name}' that inputs reach is {seen:.1} of a table's steps where its window covers all that they could; use the calibrated range or forms with more levels"
                ))
            })
        })
    }

    fn lookup(
        &self,
        curve: &Curve,
        x: Value,
        code: Code,
        unit: Unit,
        form: LookupForm,
        worst: &Worst,
    ) -> Result<FixedOp, Error> {
        let (range, slack) = self.window(x, worst);
        let (u, d) = (unit.value(), form.divisor as f64);
        let lo = ((range.lo * u - slack / 2.0) / d).round() as i64;
        let hi = ((range.hi * u + slack / 2.0) / d).round() as i64;
        // Entries to spare widen the window on both sides.
        let first = lo - (i64::from(form.levels) - (hi - lo + 1)) / 2;
        let name = &self.p.values[x].name;
        let values = (first..first + i64::from(form.levels))
            .map(|t| {
                // Beyond what the window must cover, a function need not be defined.
                let v = (t.clamp(lo, hi) as f64 * d / u).clamp(range.lo, range.hi);
                entry(name, curve, v, code)
            })
            .collect::<Result<_, _>>()?;
        Ok(FixedOp::Lookup { divisor: form.divisor, first, values })
    }
}

fn entry(name: &str, curve: &Curve, v: f64, code: Code) -> Result<i64, Error> {
    let y = (curve.f)(v);
    if y.is_finite() {
        return Ok(code.of(y));
    }
    Err(Error::Unsupported {
        node: name.into(),
        op: "table".into(),
        why: format!("the function after it is not finite at {v}"),
        hint: "lower the margin, or bound its operand".into(),
    })
}
