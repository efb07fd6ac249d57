//! The order of work on eight dot products at once: the same for doing it and for counting it.
//!
//! Results of one output channel go through its terms together. Otherwise each lane goes through the terms of its own
//! result, so that eight results take as many products as the longest of them has terms. Terms that only meet padding
//! and weights of zero are skipped.

use sordino_kernels::bigint::LANES;

use super::digits::{Digits, Term};
use super::layout::Layout;

/// One operand for each lane that still has one.
pub(super) struct Step {
    /// The number of an input, its shift, whether its inverse is meant, and the bucket.
    pub(super) lanes: [Option<Operand>; LANES],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) input: usize,
    pub(super) shift: usize,
    pub(super) negative: bool,
    pub(super) bucket: usize,
}

/// What carries out a schedule. Registers are the buckets and three more.
pub(super) trait Machine {
    /// Multiplies buckets by operands, or sets them if `multiply` is false: then all of them are still empty.
    fn place(&mut self, step: &Step, multiply: bool);
    fn copy(&mut self, to: usize, from: usize);
    fn multiply(&mut self, to: usize, by: usize);
    fn square(&mut self, register: usize, times: usize);
}

/// Registers behind the buckets.
pub(super) const EXTRA: usize = 3;

/// Computes the results from `first` on, at most eight and below `end`; the register of the results, or none if all
/// are empty sums.
pub(super) fn run(
    layout: &Layout,
    digits: Digits,
    terms: &[Vec<Term>],
    first: usize,
    end: usize,
    machine: &mut impl Machine,
) -> Option<usize> {
    let mut touched = vec![0_u8; digits.buckets()];
    let mut step = |lanes: [Option<Operand>; LANES]| {
        let active = || lanes.iter().enumerate().filter_map(|(i, x)| Some((i, x.as_ref()?.bucket)));
        if active().next().is_none() {
            return false;
        }
        let multiply = active().any(|(lane, bucket)| touched[bucket] >> lane & 1 == 1);
        machine.place(&Step { lanes }, multiply);
        for (lane, bucket) in active() {
            touched[bucket] |= 1 << lane;
        }
        true
    };
    let operand = |result: usize, term: &Term| {
        let (input, shift) = layout.source(result, term.tap)?;
        Some(Operand { input, shift, negative: term.negative, bucket: term.bucket })
    };
    let results: [usize; LANES] = core::array::from_fn(|lane| first + lane);
    let channel = layout.channel(first);
    if results.iter().all(|result| *result >= end || layout.channel(*result) == channel) {
        for term in &terms[channel] {
            step(results.map(|result| operand(result, term).filter(|_| result < end)));
        }
    } else {
        let mut rest = results.map(|result| {
            let own = if result < end { &terms[layout.channel(result)][..] } else { &[] };
            own.iter()
        });
        let mut next = |lane: usize| rest[lane].find_map(|term| operand(results[lane], term));
        while step(core::array::from_fn(&mut next)) {}
    }
    fold(digits, &touched, machine)
}

/// Adds up the buckets, each times its digit: sums of sums from the largest digit down, then Horner's rule.
fn fold(digits: Digits, touched: &[u8], machine: &mut impl Machine) -> Option<usize> {
    let [sum, total, result] = [0, 1, 2].map(|i| digits.buckets() + i);
    let mut any = false;
    for position in (0..digits.positions).rev() {
        if any {
            machine.square(result, digits.width);
        }
        let buckets = position * digits.largest..(position + 1) * digits.largest;
        let Some(top) = touched[buckets.clone()].iter().rposition(|lanes| *lanes != 0) else {
            continue;
        };
        for digit in (0..=top).rev() {
            let bucket = buckets.start + digit;
            if digit == top {
                machine.copy(sum, bucket);
                machine.copy(total, bucket);
                continue;
            }
            if touched[bucket] != 0 {
                machine.multiply(sum, bucket);
            }
            machine.multiply(total, sum);
        }
        if any {
            machine.multiply(result, total);
        } else {
            machine.copy(result, total);
        }
        any = true;
    }
    any.then_some(result)
}
