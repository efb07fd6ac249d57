//! Classifiers of the size of ImageNet, as torchvision builds them.

mod densenet;
mod mobilenet;
mod resnet;
mod squeezenet;

use super::statistics::measure;
use super::weights::Weights;
use super::write::{Kernel, Writer};
use crate::Error;
use crate::onnx::proto::ModelProto;
use prost::Message;

/// A classifier of ImageNet's 1000 classes, or of the 14 findings of ChestX-ray14.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageNet {
    /// Residual network of basic blocks (He et al., CVPR 2016).
    ResNet18,
    /// Residual network of bottlenecks, stride on the 3x3 convolution.
    ResNet50,
    /// Inverted residuals of width 1.0 with ReLU6 (Sandler et al., CVPR 2018).
    MobileNetV2,
    /// Densely connected network of growth rate 32 (Huang et al., CVPR 2017).
    DenseNet121,
    /// The same for 14 findings in X-rays of 320x320 and three equal channels, as CheXNet.
    DenseNet121Xray,
    /// The same on one channel.
    DenseNet121XrayGrey,
    /// Version 1.0 (Iandola et al., 2016), on 227x227.
    SqueezeNet10,
}

impl ImageNet {
    /// Every network.
    pub const ALL: [ImageNet; 7] = [
        ImageNet::ResNet18,
        ImageNet::ResNet50,
        ImageNet::MobileNetV2,
        ImageNet::DenseNet121,
        ImageNet::DenseNet121Xray,
        ImageNet::DenseNet121XrayGrey,
        ImageNet::SqueezeNet10,
    ];

    /// A name for files.
    pub fn name(self) -> &'static str {
        match self {
            ImageNet::ResNet18 => "resnet18",
            ImageNet::ResNet50 => "resnet50",
            ImageNet::MobileNetV2 => "mobilenetv2",
            ImageNet::DenseNet121 => "densenet121",
            ImageNet::DenseNet121Xray => "densenet121-xray",
            ImageNet::DenseNet121XrayGrey => "densenet121-xray-grey",
            ImageNet::SqueezeNet10 => "squeezenet1.0",
        }
    }

    /// Channels, height and width of the input.
    pub fn input(self) -> [usize; 3] {
        match self {
            ImageNet::DenseNet121Xray => [3, 320, 320],
            ImageNet::DenseNet121XrayGrey => [1, 320, 320],
            ImageNet::SqueezeNet10 => [3, 227, 227],
            _ => [3, 224, 224],
        }
    }

    /// Number of logits.
    pub fn classes(self) -> usize {
        match self {
            ImageNet::DenseNet121Xray | ImageNet::DenseNet121XrayGrey => 14,
            _ => 1000,
        }
    }
}

/// The ONNX file of a network: batch size 1, input `image` in NCHW order, normalised to mean 0
/// and deviation 1, output `logits`.
///
/// Batch normalisations are nodes of their own, as exporters leave them. Kernels keep the mean
/// square of activations (He et al., ICCV 2015); running statistics are measured on generated
/// pictures, so numbers have the ranges of a trained network's. The same bits every time on one
/// machine; the statistics may differ in their last bits between machines.
///
/// # Errors
/// Those of the float executor, which no network meets.
pub fn imagenet(network: ImageNet) -> Result<Vec<u8>, Error> {
    let mut model = architecture(network);
    measure(&mut model, network.input())?;
    Ok(model.encode_to_vec())
}

/// The same without measured statistics.
pub(super) fn architecture(network: ImageNet) -> ModelProto {
    let mut net =
        Net { weights: Weights::new(network.name()), writer: Writer::new(network.input()) };
    match network {
        ImageNet::ResNet18 => resnet::basic(&mut net),
        ImageNet::ResNet50 => resnet::bottlenecks(&mut net),
        ImageNet::MobileNetV2 => mobilenet::v2(&mut net),
        ImageNet::SqueezeNet10 => squeezenet::v1(&mut net, network.classes()),
        _ => densenet::of_121_layers(&mut net),
    }
    if network != ImageNet::SqueezeNet10 {
        net.classifier(network.classes());
    }
    net.writer.finish(network.name())
}

/// A network under construction.
struct Net {
    weights: Weights,
    writer: Writer,
}

impl Net {
    fn channels(&self) -> usize {
        self.writer.shape()[0]
    }

    /// Convolution without bias that keeps the picture's size, divided by the stride.
    fn conv(&mut self, outputs: usize, extent: usize, stride: usize) {
        let kernel = Kernel::same([outputs, self.channels(), extent], stride);
        self.put(kernel);
    }

    /// One kernel of 3x3 per channel.
    fn depthwise(&mut self, stride: usize) {
        let channels = self.channels();
        let kernel = Kernel::same([channels, channels, 3], stride);
        self.put(Kernel { groups: channels, ..kernel });
    }

    fn put(&mut self, kernel: Kernel) {
        let mut drawn = self.weights.draw(kernel.outputs, kernel.fan_in(), 2.0);
        drawn.bias.clear();
        self.writer.conv(kernel, drawn);
    }

    fn batch_norm(&mut self, scale: f32) {
        let norm = self.weights.normalisation(self.channels(), scale);
        self.writer.batch_norm(&norm);
    }

    fn batch_norm_without_zeros(&mut self) {
        let mut norm = self.weights.normalisation(self.channels(), 1.0);
        norm.gamma.iter_mut().filter(|g| g.abs() < 0.1).for_each(|g| *g = 0.5);
        self.writer.batch_norm(&norm);
    }

    fn relu(&mut self) {
        self.writer.activation("Relu", &[]);
    }

    fn relu6(&mut self) {
        self.writer.activation("Clip", &[("zero", 0.0), ("six", 6.0)]);
    }

    /// Mean of every channel, then a dense layer.
    fn classifier(&mut self, classes: usize) {
        let channels = self.channels();
        self.writer.global_average();
        let drawn = self.weights.draw(classes, channels, 1.0);
        self.writer.dense([classes, channels], drawn);
    }
}
