use super::net::Net;

/// What a block adds to its shortcut, so that sums grow slowly with depth.
const BRANCH: f32 = 0.5;

/// ResNet-18: two blocks of two 3x3 convolutions per stage.
pub(super) fn basic(net: &mut Net) {
    stem(net);
    stages(net, [2, 2, 2, 2], 1, |net, width, stride| {
        net.conv(width, 3, stride);
        net.batch_norm(1.0);
        net.relu();
        net.conv(width, 3, 1);
    });
}

/// ResNet-50: blocks of 1x1, 3x3 and 1x1, the last four times as wide.
pub(super) fn bottlenecks(net: &mut Net) {
    stem(net);
    stages(net, [3, 4, 6, 3], 4, |net, width, stride| {
        net.conv(width, 1, 1);
        net.batch_norm(1.0);
        net.relu();
        net.conv(width, 3, stride);
        net.batch_norm(1.0);
        net.relu();
        net.conv(4 * width, 1, 1);
    });
}

fn stem(net: &mut Net) {
    net.conv(64, 7, 2);
    net.batch_norm(1.0);
    net.relu();
    net.writer.max_pool(3, 2, 1, false);
}

fn stages(
    net: &mut Net,
    blocks: [usize; 4],
    expansion: usize,
    branch: impl Fn(&mut Net, usize, usize),
) {
    for (stage, &count) in blocks.iter().enumerate() {
        let width = 64 << stage;
        for block in 0..count {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let start = net.writer.here();
            let changes = stride != 1 || net.channels() != expansion * width;
            branch(net, width, stride);
            net.batch_norm(BRANCH);
            if changes {
                let end = net.writer.here();
                net.writer.back_to(&start);
                net.conv(expansion * width, 1, stride);
                net.batch_norm(1.0);
                net.writer.add(&end);
            } else {
                net.writer.add(&start);
            }
            net.relu();
        }
    }
}
