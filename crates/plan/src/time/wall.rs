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
    let [client, server] = seconds(Stage::Turns);
    let computing =
        [Stage::Making, Stage::Alone, Stage::Up, Stage::Down, Stage::Pipeline].map(at_once);
    let sending = link.time(cost.rounds, cost.up + cost.down).as_secs_f64();
    computing.iter().sum::<f64>() + client + server + sending
}
