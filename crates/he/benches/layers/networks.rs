//! The linear layers of known networks, by shape.

use sordino_he::ConvShape;

/// A convolution of a square image with "same" padding.
pub(crate) fn conv(cin: u32, size: u32, cout: u32, kernel: u32, stride: u32) -> ConvShape {
    ConvShape {
        h: size,
        w: size,
        kernel: [kernel; 2],
        stride: [stride; 2],
        pads: [kernel / 2; 4],
        ..ConvShape::dense(cin, cout)
    }
}

/// A convolution of each channel apart.
pub(crate) fn depthwise(channels: u32, size: u32, stride: u32) -> ConvShape {
    ConvShape { groups: channels, ..conv(channels, size, channels, 3, stride) }
}

/// A network's name and layers.
pub(crate) type Network = (&'static str, Vec<ConvShape>);

/// A small network, and those of ImageNet's size.
pub(crate) fn all() -> Vec<Network> {
    vec![
        ("CIFAR ResNet-20", resnet20()),
        ("SqueezeNet 1.1", squeezenet()),
        ("MobileNetV2", mobilenet_v2()),
        ("ResNet-18", resnet18()),
        ("ResNet-50", resnet50()),
        ("DenseNet-121, 224", densenet121(224, 1000)),
        ("DenseNet-121, 320", densenet121(320, 14)),
    ]
}

fn resnet20() -> Vec<ConvShape> {
    let mut layers = vec![conv(3, 32, 16, 3, 1)];
    (0..6).for_each(|_| layers.push(conv(16, 32, 16, 3, 1)));
    for (channels, size) in [(32, 16), (64, 8)] {
        layers.push(conv(channels / 2, 2 * size, channels, 3, 2));
        layers.push(conv(channels / 2, 2 * size, channels, 1, 2));
        (0..5).for_each(|_| layers.push(conv(channels, size, channels, 3, 1)));
    }
    layers.push(ConvShape::dense(64, 10));
    layers
}

fn squeezenet() -> Vec<ConvShape> {
    let mut layers = vec![ConvShape { pads: [0; 4], ..conv(3, 224, 64, 3, 2) }];
    let mut fire = |size: u32, cin: u32, squeeze: u32, expand: u32| {
        layers.push(conv(cin, size, squeeze, 1, 1));
        layers.push(conv(squeeze, size, expand, 1, 1));
        layers.push(conv(squeeze, size, expand, 3, 1));
    };
    fire(55, 64, 16, 64);
    fire(55, 128, 16, 64);
    fire(27, 128, 32, 128);
    fire(27, 256, 32, 128);
    fire(13, 256, 48, 192);
    fire(13, 384, 48, 192);
    fire(13, 384, 64, 256);
    fire(13, 512, 64, 256);
    layers.push(conv(512, 13, 1000, 1, 1));
    layers
}

fn mobilenet_v2() -> Vec<ConvShape> {
    let mut layers = vec![conv(3, 224, 32, 3, 2)];
    let (mut size, mut cin) = (112, 32);
    for (expand, cout, count, stride) in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ] {
        for i in 0..count {
            let (wide, stride) = (cin * expand, if i == 0 { stride } else { 1 });
            if expand > 1 {
                layers.push(conv(cin, size, wide, 1, 1));
            }
            layers.push(depthwise(wide, size, stride));
            size /= stride;
            layers.push(conv(wide, size, cout, 1, 1));
            cin = cout;
        }
    }
    layers.extend([conv(320, 7, 1280, 1, 1), ConvShape::dense(1280, 1000)]);
    layers
}

fn resnet18() -> Vec<ConvShape> {
    let mut layers = vec![conv(3, 224, 64, 7, 2)];
    let (mut size, mut cin) = (56, 64);
    for cout in [64, 128, 256, 512] {
        if cin != cout {
            layers.push(conv(cin, size, cout, 1, 2));
        }
        layers.push(conv(cin, size, cout, 3, cout / cin));
        size /= cout / cin;
        (0..3).for_each(|_| layers.push(conv(cout, size, cout, 3, 1)));
        cin = cout;
    }
    layers.push(ConvShape::dense(512, 1000));
    layers
}

fn resnet50() -> Vec<ConvShape> {
    let mut layers = vec![conv(3, 224, 64, 7, 2)];
    let (mut size, mut cin) = (56, 64);
    for (width, blocks) in [(64, 3), (128, 4), (256, 6), (512, 3)] {
        for block in 0..blocks {
            let stride = if block == 0 && width > 64 { 2 } else { 1 };
            if block == 0 {
                layers.push(conv(cin, size, 4 * width, 1, stride));
            }
            layers.push(conv(cin, size, width, 1, 1));
            layers.push(conv(width, size, width, 3, stride));
            size /= stride;
            layers.push(conv(width, size, 4 * width, 1, 1));
            cin = 4 * width;
        }
    }
    layers.push(ConvShape::dense(2048, 1000));
    layers
}

fn densenet121(image: u32, classes: u32) -> Vec<ConvShape> {
    let mut layers = vec![conv(3, image, 64, 7, 2)];
    let (mut size, mut channels) = (image / 4, 64);
    for blocks in [6, 12, 24, 16] {
        for _ in 0..blocks {
            layers.extend([conv(channels, size, 128, 1, 1), conv(128, size, 32, 3, 1)]);
            channels += 32;
        }
        if blocks != 16 {
            layers.push(conv(channels, size, channels / 2, 1, 1));
            (size, channels) = (size / 2, channels / 2);
        }
    }
    layers.push(ConvShape::dense(channels, classes));
    layers
}
