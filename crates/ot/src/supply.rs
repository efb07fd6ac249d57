use core::marker::PhantomData;

use sordino_kernels::Block;
use sordino_secret::SecretRng;
use sordino_wire::Lane;

use crate::cot::Place;
use crate::error::expect_range;
use crate::memory::Home;
use crate::{Error, ReceiverCots, Security, SemiHonest, SenderCots, ferret, softspoken};

/// How correlated OTs are made. Both parties must name the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// SoftSpoken OT extension over fields of 2^k elements, 1 <= k <= 8: symmetric assumptions only,
    /// `ceil(128 / k) - 1` bits per COT from the COT receiver to the COT sender, computing grows with 2^k / k.
    ///
    /// *Source*: Roy, "SoftSpokenOT", CRYPTO 2022 (eprint 2022/192), semi-honest with the repetition code.
    SoftSpoken {
        /// log2 of the field size: 2 to 4 on fast links, 8 on slow ones.
        k: u32,
    },
    /// Ferret: learning parity with regular noise on top of a small SoftSpoken set-up. Mostly from the COT sender to the
    /// COT receiver; 0.7 bits per COT after the first few million, 15 bits per COT up to 65536 of them. Opt-in: the
    /// assumption is younger than the other and its parameters have moved before (eprint 2025/1476). Each party keeps up
    /// to 36 MB of COTs at hand.
    ///
    /// *Source*: Yang, Weng, Lan, Zhang, Wang, "Ferret", CCS 2020 (eprint 2020/924), with the half trees of Guo et al.,
    /// EUROCRYPT 2023 (eprint 2022/1431). `delta` has 127 bits of entropy.
    Ferret,
}

impl Default for Supply {
    fn default() -> Self {
        Self::SoftSpoken { k: 4 }
    }
}

impl Supply {
    pub(crate) fn check(self) -> Result<(), Error> {
        match self {
            Self::SoftSpoken { k } => expect_range("SoftSpoken k", k, 1, 8, "1 to 8"),
            Self::Ferret => Ok(()),
        }
    }
}

/// Counts the COTs of one delta, which is what keeps their hashes apart.
struct Counter {
    session: Block,
    made: u64,
}

impl Counter {
    fn claim(&mut self, n: usize) -> Place {
        let place = Place::new(self.session, self.made);
        self.made += n as u64;
        place
    }
}

/// The COT sender, who holds `delta`. Not `Clone`; secrets are zeroised on drop.
pub struct CotSender<S: Security = SemiHonest> {
    inner: SenderInner,
    counter: Counter,
    home: Home,
    security: PhantomData<S>,
}

/// The COT receiver. Not `Clone`; secrets are zeroised on drop.
pub struct CotReceiver<S: Security = SemiHonest> {
    inner: ReceiverInner,
    counter: Counter,
    home: Home,
    security: PhantomData<S>,
}

enum SenderInner {
    SoftSpoken(softspoken::Sender),
    Ferret(Box<ferret::Sender>),
}

enum ReceiverInner {
    SoftSpoken(softspoken::Receiver),
    Ferret(Box<ferret::Receiver>),
}

impl SenderInner {
    fn session(&self) -> Block {
        match self {
            Self::SoftSpoken(s) => s.session(),
            Self::Ferret(s) => s.session(),
        }
    }
}

impl ReceiverInner {
    fn session(&self) -> Block {
        match self {
            Self::SoftSpoken(r) => r.session(),
            Self::Ferret(r) => r.session(),
        }
    }
}

impl CotSender<SemiHonest> {
    /// Draws `delta` and runs the set-up; the peer runs [`CotReceiver::setup`] with the same supply.
    ///
    /// *Cost*: [`crate::cost::Costs::setup`]; one round.
    ///
    /// *Errors*: on an unsupported supply, a failing lane, or malformed messages.
    pub fn setup(lane: &mut Lane, rng: &mut SecretRng, supply: Supply) -> Result<Self, Error> {
        supply.check()?;
        let inner = match supply {
            Supply::SoftSpoken { k } => {
                let delta = rng.block();
                SenderInner::SoftSpoken(softspoken::Sender::setup(lane, rng, k, delta)?)
            }
            Supply::Ferret => SenderInner::Ferret(Box::new(ferret::Sender::setup(lane, rng)?)),
        };
        Ok(Self {
            counter: Counter { session: inner.session(), made: 0 },
            inner,
            home: Home::default(),
            security: PhantomData,
        })
    }

    /// Makes `n` COTs; the peer calls [`CotReceiver::extend`] with the same `n`.
    ///
    /// *Cost*: [`crate::cost::Costs::extend`]; nothing is sent for `n = 0`.
    ///
    /// *Errors*: if the lane fails or a message is malformed.
    pub fn extend(&mut self, lane: &mut Lane, n: usize) -> Result<SenderCots, Error> {
        let place = self.counter.claim(n);
        let mut q = self.home.take(n);
        let made = match &mut self.inner {
            SenderInner::SoftSpoken(s) => s.extend(lane, &mut q[..n]).map(|()| s.delta()),
            SenderInner::Ferret(s) => s.extend(lane, &mut q[..n]).map(|()| s.delta()),
        };
        // Lent before the error is looked at, so that half-made COTs are wiped.
        let q = self.home.lend(q, n);
        Ok(SenderCots { delta: made?, q, place })
    }
}

impl CotReceiver<SemiHonest> {
    /// Runs the set-up; the peer runs [`CotSender::setup`] with the same supply.
    ///
    /// *Cost*: [`crate::cost::Costs::setup`].
    ///
    /// *Errors*: on an unsupported supply, a failing lane, or malformed messages.
    pub fn setup(lane: &mut Lane, rng: &mut SecretRng, supply: Supply) -> Result<Self, Error> {
        supply.check()?;
        let inner = match supply {
            Supply::SoftSpoken { k } => {
                ReceiverInner::SoftSpoken(softspoken::Receiver::setup(lane, rng, k)?)
            }
            Supply::Ferret => ReceiverInner::Ferret(Box::new(ferret::Receiver::setup(lane, rng)?)),
        };
        Ok(Self {
            counter: Counter { session: inner.session(), made: 0 },
            inner,
            home: Home::default(),
            security: PhantomData,
        })
    }

    /// Makes `n` COTs; the peer calls [`CotSender::extend`] with the same `n`.
    ///
    /// *Cost*: [`crate::cost::Costs::extend`]; nothing is sent for `n = 0`.
    ///
    /// *Errors*: if the lane fails or a message is malformed.
    pub fn extend(&mut self, lane: &mut Lane, n: usize) -> Result<ReceiverCots, Error> {
        let place = self.counter.claim(n);
        let mut t = self.home.take(n);
        let choice = match &mut self.inner {
            ReceiverInner::SoftSpoken(r) => r.extend(lane, &mut t[..n]),
            ReceiverInner::Ferret(r) => r.extend(lane, &mut t[..n]),
        };
        let t = self.home.lend(t, n);
        Ok(ReceiverCots::new(choice?, t, place))
    }
}
