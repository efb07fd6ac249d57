//! The scheme against plain integers and against another implementation.

use fast_paillier::DecryptionKey;
use fast_paillier::backend::Integer;
use proptest::prelude::*;
use sordino_kernels::isa::{self, Isa};

use super::*;

const MAX: i128 = i128::MAX;

fn theirs() -> DecryptionKey {
    let [p, q] = key().primes().map(|p| integer(&wire::bytes_of(p)));
    DecryptionKey::from_primes(p, q).unwrap()
}

fn integer(little: &[u8]) -> Integer {
    let big: Vec<u8> = little.iter().rev().copied().collect();
    Integer::from_bytes_msf(&big)
}

#[test]
fn the_key_has_its_shape() {
    let [p, q] = key().primes();
    assert_eq!(number::product(p, q), key().public().modulus());
    assert!(p[0] & 3 == 3 && q[0] & 3 == 3);
    assert!(p.len() == 16 && q.len() == 16 && p[15] >> 62 == 3 && q[15] >> 62 == 3);
}

#[test]
fn both_pools_give_what_decrypts() {
    let values = [0, 1, -1, 2, -2, 1 << 62, -(1 << 63), MAX, -MAX, 12345678901234567890];
    assert_eq!(decrypt(&encrypt(&values)), values);
    let public = PublicKey::from_bytes(Strength::Bits112, &key().public().to_bytes()).unwrap();
    assert!(public == *key().public());
    let mut pool = Pool::new(&public);
    pool.fill(values.len() + 1, &mut rng(7));
    let plaintexts = Plaintexts::from_signed(&public, &values);
    let first = public.encrypt(&plaintexts, &mut pool).unwrap();
    assert_eq!(decrypt(&first), values);
    assert_eq!(pool.len(), 1);
    let bytes = first.to_bytes();
    assert!(bytes[..512] != encrypt(&values).to_bytes()[..512], "not randomised");
}

#[test]
fn another_implementation_decrypts_ours() {
    let theirs = theirs();
    let values = [0, 7, -7, MAX, -MAX];
    let bytes = encrypt(&values).to_bytes();
    for (value, bytes) in values.into_iter().zip(bytes.chunks(512)) {
        let got = theirs.decrypt(&integer(bytes)).unwrap();
        let expected = integer(&value.unsigned_abs().to_le_bytes());
        assert!(got == if value < 0 { -expected } else { expected }, "{value}");
    }
}

#[test]
fn every_instruction_set_decrypts() {
    let bytes = encrypt(&[-5, 17]).to_bytes();
    let p = key().primes().map(<[u64]>::to_vec);
    for isa in isa::available().into_iter().filter(|isa| *isa != Isa::Avx2) {
        // The public operations alone: a key is tied to the level it was made under.
        let n = number::product(&p[0], &p[1]);
        let public = isa::with(isa, || {
            PublicKey::new(Strength::Bits112, n.clone(), key().public().0.h.clone())
        });
        let got = Ciphertexts::from_bytes(&public, &bytes).unwrap();
        let sum = got.computed().add(&got.computed()).unwrap();
        let mut pool = Pool::new(&public);
        pool.fill(2, &mut rng(9));
        let bytes = sum.release(&mut pool).unwrap().to_bytes();
        let again = Ciphertexts::from_bytes(key().public(), &bytes).unwrap();
        assert_eq!(decrypt(&again), [-10, 34], "{}", isa.name());
    }
}

#[test]
fn large_keys_work() {
    let key = large();
    let mut pool = Pool::new(key.public());
    key.fill(&mut pool, 3, &mut rng(12)).unwrap();
    let plaintexts = Plaintexts::from_signed(key.public(), &[-3, 0, MAX]);
    let c = key.public().encrypt(&plaintexts, &mut pool).unwrap();
    assert_eq!(c.to_bytes().len(), 3 * Strength::Bits128.ciphertext_bytes());
    assert_eq!(key.decrypt(&c).unwrap().to_signed(key.public()).unwrap()[..], [-3, 0, MAX]);
}

