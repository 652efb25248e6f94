//! What the host side hands to the target side: objects, and the directives that use them.
//!
//! A script file is the postcard encoding of one [`Script`]. Both sides are built from the same
//! source, so the encoding carries no version.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// One `.wast` file after compilation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// Name of the file, for messages.
    pub file: String,
    /// Compiled modules; directives name them by index. Equal modules share one.
    pub objects: Vec<Vec<u8>>,
    /// What to do, in the file's order.
    pub commands: Vec<Command>,
}

/// A directive and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Line of the file, from 1.
    pub line: u32,
    /// The directive.
    pub directive: Directive,
}

/// A directive that the target side executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Directive {
    /// Instantiates an object as the current instance, and under its name if it has one.
    Module {
        /// The text's `$name`.
        name: Option<String>,
        /// Index of the object.
        object: u32,
    },
    /// Keeps an object to be instantiated by [`Directive::Instance`].
    Definition {
        /// The text's `$name`.
        name: Option<String>,
        /// Index of the object.
        object: u32,
    },
    /// Instantiates a definition, the last one if none is named.
    Instance {
        /// Name of the instance.
        name: Option<String>,
        /// Name of the definition.
        definition: Option<String>,
    },
    /// Stands for a module that there is no object of: whatever uses it is not run. Not counted here,
    /// since the host side has counted it.
    Missing {
        /// The text's `$name`.
        name: Option<String>,
        /// Why the module was skipped; it failed if there is no reason.
        skipped: Option<String>,
    },
    /// Makes an instance importable.
    Register {
        /// Name in import declarations.
        name: String,
        /// Name of the instance; the current one if absent.
        module: Option<String>,
    },
    /// An action that must return.
    Perform(Action),
    /// An action that must return these results.
    AssertReturn {
        /// The action.
        action: Action,
        /// What it must return.
        expected: Vec<Pattern>,
    },
    /// An action that must trap.
    AssertTrap {
        /// The action.
        action: Action,
        /// The trap's message, or its beginning.
        message: String,
    },
    /// An action that must throw an exception that nothing catches.
    AssertException {
        /// The action.
        action: Action,
    },
    /// An action that must use up the stack.
    AssertExhaustion {
        /// The action.
        action: Action,
        /// The trap's message.
        message: String,
    },
    /// An object that must not link.
    AssertUnlinkable {
        /// Index of the object.
        object: u32,
        /// What the error must contain.
        message: String,
    },
    /// An object whose instantiation must trap.
    AssertUninstantiable {
        /// Index of the object.
        object: u32,
        /// The trap's message, or its beginning.
        message: String,
    },
}

/// What a directive does with an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Calls an exported function.
    Invoke {
        /// Name of the instance; the current one if absent.
        module: Option<String>,
        /// Name of the export.
        name: String,
        /// Arguments.
        arguments: Vec<Value>,
    },
    /// Reads an exported global.
    Get {
        /// Name of the instance; the current one if absent.
        module: Option<String>,
        /// Name of the export.
        name: String,
    },
}

/// An argument. Floats are bit patterns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `i32.const`
    I32(i32),
    /// `i64.const`
    I64(i64),
    /// `f32.const`
    F32(u32),
    /// `f64.const`
    F64(u64),
    /// `v128.const`, little-endian.
    V128(u128),
    /// `ref.null`
    Null(RefKind),
    /// `ref.extern`: a host reference that stands for this number.
    Extern(u32),
}

/// The kinds of references that a script can make nulls of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefKind {
    /// `func`
    Func,
    /// `extern`
    Extern,
    /// `exn`
    Exn,
}

/// An expected result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Pattern {
    /// Exactly this value.
    Value(Value),
    /// An `f32` NaN.
    F32Nan(NanKind),
    /// An `f64` NaN.
    F64Nan(NanKind),
    /// A vector of four `f32` lanes.
    F32x4([LanePattern<u32>; 4]),
    /// A vector of two `f64` lanes.
    F64x2([LanePattern<u64>; 2]),
    /// A null reference, of any type.
    AnyNull,
    /// An external reference that is not null.
    AnyExtern,
    /// A function reference that is not null.
    AnyFunc,
    /// One of several.
    Either(Vec<Pattern>),
}

/// An expected lane of a float vector: a bit pattern or a NaN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum LanePattern<Bits> {
    /// Exactly these bits.
    Bits(Bits),
    /// A NaN.
    Nan(NanKind),
}

/// Which NaNs are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NanKind {
    /// Only the top bit of the payload is set; either sign.
    Canonical,
    /// The top bit of the payload is set; any others; either sign.
    Arithmetic,
}

impl Script {
    /// The bytes of the script file.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }

    /// Reads a script file.
    pub fn decode(bytes: &[u8]) -> Result<Script, postcard::Error> {
        postcard::from_bytes(bytes)
    }

    /// Reads a script file that other bytes follow.
    pub fn decode_start(bytes: &[u8]) -> Result<Script, postcard::Error> {
        postcard::take_from_bytes(bytes).map(|(script, _)| script)
    }
}

impl Directive {
    /// Whether the directive is counted where it is executed.
    pub fn is_counted(&self) -> bool {
        !matches!(self, Directive::Missing { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_survives_encoding() {
        let script = Script {
            file: "a.wast".into(),
            objects: vec![vec![1, 2, 3], vec![]],
            commands: vec![Command {
                line: 7,
                directive: Directive::AssertReturn {
                    action: Action::Invoke {
                        module: Some("$m".into()),
                        name: "f".into(),
                        arguments: vec![Value::F64(1 << 63), Value::V128(u128::MAX)],
                    },
                    expected: vec![Pattern::Either(vec![
                        Pattern::F32Nan(NanKind::Canonical),
                        Pattern::F64x2([
                            LanePattern::Bits(1),
                            LanePattern::Nan(NanKind::Arithmetic),
                        ]),
                    ])],
                },
            }],
        };
        let bytes = script.encode().expect("encodes");
        assert_eq!(Script::decode(&bytes).expect("decodes"), script);
        assert!(Script::decode(&bytes[..bytes.len() - 1]).is_err());
        let more = [bytes, vec![0; 9]].concat();
        assert_eq!(Script::decode_start(&more).expect("decodes"), script);
    }
}
