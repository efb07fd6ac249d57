//! Linear layers on lattice ciphertexts, without a link.

use super::clock::alone;
use super::graphs::{weights, words};
use super::runs::{Parts, Runs, amounts};
use anyhow::Result;
use sordino_engine::work::Unit;
use sordino_he::{
    ClientKeys, ConvLayout, ConvShape, EncodedKernel, LayerWork, Params, ServerKeys, decrypt,
    encrypt, evaluate, residues,
};
use sordino_secret::SecretRng;

/// Layers that take one or the other: channels in and out, size, kernel, and bytes of kernels kept.
const LAYERS: [(&str, [u32; 2], u32, u32, usize); 8] = [
    ("a layer of many inputs", [64, 2], 32, 1, usize::MAX),
    ("a layer of many outputs", [1, 64], 32, 3, usize::MAX),
    ("many 3x3 kernels kept", [128, 128], 8, 3, usize::MAX),
    ("3x3 kernels kept", [32, 32], 16, 3, usize::MAX),
    ("3x3 kernels transformed", [32, 32], 16, 3, 0),
    ("1x1 kernels kept", [128, 128], 14, 1, usize::MAX),
    ("1x1 kernels transformed", [256, 256], 7, 1, 0),
    ("a dense layer", [1024, 256], 1, 1, 0),
];
/// Runs of this file.
pub(super) const RUNS: u64 = LAYERS.len() as u64 + 1;

const BITS: u32 = 24;
/// Repetitions of what takes milliseconds.
const TIMES: usize = 8;

pub(super) fn measure(runs: &mut Runs) -> Result<()> {
    runs.measure("lattice keys", keys)?;
    for (name, [cin, cout], size, kernel, kept) in LAYERS {
        let (h, w, kernel, pads) = (size, size, [kernel; 2], [kernel / 2; 4]);
        let shape = ConvShape { h, w, kernel, pads, ..ConvShape::dense(cin, cout) };
        let layer = Layer::new(shape, kept)?;
        runs.measure(name, || layer.run())?;
    }
    Ok(())
}

/// One after the other, for what is over too soon to be timed; the last result, and seconds of each.
fn often<T: Send>(mut f: impl FnMut() -> Result<T> + Send) -> Result<(T, f64)> {
    let (result, seconds) = alone(|| {
        (1..TIMES).try_for_each(|_| f().map(drop))?;
        f()
    })?;
    Ok((result, seconds / TIMES as f64))
}

fn keys() -> Result<Parts> {
    let params = Params::choose(BITS, 8, 576)?;
    let mut rng = SecretRng::from_os()?;
    let (client, made) = often(|| Ok(ClientKeys::generate(&params, &mut rng)))?;
    let (_, read) = often(|| Ok(ServerKeys::from_bytes(&params, client.public_key())?))?;
    let one = || amounts([(Unit::LatticeKey, residues(&params))]);
    Ok(vec![("client".into(), one(), made), ("server".into(), one(), read)])
}

struct Layer {
    layout: ConvLayout,
    kernel: EncodedKernel,
    client: ClientKeys,
    server: ServerKeys,
    work: LayerWork,
    share: Vec<u64>,
}

impl Layer {
    fn new(shape: ConvShape, kept: usize) -> Result<Self> {
        let params = Params::choose(BITS, 8, shape.taps().max(576))?;
        let layout = ConvLayout::new(&shape, &params)?;
        let kernel =
            EncodedKernel::encode_within(&layout, &weights(shape.kernel_len(), 127), kept)?;
        let client = ClientKeys::generate(&params, &mut SecretRng::from_os()?);
        let server = ServerKeys::from_bytes(&params, client.public_key())?;
        let work = LayerWork::new(&layout, kept);
        let share = (0..layout.input_len() as u64).map(|i| words(i) >> (64 - BITS)).collect();
        Ok(Self { layout, kernel, client, server, work, share })
    }

    fn run(&self) -> Result<Parts> {
        let Self { layout, kernel, client, server, work, share } = self;
        let mut rng = SecretRng::from_os()?;
        let (up, encrypting) = often(|| Ok(encrypt(client, layout, share, &mut rng)?))?;
        let ((down, _), evaluating) =
            often(|| Ok(evaluate(server, layout, kernel, &up, share, &[], &mut rng)?))?;
        let (_, decrypting) = often(|| Ok(decrypt(client, layout, &down)?))?;
        let decrypted =
            [(Unit::LatticeDecrypt, work.decrypted), (Unit::LatticeOutput, work.outputs)];
        let evaluated = [
            (Unit::LatticeRead, work.inputs),
            (Unit::LatticeKernel, work.kernels),
            (Unit::LatticeWeight, work.weights),
            (Unit::LatticeProduct, work.products),
            (Unit::LatticeScaled, work.scaled),
            (Unit::LatticeResult, work.results),
        ];
        Ok(vec![
            ("inputs".into(), amounts([(Unit::LatticeEncrypt, work.inputs)]), encrypting),
            ("products".into(), amounts(evaluated), evaluating),
            ("results".into(), amounts(decrypted), decrypting),
        ])
    }
}
