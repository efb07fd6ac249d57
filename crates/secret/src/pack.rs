/// Bytes of `n` values of `bits` each, packed without gaps.
pub const fn packed_len(n: usize, bits: u32) -> usize {
    (n * bits as usize).div_ceil(8)
}

/// Packs the low `bits` (1 to 64) of each value, least significant bit first, without gaps.
pub fn pack(values: &[u64], bits: u32) -> Vec<u8> {
    let mask = u64::MAX >> (64 - bits);
    let mut out = Vec::with_capacity(packed_len(values.len(), bits) + 8);
    let (mut acc, mut fill) = (0u128, 0u32);
    for &v in values {
        acc |= u128::from(v & mask) << fill;
        fill += bits;
        if fill >= 64 {
            out.extend_from_slice(&(acc as u64).to_le_bytes());
            acc >>= 64;
            fill -= 64;
        }
    }
    out.extend_from_slice(&(acc as u64).to_le_bytes());
    out.truncate(packed_len(values.len(), bits));
    out
}

/// Inverse of [`pack`]: `n` values of `bits` each; bytes that are missing read as zero.
pub fn unpack(bytes: &[u8], bits: u32, n: usize) -> Vec<u64> {
    let mask = u64::MAX >> (64 - bits);
    let mut words = bytes.chunks(8).map(|c| {
        let mut b = [0u8; 8];
        b[..c.len()].copy_from_slice(c);
        u64::from_le_bytes(b)
    });
    let (mut acc, mut fill) = (0u128, 0u32);
    (0..n)
        .map(|_| {
            if fill < bits {
                acc |= u128::from(words.next().unwrap_or(0)) << fill;
                fill += 64;
            }
            let v = acc as u64 & mask;
            acc >>= bits;
            fill -= bits;
            v
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(v in prop::collection::vec(any::<u64>(), 0..100), bits in 1u32..=64) {
            let mask = u64::MAX >> (64 - bits);
            let bytes = pack(&v, bits);
            prop_assert_eq!(bytes.len(), packed_len(v.len(), bits));
            let want: Vec<u64> = v.iter().map(|x| x & mask).collect();
            prop_assert_eq!(unpack(&bytes, bits, v.len()), want);
        }
    }
}
