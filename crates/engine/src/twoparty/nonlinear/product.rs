//! Product of two shared vectors (Gilboa): the cross terms by transfers with shrinking messages.
//!
//! Cost per element and cross term in Z_2^l: `l` transfers with the server as sender, messages of
//! `l, l-1, .., 1` bits; a square has one cross term modulo half the ring. One round.
//! Security: semi-honest; messages are masked by fresh transfers. Source: Gilboa (CRYPTO 1999),
//! with the message widths of CrypTFlow2 section 4.1.

use crate::Error;
use crate::twoparty::stock::{Part, Stock};
use sordino_ot::product;
use sordino_secret::{Party, Ring};
use sordino_wire::{Lane, Meter, Role};

/// Number of cross products and their ring for `n` elements.
fn shape(n: usize, ring: Ring, square: bool) -> (usize, u32) {
    if square { (n, ring.bits() - 1) } else { (2 * n, ring.bits()) }
}

/// What `n` elements use up.
pub(crate) fn parts(n: usize, ring: Ring, square: bool) -> Vec<Part> {
    let (count, bits) = shape(n, ring, square);
    vec![Part::Ring { sender: Role::Server, n: product::cots_needed(count, bits, bits), bits }]
}

/// Messages for `n` elements.
pub(crate) fn cost(m: &mut Meter, n: usize, ring: Ring, square: bool) {
    let (count, bits) = shape(n, ring, square);
    product::cost(m, Role::Server, count, bits, bits);
}

/// Shares of `a * b`, or of `a * a` when `b` is `None`.
pub(crate) fn product<P: Party>(
    lane: &mut Lane,
    a: &[u64],
    b: Option<&[u64]>,
    ring: Ring,
    stock: &mut Stock,
) -> Result<Vec<u64>, Error> {
    let (_, bits) = shape(a.len(), ring, b.is_none());
    // The client's factors meet the server's in the other order: a_c * b_s, then b_c * a_s.
    let own: Vec<u64> = match (P::ROLE, b) {
        (_, None) => a.to_vec(),
        (Role::Client, Some(b)) => [a, b].concat(),
        (Role::Server, Some(b)) => [b, a].concat(),
    };
    let cross = match P::ROLE {
        Role::Server => product::send(lane, stock.ring_out()?, &own, bits, bits)?,
        Role::Client => product::recv(lane, stock.ring_in()?, &own, bits, bits)?,
    };
    let n = a.len();
    Ok((0..n)
        .map(|i| match b {
            None => ring.reduce(a[i].wrapping_mul(a[i]).wrapping_add(cross[i] << 1)),
            Some(b) => {
                let own = a[i].wrapping_mul(b[i]);
                ring.reduce(own.wrapping_add(cross[i]).wrapping_add(cross[n + i]))
            }
        })
        .collect())
}
