use super::net::Net;

const GROWTH: usize = 32;
const BLOCKS: [usize; 4] = [6, 12, 24, 16];

/// DenseNet-121, up to its last activation.
pub(super) fn of_121_layers(net: &mut Net) {
    net.conv(64, 7, 2);
    // Every later normalisation of these channels would undo a factor near 0.
    net.batch_norm_without_zeros();
    net.relu();
    net.writer.max_pool(3, 2, 1, false);
    for (i, &layers) in BLOCKS.iter().enumerate() {
        if i > 0 {
            transition(net);
        }
        for _ in 0..layers {
            dense_layer(net);
        }
    }
    norm_relu(net);
}

/// Adds a few channels computed from all before them.
fn dense_layer(net: &mut Net) {
    let all = net.writer.here();
    norm_relu(net);
    net.conv(4 * GROWTH, 1, 1);
    norm_relu(net);
    net.conv(GROWTH, 3, 1);
    net.writer.concat_after(&all);
}

/// Halves channels, height and width.
fn transition(net: &mut Net) {
    norm_relu(net);
    let half = net.channels() / 2;
    net.conv(half, 1, 1);
    net.writer.average_pool(2);
}

fn norm_relu(net: &mut Net) {
    net.batch_norm(1.0);
    net.relu();
}
