//! Rectifiers that are the identity in part: `PRelu` with slopes of 0 and 1.
//!
//! The elements are sorted into rectified ones and others, by public index maps that are local on
//! shares. Only the rectified ones are compared; the others are rounded to the same scale, as the
//! next layer needs it, and both go back to their places. What stays and what goes is public, as
//! the architecture is.

use super::super::builder::Relu;
use super::{Form, Lower};
use crate::Error;
use crate::fixed::{EdgeId, Rearrange};
use crate::ir::Node;

/// What each element is, `true` for rectified, where slopes say nothing else.
pub(super) fn mask(slopes: &[f64]) -> Option<Vec<bool>> {
    slopes
        .iter()
        .map(|&slope| match slope {
            0.0 => Some(true),
            1.0 => Some(false),
            _ => None,
        })
        .collect()
}

impl Lower<'_> {
    /// `max(x, 0)` where `rectified`, else `x`. One entry for all, or one per element.
    pub(super) fn masked(&mut self, n: &Node, x: Form, rectified: &[bool]) -> Result<Form, Error> {
        let range = self.range(n.outputs[0])?;
        if rectified.iter().all(|r| !r) {
            return Ok(x);
        }
        if rectified.iter().all(|r| *r) {
            return self.rectify(&n.name, x, f64::INFINITY, range);
        }
        let x = self.positive(&n.name, x)?;
        let shape = self.b.edge(x.edge).shape.clone();
        let plan = Sorted::new(rectified, &shape);
        let flat = self.b.rearrange(&n.name, Rearrange::Reshape, x.edge, plan.shape.clone());
        let range = range.affine(1.0 / x.scale, 0.0);
        let [compared, kept] =
            [&plan.rectified, &plan.others].map(|i| self.take(n, &plan, flat, i));
        let compared =
            self.b.activate(&format!("{}/relu", n.name), compared, Relu::Unbounded, range);
        let frac = self.b.edge(compared).frac;
        let kept = self.b.keep(kept, frac);
        let joined = self.b.concat(&n.name, plan.axis, vec![compared, kept], plan.shape.clone());
        let back = self.take(n, &plan, joined, &plan.back);
        let edge = self.b.rearrange(&n.name, Rearrange::Reshape, back, shape);
        Ok(Form { edge, ..x })
    }

    fn take(&mut self, n: &Node, plan: &Sorted, x: EdgeId, indices: &[u32]) -> EdgeId {
        let mut shape = plan.shape.clone();
        shape[plan.axis] = indices.len() as u32;
        let take = Rearrange::Take { axis: plan.axis as u32, indices: indices.to_vec() };
        self.b.rearrange(&n.name, take, x, shape)
    }
}

/// Index maps along one axis: channels where each is of one kind, else all elements.
struct Sorted {
    shape: Vec<u32>,
    axis: usize,
    rectified: Vec<u32>,
    others: Vec<u32>,
    /// From one after the other to their places.
    back: Vec<u32>,
}

impl Sorted {
    fn new(mask: &[bool], shape: &[u32]) -> Self {
        let run = match shape {
            [1, c, rest @ ..] if *c as usize <= mask.len() => rest.iter().product::<u32>() as usize,
            _ => 1,
        };
        let uniform = mask.chunks(run).all(|c| c.iter().all(|r| *r == c[0]));
        let run = if uniform { run } else { 1 };
        let kinds: Vec<bool> = mask.iter().step_by(run).copied().collect();
        let of = |kind: bool| {
            let all = (0u32..).zip(&kinds);
            all.filter(|(_, k)| **k == kind).map(|(i, _)| i).collect::<Vec<_>>()
        };
        let (rectified, others) = (of(true), of(false));
        let mut back = vec![0; kinds.len()];
        for (place, &i) in (0u32..).zip(rectified.iter().chain(&others)) {
            back[i as usize] = place;
        }
        let shape = vec![kinds.len() as u32, run as u32];
        Self { shape, axis: 0, rectified, others, back }
    }
}
