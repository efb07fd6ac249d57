//! Ciphertexts as bytes: every value at its exact width.

use sordino_kernels::Block;
use sordino_secret::{pack, packed_len, unpack};

use crate::ring::{Poly, Values};
use crate::{Error, Params};

/// Bytes of a seed.
pub(crate) const SEED: usize = size_of::<Block>();

/// Bytes of a seed and a polynomial modulo q.
pub(crate) fn input_len(params: &Params) -> usize {
    poly_len(params.degree(), params.basis().primes().iter().map(|p| p.width))
}

/// The same for primes of these widths.
pub(crate) fn poly_len(n: usize, widths: impl Iterator<Item = u32>) -> usize {
    SEED + widths.map(|width| packed_len(n, width)).sum::<usize>()
}

/// A seed and a polynomial modulo q.
pub(crate) fn write_input(params: &Params, seed: Block, poly: &Poly) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(input_len(params));
    bytes.extend_from_slice(&seed.to_bytes());
    for (prime, residues) in params.basis().primes().iter().zip(poly.residues()) {
        bytes.extend(pack(residues, prime.width));
    }
    bytes
}

/// Inverse of [`write_input`], refusing wrong lengths and residues that are not reduced.
pub(crate) fn read_input(
    params: &Params,
    bytes: &[u8],
    what: &'static str,
) -> Result<(Block, Poly), Error> {
    let malformed = Error::PeerMisbehaved { what };
    let basis = params.basis();
    if bytes.len() != input_len(params) {
        return Err(malformed);
    }
    let (seed, mut rest) = bytes.split_at(SEED);
    let Ok(seed) = <[u8; SEED]>::try_from(seed) else { return Err(malformed) };
    let mut poly = basis.zero();
    for (prime, residues) in basis.primes().iter().zip(poly.residues_mut()) {
        let (packed, tail) = rest.split_at(packed_len(basis.n(), prime.width));
        residues.copy_from_slice(&unpack(packed, prime.width, basis.n()));
        if residues.iter().any(|r| *r >= prime.modulus.p()) {
            return Err(malformed);
        }
        rest = tail;
    }
    Ok((Block::from_bytes(seed), poly))
}

/// Bytes of a result that holds `outputs` outputs.
pub(crate) fn result_len(params: &Params, outputs: usize) -> usize {
    let [c0, c1] = params.response_bits();
    wide_len(params.degree(), c1) + wide_len(outputs, c0)
}

/// The needed coefficients of c0 and all of c1, both rounded to powers of two.
pub(crate) fn write_result(params: &Params, c0: &Values, c1: &Values) -> Vec<u8> {
    let [bits0, bits1] = params.response_bits();
    let mut bytes = Vec::with_capacity(result_len(params, c0.low.len()));
    pack_values(&mut bytes, c1, bits1);
    pack_values(&mut bytes, c0, bits0);
    bytes
}

/// Inverse of [`write_result`]: c0 and c1.
pub(crate) fn read_result(
    params: &Params,
    bytes: &[u8],
    outputs: usize,
) -> Result<[Values; 2], Error> {
    if bytes.len() != result_len(params, outputs) {
        return Err(Error::PeerMisbehaved { what: "result: its length is not the layout's" });
    }
    let [bits0, bits1] = params.response_bits();
    let (c1, c0) = bytes.split_at(wide_len(params.degree(), bits1));
    Ok([unpack_values(c0, bits0, outputs), unpack_values(c1, bits1, params.degree())])
}

/// Widths above 64 bits travel as the low words and the rest, one after the other.
fn halves(bits: u32) -> [u32; 2] {
    [bits.min(64), bits.saturating_sub(64)]
}

/// Bytes of numbers of this width.
pub(crate) fn wide_len(n: usize, bits: u32) -> usize {
    halves(bits).iter().map(|bits| packed_len(n, *bits)).sum()
}

fn pack_values(bytes: &mut Vec<u8>, values: &Values, bits: u32) {
    let [low, high] = halves(bits);
    bytes.extend(pack(&values.low, low));
    if high > 0 {
        bytes.extend(pack(&values.high, high));
    }
}

fn unpack_values(bytes: &[u8], bits: u32, n: usize) -> Values {
    let [low, high] = halves(bits);
    let (first, second) = bytes.split_at(packed_len(n, low));
    let high = if high > 0 { unpack(second, high, n) } else { Vec::new() };
    Values { low: unpack(first, low, n), high }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wide_values_round_trip(values in prop::collection::vec(any::<u128>(), 0..50), bits in 1_u32..=120) {
            let mask = (1_u128 << bits) - 1;
            let part = |shift: u32| values.iter().map(|v| ((v & mask) >> shift) as u64).collect();
            let values = Values { low: part(0), high: if bits > 64 { part(64) } else { Vec::new() } };
            let mut bytes = Vec::new();
            pack_values(&mut bytes, &values, bits);
            prop_assert_eq!(bytes.len(), wide_len(values.low.len(), bits));
            let got = unpack_values(&bytes, bits, values.low.len());
            prop_assert_eq!((got.low, got.high), (values.low, values.high));
        }
    }
}
