use super::{Circuit, party};
use crate::Error;
use crate::walk::Progress;
use sordino_garble::{Decoder, Evaluator, Garbler, Labels, Secret, Sink, Source, Tables};
use sordino_graph::fixed::semantics::{encode, wrap};
use sordino_kernels::Block;
use sordino_secret::SecretRng;

impl Circuit {
    /// Garbles circuit number `id`, public and never used before, with a fresh secret seed; the
    /// tables go to `sink`. Memory: the widest cut of the
    /// graph in labels, and 32 MiB of tables.
    pub fn garble<S: Sink>(
        &self,
        id: Block,
        rng: &mut SecretRng,
        sink: S,
        progress: &mut dyn Progress,
    ) -> Result<(S, Secret), Error> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let mut garbler = Garbler::new(&seed, id, sink);
        let len = self.graph.edges[self.graph.input.0 as usize].len();
        let input: Vec<Labels> =
            self.input().primes().iter().map(|&p| garbler.input(p, len)).collect();
        let output = party::run(self, &mut garbler, input, progress)?;
        Ok((garbler.finish(), Secret::new(seed, &output)))
    }

    /// Evaluates circuit number `id` on active labels; the tables come from `source`.
    pub fn evaluate<S: Source>(
        &self,
        id: Block,
        source: S,
        input: Vec<Labels>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Labels>, Error> {
        let mut evaluator = Evaluator::new(source, id, self.input_labels());
        party::run(self, &mut evaluator, input, progress)
    }

    /// Labels of an encoded input, and what decodes the output.
    ///
    /// # Errors
    /// [`Error::Config`] for another number of values, or values beyond the input's range.
    pub fn encode(&self, secret: Secret, words: &[u64]) -> Result<(Vec<Labels>, Decoder), Error> {
        let values = self.values(words)?;
        let residues: Vec<Vec<u8>> = self
            .input()
            .primes()
            .iter()
            .map(|p| values.iter().map(|&v| p.residue_signed(v)).collect())
            .collect();
        Ok(secret.encode(self.input(), &residues, self.output())?)
    }

    /// The integers of an encoded input. Errors as [`Self::encode`].
    pub(super) fn values(&self, words: &[u64]) -> Result<Vec<i64>, Error> {
        let edge = &self.graph.edges[self.graph.input.0 as usize];
        if words.len() != edge.len() {
            return Err(Error::Config(format!(
                "the network takes {} input values, {} were given",
                edge.len(),
                words.len()
            )));
        }
        let values: Vec<i64> = words.iter().map(|&w| wrap(w, edge.ring)).collect();
        if values.iter().any(|v| !(edge.lo..=edge.hi).contains(v)) {
            return Err(Error::Config(format!(
                "an input value lies outside {}..={}, for which the circuit was planned",
                edge.lo, edge.hi
            )));
        }
        Ok(values)
    }

    /// Output words from the labels that came back.
    ///
    /// # Errors
    /// [`Error::Garble`] when a label is not one of the output's.
    pub fn decode(&self, decoder: Decoder, labels: &[Labels]) -> Result<Vec<u64>, Error> {
        let ring = self.graph.edges[self.graph.output.0 as usize].ring;
        let values = decoder.decode(labels)?;
        Ok(values.into_iter().map(|v| encode(v as i64, ring)).collect())
    }
}

/// Garbles, evaluates and decodes in one process: encoded input words in, output words out.
pub fn run_garbled(
    circuit: &Circuit,
    input: &[u64],
    progress: &mut dyn Progress,
) -> Result<Vec<u64>, Error> {
    let mut rng = SecretRng::from_os()?;
    let rows = Tables::new(vec![Block::ZERO; circuit.rows() as usize]);
    let id = rng.block();
    let (tables, secret) = circuit.garble(id, &mut rng, rows, progress)?;
    let (labels, decoder) = circuit.encode(secret, input)?;
    let output = circuit.evaluate(id, Tables::new(tables.into_rows()), labels, progress)?;
    circuit.decode(decoder, &output)
}
