//! Products in slots.

use super::*;
use crate::paillier::plain::extract;

/// What is in a slot, less 2^(bits - 1); `bits` at most 127.
fn slot(x: &[u64], bits: usize, i: usize) -> i128 {
    let at = i * bits;
    let value = u128::from(extract(x, at)) | u128::from(extract(x, at + 64)) << 64;
    (value & ((1 << bits) - 1)) as i128 - (1 << (bits - 1))
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(8))]
    #[test]
    fn products_come_into_their_slots(
        raw in proptest::collection::vec(proptest::prelude::any::<(i32, u64, i64)>(), 1..40),
        slots in 1_usize..17,
        width in 1_usize..65,
    ) {
        let bits = 100;
        let factors: Vec<u64> = raw.iter().map(|v| v.1 >> (64 - width)).collect();
        let values: Vec<i128> = raw.iter().map(|v| i128::from(v.0)).collect();
        let offsets: Vec<u64> =
            raw.iter().flat_map(|v| [v.2 as u64, (v.2 >> 63) as u64]).collect();
        let space = Slots::new(Strength::Bits112, bits, slots).unwrap();
        let products = space.combine(&encrypt(&values).computed(), &factors, width).unwrap();
        let sum = products.add_plain(&space.place(key().public(), &offsets).unwrap()).unwrap();
        let count = sum.len();
        let got = key().decrypt(&sum.release(&mut pool(count, 8)).unwrap()).unwrap();
        let want: Vec<i128> = (0..raw.len())
            .map(|i| values[i] * i128::from(factors[i]) + i128::from(raw[i].2))
            .collect();
        for (i, want) in want.iter().enumerate() {
            proptest::prop_assert_eq!(slot(got.words(i / slots), bits, i % slots), *want);
        }
        let positive = space.positive(key().public(), &got, raw.len()).unwrap();
        let signs: Vec<u64> = want.iter().map(|v| u64::from(*v > 0)).collect();
        proptest::prop_assert_eq!(&*positive, &signs);
    }
}

#[test]
fn signs_of_slots_of_any_width() {
    let public = key().public();
    for bits in [2, 64, 65, 128, 253] {
        let space = Slots::new(Strength::Bits112, bits, 8).unwrap();
        let words = space.words();
        let of = |low: u64, high: u64| [vec![low], vec![high; words - 1]].concat();
        let mut least = vec![0; words];
        least[(bits - 1) / 64] = u64::MAX << ((bits - 1) % 64);
        let mut top = least.iter().map(|word| !word).collect::<Vec<_>>();
        for word in &mut top[(bits - 1) / 64 + 1..] {
            *word = 0;
        }
        let values = [of(0, 0), of(1, 0), of(u64::MAX, u64::MAX), least, top];
        let plain = space.place(public, &values.concat()).unwrap();
        let positive = space.positive(public, &plain, values.len()).unwrap();
        assert_eq!(*positive, [0, 1, 0, 0, 1], "{bits} bits");
    }
}

#[test]
fn slots_are_refused_where_they_do_not_fit() {
    let public = key().public();
    assert!(Slots::new(Strength::Bits112, 253, 9).is_err());
    assert!(Slots::new(Strength::Bits112, 253, 0).is_err());
    assert!(Slots::new(Strength::Bits112, 0, 1).is_err());
    let space = Slots::new(Strength::Bits112, 253, 8).unwrap();
    let two = encrypt(&[1, 2]).computed();
    assert!(space.combine(&two, &[1], 64).is_err());
    assert!(space.combine(&two, &[1; 10], 254).is_err());
    assert!(space.place(public, &[0; 5]).is_err());
    let beyond = Plaintexts::from_words(public, [vec![0; 31], vec![1 << 40]].concat()).unwrap();
    let error = space.positive(public, &beyond, 8).unwrap_err().to_string();
    assert!(error.contains("more than its slots"), "{error}");
    assert!(space.positive(public, &beyond, 9).is_err());
    let large = Slots::new(Strength::Bits128, 253, 12).unwrap();
    assert!(large.combine(&two, &[1, 2], 64).is_err() && large.place(public, &[]).is_err());
}

#[test]
fn choices_and_ranges() {
    let (a, b) = (encrypt(&[1, 2, 3]).computed(), encrypt(&[-1, -2, -3]).computed());
    assert_eq!(release(&a.choose(&b, &[0, 1, 0]).unwrap()), [1, -2, 3]);
    assert_eq!(release(&a.range(1..3).unwrap()), [2, 3]);
    assert!(a.choose(&b, &[0, 1]).is_err() && a.range(2..4).is_err());
    let mut all = pool(1, 4);
    all.append(pool(2, 5)).unwrap();
    assert_eq!(all.len(), 3);
}
