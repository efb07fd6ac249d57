//! Server and client as processes: predictions, misbehaving peers, limits, endings.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, check_failure, digits, fails, ok, run, sordino};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn image(digit: u32) -> PathBuf {
    digits("images").join(format!("{digit}.png"))
}

#[test]
fn the_demo_recognises_its_digit() {
    let text = ok(&["demo"]);
    for part in ["certificate is sha256:", "four", "set-up", "convolution", "peak memory"] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
}

#[test]
fn private_and_clear_scores_are_equal() {
    let server = Server::start(&[]);
    let (seven, clear_of) = (image(7), |p: &Value| p["predictions"][0]["top"].clone());
    let private: Value =
        serde_json::from_str(&ok(&server.infer(&seven, &["--json", "--top", "10"]))).unwrap();
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let args = [
        "run",
        model.to_str().unwrap(),
        seven.to_str().unwrap(),
        "--json",
        "--top",
        "10",
        "--calibrate",
        samples.to_str().unwrap(),
    ];
    let clear: Value = serde_json::from_str(&ok(&args)).unwrap();
    assert_eq!(clear_of(&private), clear_of(&clear));
    assert_eq!(private["predictions"][0]["top"][0]["name"], "seven");
    assert!(private["report"]["total"]["up"].as_u64().unwrap() > 0);
    assert_eq!(private["model"], "digits");
}

#[test]
fn both_parties_in_one_process_on_a_simulated_network() {
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let (three, five) = (image(3), image(5));
    let text = ok(&[
        "run",
        model.to_str().unwrap(),
        three.to_str().unwrap(),
        five.to_str().unwrap(),
        "--backend",
        "twoparty",
        "--calibrate",
        samples.to_str().unwrap(),
        "--network",
        "1ms,1gbit",
        "--reveal",
        "label",
    ]);
    assert!(
        text.contains("three") && text.contains("five") && text.contains("2 inferences"),
        "{text}"
    );
    assert!(!text.contains('%'), "only labels were to be revealed: {text}");
}

#[test]
fn labels_only_and_wrong_pins() {
    let server = Server::start(&["--reveal", "label"]);
    let two = image(2);
    check_failure(&run(&server.infer(&two, &[])), 5, &["--reveal label"]);
    assert!(ok(&server.infer(&two, &["--reveal", "label"])).contains("two"));
    let wrong = format!("sha256:{}", "00".repeat(32));
    let args = ["infer", two.to_str().unwrap(), "--server", &server.addr, "--pin", &wrong];
    fails(&args, 4, &["not pinned"]);
    let args = ["infer", two.to_str().unwrap(), "--server", &server.addr, "--plaintext"];
    let code = run(&args).status.code();
    assert!(matches!(code, Some(4 | 5)), "{code:?}");
}

#[test]
fn ports_in_use_and_servers_that_are_not_there() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let args = [
        "serve",
        model.to_str().unwrap(),
        "--calibrate",
        samples.to_str().unwrap(),
        "--listen",
        &addr,
    ];
    fails(&args, 4, &[&addr, "in use"]);
    drop(taken);
    let one = image(1);
    fails(
        &["infer", one.to_str().unwrap(), "--server", &addr, "--plaintext"],
        4,
        &["cannot connect"],
    );
}

#[test]
fn strangers_do_not_disturb_the_server() {
    let server = Server::start(&["--plaintext"]);
    // One says nothing, one says nonsense, one vanishes at once, one leaves in the middle.
    let silent = TcpStream::connect(&server.addr).unwrap();
    let mut noisy = TcpStream::connect(&server.addr).unwrap();
    noisy.write_all(&[0xa5; 4096]).unwrap();
    drop(TcpStream::connect(&server.addr).unwrap());
    let nine = image(9);
    let mut leaving = sordino(&server.infer(&nine, &[]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let _ = leaving.kill();
    leaving.wait().unwrap();
    assert!(ok(&server.infer(&nine, &[])).contains("nine"));
    drop(silent);
}

#[test]
fn a_busy_server_says_so() {
    let server = Server::start(&["--plaintext", "--max-sessions", "1"]);
    let _holds_the_only_session = TcpStream::connect(&server.addr).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let one = image(1);
    check_failure(&run(&server.infer(&one, &[])), 5, &["try again later"]);
}

#[test]
#[cfg(unix)]
fn a_client_that_stops_mid_layer_is_given_up() {
    let server = Server::start(&["--plaintext", "--max-sessions", "1", "--max-idle", "1"]);
    let six = image(6);
    let mut stopped = sordino(&server.infer(&six, &[]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(150));
    let pid = stopped.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    let end = Instant::now() + Duration::from_secs(30);
    // Refused while the only session is taken, served once it has been given up.
    while run(&server.infer(&six, &[])).status.code() != Some(0) {
        assert!(Instant::now() < end, "the stopped client holds its session");
        std::thread::sleep(Duration::from_millis(200));
    }
    stopped.kill().unwrap();
    stopped.wait().unwrap();
}

#[test]
fn limits_end_sessions() {
    let server = Server::start(&["--plaintext", "--max-inferences", "1", "--max-bytes", "900MB"]);
    let (one, two) = (image(1), image(2));
    let args = [&server.infer(&one, &[])[..], &[two.to_str().unwrap()]].concat();
    let code = run(&args).status.code();
    assert!(matches!(code, Some(4 | 5)), "{code:?}");
    assert!(ok(&server.infer(&two, &[])).contains("two"));
    let small = Server::start(&["--plaintext", "--max-bytes", "10KB"]);
    let code = run(&small.infer(&one, &[])).status.code();
    assert!(matches!(code, Some(4 | 5)), "{code:?}");
}

#[test]
fn servers_that_are_none_are_recognised() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let fake = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = socket.read(&mut [0; 1024]);
    });
    let one = image(1);
    let out = run(&["infer", one.to_str().unwrap(), "--server", &addr, "--plaintext"]);
    assert!(matches!(out.status.code(), Some(4 | 5)), "{out:?}");
    fake.join().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_report_that_cannot_be_written() {
    let server = Server::start(&["--plaintext"]);
    let one = image(1);
    check_failure(
        &run(&server.infer(&one, &["--report", "/dev/full"])),
        1,
        &["/dev/full", "No space left"],
    );
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_the_server_cleanly() {
    let mut server = Server::start(&["--plaintext"]);
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let end = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "the server goes on");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
}
