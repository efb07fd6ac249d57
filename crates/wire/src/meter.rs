//! Counting messages, bytes and rounds, per phase and layer.

use crate::{Dir, HEADER, Phase, Role};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// What some part of a session sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Bytes from the client to the server, frame headers included.
    pub up: u64,
    /// Bytes from the server to the client, frame headers included.
    pub down: u64,
    /// Messages, both directions.
    pub messages: u64,
    /// Times this party waited for an answer: receives that directly follow one of its sends.
    pub rounds: u64,
}

impl Count {
    /// Bytes in both directions.
    pub fn bytes(&self) -> u64 {
        self.up + self.down
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.up += other.up;
        self.down += other.down;
        self.messages += other.messages;
        self.rounds += other.rounds;
    }
}

/// Counts one party's messages, bytes and rounds, per (phase, layer).
///
/// A lane meters what it sends and receives; a cost function replays the same messages on a meter
/// of its own. The counts of the two are equal when, and only when, the prediction is right.
///
/// Counted are payloads and [`HEADER`] bytes per message, not what TLS, TCP and IP add, nor the
/// messages that set up or abort a session.
///
/// A round belongs to the phase and layer in which the awaited message arrives.
#[derive(Clone, Debug)]
pub struct Meter {
    role: Role,
    phase: Phase,
    layer: Option<u32>,
    sent_last: bool,
    counts: BTreeMap<(Phase, Option<u32>), Count>,
    latency: Latency,
}

/// When each party got as far as it is, in one-way delays.
#[derive(Clone, Debug, Default)]
struct Latency {
    client: u64,
    server: u64,
    passed: BTreeMap<(Phase, Option<u32>), u64>,
}

impl Latency {
    fn at(&self) -> u64 {
        self.client.max(self.server)
    }
}

/// A message that was sent and not yet received.
#[derive(Debug)]
#[must_use = "a message that is never received is not counted by its receiver"]
pub struct Underway {
    dir: Dir,
    payload: usize,
    /// When it arrives.
    at: u64,
}

impl Meter {
    /// A meter of this party, at zero, in [`Phase::Setup`] and no layer.
    pub fn new(role: Role) -> Self {
        Meter {
            role,
            phase: Phase::Setup,
            layer: None,
            sent_last: false,
            counts: BTreeMap::new(),
            latency: Latency::default(),
        }
    }

    /// The party that counts.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Says what the messages from now on belong to.
    pub fn set(&mut self, phase: Phase, layer: Option<u32>) {
        self.phase = phase;
        self.layer = layer;
    }

    /// The phase that messages belong to now.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The layer that messages belong to now.
    pub fn layer(&self) -> Option<u32> {
        self.layer
    }

    /// Counts one message with `payload` bytes, plus its header, which its receiver waits for.
    pub fn message(&mut self, dir: Dir, payload: usize) {
        let message = self.send(dir, payload);
        self.receive(message);
    }

    /// Counts one message if this party is its sender. Replays of what overlaps have the receiver read
    /// it later.
    pub fn send(&mut self, dir: Dir, payload: usize) -> Underway {
        if dir == self.role.sends() {
            self.count(dir, payload);
        }
        let Latency { client, server, .. } = self.latency;
        let from = if dir == Dir::Up { client } else { server };
        Underway { dir, payload, at: from + 1 }
    }

    /// Counts a message if this party is its receiver, who waits until it is there.
    pub fn receive(&mut self, message: Underway) {
        let Underway { dir, payload, at } = message;
        if dir != self.role.sends() {
            self.count(dir, payload);
        }
        let before = self.latency.at();
        let clock = match dir {
            Dir::Up => &mut self.latency.server,
            Dir::Down => &mut self.latency.client,
        };
        *clock = at.max(*clock);
        let passed = self.latency.at() - before;
        *self.latency.passed.entry((self.phase, self.layer)).or_default() += passed;
    }

    fn count(&mut self, dir: Dir, payload: usize) {
        let bytes = HEADER + payload as u64;
        let count = self.counts.entry((self.phase, self.layer)).or_default();
        match dir {
            Dir::Up => count.up += bytes,
            Dir::Down => count.down += bytes,
        }
        count.messages += 1;
        let sent = dir == self.role.sends();
        if !sent && self.sent_last {
            count.rounds += 1;
        }
        self.sent_last = sent;
    }

    /// Counts one message each way, with `up` and `down` bytes of payload, where both parties send
    /// before they receive.
    pub fn exchange(&mut self, up: usize, down: usize) {
        let both = [self.send(Dir::Up, up), self.send(Dir::Down, down)];
        both.into_iter().for_each(|message| self.receive(message));
    }

