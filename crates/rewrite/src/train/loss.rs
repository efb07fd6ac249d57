use burn_tensor::{Device, Tensor, TensorData, activation};

/// Learning from another network's scores (Hinton, Vinyals and Dean, 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation {
    /// What scores are divided by before the softmax.
    pub temperature: f32,
    /// Weight of the teacher's part of the loss; the labels' part has the rest.
    pub weight: f32,
}

/// Mean cross-entropy of scores `[samples, classes]` against labels, of which a share of
/// `smoothing` is spread over all classes (Szegedy et al., CVPR 2016).
pub(crate) fn cross_entropy(
    scores: Tensor<2>,
    labels: &[usize],
    smoothing: f32,
    device: &Device,
) -> Tensor<1> {
    let [samples, classes] = scores.dims();
    let mut wanted = vec![smoothing / classes as f32; samples * classes];
    for (i, label) in labels.iter().enumerate() {
        wanted[i * classes + label] += 1.0 - smoothing;
    }
    let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [samples, classes]), device);
    let sum = (activation::log_softmax(scores, 1) * wanted).sum();
    sum.mul_scalar(-1.0 / samples as f32)
}

/// Mean divergence of the scores' distribution from the teacher's, both at a temperature T, times
/// T^2, so that its derivative does not shrink with T.
pub(crate) fn divergence(scores: Tensor<2>, teacher: Tensor<2>, temperature: f32) -> Tensor<1> {
    let samples = scores.dims()[0];
    let student = activation::log_softmax(scores.div_scalar(temperature), 1);
    let teacher = activation::log_softmax(teacher.div_scalar(temperature), 1);
    let sum = (teacher.clone().exp() * (teacher - student)).sum();
    sum.mul_scalar(temperature * temperature / samples as f32)
}
