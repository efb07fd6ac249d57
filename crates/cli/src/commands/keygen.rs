use super::output;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use sordino_wire::Identity;
use std::path::PathBuf;

/// Make a private key and a self-signed certificate
#[derive(Debug, Args)]
pub(super) struct Keygen {
    /// Folder to write them to; existing files are never overwritten
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Name of the files: NAME.crt and NAME.key
    #[arg(long, value_name = "NAME", default_value = "sordino")]
    name: String,
    /// DNS names and addresses of the machine the certificate is for
    #[arg(long, value_name = "HOST", default_values_t = ["localhost".to_owned()])]
    host: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    certificate: PathBuf,
    key: PathBuf,
    fingerprint: String,
}

impl Keygen {
    pub(super) fn run(&self) -> Result<()> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("creating {}", self.out.display()))?;
        let file = |end: &str| self.out.join(format!("{}.{end}", self.name));
        let (certificate, key) = (file("crt"), file("key"));
        let identity = Identity::self_signed(self.host.iter().cloned())?;
        // Files that cannot be written are no fault of the network.
        identity
            .write(&certificate, &key)
            .map_err(|e| crate::exit::Failure::new(crate::exit::Exit::Other, e))?;
        let fingerprint = identity.fingerprint()?.to_string();
        let made = Made { certificate, key, fingerprint };
        if self.json {
            return output::json(&made);
        }
        output::line(format!(
            "certificate  {}\nprivate key  {} (keep it to yourself)\nfingerprint  {} (give it to the other party)",
            made.certificate.display(),
            made.key.display(),
            made.fingerprint
        ))
    }
}
