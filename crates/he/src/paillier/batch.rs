//! Work on many residues, eight at a time, on all cores.

use rayon::prelude::*;
use sordino_kernels::Wiped;
use sordino_kernels::bigint::{LANES, Limbs, Modulus, Scratch};

/// Eight consecutive numbers from `8 group` on, those below `count`.
pub(super) fn lanes(group: usize, count: usize) -> [Option<usize>; LANES] {
    core::array::from_fn(|lane| Some(LANES * group + lane).filter(|i| *i < count))
}

/// `count` residues; `work` sets each group of eight.
pub(super) fn build(
    modulus: &Modulus,
    count: usize,
    work: impl Fn(&mut Scratch, usize, &mut [Limbs]) + Sync,
) -> Vec<u64> {
    let limbs = modulus.limbs();
    let mut residues = vec![0; count * limbs];
    residues.par_chunks_mut(LANES * limbs).enumerate().for_each_init(
        || (modulus.scratch(), Wiped::zeros(limbs)),
        |(scratch, group), (i, residues)| {
            work(scratch, i, group);
            for (lane, residue) in residues.chunks_exact_mut(limbs).enumerate() {
                modulus.scatter(group, lane, residue);
            }
        },
    );
    residues
}

/// The products of pairs of residues.
pub(super) fn multiply(modulus: &Modulus, a: &[u64], b: &[u64]) -> Vec<u64> {
    let count = a.len() / modulus.limbs();
    assert_eq!(a.len(), b.len(), "operands differ in number");
    build(modulus, count, |scratch, i, group| {
        let mut factor = Wiped::zeros(modulus.limbs());
        modulus.gather(a, lanes(i, count), group);
        modulus.gather(b, lanes(i, count), &mut factor);
        modulus.mul_assign(scratch, group, &factor);
    })
}

/// Values, of so many words each, as residues.
pub(super) fn import(modulus: &Modulus, values: &[u64]) -> Vec<u64> {
    let (words, limbs) = (modulus.words(), modulus.limbs());
    let mut residues = vec![0; values.len() / words * limbs];
    let values = values.par_chunks(LANES * words);
    residues.par_chunks_mut(LANES * limbs).zip(values).for_each_init(
        || modulus.scratch(),
        |scratch, (residues, values)| modulus.import(scratch, values, residues),
    );
    residues
}

/// The inverse of [`import`].
pub(super) fn export(modulus: &Modulus, residues: &[u64]) -> Vec<u64> {
    let (words, limbs) = (modulus.words(), modulus.limbs());
    let mut values = vec![0; residues.len() / limbs * words];
    let residues = residues.par_chunks(LANES * limbs);
    values.par_chunks_mut(LANES * words).zip(residues).for_each_init(
        || modulus.scratch(),
        |scratch, (values, residues)| modulus.export(scratch, residues, values),
    );
    values
}

/// Inverses of all residues by Montgomery's trick: three products each and one inversion of `n`, which is public.
/// None if one is not invertible.
///
/// *Source*: Montgomery, "Speeding the Pollard and elliptic curve methods of factorization", 1987, section 10.3.1.
pub(super) fn invert(modulus: &Modulus, n: &[u64], residues: &[u64]) -> Option<Vec<u64>> {
    let limbs = modulus.limbs();
    let chunk = (residues.len() / limbs).div_ceil(LANES * rayon::current_num_threads()).max(1);
    let parts: Option<Vec<Vec<u64>>> = residues
        .par_chunks(chunk * LANES * limbs)
        .map(|part| invert_chunk(modulus, n, part))
        .collect();
    Some(parts?.concat())
}

