//! A server that deviates: the garbler ends with an error or with the right answer.

use crate::common::garbled::{LIMITS, STREAMED};
use crate::common::{Deployed, both, input, mentions};
use crate::{infer, prepare, stored, tiny};
use sordino_engine::garbled::Circuit;
use sordino_engine::{Error, Silent};
use sordino_garble::{Error::Forged, Labels, Secret, Tables};
use sordino_kernels::Block;
use sordino_secret::SecretRng;
use sordino_store::{Id, Store};
use sordino_wire::{Dir, Fault, Lane};

/// Every significant bit of every output label.
#[test]
fn no_damaged_output_label_is_accepted() {
    let circuit = Circuit::new(&tiny(1)).unwrap();
    let garbled = Once::new(&circuit);
    let output = garbled.evaluate(|_| {});
    let mut accepted = 0;
    let mut padding = 0;
    for (i, labels) in output.iter().enumerate() {
        let blocks = labels.pack();
        let bits = u8::BITS - (labels.prime().get() - 1).leading_zeros();
        padding += blocks.len() * (128 - labels.prime().digits() * bits as usize);
        for (at, bit) in (0..blocks.len()).flat_map(|at| (0..128).map(move |bit| (at, bit))) {
            let mut damaged = blocks.clone();
            damaged[at].0 ^= 1 << bit;
            let damaged = Labels::unpack(labels.prime(), &damaged);
            let copies = output.iter().enumerate();
            let labels: Vec<Labels> =
                copies.map(|(j, l)| if i == j { damaged.scale(1) } else { l.scale(1) }).collect();
            accepted += usize::from(garbled.judge(&labels));
        }
    }
    assert_eq!(accepted, padding, "of the bits, only those beyond the digits do not matter");
}

#[test]
fn no_damaged_row_makes_a_wrong_answer() {
    let circuit = Circuit::new(&tiny(1)).unwrap();
    let garbled = Once::new(&circuit);
    let mut noticed = 0;
    for row in 0..garbled.rows.len() {
        for bit in [0, 120, row % 128] {
            let output = garbled.evaluate(|rows| rows[row].0 ^= 1 << bit);
            noticed += usize::from(!garbled.judge(&output));
        }
    }
    assert!(noticed > garbled.rows.len() / 16, "{noticed} of {}", 3 * garbled.rows.len());
}

/// A circuit whose one secret the test repeats, to ask what each deviation would have led to.
struct Once<'a> {
    circuit: &'a Circuit,
    rows: Vec<Block>,
    secret: Vec<u8>,
    input: Vec<u64>,
    want: Vec<u64>,
}

const ID: Block = Block(11);

impl<'a> Once<'a> {
    fn new(circuit: &'a Circuit) -> Self {
        let mut rng = SecretRng::from_os().unwrap();
        let (rows, secret) = circuit.garble(ID, &mut rng, Vec::new(), &mut Silent).unwrap();
        let input = input(&tiny(1), 4);
        let want = sordino_engine::run_clear(&tiny(1), &input).unwrap();
        Self { circuit, rows, secret: secret.to_bytes().to_vec(), input, want }
    }

    fn secret(&self) -> Secret {
        Secret::from_bytes(&self.secret).unwrap()
    }

    fn evaluate(&self, damage: impl FnOnce(&mut [Block])) -> Vec<Labels> {
        let (labels, _) = self.circuit.encode(self.secret(), &self.input).unwrap();
        let mut rows = self.rows.clone();
        damage(&mut rows);
        self.circuit.evaluate(ID, Tables::new(rows), labels, &mut Silent).unwrap()
    }

    /// Whether the garbler accepts these labels; fails if it does with a wrong answer.
    fn judge(&self, output: &[Labels]) -> bool {
        let (_, decoder) = self.circuit.encode(self.secret(), &self.input).unwrap();
        match self.circuit.decode(decoder, output) {
            Ok(y) => {
                assert_eq!(y, self.want);
                true
            }
            Err(e) => {
                assert!(matches!(e, Error::Garble(Forged)), "{e}");
                false
            }
        }
    }
}

