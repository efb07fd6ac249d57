use super::build::{Conv, Parts, build};
use super::{Form, Site};
use crate::Error;
use crate::train::Random;
use sordino_graph::ir::Graph;

/// Puts a form with random weights where a convolution is, so that what a network of such forms costs is known before one is
/// trained. Results vary about as much as those of the convolution. The same seed gives the same weights.
///
/// # Errors
/// [`Error::Config`] for a form that the site cannot have.
pub fn draw(graph: &mut Graph, site: &Site, form: Form, seed: u64) -> Result<(), Error> {
    form.check(site)?;
    let mut parts = Parts::shaped(site, form);
    // What the convolution makes of operands of variance 1, where they are independent.
    let squares: f32 = site.weights.iter().map(|w| w * w).sum();
    fill(&mut parts.first, 1.0, Random::new(seed, &site.node, 0, 0));
    fill(&mut parts.last, squares / site.cout as f32, Random::new(seed, &site.node, 1, 0));
    build(graph, site, parts)
}

/// Weights whose results have this variance for independent operands of variance 1.
fn fill(conv: &mut Conv, variance: f32, mut random: Random) {
    let fan_in: usize = conv.shape[1..].iter().product();
    let bound = (3.0 * variance / fan_in as f32).sqrt();
    conv.weights.iter_mut().for_each(|w| *w = bound * random.signed_unit());
}
