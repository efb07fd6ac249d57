//! Training: it learns, the same seed gives the same bits, also across a stop, and what goes wrong
//! is named.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Build, noise};
use sordino_graph::ir::{Graph, Op, Tensor, Unary, ValueId, Window};
use sordino_graph::{float, load, onnx};
use sordino_rewrite::mask::{Choice, Granularity, choose, mask_relus};
use sordino_rewrite::polynomial::{Start, polynomial_relus, rectifiers, settle};
use sordino_rewrite::train::{
    Augment, Distillation, Rule, Samples, Schedule, Settings, Trainer, evaluate,
};
use sordino_rewrite::{Device, Error, Network};

const SHAPE: [usize; 4] = [1, 1, 6, 6];

/// Convolution, batch norm, rectifier, mean, dense layer.
fn graph() -> Graph {
    let mut build = Build::new(&SHAPE);
    let weight = build.random(&[8, 1, 3, 3]);
    let window = Window {
        kernel: vec![3, 3],
        stride: vec![1, 1],
        dilation: vec![1, 1],
        pads: vec![(1, 1), (1, 1)],
    };
    let x = build.node(Op::Conv { window, groups: 1 }, &[ValueId(0), weight]);
    let [scale, shift, mean] = [0; 3].map(|_| build.random(&[8]));
    let variance = build.positive(&[8]);
    let x = build.node(Op::BatchNorm { epsilon: 1e-5 }, &[x, scale, shift, mean, variance]);
    let x = build.node(Op::Unary(Unary::Relu), &[x]);
    let x = build.node(Op::GlobalAveragePool, &[x]);
    let x = build.node(Op::Reshape { shape: vec![1, 8] }, &[x]);
    let (weight, bias) = (build.random(&[2, 8]), build.random(&[2]));
    let gemm = Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true };
    let x = build.node(gemm, &[x, weight, bias]);
    let x = build.node(Op::Softmax { axis: 1, flatten: false, log: false }, &[x]);
    build.finish(x)
}

fn network() -> Network {
    let mut network = Network::new(graph(), &Device::flex()).unwrap();
    network.initialise(5).unwrap();
    network
}

/// Stripes across (class 0) and down (class 1), with noise.
fn stripes(n: usize, seed: u64) -> Samples {
    let mut samples = Samples::new(&SHAPE);
    let values = noise(seed, n * 36);
    for (i, noise) in values.chunks(36).enumerate() {
        let at = |p: usize| if i % 2 == 0 { p / 6 } else { p % 6 };
        let picture: Vec<f32> =
            noise.iter().enumerate().map(|(p, v)| (at(p) % 2) as f32 + 0.3 * v).collect();
        samples.push(&picture, i % 2).unwrap();
    }
    samples
}

fn settings() -> Settings {
    Settings {
        epochs: 4,
        batch: 20,
        part: 7,
        rate: 0.05,
        schedule: Schedule::Cosine { warmup: 3 },
        smoothing: 0.05,
        augment: Augment { shift: 1, flip: true, ..Augment::default() },
        seed: 11,
        ..Settings::default()
    }
}

/// Every float constant, stored means and variances too.
fn bits(network: &Network) -> Vec<Vec<u32>> {
    let graph = network.to_graph().unwrap();
    let floats = graph.values.iter().filter_map(|v| v.constant.as_ref()?.as_f32().ok());
    floats.map(|values| values.iter().map(|v| v.to_bits()).collect()).collect()
}

fn trained(samples: &Samples, settings: Settings) -> Network {
    let mut trainer = Trainer::new(network(), None, samples, settings).unwrap();
    while !trainer.is_done() {
        trainer.advance().unwrap();
    }
    trainer.into_network()
}

#[test]
fn stripes_are_learnt_by_every_rule() {
    let samples = stripes(200, 1);
    for rule in [Rule::Sgd { momentum: 0.9 }, Rule::adam()] {
        let rate = if rule == Rule::adam() { 0.01 } else { 0.05 };
        let settings = Settings { rule, rate, epochs: 8, ..settings() };
        let score = evaluate(&trained(&samples, settings), &stripes(100, 2), 32).unwrap();
        assert!(score.right >= 95, "{rule:?}: {score:?}");
    }
}

#[test]
fn seeds_decide_everything() {
    let samples = stripes(70, 1);
    let of = |seed| bits(&trained(&samples, Settings { seed, ..settings() }));
    let (first, start) = (of(11), bits(&network()));
    assert_eq!(first, of(11));
    assert_eq!(first.len(), start.len());
    // A training changes all of it, another seed all of that.
    for (other, what) in [(start, "the start"), (of(12), "another seed")] {
        let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert_eq!(same, 0, "{what}");
    }
}

