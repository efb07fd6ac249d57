//! Malformed messages and wrong arguments give errors.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sordino_he::{
    ClientKeys, ConvLayout, ConvShape, EncodedKernel, Error, Params, ServerKeys, decrypt, encrypt,
    evaluate, linear,
};
use sordino_secret::SecretRng;
use sordino_wire::{Cipher, Kind, memory_pair};

struct Session {
    params: Params,
    layout: ConvLayout,
    keys: ClientKeys,
    server: ServerKeys,
    kernel: EncodedKernel,
    rng: SecretRng,
}

const SHARE: [u64; 40] = [3; 40];

impl Session {
    fn new() -> Self {
        let mut rng = SecretRng::from_seed([1; 32]);
        let params = Params::choose(30, 8, 40).unwrap();
        let layout = ConvLayout::new(&ConvShape::dense(40, 5), &params).unwrap();
        let keys = ClientKeys::generate(&params, &mut rng);
        let server = ServerKeys::from_bytes(&params, keys.public_key()).unwrap();
        let kernel = EncodedKernel::encode(&layout, &[1; 200]).unwrap();
        Self { params, layout, keys, server, kernel, rng }
    }

    fn encrypt(&mut self) -> Vec<Vec<u8>> {
        encrypt(&self.keys, &self.layout, &SHARE, &mut self.rng).unwrap()
    }

    fn evaluate(&mut self, messages: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
        let (keys, layout) = (&self.server, &self.layout);
        Ok(evaluate(keys, layout, &self.kernel, messages, &SHARE, &[], &mut self.rng)?.0)
    }
}

fn misbehaved<T>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::PeerMisbehaved { .. })), "{:?}", result.err());
}

fn misused<T>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Misuse(_))), "{:?}", result.err());
}

/// Every way to cut or fill a message so that its length or a residue is wrong.
fn broken(message: &[u8]) -> Vec<Vec<u8>> {
    let unreduced = |from: usize, to: usize| {
        let mut message = message.to_vec();
        message[from..to].fill(0xff);
        message
    };
    let n = message.len();
    vec![
        Vec::new(),
        message[..15].to_vec(),
        message[..n - 1].to_vec(),
        [message, &[0]].concat(),
        unreduced(16, 40),
        unreduced(n - 16, n),
    ]
}

#[test]
fn malformed_public_keys_are_refused() {
    let session = Session::new();
    for bytes in broken(session.keys.public_key()) {
        misbehaved(ServerKeys::from_bytes(&session.params, &bytes));
    }
}

#[test]
fn malformed_inputs_are_refused() {
    let mut session = Session::new();
    let up = session.encrypt();
    for message in broken(&up[0]) {
        let mut up = up.clone();
        up[0] = message;
        misbehaved(session.evaluate(&up));
    }
    misbehaved(session.evaluate(&[]));
    let extra = [&up[..], &up[..1]].concat();
    misbehaved(session.evaluate(&extra));
}

#[test]
fn malformed_results_are_refused() {
    let mut session = Session::new();
    let up = session.encrypt();
    let down = session.evaluate(&up).unwrap();
    let first = down[0].clone();
    for message in [Vec::new(), first[1..].to_vec(), [&first[..], &[0]].concat()] {
        let mut down = down.clone();
        down[0] = message;
        misbehaved(decrypt(&session.keys, &session.layout, &down));
    }
    misbehaved(decrypt(&session.keys, &session.layout, &down[1..]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A flipped bit is an error or another share, never a panic.
    #[test]
    fn flipped_bits_do_not_panic(at: prop::sample::Index, bit in 0..8) {
        let mut session = Session::new();
        let mut up = session.encrypt();
        let i = at.index(up[0].len());
        up[0][i] ^= 1_u8 << bit;
        if let Ok(mut down) = session.evaluate(&up) {
            let i = at.index(down[0].len());
            down[0][i] ^= 1_u8 << bit;
            decrypt(&session.keys, &session.layout, &down).unwrap();
        }
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let mut session = Session::new();
    let Session { params, layout, keys, server, kernel, rng } = &mut session;
    misused(encrypt(keys, layout, &SHARE[1..], rng));
    misused(EncodedKernel::encode(layout, &[1; 199]));
    misused(EncodedKernel::encode(layout, &[128; 200]));
    misused(EncodedKernel::encode(layout, &[-129; 200]));
    let up = encrypt(keys, layout, &SHARE, rng).unwrap();
    misused(evaluate(server, layout, kernel, &up, &SHARE[1..], &[], rng));
    misused(evaluate(server, layout, kernel, &up, &SHARE, &[1, 2], rng));
    let other = ConvLayout::new(&ConvShape::dense(20, 10), params).unwrap();
    misused(evaluate(server, &other, kernel, &up, &SHARE[..20], &[], rng));

    let wider = Params::choose(37, 8, 40).unwrap();
    let foreign = ConvLayout::new(&ConvShape::dense(40, 5), &wider).unwrap();
    misused(encrypt(keys, &foreign, &SHARE, rng));
    misused(evaluate(server, &foreign, kernel, &up, &SHARE, &[], rng));
    misused(decrypt(keys, &foreign, &[]));
}

#[test]
fn impossible_shapes_are_refused() {
    let params = Params::choose(37, 8, 9).unwrap();
    let fine = ConvShape { h: 8, w: 8, kernel: [3; 2], ..ConvShape::dense(1, 1) };
    for shape in [
        ConvShape { cin: 0, ..fine },
        ConvShape { groups: 0, ..fine },
        ConvShape { stride: [0, 1], ..fine },
        ConvShape { dilation: [1, 0], ..fine },
        ConvShape { kernel: [9, 1], ..fine },
        ConvShape { groups: 2, ..fine },
        ConvShape { h: u32::MAX, ..fine },
        ConvShape { pads: [u32::MAX; 4], ..fine },
        ConvShape { cout: 1 << 20, h: 64, w: 64, ..fine },
        ConvShape { cin: 1 << 20, ..fine },
        ConvShape { h: 6000, kernel: [5000, 1], w: 1, ..fine },
    ] {
        assert!(matches!(ConvLayout::new(&shape, &params), Err(Error::Layout(_))), "{shape:?}");
    }
}

#[test]
fn a_frame_of_another_kind_or_length_ends_the_layer() {
    let mut session = Session::new();
    let kernel = EncodedKernel::encode(&session.layout, &[1; 200]).unwrap();
    for (code, len) in [
        (0x0301, 7),
        (0x0302, session.layout.input_bytes()),
        (0x0301, session.layout.input_bytes() + 1),
    ] {
        let (mut up, mut down) = memory_pair();
        up.send(Kind::new(code, "test"), Cipher::new(&vec![0; len])).unwrap();
        up.flush().unwrap();
        let Session { layout, server, rng, .. } = &mut session;
        let result = linear::server(&mut down, server, layout, &kernel, &SHARE, &[], rng);
        assert!(matches!(result, Err(Error::Wire(_))));
    }
    let (up, mut down) = memory_pair();
    drop(up);
    assert!(matches!(linear::receive_key(&mut down, &session.params), Err(Error::Wire(_))));
}
