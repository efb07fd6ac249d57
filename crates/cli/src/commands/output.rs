//! Printing results: text for people, JSON for machines; failures to write are errors.

use crate::predict::Prediction;
use crate::report::{Forecast, bytes};
use anyhow::{Context, Result};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use sordino_engine::popcorn::Exposure;
use sordino_engine::session::Terms;
use sordino_engine::work::Memory;
use sordino_plan::{Cost, GarbledPlan, Plan, PopcornPlan, Promise, Settings, TwoPartyPlan};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Prints a line to stdout.
///
/// Names in a model's file are its author's: control characters, which could move a terminal, become replacement characters.
pub(super) fn line(text: impl std::fmt::Display) -> Result<()> {
    let kept = |c: char| !c.is_control() || c == '\n' || c == '\t';
    let text: String =
        text.to_string().chars().map(|c| if kept(c) { c } else { '\u{fffd}' }).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("writing to stdout")
}

/// Prints one line of JSON to stdout.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string(value)?)
}

/// Writes JSON to a file, all of it or an error.
pub(super) fn json_file(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    std::fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
}

/// Prints a prediction for people.
pub(super) fn prediction(p: &Prediction) -> Result<()> {
    line(&p.input)?;
    for r in &p.top {
        let number = format!("{:>5}", r.class);
        let name = if r.name == r.class.to_string() { "" } else { &r.name };
        let value = match (r.probability, r.score) {
            (Some(p), _) => format!("{:>6.2} %", 100.0 * p),
            (None, Some(s)) => format!("{s:>9.4}"),
            (None, None) => String::new(),
        };
        line(format!("{number}  {value}  {name}").trim_end())?;
    }
    if p.saturated > 0 {
        eprintln!(
            "warning: {}: {} input values lie outside the range the network was calibrated for",
            p.input, p.saturated
        );
    }
    Ok(())
}

/// Says on stderr who is protected from whom and who learns what.
pub(super) fn promise(p: &Promise) {
    promised(p).iter().for_each(|line| eprintln!("{line}"));
}

/// Who is protected from whom and who learns what, in lines.
pub(super) fn promised(p: &Promise) -> [String; 4] {
    [
        format!("secure against  {}", p.threat),
        format!("disclosed       {}", p.disclosed),
        format!("client learns   {}", p.client_learns),
        format!("server learns   {}", p.server_learns),
    ]
}

/// What each party's process holds, in a line.
pub(super) fn memory(forecast: &Forecast) -> String {
    let Memory { client, server } = forecast.memory();
    let [client, server] = [client, server].map(bytes);
    format!("memory          about {client} at the client, {server} at the server")
}

/// Says on stderr what was agreed with a server: who learns what, and what a session with so many images at once costs.
pub(super) fn agreed(terms: &Terms, images: usize) -> Result<()> {
    promise(&Promise::of(terms));
    if let Some(link) = terms.link {
        let (ms, rate) = (1e3 * link.rtt.as_secs_f64(), link.bandwidth as f64 / 1e6);
        eprintln!("link            {ms:.1} ms, {rate:.0} Mbit/s");
    }
    let settings = Settings::of(&terms.wish).describe();
    let (backend, colon) =
        (terms.wish.backend.backend().name(), if settings.is_empty() { "" } else { ": " });
    eprintln!("way             {backend}{colon}{settings}");
    cost(&Forecast::agreed(terms, images)?, images);
    Ok(())
}

/// Says on stderr what a session will cost, with so many images at once.
pub(super) fn cost(forecast: &Forecast, images: usize) {
    match forecast {
        Forecast::TwoParty(TwoPartyPlan { supply, plan }) => {
            eprintln!("transfers from  {supply}");
            layered(plan, images);
        }
        Forecast::Garbled(plan) => garbled(plan),
        Forecast::Popcorn(PopcornPlan { key_bits, exposed, plan }) => {
            eprintln!("Paillier key    {key_bits} bits");
            layered(plan, 1);
            eprintln!("client sees     {}", sees(exposed.as_ref()));
        }
    }
}