#[test]
fn large_plaintexts_keep_their_words() {
    let public = key().public();
    let mut largest = public.modulus().to_vec();
    largest[0] -= 1;
    let half = [vec![0; 31], vec![1 << 62]].concat();
    let words = [largest, half.clone(), vec![0; 32]].concat();
    let plaintexts = Plaintexts::from_words(public, words.clone()).unwrap();
    let c = public.encrypt(&plaintexts, &mut pool(3, 4)).unwrap();
    let got = key().decrypt(&c).unwrap();
    assert_eq!((0..3).flat_map(|i| got.words(i)).copied().collect::<Vec<_>>(), words);
    assert!(got.to_signed(public).unwrap_err().to_string().contains("plaintext 1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn arithmetic_is_that_of_integers(
        values in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u64>()), 1..20),
    ) {
        let wide = |f: &dyn Fn(&(i64, i64, u64)) -> i64| -> Vec<i128> {
            values.iter().map(|v| i128::from(f(v))).collect()
        };
        let (x, y) = (wide(&|v| v.0), wide(&|v| v.1));
        let factors: Vec<u64> = values.iter().map(|v| v.2).collect();
        let (a, b) = (encrypt(&x).computed(), encrypt(&y).computed());
        let each = |f: &dyn Fn(usize) -> i128| (0..x.len()).map(f).collect::<Vec<_>>();
        prop_assert_eq!(release(&a.add(&b).unwrap()), each(&|i| x[i] + y[i]));
        prop_assert_eq!(release(&a.negate().unwrap()), each(&|i| -x[i]));
        let plain = Plaintexts::from_signed(key().public(), &y);
        prop_assert_eq!(release(&a.add_plain(&plain).unwrap()), each(&|i| x[i] + y[i]));
        let product = a.multiply(&factors, 64).unwrap();
        prop_assert_eq!(release(&product), each(&|i| x[i] * i128::from(factors[i])));
        let last = a.select(&[x.len() - 1, 0]).unwrap();
        prop_assert_eq!(release(&last), vec![x[x.len() - 1], x[0]]);
    }

    #[test]
    fn packed_values_survive_masks(
        bits in 1_u32..=64,
        raw in prop::collection::vec(any::<i64>(), 1..40),
        slots in 1_usize..17,
        seed in any::<u8>(),
    ) {
        let packing = Packing::new(Strength::Bits112, bits).unwrap();
        let slots = slots.min(packing.slots());
        let mut values: Vec<i64> = raw.iter().map(|v| v >> (64 - bits)).collect();
        values[0] = i64::MIN >> (64 - bits);
        values.resize(values.len().next_multiple_of(slots), i64::MAX >> (64 - bits));
        check_packing(&packing, slots, &values, seed);
    }
}

fn check_packing(packing: &Packing, slots: usize, values: &[i64], seed: u8) {
    let public = key().public();
    let packed = packing.pack(public, slots, values).unwrap();
    let masks = packing.mask(public, slots, packed.len(), &mut rng(seed)).unwrap();
    let c = public.encrypt(&packed, &mut pool(packed.len(), seed)).unwrap();
    let masked = c.computed().add_plain(&masks.plaintexts).unwrap();
    let masked = key().decrypt(&masked.release(&mut pool(packed.len(), seed)).unwrap()).unwrap();
    let shares = packing.open(public, slots, &masked).unwrap();
    for (i, value) in values.iter().enumerate() {
        let sum = shares[i].wrapping_add(masks.shares[i]) as i64;
        assert_eq!(sum, *value, "slot {i} of {slots}, {} bits", packing.slot_bits());
    }
}

#[test]
fn full_plaintexts_carry_into_no_neighbour() {
    for (bits, last) in [(1, 0), (22, (1 << 21) - 1), (64, i64::MAX)] {
        let packing = Packing::new(Strength::Bits112, bits).unwrap();
        let mut values = vec![last; packing.slots()];
        check_packing(&packing, packing.slots(), &values, 5);
        values.fill(i64::MIN >> (64 - bits));
        check_packing(&packing, packing.slots(), &values, 6);
    }
}

#[test]
fn joined_ciphertexts_are_packed_values() {
    let packing = Packing::new(Strength::Bits112, 22).unwrap();
    let values: Vec<i64> =
        (0..45).map(|i| (i * i - 700) * if i % 2 == 0 { 1 } else { -1000 }).collect();
    let wide: Vec<i128> = values.iter().map(|v| i128::from(*v)).collect();
    let slots = 20;
    let joined = packing.join_ciphertexts(slots, &encrypt(&wide).computed()).unwrap();
    assert_eq!(joined.len(), 3);
    let got = key().decrypt(&joined.release(&mut pool(3, 8)).unwrap()).unwrap();
    let padded: Vec<i64> = values.iter().copied().chain([0; 15]).collect();
    let expected = packing.pack(key().public(), slots, &padded).unwrap();
    for i in 0..3 {
        assert_eq!(got.words(i), expected.words(i), "plaintext {i}");
    }
}

#[test]
fn constants_chained_and_shifted() {
    let public = key().public();
    let of = |values: &[i128]| {
        Computed::constants(public, &Plaintexts::from_signed(public, values)).unwrap()
    };
    let both = Computed::chain(&[&encrypt(&[5, -6]).computed(), &of(&[7])]).unwrap();
    assert_eq!(release(&both.shift(3)), [40, -48, 56]);
    assert_eq!(release(&both.shift(0)), [5, -6, 7]);
    assert!(Computed::chain(&[]).is_err());
}
