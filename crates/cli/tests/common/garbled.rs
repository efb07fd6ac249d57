//! Networks quantised for the garbled backend, and one online inference over TCP and TLS.
#![allow(dead_code, clippy::unwrap_used)]

use sordino::engine::Silent;
use sordino::engine::garbled::{
    EvaluatorModel, GarbledLimits, GarbledOffer, GarblerSession, TableMemory, serve,
};
use sordino::engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino::engine::twoparty::Unobserved;
use sordino::graph::fixed::residue::{RescaleForm, ResidueOptions, Style, quantise};
use sordino::graph::fixed::{Calibration, FixedModel, encode_input};
use sordino::graph::ir::{Graph, Tensor};
use sordino::graph::onnx::load;
use sordino::graph::passes::simplify;
use sordino::graph::zoo::{Network, dash};
use sordino::residue::{WEIGHT_BITS, menu};
use sordino::wire::{ClientSecurity, Identity, Listener, Phase, ServerSecurity, Trust, connect};
use sordino_garble::gadget::rescale_base;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);
/// Inputs that ranges are taken from.
const CALIBRATION: usize = 32;

/// A quantised network and some encoded inputs.
pub(crate) struct Prepared {
    pub(crate) fixed: FixedModel,
    pub(crate) words: Vec<Vec<u64>>,
}

/// A float network with inputs of its kind.
pub(crate) struct Float {
    graph: Graph,
    samples: Vec<Tensor>,
}

/// Smooth random pictures: blobs on a gradient, with values from 0 to 1.
fn picture(shape: [usize; 3], seed: u64) -> Tensor {
    let [c, h, w] = shape;
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let blobs: Vec<[f32; 4]> = (0..12).map(|_| [next(), next(), next(), next()]).collect();
    let mut values = Vec::with_capacity(c * h * w);
    for ch in 0..c {
        for y in 0..h {
            for x in 0..w {
                let (y, x) = (y as f32 / h as f32, x as f32 / w as f32);
                let light: f32 = blobs
                    .iter()
                    .skip(ch)
                    .map(|[a, b, size, strength]| {
                        let d = (a - x).powi(2) + (b - y).powi(2);
                        strength * (-d / (0.002 + 0.03 * size)).exp()
                    })
                    .sum();
                values.push((0.3 * light + 0.1 * next()).clamp(0.0, 1.0));
            }
        }
    }
    Tensor::f32(vec![1, c, h, w], values).unwrap()
}

/// One of Dash's networks, with seeded random weights.
pub(crate) fn zoo(network: Network) -> Float {
    let mut graph = load(&dash(network)).unwrap();
    simplify(&mut graph).unwrap();
    let samples = (0..CALIBRATION as u64).map(|i| picture(network.input(), i)).collect();
    Float { graph, samples }
}

fn quantised(
    float: &Float,
    style: Style,
    inputs: impl Iterator<Item = Vec<f32>>,
) -> Result<Prepared, sordino::graph::Error> {
    let calibration = Calibration::run(&float.graph, &float.samples)?;
    let options = ResidueOptions::new(style);
    let fixed = quantise(&float.graph, &calibration, &float.samples, &options)?;
    let edge = &fixed.graph.edges[fixed.graph.input.0 as usize];
    let words = inputs.map(|x| encode_input(edge, &x).unwrap().words).collect();
    Ok(Prepared { fixed, words })
}

fn unseen(network: Network, count: usize) -> impl Iterator<Item = Vec<f32>> {
    (0..count as u64).map(move |i| picture(network.input(), 1000 + i).as_f32().unwrap().to_vec())
}

/// Tables with six-bit activations.
pub(crate) fn strict(float: &Float, network: Network, count: usize) -> Prepared {
    let style = Style::Strict { forms: menu(6).unwrap(), weight_bits: WEIGHT_BITS };
    quantised(float, style, unseen(network, count)).unwrap()
}

/// The gadgets of Dash and ReDash in a base at least as large as theirs. Where a network does not
/// rescale, our 8-bit inputs and weights need more room than their coarser ones.
pub(crate) fn dash_compat(float: &Float, network: Network, count: usize) -> Prepared {
    let (mut least, divisor) = match network {
        Network::A | Network::D => (9_699_690, 1),
        Network::B | Network::C => (223_092_870, 1),
        _ => (510_510, 31),
    };
    loop {
        let modulus = rescale_base(least, divisor).unwrap().product() as u64;
        let style = Style::DashCompat(RescaleForm { modulus, divisor });
        match quantised(float, style, unseen(network, count)) {
            Ok(prepared) => return prepared,
            Err(_) if least < 1 << 44 => least *= 8,
            Err(e) => panic!("network {} in no base: {e}", network.name()),
        }
    }
}

/// What one inference took online.
pub(crate) struct Online {
    pub(crate) output: Vec<u64>,
    pub(crate) bytes: u64,
    pub(crate) rounds: u64,
    pub(crate) wall: Duration,
}

/// One circuit sent ahead over TLS, then one inference.
pub(crate) fn online(fixed: &FixedModel, input: &[u64]) -> Online {
    let model = EvaluatorModel::new(fixed).unwrap();
    let identity = Identity::self_signed(["localhost"]).unwrap();
    let trust = Trust::certificates(identity.certificate_pem()).unwrap();
    let security = ServerSecurity::tls(&identity, None).unwrap();
    let listener = Listener::bind("127.0.0.1:0", security).unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let wish = Wish {
        backend: BackendChoice::Garbled,
        supply: SupplyChoice::SoftSpoken(8),
        reveal: Reveal::Logits,
        truncation: Truncation::Exact,
        linear: LinearChoice::Lattice,
        winograd: true,
    };
    let limits =
        GarbledLimits { inferences: 1, circuits: 1, memory: TableMemory { resident: u64::MAX } };
    std::thread::scope(|s| {
        let server = s.spawn(|| {
            let link = listener.accept().unwrap().establish(TIMEOUT).unwrap().unwrap();
            let mut lane = link.into_lane();
            let offer = GarbledOffer { model: &model, card: b"", store: None, limits };
            serve(&mut lane, &offer, &mut Unobserved).unwrap()
        });
        let security = ClientSecurity::tls(&trust, None).unwrap();
        let lane = connect(&addr, &security, TIMEOUT).unwrap();
        let mut client = GarblerSession::connect(lane, wish, None, |_, _| Ok(())).unwrap();
        client.prepare(&mut Silent).unwrap();
        let output = client.infer(input, &mut Silent).unwrap();
        let wall = client.clock().spent()[&(Phase::Online, None)];
        let counts = client.meter().counts()[&(Phase::Online, None)];
        client.finish().unwrap();
        server.join().unwrap();
        Online { output, bytes: counts.up + counts.down, rounds: counts.rounds, wall }
    })
}
