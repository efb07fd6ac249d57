//! What a run will send, before it runs.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, digits, fails, ok};
use serde_json::Value;

/// What `plan` says of the digit network.
fn planned(options: &[&str]) -> Value {
    let model = digits("digits.onnx");
    let args = [&["plan", model.to_str().unwrap(), "--json"], options].concat();
    serde_json::from_str(&ok(&args)).unwrap()
}

fn plan(options: &[&str]) -> Value {
    planned(&[&["--backend", "twoparty"], options].concat())
}

/// Methods of the linear layers, products, and the bytes of one session.
fn summary(planned: &Value) -> (Vec<&str>, Vec<u64>, u64) {
    let plan = &planned["plan"];
    let layers = plan["layers"].as_array().unwrap();
    let linear = || layers.iter().filter(|l| l["kind"] == "Linear");
    let sent = |cost: &Value| cost["up"].as_u64().unwrap() + cost["down"].as_u64().unwrap();
    let of_layers: u64 = layers.iter().map(|l| sent(&l["offline"]) + sent(&l["online"])).sum();
    (
        linear().map(|l| l["method"].as_str().unwrap()).collect(),
        linear().map(|l| l["products"].as_u64().unwrap()).collect(),
        sent(&plan["setup"]) + sent(&plan["frame"]) + of_layers,
    )
}

#[test]
fn the_method_of_each_layer_is_shown() {
    let [lattice, transfers, direct, cheapest] = [
        &["--linear", "lattice"][..],
        &["--linear", "ot"],
        &["--linear", "ot", "--no-winograd"],
        &["--linear", "auto"],
    ]
    .map(|options| plan(&[&["--supply", "ferret"], options].concat()));
    let [lattice, transfers, direct, cheapest] =
        [&lattice, &transfers, &direct, &cheapest].map(summary);
    assert!(lattice.0.iter().all(|m| *m == "lattice"), "{lattice:?}");
    assert!(transfers.0.iter().all(|m| m.starts_with("ot ")), "{transfers:?}");
    assert!(direct.0.iter().all(|m| *m == "ot direct"), "{direct:?}");
    assert!(transfers.2 <= direct.2 && cheapest.2 <= lattice.2.min(transfers.2));
    for (((of_lattice, winograd), direct), method) in
        lattice.1.iter().zip(&transfers.1).zip(&direct.1).zip(&transfers.0)
    {
        assert!(*of_lattice > 0 && of_lattice < direct);
        assert_eq!(winograd < direct, method.contains("winograd"), "{method}");
    }
}

