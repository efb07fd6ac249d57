//! A generator has no copies: two would repeat a mask.
use sordino_secret::SecretRng;

fn copy(rng: &SecretRng) -> SecretRng {
    rng.clone()
}

fn main() {}
