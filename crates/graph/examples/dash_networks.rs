//! Writes the evaluation networks of Dash as ONNX files into a folder.
//!
//! ```text
//! cargo run --release -p sordino-graph --example dash_networks -- FOLDER
//! ```

use sordino_graph::zoo::{Network, dash};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        eprintln!("usage: dash_networks FOLDER");
        return ExitCode::from(2);
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for network in Network::ALL {
        let path = folder.join(format!("dash-{}.onnx", network.name()));
        std::fs::write(&path, dash(network))?;
        println!("{}", path.display());
    }
    Ok(())
}
