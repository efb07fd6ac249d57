use sordino_kernels::Block;
use sordino_kernels::prg::Prg;
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use crate::ring::{Poly, ternary, uniform, words};
use crate::{Error, Params, codec};

/// The client's keys for one session: the secret key s, and the public key that the server re-randomises with.
///
/// Zeroised when dropped.
///
/// *Security*: s is uniform ternary; the public key (a, e - a s) is one RLWE sample.
pub struct ClientKeys {
    params: Params,
    /// s in the transformed domain, modulo q and in the basis of decryption.
    secret: [Poly; 2],
    public: Vec<u8>,
}

impl ClientKeys {
    /// Fresh keys.
    pub fn generate(params: &Params, rng: &mut SecretRng) -> Self {
        let seed = Zeroizing::new(rng.block());
        let secret = [params.basis(), params.decryption()].map(|basis| {
            let mut secret = ternary(basis, &mut Prg::new(*seed));
            basis.forward(&mut secret);
            secret
        });
        let mut prg = Prg::new(rng.block());
        let seed = rng.block();
        let public = encrypt_zero(params, &secret[0], seed, &mut prg);
        let public = codec::write_input(params, seed, &public);
        Self { params: params.clone(), secret, public }
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The public key as bytes, [`public_key_len`] of them: a seed, and a polynomial modulo q.
    pub fn public_key(&self) -> &[u8] {
        &self.public
    }

    /// s modulo q, transformed.
    pub(crate) fn secret(&self) -> &Poly {
        &self.secret[0]
    }

    /// s in the basis of decryption, transformed.
    pub(crate) fn decryption(&self) -> &Poly {
        &self.secret[1]
    }
}

/// Bytes of a public key.
pub fn public_key_len(params: &Params) -> usize {
    codec::input_len(params)
}

/// `e - c1 s` with c1 the uniform polynomial of the seed, as coefficients.
pub(crate) fn encrypt_zero(params: &Params, secret: &Poly, seed: Block, prg: &mut Prg) -> Poly {
    let basis = params.basis();
    let mut product = basis.zero();
    basis.mul_acc(&mut product, &uniform(basis, seed), secret);
    basis.inverse(&mut product);
    basis.neg(&mut product);
    basis.add_error(&mut product, &words(prg, basis.n()));
    product
}

/// The client's public key as the server holds it.
pub struct ServerKeys {
    params: Params,
    /// e - a s and a, in the transformed domain.
    pub(crate) public: [Poly; 2],
}

impl ServerKeys {
    /// Reads the client's public key.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] when the length is wrong or a residue is not reduced.
    pub fn from_bytes(params: &Params, bytes: &[u8]) -> Result<Self, Error> {
        let (seed, mut b) = codec::read_input(params, bytes, "public key")?;
        params.basis().forward(&mut b);
        Ok(Self { params: params.clone(), public: [b, uniform(params.basis(), seed)] })
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }
}
