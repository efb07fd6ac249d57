//! Real networks from the data folder, prepared and run between two parties over TCP and TLS.
#![allow(dead_code, clippy::unwrap_used)]

use super::common::{data, digits};
use sordino::data::{Classes, Dataset, Labels};
use sordino::engine::Silent;
use sordino::engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino::engine::twoparty::{ClientSession, Offer, ServerModel, Unobserved, serve};
use sordino::graph::fixed::residue::RangeMode;
use sordino::graph::fixed::{Calibration, FixedModel, QuantiseOptions, encode_input, quantise};
use sordino::graph::ir::{Graph, Tensor};
use sordino::graph::zoo::{self, ImageNet, Network};
use sordino::image::{Channels, Settings};
use sordino::model::{Model, Source};
use sordino::residue::{self, Gadgets};
use sordino::store::Store;
use sordino::wire::{
    ClientSecurity, Identity, Lane, Listener, Meter, ServerSecurity, Trust, connect,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Where a network comes from.
#[derive(Clone, Copy)]
enum Origin {
    /// The data folder.
    Data,
    /// This project.
    Digits,
    /// Built with random weights.
    Dash(Network),
    ImageNet(ImageNet),
}

/// A network with how its inputs are made and where they are.
pub(crate) struct Case {
    pub(crate) model: &'static str,
    origin: Origin,
    settings: Settings,
    calibrate: &'static str,
    inputs: &'static str,
    /// Activation and weight bits: the fewest that keep float's top-1 on the data folder's images
    /// of the network or, without trained weights, of its kind; as fitted where left out.
    bits: Option<(u32, u32)>,
}

fn normalised(mean: &[f32], std: &[f32]) -> Settings {
    Settings { mean: Some(mean.into()), std: Some(std.into()), ..Settings::default() }
}

pub(crate) fn mnist_network_b() -> Case {
    Case {
        model: "mnist_network_b",
        origin: Origin::Data,
        settings: normalised(&[0.1307], &[0.3081]),
        calibrate: "mnist/train-images-idx3-ubyte.gz",
        inputs: "mnist/t10k-images-idx3-ubyte.gz",
        bits: None,
    }
}

pub(crate) fn mnist_mlp_a() -> Case {
    Case { model: "mnist_mlp_a", ..mnist_network_b() }
}

pub(crate) fn mnist_cnn_cntk() -> Case {
    let settings = Settings { scale: Some(1.0), ..Settings::default() };
    Case { model: "mnist_cnn_cntk", settings, ..mnist_network_b() }
}

/// One convolution and two dense layers, the shape of the smallest CNN of MiniONN.
pub(crate) fn mnist_dash_c() -> Case {
    Case { model: "mnist_dash_c", origin: Origin::Dash(Network::C), ..mnist_network_b() }
}

/// The network that this project ships, which needs no data folder.
pub(crate) fn digits_cnn() -> Case {
    Case {
        model: "digits",
        origin: Origin::Digits,
        settings: Settings::default(),
        calibrate: "drawn-images-idx3-ubyte.gz",
        inputs: "drawn-images-idx3-ubyte.gz",
        bits: None,
    }
}

pub(crate) fn cifar10_minionn() -> Case {
    Case {
        model: "cifar10_minionn_relu6",
        settings: Settings::default(),
        bits: None,
        ..cifar10_resnet20()
    }
}

pub(crate) fn cifar10_resnet20() -> Case {
    Case {
        model: "cifar10_resnet20",
        origin: Origin::Data,
        settings: normalised(&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]),
        calibrate: "cifar10/train_4000.bin",
        inputs: "cifar10/test_500.bin",
        bits: Some((8, 8)),
    }
}

pub(crate) fn squeezenet() -> Case {
    Case {
        model: "squeezenet1.1",
        origin: Origin::Data,
        settings: Settings {
            resize: Some(256),
            channels: Some(Channels::Bgr),
            scale: Some(1.0),
            mean: Some(vec![104.0, 117.0, 123.0]),
            ..Settings::default()
        },
        calibrate: "photos",
        inputs: "photos",
        bits: Some((9, 8)),
    }
}

