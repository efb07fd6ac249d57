//! A circuit's secret cannot be printed.
use sordino_garble::Secret;

fn print(secret: &Secret) {
    println!("{secret:?}");
}

fn main() {}
