//! Networks side by side, and the literature's protocols beside ours.

use super::args::ModelArgs;
use super::protocol::{Private, ProtocolArgs, wish};
use super::quantise::QuantiseArgs;
use super::{forecast, output, profile};
use crate::exit::{Exit, Failure};
use crate::model::Model;
use crate::report::{Forecast, bytes, seconds};
use anyhow::Result;
use clap::{ArgGroup, Args};
use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{CellAlignment, Table, TableStyle};
use serde::Serialize;
use sordino_engine::Network;
use sordino_engine::session::{BackendChoice, LinearChoice, Wish};
use sordino_graph::fixed::FixedGraph;
use sordino_graph::ir::{Graph, Op};
use sordino_plan::Profile;
use sordino_plan::cryptflow2::{Baseline, CryptFlow2, Held, LayerPrice};
use std::path::PathBuf;

/// Networks and protocols to set beside this one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Comparison")]
#[command(group = ArgGroup::new("beside").args(["compare", "cryptflow2"]).multiple(true))]
pub(super) struct CompareArgs {
    /// Set several networks side by side: products, rectifiers, parameters, and what each sends under CrypTFlow2
    /// and under twoparty, with and without Winograd's transforms
    #[arg(long)]
    compare: bool,
    /// The other networks to compare
    #[arg(value_name = "MODEL", requires = "compare")]
    others: Vec<PathBuf>,
    /// Bits of CrypTFlow2's ring and of fractions, as in 37,12; then `shared` if weights are secret-shared, and
    /// `winograd` to add its transform, which --compare does in a column of its own. Without --compare: say what
    /// CrypTFlow2 would send, layer by layer, instead of a backend of Sordino's [default with --compare: 37,12]
    #[arg(long, value_name = "BITS,SCALE[,shared][,winograd]", value_parser = deployment)]
    cryptflow2: Option<CryptFlow2>,
    /// Print these tables in Markdown
    #[arg(long, requires = "beside", conflicts_with = "json")]
    markdown: bool,
}

fn deployment(text: &str) -> Result<CryptFlow2, String> {
    let usage = || "use BITS,SCALE, and shared or winograd after them, as in 37,12".to_owned();
    let number = |text: &str| text.parse::<u32>().map_err(|e| format!("'{text}': {e}"));
    let mut parts = text.split(',');
    let (Some(bits), Some(scale)) = (parts.next(), parts.next()) else { return Err(usage()) };
    let mut found = CryptFlow2::new(number(bits)?, number(scale)?).map_err(|e| e.to_string())?;
    for part in parts {
        match part {
            "shared" => found.weights = Held::InShares,
            "winograd" => found.winograd = true,
            _ => return Err(usage()),
        }
    }
    Ok(found)
}

impl CompareArgs {
    /// Whether something else than a backend's plan is asked for.
    pub(super) fn wanted(&self) -> bool {
        self.compare || self.cryptflow2.is_some()
    }

    /// Prints it.
    ///
    /// # Errors
    /// A network cannot be read, or has an operator that CrypTFlow2 has no protocol for. What twoparty refuses is part of
    /// the answer.
    pub(super) fn run(
        &self,
        model: &ModelArgs,
        quantise: &QuantiseArgs,
        protocol: &ProtocolArgs,
        json: bool,
    ) -> Result<()> {
        let mut deployment = match self.cryptflow2 {
            Some(given) => given,
            None => CryptFlow2::new(37, 12)?,
        };
        if !self.compare {
            let baseline = deployment.price(&model.load()?.graph)?;
            return if json { output::json(&baseline) } else { self.layers(&baseline) };
        }
        let mut rows = Vec::new();
        for path in std::iter::once(&model.model).chain(&self.others) {
            let mut one = model.clone();
            one.model.clone_from(path);
            rows.push(Row::new(&one, quantise, protocol, deployment)?);
        }
        deployment.winograd = false;
        if json { output::json(&rows) } else { self.rows(&rows, deployment) }
    }

    fn style(&self) -> TableStyle {
        if self.markdown { ASCII_MARKDOWN } else { NOTHING }
    }

