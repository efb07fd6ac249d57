//! The backend on Paillier's encryption alone: tiles, rounding, and clients that send what they should not.
#![allow(clippy::unwrap_used)]

mod common;

use common::popcorn::{PAPER, WISH};
use common::{Builder, Kind, assert_rounded_without_bias, both, conv, inputs, mentions, run};
use proptest::prelude::*;
use sordino_engine::popcorn::{PopcornCost, PopcornModel, PopcornOffer, PopcornSession, serve};
use sordino_engine::session::{PopcornMode, Truncation, Wish, greet};
use sordino_engine::twoparty::{Observer, Unobserved};
use sordino_engine::{Error, Progress, run_clear};
use sordino_graph::fixed::*;
use sordino_he::paillier::{Ciphertexts, Plaintexts, Pool, SecretKey, Strength};
use sordino_secret::SecretRng;
use sordino_wire::{Cipher, Lane, Phase, Public, Role, memory_pair};

const ROUGH: Wish = Wish { truncation: Truncation::OneLsb, ..WISH };

fn signed(words: &[u64], ring: u32) -> Vec<i64> {
    words.iter().map(|&w| ((w << (64 - ring)) as i64) >> (64 - ring)).collect()
}

/// A convolution whose results stay in their ring, and perhaps an activation after it.
fn network(ring: u32, activation: Option<(u32, Function)>, seed: u64) -> FixedModel {
    let mut b = Builder::new(&[1, 3, 6, 6], ring, seed);
    b.input_range(-128, 127);
    let y = b.linear(EdgeId(0), conv(3, 6, 6, 5, 3, 1, 1), ring);
    if let Some((shift, function)) = activation {
        b.activate(y, shift, function, ring);
    }
    b.done()
}

fn metered(model: &FixedModel, wish: Wish, seeds: &[u64]) -> Vec<Vec<u64>> {
    let deployed = Kind::Popcorn.deploy(model, wish).unwrap();
    let (report, server) = run(&*deployed, &inputs(model, seeds), memory_pair()).unwrap();
    for (meter, role) in [(&report.meter, Role::Client), (&server, Role::Server)] {
        assert_eq!(*meter.counts(), deployed.predicted(role, seeds.len()), "{role:?}");
    }
    report.outputs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Every function, exactly or with one-lsb truncation.
    #[test]
    fn activations_are_off_by_one_at_most(
        ring in 24u32..=64, shift in 1u32..12, which in 0usize..3, exact: bool, paper: bool, seed: u64,
    ) {
        let hi = 1 + (seed % 63) as i64;
        let f = [Function::Identity, Function::Relu, Function::ReluMax { hi }][which];
        let model = network(ring, Some((shift, f)), seed);
        let truncation = if exact { Truncation::Exact } else { Truncation::OneLsb };
        let wish = Wish { truncation, ..if paper { PAPER } else { WISH } };
        let outputs = metered(&model, wish, &[seed]);
        for (x, y) in inputs(&model, &[seed]).iter().zip(&outputs) {
            let want = signed(&run_clear(&model, x).unwrap(), ring);
            for (got, want) in signed(y, ring).into_iter().zip(want) {
                prop_assert!((got - want).abs() <= i64::from(!exact), "{got} for {want}");
                prop_assert!(which == 0 || got >= 0);
                prop_assert!(which != 2 || got <= hi, "{got} above {hi}");
            }
        }
    }
}

/// What is added counts modulo the ring, in linear layers and by itself.
#[test]
fn biases_are_of_their_ring() {
    let mut b = Builder::new(&[1, 3, 6, 6], 24, 8);
    b.input_range(-128, 127);
    let y = b.linear(EdgeId(0), conv(3, 6, 6, 5, 3, 1, 1), 24);
    let y = b.add_const(y, 24);
    b.activate(y, 3, Function::Relu, 24);
    let mut model = b.done();
    for layer in &mut model.weights.layers {
        layer.bias.iter_mut().zip(-3..).for_each(|(bias, turns)| *bias += turns << 24);
    }
    let x = &inputs(&model, &[5])[0];
    assert_eq!(metered(&model, WISH, &[5])[0], run_clear(&model, x).unwrap());
}

/// Differences have a bit more than words, of which nothing is lost here; `clear` takes them modulo the ring.
#[test]
fn the_largest_of_whole_words() {
    let mut b = Builder::new(&[1, 1, 4, 4], 64, 8);
    b.pool(EdgeId(0), common::pool(&[1, 1, 4, 4], 2, 2, [0; 4]), true);
    let model = b.done();
    let x = signed(&inputs(&model, &[5])[0], 64);
    assert!(x.iter().any(|v| v.unsigned_abs() > 1 << 62));
    let corners = [0, 2, 8, 10].map(|at| [0, 1, 4, 5].map(|next| x[at + next]));
    let want = corners.map(|window| window.into_iter().max().unwrap());
    for wish in [WISH, PAPER] {
        assert_eq!(signed(&metered(&model, wish, &[5])[0], 64), want);
    }
}

