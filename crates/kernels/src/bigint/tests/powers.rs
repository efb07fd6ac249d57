//! Powers.

use super::*;

#[test]
fn powers_equal_repeated_products() {
    for (isa, squared) in isa::available().into_iter().flat_map(|isa| [(isa, false), (isa, true)]) {
        let n = modulus(777, 5);
        let (m, n) = isa::with(isa, || both(&n)).into_iter().nth(usize::from(squared)).unwrap();
        let mut s = m.scratch();
        let x = eight(&n, 9);
        let mut exponents = values(2 * LANES, 3);
        exponents[..6].copy_from_slice(&[0, 0, 1, 0, u64::MAX, u64::MAX]);
        let expected: Vec<u64> = x
            .chunks(n.len())
            .zip(exponents.chunks(2))
            .flat_map(|(x, e)| {
                let mut power = reduced(&[1], &n);
                power.resize(n.len(), 0);
                for bit in (0..128).rev() {
                    power = mul_mod(&power, &power, &n);
                    if e[bit / 64] >> (bit % 64) & 1 == 1 {
                        power = mul_mod(&power, x, &n);
                    }
                }
                power
            })
            .collect();
        let mut g = group(&m, &mut s, &x);
        m.pow(&mut s, &mut g, core::array::from_fn(|i| &exponents[2 * i..2 * i + 2]), 128);
        assert!(ungroup(&m, &mut s, &g) == expected, "{}", isa.name());
    }
}

/// Exponents side by side are one long exponent.
#[test]
fn powers_raise_onto_powers() {
    for isa in isa::available() {
        let n = modulus(1024, 6);
        let m = isa::with(isa, || Modulus::new(&n));
        let mut s = m.scratch();
        let base = group(&m, &mut s, &eight(&n, 9));
        let exponents = values(3 * LANES, 10);
        for bits in [1, 5, 64, 67, 128] {
            let each: [&[u64]; LANES] = core::array::from_fn(|i| &exponents[3 * i..3 * i + 3]);
            let joined = each.map(|e| {
                let low = u128::from(e[0]) | u128::from(e[1]) << 64;
                let low = low & (u128::MAX >> (128 - bits));
                let high = [u128::from(e[2]) << (bits % 128), u128::from(e[2]) >> (128 - bits)];
                let high = if bits == 128 { [0, u128::from(e[2])] } else { high };
                [low | high[0], high[1]].map(|x| [x as u64, (x >> 64) as u64]).concat()
            });
            let (mut expected, mut got) = (base.clone(), base.clone());
            m.pow(&mut s, &mut expected, core::array::from_fn(|i| &joined[i][..]), 256);
            m.pow(&mut s, &mut got, each.map(|e| &e[2..]), 64);
            m.raise_onto(&mut s, &mut got, &base, each, bits);
            let [got, expected] = [got, expected].map(|x| ungroup(&m, &mut s, &x));
            assert!(got == expected, "{bits} bits, {}", isa.name());
        }
    }
}

#[test]
fn fixed_bases_equal_powers() {
    for isa in isa::available() {
        let n = modulus(1024, 6);
        let m = isa::with(isa, || Modulus::new(&n));
        let mut s = m.scratch();
        let base = reduced(&values(16, 1), &n);
        let mut residue = vec![0; m.limbs()];
        m.import(&mut s, &base, &mut residue);
        for (bits, window) in [(120, 6), (100, 1), (128, 8)] {
            let fixed = FixedBase::new(&m, &residue, bits, window);
            let mut exponents = values(16 * 2, 8);
            exponents[..4].copy_from_slice(&[0, 0, 1, 0]);
            for e in exponents.chunks_mut(2) {
                e[1] &= if bits == 128 { u64::MAX } else { (1 << (bits - 64)) - 1 };
            }
            let mut got = vec![Limbs::default(); 2 * m.limbs()];
            fixed.pow(&m, &mut s, &exponents, &mut got);
            for (exponents, got) in exponents.chunks(16).zip(got.chunks(m.limbs())) {
                let mut expected = group(&m, &mut s, &base.repeat(LANES));
                let each = core::array::from_fn(|i| &exponents[2 * i..2 * i + 2]);
                m.pow(&mut s, &mut expected, each, 128);
                let got = ungroup(&m, &mut s, got);
                assert!(got == ungroup(&m, &mut s, &expected), "{bits} bits, {}", isa.name());
            }
        }
    }
}

/// As the owner of a key takes them: exponents of 256 bits in 43 windows, which hold two bits more.
#[test]
fn fixed_bases_modulo_squares_equal_crypto_bigint() {
    let n = modulus(1024, 12);
    let square = words::square(&n);
    let base = reduced(&values(32, 13), &square);
    let mut exponents = values(LANES * 5, 14);
    let edges =
        [[0; 5], [1, 0, 0, 0, 0], [u64::MAX; 5], [u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0]];
    exponents[..20].copy_from_slice(&edges.concat());
    let power = |e: &[u64]| {
        let mut power = words_of(&BoxedUint::one(), square.len());
        for bit in (0..43 * 6).rev() {
            power = mul_mod(&power, &power, &square);
            if e[bit / 64] >> (bit % 64) & 1 == 1 {
                power = mul_mod(&power, &base, &square);
            }
        }
        power
    };
    let expected: Vec<u64> = exponents.chunks(5).flat_map(power).collect();
    for isa in isa::available() {
        let m = isa::with(isa, || Modulus::squared(&n));
        let mut s = m.scratch();
        let mut residue = vec![0; m.limbs()];
        m.import(&mut s, &base, &mut residue);
        let fixed = FixedBase::new(&m, &residue, 256, 6);
        assert_eq!(fixed.exponent_words(), 5);
        let mut got = vec![Limbs::default(); m.limbs()];
        fixed.pow(&m, &mut s, &exponents, &mut got);
        assert!(ungroup(&m, &mut s, &got) == expected, "{}", isa.name());
    }
}
