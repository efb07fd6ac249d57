use super::output;
use crate::exit::{Exit, Failure};
use anyhow::{Context, Result};
use clap::Args;
use sordino_graph::load;
use sordino_graph::onnx::export;
use sordino_graph::passes::remove_dead;
use sordino_graph::zoo::{ImageNet, Sizes, imagenet_of};
use sordino_rewrite::operators::{Form, Site, draw, sites};
use std::path::PathBuf;

/// Write a well-known network with random weights, to plan and to measure with
///
/// Weights are drawn from the seed and keep the ranges of numbers of trained ones; the network has learnt nothing.
#[derive(Debug, Args)]
pub(super) struct Zoo {
    /// Which one; without it, list them
    #[arg(requires = "output")]
    network: Option<String>,
    /// Height and width of the input, from 32x32 to 2048x2048 [default: the network's own]
    #[arg(long, value_name = "HxW", value_parser = size)]
    input: Option<[usize; 2]>,
    /// Channels of the input, up to 16 [default: 3]
    #[arg(long, value_name = "N")]
    channels: Option<usize>,
    /// Classes [default: 1000]
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// Another seed draws other weights
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Put an X-operator of so many groups in the place of every convolution that takes more products: 1x1 in groups, channels
    /// shuffled, then depthwise, or 1x1 in groups again
    #[arg(long, value_name = "GROUPS", value_parser = clap::value_parser!(u32).range(2..=64))]
    x_operator: Option<u32>,
    /// The ONNX file to write
    #[arg(long, short, value_name = "FILE", requires = "network")]
    output: Option<PathBuf>,
    /// Overwrite FILE
    #[arg(long)]
    force: bool,
}

fn size(text: &str) -> Result<[usize; 2], String> {
    let parts = text.split_once('x').map(|(h, w)| [h.parse(), w.parse()]);
    match parts {
        Some([Ok(h), Ok(w)]) => Ok([h, w]),
        _ => Err("use HEIGHTxWIDTH, as in 320x320".into()),
    }
}

impl Zoo {
    pub(super) fn run(&self) -> Result<()> {
        let (Some(name), Some(path)) = (&self.network, &self.output) else {
            return ImageNet::ALL.iter().try_for_each(list);
        };
        let Some(network) = ImageNet::ALL.into_iter().find(|n| n.name() == name) else {
            let names: Vec<_> = ImageNet::ALL.iter().map(|n| n.name()).collect();
            let text = format!("no network is called '{name}'; there are {}", names.join(", "));
            return Err(Failure::new(Exit::Usage, text).into());
        };
        if path.exists() && !self.force {
            let text = format!("{} exists; --force overwrites it", path.display());
            return Err(Failure::new(Exit::Usage, text).into());
        }
        let own = network.sizes();
        let [h, w] = self.input.unwrap_or([own.input[1], own.input[2]]);
        let sizes = Sizes {
            input: [self.channels.unwrap_or(own.input[0]), h, w],
            classes: self.classes.unwrap_or(own.classes),
            seed: self.seed,
        };
        let mut file = imagenet_of(network, &sizes)?;
        let mut name = name.clone();
        if let Some(groups) = self.x_operator {
            let replaced;
            (file, replaced) = with_x_operators(&file, groups as usize, self.seed)?;
            name = format!("{name}, {replaced} convolutions X-operators of {groups} groups");
        }
        std::fs::write(path, file).with_context(|| format!("writing {}", path.display()))?;
        let [c, h, w] = sizes.input;
        output::line(format!(
            "{}: {name} for {c}x{h}x{w}, {} classes, random weights of seed {}",
            path.display(),
            sizes.classes,
            sizes.seed
        ))
    }
}

/// The file with X-operators, and how many there are.
fn with_x_operators(file: &[u8], groups: usize, seed: u64) -> Result<(Vec<u8>, usize)> {
    let mut graph = load(file)?;
    let form = Form::XOperator { groups };
    let sites: Vec<Site> = sites(&graph).into_iter().filter(|site| form.saves(site)).collect();
    sites.iter().try_for_each(|site| draw(&mut graph, site, form, seed))?;
    if sites.is_empty() {
        let text = format!("no convolution can be an X-operator of {groups} groups and cheaper");
        return Err(Failure::new(Exit::Usage, text).into());
    }
    remove_dead(&mut graph);
    Ok((export(&graph)?, sites.len()))
}

fn list(network: &ImageNet) -> Result<()> {
    let Sizes { input: [c, h, w], classes, .. } = network.sizes();
    output::line(format!("{:<22} {c}x{h}x{w}, {classes} classes", network.name()))
}
