use crate::zoo::weights::Weights;
use crate::zoo::write::{Kernel, Writer};

/// A network under construction.
pub(super) struct Net {
    pub(super) weights: Weights,
    pub(super) writer: Writer,
}

impl Net {
    pub(super) fn channels(&self) -> usize {
        self.writer.shape()[0]
    }

    /// Convolution without bias that keeps the picture's size, divided by the stride.
    pub(super) fn conv(&mut self, outputs: usize, extent: usize, stride: usize) {
        let kernel = Kernel::same([outputs, self.channels(), extent], stride);
        self.put(kernel);
    }

    /// One square kernel per channel.
    pub(super) fn depthwise(&mut self, extent: usize, stride: usize) {
        let channels = self.channels();
        let kernel = Kernel::same([channels, channels, extent], stride);
        self.put(Kernel { groups: channels, ..kernel });
    }

    pub(super) fn conv_with_bias(&mut self, kernel: Kernel, gain: f32) {
        let drawn = self.weights.draw(kernel.outputs, kernel.fan_in(), gain);
        self.writer.conv(kernel, drawn);
    }

    /// Of every channel's mean: two 1x1 convolutions around a ReLU, then a gate that the channel is multiplied by
    /// (Hu et al., CVPR 2018).
    pub(super) fn squeeze_and_excite(&mut self, squeezed: usize) {
        let (start, channels) = (self.writer.here(), self.channels());
        self.writer.global_average();
        self.conv_with_bias(Kernel::valid([squeezed, channels, 1], 1), 2.0);
        self.relu();
        self.conv_with_bias(Kernel::valid([channels, squeezed, 1], 1), 1.0);
        self.writer.hard_sigmoid();
        self.writer.multiply(&start);
    }

    /// `x * hard_sigmoid(x)`, as two nodes.
    pub(super) fn hard_swish(&mut self) {
        let start = self.writer.here();
        self.writer.hard_sigmoid();
        self.writer.multiply(&start);
    }

    fn put(&mut self, kernel: Kernel) {
        let mut drawn = self.weights.draw(kernel.outputs, kernel.fan_in(), 2.0);
        drawn.bias.clear();
        self.writer.conv(kernel, drawn);
    }

    pub(super) fn batch_norm(&mut self, scale: f32) {
        let norm = self.weights.normalisation(self.channels(), scale);
        self.writer.batch_norm(&norm);
    }

    pub(super) fn batch_norm_without_zeros(&mut self) {
        let mut norm = self.weights.normalisation(self.channels(), 1.0);
        norm.gamma.iter_mut().filter(|g| g.abs() < 0.1).for_each(|g| *g = 0.5);
        self.writer.batch_norm(&norm);
    }

    pub(super) fn relu(&mut self) {
        self.writer.activation("Relu", &[]);
    }

    pub(super) fn relu6(&mut self) {
        self.writer.activation("Clip", &[("zero", 0.0), ("six", 6.0)]);
    }

    /// Mean of every channel, then a dense layer.
    pub(super) fn classifier(&mut self, classes: usize) {
        self.writer.global_average();
        self.dense(classes, 1.0);
    }

    pub(super) fn dense(&mut self, outputs: usize, gain: f32) {
        let inputs = self.channels();
        let drawn = self.weights.draw(outputs, inputs, gain);
        self.writer.dense([outputs, inputs], drawn);
    }
}
