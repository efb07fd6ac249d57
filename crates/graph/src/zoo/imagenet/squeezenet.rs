use super::net::Net;
use crate::zoo::write::Kernel;

/// SqueezeNet 1.0: fire modules of a narrow 1x1 convolution and two wide ones side by side.
pub(super) fn v1_0(net: &mut Net, classes: usize) {
    let groups: [&[[usize; 2]]; 3] = [
        &[[16, 64], [16, 64], [32, 128]],
        &[[32, 128], [48, 192], [48, 192], [64, 256]],
        &[[64, 256]],
    ];
    build(net, [96, 7], groups, classes);
}

/// SqueezeNet 1.1: a smaller first kernel and earlier pools.
pub(super) fn v1_1(net: &mut Net, classes: usize) {
    let groups: [&[[usize; 2]]; 3] = [
        &[[16, 64], [16, 64]],
        &[[32, 128], [32, 128]],
        &[[48, 192], [48, 192], [64, 256], [64, 256]],
    ];
    build(net, [64, 3], groups, classes);
}

fn build(net: &mut Net, [width, extent]: [usize; 2], groups: [&[[usize; 2]]; 3], classes: usize) {
    net.conv_with_bias(Kernel::valid([width, net.channels(), extent], 2), 2.0);
    net.relu();
    for group in groups {
        pool(net);
        for &[squeeze, expand] in group {
            fire(net, squeeze, expand);
        }
    }
    net.conv_with_bias(Kernel::valid([classes, net.channels(), 1], 1), 1.0);
    net.relu();
    net.writer.global_average();
    net.writer.flatten();
}

fn fire(net: &mut Net, squeeze: usize, expand: usize) {
    net.conv_with_bias(Kernel::valid([squeeze, net.channels(), 1], 1), 2.0);
    net.relu();
    let squeezed = net.writer.here();
    net.conv_with_bias(Kernel::valid([expand, squeeze, 1], 1), 2.0);
    net.relu();
    let narrow = net.writer.here();
    net.writer.back_to(&squeezed);
    net.conv_with_bias(Kernel::same([expand, squeeze, 3], 1), 2.0);
    net.relu();
    net.writer.concat_after(&narrow);
}

fn pool(net: &mut Net) {
    net.writer.max_pool(3, 2, 0, true);
}
