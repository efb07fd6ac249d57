//! Labels cannot be printed.
use sordino_garble::Labels;

fn print(labels: &Labels) {
    println!("{labels:?}");
}

fn main() {}
