//! What transforms save on trained networks, whose owners publish how large sums of weights are.
#![allow(clippy::unwrap_used)]

use super::{Kernel, Plan, Rate, winograd};
use sordino_graph::fixed::{
    Calibration, FixedGraph, FixedNode, KernelSums, QuantiseOptions, quantise,
};
use sordino_graph::ir::Tensor;
use sordino_ot::Supply;
use std::path::{Path, PathBuf};

const NETWORKS: [&str; 4] =
    ["cifar10_resnet20", "cifar10_resnet32", "cifar10_minionn_relu6", "cifar10_densenet40"];

fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("SORDINO_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: transforms on trained networks (no data folder)");
    None
}

/// With weights of 8 bits, and ranges by one picture of noise.
fn graph(file: &Path) -> FixedGraph {
    let mut graph = sordino_graph::load(&std::fs::read(file).unwrap()).unwrap();
    sordino_graph::passes::simplify(&mut graph).unwrap();
    let noise = (0..3 * 32 * 32u32)
        .map(|i| (i.wrapping_mul(2654435761) >> 8) as f32 / (1 << 23) as f32 - 1.0);
    let noise = Tensor::f32(vec![1, 3, 32, 32], noise.collect()).unwrap();
    let calibration = Calibration::run(&graph, &[noise]).unwrap();
    quantise(&graph, &calibration, &QuantiseOptions { weight_bits: 8, ..Default::default() })
        .unwrap()
        .graph
}

/// Over all their 3x3 layers of stride 1. Larger tiles are more weights in all, with transfers of
/// their own: where making these is dear and planes are of 8x8 pixels, that takes some of it back.
#[test]
fn transforms_save_bytes_of_trained_convolutions() {
    let Some(data) = data() else { return };
    let supplies = [
        (Supply::Ferret, [1.95, 2.95]),
        (Supply::SoftSpoken { k: 8 }, [1.95, 2.8]),
        (Supply::SoftSpoken { k: 2 }, [1.85, 2.25]),
    ];
    for name in NETWORKS {
        let graph = graph(&data.join("models").join(name).join("model.onnx"));
        for (supply, least) in supplies {
            let rate = Rate::new(supply);
            let bytes = |by: &dyn Fn(Kernel<'_>, u32) -> Plan| -> u64 {
                let of = |node: &FixedNode| {
                    let kernel = Kernel::of(&node.op).filter(|k| KernelSums::apply_to(k.conv))?;
                    Some(by(kernel, graph.edges[node.output.0 as usize].ring).bytes(rate))
                };
                graph.nodes.iter().filter_map(of).sum()
            };
            let direct = bytes(&Plan::direct) as f64;
            for (size, least) in [&winograd::SIZES[0], &winograd::SIZES[2]].into_iter().zip(least) {
                let saved = direct / bytes(&|k, bits| Plan::tiled(k, bits, size).unwrap()) as f64;
                println!("{name}, {supply:?}, tiles of {}: {saved:.2}x", size.tile);
                assert!(saved >= least, "{name}, {supply:?}, tiles of {}: {saved}", size.tile);
            }
        }
    }
}
