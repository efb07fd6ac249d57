//! The client's half: encrypting its share, decrypting its share of the result.

use rayon::prelude::*;
use sordino_kernels::Block;
use sordino_kernels::prg::Prg;
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use crate::keys::encrypt_zero;
use crate::layout::Job;
use crate::ring::round_fraction;
use crate::{ClientKeys, ConvLayout, Error, codec, plain};

/// Encrypts the client's additive share of a layer's input: the messages of
/// [`ConvLayout::up_ciphertexts`], in order.
///
/// *Shapes*: `share` is the input tensor, row-major, modulo 2^plain_bits (higher bits are ignored).
///
/// *Security*: each ciphertext is a fresh symmetric RLWE encryption: (seed of c1, e - c1 s + round(q x / 2^l)).
///
/// # Errors
/// [`Error::Misuse`] when the share or the keys do not belong to the layout.
pub fn encrypt(
    keys: &ClientKeys,
    layout: &ConvLayout,
    share: &[u64],
    rng: &mut SecretRng,
) -> Result<Vec<Vec<u8>>, Error> {
    check(keys, layout)?;
    check_input(layout, share)?;
    let inputs: Vec<_> =
        inputs(layout).map(|(job, input)| (job, input, Fresh::draw(rng))).collect();
    Ok(inputs
        .into_par_iter()
        .map(|(job, input, fresh)| encrypt_input(keys, layout, share, &job, input, fresh))
        .collect())
}

/// Decrypts the server's messages, [`ConvLayout::down_ciphertexts`] of them in order, to the client's share of the
/// output modulo 2^plain_bits.
///
/// # Errors
/// [`Error::PeerMisbehaved`] when a message is missing or has the wrong length; [`Error::Misuse`] when the keys do not
/// belong to the layout.
pub fn decrypt(
    keys: &ClientKeys,
    layout: &ConvLayout,
    messages: &[Vec<u8>],
) -> Result<Vec<u64>, Error> {
    check(keys, layout)?;
    if messages.len() != layout.down_ciphertexts() {
        return Err(Error::PeerMisbehaved {
            what: "answer: its number of results is not the layout's",
        });
    }
    let mut share = vec![0; layout.output_len()];
    let results: Vec<_> = results(layout).zip(messages).collect();
    decrypt_results(keys, layout, &results, &mut share)?;
    Ok(share)
}

pub(crate) fn check(keys: &ClientKeys, layout: &ConvLayout) -> Result<(), Error> {
    if keys.params() != layout.params() {
        return Err(Error::Misuse("the keys have other parameters than the layout".into()));
    }
    Ok(())
}

pub(crate) fn check_input(layout: &ConvLayout, share: &[u64]) -> Result<(), Error> {
    let wanted = layout.input_len();
    if share.len() != wanted {
        return Err(Error::Misuse(format!(
            "an input share of {} elements, the layout has {wanted}",
            share.len()
        )));
    }
    Ok(())
}

/// Every input ciphertext of a layer, in the order of sending.
pub(crate) fn inputs(layout: &ConvLayout) -> impl Iterator<Item = (Job, usize)> {
    let jobs = (0..layout.merged_groups()).flat_map(|group| layout.jobs(group));
    jobs.flat_map(|job| (0..layout.inputs()).map(move |input| (job, input)))
}

/// Every result of a layer, in the order of sending.
pub(crate) fn results(layout: &ConvLayout) -> impl Iterator<Item = (Job, usize)> {
    (0..layout.merged_groups()).flat_map(|group| layout.answers(group))
}

/// The randomness of one encryption: the public seed of c1, and the secret seed of errors and dithers.
pub(crate) struct Fresh {
    seed: Block,
    secret: Zeroizing<Block>,
}

impl Fresh {
    pub(crate) fn draw(rng: &mut SecretRng) -> Self {
        Self { seed: rng.block(), secret: Zeroizing::new(rng.block()) }
    }
}

pub(crate) fn encrypt_input(
    keys: &ClientKeys,
    layout: &ConvLayout,
    share: &[u64],
    job: &Job,
    input: usize,
    fresh: Fresh,
) -> Vec<u8> {
    let params = keys.params();
    let mut prg = Prg::new(*fresh.secret);
    let mut c0 = encrypt_zero(params, keys.secret(), fresh.seed, &mut prg);
    plain::add_share(layout, &mut c0, share, job, input, &mut prg);
    codec::write_input(params, fresh.seed, &c0)
}

/// Decrypts results in parallel, into their places.
pub(crate) fn decrypt_results<M: AsRef<[u8]> + Sync>(
    keys: &ClientKeys,
    layout: &ConvLayout,
    results: &[((Job, usize), M)],
    share: &mut [u64],
) -> Result<(), Error> {
    let bits = keys.params().plain_bits();
    let decrypted: Vec<Vec<(usize, u128)>> = results
        .par_iter()
        .map(|((job, result), message)| phases(keys, layout, job, *result, message.as_ref()))
        .collect::<Result<_, Error>>()?;
    for (index, phase) in decrypted.into_iter().flatten() {
        share[index] = round_fraction(phase, bits) as u64;
    }
    Ok(())
}

/// c0 / 2^B0 + c1 s / 2^B1 modulo 1 for each output of a result, exactly, with its index in the output tensor: the share
/// plus noise, in units of the plaintext modulus.
pub(crate) fn phases(
    keys: &ClientKeys,
    layout: &ConvLayout,
    job: &Job,
    result: usize,
    message: &[u8],
) -> Result<Vec<(usize, u128)>, Error> {
    let params = keys.params();
    let basis = params.decryption();
    let bits = params.response_bits();
    let outputs = layout.outputs(job, result);
    let [c0, c1] = codec::read_result(params, message, outputs.iter().map(|run| run.len).sum())?;
    let mut product = basis.zero();
    basis.set_balanced(&mut product, &c1, bits[1]);
    basis.forward(&mut product);
    basis.mul(&mut product, keys.decryption());
    basis.inverse(&mut product);
    let [shift0, shift1] = bits.map(|bits| 128 - bits);
    let places =
        outputs.iter().flat_map(|run| (0..run.len).map(|i| (run.coefficient + i, run.index + i)));
    let phase = |(slot, (coefficient, index)): (usize, (usize, usize))| {
        let product = basis.balanced(&product, coefficient);
        (index, (c0.get(slot) << shift0).wrapping_add(product << shift1))
    };
    Ok(places.enumerate().map(phase).collect())
}
