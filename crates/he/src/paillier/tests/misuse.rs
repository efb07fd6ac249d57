//! Malformed keys and ciphertexts, and misuse.

use super::*;

const SIZE: usize = 512;

fn refused_ciphertexts(value: &[u64], rule: &str) {
    let good = encrypt(&[1; 9]).to_bytes();
    for at in [0, 4, 8] {
        let mut bytes = good.clone();
        bytes[at * SIZE..(at + 1) * SIZE].copy_from_slice(&wire::bytes_of(value));
        let error = Ciphertexts::from_bytes(key().public(), &bytes).err().unwrap().to_string();
        assert!(error.contains(rule), "{error}");
    }
}

#[test]
fn ciphertexts_out_of_range_or_without_inverse_are_refused() {
    let public = key().public();
    let square = public.0.square.clone();
    let mut above = square.clone();
    above[0] += 1;
    refused_ciphertexts(&square, "below n^2");
    refused_ciphertexts(&above, "below n^2");
    refused_ciphertexts(&[u64::MAX; 64], "below n^2");
    refused_ciphertexts(&[0; 64], "factor");
    let widen = |x: &[u64]| {
        let mut x = x.to_vec();
        x.resize(64, 0);
        x
    };
    refused_ciphertexts(&widen(public.modulus()), "factor");
    let [p, q] = key().primes();
    refused_ciphertexts(&widen(p), "factor");
    refused_ciphertexts(&widen(&number::product(q, &[77, 3])), "factor");
    assert!(Ciphertexts::from_bytes(public, &[1; SIZE + 1]).is_err());
    assert!(Ciphertexts::from_bytes(public, &[]).unwrap().is_empty());
}

fn refused_key(n: &[u64], h: &[u64], rule: &str) {
    let bytes = wire::bytes_of(&[n, h].concat());
    let error = PublicKey::from_bytes(Strength::Bits112, &bytes).unwrap_err().to_string();
    assert!(error.contains(rule), "{error}");
}

#[test]
fn malformed_keys_are_refused() {
    let public = key().public();
    let (n, h) = (public.modulus(), &public.0.h[..]);
    let with = |at: usize, word: u64| {
        let mut n = n.to_vec();
        n[at] = word;
        n
    };
    refused_key(&with(0, n[0] - 1), h, "even");
    refused_key(&with(31, 1), h, "too short");
    let word = |x: u64| [vec![x], vec![0; 31]].concat();
    refused_key(n, &word(0), "h is not");
    refused_key(n, &word(1), "h is not");
    refused_key(n, &with(0, n[0] - 1), "h is not");
    refused_key(n, n, "h is not");
    refused_key(n, &[u64::MAX; 32], "h is not");
    let [p, _] = key().primes();
    let mut shared = p.to_vec();
    shared.resize(32, 0);
    refused_key(n, &shared, "h is not");
    // A square, 2^2048 - 1 and 2^2047 + 15, which are multiples of 3 and of 23.
    refused_key(&number::product(p, p), &word(4), "power of a prime");
    refused_key(&[u64::MAX; 32], &word(4), "small factor");
    let mut small = vec![0; 32];
    small[31] = 1 << 63;
    small[0] = 15;
    refused_key(&small, &word(4), "small factor");
    assert!(PublicKey::from_bytes(Strength::Bits112, &public.to_bytes()[1..]).is_err());
    assert!(PublicKey::from_bytes(Strength::Bits128, &public.to_bytes()).is_err());
}

#[test]
fn ciphertexts_not_made_with_the_key_are_not_decrypted() {
    let (public, n) = (key().public(), key().public().modulus());
    let minus = |x: &[u64]| number::difference(&[0; 64], x, &public.0.square);
    let widen = |x: &[u64]| [x, &vec![0; 64 - x.len()]].concat();
    // 1 + m n, an encryption without randomness, is of the key's form; its negative is not.
    let mut plain = number::product(n, &widen(&[5])[..32]);
    plain[0] += 1;
    let random = number::random_bits(4096 - 8, &mut rng(11));
    let other = SecretKey::generate(Strength::Bits112, &mut rng(12));
    let mut pool = Pool::new(other.public());
    other.fill(&mut pool, 1, &mut rng(13)).unwrap();
    let theirs = Plaintexts::from_signed(other.public(), &[1]);
    let theirs = wire::words_of(&other.public().encrypt(&theirs, &mut pool).unwrap().to_bytes());
    let decrypt = |values: &[u64]| {
        let ciphertexts = Ciphertexts::from_bytes(public, &wire::bytes_of(values)).unwrap();
        key().decrypt(&ciphertexts)
    };
    let good = encrypt(&[7; 9]).to_bytes();
    assert!(decrypt(&wire::words_of(&good)).is_ok());
    assert_eq!(decrypt(&plain).unwrap().to_signed(public).unwrap()[..], [5]);
    for bad in [&minus(&widen(&[1])), &minus(&plain), &random[..], &theirs] {
        assert_eq!(bad.len(), 64);
        let error = decrypt(bad).err().unwrap().to_string();
        assert!(error.contains("not made with this key"), "{error}");
        // Among others, wherever it is.
        for at in [0, 7, 8] {
            let mut all = wire::words_of(&good);
            all[64 * at..64 * (at + 1)].copy_from_slice(bad);
            assert!(decrypt(&all).is_err());
        }
    }
}

#[test]
fn pools_run_out_and_keys_do_not_mix() {
    let public = key().public();
    let one = Plaintexts::from_signed(public, &[1]);
    let mut empty = Pool::new(public);
    let error = public.encrypt(&one, &mut empty).err().unwrap().to_string();
    assert!(error.contains("fill it first"), "{error}");
    let other = PublicKey::new(
        Strength::Bits112,
        public.modulus().to_vec(),
        [vec![4], vec![0; 31]].concat(),
    );
    let mut others = Pool::new(&other);
    others.fill(1, &mut rng(5));
    assert!(public.encrypt(&one, &mut others).is_err());
    assert!(key().fill(&mut others, 1, &mut rng(6)).is_err());
    let c = other.encrypt(&one, &mut others).unwrap();
    assert!(key().decrypt(&c).is_err());
    let ours = encrypt(&[1]).computed();
    assert!(ours.add(&c.computed()).is_err());
    assert!(ours.add(&encrypt(&[1, 2]).computed()).is_err());
    assert!(ours.select(&[1]).is_err());
    assert!(ours.multiply(&[1, 2], 64).is_err());
    assert!(ours.multiply(&[], 0).is_err());
    assert!(Plaintexts::from_words(public, public.modulus().to_vec()).is_err());
    assert!(Plaintexts::from_words(public, vec![0; 31]).is_err());
    let packing = Packing::new(Strength::Bits112, 22).unwrap();
    assert!(packing.pack(public, packing.slots() + 1, &[]).is_err());
    assert!(packing.pack(public, 2, &[1]).is_err());
    assert!(Packing::new(Strength::Bits112, 0).is_err());
    assert!(Packing::new(Strength::Bits112, 66).is_err());
    let top = Plaintexts::from_words(public, [vec![0; 31], vec![1]].concat()).unwrap();
    assert!(packing.open(public, packing.slots() - 1, &top).is_err());
}
