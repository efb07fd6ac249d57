//! Bit multiplication triples and secure AND.
//!
//! *What*: a vector triple is a xor-shared bit `a`, `width` xor-shared bits `b[j]`, and shares of all `a & b[j]`. It
//! turns the AND of one shared bit with `width` others into one opening of `1 + width` bits per party.
//!
//! *Cost*: one COT in each direction per vector triple, whatever the width; nothing is sent to make them.
//!
//! *Security*: semi-honest, from correlation robustness of the hash.
//!
//! *Source*: Asharov, Lindell, Schneider, Zohner, "More efficient oblivious transfer and extensions for faster secure
//! computation", CCS 2013 (triples from two random OTs); Beaver, CRYPTO 1991 (their use). The vector form
//! hashes to `width` bits in place of one.

use sordino_kernels::{Wiped, transpose};
use sordino_secret::Bits;
use sordino_wire::{Lane, Masked, Meter, Role};

use crate::error::{expect_len, expect_range};
use crate::{Error, ReceiverCots, SenderCots, kinds};

/// Keys hashed at a time, so that they stay in cache; a multiple of 64.
const BATCH: usize = 1024;

/// One party's shares of `len()` vector triples: `c[j] = a & b[j]` on the xor of both parties' shares.
///
/// Consumed by [`and`], not `Clone`, zeroised on drop.
pub struct BitTriples {
    a: Bits,
    b: Vec<Bits>,
    c: Vec<Bits>,
}

impl BitTriples {
    /// How many vector triples.
    pub fn len(&self) -> usize {
        self.a.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.a.is_empty()
    }

    /// Bits `b` per bit `a`.
    pub fn width(&self) -> u32 {
        self.b.len() as u32
    }

    /// None, with room for `n`, to be extended.
    ///
    /// *Errors*: if the width is out of range.
    pub fn empty(n: usize, width: u32) -> Result<Self, Error> {
        check_width(width)?;
        let none = || (0..width).map(|_| Bits::with_capacity(n)).collect();
        Ok(Self { a: Bits::with_capacity(n), b: none(), c: none() })
    }

    /// Appends `more`.
    ///
    /// *Errors*: if the widths differ.
    pub fn extend(&mut self, more: Self) -> Result<(), Error> {
        expect_len("width of bit triples", more.b.len(), self.b.len())?;
        for (bits, more) in self.each_mut().zip(more.each()) {
            bits.extend(more);
        }
        Ok(())
    }

    /// Bytes of [`write`](Self::write) for `n` vector triples.
    pub const fn stored_len(n: usize, width: u32) -> usize {
        (1 + 2 * width as usize) * n.div_ceil(8)
    }

    /// Appends the shares to `out`, for a store of secrets.
    pub fn write(self, out: &mut Vec<u8>) {
        self.each().for_each(|bits| out.extend(bits.to_bytes()));
    }

    /// `n` vector triples from what [`write`](Self::write) wrote.
    ///
    /// *Errors*: if the width is out of range or the length is wrong.
    pub fn read(n: usize, width: u32, bytes: &[u8]) -> Result<Self, Error> {
        let mut triples = Self::empty(0, width)?;
        expect_len("stored triples", bytes.len(), Self::stored_len(n, width))?;
        for (bits, bytes) in triples.each_mut().zip(bytes.chunks(n.div_ceil(8).max(1))) {
            *bits = Bits::from_bytes(n, bytes);
        }
        Ok(triples)
    }

