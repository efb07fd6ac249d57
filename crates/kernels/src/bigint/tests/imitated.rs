//! The 52-bit integer arithmetic on imitated multiply-adds, for machines without IFMA.

use super::super::wide::{self, Constants};
use super::*;
use crate::isa::Isa;

#[test]
fn integer_products_equal_those_of_doubles() {
    #[target_feature(enable = "avx512f,avx512dq")]
    fn run(c: &Constants, task: Task<'_>, scratch: &mut [Limbs], out: &mut [Limbs]) {
        // SAFETY: the features of the multiplier, with imitated multiply-adds, are enabled here.
        unsafe {
            wide::run::<multipliers::Integers<crate::ntt::Imitated>>(c, task, scratch, out);
        }
    }

    if !isa::available().contains(&Isa::Avx512) {
        return;
    }
    for bits in [512, 1024, 2048, 3072] {
        for n in [modulus(bits, 4), extreme(bits)] {
            for (m, modulus) in isa::with(Isa::Avx512, || both(&n)) {
                let (mut s, length) = (m.scratch(), m.limbs() / m.numbers);
                let constants = Constants::new(&n, length, |a, out| out.copy_from_slice(a));
                let [a, b] = [1, 2].map(|seed| group(&m, &mut s, &eight(&modulus, seed)));
                let mut residue = vec![0; m.limbs()];
                m.scatter(&b, 2, &mut residue);
                let weight = m.weight(&mut s, &residue);
                // The fullest columns: residues of numbers near 8 n, and sums of the longest numbers.
                let ones = vec![Limbs([(1 << 52) - 1; LANES]); PARTS * length];
                let full = raw::fullest(&m, &n);
                let mut work = vec![Limbs::default(); 3 * m.limbs()];
                let (mut got, mut expected) = (a.clone(), a.clone());
                for task in [
                    Task::Product(&a, &b),
                    Task::Square(&b),
                    Task::Value(&a),
                    Task::Product(&full, &full),
                    Task::Square(&full),
                    Task::Value(&full),
                    Task::Sum(&ones, &m.powers),
                    Task::Sum(&ones[..2 * length], &weight.0),
                ] {
                    m.run(&mut work, task, &mut expected);
                    // SAFETY: AVX-512 is available.
                    unsafe { run(&constants, task, &mut work, &mut got) };
                    assert!(got == expected, "{bits} bits");
                }
            }
        }
    }
}
