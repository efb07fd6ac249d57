//! Base OTs: a few random OTs from public-key cryptography.
//!
//! *What*: endemic OT. For each instance the sender gets two random keys, the receiver gets the one its bit names.
//!
//! *Cost*: the receiver sends 64 bytes per instance, the sender answers with 32 bytes in all. Per instance about two
//! variable-base multiplications for the sender, and one fixed- and one variable-base multiplication for the receiver.
//!
//! *Security*: semi-honest security under the computational Diffie-Hellman assumption in Ristretto255, BLAKE3 modelled
//! as random oracle. (The protocol is UC-secure against malicious parties as *endemic* OT, in which a corrupted party may
//! choose its own output keys; we claim the semi-honest level only.) The sender's one-time exponent is shared by the
//! instances of one call, as the paper allows; hashing to the group and key derivation are separated by domain,
//! instance, position and the whole transcript.
//!
//! *Source*: Masny, Rindal, "Endemic oblivious transfer", CCS 2019 (eprint 2019/706), the one-round protocol from
//! Diffie-Hellman. We differ in sending the receiver's message first (no extra round for the extensions above), and in
//! refusing the identity.

use core::marker::PhantomData;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sordino_kernels::Block;
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, Meter, Public, Role};
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroize;

use crate::kinds;
use crate::{Error, Security, SemiHonest};

const POINT: usize = 32;
const TO_GROUP: &str = "sordino-ot 2026 endemic OT hash to group";
const TO_KEY: &str = "sordino-ot 2026 endemic OT key derivation";
const TO_SESSION: &str = "sordino-ot 2026 public block of a session";

/// The sender's random keys, two per instance. Not `Clone`; zeroised on drop.
pub struct SenderKeys<S: Security = SemiHonest> {
    keys: Vec<[Block; 2]>,
    session: Block,
    security: PhantomData<S>,
}

/// The receiver's random keys, one per instance. Not `Clone`; zeroised on drop.
pub struct ReceiverKeys<S: Security = SemiHonest> {
    keys: Vec<Block>,
    session: Block,
    security: PhantomData<S>,
}

impl<S: Security> SenderKeys<S> {
    /// Both keys of every instance.
    pub fn keys(&self) -> &[[Block; 2]] {
        &self.keys
    }

    /// A public block, fresh for these OTs, that both parties know and that says nothing of the choices.
    pub fn session(&self) -> Block {
        self.session
    }
}

impl<S: Security> ReceiverKeys<S> {
    /// The chosen key of every instance.
    pub fn keys(&self) -> &[Block] {
        &self.keys
    }

    /// As [`SenderKeys::session`].
    pub fn session(&self) -> Block {
        self.session
    }
}

impl<S: Security> Drop for SenderKeys<S> {
    fn drop(&mut self) {
        for pair in &mut self.keys {
            pair.zeroize();
        }
    }
}