    /// One-way delays of the link that go by in some part of a session, one after the other: two for a question and its answer, one
    /// where both parties send before they receive, or before an earlier answer is read. Only what is replayed says which it is, so this is of cost functions, not of lanes.
    pub fn delays(&self, phase: Phase, layer: Option<u32>) -> u64 {
        self.latency.passed.get(&(phase, layer)).copied().unwrap_or_default()
    }

    /// What was counted so far, per phase and layer.
    pub fn counts(&self) -> &BTreeMap<(Phase, Option<u32>), Count> {
        &self.counts
    }

    /// The sum over all phases and layers.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        for count in self.counts.values() {
            total += *count;
        }
        total
    }

    /// The sum over the layers of one phase.
    pub fn phase_total(&self, phase: Phase) -> Count {
        let mut total = Count::default();
        for (_, count) in self.counts.iter().filter(|((p, _), _)| *p == phase) {
            total += *count;
        }
        total
    }

    /// Adds another meter's counts, as of a parallel lane, to these. Rounds add up too, although
    /// those of parallel lanes overlap in time. Delays stay this meter's.
    pub fn merge(&mut self, other: &Meter) {
        for (at, count) in &other.counts {
            *self.counts.entry(*at).or_default() += *count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_follow_what_waits_for_what() {
        let mut m = Meter::new(Role::Client);
        let mut passed = |step: &dyn Fn(&mut Meter)| {
            let before = m.delays(Phase::Setup, None);
            step(&mut m);
            m.delays(Phase::Setup, None) - before
        };
        // A question in two messages, and its answer.
        let question = |m: &mut Meter| {
            m.message(Dir::Up, 1);
            m.message(Dir::Up, 1);
            m.message(Dir::Down, 1);
        };
        assert_eq!(passed(&question), 2);
        assert_eq!(passed(&|m| m.exchange(1, 1)), 1);
        assert_eq!(passed(&|m| (0..3).for_each(|_| m.exchange(1, 1))), 3);
        // The server got the last message but one, so this one is there with the client's last.
        assert_eq!(passed(&|m| m.message(Dir::Down, 1)), 0);
        assert_eq!(passed(&question), 2);
    }

    #[test]
    fn what_is_read_later_is_not_waited_for() {
        for role in [Role::Client, Role::Server] {
            let mut m = Meter::new(role);
            let mut ask = || {
                m.message(Dir::Down, 1);
                m.send(Dir::Up, 1)
            };
            let answers = [ask(), ask(), ask()];
            answers.into_iter().for_each(|answer| m.receive(answer));
            assert_eq!(m.delays(Phase::Setup, None), 2);
            // All questions are there before the client sees the first, or each is followed by its answer.
            let rounds = if role == Role::Server { 1 } else { 2 };
            assert_eq!(m.total(), Count { up: 27, down: 27, messages: 6, rounds });
        }
    }

    #[test]
    fn rounds_are_receives_right_after_a_send() {
        let mut m = Meter::new(Role::Client);
        m.message(Dir::Up, 1);
        m.message(Dir::Up, 2);
        m.message(Dir::Down, 3);
        m.message(Dir::Down, 4);
        m.message(Dir::Up, 0);
        assert_eq!(m.total(), Count { up: 27, down: 23, messages: 5, rounds: 1 });
        m.message(Dir::Down, 0);
        assert_eq!(m.total().rounds, 2);
    }

    #[test]
    fn an_exchange_is_one_round_for_each_party() {
        for role in [Role::Client, Role::Server] {
            let mut m = Meter::new(role);
            m.exchange(10, 20);
            m.exchange(0, 0);
            assert_eq!(m.total(), Count { up: 26, down: 36, messages: 4, rounds: 2 });
        }
    }

    #[test]
    fn merge_adds_by_phase_and_layer() {
        let mut a = Meter::new(Role::Server);
        let mut b = Meter::new(Role::Server);
        a.set(Phase::Online, Some(3));
        b.set(Phase::Online, Some(3));
        a.message(Dir::Up, 4);
        b.message(Dir::Down, 5);
        b.set(Phase::Offline, None);
        b.message(Dir::Down, 6);
        a.merge(&b);
        assert_eq!(a.counts()[&(Phase::Online, Some(3))].bytes(), 25);
        assert_eq!(a.phase_total(Phase::Offline).down, 14);
        assert_eq!(a.total().messages, 3);
    }
}
