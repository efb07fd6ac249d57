//! Plaintexts in ciphertexts: adding shares to inputs, masking and flooding results.

use sordino_kernels::prg::Prg;
use zeroize::Zeroizing;

use crate::layout::{Job, Run};
use crate::ring::words;
use crate::{ConvLayout, Params};

/// Adds one party's share of an input ciphertext's elements to c0, scaled to q.
pub(crate) fn add_share(
    layout: &ConvLayout,
    c0: &mut [u64],
    share: &[u64],
    job: &Job,
    input: usize,
    prg: &mut Prg,
) {
    let params = layout.params();
    let n = params.degree();
    let mut values = Zeroizing::new(vec![0; n]);
    layout.each_input(job, input, |Run { coefficient, index, len, step }| {
        let places = &mut values[coefficient..coefficient + len];
        if step == 1 {
            places.copy_from_slice(&share[index..index + len]);
        } else {
            let elements = share[index..].iter().step_by(step);
            places.iter_mut().zip(elements).for_each(|(place, x)| *place = *x);
        }
    });
    let mut scaled = scale(params, &values, prg);
    for ((prime, c0), scaled) in
        params.basis().primes().iter().zip(c0.chunks_exact_mut(n)).zip(scaled.chunks_exact_mut(n))
    {
        prime.ntt.add(c0, scaled);
    }
}

/// Shares scaled to q, prime by prime: each modulo 2^l, exactly where the parameters allow, else rounded at random.
pub(crate) fn scale(params: &Params, values: &[u64], prg: &mut Prg) -> Zeroizing<Vec<u64>> {
    let (basis, plain) = (params.basis(), params.plain());
    let mut scaled = Zeroizing::new(vec![0; values.len() * basis.primes().len()]);
    let residues = scaled.chunks_exact_mut(values.len().max(1));
    if let Some(steps) = plain.exact() {
        let shift = 64 - params.plain_bits();
        for ((prime, step), residues) in basis.primes().iter().zip(steps).zip(residues) {
            for (r, x) in residues.iter_mut().zip(values) {
                *r = prime.modulus.reduce_signed(((x << shift) as i64) >> shift);
            }
            prime.ntt.mul_scalar(residues, *step);
        }
        return scaled;
    }
    let dithers = words(prg, values.len());
    let mask = params.plain_mask();
    for (i, residues) in residues.enumerate() {
        for ((r, x), dither) in residues.iter_mut().zip(values).zip(&*dithers) {
            let scaled = plain.dithered(u128::from(x & mask), u128::from(*dither));
            *r = plain.residue(basis, i, scaled);
        }
    }
    scaled
}

/// Adds noise uniform in [-2^F, 2^F) to as many values as `a` holds, prime by prime.
pub(crate) fn flood(params: &Params, a: &mut [u64], prg: &mut Prg) {
    let basis = params.basis();
    let count = a.len() / basis.primes().len();
    let bits = params.flood_bits() + 1;
    // Limbs that are below every prime.
    let width = basis.primes().iter().map(|prime| prime.width - 1).min().unwrap_or(1).min(32);
    let limbs: Vec<Zeroizing<Vec<u64>>> = (0..bits.div_ceil(width))
        .map(|i| {
            let mask = u64::MAX >> (64 - width.min(bits - i * width));
            let mut limb = words(prg, count);
            limb.iter_mut().for_each(|word| *word &= mask);
            limb
        })
        .collect();
    let mut noise = Zeroizing::new(vec![0; count]);
    for (prime, a) in basis.primes().iter().zip(a.chunks_exact_mut(count.max(1))) {
        let m = &prime.modulus;
        noise.fill(0);
        for limb in limbs.iter().rev() {
            prime.ntt.mul_scalar(&mut noise, m.pow(2, width.into()));
            prime.ntt.add(&mut noise, limb);
        }
        prime.ntt.add(a, &noise);
        let half = m.pow(2, params.flood_bits().into());
        a.iter_mut().for_each(|a| *a = m.sub(*a, half));
    }
}
