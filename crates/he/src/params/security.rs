//! How large q may be for 128-bit security.

/// (n, bits of q) for 128-bit security against classical attacks with a uniform ternary secret and errors of standard
/// deviation 8 / sqrt(2 pi) = 3.19 or more.
///
/// *Source*: Albrecht et al., "Homomorphic Encryption Standard", HomomorphicEncryption.org, 21 November 2018
/// (eprint 2019/939), Table 1, distribution (-1, 1), security level 128; computed there with the LWE estimator as the
/// least over the uSVP, decoding and dual attacks.
pub(crate) const MAX_LOG_Q: [(usize, u32); 3] = [(4096, 109), (8192, 218), (16384, 438)];

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole column of the table, n = 1024 to 32768: ours is a part of it, and bits of q per dimension do not
    /// grow.
    #[test]
    fn limits_are_those_of_the_standard() {
        let table = [(1024, 27), (2048, 54), (4096, 109), (8192, 218), (16384, 438), (32768, 881)];
        assert_eq!(MAX_LOG_Q, table[2..5]);
        for (n, bits) in table {
            assert!(f64::from(bits) / n as f64 <= 0.0269);
        }
    }
}
