//! Sets of parameters for the layers of a network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::params::{Footprint, MAX_OUTPUTS_LOG2, Spec};
use crate::{ConvLayout, ConvShape, Error, Params};

/// One layer as far as parameters are concerned: all of it public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerSpec {
    /// The convolution.
    pub shape: ConvShape,
    /// Bits of the ring of its shares.
    pub plain_bits: u32,
    /// Bits of a weight.
    pub weight_bits: u32,
}

/// The parameters of a session and the layouts of its layers: a function of public numbers that both parties compute.
///
/// Layers that need less get lighter parameters of their own when what they save pays for the public key: one
/// independent key pair for each set of parameters.
#[derive(Debug)]
pub struct SessionPlan {
    /// The sets of parameters.
    pub params: Vec<Params>,
    /// For each layer the number of its parameters, and its layout under them.
    pub layers: Vec<(usize, ConvLayout)>,
}

/// Bytes that the server may hold for a layer of several images; see [`ConvLayout::server_bytes`].
const BATCH_BYTES: usize = 256 << 20;

/// What a layer sends, whatever its parameters.
struct Traffic {
    inputs: usize,
    results: usize,
    outputs: usize,
}

/// Layers with the same parameters.
struct Group {
    spec: Spec,
    layers: Vec<usize>,
    bytes: usize,
}

impl SessionPlan {
    /// Chooses parameters and layouts.
    ///
    /// *Cost*: a few milliseconds per different layer.
    ///
    /// # Errors
    /// The number of a layer that does not fit, and why.
    pub fn new(layers: &[LayerSpec]) -> Result<Self, (usize, Error)> {
        let traffic = traffic(layers)?;
        let mut sizes = HashMap::new();
        let mut size = |spec: Spec, layers: &[usize]| {
            let footprint = *sizes.entry(spec).or_insert_with(|| spec.footprint());
            Some(bytes(&footprint?, layers.iter().map(|i| &traffic[*i].1)))
        };
        let mut groups = grouped(&traffic);
        for group in &mut groups {
            // Rounding up may leave no parameters: then the group is merged at once, or its layer refused below.
            group.bytes = size(group.spec, &group.layers).unwrap_or(usize::MAX / 4);
        }
        // Merge the two groups that gain most by sharing a key, as long as any gains.
        loop {
            let mut best: Option<(usize, [usize; 2], Group)> = None;
            for i in 0..groups.len() {
                for j in i + 1..groups.len() {
                    let (a, b) = (&groups[i], &groups[j]);
                    let layers = [&a.layers[..], &b.layers].concat();
                    let spec = a.spec.with(&b.spec);
                    let Some(bytes) = size(spec, &layers) else { continue };
                    let Some(gain) = (a.bytes + b.bytes).checked_sub(bytes) else { continue };
                    if best.as_ref().is_none_or(|(most, ..)| gain > *most) {
                        best = Some((gain, [i, j], Group { spec, layers, bytes }));
                    }
                }
            }
            let Some((_, [i, j], merged)) = best else { break };
            groups.swap_remove(j);
            groups[i] = merged;
        }
        for group in &mut groups {
            let exact = group.layers.iter().map(|i| traffic[*i].0).reduce(|a, b| a.with(&b));
            group.spec = exact.unwrap_or(group.spec);
        }
        Self::laid_out(layers, groups)
    }

