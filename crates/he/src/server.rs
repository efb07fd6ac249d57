//! The server's half: the linear map on ciphertexts.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use sordino_kernels::Block;
use sordino_kernels::prg::Prg;
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use crate::kernel::{rows_of, units};
use crate::layout::{Job, Run};
use crate::product::{Inputs, Scratch, sums};
use crate::ring::{Poly, ternary, uniform, words};
use crate::{ConvLayout, EncodedKernel, Error, ServerKeys, codec, plain};

/// Everything the server needs for one layer.
pub(crate) struct Layer<'a> {
    keys: &'a ServerKeys,
    layout: &'a ConvLayout,
    kernel: &'a EncodedKernel,
    share: &'a [u64],
    bias: &'a [u64],
    /// What workers have put back.
    scratch: Mutex<Vec<Scratch>>,
}

/// A result: the message, and the server's share of each output.
pub(crate) struct Evaluated {
    pub(crate) message: Vec<u8>,
    outputs: Vec<Run>,
    shares: Zeroizing<Vec<u64>>,
}

/// Evaluates a layer on the client's messages: gives the answers, [`ConvLayout::down_ciphertexts`] of them, and the
/// server's share of the output modulo 2^plain_bits.
///
/// *Shapes*: `share` is the server's share of the input tensor, row-major, image by image; `bias` one value per
/// output channel, or per output, or empty for none.
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
    let mut messages = messages.iter();
    for group in 0..layout.merged_groups() {
        let inputs =
            layer.inputs(group, rng, |_| Ok(messages.next().cloned().unwrap_or_default()))?;
        layer.group(group, &inputs, rng, |evaluated| {
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
        Ok(Self { keys, layout, kernel, share, bias, scratch: Mutex::default() })
    }

    /// Takes a merged group's input ciphertexts from `next`, a few at a time, and transforms them in parallel.
    pub(crate) fn inputs(
        &self,
        group: usize,
        rng: &mut SecretRng,
        mut next: impl FnMut(usize) -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<Inputs>, Error> {
        let mut read = |job: Job| {
            let mut inputs = Inputs::new(self.layout);
            let numbers: Vec<usize> = (0..self.layout.inputs()).collect();
            for batch in numbers.chunks(4 * rayon::current_num_threads()) {
                let take = |input: &usize| Ok((*input, next(*input)?, Zeroizing::new(rng.block())));
                let taken: Vec<_> = batch.iter().map(take).collect::<Result<_, Error>>()?;
                let transformed: Vec<_> = taken
                    .into_par_iter()
                    .map(|(input, message, seed)| {
                        Ok((input, self.input(&job, input, &message, *seed)?))
                    })
                    .collect::<Result<_, Error>>()?;
                for (input, [c0, c1]) in transformed {
                    inputs.put(input, [&c0, &c1]);
                }
            }
            Ok(inputs)
        };
        self.layout.jobs(group).map(&mut read).collect()
    }

    /// Reads one input ciphertext, adds the server's share to it, and transforms it to factors.
    fn input(
        &self,
        job: &Job,
        input: usize,
        message: &[u8],
        seed: Block,
    ) -> Result<[Poly; 2], Error> {
        let basis = self.layout.params().basis();
        let (public, mut c0) =
            codec::read_input(self.layout.params(), message, "input ciphertext")?;
        plain::add_share(self.layout, &mut c0, self.share, job, input, &mut Prg::new(seed));
        basis.forward(&mut c0);
        let mut c1 = uniform(basis, public);
        basis.factors(&mut c0);
        basis.factors(&mut c1);
        Ok([c0, c1])
    }

    /// Evaluates a merged group, handing over its results in the order of sending. A few units are computed at a time,
    /// in parallel.
    pub(crate) fn group(
        &self,
        group: usize,
        inputs: &[Inputs],
        rng: &mut SecretRng,
        mut hand_over: impl FnMut(Evaluated) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let jobs: Vec<Job> = self.layout.jobs(group).collect();
        let units: Vec<usize> = (0..units(self.layout)).collect();
        for batch in units.chunks(2 * rayon::current_num_threads()) {
            let mut seeds = |unit: &usize| {
                let count = rows_of(self.layout, *unit).len() * jobs.len();
                let seeds: Vec<Block> = (0..count).map(|_| rng.block()).collect();
                (*unit, Zeroizing::new(seeds))
            };
            let seeded: Vec<_> = batch.iter().map(&mut seeds).collect();
            let evaluated: Vec<_> = seeded
                .into_par_iter()
                .map(|(unit, seeds)| self.unit(group, unit, &jobs, inputs, &seeds))
                .collect();
            evaluated.into_iter().flatten().try_for_each(&mut hand_over)?;
        }
        Ok(())
    }

    /// The results of a unit, in the order of sending.
    fn unit(
        &self,
        group: usize,
        unit: usize,
        jobs: &[Job],
        inputs: &[Inputs],
        seeds: &[Block],
    ) -> Vec<Evaluated> {
        let basis = self.layout.params().basis();
        let len = 2 * basis.n() * basis.primes().len();
        let rows = rows_of(self.layout, unit);
        let lock = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = lock().pop().unwrap_or_default();
        let sums = sums(self.layout, self.kernel, group, unit, inputs, &mut scratch);
        let mut seeds = seeds.iter();
        let mut evaluated = Vec::with_capacity(seeds.len());
        for (row, result) in rows.clone().enumerate() {
            for (number, job) in jobs.iter().enumerate() {
                let sum = &mut sums[(number * rows.len() + row) * len..][..len];
                let seed = seeds.next().copied().unwrap_or_default();
                evaluated.push(self.result(job, result, sum, seed));
            }
        }
        lock().push(scratch);
        evaluated
    }

    /// One result from its sum of products: re-randomises, masks and floods, and only then drops bits.
    fn result(&self, job: &Job, result: usize, sum: &mut [u64], seed: Block) -> Evaluated {
        let params = self.layout.params();
        let basis = params.basis();
        let mut prg = Prg::new(seed);
        let (c0, c1) = sum.split_at_mut(sum.len() / 2);
        let mut u = ternary(basis, &mut prg);
        basis.forward(&mut u);
        for (sum, key) in [&mut *c0, &mut *c1].into_iter().zip(&self.keys.public) {
            basis.mul_acc(sum, key, &u);
            basis.inverse(sum);
        }
        basis.add_error(c1, &words(&mut prg, basis.n()));

        let outputs = self.layout.outputs(job, result);
        let (mut masked, shares) = self.mask(c0, &outputs, &mut prg);
        let [round0, round1] = params.response();
        let message = codec::write_result(
            params,
            &round0.round(basis, &mut masked),
            &round1.round(basis, c1),
        );
        Evaluated { message, outputs, shares }
    }

    /// Subtracts a uniform mask from each output of c0 and floods its noise; gives these coefficients, prime by prime,
    /// and the server's shares.
    fn mask(
        &self,
        c0: &[u64],
        outputs: &[Run],
        prg: &mut Prg,
    ) -> (Zeroizing<Vec<u64>>, Zeroizing<Vec<u64>>) {
        let params = self.layout.params();
        let basis = params.basis();
        let count: usize = outputs.iter().map(|run| run.len).sum();
        let mut masked = Zeroizing::new(Vec::with_capacity(count * basis.primes().len()));
        for c0 in c0.chunks_exact(basis.n()) {
            outputs.iter().for_each(|run| masked.extend(&c0[run.coefficient..][..run.len]));
        }
        let mut shares = words(prg, count);
        let scaled = plain::scale(params, &shares, prg);
        let residues = masked.chunks_exact_mut(count.max(1)).zip(scaled.chunks_exact(count.max(1)));
        for (prime, (masked, scaled)) in basis.primes().iter().zip(residues) {
            prime.ntt.sub(masked, scaled);
        }
        plain::flood(params, &mut masked, prg);

        let [rows, columns] = self.layout.output_size();
        let cout = self.layout.shape().cout as usize;
        let channels = self.bias.len() < self.layout.output_len();
        let mut rest = &mut shares[..];
        for run in outputs {
            let (these, others) = rest.split_at_mut(run.len);
            if channels {
                // A run lies in one channel.
                let channel = run.index / (rows * columns) % cout;
                let bias = self.bias.get(channel).copied().unwrap_or(0);
                these.iter_mut().for_each(|share| *share = share.wrapping_add(bias));
            } else {
                let biases = &self.bias[run.index..][..run.len];
                these.iter_mut().zip(biases).for_each(|(share, b)| *share = share.wrapping_add(*b));
            }
            these.iter_mut().for_each(|share| *share &= params.plain_mask());
            rest = others;
        }
        (masked, shares)
    }
}

impl Evaluated {
    /// Writes the server's shares to the output tensor.
    pub(crate) fn store(&self, output: &mut [u64]) {
        let mut shares = &self.shares[..];
        for run in &self.outputs {
            let (these, rest) = shares.split_at(run.len);
            output[run.index..][..run.len].copy_from_slice(these);
            shares = rest;
        }
    }
}
