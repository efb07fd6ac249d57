use crate::{Disclosure, Error, Ledger, Party, Ring, packed_len, unpack};
use sordino_kernels::wipe;
use sordino_wire::{Kind, Lane, Masked, Role};
use std::marker::PhantomData;

const REVEAL: Kind = Kind::new(0x0101, "reveal");

/// One party's additive share of a vector over Z_2^l: the value is the sum of both shares.
///
/// Local operations only; anything that needs the peer is a protocol in `ot`, `he` or `engine`.
pub struct Share<P: Party> {
    words: Vec<u64>,
    ring: Ring,
    party: PhantomData<P>,
}

impl<P: Party> Drop for Share<P> {
    fn drop(&mut self) {
        wipe(&mut self.words);
    }
}

impl<P: Party> Share<P> {
    /// Takes a protocol's output words as this party's share.
    pub fn from_protocol(mut words: Vec<u64>, ring: Ring) -> Self {
        for w in &mut words {
            *w = ring.reduce(*w);
        }
        Self { words, ring, party: PhantomData }
    }

    /// The share of a party that holds nothing of the value.
    pub fn zero(n: usize, ring: Ring) -> Self {
        Self::from_protocol(vec![0; n], ring)
    }

    /// This party's own words, for use inside a protocol. What is derived from them may leave the
    /// party only masked or encrypted.
    pub fn expose(&self) -> &[u64] {
        &self.words
    }

    /// Ring of the shares.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// A copy in a smaller ring; free, since the sum reduces with the shares.
    pub fn reduced(&self, ring: Ring) -> Self {
        Self::from_protocol(self.words.clone(), ring)
    }

    /// Sum of two shared vectors in this one's ring.
    pub fn add(&self, other: &Self) -> Result<Self, Error> {
        self.zip(other, u64::wrapping_add)
    }

    /// Difference of two shared vectors in this one's ring.
    pub fn sub(&self, other: &Self) -> Result<Self, Error> {
        self.zip(other, u64::wrapping_sub)
    }

    /// Value times `2^k`, in `ring`.
    pub fn shl(&self, k: u32, ring: Ring) -> Self {
        Self::from_protocol(self.words.iter().map(|&w| w.wrapping_shl(k)).collect(), ring)
    }

    /// The vector whose element `i` is `index[i]`-th of this one, or the public `fill`.
    pub fn gather(&self, index: &[Option<u32>], fill: u64) -> Self {
        let fill = if P::ROLE == Role::Server { fill } else { 0 };
        let words = index.iter().map(|i| i.map_or(fill, |i| self.words[i as usize])).collect();
        Self::from_protocol(words, self.ring)
    }

    /// Adds a value that one party knows: that party passes it, the other passes nothing.
    pub fn add_own(&self, own: &[u64]) -> Result<Self, Error> {
        same_len("constant", own.len(), self.len())?;
        let words = self.words.iter().zip(own).map(|(a, b)| a.wrapping_add(*b)).collect();
        Ok(Self::from_protocol(words, self.ring))
    }

    fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Result<Self, Error> {
        same_len("operand", other.len(), self.len())?;
        let words = self.words.iter().zip(&other.words).map(|(a, b)| f(*a, *b)).collect();
        Ok(Self::from_protocol(words, self.ring))
    }

    /// Reveals the value to the client: the one way out of secrecy.
    ///
    /// Returns the value at the client and nothing at the server. Cost: one message down of
    /// `n * ring` bits. The server's share is uniform given everything the client knows but the
    /// value, so the client learns the value and nothing else.
    pub fn open(
        self,
        lane: &mut Lane,
        why: Disclosure,
        ledger: &mut Ledger,
    ) -> Result<Option<Vec<u64>>, sordino_wire::Error> {
        ledger.note(why, self.len() as u64);
        let bits = self.ring.bits();
        match P::ROLE {
            Role::Server => {
                lane.send(REVEAL, Masked::new(&crate::pack(&self.words, bits)))?;
                lane.flush()?;
                Ok(None)
            }
            Role::Client => {
                let bytes = lane.recv(REVEAL, packed_len(self.len(), bits))?;
                let theirs = unpack(&bytes, bits, self.len());
                let sum = |(a, b): (&u64, &u64)| self.ring.reduce(a.wrapping_add(*b));
                Ok(Some(self.words.iter().zip(&theirs).map(sum).collect()))
            }
        }
    }

    /// Bytes of [`Share::open`]'s message.
    pub fn open_len(n: usize, ring: Ring) -> usize {
        packed_len(n, ring.bits())
    }
}

fn same_len(what: &'static str, got: usize, want: usize) -> Result<(), Error> {
    if got == want { Ok(()) } else { Err(Error::Length { what, got, want }) }
}
