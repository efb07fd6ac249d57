use super::net::Net;

/// Expansion, channels, blocks and first stride of each stage.
const STAGES: [[usize; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];

/// MobileNetV2 of width 1.0, up to its last activation.
pub(super) fn v2(net: &mut Net) {
    net.conv(32, 3, 2);
    net.batch_norm(1.0);
    net.relu6();
    for [expansion, channels, blocks, first] in STAGES {
        for block in 0..blocks {
            inverted_residual(net, expansion, channels, if block == 0 { first } else { 1 });
        }
    }
    net.conv(1280, 1, 1);
    net.batch_norm(1.0);
    net.relu6();
}

fn inverted_residual(net: &mut Net, expansion: usize, channels: usize, stride: usize) {
    let start = net.writer.here();
    let inputs = net.channels();
    if expansion != 1 {
        net.conv(expansion * inputs, 1, 1);
        net.batch_norm(1.0);
        net.relu6();
    }
    net.depthwise(3, stride);
    net.batch_norm(1.0);
    net.relu6();
    net.conv(channels, 1, 1);
    net.batch_norm(1.0);
    if stride == 1 && inputs == channels {
        net.writer.add(&start);
    }
}
