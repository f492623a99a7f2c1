//! The signals by which an operator ends a program.

pub use crate::platform::Signals;

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, a supervisor, a shutdown.
    Terminate,
    /// Its terminal is gone.
    HangUp,
}

impl Told {
    /// The name of the signal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }

    /// As a shell reports a program that the signal ended.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::HangUp => 129,
        }
    }
}
