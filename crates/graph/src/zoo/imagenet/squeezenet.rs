use super::Net;
use crate::zoo::write::Kernel;

/// SqueezeNet 1.0: fire modules of a narrow 1x1 convolution and two wide ones side by side.
pub(super) fn v1(net: &mut Net, classes: usize) {
    with_bias(net, Kernel::valid([96, net.channels(), 7], 2), 2.0);
    net.relu();
    pool(net);
    for [squeeze, expand] in [[16, 64], [16, 64], [32, 128]] {
        fire(net, squeeze, expand);
    }
    pool(net);
    for [squeeze, expand] in [[32, 128], [48, 192], [48, 192], [64, 256]] {
        fire(net, squeeze, expand);
    }
    pool(net);
    fire(net, 64, 256);
    with_bias(net, Kernel::valid([classes, net.channels(), 1], 1), 1.0);
    net.relu();
    net.writer.global_average();
    net.writer.flatten();
}

fn fire(net: &mut Net, squeeze: usize, expand: usize) {
    with_bias(net, Kernel::valid([squeeze, net.channels(), 1], 1), 2.0);
    net.relu();
    let squeezed = net.writer.here();
    with_bias(net, Kernel::valid([expand, squeeze, 1], 1), 2.0);
    net.relu();
    let narrow = net.writer.here();
    net.writer.back_to(&squeezed);
    with_bias(net, Kernel::same([expand, squeeze, 3], 1), 2.0);
    net.relu();
    net.writer.concat_after(&narrow);
}

fn pool(net: &mut Net) {
    net.writer.max_pool(3, 2, 0, true);
}

fn with_bias(net: &mut Net, kernel: Kernel, gain: f32) {
    let drawn = net.weights.draw(kernel.outputs, kernel.fan_in(), gain);
    net.writer.conv(kernel, drawn);
}
