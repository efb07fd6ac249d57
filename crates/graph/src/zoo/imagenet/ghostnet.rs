use super::net::Net;
use crate::zoo::write::Kernel;

/// Kernel, expanded channels, channels, stride, and whether there is a gate.
struct Block(usize, usize, usize, usize, bool);

const BLOCKS: [Block; 16] = [
    Block(3, 16, 16, 1, false),
    Block(3, 48, 24, 2, false),
    Block(3, 72, 24, 1, false),
    Block(5, 72, 40, 2, true),
    Block(5, 120, 40, 1, true),
    Block(3, 240, 80, 2, false),
    Block(3, 200, 80, 1, false),
    Block(3, 184, 80, 1, false),
    Block(3, 184, 80, 1, false),
    Block(3, 480, 112, 1, true),
    Block(3, 672, 112, 1, true),
    Block(5, 672, 160, 2, true),
    Block(5, 960, 160, 1, false),
    Block(5, 960, 160, 1, true),
    Block(5, 960, 160, 1, false),
    Block(5, 960, 160, 1, true),
];

/// GhostNet of width 1.0, up to its last activation.
pub(super) fn v1(net: &mut Net) {
    net.conv(16, 3, 2);
    net.batch_norm(1.0);
    net.relu();
    for block in &BLOCKS {
        bottleneck(net, block);
    }
    net.conv(960, 1, 1);
    net.batch_norm(1.0);
    net.relu();
    net.writer.global_average();
    net.conv_with_bias(Kernel::valid([1280, 960, 1], 1), 2.0);
    net.relu();
}

fn bottleneck(net: &mut Net, &Block(extent, expanded, channels, stride, gate): &Block) {
    let start = net.writer.here();
    let inputs = net.channels();
    ghost(net, expanded, true);
    if stride > 1 {
        net.depthwise(extent, stride);
        net.batch_norm(1.0);
    }
    if gate {
        net.squeeze_and_excite(expanded.div_ceil(16) * 4);
    }
    ghost(net, channels, false);
    if stride == 1 && inputs == channels {
        net.writer.add(&start);
        return;
    }
    let end = net.writer.here();
    net.writer.back_to(&start);
    net.depthwise(extent, stride);
    net.batch_norm(1.0);
    net.conv(channels, 1, 1);
    net.batch_norm(1.0);
    net.writer.add(&end);
}

/// Half of the channels by a 1x1 convolution, the other half from those by 3x3 kernels of one channel.
fn ghost(net: &mut Net, channels: usize, rectified: bool) {
    let primary = channels.div_ceil(2);
    net.conv(primary, 1, 1);
    norm(net, rectified);
    let first = net.writer.here();
    net.depthwise(3, 1);
    norm(net, rectified);
    net.writer.concat_after(&first);
    if 2 * primary > channels {
        net.writer.slice_channels(0, channels);
    }
}

fn norm(net: &mut Net, rectified: bool) {
    net.batch_norm(1.0);
    if rectified {
        net.relu();
    }
}