    fn layers(&self, baseline: &Baseline) -> Result<()> {
        let mut table = Table::new();
        table.load_style(self.style()).set_header([
            "layer",
            "operation",
            "products",
            "rectifiers",
            "linear",
            "activation",
            "pool",
            "truncation",
            "rounds",
        ]);
        let count = |n: u64| if n == 0 { String::new() } else { n.to_string() };
        let size = |n: u64| if n == 0 { String::new() } else { bytes(n) };
        let total = baseline.total();
        for l in baseline.layers.iter().chain([&total]) {
            table.add_row([
                l.name.clone(),
                l.tile.map_or_else(|| l.kind.to_owned(), |t| format!("{}, {t}x{t} tiles", l.kind)),
                count(l.macs),
                count(l.rectifiers),
                size(l.linear),
                size(l.activation),
                size(l.pool),
                size(l.truncation),
                count(l.rounds),
            ]);
        }
        align(&mut table, 2);
        output::line(table)?;
        output::line("")?;
        output::line(format!("{}: {} in all", said(baseline.deployment), bytes(total.bytes())))
    }

    fn rows(&self, rows: &[Row], deployment: CryptFlow2) -> Result<()> {
        let mut table = Table::new();
        table.load_style(self.style()).set_header([
            "network",
            "products",
            "rectifiers",
            "parameters",
            "CrypTFlow2",
            "with Winograd",
            "twoparty ot",
            "with Winograd",
            "twoparty lattice",
            "factor",
            "CrypTFlow2, LAN",
            "lattice, LAN",
        ]);
        for row in rows {
            table.add_row(row.cells());
        }
        align(&mut table, 1);
        output::line(table)?;
        output::line("")?;
        output::line(format!(
            "{}; twoparty: one session with one inference, as predicted; factor: from CrypTFlow2 to the \
             fewer bytes of twoparty lattice and ot; LAN: {}, of CrypTFlow2 what the link takes alone",
            said(deployment),
            Network::lan()
        ))?;
        for (row, why) in rows.iter().filter_map(|r| Some((r, r.refusal.as_ref()?))) {
            output::line(format!("{}: twoparty: {why}", row.name))?;
        }
        Ok(())
    }
}

