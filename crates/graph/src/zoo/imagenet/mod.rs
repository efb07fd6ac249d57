//! Classifiers of the size of ImageNet, as torchvision and their authors build them.

mod densenet;
mod ghostnet;
mod mobilenet;
mod mobilenet_v3;
mod net;
mod resnet;
mod shufflenet;
mod squeezenet;

use super::statistics::measure;
use super::weights::Weights;
use super::write::Writer;
use crate::Error;
use crate::onnx::proto::ModelProto;
use net::Net;
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
    /// Inverted residuals with gates and hard swish, large (Howard et al., ICCV 2019).
    MobileNetV3Large,
    /// The same, small.
    MobileNetV3Small,
    /// Two branches and a shuffle, width 1.0 (Ma et al., ECCV 2018).
    ShuffleNetV2,
    /// Half of the channels by depthwise kernels from the other half, width 1.0 (Han et al., CVPR 2020).
    GhostNet,
    /// Densely connected network of growth rate 32 (Huang et al., CVPR 2017).
    DenseNet121,
    /// The same for 14 findings in X-rays of 320x320 and three equal channels, as CheXNet.
    DenseNet121Xray,
    /// The same on one channel.
    DenseNet121XrayGrey,
    /// Version 1.0 (Iandola et al., 2016), on 227x227.
    SqueezeNet10,
    /// Version 1.1, with fewer products.
    SqueezeNet11,
}

/// What a network can be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sizes {
    /// Channels, height and width of the input.
    pub input: [usize; 3],
    /// Number of logits.
    pub classes: usize,
    /// Another one draws other weights.
    pub seed: u64,
}

impl ImageNet {
    /// Every network.
    pub const ALL: [ImageNet; 12] = [
        ImageNet::ResNet18,
        ImageNet::ResNet50,
        ImageNet::MobileNetV2,
        ImageNet::MobileNetV3Large,
        ImageNet::MobileNetV3Small,
        ImageNet::ShuffleNetV2,
        ImageNet::GhostNet,
        ImageNet::DenseNet121,
        ImageNet::DenseNet121Xray,
        ImageNet::DenseNet121XrayGrey,
        ImageNet::SqueezeNet10,
        ImageNet::SqueezeNet11,
    ];

    /// A name for files.
    pub fn name(self) -> &'static str {
        match self {
            ImageNet::ResNet18 => "resnet18",
            ImageNet::ResNet50 => "resnet50",
            ImageNet::MobileNetV2 => "mobilenetv2",
            ImageNet::MobileNetV3Large => "mobilenetv3-large",
            ImageNet::MobileNetV3Small => "mobilenetv3-small",
            ImageNet::ShuffleNetV2 => "shufflenetv2",
            ImageNet::GhostNet => "ghostnet",
            ImageNet::DenseNet121 => "densenet121",
            ImageNet::DenseNet121Xray => "densenet121-xray",
            ImageNet::DenseNet121XrayGrey => "densenet121-xray-grey",
            ImageNet::SqueezeNet10 => "squeezenet1.0",
            ImageNet::SqueezeNet11 => "squeezenet1.1",
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

    /// The network's own sizes, and the first weights.
    pub fn sizes(self) -> Sizes {
        Sizes { input: self.input(), classes: self.classes(), seed: 0 }
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
    imagenet_of(network, &network.sizes())
}

/// The same for other inputs, other numbers of classes or other weights.
///
/// # Errors
/// [`Error::Config`] for sizes outside what the network can be built for: 1 to 16 channels, 32 to 2048 rows and columns,
/// 1 to 100 000 classes.
pub fn imagenet_of(network: ImageNet, sizes: &Sizes) -> Result<Vec<u8>, Error> {
    let mut model = architecture(network, sizes)?;
    measure(&mut model, sizes.input)?;
    Ok(model.encode_to_vec())
}

/// The same without measured statistics, in no time: for shapes and costs, not to be run.
///
/// # Errors
/// As [`imagenet_of`].
pub fn imagenet_unmeasured(network: ImageNet, sizes: &Sizes) -> Result<Vec<u8>, Error> {
    Ok(architecture(network, sizes)?.encode_to_vec())
}

fn check(sizes: &Sizes) -> Result<(), Error> {
    let Sizes { input: [channels, h, w], classes, .. } = *sizes;
    for (what, value, range) in [
        ("channels", channels, 1..=16),
        ("rows", h, 32..=2048),
        ("columns", w, 32..=2048),
        ("classes", classes, 1..=100_000),
    ] {
        if !range.contains(&value) {
            let text = format!("{value} {what}: {} to {} are possible", range.start(), range.end());
            return Err(Error::Config(text));
        }
    }
    Ok(())
}

pub(super) fn architecture(network: ImageNet, sizes: &Sizes) -> Result<ModelProto, Error> {
    check(sizes)?;
    let seed = match sizes.seed {
        0 => network.name().to_owned(),
        seed => format!("{} {seed}", network.name()),
    };
    let mut net = Net { weights: Weights::new(&seed), writer: Writer::new(sizes.input) };
    let classes = sizes.classes;
    match network {
        ImageNet::ResNet18 => resnet::basic(&mut net),
        ImageNet::ResNet50 => resnet::bottlenecks(&mut net),
        ImageNet::MobileNetV2 => mobilenet::v2(&mut net),
        ImageNet::MobileNetV3Large => mobilenet_v3::large(&mut net),
        ImageNet::MobileNetV3Small => mobilenet_v3::small(&mut net),
        ImageNet::ShuffleNetV2 => shufflenet::v2(&mut net),
        ImageNet::GhostNet => ghostnet::v1(&mut net),
        ImageNet::SqueezeNet10 => squeezenet::v1_0(&mut net, classes),
        ImageNet::SqueezeNet11 => squeezenet::v1_1(&mut net, classes),
        ImageNet::DenseNet121 | ImageNet::DenseNet121Xray | ImageNet::DenseNet121XrayGrey => {
            densenet::of_121_layers(&mut net);
        }
    }
    match network {
        // Ends in its classes.
        ImageNet::SqueezeNet10 | ImageNet::SqueezeNet11 => {}
        // The mean has been taken.
        ImageNet::MobileNetV3Large | ImageNet::MobileNetV3Small | ImageNet::GhostNet => {
            net.dense(classes, 1.0);
        }
        _ => net.classifier(classes),
    }
    Ok(net.writer.finish(network.name()))
}