    /// The layouts of each layer for a batch of images, under the same parameters: one, or several to be run one
    /// after the other where one would take the server too much memory.
    ///
    /// *Cost*: some milliseconds per different layer.
    ///
    /// # Errors
    /// The number of a layer that does not fit, and why.
    pub fn batch(&self, images: usize) -> Result<Vec<Arc<[ConvLayout]>>, (usize, Error)> {
        let mut known: HashMap<(usize, ConvShape), Arc<[ConvLayout]>> = HashMap::new();
        let mut all = Vec::with_capacity(self.layers.len());
        for (i, (set, one)) in self.layers.iter().enumerate() {
            let layouts = match known.entry((*set, *one.shape())) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    entry.insert(split(one, images).map_err(|e| (i, e))?.into())
                }
            };
            all.push(Arc::clone(layouts));
        }
        Ok(all)
    }

    fn laid_out(layers: &[LayerSpec], mut groups: Vec<Group>) -> Result<Self, (usize, Error)> {
        groups.iter_mut().for_each(|group| group.layers.sort_unstable());
        groups.sort_unstable_by_key(|group| group.layers[0]);
        let mut params = Vec::with_capacity(groups.len());
        let mut layouts: Vec<Option<(usize, ConvLayout)>> = layers.iter().map(|_| None).collect();
        for (number, group) in groups.iter().enumerate() {
            let chosen = group.spec.params().map_err(|e| (group.layers[0], e))?;
            let mut known: HashMap<ConvShape, ConvLayout> = HashMap::new();
            for &i in &group.layers {
                let shape = &layers[i].shape;
                let layout = match known.get(shape) {
                    Some(layout) => layout.clone(),
                    None => ConvLayout::new(shape, &chosen).map_err(|e| (i, e))?,
                };
                known.entry(*shape).or_insert_with(|| layout.clone());
                layouts[i] = Some((number, layout));
            }
            params.push(chosen);
        }
        Ok(Self { params, layers: layouts.into_iter().flatten().collect() })
    }
}

/// Layouts for a batch of images, of as many each as memory allows but at least one.
fn split(one: &ConvLayout, images: usize) -> Result<Vec<ConvLayout>, Error> {
    if images == 1 {
        return Ok(vec![one.clone()]);
    }
    let together = ((1 << MAX_OUTPUTS_LOG2) / one.output_len().max(1)).max(1);
    let mut parts = images.div_ceil(together).max(1);
    loop {
        let most = images.div_ceil(parts);
        let layout = ConvLayout::batched(one.shape(), most, one.params())?;
        let bytes = layout.server_bytes();
        if most == 1 || bytes <= BATCH_BYTES {
            let rest = match images % most {
                0 => None,
                rest => Some(ConvLayout::batched(one.shape(), rest, one.params())?),
            };
            return Ok(std::iter::repeat_n(layout, images / most).chain(rest).collect());
        }
        parts = (parts * bytes).div_ceil(BATCH_BYTES).clamp(parts + 1, images);
    }
}

/// Groups that are tried for merging at most: the time grows with the third power of their number, and a peer's graph may
/// have as many different layers as it likes.
const GROUPS: usize = 40;

/// Layers of equal needs, rounded as coarsely as few groups take.
fn grouped(traffic: &[(Spec, Traffic)]) -> Vec<Group> {
    let mut step = 1;
    loop {
        let mut groups: Vec<Group> = Vec::new();
        let mut numbers = HashMap::new();
        for (i, (spec, _)) in traffic.iter().enumerate() {
            let spec = spec.rounded(step);
            let number = *numbers.entry(spec).or_insert_with(|| {
                groups.push(Group { spec, layers: Vec::new(), bytes: 0 });
                groups.len() - 1
            });
            groups[number].layers.push(i);
        }
        // One group is left at last: everything is rounded up to the same.
        if groups.len() <= GROUPS || step > 64 {
            return groups;
        }
        step *= 2;
    }
}

/// The needs and the traffic of each layer in the layout under parameters for all.
fn traffic(layers: &[LayerSpec]) -> Result<Vec<(Spec, Traffic)>, (usize, Error)> {
    let spec = |layer: &LayerSpec, sharing: usize| {
        let taps = layer.shape.taps();
        Spec::new(layer.plain_bits, layer.weight_bits, taps, taps.saturating_mul(sharing))
    };
    let widest = layers.iter().map(|layer| spec(layer, 1)).reduce(|a, b| a.with(&b));
    let Some(Spec { plain_bits, weight_bits, taps, .. }) = widest else { return Ok(Vec::new()) };
    let widest = layers.iter().position(|layer| layer.plain_bits == plain_bits).unwrap_or(0);
    let common = Params::choose(plain_bits, weight_bits, taps).map_err(|e| (widest, e))?;
    let mut known: HashMap<ConvShape, ConvLayout> = HashMap::new();
    let mut traffic = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let layout = match known.entry(layer.shape) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(ConvLayout::new(&layer.shape, &common).map_err(|e| (i, e))?)
            }
        };
        let needs = spec(layer, layout.sharing());
        traffic.push((
            needs,
            Traffic {
                inputs: layout.up_ciphertexts(),
                results: layout.down_ciphertexts(),
                outputs: layout.output_len(),
            },
        ));
    }
    Ok(traffic)
}

