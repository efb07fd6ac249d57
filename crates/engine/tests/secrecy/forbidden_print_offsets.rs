//! Offsets cannot be printed.
use sordino_garble::Offsets;

fn print(offsets: &Offsets) {
    println!("{offsets:?}");
}

fn main() {}
