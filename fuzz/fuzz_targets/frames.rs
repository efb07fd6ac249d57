//! Bytes from a peer: frames, then what the handshake makes of their payloads. Nothing may panic,
//! hang, or allocate by the peer's word.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sordino_engine::session::listen;
use sordino_graph::fixed::FixedGraph;
use sordino_wire::frame::{Reader, decode_header};
use sordino_wire::{Kind, Public, memory_pair};

fuzz_target!(|bytes: &[u8]| {
    let _ = decode_header(bytes);
    let mut reader = Reader::new(bytes);
    while let Ok(Some(header)) = reader.header() {
        let Ok(payload) = reader.payload((header.len as usize).min(1 << 16)) else { break };
        if payload.len() <= 256 {
            let (mut client, mut server) = memory_pair();
            let sent = client.send(Kind::new(header.kind & 0x7fff, "fuzzed"), Public::new(&payload));
            drop(client);
            if sent.is_ok() {
                let _ = listen(&mut server);
            }
        }
        if let Ok(graph) = FixedGraph::from_bytes(&payload) {
            let again = graph.to_bytes().expect("a decoded graph encodes");
            assert_eq!(FixedGraph::from_bytes(&again).expect("and decodes"), graph);
        }
    }
});
