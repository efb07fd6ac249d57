use super::Needs;
use crate::Error;
use sordino_ot::{CotReceiver, CotSender, ReceiverCots, SenderCots};
use sordino_secret::{Party, SecretRng};
use sordino_wire::{Lane, Role};

/// Both directions of correlated transfers of one party for one draw.
pub(crate) struct Cots {
    pub send: SenderCots,
    pub recv: ReceiverCots,
}

/// A party's two extension endpoints.
pub(crate) struct CotPool {
    send: CotSender,
    recv: CotReceiver,
}

impl CotPool {
    /// Base transfers for both directions; the one with the server as sender goes first.
    pub(crate) fn setup<P: Party>(
        lane: &mut Lane,
        rng: &mut SecretRng,
        supply: sordino_ot::Supply,
    ) -> Result<Self, Error> {
        let (send, recv);
        match P::ROLE {
            Role::Server => {
                send = CotSender::setup(lane, rng, supply)?;
                recv = CotReceiver::setup(lane, rng, supply)?;
            }
            Role::Client => {
                recv = CotReceiver::setup(lane, rng, supply)?;
                send = CotSender::setup(lane, rng, supply)?;
            }
        }
        Ok(Self { send, recv })
    }

    /// Extends both directions by what a draw needs, in the same order as `setup`.
    pub(crate) fn take<P: Party>(&mut self, lane: &mut Lane, needs: Needs) -> Result<Cots, Error> {
        let (send, recv);
        match P::ROLE {
            Role::Server => {
                send = self.send.extend(lane, needs.server_sends)?;
                recv = self.recv.extend(lane, needs.client_sends)?;
            }
            Role::Client => {
                recv = self.recv.extend(lane, needs.server_sends)?;
                send = self.send.extend(lane, needs.client_sends)?;
            }
        }
        Ok(Cots { send, recv })
    }
}

impl Cots {
    /// Splits off what one part of a draw needs.
    pub(crate) fn split<P: Party>(&mut self, needs: Needs) -> Result<Self, Error> {
        let (s, r) = match P::ROLE {
            Role::Server => (needs.server_sends, needs.client_sends),
            Role::Client => (needs.client_sends, needs.server_sends),
        };
        Ok(Self { send: self.send.take(s)?, recv: self.recv.take(r)? })
    }
}
