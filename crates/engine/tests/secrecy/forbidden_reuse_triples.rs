//! Multiplication triples are used once.
use sordino_ot::triple::BitTriples;

fn twice(triples: BitTriples) -> (BitTriples, BitTriples) {
    (triples, triples)
}

fn main() {}