pub(crate) fn mobilenet_v1() -> Case {
    Case {
        model: "mobilenet_v1_0.5_160",
        origin: Origin::Data,
        settings: Settings { resize: Some(183), ..normalised(&[0.5], &[0.5]) },
        calibrate: "photos",
        inputs: "photos",
        bits: Some((13, 12)),
    }
}

/// Mean and deviation of ImageNet's colours.
const COLOURS: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

/// Labels of the X-rays.
const FINDINGS: [&str; 13] = [
    "No Finding",
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
];

/// A network of the zoo on photos, or on X-rays.
pub(crate) fn imagenet(network: ImageNet) -> Case {
    let xray = network.classes() == 14;
    let [mean, std] = COLOURS.map(|c| match network.input()[0] {
        1 => vec![c.iter().sum::<f32>() / 3.0],
        _ => c.to_vec(),
    });
    Case {
        model: network.name(),
        origin: Origin::ImageNet(network),
        settings: Settings {
            resize: Some(if xray { 320 } else { 256 }),
            ..normalised(&mean, &std)
        },
        calibrate: if xray { "xray" } else { "photos" },
        inputs: if xray { "xray" } else { "photos/dog_samoyed.jpg" },
        bits: Some(match network {
            // Depthwise kernels of one scale each need more, as in trained MobileNets.
            ImageNet::MobileNetV2 => (11, 10),
            ImageNet::DenseNet121 | ImageNet::DenseNet121Xray | ImageNet::DenseNet121XrayGrey => {
                (10, 9)
            }
            _ => (9, 8),
        }),
    }
}

/// A quantised network and some of its inputs, real and encoded.
pub(crate) struct Prepared {
    pub(crate) model: Model,
    pub(crate) fixed: FixedModel,
    pub(crate) samples: Vec<Vec<f32>>,
    pub(crate) words: Vec<Vec<u64>>,
}

/// `None`, after saying so, where the data folder is absent.
pub(crate) fn prepare(case: &Case, count: usize) -> Option<Prepared> {
    prepare_changed(case, count, |_| {})
}

/// The same of a network that something is done to before.
pub(crate) fn prepare_changed(
    case: &Case,
    count: usize,
    change: impl FnOnce(&mut Graph),
) -> Option<Prepared> {
    prepare_with(case, count, 64, change, |model, calibration, seen| match case.bits {
        None => model.fit(calibration, seen, &QuantiseOptions::default()).unwrap().model,
        Some((act_bits, weight_bits)) => {
            let options = QuantiseOptions { act_bits, weight_bits, ..QuantiseOptions::default() };
            quantise(&model.graph, calibration, &options).unwrap()
        }
    })
}

/// The same in the integers of the garbled backend.
pub(crate) fn prepare_residues(case: &Case, count: usize) -> Option<Prepared> {
    let settings = residue::Settings {
        gadgets: Gadgets::Strict,
        act_bits: None,
        weight_bits: residue::WEIGHT_BITS,
        range: RangeMode::Calibrated { margin: 1.25 },
    };
    prepare_with(
        case,
        count,
        128,
        |_| {},
        |model, calibration, seen| {
            residue::integers(&model.graph, calibration, seen, &settings).unwrap().model
        },
    )
}

fn prepare_with(
    case: &Case,
    count: usize,
    samples: usize,
    change: impl FnOnce(&mut Graph),
    quantise: impl FnOnce(&Model, &Calibration, &[Tensor]) -> FixedModel,
) -> Option<Prepared> {
    let path = match case.origin {
        Origin::Data => data(&format!("models/{}/model.onnx", case.model))?,
        Origin::Digits => digits("digits.onnx"),
        Origin::Dash(network) => built(case.model, &zoo::dash(network)),
        Origin::ImageNet(network) => built(case.model, &zoo::imagenet(network).unwrap()),
    };
    let file = |name| match case.origin {
        Origin::Digits => Some(digits(name)),
        _ => data(name),
    };
    let (calibrate, inputs) = (file(case.calibrate)?, file(case.inputs)?);
    let source = Source { path, overrides: case.settings.clone(), ..Source::default() };
    let mut model = Model::load(&source).unwrap();
    change(&mut model.graph);
    let classes = Classes::new(FINDINGS.map(str::to_owned).into());
    let open = |path| Dataset::open(path, Labels::Beside, &classes, &model.prepare).unwrap();
    let seen: Vec<_> =
        open(&calibrate).take(samples).map(|s| model.tensor(&s.unwrap().input).unwrap()).collect();
    let calibration = Calibration::run(&model.graph, &seen).unwrap();
    let fixed = quantise(&model, &calibration, &seen);
    let edge = fixed.graph.edges[fixed.graph.input.0 as usize].clone();
    let samples: Vec<Vec<f32>> = open(&inputs).take(count).map(|s| s.unwrap().input).collect();
    // Where there are too few, they come again.
    let samples: Vec<Vec<f32>> = samples.iter().cycle().take(count).cloned().collect();
    assert_eq!(samples.len(), count);
    let words = samples.iter().map(|s| encode_input(&edge, s).unwrap().words).collect();
    Some(Prepared { model, fixed, samples, words })
}

