/// The low `ring` bits set, for `1 <= ring <= 64`.
#[inline]
pub fn mask(ring: u32) -> u64 {
    u64::MAX >> (64 - ring)
}

/// `v` modulo `2^ring`.
#[inline]
pub fn reduce(v: u64, ring: u32) -> u64 {
    v & mask(ring)
}

/// The word of `Z_2^ring` read as a two's-complement number; bits above the ring are ignored.
#[inline]
pub fn wrap(v: u64, ring: u32) -> i64 {
    let s = 64 - ring;
    ((v << s) as i64) >> s
}

/// The word that stands for an integer modulo `2^ring`.
#[inline]
pub fn encode(v: i64, ring: u32) -> u64 {
    reduce(v as u64, ring)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wrap_is_the_representative_nearest_zero(v: u64, ring in 1u32..=64) {
            let w = i128::from(wrap(v, ring));
            let modulus = 1i128 << ring;
            prop_assert!(-modulus / 2 <= w && w < modulus / 2);
            prop_assert_eq!((w - i128::from(v)).rem_euclid(modulus), 0);
            prop_assert_eq!(encode(wrap(v, ring), ring), reduce(v, ring));
        }
    }
}
