//! Causes of traps, with the words that the specification's tests and WAMR use for them.

macro_rules! causes {
    ($( $(#[$doc:meta])* $name:ident = $code:literal, $message:literal; )*) => {
        /// Why compiled code stopped. The numbers are part of the object format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum TrapCause { $( $(#[$doc])* $name = $code ),* }

        impl TrapCause {
            /// Every cause.
            pub const ALL: &[TrapCause] = &[$(TrapCause::$name),*];

            /// The cause with this number.
            pub const fn from_code(code: u32) -> Option<TrapCause> {
                match code { $($code => Some(TrapCause::$name),)* _ => None }
            }

            /// The number that compiled code passes to the runtime.
            pub const fn code(self) -> u32 {
                self as u32
            }

            /// What happened, in the specification's words.
            pub const fn message(self) -> &'static str {
                match self { $(TrapCause::$name => $message),* }
            }
        }
    };
}

causes! {
    /// The `unreachable` instruction.
    Unreachable = 1, "unreachable";
    /// A load, store or bulk operation beyond the end of a memory.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// A table access or bulk operation beyond the end of a table.
    TableOutOfBounds = 3, "out of bounds table access";
    /// A `call_indirect` beyond the end of its table.
    UndefinedElement = 4, "undefined element";
    /// A `call_indirect` through a null reference.
    UninitializedElement = 5, "uninitialized element";
    /// A `call_indirect` of a function of another type.
    IndirectCallTypeMismatch = 6, "indirect call type mismatch";
    /// Integer division or remainder by zero.
    IntegerDivideByZero = 7, "integer divide by zero";
    /// A quotient or a converted float that its type cannot hold.
    IntegerOverflow = 8, "integer overflow";
    /// Conversion of a NaN to an integer.
    InvalidConversionToInteger = 9, "invalid conversion to integer";
    /// The wasm stack is used up.
    CallStackExhausted = 10, "call stack exhausted";
    /// A null reference where the instruction needs a reference.
    NullReference = 11, "null reference";
    /// The embedder asked the program to stop.
    Interrupted = 12, "interrupted";
    /// An atomic access that is not aligned.
    UnalignedAtomic = 13, "unaligned atomic";
    /// A host function returned an error; the error itself is with the runtime.
    HostError = 14, "host error";
    /// An import that nothing was linked to was called.
    UnlinkedImport = 15, "failed to call unlinked import function";
    /// A `call_ref` of a null reference.
    NullFunctionReference = 16, "null function reference";
    /// A `memory.atomic.wait` on a memory that no other thread can change.
    ExpectedSharedMemory = 17, "expected shared memory";
    /// A `throw_ref` of a null reference.
    NullExceptionReference = 18, "null exception reference";
    /// A `ref.cast` of a reference to something of another type.
    CastFailure = 19, "cast failure";
}

impl core::fmt::Display for TrapCause {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message())
    }
}
