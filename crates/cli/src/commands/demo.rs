use super::output;
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Recognise a handwritten digit privately: a server and a client, two processes, TLS between them
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The digit whose picture is shown to the client
    #[arg(value_parser = clap::value_parser!(u8).range(0..=9), default_value_t = 4)]
    digit: u8,
    /// Print the client's JSON
    #[arg(long)]
    json: bool,
}

macro_rules! shipped {
    ($file:literal) => {
        ($file, include_bytes!(concat!("../../../../models/digits/", $file)))
    };
}

/// The model owner's files.
const MODEL: [(&str, &[u8]); 5] = [
    shipped!("digits.onnx"),
    shipped!("digits.toml"),
    shipped!("labels.txt"),
    shipped!("drawn-images-idx3-ubyte.gz"),
    shipped!("drawn-labels-idx1-ubyte.gz"),
];

/// The data owner's pictures.
const PICTURES: [(&str, &[u8]); 10] = [
    shipped!("images/0.png"),
    shipped!("images/1.png"),
    shipped!("images/2.png"),
    shipped!("images/3.png"),
    shipped!("images/4.png"),
    shipped!("images/5.png"),
    shipped!("images/6.png"),
    shipped!("images/7.png"),
    shipped!("images/8.png"),
    shipped!("images/9.png"),
];

/// The server's first line.
#[derive(Deserialize)]
struct Listening {
    listening: String,
    fingerprint: String,
}

/// A process that does not outlive this one.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Demo {
    pub(super) fn run(&self) -> Result<()> {
        let dir = tempfile::Builder::new()
            .prefix("sordino-demo-")
            .tempdir()
            .context("creating a temporary folder")?;
        let write = |name: &str, data: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, data).with_context(|| format!("writing {}", path.display()))
        };
        for (name, data) in MODEL {
            write(name, data)?;
        }
        write("picture.png", PICTURES[usize::from(self.digit)].1)?;
        let say = |text: String| if self.json { Ok(()) } else { output::line(text) };
        say(format!("Somebody has a picture of a handwritten {}:", self.digit))?;
        say(sketch(&dir.path().join("picture.png"))?)?;

        self.sordino(dir.path(), &["keygen", "--json"], Stdio::null())?.wait_for("keygen")?;
        let serve = [
            "serve",
            "digits.onnx",
            "--calibrate",
            "drawn-images-idx3-ubyte.gz",
            "--once",
            "--json",
            "--cert",
            "sordino.crt",
            "--key",
            "sordino.key",
            "--listen",
            "127.0.0.1:0",
        ];
        let mut server = self.sordino(dir.path(), &serve, Stdio::piped())?;
        let stdout = server.0.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("reading the server's output")?;
        let Ok(at) = serde_json::from_str::<Listening>(&line) else {
            server.wait_for("serve")?;
            bail!("the server did not say where it listens");
        };
        say(format!("process {}: serves the network at {}", server.0.id(), at.listening))?;
        say(format!("           its certificate is {}", at.fingerprint))?;

        let mut infer =
            vec!["infer", "picture.png", "--server", &at.listening, "--pin", &at.fingerprint];
        infer.extend(["--top", "3"]);
        infer.extend(self.json.then_some("--json"));
        let client = self.sordino(dir.path(), &infer, Stdio::inherit())?;
        say(format!("process {}: keeps the picture, asks for the prediction\n", client.0.id()))?;
        client.wait_for("infer")?;
        server.wait_for("serve")
    }

    /// This program again, as another process.
    fn sordino(&self, dir: &Path, args: &[&str], stdout: Stdio) -> Result<Killed> {
        let program = std::env::current_exe().context("finding this program")?;
        let child = Command::new(&program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Killed(child))
    }
}

impl Killed {
    fn wait_for(mut self, what: &str) -> Result<()> {
        let status = self.0.wait().with_context(|| format!("waiting for {what}"))?;
        if !status.success() {
            bail!("sordino {what} failed ({status})");
        }
        Ok(())
    }
}

/// The picture in half blocks, two rows of pixels per line.
fn sketch(path: &Path) -> Result<String> {
    let picture = crate::data::read_picture(path)?.to_grey();
    let width = picture.width() as usize;
    let rows: Vec<&[u8]> = picture.data().chunks_exact(width).collect();
    let lines = rows.chunks(2).map(|pair| {
        let dark = |row: usize, x: usize| pair.get(row).is_some_and(|r| r[x] > 96);
        let cell = |x: usize| match (dark(0, x), dark(1, x)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        let line: String = (0..width).map(cell).collect();
        format!("    {}", line.trim_end())
    });
    let lines: Vec<String> = lines.filter(|l| !l.trim().is_empty()).collect();
    Ok(lines.join("\n") + "\n")
}
