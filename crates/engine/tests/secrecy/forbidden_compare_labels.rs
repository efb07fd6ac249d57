//! Labels cannot be compared: a branch on a zero label is a leak.
use sordino_garble::Labels;

fn same(a: &Labels, b: &Labels) -> bool {
    a == b
}

fn main() {}
