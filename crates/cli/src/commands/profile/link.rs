//! Bytes and messages over TCP and TLS within this machine.

use super::runs::{Parts, Runs, amounts, on_lanes};
use anyhow::Result;
use sordino_engine::work::Unit;
use sordino_wire::{
    ClientSecurity, HEADER, Identity, Kind, Lane, Listener, Public, ServerSecurity, Trust, connect,
};
use std::time::Duration;

/// Runs of this file.
pub(super) const RUNS: u64 = 3;
const BYTES: Kind = Kind::new(0x7f00, "bytes of a measurement");
const MESSAGE: usize = 1 << 18;
/// Messages of table rows: so many bytes that the system gives memory for them anew.
const KEPT: usize = 160;
const ROW: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn measure(runs: &mut Runs) -> Result<()> {
    let messages = runs.scaled(256);
    runs.measure("bytes over TLS", || stream(messages, false))?;
    runs.measure("rows over TLS", || stream(KEPT, true))?;
    let messages = runs.scaled(2048);
    runs.measure("messages over TLS", || answers(messages))
}

/// Two connected lanes.
fn pair() -> Result<(Lane, Lane)> {
    let identity = Identity::self_signed(["localhost"])?;
    let trust = Trust::certificates(identity.certificate_pem())?;
    let security = ServerSecurity::tls(&identity, None)?;
    let listener = Listener::bind("127.0.0.1:0", security)?;
    let address = listener.local_addr()?.to_string();
    std::thread::scope(|scope| {
        let accepted = scope.spawn(move || -> Result<Option<Lane>> {
            let link = listener.accept()?.establish(TIMEOUT)?;
            Ok(link.map(|link| link.into_lane()))
        });
        let client = connect(&address, &ClientSecurity::tls(&trust, None)?, TIMEOUT)?;
        let server = accepted.join().map_err(|_| anyhow::anyhow!("the listener failed"))??;
        Ok((client, server.ok_or_else(|| anyhow::anyhow!("the listener was closed"))?))
    })
}

/// Messages one way; the receiver may keep them all, as circuits wait in memory.
fn stream(messages: usize, kept: bool) -> Result<Parts> {
    let (mut client, mut server) = pair()?;
    let payload = vec![0x5a; MESSAGE];
    let ((_, sent), (_, received)) = on_lanes(
        || {
            for _ in 0..messages {
                client.send(BYTES, Public::new(&payload))?;
            }
            Ok(client.flush()?)
        },
        || {
            let mut into = vec![0; MESSAGE];
            let mut all = Vec::with_capacity(if kept { messages * MESSAGE } else { 0 });
            for _ in 0..messages {
                server.recv_into(BYTES, &mut into)?;
                if kept {
                    all.extend_from_slice(&into);
                }
            }
            Ok(all)
        },
    )?;
    let bytes = messages * (MESSAGE + HEADER as usize);
    let party = |unit, rows| amounts([(unit, bytes), (Unit::Message, messages), rows]);
    let rows = |kept: bool| (Unit::RowKept, if kept { messages * MESSAGE / ROW } else { 0 });
    Ok(vec![
        ("sender".into(), party(Unit::ByteSent, rows(false)), sent),
        ("receiver".into(), party(Unit::ByteReceived, rows(kept)), received),
    ])
}

fn answers(messages: usize) -> Result<Parts> {
    let (mut client, mut server) = pair()?;
    let ((_, asked), (_, answered)) = on_lanes(
        || {
            for _ in 0..messages {
                client.send(BYTES, Public::new(&[1; 16]))?;
                client.flush()?;
                client.recv(BYTES, 16)?;
            }
            Ok(())
        },
        || {
            for _ in 0..messages {
                server.recv(BYTES, 16)?;
                server.send(BYTES, Public::new(&[2; 16]))?;
                server.flush()?;
            }
            Ok(())
        },
    )?;
    let bytes = messages * (16 + HEADER as usize);
    let all = || {
        amounts([
            (Unit::ByteSent, bytes),
            (Unit::ByteReceived, bytes),
            (Unit::Message, 2 * messages),
        ])
    };
    Ok(vec![("client".into(), all(), asked), ("server".into(), all(), answered)])
}
