use super::net::Net;

/// Kernel, expanded channels, channels, first stride, and whether there is a gate and hard swish.
struct Block(usize, usize, usize, usize, bool, bool);

/// MobileNetV3 Large of width 1.0, up to its last activation.
pub(super) fn large(net: &mut Net) {
    const BLOCKS: [Block; 15] = [
        Block(3, 16, 16, 1, false, false),
        Block(3, 64, 24, 2, false, false),
        Block(3, 72, 24, 1, false, false),
        Block(5, 72, 40, 2, true, false),
        Block(5, 120, 40, 1, true, false),
        Block(5, 120, 40, 1, true, false),
        Block(3, 240, 80, 2, false, true),
        Block(3, 200, 80, 1, false, true),
        Block(3, 184, 80, 1, false, true),
        Block(3, 184, 80, 1, false, true),
        Block(3, 480, 112, 1, true, true),
        Block(3, 672, 112, 1, true, true),
        Block(5, 672, 160, 2, true, true),
        Block(5, 960, 160, 1, true, true),
        Block(5, 960, 160, 1, true, true),
    ];
    build(net, &BLOCKS, 1280);
}

/// MobileNetV3 Small of width 1.0, up to its last activation.
pub(super) fn small(net: &mut Net) {
    const BLOCKS: [Block; 11] = [
        Block(3, 16, 16, 2, true, false),
        Block(3, 72, 24, 2, false, false),
        Block(3, 88, 24, 1, false, false),
        Block(5, 96, 40, 2, true, true),
        Block(5, 240, 40, 1, true, true),
        Block(5, 240, 40, 1, true, true),
        Block(5, 120, 48, 1, true, true),
        Block(5, 144, 48, 1, true, true),
        Block(5, 288, 96, 2, true, true),
        Block(5, 576, 96, 1, true, true),
        Block(5, 576, 96, 1, true, true),
    ];
    build(net, &BLOCKS, 1024);
}

fn build(net: &mut Net, blocks: &[Block], head: usize) {
    net.conv(16, 3, 2);
    net.batch_norm(1.0);
    net.hard_swish();
    for block in blocks {
        inverted_residual(net, block);
    }
    net.conv(6 * net.channels(), 1, 1);
    net.batch_norm(1.0);
    net.hard_swish();
    net.writer.global_average();
    net.dense(head, 2.0);
    net.hard_swish();
}

fn inverted_residual(
    net: &mut Net,
    &Block(extent, expanded, channels, stride, gate, swish): &Block,
) {
    let start = net.writer.here();
    let inputs = net.channels();
    let activation = if swish { Net::hard_swish } else { Net::relu };
    if expanded != inputs {
        net.conv(expanded, 1, 1);
        net.batch_norm(1.0);
        activation(net);
    }
    net.depthwise(extent, stride);
    net.batch_norm(1.0);
    activation(net);
    if gate {
        net.squeeze_and_excite(multiple_of_8(expanded / 4));
    }
    net.conv(channels, 1, 1);
    net.batch_norm(1.0);
    if stride == 1 && inputs == channels {
        net.writer.add(&start);
    }
}

/// The nearest multiple of 8, not below nine tenths.
fn multiple_of_8(n: usize) -> usize {
    let rounded = ((n + 4) / 8 * 8).max(8);
    if 10 * rounded < 9 * n { rounded + 8 } else { rounded }
}
