use crate::{Cost, Profile};
use sordino_engine::work::{Stage, Work};
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
