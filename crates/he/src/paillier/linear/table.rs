//! Odd multiples of the inputs of a row, and of their inverses.

use rayon::prelude::*;
use sordino_kernels::bigint::{LANES, Limbs};

use super::super::{PublicKey, batch};
use super::schedule::Operand;
use super::{Cost, Linear};
use crate::Error;

/// Ciphertexts to the powers 1, 3, 5, ..., for each input of one row of all channels and each sign.
pub(super) struct Table {
    residues: Vec<u64>,
    limbs: usize,
    /// Inputs of a row of one channel, and rows of a channel.
    line: [usize; 2],
    signs: usize,
    multiples: usize,
}

/// What it takes.
pub(super) fn cost(linear: &Linear) -> Cost {
    let groups = linear.layout.inputs_of_row().div_ceil(LANES) as u64;
    let mut cost = Cost::default();
    if linear.negates {
        cost.products += 3 * groups;
    }
    if linear.multiples > 1 {
        let signs = 1 + u64::from(linear.negates);
        cost.squares += signs * groups;
        cost.products += signs * groups * (linear.multiples - 1) as u64;
    }
    cost
}

impl Table {
    /// The table of a row.
    pub(super) fn new(
        linear: &Linear,
        key: &PublicKey,
        inputs: &[u64],
        row: usize,
    ) -> Result<Self, Error> {
        let modulus = &key.0.modulus;
        let (limbs, layout) = (modulus.limbs(), &linear.layout);
        let line = layout.line();
        let own = (0..layout.shape().cin as usize).flat_map(|channel| {
            let first = (channel * line[1] + row) * line[0] * limbs;
            &inputs[first..first + line[0] * limbs]
        });
        let own: Vec<u64> = own.copied().collect();
        let inverse = if linear.negates {
            let what = "Paillier ciphertext: not invertible";
            let inverse = batch::invert(modulus, &key.0.square, &own);
            Some(inverse.ok_or(Error::PeerMisbehaved { what })?)
        } else {
            None
        };
        let (signs, multiples) = (1 + usize::from(linear.negates), linear.multiples);
        let table = Self { residues: Vec::new(), limbs, line, signs, multiples };
        if signs * multiples == 1 {
            return Ok(Self { residues: own, ..table });
        }
        let count = own.len() / limbs;
        let mut residues = vec![0; own.len() * signs * multiples];
        residues.par_chunks_mut(LANES * signs * multiples * limbs).enumerate().for_each_init(
            || (modulus.scratch(), [(); 2].map(|()| vec![Limbs::default(); limbs])),
            |(scratch, [power, square]), (i, out)| {
                for (sign, from) in [Some(&own), inverse.as_ref()].into_iter().flatten().enumerate()
                {
                    modulus.gather(from, batch::lanes(i, count), power);
                    if multiples > 1 {
                        square.copy_from_slice(power);
                        modulus.square_assign(scratch, square, 1);
                    }
                    for multiple in 0..multiples {
                        if multiple > 0 {
                            modulus.mul_assign(scratch, power, square);
                        }
                        let places = out.chunks_exact_mut(limbs).skip(sign * multiples + multiple);
                        for (lane, residue) in places.step_by(signs * multiples).enumerate() {
                            modulus.scatter(power, lane, residue);
                        }
                    }
                }
            },
        );
        Ok(Self { residues, ..table })
    }

    /// The residue that an operand means; the row is this one.
    pub(super) fn residue(&self, operand: &Operand) -> &[u64] {
        let (channel, piece) =
            (operand.input / self.line[0] / self.line[1], operand.input % self.line[0]);
        let input = channel * self.line[0] + piece;
        let sign = usize::from(operand.negative);
        let at = (input * self.signs + sign) * self.multiples + operand.multiple;
        &self.residues[at * self.limbs..(at + 1) * self.limbs]
    }
}
