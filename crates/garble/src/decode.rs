use crate::garbler::{Seeds, fresh};
use crate::{Base, Error, Labels, Offsets, Prime};
use sordino_kernels::{Block, digits};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What a garbler keeps of a circuit until its input is known: the seed, and the outputs' zero
/// labels. Not `Clone`: it encodes one input.
///
/// ```compile_fail
/// # fn f(s: sordino_garble::Secret, b: sordino_garble::Base) {
/// let first = s.encode(&b, &[], &b);
/// let second = s.encode(&b, &[], &b); // a second input would give the offsets away
/// # }
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    seed: [u8; 32],
    outputs: Vec<Block>,
}

impl Secret {
    /// Of a garbled circuit with these output labels, one tensor per prime of their base.
    pub fn new(seed: [u8; 32], outputs: &[Labels]) -> Self {
        Self { seed, outputs: outputs.iter().flat_map(Labels::pack).collect() }
    }

    /// For storage: secret bytes.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(32 + 16 * self.outputs.len()));
        bytes.extend_from_slice(&self.seed);
        bytes.extend_from_slice(bytemuck::cast_slice(&self.outputs));
        bytes
    }

    /// From storage.
    ///
    /// # Errors
    /// [`Error::Config`] when the bytes are not of this form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let split = bytes.split_first_chunk::<32>().filter(|(_, rest)| rest.len() % 16 == 0);
        let Some((seed, rest)) = split else {
            return Err(Error::Config("a stored circuit's secret is damaged".into()));
        };
        let (blocks, _) = rest.as_chunks::<16>();
        let outputs = blocks.iter().map(|b| Block(u128::from_le_bytes(*b))).collect();
        Ok(Self { seed: *seed, outputs })
    }

    /// Active labels of the input, and what decodes the output.
    ///
    /// `residues[i]` are the input's values modulo `input.primes()[i]`.
    ///
    /// # Errors
    /// [`Error::Config`] when the secret is that of a circuit with other outputs.
    pub fn encode(
        self,
        input: &Base,
        residues: &[Vec<u8>],
        output: &Base,
    ) -> Result<(Vec<Labels>, Decoder), Error> {
        let seeds = Seeds::new(&self.seed);
        let offsets = Offsets::new(seeds.offsets);
        let mut first = 0;
        let mut labels = Vec::new();
        for (&p, values) in input.primes().iter().zip(residues) {
            let mut x = fresh(seeds.labels, first, p, values.len());
            first += values.len() as u64;
            digits::add_each(p.radix(), x.digits_mut(), values, offsets.get(p));
            labels.push(x);
        }
        let n = output.primes().len();
        if n == 0 || !self.outputs.len().is_multiple_of(n) {
            return Err(Error::Config("a stored circuit belongs to another network".into()));
        }
        let zeros = self
            .outputs
            .chunks_exact((self.outputs.len() / n).max(1))
            .zip(output.primes())
            .map(|(blocks, &p)| Labels::unpack(p, blocks))
            .collect();
        Ok((labels, Decoder { base: output.clone(), offsets, zeros }))
    }
}

/// Turns output labels into values; used once.
pub struct Decoder {
    base: Base,
    offsets: Offsets,
    zeros: Vec<Labels>,
}

impl Decoder {
    /// Moduli of the output's labels.
    pub fn primes(&self) -> &[Prime] {
        self.base.primes()
    }

    /// Number of output values.
    pub fn len(&self) -> usize {
        self.zeros.first().map_or(0, Labels::len)
    }

    /// Whether there is no output.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values of the output.
    ///
    /// *Security*: a label is accepted only if it equals the zero label plus its value times the
    /// offset in every digit. An evaluator that makes another value's label has guessed an offset.
    ///
    /// # Errors
    /// [`Error::Forged`] when a label is not one of the output's.
    pub fn decode(self, labels: &[Labels]) -> Result<Vec<i128>, Error> {
        if labels.len() != self.zeros.len() {
            return Err(Error::Forged);
        }
        let mut residues = vec![Vec::new(); self.len()];
        let mut differs = 0;
        for (zero, label) in self.zeros.iter().zip(labels) {
            let p = zero.prime();
            if label.prime() != p || label.len() != zero.len() {
                return Err(Error::Forged);
            }
            let n = p.digits();
            let colours = label.digits().chunks_exact(n).zip(zero.digits().chunks_exact(n));
            let values: Vec<u8> = colours.map(|(l, z)| p.plus(l[0], p.minus(z[0]))).collect();
            let mut expected = Labels::from_digits(p, zero.digits().to_vec());
            digits::add_each(p.radix(), expected.digits_mut(), &values, self.offsets.get(p));
            // All digits are compared, so that time does not show where they differ.
            let pairs = expected.digits().iter().zip(label.digits());
            differs |= pairs.fold(0, |d, (a, b)| d | (a ^ b));
            residues.iter_mut().zip(values).for_each(|(r, v)| r.push(v));
        }
        if differs != 0 {
            return Err(Error::Forged);
        }
        Ok(residues.iter().map(|r| self.base.centred(r)).collect())
    }
}
