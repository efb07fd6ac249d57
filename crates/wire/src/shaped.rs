//! Networks simulated in process: latency and bandwidth without root, namespaces or `tc`.

use crate::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A network between the two parties: delay and rate, no loss.
///
/// A chunk of b bytes leaves when the previous one has left, takes b/bandwidth to leave, and
/// arrives half a round trip later. The lanes of one link share the rate of each direction. Bytes
/// of TCP, IP and TLS are not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Time from sending a byte to receiving the answer to it.
    pub rtt: Duration,
    /// Bits per second in each direction.
    pub bandwidth: u64,
}

impl Network {
    /// The local network of the two-party inference literature: 0.3 ms, 384 MB/s.
    ///
    /// *Source.* Huang, Lu, Hong, Ding: Cheetah, USENIX Security 2022, section 6.
    pub const fn lan() -> Self {
        Network { rtt: Duration::from_micros(300), bandwidth: 8 * 384_000_000 }
    }

    /// The wide-area network of the two-party inference literature: 40 ms, 44 MB/s.
    ///
    /// *Source.* As for [`Network::lan`].
    pub const fn wan() -> Self {
        Network { rtt: Duration::from_millis(40), bandwidth: 8 * 44_000_000 }
    }

    /// The time that `rounds` rounds and `bytes` bytes one way take when nothing overlaps.
    pub fn time(&self, rounds: u64, bytes: u64) -> Duration {
        let waiting = self.rtt.as_secs_f64() * rounds as f64;
        Duration::from_secs_f64(waiting + bytes as f64 * 8.0 / self.bandwidth as f64)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?},{}mbit", self.rtt, self.bandwidth as f64 / 1e6)
    }
}

impl FromStr for Network {
    type Err = Error;

    /// Reads `lan`, `wan`, or `RTT,BANDWIDTH` such as `20ms,100mbit`, with units us, ms, s and
    /// bit, kbit, mbit, gbit (per second).
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "lan" => return Ok(Network::lan()),
            "wan" => return Ok(Network::wan()),
            _ => {}
        }
        let parts = text.split_once(',').and_then(|(rtt, bandwidth)| {
            let seconds = quantity(rtt, &[("us", 1e-6), ("ms", 1e-3), ("s", 1.0)])?;
            let units = [("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9), ("bit", 1.0)];
            Some((seconds, quantity(bandwidth, &units)?))
        });
        match parts {
            Some((seconds, bits)) if seconds <= 60.0 && (1.0..=1e15).contains(&bits) => {
                Ok(Network { rtt: Duration::from_secs_f64(seconds), bandwidth: bits as u64 })
            }
            _ => Err(Error::Config(format!(
                "`{text}` is no network: write lan, wan, or RTT,BANDWIDTH such as 20ms,100mbit \
                 (us, ms, s up to a minute; bit, kbit, mbit, gbit per second)"
            ))),
        }
    }
}

/// A non-negative number with one of these units.
fn quantity(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let (number, unit) =
        units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    let value: f64 = number.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * unit)
}

/// One direction of a [`Network`]: when does what leaves now arrive?
pub(crate) struct Shaper {
    network: Network,
    free: Mutex<Instant>,
}

impl Shaper {
    pub(crate) fn new(network: Network) -> Self {
        Shaper { network, free: Mutex::new(Instant::now()) }
    }

    pub(crate) fn due(&self, bytes: usize) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = (*free).max(Instant::now()) + self.network.time(0, bytes as u64);
        *free + self.network.rtt / 2
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn networks_are_read_and_refused() {
        let network: Network = "20ms,100mbit".parse().unwrap();
        assert_eq!(network.rtt, Duration::from_millis(20));
        assert_eq!(network.bandwidth, 100_000_000);
        assert_eq!("0.5s, 1gbit".parse::<Network>().unwrap().bandwidth, 1_000_000_000);
        assert_eq!("0us,9600bit".parse::<Network>().unwrap().rtt, Duration::ZERO);
        assert_eq!("wan".parse::<Network>().unwrap(), Network::wan());
        assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        for bad in ["", "20ms", "20,100", "-1ms,1mbit", "1ms,0mbit", "inf ms,1mbit", "1h,1mbit"] {
            let text = bad.parse::<Network>().unwrap_err().to_string();
            assert!(text.contains("such as 20ms,100mbit"), "{text}");
        }
    }

    #[test]
    fn time_is_waiting_plus_sending() {
        let network = Network { rtt: Duration::from_millis(10), bandwidth: 8_000_000 };
        assert_eq!(network.time(3, 500_000), Duration::from_millis(530));
    }
}
