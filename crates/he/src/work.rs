//! What a layer takes to compute, in numbers of like operations: public, like its layout.

use crate::kernel::polynomials_within;
use crate::{ConvLayout, Params};

/// Operations of a convolution on ciphertexts. A residue is a coefficient of a polynomial modulo one of the primes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerWork {
    /// Residues of half a ciphertext, for each that the client encrypts and the server reads.
    pub inputs: usize,
    /// Residues of a product in the basis of decryption, for each result that the client decrypts.
    pub decrypted: usize,
    /// Outputs that the client reads.
    pub outputs: usize,
    /// Residues of half a ciphertext, for each result that the server re-randomises and rounds.
    pub results: usize,
    /// Residues of kernel polynomials that are transformed during evaluation.
    pub kernels: usize,
    /// Residues of weights that are put into them.
    pub weights: usize,
    /// Products of residues.
    pub products: usize,
    /// Products of residues by kernel polynomials in a power of X.
    pub scaled: usize,
}

impl LayerWork {
    /// Of a layer whose kernel polynomials were transformed when it was encoded as far as they fit into `kept` bytes.
    pub fn new(layout: &ConvLayout, kept: usize) -> Self {
        let (params, polynomials) = (layout.params(), layout.polynomials());
        let (residues, primes) = (residues(params), params.basis().primes().len());
        let made = polynomials - polynomials_within(layout, kept);
        let products = 2 * layout.products() * residues;
        let whole = layout.run() == 1;
        let weights = (layout.shape().kernel_len() * primes) as u128 * made as u128;
        Self {
            inputs: layout.up_ciphertexts() * residues,
            decrypted: layout.down_ciphertexts()
                * params.decryption().primes().len()
                * params.degree(),
            outputs: layout.output_len(),
            results: layout.down_ciphertexts() * residues,
            kernels: made * layout.kernel_values() * primes,
            weights: (weights / polynomials.max(1) as u128) as usize,
            products: if whole { products } else { 0 },
            scaled: if whole { 0 } else { products },
        }
    }
}

/// Residues of a polynomial.
pub fn residues(params: &Params) -> usize {
    params.degree() * params.basis().primes().len()
}
