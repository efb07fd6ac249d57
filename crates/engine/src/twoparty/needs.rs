use super::work;
use crate::work::{Account, Passing};
use sordino_ot::cost::{Costs, MOST_MADE};
use sordino_wire::Role;
use std::iter::Sum;
use std::ops::Add;

/// Bytes of a correlated transfer before it is hashed.
const TRANSFER: usize = 16;

/// Correlated transfers that a step consumes, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Transfers in which the server is the sender.
    pub server_sends: usize,
    /// Transfers in which the client is the sender.
    pub client_sends: usize,
}

impl Needs {
    /// Nothing.
    pub const NONE: Self = Self { server_sends: 0, client_sends: 0 };

    /// `n` with the server as sender.
    pub const fn server(n: usize) -> Self {
        Self { server_sends: n, client_sends: 0 }
    }

    /// `n` in each direction.
    pub const fn both(n: usize) -> Self {
        Self { server_sends: n, client_sends: n }
    }
}

impl Needs {
    /// Both directions together.
    pub(crate) const fn total(self) -> usize {
        self.server_sends + self.client_sends
    }

    /// Replays a draw from supplies with the server and the client as sender.
    pub(crate) fn cost(self, account: &mut Account, supplies: &mut Option<[Costs; 2]>) {
        let needs = [self.server_sends, self.client_sends];
        let both = self.server_sends > 0 && self.client_sends > 0;
        let way = if both { Passing::TwoWay } else { Passing::OneWay };
        account.work.held.pass_both(way, TRANSFER * self.total());
        for (costs, n) in supplies.iter_mut().flatten().zip(needs) {
            let before = costs.computed();
            costs.extend(&mut account.meter, n);
            work::make(&mut account.work, costs.source(), costs.computed().since(before));
            let pool = (costs.computed().iterated as usize).min(MOST_MADE);
            let kind = match costs.source() {
                (_, Role::Server) => Passing::ServerPool,
                (_, Role::Client) => Passing::ClientPool,
            };
            account.work.held.pass_both(kind, TRANSFER * pool);
        }
    }
}

impl Add for Needs {
    type Output = Self;

    fn add(self, o: Self) -> Self {
        Self {
            server_sends: self.server_sends + o.server_sends,
            client_sends: self.client_sends + o.client_sends,
        }
    }
}

impl Sum for Needs {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::NONE, Add::add)
    }
}
