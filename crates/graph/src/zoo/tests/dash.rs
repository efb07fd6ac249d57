use crate::ir::{Graph, Op, Tensor, Unary, ValueId};
use crate::zoo::{Network, dash};
use crate::{float, load};

/// What the imported graph costs: multiply-accumulates, elements through activations, elements
/// out of linear layers.
fn cost(graph: &Graph) -> [u64; 3] {
    let size = |id: ValueId| graph.value(id).shape.iter().product::<usize>() as u64;
    let mut cost = [0; 3];
    for node in &graph.nodes {
        let out = size(node.outputs[0]);
        let kernel = node.inputs.get(1).copied().flatten();
        match &node.op {
            Op::Conv { window, groups: 1 } => {
                assert!(window.pads.iter().all(|&pad| pad == (0, 0)));
                let kernel = kernel.unwrap();
                cost[0] += out * size(kernel) / graph.value(kernel).shape[0] as u64;
                cost[2] += out;
            }
            Op::Gemm { .. } => {
                cost[0] += size(kernel.unwrap());
                cost[2] += out;
            }
            Op::Unary(Unary::Relu | Unary::Tanh) => cost[1] += out,
            Op::Reshape { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    cost
}

/// The figures published for these networks.
fn published(network: Network) -> [u64; 3] {
    match network {
        Network::A => [118_016, 256, 266],
        Network::B => [111_200, 3_660, 3_710],
        Network::C => [99_020, 945, 955],
        Network::D => [257_000, 2_660, 2_670],
        Network::E100 => [79_400, 100, 110],
        Network::FSmall => [16_368_256, 70_784, 78_666],
        Network::F => [43_451_552, 124_688, 138_842],
    }
}

/// An image of pixels in 0 to 1, different for every seed.
fn image(network: Network, seed: u8) -> Tensor {
    let [c, h, w] = network.input();
    let mut bytes = vec![0; c * h * w];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    let pixels = bytes.into_iter().map(|b| f32::from(b) / 255.0).collect();
    Tensor::f32(vec![1, c, h, w], pixels).unwrap()
}

#[test]
fn costs_are_the_published_ones() {
    for network in Network::ALL {
        let graph = load(&dash(network)).unwrap();
        assert_eq!(cost(&graph), published(network), "{network:?}");
        assert_eq!(graph.name, format!("dash-{}", network.name()));
        let (input, output) = (graph.value(graph.inputs[0]), graph.value(graph.outputs[0]));
        assert_eq!((input.name.as_str(), output.name.as_str()), ("image", "logits"));
        assert_eq!((&input.shape[1..], &output.shape[..]), (&network.input()[..], &[1, 10][..]));
    }
}

#[test]
fn activations_keep_their_scale_and_depend_on_the_image() {
    for network in Network::ALL {
        let graph = load(&dash(network)).unwrap();
        let run = |seed| {
            float::run_with(&graph, &[image(network, seed)], |id, tensor| {
                let values = tensor.as_f32().unwrap();
                let square: f32 = values.iter().map(|v| v * v).sum();
                let scale = (square / values.len() as f32).sqrt();
                let name = &graph.value(id).name;
                assert!((0.05..5.0).contains(&scale), "{network:?} {name}: {scale}");
                if name.starts_with("relu") {
                    let alive = values.iter().filter(|&&v| v > 0.0).count();
                    let fraction = alive as f32 / values.len() as f32;
                    assert!((0.2..0.8).contains(&fraction), "{network:?} {name}: {fraction}");
                }
            })
            .unwrap()
            .remove(0)
        };
        assert_ne!(run(1), run(2));
    }
}

#[test]
fn a_network_is_the_same_file_everywhere() {
    let digest = blake3::hash(&dash(Network::C)).to_hex();
    assert_eq!(digest.as_str(), "7fbbe2d52afcb70ff18cb5ccebcc8dc154beaa1456e3ff26fce66a18179eed7c");
}
