use super::args::ModelArgs;
use super::compare::CompareArgs;
use super::protocol::{Private, ProtocolArgs};
use super::quantise::QuantiseArgs;
use super::{forecast, output};
use crate::report::{Forecast, bytes, counted};
use anyhow::Result;
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use sordino_plan::{Cost, Plan, Promise};

/// Say what a private run will send, layer by layer, and who is protected from whom
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    #[command(flatten)]
    model: ModelArgs,
    /// For which backend
    #[arg(long, value_enum, default_value = "twoparty")]
    backend: Private,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
        self.quantise.check([self.backend.into()])?;
        if self.compare.wanted() {
            return self.compare.run(&self.model, &self.quantise, &self.protocol, self.json);
        }
        let act_bits = self.quantise.act_bits()?;
        let wish = self.protocol.wish(self.backend.into())?;
        let model = self.model.load()?;
        let (fixed, calibrated_on) =
            forecast::integers(&self.quantise, &model, self.backend, act_bits)?;
        let planned = Planned {
            name: model.name,
            calibrated_on,
            promise: Promise::new(self.backend.backend(), wish.reveal),
            plan: forecast::of(self.backend, &fixed.model, wish, self.protocol.batch())?,
        };
        if self.json { output::json(&planned) } else { planned.print(self.protocol.batch()) }
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
