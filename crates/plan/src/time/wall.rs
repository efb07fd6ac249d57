use crate::{Cost, Profile};
use sordino_engine::garbled::GARBLED;
use sordino_engine::work::{Stage, Unit, Work};
use sordino_engine::{Network, Role};

/// Seconds from the first message to the last.
pub(super) fn wall(work: &Work, cost: &Cost, profile: &Profile, link: &Network) -> f64 {
    let seconds = |stage| [Role::Client, Role::Server].map(|p| profile.stage(work, p, stage));
    let at_once = |stage| {
        let [client, server] = seconds(stage);
        client.max(server)
    };
    // What is computed message by message, while others are on their way.
    let streamed: f64 =
        [Stage::Making, Stage::Up, Stage::Down, Stage::Pipeline].map(at_once).iter().sum();
    let [client, server] = seconds(Stage::Turns);
    let sending = link.time(0, cost.up + cost.down).as_secs_f64();
    let waiting = 0.5 * link.time(cost.delays, 0).as_secs_f64();
    streamed.max(sending) + at_once(Stage::Alone) + client + server + waiting
}

/// Seconds until the parties have greeted each other and the first of them says something: the client together with
/// its confirmation, or the server when it has that.
pub(super) fn greeting(first: Role, link: &Network) -> f64 {
    let delays = match first {
        Role::Client => 2,
        Role::Server => 3,
    };
    0.5 * link.time(delays, 0).as_secs_f64()
}

/// Seconds to make a circuit: while tables are sent, the next ones are made, and those before are received.
pub(super) fn of_tables(
    making: &[(Work, u64)],
    cost: &Cost,
    profile: &Profile,
    link: &Network,
) -> f64 {
    let sending = |bytes| link.time(0, bytes).as_secs_f64();
    let [mut made, mut sent, mut received] = [0.0_f64; 3];
    for (work, bytes) in making {
        let moved = |unit| *bytes as f64 * profile.unit(unit);
        let pieces = bytes.div_ceil(GARBLED as u64).max(1);
        let [make, send, receive] = [
            profile.stage(work, Role::Client, Stage::Making) + moved(Unit::ByteSent),
            sending(*bytes),
            profile.stage(work, Role::Server, Stage::Making) + moved(Unit::ByteReceived),
        ]
        .map(|seconds| seconds / pieces as f64);
        for _ in 0..pieces {
            made += make;
            sent = made.max(sent) + send;
            received = sent.max(received) + receive;
        }
    }
    let tables: u64 = making.iter().map(|(_, bytes)| bytes).sum();
    let waiting = 0.5 * link.time(cost.delays, 0).as_secs_f64();
    let messages = cost.messages as f64 * profile.unit(Unit::Message);
    received + sending((cost.up + cost.down).saturating_sub(tables)) + waiting + messages
}
