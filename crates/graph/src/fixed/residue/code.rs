//! Integers for the results of tables.

use super::observe::Seen;
use super::program::{Class, Layer, Program, keeps_slope};
use super::unit::Unit;
use crate::Error;
use crate::fixed::quantise::{Curve, Range};

/// Results of the tables of one group: consecutive integers in one unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code {
    pub(super) unit: Unit,
    /// Smallest integer.
    pub(super) first: i64,
    /// How many there are.
    pub(super) count: u32,
}

impl Code {
    pub(super) fn last(self) -> i64 {
        self.first + i64::from(self.count) - 1
    }

    /// The integer for a real value, the nearest end for one beyond them.
    pub(super) fn of(self, v: f64) -> i64 {
        ((v * self.unit.value()).round() as i64).clamp(self.first, self.last())
    }

    pub(super) fn range(self) -> Range {
        let u = self.unit.value();
        Range::new(self.first as f64 / u, self.last() as f64 / u)
    }
}

/// A table as its group sees it.
struct Member<'a> {
    curve: &'a Curve,
    /// Real values of the operand and how often they occurred.
    spread: &'a [(f64, f64)],
    /// Steps per real unit at most; none for an operand that is few integers already.
    steps: Option<f64>,
}

/// Candidate units are powers of `RATIO` times the one that just holds every value seen: from
/// codes that stay unused for want of steps to those that clip most of a tail.
const CANDIDATES: std::ops::RangeInclusive<i32> = -30..=40;
const RATIO: f64 = 1.04;

/// Chooses the unit and range of every group of codes that loses least on the samples.
///
/// `levels` is the number of steps that the operand's window is cut into and `margin` the width
/// of that window over the range seen.
pub(super) fn codes(
    p: &Program,
    seen: &Seen,
    count: u32,
    levels: u32,
    margin: f64,
) -> Result<Vec<Option<Code>>, Error> {
    let mut codes = vec![None; p.values.len()];
    let leads = |&v: &usize| p.values[v].class == Class::Code && p.group(v) == v;
    for group in (0..p.values.len()).filter(leads) {
        let mut range: Option<Range> = None;
        let mut widen = |r: Range| range = Some(range.map_or(r, |a| a.union(r)));
        let mut members = Vec::new();
        for (_, curve, x, y) in p.tables().filter(|t| p.group(t.3) == group) {
            widen(seen.ranges[y]);
            let width = (seen.ranges[x].hi - seen.ranges[x].lo) * margin;
            let steps = (p.values[x].class != Class::Code && width > 0.0)
                .then(|| f64::from(levels - 1) / width);
            members.push(Member { curve, spread: &seen.spread[x], steps });
        }
        for n in p.nodes.iter().filter(|n| p.group(n.output) == group) {
            if let Layer::Move { how: crate::fixed::Rearrange::Pad { .. }, fill } = n.layer {
                widen(Range::new(fill, fill));
            }
        }
        let range = range.unwrap_or(Range::new(0.0, 1.0));
        codes[group] = Some(best(range, &members, count)?);
    }
    Ok((0..p.values.len()).map(|v| codes[p.group(v)]).collect())
}

fn best(range: Range, members: &[Member<'_>], count: u32) -> Result<Code, Error> {
    let width = range.hi - range.lo;
    let all = if width > 0.0 { width } else { range.magnitude().max(f64::MIN_POSITIVE) };
    let spaced = CANDIDATES.map(|k| f64::from(count - 1) / all * RATIO.powi(k));
    // A step per code rounds once only; just below it, for the unit is rounded too.
    let matched = members.iter().filter_map(|m| m.steps).map(|s| s * (1.0 - 2f64.powi(-14)));
    let mut best: Option<(f64, Code)> = None;
    for unit in spaced.chain(matched) {
        let unit = Unit::near(unit)?;
        let code = Code { unit, first: first(range, unit.value(), count), count };
        let error = members.iter().map(|m| m.error(code)).sum::<f64>();
        if best.as_ref().is_none_or(|(e, _)| error < *e) {
            best = Some((error, code));
        }
    }
    best.map(|(_, c)| c).ok_or_else(|| Error::Invalid("a group without candidates".into()))
}

/// The smallest integer: of a range that does not fit, the end farther from zero is cut.
fn first(range: Range, unit: f64, count: u32) -> i64 {
    let (lo, hi) = ((range.lo * unit).round() as i64, (range.hi * unit).round() as i64);
    let span = i64::from(count) - 1;
    lo.max((-span / 2).min(hi - span))
}

impl Member<'_> {
    /// Sum of squared errors over the samples.
    fn error(&self, code: Code) -> f64 {
        let unit = code.unit.value();
        let steps = self.steps.map(|most| match keeps_slope(self.curve) {
            true => on_grid(most, unit),
            false => most,
        });
        let one = |&(v, n): &(f64, f64)| {
            let t = steps.map_or(v, |s| (v * s).round() / s);
            let d = (self.curve.f)(v) - code.of((self.curve.f)(t)) as f64 / unit;
            n * d * d
        };
        self.spread.iter().map(one).sum()
    }
}

/// The most steps per unit, at most `most`, that make the codes' grid a part of theirs; `most`
/// itself when the codes are finer.
pub(super) fn on_grid(most: f64, unit: f64) -> f64 {
    let whole = (most / unit).floor();
    if whole >= 1.0 { whole * unit } else { most }
}
