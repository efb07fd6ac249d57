use crate::ir::{Graph, Op, Tensor, ValueId};
use crate::onnx::{ImportOptions, import};
use crate::zoo::imagenet::architecture;
use crate::zoo::{ImageNet, Sizes, imagenet, imagenet_of};
use crate::{float, load};

fn size(graph: &Graph, id: ValueId) -> u64 {
    graph.value(id).shape.iter().product::<usize>() as u64
}

/// Trained parameters and multiply-accumulates.
fn cost(network: ImageNet) -> [u64; 2] {
    let file = architecture(network, &network.sizes()).unwrap();
    let graph = import(&file, &ImportOptions::default()).unwrap();
    let mut cost = [0; 2];
    for node in &graph.nodes {
        let trained = match node.op {
            Op::Conv { .. } | Op::Gemm { .. } => 1..node.inputs.len(),
            Op::BatchNorm { .. } => 1..3,
            _ => continue,
        };
        cost[0] += trained.map(|i| size(&graph, node.inputs[i].unwrap())).sum::<u64>();
        if !matches!(node.op, Op::BatchNorm { .. }) {
            let (kernel, out) = (node.inputs[1].unwrap(), node.outputs[0]);
            let outputs = graph.value(kernel).shape[0] as u64;
            cost[1] += size(&graph, out) * size(&graph, kernel) / outputs;
        }
    }
    let (input, output) = (graph.value(graph.inputs[0]), graph.value(graph.outputs[0]));
    assert_eq!((&input.shape[1..], input.name.as_str()), (&network.input()[..], "image"));
    assert_eq!((&output.shape[..], output.name.as_str()), (&[1, network.classes()][..], "logits"));
    cost
}

/// Parameters as torchvision counts them; multiply-accumulates of convolutions and dense layers. GhostNet's paper gives
/// 5.2 and 141 million.
#[test]
fn parameters_and_costs_are_the_published_ones() {
    for (network, published) in [
        (ImageNet::ResNet18, [11_689_512, 1_814_073_344]),
        (ImageNet::ResNet50, [25_557_032, 4_089_184_256]),
        (ImageNet::MobileNetV2, [3_504_872, 300_774_272]),
        (ImageNet::DenseNet121, [7_978_856, 2_834_161_664]),
        (ImageNet::DenseNet121Xray, [6_968_206, 5_781_927_936]),
        (ImageNet::DenseNet121XrayGrey, [6_961_934, 5_621_364_736]),
        (ImageNet::SqueezeNet10, [1_248_424, 832_667_936]),
        (ImageNet::SqueezeNet11, [1_235_496, 349_151_936]),
        (ImageNet::MobileNetV3Large, [5_483_032, 216_589_760]),
        (ImageNet::MobileNetV3Small, [2_542_856, 56_510_400]),
        (ImageNet::ShuffleNetV2, [2_278_604, 144_907_992]),
        (ImageNet::GhostNet, [5_182_508, 141_150_512]),
    ] {
        assert_eq!(cost(network), published, "{network:?}");
    }
}

#[test]
fn networks_are_built_for_other_sizes() {
    use ImageNet::{DenseNet121, GhostNet, MobileNetV3Small, ResNet18, ShuffleNetV2, SqueezeNet10};
    for network in [DenseNet121, GhostNet, MobileNetV3Small, ResNet18, ShuffleNetV2, SqueezeNet10] {
        let sizes = Sizes { input: [1, 64, 48], classes: 3, seed: 0 };
        let graph = import(&architecture(network, &sizes).unwrap(), &ImportOptions::default());
        let graph = graph.unwrap();
        assert_eq!(graph.value(graph.inputs[0]).shape, [1, 1, 64, 48], "{network:?}");
        assert_eq!(graph.value(graph.outputs[0]).shape, [1, 3], "{network:?}");
        assert!(architecture(network, &Sizes { input: [3, 31, 64], ..sizes }).is_err());
        assert!(architecture(network, &Sizes { classes: 0, ..sizes }).is_err());
    }
}

#[test]
fn gates_and_shuffles_run_in_float() {
    for network in [ImageNet::MobileNetV3Small, ImageNet::ShuffleNetV2, ImageNet::GhostNet] {
        let build = |seed| imagenet_of(network, &Sizes { input: [3, 64, 64], classes: 5, seed });
        let file = build(0).unwrap();
        assert_eq!(file, build(0).unwrap());
        assert_ne!(file, build(1).unwrap());
        let graph = load(&file).unwrap();
        let shade = |i: usize| (i / 40 % 7) as f32 / 3.0 - 1.0 + (i % 5) as f32 / 10.0;
        let image = Tensor::f32(vec![1, 3, 64, 64], (0..3 * 64 * 64).map(shade).collect()).unwrap();
        let logits = float::run(&graph, &[image]).unwrap().remove(0);
        let square: f32 = logits.as_f32().unwrap().iter().map(|v| v * v).sum();
        assert!((0.05..20.0).contains(&(square / 5.0).sqrt()), "{network:?} {square}");
    }
}

#[test]
fn normalised_values_keep_their_scale_to_the_end() {
    let network = ImageNet::MobileNetV2;
    let file = imagenet(network).unwrap();
    assert_eq!(blake3::hash(&file), blake3::hash(&imagenet(network).unwrap()));
    let graph = load(&file).unwrap();
    let [c, h, w] = network.input();
    let shade = |i: usize| (i / 40 % 7) as f32 / 3.0 - 1.0 + (i % 5) as f32 / 10.0;
    let image = Tensor::f32(vec![1, c, h, w], (0..c * h * w).map(shade).collect()).unwrap();
    let mut rectified = 0;
    float::run_with(&graph, &[image], |id, tensor| {
        let values = tensor.as_f32().unwrap();
        let square: f32 = values.iter().map(|v| v * v).sum();
        let scale = (square / values.len() as f32).sqrt();
        let name = &graph.value(id).name;
        assert!((0.05..20.0).contains(&scale), "{name}: {scale}");
        if name.starts_with("clip") {
            rectified += 1;
            let alive = values.iter().filter(|&&v| v > 0.0).count() as f32;
            assert!((0.2..0.9).contains(&(alive / values.len() as f32)), "{name}");
        }
    })
    .unwrap();
    assert_eq!(rectified, 35);
}
