//! Small conversions between XOR and additive shares, each one or two rounds.
//!
//! All are semi-honest; every message is masked by the pad of a fresh correlated transfer, so a
//! party sees uniform bits. Source: CrypTFlow2 section 3.1.1 (bit to ring), SIRNN section 3.2
//! (multiplexer, extension of values with a known sign).

use crate::Error;
use crate::twoparty::{Cots, Needs};
use sordino_ot::ring_cot;
use sordino_secret::{Bits, Party, Ring};
use sordino_wire::{Lane, Meter, Role};

/// Transfers of [`bit_to_ring`].
pub(crate) fn bit_to_ring_needs(n: usize, ring: Ring) -> Needs {
    if ring.bits() == 1 { Needs::NONE } else { Needs::server(n) }
}

/// Messages of [`bit_to_ring`]: `n` bits up, `n * (ring - 1)` bits down.
pub(crate) fn bit_to_ring_cost(m: &mut Meter, n: usize, ring: Ring) {
    if ring.bits() > 1 {
        ring_cot::cost(m, Role::Server, n, ring.bits() - 1);
    }
}

/// Additive shares of XOR-shared bits: `b0 ^ b1 = b0 + b1 - 2 b0 b1`, the product from one
/// transfer modulo half the ring.
pub(crate) fn bit_to_ring<P: Party>(
    lane: &mut Lane,
    bits: &Bits,
    ring: Ring,
    cots: &mut Cots,
) -> Result<Vec<u64>, Error> {
    let own: Vec<u64> = (0..bits.len()).map(|i| bits.get(i)).collect();
    if ring.bits() == 1 {
        return Ok(own);
    }
    let product = bit_product::<P>(lane, bits, Ring::new(ring.bits() - 1), cots)?;
    let sum = |(b, p): (&u64, &u64)| ring.reduce(b.wrapping_sub(p << 1));
    Ok(own.iter().zip(&product).map(sum).collect())
}

/// Additive shares of the product of the client's and the server's own bits.
fn bit_product<P: Party>(
    lane: &mut Lane,
    bits: &Bits,
    ring: Ring,
    cots: &mut Cots,
) -> Result<Vec<u64>, Error> {
    let taken = cots.split::<P>(Needs::server(bits.len()))?;
    Ok(match P::ROLE {
        Role::Server => {
            let corr: Vec<u64> = (0..bits.len()).map(|i| bits.get(i)).collect();
            ring_cot::send(lane, taken.send, &corr, ring.bits())?
        }
        Role::Client => ring_cot::recv(lane, taken.recv, bits, ring.bits())?,
    })
}

/// Transfers of [`mux`].
pub(crate) fn mux_needs(n: usize) -> Needs {
    Needs::both(n)
}

/// Messages of [`mux`]: an exchange of `n` bits, then one of `n * ring` bits.
pub(crate) fn mux_cost(m: &mut Meter, n: usize, ring: Ring) {
    ring_cot::cost_exchange(m, n, ring.bits());
}

/// Shares of `d * x` for an XOR-shared bit `d` and an additively shared `x`:
/// `d x_i = d_i x_i + d_j (1 - 2 d_i) x_i` for each party `i` with peer `j`.
pub(crate) fn mux<P: Party>(
    lane: &mut Lane,
    d: &Bits,
    x: &[u64],
    ring: Ring,
    cots: &mut Cots,
) -> Result<Vec<u64>, Error> {
    let taken = cots.split::<P>(Needs::both(x.len()))?;
    let signed = |i: usize, v: u64| {
        let d = d.get(i);
        v.wrapping_sub((v & d.wrapping_neg()) << 1)
    };
    let corr: Vec<u64> = x.iter().enumerate().map(|(i, &v)| ring.reduce(signed(i, v))).collect();
    let (sent, got) = ring_cot::exchange(lane, taken.send, taken.recv, &corr, d, ring.bits())?;
    let own = |i: usize| x[i] & d.get(i).wrapping_neg();
    Ok((0..x.len())
        .map(|i| ring.reduce(own(i).wrapping_add(sent[i]).wrapping_add(got[i])))
        .collect())
}

/// Transfers of [`extend_nonnegative`].
pub(crate) fn extend_needs(n: usize) -> Needs {
    Needs::server(n)
}

/// Messages of [`extend_nonnegative`]: `n` bits up, `n * (to - from)` bits down.
pub(crate) fn extend_cost(m: &mut Meter, n: usize, from: Ring, to: Ring) {
    ring_cot::cost(m, Role::Server, n, to.bits() - from.bits());
}

/// Shares in the larger ring `to` of a value known to be below `2^(from - 1)`: its shares wrap
/// exactly when one of them has its top bit set.
pub(crate) fn extend_nonnegative<P: Party>(
    lane: &mut Lane,
    y: &[u64],
    from: Ring,
    to: Ring,
    cots: &mut Cots,
) -> Result<Vec<u64>, Error> {
    let top = Bits::collect(y.iter().map(|&v| from.msb(v)));
    let both = bit_product::<P>(lane, &top, Ring::new(to.bits() - from.bits()), cots)?;
    let lift = |(&v, &b): (&u64, &u64)| {
        let wraps = from.msb(v).wrapping_sub(b);
        to.reduce(v.wrapping_sub(wraps << from.bits()))
    };
    Ok(y.iter().zip(&both).map(lift).collect())
}
