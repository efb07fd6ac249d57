/// Bytes of `n` values of `bits` each, packed without gaps.
pub const fn packed_len(n: usize, bits: u32) -> usize {
    (n * bits as usize).div_ceil(8)
}

/// Packs the low `bits` (1 to 64) of each value, least significant bit first, without gaps.
pub fn pack(values: &[u64], bits: u32) -> Vec<u8> {
    match bits {
        8 => values.iter().map(|v| *v as u8).collect(),
        16 => whole(values, |v| (v as u16).to_le_bytes()),
        32 => whole(values, |v| (v as u32).to_le_bytes()),
        64 => whole(values, u64::to_le_bytes),
        _ => dense(values, bits),
    }
}

fn whole<const N: usize>(values: &[u64], bytes: impl Fn(u64) -> [u8; N]) -> Vec<u8> {
    let mut out = vec![0; N * values.len()];
    for (to, v) in out.as_chunks_mut().0.iter_mut().zip(values) {
        *to = bytes(*v);
    }
    out
}

fn dense(values: &[u64], bits: u32) -> Vec<u8> {
    let mask = u64::MAX >> (64 - bits);
    let len = packed_len(values.len(), bits);
    let mut out = vec![0u8; len.next_multiple_of(8)];
    let (mut acc, mut fill) = (0, 0);
    let mut words = out.as_chunks_mut().0.iter_mut();
    let mut put = |word: u64| {
        if let Some(to) = words.next() {
            *to = word.to_le_bytes();
        }
    };
    for &v in values {
        let v = v & mask;
        acc |= v << fill;
        fill += bits;
        if fill >= 64 {
            put(acc);
            fill -= 64;
            // Shifting by 64 in two steps when nothing is left over.
            acc = v >> (bits - fill - 1) >> 1;
        }
    }
    put(acc);
    out.truncate(len);
    out
}

/// Inverse of [`pack`]: `n` values of `bits` each; bytes that are missing read as zero.
pub fn unpack(bytes: &[u8], bits: u32, n: usize) -> Vec<u64> {
    let mask = u64::MAX >> (64 - bits);
    let mut out = Vec::with_capacity(n);
    // A value of up to 57 bits lies within the eight bytes from its first on.
    if bits <= 57 {
        let fits =
            bytes.len().checked_sub(7).map_or(0, |starts| (8 * starts).div_ceil(bits as usize));
        out.extend((0..n.min(fits)).map(|i| {
            let at = i * bits as usize;
            bytes[at / 8..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b) >> (at % 8) & mask)
        }));
    }
    out.extend((out.len()..n).map(|i| read(bytes, i * bits as usize) & mask));
    out
}

/// The 64 bits from bit `at` on.
fn read(bytes: &[u8], at: usize) -> u64 {
    let from = &bytes[bytes.len().min(at / 8)..];
    let mut wide = [0; 16];
    let n = from.len().min(9);
    wide[..n].copy_from_slice(&from[..n]);
    (u128::from_le_bytes(wide) >> (at % 8)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(v in prop::collection::vec(any::<u64>(), 0..200), bits in 1u32..=64) {
            let mask = u64::MAX >> (64 - bits);
            let bytes = pack(&v, bits);
            prop_assert_eq!(bytes.len(), packed_len(v.len(), bits));
            let want: Vec<u64> = v.iter().map(|x| x & mask).collect();
            prop_assert_eq!(unpack(&bytes, bits, v.len()), want.clone());
            let zeros = unpack(&bytes[..bytes.len() / 2], bits, v.len());
            let whole = bytes.len() / 2 * 8 / bits as usize;
            prop_assert_eq!(&zeros[..whole], &want[..whole]);
            prop_assert!(zeros.iter().skip(whole + 1).all(|x| *x == 0));
        }
    }
}