#[test]
fn one_lsb_has_no_bias_and_keeps_integers() {
    let (ring, seeds) = (30, [1, 2, 3, 4]);
    for shift in [1, 3] {
        let model = network(ring, Some((shift, Function::Identity)), 3);
        let before = network(ring, None, 3);
        let outputs = metered(&model, ROUGH, &seeds);
        let pairs = inputs(&model, &seeds).into_iter().zip(&outputs).flat_map(|(x, y)| {
            let exact = signed(&run_clear(&before, &x).unwrap(), ring);
            signed(y, ring).into_iter().zip(exact)
        });
        assert_rounded_without_bias(pairs, shift);
    }
}

/// Secret signs, with and without a shift.
#[test]
fn one_lsb_of_what_is_left_over() {
    let mut b = Builder::new(&[1, 4, 5, 5], 30, 8);
    b.input_range(-5000, 5000);
    let y = b.gate(EdgeId(0), 4, 4, 30);
    b.gate(y, 0, 100, 30);
    let model = b.done();
    for wish in [ROUGH, Wish { truncation: Truncation::OneLsb, ..PAPER }] {
        let outputs = metered(&model, wish, &[5]);
        let want = signed(&run_clear(&model, &inputs(&model, &[5])[0]).unwrap(), 30);
        for (got, want) in signed(&outputs[0], 30).into_iter().zip(want) {
            assert!((got - want).abs() <= 1, "{got} for {want}");
        }
    }
}

/// Values of more tiles than a round keeps under way, in all rounds of an exact rectifier, and in one.
#[test]
fn layers_of_many_tiles() {
    let mut b = Builder::new(&[1, 1, 46, 46], 24, 8);
    b.input_range(-5000, 5000);
    b.activate(EdgeId(0), 4, Function::Relu, 24);
    let model = b.done();
    let x = &inputs(&model, &[5])[0];
    assert_eq!(metered(&model, WISH, &[5])[0], run_clear(&model, x).unwrap());
    metered(&model, ROUGH, &[5]);
}

/// Two questions are on their way at any time.
#[test]
fn answers_are_waited_for_every_other_time() {
    for side in [8, 40, 64, 72] {
        let mut b = Builder::new(&[1, 1, side, side], 24, 8);
        b.activate(EdgeId(0), 10, Function::Relu, 24);
        let graph = b.done().graph;
        let [client, server] = [Role::Client, Role::Server].map(|role| {
            let mut cost = PopcornCost::new(&graph, &ROUGH, role).unwrap();
            cost.infer().unwrap();
            let at = (Phase::Online, Some(0));
            (cost.meter().counts()[&at].rounds, cost.meter().delays(at.0, at.1))
        });
        let tiles = client.0;
        assert!(tiles > 1 || side == 8);
        assert_eq!([client.1, server.1], [2 * tiles.div_ceil(2); 2], "{tiles} tiles");
    }
}

/// Bytes of one-lsb and exact, per value: see the table in the backend's documentation.
#[test]
fn ciphertexts_per_value() {
    let values = 4096;
    let mut b = Builder::new(&[1, 1, 64, 64], 24, 8);
    b.activate(EdgeId(0), 10, Function::Relu, 24);
    let graph = b.done().graph;
    let up = |wish| {
        let mut cost = PopcornCost::new(&graph, &wish, Role::Client).unwrap();
        cost.infer().unwrap();
        let exposure = cost.exposure();
        let total = cost.meter().total();
        // Ciphertexts up but for the input, and down but for the output.
        let [up, down] = [total.up, total.down].map(|bytes| bytes as f64 / 512.0 - values as f64);
        (up / values as f64, down / values as f64, exposure)
    };
    let (exact, rough, paper) = (up(WISH), up(ROUGH), up(PAPER));
    assert!((4.0..4.02).contains(&exact.0) && (0.28..0.32).contains(&exact.1), "{exact:?}");
    assert!((3.0..3.02).contains(&rough.0) && (0.15..0.17).contains(&rough.1), "{rough:?}");
    assert!(paper.0 > 5.0 && paper.2.is_none(), "{paper:?}");
    let (exact, rough) = (exact.2.unwrap(), rough.2.unwrap());
    assert_eq!((exact.values, rough.values), (2 * values, values));
    for exposure in [exact, rough] {
        assert!(exposure.distance > 0.05 && exposure.distance < 0.2, "{exposure:?}");
        let each = exposure.bits / exposure.values as f64;
        assert!(each > 0.05 && each < 0.2, "{exposure:?}");
        println!("{exposure:?}: {each:.3} bits per value");
    }
}

#[derive(Default)]
struct Parts(Vec<(usize, usize)>);

impl Progress for Parts {
    fn layer(&mut self, index: usize, _: usize, _: &str) {
        self.0.push((index, 0));
    }

    fn part(&mut self, done: usize, of: usize) {
        self.0.push((done, of));
    }
}

impl Observer for Parts {}

