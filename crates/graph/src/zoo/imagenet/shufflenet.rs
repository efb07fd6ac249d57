use super::net::Net;

/// Channels and units of each stage.
const STAGES: [[usize; 2]; 3] = [[116, 4], [232, 8], [464, 4]];

/// ShuffleNetV2 of width 1.0, up to its last activation.
pub(super) fn v2(net: &mut Net) {
    conv_norm_relu(net, 24, 3, 2);
    net.writer.max_pool(3, 2, 1, false);
    for [channels, units] in STAGES {
        shrink(net, channels / 2);
        for _ in 1..units {
            unit(net, channels / 2);
        }
    }
    conv_norm_relu(net, 1024, 1, 1);
}

fn conv_norm_relu(net: &mut Net, channels: usize, extent: usize, stride: usize) {
    net.conv(channels, extent, stride);
    net.batch_norm(1.0);
    net.relu();
}

/// One half of the channels goes through the branch.
fn unit(net: &mut Net, half: usize) {
    let all = net.writer.here();
    net.writer.slice_channels(0, half);
    let kept = net.writer.here();
    net.writer.back_to(&all);
    net.writer.slice_channels(half, half);
    branch(net, half, 1);
    net.writer.concat_after(&kept);
    net.writer.shuffle_channels(2);
}

/// Both branches read all channels and halve height and width.
fn shrink(net: &mut Net, half: usize) {
    let all = net.writer.here();
    net.depthwise(3, 2);
    net.batch_norm(1.0);
    conv_norm_relu(net, half, 1, 1);
    let first = net.writer.here();
    net.writer.back_to(&all);
    branch(net, half, 2);
    net.writer.concat_after(&first);
    net.writer.shuffle_channels(2);
}

fn branch(net: &mut Net, channels: usize, stride: usize) {
    conv_norm_relu(net, channels, 1, 1);
    net.depthwise(3, stride);
    net.batch_norm(1.0);
    conv_norm_relu(net, channels, 1, 1);
}