/// What one step on all of `samples` adds to each parameter.
fn step(samples: &Samples) -> Vec<f32> {
    let rule = Rule::Sgd { momentum: 0.0 };
    let settings = Settings {
        rule,
        schedule: Schedule::Constant,
        batch: samples.len(),
        part: 15,
        decay: 0.0,
        augment: Augment::default(),
        frozen_statistics: true,
        ..settings()
    };
    let mut trainer = Trainer::new(network(), None, samples, settings).unwrap();
    trainer.advance().unwrap();
    let floats = |network: &Network| bits(network).concat().into_iter().map(f32::from_bits);
    floats(trainer.network()).zip(floats(&network())).map(|(new, old)| new - old).collect()
}

#[test]
fn a_step_in_parts_is_the_step_of_all() {
    let samples = stripes(43, 3);
    let whole = step(&samples);
    assert_eq!(whole, step(&samples));
    let mut sum = vec![0.0; whole.len()];
    for start in (0..43).step_by(15) {
        let mut some = Samples::new(&SHAPE);
        for i in start..43.min(start + 15) {
            some.push(samples.input(i), samples.label(i)).unwrap();
        }
        let share = some.len() as f32 / 43.0;
        sum.iter_mut().zip(step(&some)).for_each(|(sum, own)| *sum += share * own);
    }
    let largest = whole.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    assert!(largest > 1e-3);
    for (whole, sum) in whole.iter().zip(sum) {
        assert!((whole - sum).abs() < 1e-4 * largest, "{whole} {sum}");
    }
}

/// Of the only batch normalisation, after one step of 43 samples that keeps nothing of the old.
fn statistics(part: usize) -> [Vec<f32>; 2] {
    let samples = stripes(43, 3);
    let (batch, augment) = (samples.len(), Augment::default());
    let settings = Settings { batch, part, augment, statistics_momentum: 0.0, ..settings() };
    let mut trainer = Trainer::new(network(), None, &samples, settings).unwrap();
    trainer.advance().unwrap();
    let graph = trainer.network().graph();
    let norm = graph.nodes.iter().find(|n| matches!(n.op, Op::BatchNorm { .. })).unwrap();
    [3, 4].map(|i| trainer.network().read(norm.inputs[i].unwrap()).unwrap())
}

#[test]
fn stored_statistics_are_the_mean_of_those_of_parts() {
    let ([mean, variance], [means, variances]) = (statistics(43), statistics(15));
    for (one, other) in mean.iter().zip(&means) {
        assert!((one - other).abs() < 1e-5, "{one} {other}");
    }
    // Less what means differ by, more by what makes them unbiased.
    for (one, other) in variance.iter().zip(&variances) {
        assert!(*other < one * 1.005 && *other > one * 0.8, "{one} {other}");
    }
}

#[test]
fn a_stopped_training_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let samples = stripes(70, 1);
    for rule in [Rule::Sgd { momentum: 0.9 }, Rule::adam()] {
        let teacher = network();
        let distillation = Some(Distillation { temperature: 4.0, weight: 0.5 });
        let settings = Settings { rule, distillation, clip: Some(1.0), ..settings() };
        let start =
            || Trainer::new(network(), Some(teacher.clone()), &samples, settings.clone()).unwrap();
        let mut whole = start();
        assert!(!whole.resume(&path).unwrap());
        while !whole.is_done() {
            whole.advance().unwrap();
        }
        for stop in [1, 4, 6] {
            let mut first = start();
            (0..stop).for_each(|_| _ = first.advance().unwrap());
            first.save(&path).unwrap();
            let mut second = start();
            assert!(second.resume(&path).unwrap());
            assert_eq!(second.progress(), first.progress());
            while !second.is_done() {
                second.advance().unwrap();
            }
            assert_eq!(bits(second.network()), bits(whole.network()), "{rule:?} {stop}");
            assert_eq!(second.progress(), whole.progress());
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn checkpoints_of_others_and_damaged_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.checkpoint");
    let samples = stripes(70, 1);
    let mut trainer = Trainer::new(network(), None, &samples, settings()).unwrap();
    trainer.advance().unwrap();
    trainer.save(&path).unwrap();
    let other = Settings { seed: 12, ..settings() };
    let refused = Trainer::new(network(), None, &samples, other).unwrap().resume(&path);
    assert!(matches!(refused, Err(Error::Checkpoint { .. })));
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(trainer.resume(&path), Err(Error::Checkpoint { .. })));
    std::fs::write(&path, &bytes[..20]).unwrap();
    assert!(matches!(trainer.resume(&path), Err(Error::Checkpoint { .. })));
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names(), 1);
    let nowhere = folder.path().join("missing/run.checkpoint");
    assert!(matches!(trainer.save(&nowhere), Err(Error::File { .. })));
    // Whatever goes wrong with a file that is there leaves it as it was.
    trainer.save(&path).unwrap();
    let kept = std::fs::read(&path).unwrap();
    assert!(matches!(trainer.save(folder.path()), Err(Error::File { .. })));
    assert_eq!((names(), std::fs::read(&path).unwrap()), (1, kept));
}

