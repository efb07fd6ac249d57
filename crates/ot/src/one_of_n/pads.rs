//! Random 1-of-N OTs: what is left of COTs once they are hashed, a few bytes per instance.

use sordino_kernels::{Wiped, wipe};
use sordino_secret::{pack, packed_len, unpack};

use super::slots::{self, Form, low_mask};
use crate::error::expect_len;
use crate::{Error, ReceiverCots, SenderCots};

/// Instances hashed at a time, so that keys stay in cache.
const BATCH: usize = 256;

/// The sender's half: a table of random pads per instance.
///
/// Consumed by [`send`](super::send), not `Clone`, zeroised on drop.
pub struct SenderPads {
    form: Form,
    len: usize,
    /// Tables of pads, packed.
    tables: Vec<u8>,
}

/// The receiver's half: a random index per instance and the pad that it names.
///
/// Consumed by [`recv`](super::recv), not `Clone`, zeroised on drop.
pub struct ReceiverPads {
    form: Form,
    len: usize,
    /// Random indices, packed.
    indices: Vec<u8>,
    /// Pads, packed.
    pads: Vec<u8>,
}

impl Drop for SenderPads {
    fn drop(&mut self) {
        wipe(&mut self.tables);
    }
}

impl Drop for ReceiverPads {
    fn drop(&mut self) {
        wipe(&mut self.indices);
        wipe(&mut self.pads);
    }
}

/// `into ++ more`, which is possible when `len` instances fill whole bytes.
fn append(into: &mut Vec<u8>, len: usize, more: &[u8]) -> Result<(), Error> {
    expect_len("instances before an addition, modulo 8", len % 8, 0)?;
    into.extend_from_slice(more);
    Ok(())
}

impl SenderPads {
    /// Hashes COTs to pads for tables of `2^radix` (1 to 6) entries of `msg_bits` bits, 64 bits in all at most. Sends
    /// nothing.
    ///
    /// *Errors*: if a parameter is out of range or the COTs are not a multiple of `radix`.
    pub fn derive(cots: SenderCots, radix: u32, msg_bits: u32) -> Result<Self, Error> {
        let form = Form::new(radix, msg_bits)?;
        let n = form.instances(cots.len())?;
        let r = radix as usize;
        let [mut keys0, mut keys1] = [(); 2].map(|()| Wiped::zeros(BATCH.min(n) * r));
        let mut words = Vec::with_capacity(n);
        for start in (0..n).step_by(BATCH) {
            let count = BATCH.min(n - start) * r;
            let (own, other) = (&mut keys0[..count], &mut keys1[..count]);
            cots.keys(start * r, own, other);
            slots::tables(form, [own, other], &mut words);
        }
        let tables = pack(&words, form.width());
        wipe(&mut words);
        Ok(Self { form, len: n, tables })
    }

    /// No pads, with room for `n`, to be extended.
    pub fn empty(n: usize, radix: u32, msg_bits: u32) -> Result<Self, Error> {
        let form = Form::new(radix, msg_bits)?;
        let tables = Vec::with_capacity(Self::stored_len(n, radix, msg_bits));
        Ok(Self { form, len: 0, tables })
    }

    /// Appends `more`.
    ///
    /// *Errors*: if the shapes differ, or the number of instances so far is not a multiple of 8.
    pub fn extend(&mut self, more: Self) -> Result<(), Error> {
        same(self.form, more.form)?;
        append(&mut self.tables, self.len, &more.tables)?;
        self.len += more.len;
        Ok(())
    }

    /// How many instances.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of [`write`](Self::write) for `n` instances.
    pub const fn stored_len(n: usize, radix: u32, msg_bits: u32) -> usize {
        packed_len(n, msg_bits << radix)
    }

    /// Appends the pads to `out`, for a store of secrets.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tables);
    }

    /// `n` pads from what [`write`](Self::write) wrote.
    ///
    /// *Errors*: if a parameter is out of range or the length is wrong.
    pub fn read(n: usize, radix: u32, msg_bits: u32, bytes: &[u8]) -> Result<Self, Error> {
        let form = Form::new(radix, msg_bits)?;
        expect_len("stored pads", bytes.len(), Self::stored_len(n, radix, msg_bits))?;
        Ok(Self { form, len: n, tables: bytes.to_vec() })
    }

    pub(super) fn radix(&self) -> u32 {
        self.form.radix
    }

    pub(super) fn width(&self) -> u32 {
        self.form.width()
    }

    /// The tables under their pads, which are moved to where the receiver's corrections say.
    pub(super) fn mask(&self, tables: &[u64], flips: &[u64]) -> Vec<u64> {
        let pads = unpack(&self.tables, self.form.width(), self.len);
        slots::moved(self.form, pads, tables, flips)
    }
}

