//! The shape of a link in one direction, and its text form.

use serde::Serialize;
use std::str::FromStr;
use std::time::Duration;

/// Longest delay that may be asked for, in ms.
const DELAY_MS_MAX: u64 = 10_000;

/// One direction between two nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Each byte arrives so much later,
    pub delay: Duration,
    /// and up to so much later still, by chance.
    pub jitter: Duration,
    /// Bytes a second, all connections together; `None`: no limit.
    pub bytes_per_s: Option<u64>,
    /// Nothing passes and nothing is lost, as over a wire that was pulled out: TCP sends it again when it is back.
    pub held: bool,
}

/// A delay with its jitter, as on the command line: `50` or `50:10`, in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delay {
    /// One way, in ms.
    pub ms: u64,
    /// At most so much more, in ms.
    pub jitter_ms: u64,
}

impl FromStr for Delay {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (delay, jitter) = text.split_once(':').unwrap_or((text, "0"));
        let ms = |part: &str| part.parse().ok().filter(|ms| *ms <= DELAY_MS_MAX);
        match (ms(delay), ms(jitter)) {
            (Some(ms), Some(jitter_ms)) => Ok(Self { ms, jitter_ms }),
            _ => Err(format!(
                "a delay is its ms one way, at most {DELAY_MS_MAX}, such as 50, or 50:10 with a jitter of 10 ms"
            )),
        }
    }
}

/// A bandwidth, as on the command line: `20mbit`, `500kbit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bandwidth {
    /// Bits a second.
    pub bits_per_s: u64,
}

impl FromStr for Bandwidth {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000)];
        let parsed = units.iter().find_map(|(unit, factor)| {
            let number: u64 = text.to_ascii_lowercase().strip_suffix(unit)?.trim().parse().ok()?;
            number.checked_mul(*factor).filter(|bits| *bits >= 8)
        });
        let bits_per_s = parsed.ok_or("a bandwidth is a number and a unit, such as 20mbit or 500kbit")?;
        Ok(Self { bits_per_s })
    }
}

/// The shape that the options give every link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::Args)]
pub struct Wan {
    /// Every link between two nodes delays so many ms one way, and up to JITTER ms more
    #[arg(long, value_name = "D[:JITTER]")]
    pub delay_ms: Option<Delay>,
    /// Every link carries so much each way, such as 20mbit
    #[arg(long, value_name = "RATE")]
    pub bandwidth: Option<Bandwidth>,
}

impl Wan {
    /// Is anything asked for? Then connections run through our relays.
    pub fn is_some(&self) -> bool {
        self.delay_ms.is_some() || self.bandwidth.is_some()
    }

    /// One direction of such a link.
    pub fn shape(&self) -> Shape {
        let Delay { ms, jitter_ms } = self.delay_ms.unwrap_or_default();
        Shape {
            delay: Duration::from_millis(ms),
            jitter: Duration::from_millis(jitter_ms),
            bytes_per_s: self.bandwidth.map(|bandwidth| bandwidth.bits_per_s / 8),
            held: false,
        }
    }

    /// For a person; nothing for perfect links.
    pub fn words(&self) -> Option<String> {
        let delay = self.delay_ms.map(|delay| match delay.jitter_ms {
            0 => format!("{} ms one way", delay.ms),
            jitter => format!("{} to {} ms one way", delay.ms, delay.ms + jitter),
        });
        let bandwidth = self.bandwidth.map(|bandwidth| format!("{} kbit/s", bandwidth.bits_per_s / 1_000));
        let words: Vec<_> = delay.into_iter().chain(bandwidth).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_and_bandwidths_are_read_as_people_write_them() {
        assert_eq!("50".parse(), Ok(Delay { ms: 50, jitter_ms: 0 }));
        assert_eq!("50:10".parse(), Ok(Delay { ms: 50, jitter_ms: 10 }));
        assert_eq!("20Mbit".parse(), Ok(Bandwidth { bits_per_s: 20_000_000 }));
        assert_eq!("500kbit".parse(), Ok(Bandwidth { bits_per_s: 500_000 }));
        for wrong in ["", "-1", "5:", "x", "20000", "5:5:5"] {
            assert!(wrong.parse::<Delay>().is_err(), "{wrong}");
        }
        for wrong in ["", "20", "mbit", "0kbit", "20mb", "99999999999999999999gbit"] {
            assert!(wrong.parse::<Bandwidth>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_asked_for_is_said_and_shapes_both_directions() {
        let wan = Wan { delay_ms: "150:10".parse().ok(), bandwidth: "2mbit".parse().ok() };
        assert_eq!(wan.words().unwrap(), "150 to 160 ms one way, 2000 kbit/s");
        assert_eq!(wan.shape().bytes_per_s, Some(250_000));
        assert!(!Wan::default().is_some() && Wan::default().words().is_none());
    }
}
