//! The client's half: encrypting its share, decrypting its share of the result.

use rayon::prelude::*;
use sordino_kernels::Block;
use sordino_kernels::prg::Prg;
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use crate::keys::encrypt_zero;
use crate::layout::Job;
use crate::ring::{round_fraction, words};
use crate::{ClientKeys, ConvLayout, Error, codec};

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
    for ((job, result), message) in results(layout).zip(messages) {
        decrypt_result(keys, layout, &job, result, message, &mut share)?;
    }
    Ok(share)
}

pub(crate) fn check(keys: &ClientKeys, layout: &ConvLayout) -> Result<(), Error> {
    if keys.params() != layout.params() {
        return Err(Error::Misuse("the keys have other parameters than the layout".into()));
    }
    Ok(())
}

pub(crate) fn check_input(layout: &ConvLayout, share: &[u64]) -> Result<(), Error> {
    let wanted = layout.shape().input_len();
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
    layout.jobs().flat_map(|job| (0..layout.inputs()).map(move |input| (job, input)))
}

/// Every result of a layer, in the order of sending.
pub(crate) fn results(layout: &ConvLayout) -> impl Iterator<Item = (Job, usize)> {
    layout.jobs().flat_map(|job| (0..layout.results()).map(move |result| (job, result)))
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
    add_share(layout, &mut c0, share, job, input, &mut prg);
    codec::write_input(params, fresh.seed, &c0)
}

/// Adds one party's share of an input ciphertext's elements, scaled to q with randomised rounding.
pub(crate) fn add_share(
    layout: &ConvLayout,
    c0: &mut crate::ring::Poly,
    share: &[u64],
    job: &Job,
    input: usize,
    prg: &mut Prg,
) {
    let params = layout.params();
    let (basis, scale, mask) = (params.basis(), params.plain(), params.plain_mask());
    let dithers = words(prg, basis.n());
    let mut scaled = Zeroizing::new(Vec::with_capacity(basis.n()));
    layout.each_input(job, input, |coefficient, index| {
        let x = u128::from(share[index] & mask);
        scaled.push((coefficient, scale.dithered(x, u128::from(dithers[coefficient]))));
    });
    for (i, (prime, residues)) in basis.primes().iter().zip(c0.residues_mut()).enumerate() {
        for (coefficient, scaled) in scaled.iter() {
            let r = &mut residues[*coefficient];
            *r = prime.modulus.add(*r, scale.residue(basis, i, *scaled));
        }
    }
}

pub(crate) fn decrypt_result(
    keys: &ClientKeys,
    layout: &ConvLayout,
    job: &Job,
    result: usize,
    message: &[u8],
    share: &mut [u64],
) -> Result<(), Error> {
    let bits = keys.params().plain_bits();
    for (index, fraction) in phases(keys, layout, job, result, message)? {
        share[index] = round_fraction(fraction, bits) as u64;
    }
    Ok(())
}

/// (c0 + c1 s) / q modulo 1 for each output of a result, with its index in the output tensor: the share plus noise, in
/// units of the plaintext modulus.
pub(crate) fn phases(
    keys: &ClientKeys,
    layout: &ConvLayout,
    job: &Job,
    result: usize,
    message: &[u8],
) -> Result<Vec<(usize, u128)>, Error> {
    let params = keys.params();
    let basis = params.basis();
    let [scale0, scale1] = params.response();
    let outputs = layout.outputs(job, result);
    let [c0, c1] = codec::read_result(params, message, outputs.len())?;
    let mut lifted = basis.zero();
    let scaled: Vec<_> = c1.into_iter().map(|c| scale1.nearest(c)).collect();
    for (i, residues) in lifted.residues_mut().enumerate() {
        for (r, scaled) in residues.iter_mut().zip(&scaled) {
            *r = scale1.residue(basis, i, *scaled);
        }
    }
    basis.forward(&mut lifted);
    let mut product = basis.zero();
    basis.mul_acc(&mut product, &lifted, keys.secret());
    basis.inverse(&mut product);
    let phase = |((coefficient, index), c0): ((usize, usize), u128)| {
        let scaled = scale0.nearest(c0);
        let residues = product.coefficient(coefficient).enumerate();
        let sum = residues
            .map(|(i, r)| basis.primes()[i].modulus.add(r, scale0.residue(basis, i, scaled)));
        (index, basis.fraction(sum))
    };
    Ok(outputs.into_iter().zip(c0).map(phase).collect())
}
