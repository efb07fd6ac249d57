//! The order of work on eight dot products at once: the same for doing it and for counting it.
//!
//! Results of one output channel go through its terms together. Otherwise each lane goes through the terms of its own
//! result, so that eight results take as many products as the longest of them has terms. Terms that only meet padding
//! and weights of zero are skipped.

use sordino_kernels::bigint::LANES;

use super::digits::Term;
use super::layout::Layout;

/// One operand for each lane that still has one.
pub(super) struct Step {
    pub(super) lanes: [Option<Operand>; LANES],
}

/// The number of an input, the odd multiple, whether its inverse is meant, and the position.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) input: usize,
    pub(super) multiple: usize,
    pub(super) negative: bool,
    pub(super) position: usize,
}

/// What carries out a schedule. Registers are the products of positions, and one more.
pub(super) trait Machine {
    /// Multiplies positions by operands, or sets them if `multiply` is false: then all of them are still empty.
    fn place(&mut self, step: &Step, multiply: bool);
    fn copy(&mut self, to: usize, from: usize);
    fn multiply(&mut self, to: usize, by: usize);
    fn square(&mut self, register: usize);
}

/// Computes up to eight results; the register of them, or none if all are empty sums.
pub(super) fn run(
    layout: &Layout,
    positions: usize,
    terms: &[Vec<Term>],
    results: [Option<usize>; LANES],
    machine: &mut impl Machine,
) -> Option<usize> {
    let mut touched = vec![0_u8; positions];
    let mut step = |lanes: [Option<Operand>; LANES]| {
        let active =
            || lanes.iter().enumerate().filter_map(|(i, x)| Some((i, x.as_ref()?.position)));
        if active().next().is_none() {
            return false;
        }
        let multiply = active().any(|(lane, position)| touched[position] >> lane & 1 == 1);
        machine.place(&Step { lanes }, multiply);
        for (lane, position) in active() {
            touched[position] |= 1 << lane;
        }
        true
    };
    let operand = |result: usize, term: &Term| {
        let input = layout.source(result, term.tap)?;
        let (multiple, position) = (term.multiple.into(), term.position.into());
        Some(Operand { input, multiple, negative: term.negative, position })
    };
    let channels = results.map(|result| result.map(|result| layout.channel(result)));
    let channel = channels.iter().flatten().next().copied()?;
    if channels.iter().flatten().all(|other| *other == channel) {
        for term in &terms[channel] {
            step(results.map(|result| operand(result?, term)));
        }
    } else {
        let mut rest = channels.map(|channel| channel.map_or(&[][..], |c| &terms[c][..]).iter());
        let mut next = |lane: usize| {
            let result = results[lane]?;
            rest[lane].find_map(|term| operand(result, term))
        };
        while step(core::array::from_fn(&mut next)) {}
    }
    fold(&touched, machine)
}

/// Adds up the positions by Horner's rule.
fn fold(touched: &[u8], machine: &mut impl Machine) -> Option<usize> {
    let result = touched.len();
    let top = touched.iter().rposition(|lanes| *lanes != 0)?;
    machine.copy(result, top);
    for position in (0..top).rev() {
        machine.square(result);
        if touched[position] != 0 {
            machine.multiply(result, position);
        }
    }
    Some(result)
}