/// Long layers say that they go on: 31 x 31 x 64 x 64 products for each of five channels, two rows at a time, of which 2^23 at
/// most go without a sign.
#[test]
fn signs_of_life() {
    let mut b = Builder::new(&[1, 1, 64, 64], 24, 8);
    b.input_range(0, 0);
    let y = b.linear(EdgeId(0), conv(1, 64, 64, 5, 31, 1, 15), 24);
    b.pool(y, common::pool(&[1, 5, 64, 64], 64, 64, [0; 4]), false);
    let mut plain = b.done();
    // It need not take long.
    plain.weights.layers[0].kernel.fill(0);
    let mut cost = PopcornCost::new(&plain.graph, &WISH, Role::Client).unwrap();
    cost.infer().unwrap();
    let model = PopcornModel::new(plain.clone()).unwrap();
    let client = |lane: Lane| {
        let mut session = PopcornSession::connect(lane, WISH, |_| Ok(())).unwrap();
        let mut parts = Parts::default();
        let x = &inputs(&plain, &[1])[0];
        assert_eq!(session.infer(x, &mut parts).unwrap(), run_clear(&plain, x).unwrap());
        assert_eq!(session.meter().counts(), cost.meter().counts());
        session.finish().unwrap();
        parts.0
    };
    let server = |mut lane: Lane| {
        let modes = &[PopcornMode::Affine];
        let offer = PopcornOffer { model: &model, card: b"", modes, max_inferences: 1 };
        let mut parts = Parts::default();
        serve(&mut lane, &offer, &mut parts).unwrap();
        parts.0
    };
    let (client, server) = both(client, server);
    assert_eq!(client, [(0, 0), (1, 3), (2, 3), (1, 0)]);
    assert_eq!(client, server);
}

/// How a server ends that a client with this key and this input asks for an inference.
fn served(key: &[u8], input: &[u8]) -> Error {
    let mut b = Builder::new(&[1, 3], 24, 1);
    b.activate(EdgeId(0), 0, Function::Relu, 24);
    let model = PopcornModel::new(b.done()).unwrap();
    let client = |mut lane: Lane| {
        greet(&mut lane, WISH).unwrap();
        let kind = |code| sordino_wire::Kind::new(code, "test");
        lane.send(kind(0x0500), Public::new(key)).unwrap();
        let mut request = [0; 21];
        (request[0], request[1]) = (3, 1);
        // The server may be gone already.
        let _ = lane.send(kind(0x0010), Public::new(&request));
        let _ = lane.send(kind(0x0501), Cipher::new(input));
        let _ = lane.flush();
        // One blinded ciphertext for each of three values, that no slots of this key fit.
        lane.recv(kind(0x0502), 3 * 512)
    };
    let server = |mut lane: Lane| {
        let modes = &[PopcornMode::Affine];
        let offer = PopcornOffer { model: &model, card: b"", modes, max_inferences: 1 };
        serve(&mut lane, &offer, &mut Unobserved)
    };
    both(client, server).1.unwrap_err()
}

fn encrypted(key: &SecretKey) -> Vec<u8> {
    let mut pool = Pool::new(key.public());
    key.fill(&mut pool, 3, &mut SecretRng::from_seed([3; 32])).unwrap();
    let plain = Plaintexts::from_signed(key.public(), &[5, -6, 7]);
    key.public().encrypt(&plain, &mut pool).unwrap().to_bytes()
}

#[test]
fn malformed_keys_and_ciphertexts_are_refused() {
    let secret =
        |seed| SecretKey::generate(Strength::Bits112, &mut SecretRng::from_seed([seed; 32]));
    let (key, other) = (secret(1), secret(2));
    let good = key.public().to_bytes();
    let input = encrypted(&key);
    let with_key = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        served(&bytes, &input)
    };
    mentions(with_key(&|k| k[0] &= 0xfe), &["peer misbehaved", "n is even"]);
    mentions(with_key(&|k| k[255] = 1), &["too short"]);
    mentions(with_key(&|k| k[..256].fill(0xff)), &["small factor"]);
    mentions(with_key(&|k| k[256..].fill(0)), &["h is not a unit"]);
    mentions(with_key(&|k| k.truncate(511)), &["peer misbehaved", "511"]);
    mentions(with_key(&|k| k.extend([0; 256])), &["peer misbehaved", "768"]);

    let with_second = |value: &[u8]| {
        let mut bytes = input.clone();
        bytes[512..1024].fill(0);
        bytes[512..512 + value.len()].copy_from_slice(value);
        served(&good, &bytes)
    };
    mentions(with_second(&[]), &["shares a factor with n"]);
    mentions(with_second(&good[..256]), &["shares a factor with n"]);
    mentions(with_second(&[0xff; 512]), &["not below n^2"]);
    mentions(served(&good, &input[..1024]), &["peer misbehaved", "1024"]);
    mentions(served(&good, &[&input[..], &input[..512]].concat()), &["2048"]);
    // Under another key a ciphertext is not below n^2, or one of nothing in particular: the asker cannot tell, the answerer
    // finds that it is in no slots.
    let ends = served(&good, &encrypted(&other)).to_string();
    assert!(ends.contains("not below n^2") || ends.contains("closed"), "{ends}");
    assert!(Ciphertexts::from_bytes(key.public(), &encrypted(&key)).is_ok());
}