/// Bytes of a key and of the layers that use it.
fn bytes<'a>(footprint: &Footprint, layers: impl Iterator<Item = &'a Traffic>) -> usize {
    let header = sordino_wire::HEADER as usize;
    let each = |layer: &Traffic| {
        layer.inputs * (footprint.input_len + header)
            + layer.results * (footprint.result_len + header)
            + layer.outputs * footprint.output_bits as usize / 8
    };
    footprint.input_len + header + layers.map(each).sum::<usize>()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn layer(cin: u32, size: u32, cout: u32, plain_bits: u32) -> LayerSpec {
        let shape = ConvShape { h: size, w: size, ..ConvShape::dense(cin, cout) };
        LayerSpec { shape, plain_bits, weight_bits: 8 }
    }

    #[test]
    fn small_networks_share_one_key() {
        let plan =
            SessionPlan::new(&[layer(4, 8, 8, 20), layer(8, 8, 8, 30), layer(512, 1, 10, 25)]);
        let plan = plan.unwrap();
        assert_eq!((plan.params.len(), plan.params[0].plain_bits()), (1, 30));
    }

    #[test]
    fn large_layers_get_parameters_of_their_own() {
        let layers = [layer(256, 56, 256, 20), layer(256, 56, 256, 30), layer(64, 8, 8, 24)];
        let plan = SessionPlan::new(&layers).unwrap();
        let bits = |i: usize| plan.params[plan.layers[i].0].plain_bits();
        assert_eq!(plan.params.len(), 2);
        assert_eq!((bits(0), bits(1)), (20, 30));
        assert!(bits(2) >= 24);
        for ((set, layout), layer) in plan.layers.iter().zip(&layers) {
            assert!(layout.params() == &plan.params[*set] && layout.shape() == &layer.shape);
        }
    }

    #[test]
    fn many_different_layers_make_few_groups() {
        let layers: Vec<_> = (0..600)
            .map(|i| LayerSpec { weight_bits: 2 + i % 17, ..layer(1 + i % 29, 1, 1, 8 + i % 40) })
            .collect();
        let traffic = traffic(&layers).unwrap();
        let groups = grouped(&traffic);
        assert!(groups.len() <= GROUPS);
        for group in &groups {
            for i in &group.layers {
                assert_eq!(group.spec.with(&traffic[*i].0), group.spec);
            }
        }
        let plan = SessionPlan::new(&layers).unwrap();
        for ((set, _), layer) in plan.layers.iter().zip(&layers) {
            assert!(plan.params[*set].plain_bits() >= layer.plain_bits);
        }
    }

    #[test]
    fn batches_keep_the_parameters_and_bound_the_memory() {
        let layers = [layer(256, 56, 256, 20), layer(64, 8, 8, 24)];
        let plan = SessionPlan::new(&layers).unwrap();
        for images in [1, 5, 16, 33] {
            let batch = plan.batch(images).unwrap();
            for ((set, one), layouts) in plan.layers.iter().zip(&batch) {
                assert_eq!(layouts.iter().map(ConvLayout::images).sum::<usize>(), images);
                for layout in layouts.iter() {
                    assert!(layout.shape() == one.shape() && layout.params() == &plan.params[*set]);
                    assert!(layout.images() == 1 || layout.server_bytes() <= BATCH_BYTES);
                }
            }
            assert_eq!(batch[1].len(), 1);
        }
        assert!(plan.batch(33).unwrap()[0].len() > 1);
        assert_eq!(plan.batch(0).unwrap_err().0, 0);
    }

    #[test]
    fn a_layer_that_does_not_fit_is_named() {
        let broken = LayerSpec {
            shape: ConvShape { cin: 0, ..ConvShape::dense(1, 1) },
            ..layer(1, 1, 1, 9)
        };
        assert_eq!(SessionPlan::new(&[layer(1, 1, 1, 9), broken]).unwrap_err().0, 1);
        assert!(SessionPlan::new(&[]).unwrap().params.is_empty());
    }
}