/// A network of the zoo as a file.
fn built(name: &str, model: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(format!("{name}.onnx"));
    std::fs::write(&path, model).unwrap();
    path
}

pub(crate) const WISH: Wish = Wish {
    backend: BackendChoice::TwoParty,
    supply: SupplyChoice::SoftSpoken(2),
    reveal: Reveal::Logits,
    truncation: Truncation::Exact,
    linear: LinearChoice::Lattice,
    winograd: true,
};

/// One session of both parties, in two threads of this process.
pub(crate) struct Session {
    pub(crate) outputs: Vec<Vec<u64>>,
    pub(crate) client: Meter,
    pub(crate) server: Meter,
}

pub(crate) fn over_tls(model: &ServerModel, wish: Wish, inputs: &[Vec<u64>]) -> Session {
    let ((outputs, client), server) = session_over_tls(model, wish, None, |mut client| {
        let outputs = inputs.iter().map(|x| client.infer(x, &mut Silent).unwrap()).collect();
        (outputs, client.finish().unwrap())
    });
    Session { outputs, client, server }
}

/// The same with all inputs at once.
pub(crate) fn batch_over_tls(model: &ServerModel, wish: Wish, inputs: &[Vec<u64>]) -> Session {
    let ((outputs, client), server) = session_over_tls(model, wish, None, |mut client| {
        let outputs = client.infer_batch(inputs, &mut Silent).unwrap();
        (outputs, client.finish().unwrap())
    });
    Session { outputs, client, server }
}

/// Where both parties keep what they prepare.
pub(crate) struct Stores {
    pub(crate) client: Store,
    pub(crate) server: Store,
}

/// A session of which `client` does the data owner's part, and the server's meter.
pub(crate) fn session_over_tls<T>(
    model: &ServerModel,
    wish: Wish,
    stores: Option<&Stores>,
    client: impl FnOnce(ClientSession<'_>) -> T,
) -> (T, Meter) {
    let serve = |mut lane: Lane| {
        let store = stores.map(|s| &s.server);
        let (max_prepared, max_batch) = (usize::MAX, usize::MAX);
        let offer = Offer { store, max_prepared, max_batch, ..Offer::new(model, b"") };
        serve(&mut lane, &offer, &mut Unobserved).unwrap().0
    };
    both_over_tls(serve, |lane| {
        let store = stores.map(|s| &s.client);
        client(ClientSession::connect(lane, wish, store, |_| Ok(())).unwrap())
    })
}

/// What two parties that are connected come to.
pub(crate) fn both_over_tls<C, S: Send>(
    server: impl FnOnce(Lane) -> S + Send,
    client: impl FnOnce(Lane) -> C,
) -> (C, S) {
    let identity = Identity::self_signed(["localhost"]).unwrap();
    let trust = Trust::certificates(identity.certificate_pem()).unwrap();
    let security = ServerSecurity::tls(&identity, None).unwrap();
    let listener = Listener::bind("127.0.0.1:0", security).unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    std::thread::scope(|s| {
        let server = s.spawn(move || {
            let link = listener.accept().unwrap().establish(TIMEOUT).unwrap().unwrap();
            server(link.into_lane())
        });
        let security = ClientSecurity::tls(&trust, None).unwrap();
        let done = client(connect(&addr, &security, TIMEOUT).unwrap());
        (done, server.join().unwrap())
    })
}