#[test]
fn networks_with_nothing_to_train_are_refused() {
    let samples = stripes(40, 1);
    let mut frozen = network();
    frozen.train_only(|_| false);
    let refused = |network| Trainer::new(network, None, &samples, settings()).err().unwrap();
    assert!(refused(frozen).to_string().contains("nothing to train"));
    // What is trained must also matter.
    let mut graph = graph();
    let gemm = graph.nodes.iter().position(|n| matches!(n.op, Op::Gemm { .. })).unwrap();
    let pooled = graph.nodes[gemm].inputs[0].unwrap();
    graph.outputs = vec![pooled];
    let mut network = Network::new(graph.clone(), &Device::flex()).unwrap();
    let weight = graph.nodes[gemm].inputs[1].unwrap();
    network.train_only(|p| p.value == weight);
    assert!(refused(network).to_string().contains("nothing to train"));
    // Nor can a constant be trained.
    graph.nodes[gemm].inputs[0] = graph.nodes[gemm].inputs[2];
    graph.outputs = graph.nodes[gemm].outputs.clone();
    let error = Network::new(graph, &Device::flex()).err().unwrap();
    assert!(error.to_string().contains("does not depend on its input"), "{error}");
}

#[test]
fn a_loss_that_is_no_number_names_step_and_layer() {
    let samples = stripes(40, 1);
    let mut trainer = Trainer::new(network(), None, &samples, settings()).unwrap();
    trainer.advance().unwrap();
    let mut broken = trainer.into_network();
    let weight = broken.parameters()[0].value;
    let n = broken.read(weight).unwrap().len();
    broken.write(weight, vec![f32::NAN; n]).unwrap();
    let before = bits(&broken);
    let mut trainer = Trainer::new(broken, None, &samples, settings()).unwrap();
    match trainer.advance() {
        Err(Error::Diverged { step: 0, place, .. }) => {
            assert!(place.contains("'n0' (Conv)"), "{place}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bits(trainer.network()), before);
}

#[test]
fn data_and_settings_that_do_not_fit_are_refused() {
    let mut samples = stripes(4, 1);
    assert!(matches!(samples.push(&[0.0; 35], 0), Err(Error::Data(_))));
    assert!(matches!(samples.push(&[f32::NAN; 36], 0), Err(Error::Data(_))));
    samples.push(&[0.0; 36], 2).unwrap();
    let text = Trainer::new(network(), None, &samples, settings()).err().unwrap().to_string();
    assert!(text.contains("sample 4") && text.contains("2 classes"), "{text}");
    let samples = stripes(44, 1);
    for wrong in [
        Settings { batch: 0, ..settings() },
        Settings { part: 0, ..settings() },
        Settings { epochs: u64::MAX, ..settings() },
        Settings { rate: f64::NAN, ..settings() },
        Settings { smoothing: 1.0, ..settings() },
        Settings { augment: Augment { shift: 6, ..Augment::default() }, ..settings() },
        Settings {
            distillation: Some(Distillation { temperature: 4.0, weight: 0.5 }),
            ..settings()
        },
    ] {
        let refused = Trainer::new(network(), None, &samples, wrong.clone());
        assert!(matches!(refused, Err(Error::Config(_))), "{wrong:?}");
    }
}

#[test]
fn polynomials_leave_alone_what_a_mask_does() {
    let samples = stripes(200, 1);
    let inputs: Vec<Tensor> =
        (0..20).map(|i| Tensor::f32(SHAPE.to_vec(), samples.input(i).to_vec()).unwrap()).collect();
    for (granularity, kept) in [(Granularity::Element, 100), (Granularity::Channel, 5 * 36)] {
        let mut masked = network().to_graph().unwrap();
        let mut linear = masked.clone();
        let relu = linear.nodes.iter_mut().find(|n| n.op == Op::Unary(Unary::Relu)).unwrap();
        relu.op = Op::Reshape { shape: vec![1, 8, 6, 6] };
        let masks = mask_relus(&mut masked, granularity).unwrap();
        let mut network = Network::new(masked, &Device::flex()).unwrap();
        choose(&mut network, &masks, kept, Choice::Random { seed: 3 }).unwrap();
        let masked = network.to_graph().unwrap();
        assert_eq!(rectifiers(&masked).unwrap(), [masks[0].node.clone()]);

        let mut identity = masked.clone();
        polynomial_relus(&mut identity, &|_| true, Start::Identity, &[]).unwrap();
        assert_eq!(outputs(&identity, &samples), outputs(&linear, &samples));
        let squared = identity.values.iter().find(|v| v.name.ends_with("@product")).unwrap();
        assert_eq!(squared.shape.iter().product::<usize>(), kept);

        let mut graph = masked.clone();
        let polynomials = polynomial_relus(&mut graph, &|_| true, Start::Fitted, &inputs).unwrap();
        let want = outputs(&masked, &samples);
        let off = |graph: &Graph| {
            let got = outputs(graph, &samples);
            got.iter().zip(&want).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
        };
        assert!(off(&graph) < 0.3 * off(&identity), "{} {}", off(&graph), off(&identity));
        let mut network = Network::new(graph, &Device::flex()).unwrap();
        network.train_polynomials(&polynomials).unwrap();
        let settings = Settings { epochs: 1, clip: Some(1.0), ..settings() };
        let mut trainer = Trainer::new(network, None, &samples, settings).unwrap();
        while !trainer.is_done() {
            trainer.advance().unwrap();
        }
        let mut settled = trainer.into_network().to_graph().unwrap();
        let trained = outputs(&settled, &samples);
        settle(&mut settled, &polynomials).unwrap();
        let read = load(&onnx::export(&settled).unwrap()).unwrap();
        assert_eq!(outputs(&read, &samples), trained);
    }
}

fn outputs(graph: &Graph, samples: &Samples) -> Vec<f32> {
    let one = |i| {
        let input = Tensor::f32(SHAPE.to_vec(), samples.input(i).to_vec()).unwrap();
        float::run(graph, &[input]).unwrap()[0].as_f32().unwrap().to_vec()
    };
    (0..samples.len()).flat_map(one).collect()
}

#[test]
fn polynomials_train_in_the_place_of_rectifiers() {
    let samples = stripes(200, 1);
    let inputs: Vec<Tensor> =
        (0..20).map(|i| Tensor::f32(SHAPE.to_vec(), samples.input(i).to_vec()).unwrap()).collect();
    let original = network().to_graph().unwrap();
    let with = |start| {
        let mut graph = original.clone();
        let polynomials = polynomial_relus(&mut graph, &|_| true, start, &inputs).unwrap();
        (graph, polynomials)
    };
    // The identity is no rectifier at all.
    let (identity, _) = with(Start::Identity);
    let mut linear = original.clone();
    let relu = linear.nodes.iter_mut().find(|n| n.op == Op::Unary(Unary::Relu)).unwrap();
    relu.op = Op::Reshape { shape: vec![1, 8, 6, 6] };
    assert_eq!(outputs(&identity, &samples), outputs(&linear, &samples));
    // What is fitted is nearer to the rectifier, and trains.
    let (graph, polynomials) = with(Start::Fitted);
    let off = |graph: &Graph| {
        let (got, want) = (outputs(graph, &samples), outputs(&original, &samples));
        got.iter().zip(&want).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
    };
    assert!(off(&graph) < 0.2 * off(&identity), "{} {}", off(&graph), off(&identity));
    let mut network = Network::new(graph, &Device::flex()).unwrap();
    network.train_polynomials(&polynomials).unwrap();
    let coefficients =
        |network: &Network| polynomials[0].coefficients.map(|id| network.read(id).unwrap()[0]);
    let before = coefficients(&network);
    let settings = Settings { epochs: 8, clip: Some(1.0), ..settings() };
    let mut trainer = Trainer::new(network, None, &samples, settings).unwrap();
    while !trainer.is_done() {
        trainer.advance().unwrap();
    }
    let network = trainer.into_network();
    assert!(coefficients(&network).iter().zip(before).all(|(a, b)| *a != b));
    let score = evaluate(&network, &stripes(100, 2), 32).unwrap();
    assert!(score.right >= 95, "{score:?}");
    // What is written computes it with three constants.
    let mut settled = network.to_graph().unwrap();
    let want = outputs(&settled, &samples);
    settle(&mut settled, &polynomials).unwrap();
    assert!(settle(&mut settled, &polynomials).is_err());
    let read = load(&onnx::export(&settled).unwrap()).unwrap();
    assert_eq!(outputs(&read, &samples), want);
    let binary = |n: &&sordino_graph::ir::Node| matches!(n.op, Op::Binary(_));
    assert_eq!(read.nodes.iter().filter(binary).count(), 4);
    let refused = polynomial_relus(&mut original.clone(), &|_| false, Start::Identity, &[]);
    assert!(refused.unwrap_err().to_string().contains("n2"));
    let refused = polynomial_relus(&mut original.clone(), &|_| true, Start::Fitted, &[]);
    assert!(matches!(refused, Err(Error::Data(_))));
}