    fn each(&self) -> impl Iterator<Item = &Bits> {
        core::iter::once(&self.a).chain(&self.b).chain(&self.c)
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut Bits> {
        core::iter::once(&mut self.a).chain(&mut self.b).chain(&mut self.c)
    }

    /// Splits off `n` vector triples. The peer must take the same numbers in the same order.
    ///
    /// *Errors*: if fewer than `n` are left; nothing is taken then.
    pub fn take(&mut self, n: usize) -> Result<Self, Error> {
        let Some(rest) = self.len().checked_sub(n) else {
            return Err(Error::Length { what: "bit triples", got: self.len(), want: n });
        };
        let split = |bits: &mut Bits| {
            let end = bits.slice(rest, n);
            *bits = bits.slice(0, rest);
            end
        };
        Ok(Self {
            a: split(&mut self.a),
            b: self.b.iter_mut().map(split).collect(),
            c: self.c.iter_mut().map(split).collect(),
        })
    }
}

/// Makes as many vector triples of `width` (1 to 64) bits as there are COTs in each direction. Sends nothing.
///
/// *Errors*: if the numbers of COTs differ or the width is out of range.
pub fn generate(
    sender: SenderCots,
    receiver: ReceiverCots,
    width: u32,
) -> Result<BitTriples, Error> {
    check_width(width)?;
    expect_len("correlated OTs of the two directions", receiver.len(), sender.len())?;
    let (n, width) = (sender.len(), width as usize);
    let a = receiver.choice();
    let [mut b, mut c] = [(); 2].map(|()| vec![Vec::with_capacity(n.div_ceil(64)); width]);
    let [mut key0, mut key1] = [(); 2].map(|()| Wiped::zeros(BATCH.min(n)));
    let mut columns = [(); 3].map(|()| Wiped::zeros(width * BATCH / 64));
    for start in (0..n).step_by(BATCH) {
        let count = BATCH.min(n - start);
        let (key0, key1) = (&mut key0[..count], &mut key1[..count]);
        let words = count.div_ceil(64);
        let [own, other, got] = columns.each_mut().map(|c| &mut c[..width * words]);
        sender.keys(start, key0, key1);
        transpose::low_columns(key0, width, own);
        transpose::low_columns(key1, width, other);
        receiver.keys(start, key0);
        transpose::low_columns(key0, width, got);
        let a = &a.words()[start / 64..][..words];
        // The peer's key is own ^ a_peer * b, so own ^ its key is a share of the cross term, and the same the other way.
        for (j, (b, c)) in b.iter_mut().zip(&mut c).enumerate() {
            let column = j * words..(j + 1) * words;
            let keys = own[column.clone()].iter().zip(&other[column.clone()]).zip(&got[column]);
            for (a, ((own, other), got)) in a.iter().zip(keys) {
                b.push(own ^ other);
                c.push(a & (own ^ other) ^ own ^ got);
            }
        }
    }
    let [b, c] = [b, c].map(|v| v.into_iter().map(|words| Bits::from_words(words, n)).collect());
    Ok(BitTriples { a, b, c })
}

fn check_width(width: u32) -> Result<(), Error> {
    expect_range("width of a bit triple", width, 1, 64, "1 to 64")
}

/// One vector AND: XOR shares of `a` and of every `b[j]`, and the triples that it uses up.
pub struct Product<'a> {
    /// As many as there are bits in `a`.
    pub triples: BitTriples,
    /// The common operand.
    pub a: &'a Bits,
    /// The other operands, as many as the triples are wide.
    pub b: Vec<&'a Bits>,
}

impl Product<'_> {
    fn check(&self) -> Result<(), Error> {
        let n = self.triples.len();
        expect_len("bits of the first AND operand", self.a.len(), n)?;
        expect_len("second AND operands", self.b.len(), self.triples.b.len())?;
        self.b.iter().try_for_each(|b| expect_len("bits of a second AND operand", b.len(), n))
    }

    /// The operands masked by the triples, `a` first.
    fn masked(&self) -> Vec<Bits> {
        let masks = core::iter::once(&self.triples.a).chain(&self.triples.b);
        let operands = core::iter::once(self.a).chain(self.b.iter().copied());
        let hide = |(x, mask): (&Bits, &Bits)| {
            let mut x = x.clone();
            x.xor_assign(mask);
            x
        };
        operands.zip(masks).map(hide).collect()
    }

    /// Shares of the products from the opened operands: `(a ^ d)(b ^ e)` with the public `d e`
    /// added by one party.
    fn finish(&self, opened: &[Bits], server: bool) -> Vec<Bits> {
        let d = &opened[0];
        let server = u64::from(server).wrapping_neg();
        let one = |(e, (own_b, own_c)): (&Bits, (&Bits, &Bits))| {
            let (d, e, n) = (d.words(), e.words(), d.len());
            let (a, b, c) = (self.triples.a.words(), own_b.words(), own_c.words());
            let product = |i| c[i] ^ d[i] & b[i] ^ e[i] & (a[i] ^ d[i] & server);
            Bits::from_words((0..d.len()).map(product).collect(), n)
        };
        opened[1..].iter().zip(self.triples.b.iter().zip(&self.triples.c)).map(one).collect()
    }
}

/// XOR shares of `a & b[j]` for every `j` of every product, all in one exchange.
///
/// *Cost*: [`cost`].
///
/// *Errors*: on lengths that do not match or a failing lane.
pub fn and(lane: &mut Lane, products: Vec<Product<'_>>) -> Result<Vec<Vec<Bits>>, Error> {
    products.iter().try_for_each(Product::check)?;
    let mut opened: Vec<Vec<Bits>> = products.iter().map(Product::masked).collect();
    let bytes: Vec<u8> = opened.iter().flatten().flat_map(Bits::to_bytes).collect();
    if !bytes.is_empty() {
        lane.send(kinds::AND_OPENINGS, Masked::new(&bytes))?;
        let theirs = lane.recv(kinds::AND_OPENINGS, bytes.len())?;
        let mut rest = theirs.as_slice();
        for x in opened.iter_mut().flatten() {
            let (own, next) = rest.split_at(x.len().div_ceil(8));
            x.xor_assign(&Bits::from_bytes(x.len(), own));
            rest = next;
        }
    }
    let server = lane.role() == Role::Server;
    Ok(products.iter().zip(&opened).map(|(p, opened)| p.finish(opened, server)).collect())
}

/// Replays the messages of [`and`] on products of `(bits, width)`.
pub fn cost(m: &mut Meter, products: &[(usize, u32)]) {
    let bytes = products.iter().map(|&(n, width)| (1 + width as usize) * n.div_ceil(8)).sum();
    if bytes > 0 {
        m.exchange(bytes, bytes);
    }
}
