//! Writes classifiers of the size of ImageNet, with seeded random weights, as ONNX files into a
//! folder: all of them, or those whose name contains NAME.
//!
//! ```text
//! cargo run --release -p sordino-graph --example imagenet_networks -- FOLDER [NAME]
//! ```

use sordino_graph::zoo::{ImageNet, imagenet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (folder, name) = (arguments.next().map(PathBuf::from), arguments.next());
    let (Some(folder), None) = (folder, arguments.next()) else {
        eprintln!("usage: imagenet_networks FOLDER [NAME]");
        return ExitCode::from(2);
    };
    let name = name.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    match write(&folder, &name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    for network in ImageNet::ALL.into_iter().filter(|n| n.name().contains(name)) {
        let path = folder.join(format!("{}.onnx", network.name()));
        std::fs::write(&path, imagenet(network)?)?;
        println!("{}", path.display());
    }
    Ok(())
}