#[test]
fn people_get_a_table_and_the_threat_model() {
    let model = digits("digits.onnx");
    let model = model.to_str().unwrap();
    let text = ok(&["plan", model, "--backend", "twoparty", "--linear", "ot", "--reveal", "label"]);
    for expected in [
        "method",
        "products",
        "ot direct",
        "silent layer",
        "inference",
        "semi-honest",
        "best class",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let quantise = ["--act-bits", "6"];
    let text = ok(&[&["plan", model, "--backend", "garbled"][..], &quantise].concat());
    for expected in ["rows", "circuit", "lambda", "weights"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// The first number of this name.
fn number(value: &Value, name: &str) -> Option<u64> {
    match value {
        Value::Object(fields) => fields
            .get(name)
            .and_then(Value::as_u64)
            .or_else(|| fields.values().find_map(|v| number(v, name))),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_about_what_processes_hold() {
    let samples = digits("drawn-images-idx3-ubyte.gz");
    let samples = ["--calibrate", samples.to_str().unwrap()];
    let ways: [(&str, &[&str]); 2] = [("garbled", &[]), ("twoparty", &["--supply", "ferret"])];
    for (backend, options) in ways {
        let backend = ["--backend", backend];
        let server = Server::start(&backend);
        let image = digits("images").join("7.png");
        let said = ok(&server.infer(&image, &[&backend[..], options, &["--json"]].concat()));
        let client = number(&serde_json::from_str(&said).unwrap(), "peak_memory").unwrap();
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
        let held: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        let predicted = planned(&[&backend[..], options, &samples].concat());
        let predicted = |party: &str| predicted["plan"]["memory"][party].as_u64().unwrap() as f64;
        for (party, held) in [("client", client), ("server", 1024 * held)] {
            let ratio = predicted(party) / held as f64;
            assert!((0.6..1.7).contains(&ratio), "{backend:?} {party}: {ratio:.2} of {held}");
        }
    }
    assert!(
        ok(&["plan", digits("digits.onnx").to_str().unwrap()]).contains("memory          about ")
    );
}

/// Bytes of a session, each way.
fn sent(candidate: &Value) -> [u64; 2] {
    let parts = ["setup", "offline", "online"].map(|part| &candidate["totals"][part]);
    ["up", "down"].map(|way| parts.iter().map(|p| p[way].as_u64().unwrap()).sum())
}

#[test]
fn every_way_is_compared_and_one_recommended() {
    let all = planned(&["--minimise", "bytes", "--supply", "ferret"]);
    let candidates = all["candidates"].as_array().unwrap();
    let backends = ["twoparty", "garbled", "popcorn", "popcorn-paper"];
    for backend in backends {
        assert!(candidates.iter().any(|c| c["backend"] == backend), "{backend}");
    }
    let sizes: Vec<u64> = candidates.iter().map(|c| sent(c).iter().sum()).collect();
    assert!(sizes.is_sorted(), "{sizes:?}");
    // What each backend's own plan says, the flags being those of the settings.
    for backend in backends {
        let candidate = candidates.iter().find(|c| c["backend"] == backend).unwrap();
        let settings = &candidate["settings"];
        let mut options = vec!["--backend", backend];
        for (option, name) in
            [("--linear", "linear"), ("--truncation", "truncation"), ("--supply", "supply")]
        {
            options.extend(settings[name].as_str().into_iter().flat_map(|value| [option, value]));
        }
        let act_bits = settings["act_bits"].as_u64().map(|bits| bits.to_string());
        options.extend(act_bits.iter().flat_map(|bits| ["--act-bits", bits]));
        assert_eq!(planned(&options)["plan"], candidate["plan"], "{options:?}");
        assert_eq!(planned(&options)["promise"], candidate["promise"], "{options:?}");
    }
    let best = &candidates[all["recommended"].as_u64().unwrap() as usize];
    assert_eq!(best["backend"], "twoparty");
    assert_eq!(best["concessions"].as_array().unwrap().len(), 0);
    for part in ["--linear", "--truncation exact", "--supply ferret", "--server"] {
        assert!(best["commands"]["infer"].as_str().unwrap().contains(part), "{part}: {best}");
    }
    assert!(best["commands"]["serve"].as_str().unwrap().contains("digits.onnx"));
    for time in ["wall", "online"] {
        assert!(best["seconds"][time].as_f64().unwrap() > 0.0, "{time}");
    }
    assert!(all["layers"].as_array().unwrap().iter().any(|l| l["macs"].as_u64().unwrap() > 0));
}

#[test]
fn recommendations_follow_what_is_asked() {
    let model = digits("digits.onnx");
    let model = model.to_str().unwrap();
    let best = |options: &[&str]| -> Value {
        let all = planned(options);
        let best = all["recommended"].as_u64().map(|i| &all["candidates"][i as usize]);
        best.cloned().unwrap_or_default()
    };
    let near = best(&["--network", "50us,40gbit"]);
    let far = best(&["--network", "20ms,1mbit"]);
    assert!(sent(&far).iter().sum::<u64>() < sent(&near).iter().sum::<u64>());
    let accepting = ["--threat", "malicious-server", "--accept", "weights,112-bit"];
    assert_eq!(best(&accepting)["backend"], "garbled");
    // Few rounds, many bytes.
    let patient = best(&["--network", "5s,10gbit", "--accept", "112-bit"]);
    assert_eq!(patient["settings"]["nonlinear"], "garbled");
    assert!(patient["commands"]["serve"].as_str().unwrap().contains("--nonlinear garbled"));
    assert_eq!(best(&accepting[..2]), Value::Null);
    let prepared = best(&["--minimise", "online", "--accept", "one-lsb"]);
    assert!(prepared["commands"]["prepare"].as_str().unwrap().contains("sordino prepare"));
    let text = ok(&["plan", model, "--threat", "malicious-server"]);
    assert!(text.contains("No way"), "{text}");
    let text = ok(&["plan", model, "--reveal", "label"]);
    for part in [
        "Recommended: twoparty",
        "--reveal label",
        "best class",
        "--accept one-lsb",
        "not possible",
    ] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
}

#[test]
fn the_page_stands_alone_and_escapes_names() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("a<b> & 'c'.onnx");
    std::fs::copy(digits("digits.onnx"), &model).unwrap();
    let page = folder.path().join("page.html");
    let args = ["plan", model.to_str().unwrap(), "--html", page.to_str().unwrap()];
    ok(&[&args[..], &["--supply", "ferret"]].concat());
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("<h1>a&lt;b&gt; &amp; &#39;c&#39;</h1>") && !html.contains("<b> &"));
    for remote in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(remote), "{remote}");
    }
    assert!(html.contains("default-src 'none'") && html.contains("prefers-color-scheme: dark"));
    well_formed(&html);
}

/// Every element that has to be ended is, in the right order.
#[track_caller]
fn well_formed(html: &str) {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap();
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        let name = tag.split([' ', '/']).find(|n| !n.is_empty()).unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !["!doctype", "meta", "input"].contains(&name) {
            open.push(name);
        }
        // Text of these is no markup.
        if ["script", "style"].contains(&name) && !tag.starts_with('/') {
            rest = &rest[rest.find(&format!("</{name}>")).unwrap()..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn bad_input_is_refused() {
    let model = digits("digits.onnx");
    let model = model.to_str().unwrap();
    fails(&["plan"], 2, &["MODEL"]);
    fails(&["plan", "/nowhere/x.onnx"], 1, &["/nowhere/x.onnx", "No such file"]);
    fails(&["plan", model, "--linear", "magic"], 2, &["magic", "lattice", "auto"]);
    fails(&["plan", model, "--supply", "magic"], 2, &["softspoken-K"]);
    fails(&["plan", model, "--backend", "float"], 2, &["float", "twoparty"]);
    fails(&["plan", model, "--accept", "extraction"], 2, &["extraction", "leakage"]);
    fails(&["plan", model, "--network", "fast"], 2, &["fast", "20ms,100mbit"]);
    fails(
        &["plan", model, "--backend", "garbled", "--html", "x.html"],
        2,
        &["--html", "--backend"],
    );
    let page = "/nowhere/x.html";
    fails(&["plan", model, "--supply", "ferret", "--html", page], 1, &[page]);
    fails(
        &["plan", model, "--backend", "garbled", "--reveal", "label"],
        2,
        &["--reveal label", "twoparty"],
    );
}