fn invert_chunk(modulus: &Modulus, n: &[u64], residues: &[u64]) -> Option<Vec<u64>> {
    let (limbs, mut scratch) = (modulus.limbs(), modulus.scratch());
    let count = residues.len() / limbs;
    let groups = count.div_ceil(LANES);
    let mut factor = vec![Limbs::default(); limbs];
    // Products of all groups up to each.
    let mut products = vec![Limbs::default(); groups * limbs];
    for i in 0..groups {
        let (before, rest) = products.split_at_mut(i * limbs);
        let product = &mut rest[..limbs];
        if i == 0 {
            modulus.gather(residues, lanes(0, count), product);
        } else {
            modulus.gather(residues, lanes(i, count), &mut factor);
            modulus.mul(&mut scratch, &before[(i - 1) * limbs..], &factor, product);
        }
    }
    let mut inverse = invert_group(modulus, n, &mut scratch, &products[(groups - 1) * limbs..])?;
    let mut out = vec![0; residues.len()];
    let mut single = factor.clone();
    for i in (0..groups).rev() {
        if i == 0 {
            single.copy_from_slice(&inverse);
        } else {
            modulus.mul(&mut scratch, &products[(i - 1) * limbs..i * limbs], &inverse, &mut single);
            modulus.gather(residues, lanes(i, count), &mut factor);
            modulus.mul_assign(&mut scratch, &mut inverse, &factor);
        }
        let outputs = &mut out[i * LANES * limbs..count.min((i + 1) * LANES) * limbs];
        for (lane, residue) in outputs.chunks_exact_mut(limbs).enumerate() {
            modulus.scatter(&single, lane, residue);
        }
    }
    Some(out)
}

/// The inverses of a group: each value's is the inverse of the product of all times the others.
fn invert_group(
    modulus: &Modulus,
    n: &[u64],
    scratch: &mut Scratch,
    group: &[Limbs],
) -> Option<Vec<Limbs>> {
    let limbs = modulus.limbs();
    let mut values = vec![0; LANES * limbs];
    for (lane, value) in values.chunks_exact_mut(limbs).enumerate() {
        modulus.scatter(group, lane, value);
    }
    // The products of all other lanes, by rotating through them.
    let (mut others, mut next) = (vec![Limbs::default(); limbs], vec![Limbs::default(); limbs]);
    modulus.gather(&values, core::array::from_fn(|lane| Some((lane + 1) % LANES)), &mut others);
    for step in 2..LANES {
        let index = core::array::from_fn(|lane| Some((lane + step) % LANES));
        modulus.gather(&values, index, &mut next);
        modulus.mul_assign(scratch, &mut others, &next);
    }
    modulus.mul(scratch, &others, group, &mut next);
    let (mut residue, mut value) = (vec![0; limbs], vec![0; modulus.words()]);
    modulus.scatter(&next, 0, &mut residue);
    modulus.export(scratch, &residue, &mut value);
    let inverse = super::number::inverse_of_public(&value, n)?;
    modulus.import(scratch, &inverse, &mut residue);
    modulus.gather(&residue, [Some(0); LANES], &mut next);
    modulus.mul_assign(scratch, &mut others, &next);
    Some(others)
}

/// The product of all residues, as a value.
pub(super) fn product_of_all(modulus: &Modulus, residues: &[u64]) -> Vec<u64> {
    let (limbs, groups) = (modulus.limbs(), 64);
    let count = residues.len() / limbs;
    let mut rest = residues.to_vec();
    let mut left = count;
    while left > 1 {
        let results = left.div_ceil(groups);
        // Each result is the product of `groups` residues that lie `results` apart.
        rest = build(modulus, results, |scratch, i, group| {
            let mut factor = vec![Limbs::default(); limbs];
            modulus.gather(&rest, [None; LANES], group);
            for step in 0..groups {
                let index =
                    lanes(i, results).map(|i| i.map(|i| i + step * results).filter(|i| *i < left));
                if index.iter().any(Option::is_some) {
                    modulus.gather(&rest, index, &mut factor);
                    modulus.mul_assign(scratch, group, &factor);
                }
            }
        });
        left = results;
    }
    if rest.is_empty() {
        rest = modulus.one().to_vec();
    }
    export(modulus, &rest)
}
