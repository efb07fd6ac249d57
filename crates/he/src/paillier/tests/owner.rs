//! What the owner of a key computes modulo the squares of its primes.

use std::collections::HashSet;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use sordino_kernels::isa::{self, Isa};

use super::number::{is_below, number, odd, product, remainder, words};
use super::*;

/// The encryptions are the same at each, too.
#[test]
fn owners_agree_at_every_instruction_set() {
    let values = [0, 1, -1, i128::MAX, -i128::MAX, 1 << 64, -(1 << 63), 77, -78];
    for made in [key(), large()] {
        let (strength, [p, q]) = (made.public().strength(), made.factors());
        let mut all = Vec::new();
        // Below AVX-512 there is one arithmetic.
        for isa in isa::available().into_iter().filter(|isa| *isa != Isa::Avx2) {
            let key = isa::with(isa, || SecretKey::from_factors(strength, &p, &q, &mut rng(3)));
            let key = key.unwrap();
            let public = key.public();
            let mut bytes = Vec::new();
            for count in [1, 7, 9] {
                let mut pool = Pool::new(public);
                key.fill(&mut pool, count, &mut rng(count as u8)).unwrap();
                assert_eq!(pool.len(), count);
                let plaintexts = Plaintexts::from_signed(public, &values[..count]);
                let c = public.encrypt(&plaintexts, &mut pool).unwrap();
                let got = key.decrypt(&c).unwrap().to_signed(public).unwrap();
                assert_eq!(got[..], values[..count], "{}", isa.name());
                bytes.extend(c.to_bytes());
            }
            all.push(bytes);
            assert!(all[0] == *all.last().unwrap(), "{}", isa.name());
        }
    }
}

/// Those that the randomness names, of h^n modulo the squares of both primes.
#[test]
fn encryptions_of_zero_are_powers() {
    let (key, public) = (key(), key().public());
    let residues = pool(20, 21).take(20).unwrap();
    let values = batch::export(&public.0.modulus, &residues);
    let mut rng = rng(21);
    for f in key.factors() {
        let square = product(&f.prime, &f.prime);
        let modulus = BoxedMontyParams::new((*odd(&square)).clone());
        let h = number(&remainder(&public.0.h, &square));
        let base = BoxedMontyForm::new((*h).clone(), &modulus).pow(&number(public.modulus()));
        let mut random = [0; 24 * 5];
        rng.fill_words(&mut random);
        for (random, value) in random.chunks(5).zip(values.chunks(64)) {
            let power = base.pow(&number(&remainder(random, &f.order))).retrieve();
            assert_eq!(remainder(value, &square), words(&power, 32));
        }
    }
}

#[test]
fn encryptions_of_zero_are_reduced_differ_and_hold_zero() {
    let public = key().public();
    let residues = pool(403, 22).take(403).unwrap();
    let values = batch::export(&public.0.modulus, &residues);
    assert!(values.chunks(64).all(|value| is_below(value, &public.0.square)));
    assert_eq!(values.chunks(64).collect::<HashSet<_>>().len(), 403);
    let c = Ciphertexts::from_bytes(public, &wire::bytes_of(&values)).unwrap();
    assert_eq!(decrypt(&c), [0; 403]);
}
