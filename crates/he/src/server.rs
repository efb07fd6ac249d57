//! The server's half: the linear map on ciphertexts.

use rayon::prelude::*;
use sordino_kernels::Block;
use sordino_kernels::prg::Prg;
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use crate::client::add_share;
use crate::layout::Job;
use crate::ring::{Poly, error, round_fraction, ternary, uniform, words};
use crate::{ConvLayout, EncodedKernel, Error, ServerKeys, codec};

/// Everything the server needs for one layer.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    keys: &'a ServerKeys,
    layout: &'a ConvLayout,
    kernel: &'a EncodedKernel,
    share: &'a [u64],
    bias: &'a [u64],
}

/// An input in the transformed domain: c0 with the server's share added, and c1.
pub(crate) struct Input([Poly; 2]);

/// A result: the message, and the server's share of each output with its index in the output tensor.
pub(crate) struct Evaluated {
    pub(crate) message: Vec<u8>,
    shares: Zeroizing<Vec<(usize, u64)>>,
}

/// Evaluates a layer on the client's messages: gives the answers, [`ConvLayout::down_ciphertexts`] of them, and the
/// server's share of the output modulo 2^plain_bits.
///
/// *Shapes*: `share` is the server's share of the input tensor, row-major; `bias` one value per output channel,
/// or per output, or empty for none.
///
/// *Security*: see the crate's Security section.
///
/// # Errors
/// [`Error::PeerMisbehaved`] when a message is missing or malformed; [`Error::Misuse`] when the share, bias, kernel or
/// keys do not belong to the layout.
pub fn evaluate(
    keys: &ServerKeys,
    layout: &ConvLayout,
    kernel: &EncodedKernel,
    messages: &[Vec<u8>],
    share: &[u64],
    bias: &[u64],
    rng: &mut SecretRng,
) -> Result<(Vec<Vec<u8>>, Vec<u64>), Error> {
    let layer = Layer::new(keys, layout, kernel, share, bias)?;
    if messages.len() != layout.up_ciphertexts() {
        return Err(Error::PeerMisbehaved {
            what: "input: its number of ciphertexts is not the layout's",
        });
    }
    let mut answers = Vec::with_capacity(layout.down_ciphertexts());
    let mut output = vec![0; layout.output_len()];
    for (job, messages) in layout.jobs().zip(messages.chunks(layout.inputs())) {
        let read = |(input, message): (usize, &Vec<u8>)| layer.input(&job, input, message, rng);
        let inputs = messages.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        layer.job(&job, &inputs, rng, |evaluated| {
            evaluated.store(&mut output);
            answers.push(evaluated.message);
            Ok(())
        })?;
    }
    Ok((answers, output))
}

impl<'a> Layer<'a> {
    pub(crate) fn new(
        keys: &'a ServerKeys,
        layout: &'a ConvLayout,
        kernel: &'a EncodedKernel,
        share: &'a [u64],
        bias: &'a [u64],
    ) -> Result<Self, Error> {
        if keys.params() != layout.params() {
            return Err(Error::Misuse("the keys have other parameters than the layout".into()));
        }
        if !kernel.fits(layout) {
            return Err(Error::Misuse("the kernel was encoded for another layout".into()));
        }
        crate::client::check_input(layout, share)?;
        let (channels, outputs) = (layout.shape().cout as usize, layout.output_len());
        if ![0, channels, outputs].contains(&bias.len()) {
            return Err(Error::Misuse(format!(
                "{} biases for {outputs} outputs in {channels} channels",
                bias.len()
            )));
        }
        Ok(Self { keys, layout, kernel, share, bias })
    }

    /// Reads one input ciphertext, and adds the server's share to it.
    pub(crate) fn input(
        &self,
        job: &Job,
        input: usize,
        message: &[u8],
        rng: &mut SecretRng,
    ) -> Result<Input, Error> {
        let params = self.layout.params();
        let (seed, mut c0) = codec::read_input(params, message, "input ciphertext")?;
        add_share(self.layout, &mut c0, self.share, job, input, &mut Prg::new(rng.block()));
        params.basis().forward(&mut c0);
        Ok(Input([c0, uniform(params.basis(), seed)]))
    }