fn align(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// How CrypTFlow2 is deployed, in words.
fn said(deployment: CryptFlow2) -> String {
    let held = match deployment.weights {
        Held::ByServer => "the server's weights",
        Held::InShares => "weights in shares",
    };
    let (bits, scale) = (deployment.ring_bits(), deployment.scale());
    let winograd = if deployment.winograd { ", with Winograd's transform" } else { "" };
    format!(
        "CrypTFlow2 by its cost model, {bits} bits, {scale} of them of fractions, {held}{winograd}"
    )
}

/// Predicted bytes of a session with one inference.
#[derive(Serialize)]
struct Ours {
    lattice: u64,
    transfers: u64,
    transfers_winograd: u64,
    /// Of `lattice`.
    rounds: u64,
    /// Seconds of `lattice` in a local network, on the machine of the profile.
    seconds_lan: f64,
}

impl Ours {
    fn new(
        graph: &FixedGraph,
        asked: Wish,
        profile: &Profile,
    ) -> Result<Self, sordino_engine::Error> {
        let send = |linear: LinearChoice, winograd: bool| {
            let wish = Wish { linear, winograd, ..asked };
            let found = Forecast::two_party(graph, wish, 1)?;
            let all = found.totals().session();
            let seconds = found.time(profile, &Network::lan()).session().wall;
            Ok::<_, sordino_engine::Error>((all.up + all.down, all.rounds, seconds))
        };
        let (lattice, rounds, seconds_lan) = send(LinearChoice::Lattice, true)?;
        Ok(Self {
            lattice,
            transfers: send(LinearChoice::Transfer, false)?.0,
            transfers_winograd: send(LinearChoice::Transfer, true)?.0,
            rounds,
            seconds_lan,
        })
    }
}

/// One network.
#[derive(Serialize)]
struct Row {
    name: String,
    input: Vec<usize>,
    macs: u64,
    rectifiers: u64,
    parameters: u64,
    cryptflow2: LayerPrice,
    cryptflow2_winograd: LayerPrice,
    /// None where the backend refuses.
    twoparty: Option<Ours>,
    refusal: Option<String>,
}

impl Row {
    fn new(
        args: &ModelArgs,
        quantise: &QuantiseArgs,
        protocol: &ProtocolArgs,
        deployment: CryptFlow2,
    ) -> Result<Self> {
        let model = args.load()?;
        let price = |winograd| {
            let mut deployment = deployment;
            deployment.winograd = winograd;
            deployment.price(&model.graph).map(|b| b.total())
        };
        let (plain, winograd) = (price(false)?, price(true)?);
        let (twoparty, refusal) = match ours(&model, quantise, protocol) {
            Ok(found) => (Some(found), None),
            Err(why) if Exit::of(&why) == Exit::Model => (None, Some(output::describe(&why))),
            Err(why) => return Err(why),
        };
        Ok(Self {
            name: model.name.clone(),
            input: model.input_shape().to_vec(),
            macs: plain.macs,
            rectifiers: plain.rectifiers,
            parameters: parameters(&args.graph()?),
            cryptflow2: plain,
            cryptflow2_winograd: winograd,
            twoparty,
            refusal,
        })
    }

    fn cells(&self) -> [String; 12] {
        let ours = |what: fn(&Ours) -> u64| {
            self.twoparty.as_ref().map_or_else(|| "–".to_owned(), |o| bytes(what(o)))
        };
        let theirs = &self.cryptflow2;
        let link = Network::lan().time(theirs.rounds, theirs.bytes());
        let best = self.twoparty.as_ref().map(|o| o.lattice.min(o.transfers_winograd).max(1));
        let factor =
            best.map(|best| format!("{:.0}", self.cryptflow2.bytes() as f64 / best as f64));
        [
            self.name.clone(),
            millions(self.macs),
            millions(self.rectifiers),
            millions(self.parameters),
            bytes(self.cryptflow2.bytes()),
            bytes(self.cryptflow2_winograd.bytes()),
            ours(|o| o.transfers),
            ours(|o| o.transfers_winograd),
            ours(|o| o.lattice),
            factor.unwrap_or_default(),
            seconds(link.as_secs_f64()),
            self.twoparty.as_ref().map_or_else(|| "–".to_owned(), |o| seconds(o.seconds_lan)),
        ]
    }
}

fn ours(model: &Model, quantise: &QuantiseArgs, protocol: &ProtocolArgs) -> Result<Ours> {
    let asked = protocol.wish(BackendChoice::TwoParty)?;
    if asked.linear != wish(BackendChoice::TwoParty).linear || protocol.batch() > 1 {
        let text = "--compare shows every kind of linear layer for one image: leave out --linear and --batch";
        return Err(Failure::new(Exit::Usage, text).into());
    }
    let (fixed, _) = forecast::integers(quantise, model, Private::Twoparty, quantise.act_bits()?)?;
    Ok(Ours::new(&fixed.model.graph, asked, &profile::current()?)?)
}

/// Trained numbers: those of linear layers, and the factor and offset of batch normalisations.
fn parameters(graph: &Graph) -> u64 {
    let of = |node: &sordino_graph::ir::Node| {
        let trained = match node.op {
            Op::Conv { .. } | Op::Gemm { .. } | Op::MatMul => 0..node.inputs.len(),
            Op::BatchNorm { .. } => 1..3,
            _ => 0..0,
        };
        let operands = node.inputs.get(trained).unwrap_or_default().iter().flatten();
        operands.filter_map(|&id| graph.constant(id)).map(|t| t.len() as u64).sum::<u64>()
    };
    graph.nodes.iter().map(of).sum()
}

/// A count in millions, three digits.
fn millions(n: u64) -> String {
    let n = n as f64 / 1e6;
    let digits = if n >= 100.0 { 0 } else { usize::from(n < 10.0) + 1 };
    format!("{n:.digits$} M")
}
