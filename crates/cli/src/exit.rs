//! Exit codes: what a script can tell from how a command ended.

use sordino_engine::Error as Engine;
use sordino_garble::Error as Garble;
use sordino_graph::Error as Graph;
use sordino_he::Error as HeError;
use sordino_ot::Error as OtError;
use sordino_wire::Error as Wire;

/// How a command ended, apart from success (0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Files, pictures, memory: anything not listed below.
    Other = 1,
    /// The command line or a setting.
    Usage = 2,
    /// The model cannot be read, or cannot be run in the way asked for.
    Model = 3,
    /// The network, an address, or a certificate.
    Network = 4,
    /// The peer broke off, broke the protocol, refused, or exceeded a limit.
    Protocol = 5,
}

/// An error that knows its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// A failure with this code and text.
    pub fn new(exit: Exit, text: impl ToString) -> Self {
        Self { exit, text: text.to_string() }
    }
}

impl Exit {
    /// The code for an error: that of the first cause in its chain that has one.
    pub fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(known).unwrap_or(Self::Other)
    }
}

fn known(error: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure.exit);
    }
    if let Some(e) = error.downcast_ref::<crate::image::Error>() {
        return Some(match e {
            crate::image::Error::Settings(_) => Exit::Usage,
            _ => Exit::Other,
        });
    }
    error
        .downcast_ref::<Engine>()
        .map(engine)
        .or_else(|| error.downcast_ref::<Graph>().map(graph))
        .or_else(|| error.downcast_ref::<Wire>().map(wire))
}

fn engine(e: &Engine) -> Exit {
    match e {
        Engine::Unsupported { .. } => Exit::Model,
        Engine::Config(_) => Exit::Usage,
        Engine::Graph(e) => graph(e),
        Engine::Wire(e) | Engine::Ot(OtError::Wire(e)) | Engine::He(HeError::Wire(e)) => wire(e),
        Engine::Garble(Garble::Config(_)) => Exit::Model,
        Engine::Garble(Garble::Forged | Garble::Tables(_)) => Exit::Protocol,
        Engine::Peer(_)
        | Engine::Ot(OtError::Peer { .. })
        | Engine::He(HeError::PeerMisbehaved { .. }) => Exit::Protocol,
        Engine::He(HeError::Parameters { .. } | HeError::Layout(_)) => Exit::Model,
        _ => Exit::Other,
    }
}

fn graph(e: &Graph) -> Exit {
    match e {
        Graph::Config(_) => Exit::Usage,
        Graph::Io(_) => Exit::Other,
        _ => Exit::Model,
    }
}

fn wire(e: &Wire) -> Exit {
    match e {
        Wire::Config(_) => Exit::Usage,
        Wire::PeerMisbehaved { .. } | Wire::PeerAborted(_) | Wire::LimitReached { .. } => {
            Exit::Protocol
        }
        _ => Exit::Network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_context() {
        let closed = || Wire::Closed { what: "testing".into() };
        let cases: [(anyhow::Error, Exit); 7] = [
            (Graph::Decode("x".into()).into(), Exit::Model),
            (Engine::Wire(closed()).into(), Exit::Network),
            (Engine::Peer("x".into()).into(), Exit::Protocol),
            (Engine::Garble(Garble::Forged).into(), Exit::Protocol),
            (Engine::Config("x".into()).into(), Exit::Usage),
            (std::io::Error::other("x").into(), Exit::Other),
            (Failure::new(Exit::Protocol, closed()).into(), Exit::Protocol),
        ];
        for (error, exit) in cases {
            let wrapped = error.context("while testing");
            assert_eq!(Exit::of(&wrapped), exit, "{wrapped:?}");
        }
    }
}
