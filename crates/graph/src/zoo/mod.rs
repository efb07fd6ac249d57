//! Networks of the literature, built as ONNX files with seeded random weights, for benches and
//! tests that need their shapes, costs and number ranges but no accuracy: the evaluation networks
//! of Dash ([`dash`]) and classifiers of ImageNet and X-rays ([`imagenet`]).

mod dash;
mod imagenet;
mod statistics;
mod weights;
mod write;

#[cfg(test)]
mod tests;

pub use dash::{Network, dash};
pub use imagenet::{ImageNet, Sizes, imagenet, imagenet_of, imagenet_unmeasured};