impl<S: Security> Drop for ReceiverKeys<S> {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

/// Runs `n` instances as the sender.
///
/// *Errors*: if the lane fails or the peer sends a non-canonical point or the identity.
pub fn send(lane: &mut Lane, rng: &mut SecretRng, n: usize) -> Result<SenderKeys, Error> {
    let points = lane.recv(kinds::BASE_POINTS, 2 * POINT * n)?;
    let mut secret = random_scalar(rng);
    let key = RistrettoPoint::mul_base(&secret).compress();
    lane.send(kinds::BASE_KEY, Public::new(key.as_bytes()))?;
    lane.flush()?;

    let transcript = transcript(&points, &key);
    let mut keys = Vec::with_capacity(n);
    for (i, pair) in points.chunks_exact(2 * POINT).enumerate() {
        let (p0, p1) = pair.split_at(POINT);
        let mut both = [Block::ZERO; 2];
        for (j, (own, other)) in [(p0, p1), (p1, p0)].into_iter().enumerate() {
            let shared = secret * (decode(own)? + hash_to_group(i, j as u8, other));
            both[j] = derive_key(&transcript, i, j as u8, shared);
        }
        keys.push(both);
    }
    secret.zeroize();
    Ok(SenderKeys { keys, session: session(&transcript), security: PhantomData })
}

/// Runs one instance per bit of `choices` as the receiver.
///
/// *Errors*: as for [`send`].
pub fn recv(lane: &mut Lane, rng: &mut SecretRng, choices: &Bits) -> Result<ReceiverKeys, Error> {
    let n = choices.len();
    let mut points = Vec::with_capacity(2 * POINT * n);
    let mut secrets = Vec::with_capacity(n);
    for i in 0..n {
        let choice = Choice::from(choices.get(i) as u8);
        let secret = random_scalar(rng);
        let random = {
            let mut wide = [0; 64];
            rng.fill_bytes(&mut wide);
            RistrettoPoint::from_uniform_bytes(&wide).compress()
        };
        let position = u8::conditional_select(&0, &1, choice);
        let chosen =
            RistrettoPoint::mul_base(&secret) - hash_to_group(i, position, random.as_bytes());
        let (mut first, mut second) = (chosen.compress().to_bytes(), random.to_bytes());
        for (a, b) in first.iter_mut().zip(&mut second) {
            u8::conditional_swap(a, b, choice);
        }
        points.extend_from_slice(&first);
        points.extend_from_slice(&second);
        secrets.push(secret);
    }
    lane.send(kinds::BASE_POINTS, Public::new(&points))?;

    let key = lane.recv(kinds::BASE_KEY, POINT)?;
    let public = decode(&key)?;
    let transcript = transcript(&points, &public.compress());
    let keys = secrets
        .iter()
        .enumerate()
        .map(|(i, secret)| derive_key(&transcript, i, choices.get(i) as u8, secret * public))
        .collect();
    secrets.zeroize();
    Ok(ReceiverKeys { keys, session: session(&transcript), security: PhantomData })
}

/// Replays the messages of `n` instances.
pub fn cost(m: &mut Meter, sender: Role, n: usize) {
    m.message(sender.peer().sends(), 2 * POINT * n);
    m.message(sender.sends(), POINT);
}

fn decode(bytes: &[u8]) -> Result<RistrettoPoint, Error> {
    let point = CompressedRistretto::from_slice(bytes)
        .ok()
        .and_then(|c| c.decompress())
        .ok_or(Error::Peer { what: "bytes that encode no point of Ristretto255" })?;
    if point.is_identity() {
        return Err(Error::Peer { what: "the identity of Ristretto255" });
    }
    Ok(point)
}

fn random_scalar(rng: &mut SecretRng) -> Scalar {
    let mut wide = [0; 64];
    rng.fill_bytes(&mut wide);
    let scalar = Scalar::from_bytes_mod_order_wide(&wide);
    wide.zeroize();
    scalar
}

fn hash_to_group(instance: usize, position: u8, other: &[u8]) -> RistrettoPoint {
    let mut h = blake3::Hasher::new_derive_key(TO_GROUP);
    h.update(&(instance as u64).to_le_bytes());
    h.update(&[position]);
    h.update(other);
    let mut wide = [0; 64];
    h.finalize_xof().fill(&mut wide);
    RistrettoPoint::from_uniform_bytes(&wide)
}

fn transcript(points: &[u8], key: &CompressedRistretto) -> blake3::Hasher {
    let mut h = blake3::Hasher::new_derive_key(TO_KEY);
    h.update(blake3::hash(points).as_bytes());
    h.update(key.as_bytes());
    h
}

fn session(transcript: &blake3::Hasher) -> Block {
    let wide = blake3::derive_key(TO_SESSION, transcript.finalize().as_bytes());
    let mut block = [0; 16];
    block.copy_from_slice(&wide[..16]);
    Block::from_bytes(block)
}

fn derive_key(
    transcript: &blake3::Hasher,
    instance: usize,
    position: u8,
    mut shared: RistrettoPoint,
) -> Block {
    let mut h = transcript.clone();
    h.update(&(instance as u64).to_le_bytes());
    h.update(&[position]);
    h.update(shared.compress().as_bytes());
    shared.zeroize();
    let mut key = [0; 16];
    h.finalize_xof().fill(&mut key);
    Block::from_bytes(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sordino_wire::memory_pair;

    fn rng(seed: u8) -> SecretRng {
        SecretRng::from_seed([seed; 32])
    }

    #[test]
    fn receiver_gets_the_chosen_key_and_cost_is_exact() {
        let choices = Bits::from_bytes(70, &[0xa5, 0x0f, 0x33, 0xff, 0, 1, 2, 3, 9]);
        let (mut a, mut b) = memory_pair();
        let (sent, lane) = std::thread::scope(|s| {
            let t = s.spawn(move || (send(&mut b, &mut rng(1), 70).unwrap(), b));
            let got = recv(&mut a, &mut rng(2), &choices).unwrap();
            let (sent, b) = t.join().unwrap();
            for i in 0..70 {
                assert!(got.keys()[i] == sent.keys()[i][choices.get(i) as usize]);
                assert!(got.keys()[i] != sent.keys()[i][1 - choices.get(i) as usize]);
            }
            assert!(got.session() == sent.session());
            (sent, b)
        });
        assert_eq!(sent.keys().len(), 70);
        for (lane, role) in [(&a, Role::Client), (&lane, Role::Server)] {
            let mut m = Meter::new(role);
            cost(&mut m, Role::Server, 70);
            assert_eq!(m.total(), lane.meter().total());
        }
    }

    #[test]
    fn bad_points_are_refused() {
        let mut non_canonical = [0xff; 64];
        non_canonical[31] = 0x7f;
        for bad in [[0; 64], non_canonical] {
            let (mut a, mut b) = memory_pair();
            a.send(kinds::BASE_POINTS, Public::new(&bad)).unwrap();
            a.flush().unwrap();
            assert!(matches!(send(&mut b, &mut rng(1), 1), Err(Error::Peer { .. })));

            let (mut a, mut b) = memory_pair();
            a.send(kinds::BASE_KEY, Public::new(&bad[..32])).unwrap();
            a.flush().unwrap();
            let got = recv(&mut b, &mut rng(1), &Bits::zero(1));
            assert!(matches!(got, Err(Error::Peer { .. })));
        }
    }
}
