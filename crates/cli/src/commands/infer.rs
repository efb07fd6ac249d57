use super::aim::AimArgs;
use super::args::{self, PictureArgs};
use super::ask::{Asking, BackendArg, Purpose};
use super::client::{ServerArgs, Session, never_agreed, refused};
use super::output;
use super::protocol::ProtocolArgs;
use crate::data::{Classes, Dataset, Labels, Prepare};
use crate::model::Card;
use crate::predict::{Prediction, Scores};
use crate::report::{Account, Watch};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use sordino_engine::Error;
use sordino_engine::session::Terms;
use sordino_plan::{Promise, Settings};
use std::path::{Path, PathBuf};

/// Have a server classify pictures that it never sees
#[derive(Debug, Args)]
pub(super) struct Infer {
    /// Pictures (.png, .jpg), or inputs as .npy or .pb
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
    /// How the server runs its network
    #[arg(long, value_enum, default_value = "twoparty")]
    backend: BackendArg,
    /// Use what `sordino prepare` has put here; without any, do everything in the session
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Names of the classes, one per line, instead of the server's
    #[arg(long, value_name = "FILE")]
    class_names: Option<PathBuf>,
    /// Show this many classes
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also write predictions and costs to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    aim: AimArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,
    #[command(flatten)]
    picture: PictureArgs,
}

#[derive(Serialize)]
struct Answer<'a> {
    model: &'a str,
    promise: &'a Promise,
    way: Settings,
    predictions: &'a [Prediction],
    report: &'a Account,
}

impl Infer {
    pub(super) fn run(&self) -> Result<()> {
        if let (Some(named), true) = (self.backend.named(), self.store.is_some()) {
            named.check_store("--store")?;
        }
        let security = self.server.security()?;
        // Files that are missing are noticed before the server is bothered.
        for image in &self.images {
            std::fs::File::open(image).with_context(|| image.display().to_string())?;
        }
        let store = self.store.as_deref().map(args::open_store).transpose()?;
        let asking =
            Asking::new(self.backend, &self.protocol, &self.aim, store.as_ref(), Purpose::Infer)?;
        let lane = self.server.connect(&security)?;
        let mut prepared = None;
        let session = Session::connect(lane, asking.ask(), store.as_ref(), |terms| {
            // Inputs are read before anything costly happens: what is wrong with them shows here.
            prepared = Some(self.prepare(terms));
            match &prepared {
                Some(Ok(_)) => Ok(()),
                _ => Err(Error::Config("the inputs do not fit the server's network".into())),
            }
        });
        // What is wrong with the inputs says more than the session that was given up for it.
        let (card, samples) = match prepared {
            Some(prepared) => prepared?,
            None => return Err(session.err().map_or_else(never_agreed, refused)),
        };
        let mut session = session.map_err(refused)?;
        let promise = Promise::of(session.terms());
        let way = Settings::of(&session.terms().wish);
        let classes = match &self.class_names {
            Some(file) => Classes::read(file)?,
            None => Classes::new(card.classes.clone()),
        };
        let meaning = Scores::of_fixed(&session.terms().graph);
        let mut watch = Watch::new(self.json);
        let mut predictions = Vec::new();
        for batch in samples.chunks(self.protocol.batch()) {
            let inputs: Vec<&[f32]> = batch.iter().map(|sample| &sample.input[..]).collect();
            let outputs = session.infer(&inputs, &mut watch)?;
            watch.stop();
            for (sample, out) in batch.iter().zip(outputs) {
                let new = Prediction::new(&sample.name, &out.values, meaning, &classes, self.top);
                let new = Prediction { saturated: out.saturated, ..new };
                if !self.json {
                    output::prediction(&new)?;
                }
                predictions.push(new);
            }
        }
        let report = session.finish()?;
        let answer = Answer {
            model: &card.name,
            promise: &promise,
            way,
            predictions: &predictions,
            report: &report,
        };
        if let Some(file) = &self.report {
            output::json_file(file, &answer)?;
        }
        if self.json {
            return output::json(&answer);
        }
        output::line(format!("\n{}", report.table()))
    }

    fn prepare(&self, terms: &Terms) -> Result<(Card, Vec<crate::data::Sample>)> {
        let edge = &terms.graph.edges[terms.graph.input.0 as usize];
        let card = Card::from_bytes(&terms.card, edge.len())?;
        let shape: Vec<usize> = edge.shape.iter().map(|&d| d as usize).collect();
        let settings = self.picture.settings();
        let preprocess = card.preprocess.as_ref().map(|p| p.adjust(&settings)).transpose()?;
        let prepare = Prepare::with(&shape, preprocess);
        let classes = Classes::default();
        let open = |p: &Path| Ok(Dataset::open(p, Labels::Ignored, &classes, &prepare)?);
        let samples = args::samples(&self.images, open)?;
        let batch = self.protocol.batch_of(terms)?.min(samples.len());
        if !self.json {
            eprintln!("network '{}'", card.name);
            output::agreed(terms, batch)?;
        }
        Ok((card, samples))
    }
}
