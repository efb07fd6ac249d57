mod compared;
mod flags;
mod page;
mod survey;

use super::aim::AimArgs;
use super::args::ModelArgs;
use super::compare::CompareArgs;
use super::protocol::{Private, ProtocolArgs};
use super::quantise::QuantiseArgs;
use super::{forecast, output, profile};
use crate::report::{Forecast, Watch, bytes, counted};
use anyhow::{Context, Result};
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use compared::Compared;
use flags::Commands;
use serde::Serialize;
use sordino_plan::{Cost, Objective, Plan, Promise};
use sordino_wire::Network;
use std::path::PathBuf;
use survey::Survey;

/// Say what a private run will send, compute and disclose, and which way to run it
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    #[command(flatten)]
    model: ModelArgs,
    /// Only this backend, layer by layer; without, every way to run the network is compared
    #[arg(long, value_enum, conflicts_with = "beside")]
    backend: Option<Private>,
    /// Also write the comparison to this file, as a page that needs no network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["backend", "beside"])]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The link between the parties: lan, wan, or round trip and rate such as 20ms,100mbit
    #[arg(long, value_name = "lan|wan|RTT,BW", default_value = "lan", conflicts_with_all = ["backend", "beside"])]
    network: Network,
    #[command(flatten)]
    aim: AimArgs,
    #[command(flatten)]
    quantise: QuantiseArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,
    #[command(flatten)]
    compare: CompareArgs,
}

#[derive(Serialize)]
struct Planned {
    name: String,
    calibrated_on: &'static str,
    promise: Promise,
    plan: Forecast,
}

impl PlanCommand {
    pub(super) fn run(&self) -> Result<()> {
        if self.compare.wanted() || self.backend.is_some() {
            self.aim.refuse(
                "only makes sense where every way is compared: without --backend and --compare",
            )?;
        }
        if self.compare.wanted() {
            self.quantise.check([Private::Twoparty.into()])?;
            return self.compare.run(&self.model, &self.quantise, &self.protocol, self.json);
        }
        match self.backend {
            Some(backend) => self.one(backend),
            None => self.all(),
        }
    }

    fn one(&self, backend: Private) -> Result<()> {
        self.quantise.check([backend.into()])?;
        let act_bits = self.quantise.act_bits()?;
        let wish = self.protocol.wish(backend.into())?;
        let model = self.model.load()?;
        let (fixed, calibrated_on) = forecast::integers(&self.quantise, &model, backend, act_bits)?;
        let planned = Planned {
            name: model.name,
            calibrated_on,
            promise: Promise::new(backend.backend(), wish.reveal),
            plan: forecast::of(backend, &fixed.model, wish, self.protocol.batch())?,
        };
        if self.json { output::json(&planned) } else { planned.print(self.protocol.batch()) }
    }

    fn all(&self) -> Result<()> {
        self.quantise.check([Private::Twoparty.into(), Private::Garbled.into()])?;
        let wanted = self.protocol.wanted();
        let profile = profile::current()?;
        let model = self.model.load()?;
        let mut watch = Watch::new(self.json);
        let survey = Survey::new(&model, &self.quantise, &wanted, &mut watch)?;
        let prepare = self.aim.objective() == Objective::Online;
        let compared = Compared::new(
            model.name,
            &wanted,
            survey,
            &self.aim,
            self.network,
            profile,
            |candidate| Commands::of(candidate, &self.model, &self.quantise, &wanted, prepare),
        );
        if let Some(file) = &self.html {
            std::fs::write(file, page::page(&compared))
                .with_context(|| format!("writing {}", file.display()))?;
        }
        if self.json { output::json(&compared) } else { compared.print() }
    }
}

impl Planned {
    fn print(&self, images: usize) -> Result<()> {
        output::line(format!("{}, calibrated on {}", self.name, self.calibrated_on))?;
        match &self.plan {
            Forecast::TwoParty(plan) => output::line(layers(&plan.plan))?,
            Forecast::Garbled(plan) => output::line(output::tables(plan))?,
            Forecast::Popcorn(plan) => output::line(layers(&plan.plan))?,
        }
        output::line("")?;
        output::forecast(&self.plan, images)?;
        output::line(output::memory(&self.plan))?;
        output::promised(&self.promise).iter().try_for_each(output::line)
    }
}

/// Every layer that sends something or multiplies, and the sum.
fn layers(plan: &Plan) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "layer",
        "operation",
        "method",
        "products",
        "up offline",
        "up online",
        "down offline",
        "down online",
        "rounds",
    ]);
    let row = |name: &str, kind: &str, method: &str, products: u64, off: &Cost, on: &Cost| {
        let products = if products == 0 { String::new() } else { products.to_string() };
        let rounds = (off.rounds + on.rounds).to_string();
        [
            name.to_owned(),
            kind.to_owned(),
            method.to_owned(),
            products,
            bytes(off.up),
            bytes(on.up),
            bytes(off.down),
            bytes(on.down),
            rounds,
        ]
    };
    let none = Cost::default();
    let (mut offline, mut online, mut silent) = (none, plan.frame, 0);
    for l in &plan.layers {
        if l.offline == none && l.online == none && l.products == 0 {
            silent += 1;
            continue;
        }
        offline += l.offline;
        online += l.online;
        let method = l.method.as_deref().unwrap_or_default();
        table.add_row(row(&l.name, l.kind, method, l.products, &l.offline, &l.online));
    }
    if silent > 0 {
        table.add_row(row(&counted(silent, "silent layer"), "", "", 0, &none, &none));
    }
    table.add_row(row("request and result", "", "", 0, &none, &plan.frame));
    table.add_row(row("inference", "", "", 0, &offline, &online));
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
