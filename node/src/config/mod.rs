//! Settings: everything an operator chooses, parsed once and validated.
//!
//! Owns: `config.toml` (unknown keys are refused), the order of precedence, the defaults. Does not own: reading keys and
//! the genesis (`cli::home`), the meaning of multiaddresses (`net`).
//!
//! Always true: flags win over environment variables, those over `config.toml`, that over the defaults beside the fields;
//! nothing after [`Settings`] reads a configuration file or the environment.
//! The map: a [`Layer`] is what one source chose; layers lie over each other, and the pile becomes [`Settings`].
//! Start reading at [`Layer::into_settings`].

mod layer;
mod settings;

pub use layer::{
    API_LISTEN_DEFAULT, Announce, ApiLayer, ConfigRejected, KeysLayer, Layer, LogFormat, LogLayer, P2P_LISTEN_ALONE,
    P2P_LISTEN_DEFAULT, P2pLayer, PoolLayer, RoundsLayer,
};
pub use settings::{Identity, LogSettings, Settings};