    /// Evaluates a job, handing over its results in order. A few are computed at a time, in parallel.
    pub(crate) fn job(
        &self,
        job: &Job,
        inputs: &[Input],
        rng: &mut SecretRng,
        mut hand_over: impl FnMut(Evaluated) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let results: Vec<usize> = (0..self.layout.results()).collect();
        for batch in results.chunks(4 * rayon::current_num_threads()) {
            let seeded: Vec<_> = batch.iter().map(|r| (*r, Zeroizing::new(rng.block()))).collect();
            let evaluated: Vec<_> = seeded
                .into_par_iter()
                .map(|(result, seed)| self.result(job, inputs, result, *seed))
                .collect();
            evaluated.into_iter().try_for_each(&mut hand_over)?;
        }
        Ok(())
    }

    /// One result: sums the products, re-randomises, masks and floods, and only then drops bits.
    fn result(&self, job: &Job, inputs: &[Input], result: usize, seed: Block) -> Evaluated {
        let params = self.layout.params();
        let basis = params.basis();
        let mut prg = Prg::new(seed);
        let mut sum = [basis.zero(), basis.zero()];
        for (i, Input(input)) in inputs.iter().enumerate() {
            self.kernel.with(self.layout, job.group(), i, result, |weights| {
                for (sum, part) in sum.iter_mut().zip(input) {
                    basis.mul_acc(sum, part, weights);
                }
            });
        }
        let mut u = basis.small(&ternary(&mut prg, basis.n()));
        basis.forward(&mut u);
        for (sum, key) in sum.iter_mut().zip(&self.keys.public) {
            basis.mul_acc(sum, key, &u);
            basis.inverse(sum);
        }
        let [c0, mut c1] = sum;
        basis.add(&mut c1, &basis.small(&error(&mut prg, basis.n())));

        let outputs = self.layout.outputs(job, result);
        let (c0, shares) = self.mask(&c0, &outputs, &mut prg);
        let [_, bits] = params.response_bits();
        let round = |j: usize| round_fraction(basis.fraction(c1.coefficient(j)), bits);
        let c1: Vec<u128> = (0..basis.n()).map(round).collect();
        Evaluated { message: codec::write_result(params, &c0, &c1), shares }
    }

    /// Subtracts a uniform mask from each output and floods its noise; gives the rounded coefficients of c0 and the
    /// server's shares.
    fn mask(
        &self,
        c0: &Poly,
        outputs: &[(usize, usize)],
        prg: &mut Prg,
    ) -> (Vec<u128>, Zeroizing<Vec<(usize, u64)>>) {
        let params = self.layout.params();
        let (basis, scale) = (params.basis(), params.plain());
        let [bits, _] = params.response_bits();
        let per_bias = self.layout.output_len() / self.bias.len().max(1);
        let half = 1_u128 << params.flood_bits();
        let masks = words(prg, outputs.len());
        let floods = words(prg, 2 * outputs.len());
        let mut rounded = Vec::with_capacity(outputs.len());
        let mut shares = Zeroizing::new(Vec::with_capacity(outputs.len()));
        for (((coefficient, index), mask), flood) in
            outputs.iter().zip(&*masks).zip(floods.chunks_exact(2))
        {
            let mask = mask & params.plain_mask();
            let flood = (u128::from(flood[1]) << 64 | u128::from(flood[0])) & (2 * half - 1);
            let scaled = scale.nearest(u128::from(mask));
            let residues = c0.coefficient(*coefficient).zip(basis.primes()).enumerate().map(
                |(i, (c, prime))| {
                    let m = &prime.modulus;
                    let noise = m.sub(m.reduce_wide(flood), m.reduce_wide(half));
                    m.sub(m.add(c, noise), scale.residue(basis, i, scaled))
                },
            );
            rounded.push(round_fraction(basis.fraction(residues), bits));
            let bias = self.bias.get(index / per_bias).copied().unwrap_or(0);
            shares.push((*index, mask.wrapping_add(bias) & params.plain_mask()));
        }
        (rounded, shares)
    }
}

impl Evaluated {
    /// Writes the server's shares to the output tensor.
    pub(crate) fn store(&self, output: &mut [u64]) {
        for (index, share) in self.shares.iter() {
            output[*index] = *share;
        }
    }
}
