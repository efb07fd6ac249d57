//! Which elements of a layer are rectified.

use crate::Error;
use sordino_graph::ir::{Graph, Node, Op, Tensor, Unary};

/// Elements of a layer that a polynomial takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// All of them.
    All,
    /// Those that a binary mask keeps.
    Some(Kept),
}

/// Entries of a mask along the second axis: channels, or elements of the layer as a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Elements to an entry; 1 for a line.
    pub(super) each: usize,
    /// Entries that are rectified.
    pub(super) at: Vec<usize>,
    /// Entries that are the identity.
    pub(super) others: Vec<usize>,
}

impl Kept {
    fn new(slopes: &[f32], each: usize) -> Self {
        let (at, others) = (0..slopes.len()).partition(|&i| slopes[i] == 0.0);
        Self { each, at, others }
    }

    /// Where each entry is when those that are rectified come first.
    pub(super) fn back(&self) -> Vec<usize> {
        let mut back = vec![0; self.at.len() + self.others.len()];
        for (to, &from) in self.at.iter().chain(&self.others).enumerate() {
            back[from] = to;
        }
        back
    }
}

impl Places {
    /// Of a node; `None` if it rectifies nothing. A layer of slopes that are not all 0 or 1 is no mask.
    ///
    /// # Errors
    /// [`Error::Graph`] for slopes that are no numbers.
    pub(super) fn of(graph: &Graph, node: &Node) -> Result<Option<Self>, Error> {
        if node.op == Op::Unary(Unary::Relu) {
            return Ok(Some(Self::All));
        }
        let slope = match (&node.op, &node.inputs[..]) {
            (Op::PRelu, &[Some(_), Some(slope)]) => graph.constant(slope),
            _ => None,
        };
        let Some(slope) = slope else { return Ok(None) };
        let shape = &graph.value(node.outputs[0]).shape;
        Self::of_slopes(slope, shape)
    }

    fn of_slopes(slope: &Tensor, shape: &[usize]) -> Result<Option<Self>, Error> {
        let slopes = slope.as_f32()?;
        let binary = slopes.iter().all(|s| *s == 0.0 || *s == 1.0);
        let [1, channels, places @ ..] = shape else { return Ok(None) };
        let plane: usize = places.iter().product();
        // As they broadcast: axes counted from the last one.
        let mut own = vec![1; shape.len().saturating_sub(slope.shape().len())];
        own.extend(slope.shape());
        let by_channel = own.len() == shape.len()
            && own[1] == *channels
            && own.iter().enumerate().all(|(axis, n)| axis == 1 || *n == 1);
        let by_element = own == shape;
        if !binary || !(by_channel || by_element) || !slopes.contains(&0.0) {
            return Ok(None);
        }
        if !slopes.contains(&1.0) {
            return Ok(Some(Self::All));
        }
        if by_channel {
            return Ok(Some(Self::Some(Kept::new(slopes, plane))));
        }
        let uniform = |channel: &[f32]| channel.iter().all(|s| *s == channel[0]);
        Ok(Some(Self::Some(if slopes.chunks(plane).all(uniform) {
            let first: Vec<f32> = slopes.chunks(plane).map(|channel| channel[0]).collect();
            Kept::new(&first, plane)
        } else {
            Kept::new(slopes, 1)
        })))
    }

    /// The elements of a layer's values, of one sample, that are rectified.
    pub(super) fn kept<'a>(&'a self, values: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        let (entries, each) = match self {
            Self::All => (None, values.len()),
            Self::Some(kept) => (Some(&kept.at), kept.each),
        };
        let all = entries.is_none().then_some(values).into_iter().flatten();
        let some = entries
            .into_iter()
            .flatten()
            .flat_map(move |&i| values.get(i * each..(i + 1) * each).unwrap_or_default());
        all.chain(some).copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn places(shape: &[usize], slopes: &[f32], of: &[usize]) -> Option<Places> {
        let slope = Tensor::f32(shape.to_vec(), slopes.to_vec()).unwrap();
        Places::of_slopes(&slope, of).unwrap()
    }

    #[test]
    fn masks_are_told_from_slopes() {
        let of = [1, 2, 1, 2];
        assert_eq!(places(&[2, 1, 1], &[0.0, 0.0], &of), Some(Places::All));
        assert_eq!(places(&[2, 1, 1], &[1.0, 1.0], &of), None);
        assert_eq!(places(&[2, 1, 1], &[0.0, 0.25], &of), None);
        assert_eq!(places(&[1], &[0.0], &of), None);
        // Along the last axis: not channels.
        assert_eq!(places(&[2], &[0.0, 1.0], &of), None);
        assert!(places(&[1, 2, 1, 1], &[0.0, 1.0], &of).is_some());
        let channel = Kept { each: 2, at: vec![1], others: vec![0] };
        assert_eq!(places(&[2, 1, 1], &[1.0, 0.0], &of), Some(Places::Some(channel.clone())));
        assert_eq!(places(&[2, 1, 2], &[1.0, 1.0, 0.0, 0.0], &of), Some(Places::Some(channel)));
        let elements = places(&[2, 1, 2], &[1.0, 0.0, 0.0, 1.0], &of).unwrap();
        let Places::Some(kept) = &elements else { panic!("{elements:?}") };
        assert_eq!((&kept.at[..], kept.each), (&[1, 2][..], 1));
        assert_eq!(kept.back(), [2, 0, 1, 3]);
        let values = [10.0, 11.0, 12.0, 13.0];
        assert_eq!(elements.kept(&values).collect::<Vec<_>>(), [11.0, 12.0]);
        assert_eq!(Places::All.kept(&values).count(), 4);
    }
}
