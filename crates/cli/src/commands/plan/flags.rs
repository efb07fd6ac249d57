//! The command lines that run a candidate.

use crate::commands::args::ModelArgs;
use crate::commands::quantise::QuantiseArgs;
use serde::Serialize;
use sordino_engine::session::{BackendChoice, Reveal};
use sordino_plan::{Candidate, Wanted};

/// One command line per party, ready for a shell but for what only the parties know, in capitals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Commands {
    /// The model owner's.
    pub(super) serve: String,
    /// The data owner's, ahead of time, if it is to prepare.
    pub(super) prepare: Option<String>,
    /// The data owner's.
    pub(super) infer: String,
}

impl Commands {
    /// Of a candidate, prepared ahead of time or not.
    pub(super) fn of(
        candidate: &Candidate,
        model: &ModelArgs,
        quantise: &QuantiseArgs,
        wanted: &Wanted,
        prepare: bool,
    ) -> Self {
        let prepare = prepare && candidate.prepared.is_some();
        let backend = match candidate.wish.backend {
            BackendChoice::TwoParty => Vec::new(),
            _ => words(["--backend", candidate.backend]),
        };
        let store = if prepare { words(["--store", "FOLDER"]) } else { Vec::new() };
        let mut serve = words(["sordino", "serve"]);
        serve.extend(model.words());
        serve.extend(served(candidate));
        let garbled = candidate.wish.backend == BackendChoice::Garbled;
        let tables = garbled || candidate.settings.nonlinear == Some("garbled");
        serve.extend(quantise.words(tables, candidate.settings.act_bits));
        serve.extend(store.clone());
        serve.extend(reveal(wanted));
        let asked: Vec<String> =
            [backend, asked(candidate), reveal(wanted), batch(wanted), store].concat();
        let reach = words(["--server", "HOST:PORT", "--pin", "FINGERPRINT"]);
        let client = |command: &[&str]| {
            let command = command.iter().map(|c| (*c).to_owned());
            line(&command.chain(reach.clone()).chain(asked.clone()).collect::<Vec<_>>())
        };
        Self {
            serve: line(&serve),
            prepare: prepare.then(|| client(&["sordino", "prepare"])),
            infer: client(&["sordino", "infer", "IMAGE"]),
        }
    }
}

/// What the server has to be told.
fn served(candidate: &Candidate) -> Vec<String> {
    match candidate.wish.backend {
        BackendChoice::TwoParty => {
            let settings = &candidate.settings;
            let paillier = settings.linear.is_some_and(|l| l.starts_with("paillier"));
            let paillier = if paillier { words(["--paillier"]) } else { Vec::new() };
            let nonlinear = settings.nonlinear.map(|how| words(["--nonlinear", how]));
            [paillier, nonlinear.unwrap_or_default()].concat()
        }
        BackendChoice::Garbled => words(["--backend", "garbled"]),
        BackendChoice::Popcorn(_) if candidate.backend == "popcorn" => {
            words(["--backend", "popcorn"])
        }
        BackendChoice::Popcorn(_) => words(["--backend", "popcorn", "--allow-extraction"]),
    }
}

/// What the client asks for.
fn asked(candidate: &Candidate) -> Vec<String> {
    let settings = &candidate.settings;
    let mut all = Vec::new();
    for (name, value) in [
        ("--linear", settings.linear.map(str::to_owned)),
        ("--truncation", settings.truncation.map(str::to_owned)),
        ("--supply", settings.supply.clone()),
    ] {
        all.extend(value.map(|value| [name.to_owned(), value]).into_iter().flatten());
    }
    all.extend((settings.winograd == Some(false)).then(|| "--no-winograd".to_owned()));
    all
}

fn reveal(wanted: &Wanted) -> Vec<String> {
    if wanted.reveal == Reveal::Label { words(["--reveal", "label"]) } else { Vec::new() }
}

fn batch(wanted: &Wanted) -> Vec<String> {
    let images = wanted.images.to_string();
    if wanted.images > 1 { words(["--batch", &images]) } else { Vec::new() }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// Words as a shell reads them.
fn line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    let quoted = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn words_stay_words_in_a_shell() {
        let words = ["sordino", "a b.onnx", "it's", "", "x$(y)", "1,3,4"].map(str::to_owned);
        assert_eq!(line(&words), r"sordino 'a b.onnx' 'it'\''s' '' 'x$(y)' 1,3,4");
    }
}
