//! A circuit's secret encodes one input.
use sordino_engine::garbled::Circuit;
use sordino_garble::Secret;

fn twice(circuit: &Circuit, secret: Secret) {
    let _ = circuit.encode(secret, &[1]);
    let _ = circuit.encode(secret, &[2]);
}

fn main() {}