impl ReceiverPads {
    /// As [`SenderPads::derive`].
    ///
    /// *Errors*: as there.
    pub fn derive(cots: ReceiverCots, radix: u32, msg_bits: u32) -> Result<Self, Error> {
        let form = Form::new(radix, msg_bits)?;
        let n = form.instances(cots.len())?;
        let r = radix as usize;
        let indices = cots.choice().to_bytes();
        let mut keys = Wiped::zeros(BATCH.min(n) * r);
        let mut pads = Vec::with_capacity(n);
        for (batch, indices) in unpack(&indices, radix, n).chunks(BATCH).enumerate() {
            let keys = &mut keys[..indices.len() * r];
            cots.keys(batch * BATCH * r, keys);
            slots::chosen(form, keys, indices, &mut pads);
        }
        let packed = pack(&pads, msg_bits);
        wipe(&mut pads);
        Ok(Self { form, len: n, indices, pads: packed })
    }

    /// No pads, with room for `n`, to be extended.
    pub fn empty(n: usize, radix: u32, msg_bits: u32) -> Result<Self, Error> {
        let form = Form::new(radix, msg_bits)?;
        let indices = Vec::with_capacity(packed_len(n, radix));
        Ok(Self { form, len: 0, indices, pads: Vec::with_capacity(packed_len(n, msg_bits)) })
    }

    /// Appends `more`.
    ///
    /// *Errors*: as for [`SenderPads::extend`].
    pub fn extend(&mut self, more: Self) -> Result<(), Error> {
        same(self.form, more.form)?;
        append(&mut self.indices, self.len, &more.indices)?;
        append(&mut self.pads, self.len, &more.pads)?;
        self.len += more.len;
        Ok(())
    }

    /// How many instances.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of [`write`](Self::write) for `n` instances.
    pub const fn stored_len(n: usize, radix: u32, msg_bits: u32) -> usize {
        packed_len(n, radix) + packed_len(n, msg_bits)
    }

    /// Appends indices and pads to `out`, for a store of secrets.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.indices);
        out.extend_from_slice(&self.pads);
    }

    /// `n` instances from what [`write`](Self::write) wrote.
    ///
    /// *Errors*: if a parameter is out of range or the length is wrong.
    pub fn read(n: usize, radix: u32, msg_bits: u32, bytes: &[u8]) -> Result<Self, Error> {
        let form = Form::new(radix, msg_bits)?;
        expect_len("stored pads", bytes.len(), Self::stored_len(n, radix, msg_bits))?;
        let (indices, pads) = bytes.split_at(packed_len(n, radix));
        Ok(Self { form, len: n, indices: indices.to_vec(), pads: pads.to_vec() })
    }

    pub(super) fn radix(&self) -> u32 {
        self.form.radix
    }

    pub(super) fn width(&self) -> u32 {
        self.form.width()
    }

    /// The corrections that turn the random indices into the wanted ones.
    pub(super) fn flips(&self, choices: &[u8]) -> Result<Vec<u64>, Error> {
        let radix = self.form.radix;
        let excess = choices.iter().fold(0, |all, choice| all | choice >> radix);
        if excess != 0 {
            return Err(Error::Parameter {
                what: "a 1-of-N OT choice",
                got: 1 << radix,
                supported: "below 2^radix",
            });
        }
        let indices = unpack(&self.indices, radix, self.len);
        Ok(indices.into_iter().zip(choices).map(|(i, c)| i ^ u64::from(*c)).collect())
    }

    /// The chosen entries of masked tables.
    pub(super) fn open(&self, choices: &[u8], masked: &[u64]) -> Vec<u8> {
        let Form { msg_bits, .. } = self.form;
        let low = low_mask(msg_bits);
        let pads = unpack(&self.pads, msg_bits, self.len);
        let one = |((pad, choice), word): ((u64, &u8), &u64)| {
            ((word >> (u32::from(*choice) * msg_bits) ^ pad) & low) as u8
        };
        pads.into_iter().zip(choices).zip(masked).map(one).collect()
    }
}

fn same(a: Form, b: Form) -> Result<(), Error> {
    expect_len("bits of a choice", b.radix as usize, a.radix as usize)?;
    expect_len("bits of an entry", b.msg_bits as usize, a.msg_bits as usize)
}
