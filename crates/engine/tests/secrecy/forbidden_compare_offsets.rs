//! Offsets cannot be compared.
use sordino_garble::Offsets;

fn same(a: &Offsets, b: &Offsets) -> bool {
    a == b
}

fn main() {}
