//! Bytes per second over loopback and latency of a round, by transport.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sordino_wire::*;
use std::thread;
use std::time::Duration;

const DATA: Kind = Kind::new(1, "data");
const ACK: Kind = Kind::new(2, "ack");
const SIZE: usize = 16 << 20;
const SOON: Duration = Duration::from_secs(20);

fn over(client: ClientSecurity, server: ServerSecurity) -> (Lane, Lane) {
    let listener = Listener::bind("127.0.0.1:0", server).unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let accepted =
        thread::spawn(move || listener.accept().unwrap().establish(SOON).unwrap().unwrap());
    let client = connect(&addr, &client, SOON).unwrap();
    (client, accepted.join().unwrap().into_lane())
}

fn measure(c: &mut Criterion, name: &str, (mut client, mut server): (Lane, Lane)) {
    let other = thread::spawn(move || {
        let mut data = vec![0; SIZE];
        // The client alternates: one byte asks for a round, anything else fills the buffer.
        while let Ok(ask) = server.recv(ACK, 1) {
            if ask == [1] {
                server.recv_into(DATA, &mut data).unwrap();
            }
            server.send(ACK, Public::new(&[0])).unwrap();
        }
    });
    let data = vec![7; SIZE];
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    group.bench_function("round", |b| {
        b.iter(|| {
            client.send(ACK, Public::new(&[0])).unwrap();
            client.recv(ACK, 1).unwrap()
        });
    });
    group.throughput(Throughput::Bytes(SIZE as u64));
    group.bench_function("bulk", |b| {
        b.iter(|| {
            client.send(ACK, Public::new(&[1])).unwrap();
            client.send(DATA, Public::new(&data)).unwrap();
            client.recv(ACK, 1).unwrap()
        });
    });
    group.finish();
    client.close().unwrap();
    other.join().unwrap();
}

fn transports(c: &mut Criterion) {
    measure(c, "memory", memory_pair());
    let plain = over(ClientSecurity::plaintext_loopback(), ServerSecurity::plaintext_loopback());
    measure(c, "tcp", plain);
    let identity = Identity::self_signed(["localhost"]).unwrap();
    let trust = Trust::pinned([identity.fingerprint().unwrap()]).unwrap();
    let client = ClientSecurity::tls(&trust, None).unwrap();
    measure(c, "tls", over(client, ServerSecurity::tls(&identity, None).unwrap()));
}

criterion_group!(benches, transports);
criterion_main!(benches);