/// The last message of an inference, damaged on its way.
#[test]
fn a_damaged_answer_is_noticed_and_the_session_goes_on() {
    let deployed = stored(LIMITS);
    let x = input(deployed.plain(), 1);
    prepare(&deployed);
    let server = |mut lane: Lane| {
        lane.record();
        // Answer, ways, graph, card, weights, and the status of circuit and request come before.
        lane.inject(7, Fault::Flip { bit: 77 });
        let end = deployed.server(&mut lane);
        (end, lane.transcript())
    };
    let client = |lane| {
        let mut session = deployed.connect(lane).unwrap();
        let told = session.infer(&x, &mut Silent).unwrap_err();
        let y = session.infer(&x, &mut Silent).unwrap();
        session.finish().unwrap();
        (told, y)
    };
    let ((told, y), (end, transcript)) = both(client, server);
    let sent = transcript.messages().iter().filter(|m| m.dir == Dir::Down).nth(7);
    assert_eq!(sent.unwrap().kind.name(), "output labels");
    assert!(matches!(told, Error::Garble(Forged)), "{told}");
    end.unwrap();
    assert_eq!(y, deployed.reference(&x));
}

fn read(store: &Store, id: Id) -> Vec<u8> {
    let mut entry = store.claim(&id).unwrap();
    std::iter::from_fn(|| entry.next_chunk(1 << 20).unwrap()).flatten().collect()
}

/// Entries that the store finds in order, under the right id, with other tables.
#[test]
fn exchanged_tables_are_noticed() {
    for limits in [LIMITS, STREAMED] {
        let deployed = stored(limits);
        let x = input(deployed.plain(), 6);
        let ids = [prepare(&deployed), prepare(&deployed)];
        let tables = ids.map(|id| read(&deployed.stores().theirs, id));
        let dir = tempfile::tempdir().unwrap();
        let other = Store::open(&dir.path().join("other")).unwrap();
        let label = *deployed.circuit().fingerprint();
        let put = |id, tables: &[u8]| {
            let mut writer = other.create(id, "garbled-circuit", label).unwrap();
            writer.append(tables).unwrap();
            writer.commit().unwrap();
        };
        put(ids[0], &tables[1]);
        put(ids[1], &tables[0]);
        for _ in ids {
            let client = |lane| {
                let mut session = deployed.connect(lane).unwrap();
                let told = session.infer(&x, &mut Silent).unwrap_err();
                session.finish().unwrap();
                told
            };
            let server = |mut lane: Lane| deployed.serve_from(&mut lane, Some(&other));
            let (told, server) = both(client, server);
            assert!(matches!(told, Error::Garble(Forged)), "{told}");
            server.unwrap();
        }
    }
}

/// Entries that the store finds in order, but whose tables end too early.
#[test]
fn tables_that_end_early_are_an_error() {
    for limits in [LIMITS, STREAMED] {
        let deployed = stored(limits);
        let x = input(deployed.plain(), 6);
        let id = prepare(&deployed);
        let tables = read(&deployed.stores().theirs, id);
        let dir = tempfile::tempdir().unwrap();
        let other = Store::open(&dir.path().join("other")).unwrap();
        let label = *deployed.circuit().fingerprint();
        let mut writer = other.create(id, "garbled-circuit", label).unwrap();
        writer.append(&tables[..tables.len() - 16]).unwrap();
        writer.commit().unwrap();
        let client = |lane| deployed.client(lane, std::slice::from_ref(&x)).err();
        let server = |mut lane: Lane| deployed.serve_from(&mut lane, Some(&other));
        let (told, server) = both(client, server);
        mentions(told.unwrap(), &["aborted"]);
        mentions(server.unwrap_err(), &["do not fit the circuit"]);
        // Back at its own store, the server has no tables, and the garbler makes new ones.
        assert_eq!(infer(&deployed, &x).0.unwrap(), deployed.reference(&x));
    }
}
