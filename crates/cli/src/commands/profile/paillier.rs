//! Paillier's encryption, without a link.

use super::clock::alone;
use super::graphs::weights;
use super::runs::{Parts, Runs, amounts};
use anyhow::Result;
use sordino_engine::work::{RANDOMISING, Unit};
use sordino_he::ConvShape;
use sordino_he::paillier::{
    Ciphertexts, Layout, Linear, Plaintexts, Pool, PublicKey, SecretKey, Strength,
};
use sordino_secret::SecretRng;

/// Units of a key, of reading it, of encryption, decryption and products with keys of a strength.
const STRENGTHS: [(Strength, &str, [Unit; 5]); 2] = [
    (
        Strength::Bits112,
        "2048",
        [
            Unit::Paillier2048Key,
            Unit::Paillier2048Read,
            Unit::Paillier2048Encrypt,
            Unit::Paillier2048Decrypt,
            Unit::Paillier2048Product,
        ],
    ),
    (
        Strength::Bits128,
        "3072",
        [
            Unit::Paillier3072Key,
            Unit::Paillier3072Read,
            Unit::Paillier3072Encrypt,
            Unit::Paillier3072Decrypt,
            Unit::Paillier3072Product,
        ],
    ),
];
/// Runs of this file.
pub(super) const RUNS: u64 = 2 * STRENGTHS.len() as u64;
/// Keys that are made: how long one takes is a matter of luck.
const KEYS: usize = 4;

pub(super) fn measure(runs: &mut Runs) -> Result<()> {
    for (strength, bits, [key, read, encrypt, decrypt, product]) in STRENGTHS {
        let count = runs.scaled(256);
        let mut rng = SecretRng::from_os()?;
        let own = SecretKey::generate(strength, &mut rng);
        // The mean of several is wanted, not the quickest.
        let mut known: Option<Parts> = None;
        runs.measure(&format!("keys of {bits} bits"), || {
            let made = match known.take() {
                Some(made) => made,
                None => keys(strength, key)?,
            };
            known = Some(made.clone());
            Ok(made)
        })?;
        runs.measure(&format!("Paillier with {bits} bits"), || {
            use_key(&own, count, [read, encrypt, decrypt, product])
        })?;
    }
    Ok(())
}

fn keys(strength: Strength, unit: Unit) -> Result<Parts> {
    let mut rng = SecretRng::from_os()?;
    let ((), seconds) = alone(|| {
        (0..KEYS).for_each(|_| drop(SecretKey::generate(strength, &mut rng)));
        Ok(())
    })?;
    Ok(vec![("making".into(), amounts([(unit, KEYS)]), seconds)])
}

fn use_key(
    key: &SecretKey,
    count: usize,
    [read, encrypt, decrypt, product]: [Unit; 4],
) -> Result<Parts> {
    let public = key.public();
    let mut rng = SecretRng::from_os()?;
    let bytes = public.to_bytes();
    let (_, reading) = alone(|| {
        let public = PublicKey::from_bytes(public.strength(), &bytes)?;
        let mut pool = Pool::new(&public);
        pool.fill(1, &mut rng);
        Ok((public, pool))
    })?;
    let shape = ConvShape { h: 8, w: 8, kernel: [3; 2], pads: [1; 4], ..ConvShape::dense(4, 16) };
    let layout = Layout::elements(&shape)?;
    let inputs = Plaintexts::from_signed(public, &vec![7; layout.inputs()]);
    let values = Plaintexts::from_signed(public, &vec![-5; count]);
    let (bytes, encrypting) = alone(|| {
        let mut pool = Pool::new(public);
        key.fill(&mut pool, count, &mut rng)?;
        Ok(public.encrypt(&values, &mut pool)?.to_bytes())
    })?;
    let (_, decrypting) = alone(|| Ok(key.decrypt(&Ciphertexts::from_bytes(public, &bytes)?)?))?;
    let mut pool = Pool::new(public);
    // A session makes the tables once.
    pool.fill(1, &mut rng);
    let ((), randomising) = alone(|| {
        pool.fill(count, &mut rng);
        Ok(())
    })?;
    key.fill(&mut pool, layout.inputs(), &mut rng)?;
    let inputs = public.encrypt(&inputs, &mut pool)?.computed();
    let linear = Linear::new(&layout, &weights(shape.kernel_len(), 127))?;
    let products = linear.cost().total() as usize;
    let (_, multiplying) = alone(|| Ok(linear.apply_to_computed(&inputs)?))?;
    Ok(vec![
        ("reading it".into(), amounts([(read, 1)]), reading),
        ("encryptions".into(), amounts([(encrypt, count)]), encrypting),
        ("decryptions".into(), amounts([(decrypt, count)]), decrypting),
        ("randomising".into(), amounts([(product, count * RANDOMISING)]), randomising),
        ("a layer".into(), amounts([(product, products)]), multiplying),
    ])
}
