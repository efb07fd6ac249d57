//! No modulus but the allowed primes: a composite one gives the offset away.
use sordino_garble::Prime;

fn main() {
    let _ = Prime(86);
}
