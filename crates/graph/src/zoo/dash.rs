use super::weights::Weights;
use super::write::{Kernel, Writer};
use prost::Message;

/// An evaluation network of Dash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Three dense layers on MNIST.
    A,
    /// Four convolutions and two dense layers on MNIST.
    B,
    /// One convolution and two dense layers on MNIST.
    C,
    /// Two convolutions and two dense layers on MNIST.
    D,
    /// Two dense layers around 100 bounded activations on MNIST.
    E100,
    /// Eight convolutions and a dense layer on CIFAR-10; "f" in the tables of ReDash.
    FSmall,
    /// Nine convolutions and a dense layer on CIFAR-10: MiniONN's network.
    F,
}

impl Network {
    /// Every network, the smallest data set first.
    pub const ALL: [Network; 7] = [
        Network::A,
        Network::B,
        Network::C,
        Network::D,
        Network::E100,
        Network::FSmall,
        Network::F,
    ];

    /// The name in the table of [`dash`].
    pub fn name(self) -> &'static str {
        match self {
            Network::A => "A",
            Network::B => "B",
            Network::C => "C",
            Network::D => "D",
            Network::E100 => "E-100",
            Network::FSmall => "F-small",
            Network::F => "F",
        }
    }

    /// Channels, height and width of the input.
    pub fn input(self) -> [usize; 3] {
        match self {
            Network::FSmall | Network::F => [3, 32, 32],
            _ => [1, 28, 28],
        }
    }

    fn layers(self) -> &'static [Layer] {
        match self {
            Network::A => &[Dense(128), Relu, Dense(128), Relu, Dense(10)],
            Network::B => &[
                Conv(5, 5, 1),
                Relu,
                Conv(5, 3, 3),
                Relu,
                Conv(10, 3, 1),
                Relu,
                Conv(10, 3, 3),
                Dense(100),
                Relu,
                Dense(10),
            ],
            Network::C => &[Conv(5, 4, 2), Relu, Dense(100), Relu, Dense(10)],
            Network::D => {
                &[Conv(16, 6, 2), Relu, Conv(16, 6, 2), Relu, Dense(100), Relu, Dense(10)]
            }
            Network::E100 => &[Dense(100), Tanh, Dense(10)],
            Network::FSmall => &[
                Conv(32, 3, 1),
                Relu,
                Conv(32, 3, 1),
                Relu,
                Conv(32, 2, 2),
                Conv(64, 3, 1),
                Relu,
                Conv(64, 3, 1),
                Relu,
                Conv(64, 2, 2),
                Conv(128, 3, 1),
                Relu,
                Conv(128, 3, 1),
                Relu,
                Dense(10),
            ],
            Network::F => &[
                Conv(64, 3, 1),
                Relu,
                Conv(64, 3, 1),
                Relu,
                Conv(64, 2, 2),
                Conv(64, 3, 1),
                Relu,
                Conv(64, 3, 1),
                Relu,
                Conv(64, 2, 2),
                Conv(64, 3, 1),
                Relu,
                Conv(64, 1, 1),
                Relu,
                Conv(16, 1, 1),
                Relu,
                Dense(10),
            ],
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Layer {
    /// Channels, kernel, stride.
    Conv(usize, usize, usize),
    /// Outputs.
    Dense(usize),
    Relu,
    Tanh,
}
use Layer::{Conv, Dense, Relu, Tanh};

/// The ONNX file of a network: batch size 1, input `image` in NCHW order, output `logits`. The
/// weights depend on the network alone and are the same bits everywhere; their scale keeps the
/// mean square of activations from layer to layer (He et al., ICCV 2015, section 2.2).
///
/// | network | input | layers (`16k6s2`: convolution to 16 channels, kernel 6, stride 2; `R`: ReLU) |
/// |---|---|---|
/// | A | 1×28×28 | 128 R 128 R 10 |
/// | B | 1×28×28 | 5k5 R 5k3s3 R 10k3 R 10k3s3 100 R 10 |
/// | C | 1×28×28 | 5k4s2 R 100 R 10 |
/// | D | 1×28×28 | 16k6s2 R 16k6s2 R 100 R 10 |
/// | E-100 | 1×28×28 | 100 tanh 10 (Dash replaces tanh by the sign after training) |
/// | F-small | 3×32×32 | 32k3 R 32k3 R 32k2s2 64k3 R 64k3 R 64k2s2 128k3 R 128k3 R 10 |
/// | F | 3×32×32 | 64k3 R 64k3 R 64k2s2 64k3 R 64k3 R 64k2s2 64k3 R 64k1 R 16k1 R 10 |
///
/// No convolution pads. A convolution without an activation stands where the original network had
/// a pooling. Inputs are pixels in 0 to 1.
pub fn dash(network: Network) -> Vec<u8> {
    let mut weights = Weights::new(network.name());
    let mut writer = Writer::new(network.input());
    let layers = network.layers();
    for (i, &layer) in layers.iter().enumerate() {
        // A ReLU halves the mean square, which the layer before it makes up for.
        let gain = if layers.get(i + 1) == Some(&Relu) { 2.0 } else { 1.0 };
        match layer {
            Conv(channels, kernel, stride) => {
                let kernel = Kernel::valid([channels, writer.shape()[0], kernel], stride);
                let drawn = weights.draw(channels, kernel.fan_in(), gain);
                writer.conv(kernel, drawn);
            }
            Dense(outputs) => {
                let inputs = writer.shape().iter().product();
                writer.dense([outputs, inputs], weights.draw(outputs, inputs, gain));
            }
            Relu => writer.activation("Relu", &[]),
            Tanh => writer.activation("Tanh", &[]),
        }
    }
    writer.finish(&format!("dash-{}", network.name())).encode_to_vec()
}