/// What blinded values tell a client.
pub(super) fn sees(exposed: Option<&Exposure>) -> String {
    exposed.map_or_else(
        || "blinded values that tell it enough to extract the model".to_owned(),
        |e| {
            format!(
                "{} blinded values per input, each told from another with an advantage of at most {:.1} %; {:.0} bits \
                 about all of them at most",
                e.values,
                100.0 * e.distance,
                e.bits.ceil()
            )
        },
    )
}

/// What a cost is for.
fn unit(one: &str, images: usize) -> String {
    if images == 1 { format!("per {one}") } else { format!("per {images} {one}s") }
}

fn layered(plan: &Plan, images: usize) {
    let (setup, each) = (plan.setup, plan.inference());
    eprintln!("once            {} up, {} down", bytes(setup.up), bytes(setup.down));
    eprintln!(
        "{:<16}{} up, {} down, {} rounds",
        unit("input", images),
        bytes(each.up),
        bytes(each.down),
        each.rounds
    );
}

fn garbled(plan: &GarbledPlan) {
    eprintln!("once            {} down: the weights, for the client", bytes(plan.setup.down));
    eprintln!(
        "per circuit     {} up ahead of time, for one input ({} rows)",
        bytes(plan.offline.up),
        plan.rows
    );
    eprintln!(
        "per input       {} up, {} down, 1 round",
        bytes(plan.online.up),
        bytes(plan.online.down)
    );
    eprintln!("lambda          {:.0} bits", plan.lambda.floor());
}

/// A table of what the layers of a circuit take.
pub(super) fn tables(plan: &GarbledPlan) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["layer", "rows", "tables"]);
    let mut row = |name: &str, rows: u64, size: u64| {
        table.add_row([name.to_owned(), rows.to_string(), bytes(size)]);
    };
    for l in &plan.layers {
        row(&l.name, l.rows, l.bytes);
    }
    row("circuit", plan.rows, plan.table_bytes);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Prints what a session with one inference will send.
pub(super) fn forecast(plan: &Forecast, images: usize) -> Result<()> {
    let say = |what: &str, c: &Cost| {
        line(format!(
            "  {what:<14} {:>9} up  {:>9} down  {:>5} rounds",
            bytes(c.up),
            bytes(c.down),
            c.rounds
        ))
    };
    match plan {
        Forecast::TwoParty(TwoPartyPlan { supply, plan }) => {
            line(format!("Predicted cost of twoparty, transfers from {supply}:"))?;
            say("set-up", &plan.setup)?;
            say(&unit("inference", images), &plan.inference())
        }
        Forecast::Popcorn(PopcornPlan { key_bits, exposed, plan }) => {
            let name = if exposed.is_some() { "popcorn" } else { "popcorn-paper" };
            line(format!("Predicted cost of {name}, a Paillier key of {key_bits} bits:"))?;
            say("set-up", &plan.setup)?;
            say("inference", &plan.inference())?;
            line(format!("client sees     {}", sees(exposed.as_ref())))
        }
        Forecast::Garbled(plan) => {
            line(format!("Predicted cost of garbled, lambda {:.0}:", plan.lambda.floor()))?;
            say("set-up", &plan.setup)?;
            say("offline", &plan.offline)?;
            say("online", &plan.online)
        }
    }
}

/// The chain of causes, without those that a text above them already includes.
pub(super) fn describe(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        match (text.is_empty(), text.contains(&cause)) {
            (true, _) => cause,
            (false, true) => text,
            (false, false) => format!("{text}: {cause}"),
        }
    })
}

/// Whether the reader of our output went away, as `head` does.
pub(super) fn closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|e| e.downcast_ref::<std::io::Error>());
    io.is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}
