#![allow(clippy::unwrap_used)]

mod layers;
mod misuse;
mod owner;
mod scheme;
mod slots;

use std::sync::OnceLock;

use sordino_secret::SecretRng;

use super::*;

fn rng(seed: u8) -> SecretRng {
    SecretRng::from_seed([seed; 32])
}

/// One key for all tests of a process.
fn key() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| SecretKey::generate(Strength::Bits112, &mut rng(1)))
}

/// The same of the other strength.
fn large() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| SecretKey::generate(Strength::Bits128, &mut rng(11)))
}

fn pool(count: usize, seed: u8) -> Pool {
    let mut pool = Pool::new(key().public());
    key().fill(&mut pool, count, &mut rng(seed)).unwrap();
    pool
}

fn encrypt(values: &[i128]) -> Ciphertexts {
    let public = key().public();
    let mut pool = pool(values.len(), 2);
    public.encrypt(&Plaintexts::from_signed(public, values), &mut pool).unwrap()
}

fn decrypt(ciphertexts: &Ciphertexts) -> Vec<i128> {
    key().decrypt(ciphertexts).unwrap().to_signed(key().public()).unwrap().to_vec()
}

/// Over the wire, too.
fn release(computed: &Computed) -> Vec<i128> {
    let mut pool = pool(computed.len(), 3);
    let bytes = computed.release(&mut pool).unwrap().to_bytes();
    assert_eq!(bytes.len(), computed.len() * Strength::Bits112.ciphertext_bytes());
    decrypt(&Ciphertexts::from_bytes(key().public(), &bytes).unwrap())
}
