//! A share cannot be printed.
use sordino_secret::{Client, Ring, Share};

fn main() {
    println!("{:?}", Share::<Client>::zero(4, Ring::new(8)));
}
