//! How values of the rules look in OpenAPI, where they are texts and numbers: these stand in for them.
//!
//! Always true: a name stands for the value of the same name in `blockchat_proto`; its form is that of SPEC API-2.

use super::Code;
use std::borrow::Cow;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// For each name: what it looks like.
macro_rules! stands_in {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)+) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T($schema)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

stands_in! {
    /// An account.
    Address = text("An account: bech32m text with a checksum (SPEC KEY-2)", "^bcc1[02-9ac-hj-np-z]{58}$");
    /// 32 bytes.
    Hash32 = text("32 bytes in hex", "^[0-9a-f]{64}$");
    /// Money.
    Coins = text("BCC, with six decimals", "^[0-9]+\\.[0-9]{6}$");
    /// Position of a block.
    Height = number("Position of a block; the genesis is 0");
    /// Attempt at a height.
    Round = number("Attempt at deciding a height, from 0");
    /// A moment.
    UnixMillis = number("Milliseconds since 1970-01-01 UTC");
    /// A version of the rules.
    RulesVersion = number("A version of the rules");
    /// A transaction as it is signed.
    SignedTransaction = object("A signed transaction (SPEC API-2)");
    /// A sealed message.
    Sealed = object("A sealed message: {`version`, `ephemeral`, `salt`, `ciphertext`} (SPEC TX-4)");
    /// Whether to try again.
    Retry = one_of_retries();
}

fn text(description: &str, pattern: &str) -> Schema {
    let object = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    object.description(Some(description)).pattern(Some(pattern)).into()
}

fn number(description: &str) -> Schema {
    let object = ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer));
    object.minimum(Some(0)).description(Some(description)).into()
}

fn object(description: &str) -> Schema {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::Object)).description(Some(description)).into()
}

/// `"now"`, `"never"`, `{"at_height": h}` or `{"at_time": ms}`.
fn one_of_retries() -> Schema {
    let word = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).enum_values(Some(["now", "never"]));
    let later = ObjectBuilder::new().schema_type(SchemaType::new(Type::Object));
    OneOfBuilder::new().item(word).item(later).description(Some("Whether to try again (SPEC API-5)")).into()
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        RefOr::T(text("A stable code (SPEC API-5)", "^[a-z_]+$"))
    }
}

impl ToSchema for Code {}
