//! What compiled code may call outside its object: one list with typed signatures.
//!
//! *Exits* go through a trampoline of the runtime: the machine state is saved, the stack switched to
//! the host's, and a pending trap is taken on the way back. *Leaf* functions are called directly, on
//! the wasm stack: they are pure, take no lock and use little stack.
//!
//! All follow the target's C calling convention. The first parameter of every exit is a callee context.

/// Type of a parameter or result of a builtin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltinType {
    /// A pointer or pointer-sized number.
    Ptr,
    /// A 32-bit number.
    I32,
    /// A 64-bit number.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
}

/// How a builtin is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltinKind {
    /// Through an exit trampoline.
    Exit,
    /// Called directly.
    Leaf,
}

/// One function that compiled code may call in the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The symbol's name in the object.
    pub symbol: &'static str,
    /// How it is reached.
    pub kind: BuiltinKind,
    /// Parameter types.
    pub params: &'static [BuiltinType],
    /// Result type.
    pub result: Option<BuiltinType>,
    signature_hash: u32,
}

impl Builtin {
    const fn new(
        symbol: &'static str,
        kind: BuiltinKind,
        params: &'static [BuiltinType],
        result: Option<BuiltinType>,
    ) -> Self {
        let mut hash = crate::layout::Fnv1a::new();
        hash.write(symbol.as_bytes());
        hash.write(&[kind as u8]);
        let mut i = 0;
        while i < params.len() {
            hash.write(&[params[i] as u8]);
            i += 1;
        }
        let result_byte = match result {
            Some(ty) => ty as u8,
            None => 0xff,
        };
        hash.write(&[0xff, result_byte]);
        let hash = hash.finish();
        Builtin {
            symbol,
            kind,
            params,
            result,
            signature_hash: (hash ^ (hash >> 32)) as u32,
        }
    }

    /// FNV-1a over symbol, kind and signature; stands in the object beside each builtin it uses.
    pub const fn signature_hash(&self) -> u32 {
        self.signature_hash
    }
}

macro_rules! builtins {
    ($( $(#[$doc:meta])* $kind:ident $id:ident = $symbol:literal ( $($param:ident : $ty:ident),* ) $(-> $result:ident)? ; )*) => {
        /// Names of the builtins; the number is the index in [`BUILTINS`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum BuiltinId { $( $(#[$doc])* $id ),* }

        /// Every builtin.
        pub const BUILTINS: &[Builtin] = &[
            $( Builtin::new(
                $symbol,
                BuiltinKind::$kind,
                &[$(BuiltinType::$ty),*],
                builtins!(@result $($result)?),
            ) ),*
        ];

        impl BuiltinId {
            /// Every builtin's name, in the order of [`BUILTINS`].
            pub const ALL: &[BuiltinId] = &[$(BuiltinId::$id),*];
        }
    };
    (@result) => { None };
    (@result $result:ident) => { Some(BuiltinType::$result) };
}

impl BuiltinId {
    /// The builtin's description.
    pub fn builtin(self) -> &'static Builtin {
        &BUILTINS[self as usize]
    }

    /// The builtin with this symbol.
    pub fn from_symbol(symbol: &[u8]) -> Option<BuiltinId> {
        Self::ALL
            .iter()
            .copied()
            .find(|id| id.builtin().symbol.as_bytes() == symbol)
    }
}

builtins! {
    /// Raises a trap; never returns. `cause` is a `TrapCause`, `ip` the wasm offset of the instruction.
    Exit Trap = "wamr_trap" (context: Ptr, cause: I32, ip: I32);
    /// Calls the host function of a host context; arguments and results in 8-byte slots.
    Exit CallHost = "wamr_call_host" (context: Ptr, slots: Ptr);
    /// `memory.grow`: the old size in pages, or −1.
    Exit MemoryGrow = "wamr_memory_grow" (instance: Ptr, memory: I32, delta: I64) -> I64;
    /// `memory.init`.
    Exit MemoryInit = "wamr_memory_init" (instance: Ptr, memory: I32, segment: I32, destination: I64, source: I32, length: I32);
    /// `data.drop`.
    Exit DataDrop = "wamr_data_drop" (instance: Ptr, segment: I32);
    /// `table.grow`: the old size, or −1.
    Exit TableGrow = "wamr_table_grow" (instance: Ptr, table: I32, value: Ptr, delta: I64) -> I64;
    /// `table.fill`.
    Exit TableFill = "wamr_table_fill" (instance: Ptr, table: I32, start: I64, value: Ptr, length: I64);
    /// `table.copy`.
    Exit TableCopy = "wamr_table_copy" (instance: Ptr, destination_table: I32, source_table: I32, destination: I64, source: I64, length: I64);
    /// `table.init`.
    Exit TableInit = "wamr_table_init" (instance: Ptr, table: I32, segment: I32, destination: I64, source: I32, length: I32);
    /// `elem.drop`.
    Exit ElemDrop = "wamr_elem_drop" (instance: Ptr, segment: I32);
    /// `throw`: makes an exception of the values in the exec env's argument slots and throws it; does not return.
    Exit Throw = "wamr_throw" (instance: Ptr, tag: I32);
    /// `throw_ref`, of a reference that is not null; does not return.
    Exit ThrowRef = "wamr_throw_ref" (instance: Ptr, exception: Ptr);
    /// Called at a poll whose word is set.
    Exit Poll = "wamr_poll" (instance: Ptr);

    /// `memory.atomic.notify`: how many were woken. Index and offset are added up; so they are for the others.
    Exit AtomicNotify = "wamr_atomic_notify" (instance: Ptr, memory: I32, address: I64, count: I32) -> I32;
    /// `memory.atomic.wait32`: 0 if woken, 1 if another value is there, 2 if the time is over.
    Exit AtomicWait32 = "wamr_atomic_wait32" (instance: Ptr, memory: I32, address: I64, expected: I32, timeout: I64) -> I32;
    /// As `wamr_atomic_wait32`.
    Exit AtomicWait64 = "wamr_atomic_wait64" (instance: Ptr, memory: I32, address: I64, expected: I64, timeout: I64) -> I32;

    /// C's `memcpy`; the code generator also emits calls of its own.
    Leaf Memcpy = "memcpy" (destination: Ptr, source: Ptr, length: Ptr) -> Ptr;
    /// C's `memmove`.
    Leaf Memmove = "memmove" (destination: Ptr, source: Ptr, length: Ptr) -> Ptr;
    /// C's `memset`.
    Leaf Memset = "memset" (destination: Ptr, byte: I32, length: Ptr) -> Ptr;
    /// Rounding, where the target has no instruction for it.
    Leaf Ceil = "ceil" (x: F64) -> F64;
    /// As `ceil`.
    Leaf Ceilf = "ceilf" (x: F32) -> F32;
    /// As `ceil`.
    Leaf Floor = "floor" (x: F64) -> F64;
    /// As `ceil`.
    Leaf Floorf = "floorf" (x: F32) -> F32;
    /// As `ceil`.
    Leaf Trunc = "trunc" (x: F64) -> F64;
    /// As `ceil`.
    Leaf Truncf = "truncf" (x: F32) -> F32;
    /// Rounding to nearest, ties to even.
    Leaf Roundeven = "roundeven" (x: F64) -> F64;
    /// As `roundeven`.
    Leaf Roundevenf = "roundevenf" (x: F32) -> F32;
    /// As `roundeven`; the rounding mode never changes.
    Leaf Rint = "rint" (x: F64) -> F64;
    /// As `rint`.
    Leaf Rintf = "rintf" (x: F32) -> F32;
    /// As `rint`.
    Leaf Nearbyint = "nearbyint" (x: F64) -> F64;
    /// As `rint`.
    Leaf Nearbyintf = "nearbyintf" (x: F32) -> F32;

    // What a CPU has no instructions for, LLVM calls by the names of the C compilers' support libraries
    // (libgcc's manual, "Integer library routines" and "Routines for floating point emulation").

    /// Square root.
    Leaf Sqrt = "sqrt" (x: F64) -> F64;
    /// As `sqrt`.
    Leaf Sqrtf = "sqrtf" (x: F32) -> F32;

    /// `x * y`.
    Leaf Mulsi3 = "__mulsi3" (x: I32, y: I32) -> I32;
    /// Signed `x / y`.
    Leaf Divsi3 = "__divsi3" (x: I32, y: I32) -> I32;
    /// Unsigned `x / y`.
    Leaf Udivsi3 = "__udivsi3" (x: I32, y: I32) -> I32;
    /// Signed remainder.
    Leaf Modsi3 = "__modsi3" (x: I32, y: I32) -> I32;
    /// Unsigned remainder.
    Leaf Umodsi3 = "__umodsi3" (x: I32, y: I32) -> I32;
    /// `x * y`.
    Leaf Muldi3 = "__muldi3" (x: I64, y: I64) -> I64;
    /// Signed `x / y`.
    Leaf Divdi3 = "__divdi3" (x: I64, y: I64) -> I64;
    /// Unsigned `x / y`.
    Leaf Udivdi3 = "__udivdi3" (x: I64, y: I64) -> I64;
    /// Signed remainder.
    Leaf Moddi3 = "__moddi3" (x: I64, y: I64) -> I64;
    /// Unsigned remainder.
    Leaf Umoddi3 = "__umoddi3" (x: I64, y: I64) -> I64;
    /// `x << y`.
    Leaf Ashldi3 = "__ashldi3" (x: I64, y: I32) -> I64;
    /// Signed `x >> y`.
    Leaf Ashrdi3 = "__ashrdi3" (x: I64, y: I32) -> I64;
    /// Unsigned `x >> y`.
    Leaf Lshrdi3 = "__lshrdi3" (x: I64, y: I32) -> I64;

    /// `x + y`.
    Leaf Addsf3 = "__addsf3" (x: F32, y: F32) -> F32;
    /// `x - y`.
    Leaf Subsf3 = "__subsf3" (x: F32, y: F32) -> F32;
    /// `x * y`.
    Leaf Mulsf3 = "__mulsf3" (x: F32, y: F32) -> F32;
    /// `x / y`.
    Leaf Divsf3 = "__divsf3" (x: F32, y: F32) -> F32;
    /// `x + y`.
    Leaf Adddf3 = "__adddf3" (x: F64, y: F64) -> F64;
    /// `x - y`.
    Leaf Subdf3 = "__subdf3" (x: F64, y: F64) -> F64;
    /// `x * y`.
    Leaf Muldf3 = "__muldf3" (x: F64, y: F64) -> F64;
    /// `x / y`.
    Leaf Divdf3 = "__divdf3" (x: F64, y: F64) -> F64;

    /// 0 if both are equal.
    Leaf Eqsf2 = "__eqsf2" (x: F32, y: F32) -> I32;
    /// Not 0 if they differ or one is a NaN.
    Leaf Nesf2 = "__nesf2" (x: F32, y: F32) -> I32;
    /// Below 0 if `x < y`.
    Leaf Ltsf2 = "__ltsf2" (x: F32, y: F32) -> I32;
    /// At most 0 if `x <= y`.
    Leaf Lesf2 = "__lesf2" (x: F32, y: F32) -> I32;
    /// Above 0 if `x > y`.
    Leaf Gtsf2 = "__gtsf2" (x: F32, y: F32) -> I32;
    /// At least 0 if `x >= y`.
    Leaf Gesf2 = "__gesf2" (x: F32, y: F32) -> I32;
    /// Not 0 if one is a NaN.
    Leaf Unordsf2 = "__unordsf2" (x: F32, y: F32) -> I32;
    /// As `__eqsf2`; so are the others below.
    Leaf Eqdf2 = "__eqdf2" (x: F64, y: F64) -> I32;
    /// As `__nesf2`.
    Leaf Nedf2 = "__nedf2" (x: F64, y: F64) -> I32;
    /// As `__ltsf2`.
    Leaf Ltdf2 = "__ltdf2" (x: F64, y: F64) -> I32;
    /// As `__lesf2`.
    Leaf Ledf2 = "__ledf2" (x: F64, y: F64) -> I32;
    /// As `__gtsf2`.
    Leaf Gtdf2 = "__gtdf2" (x: F64, y: F64) -> I32;
    /// As `__gesf2`.
    Leaf Gedf2 = "__gedf2" (x: F64, y: F64) -> I32;
    /// As `__unordsf2`.
    Leaf Unorddf2 = "__unorddf2" (x: F64, y: F64) -> I32;

    /// Widens; may hand on a signalling NaN.
    Leaf Extendsfdf2 = "__extendsfdf2" (x: F32) -> F64;
    /// Narrows.
    Leaf Truncdfsf2 = "__truncdfsf2" (x: F64) -> F32;
    /// To a signed integer, towards zero.
    Leaf Fixsfsi = "__fixsfsi" (x: F32) -> I32;
    /// As `__fixsfsi`.
    Leaf Fixsfdi = "__fixsfdi" (x: F32) -> I64;
    /// As `__fixsfsi`.
    Leaf Fixdfsi = "__fixdfsi" (x: F64) -> I32;
    /// As `__fixsfsi`.
    Leaf Fixdfdi = "__fixdfdi" (x: F64) -> I64;
    /// To an unsigned integer, towards zero.
    Leaf Fixunssfsi = "__fixunssfsi" (x: F32) -> I32;
    /// As `__fixunssfsi`.
    Leaf Fixunssfdi = "__fixunssfdi" (x: F32) -> I64;
    /// As `__fixunssfsi`.
    Leaf Fixunsdfsi = "__fixunsdfsi" (x: F64) -> I32;
    /// As `__fixunssfsi`.
    Leaf Fixunsdfdi = "__fixunsdfdi" (x: F64) -> I64;
    /// From a signed integer.
    Leaf Floatsisf = "__floatsisf" (x: I32) -> F32;
    /// As `__floatsisf`.
    Leaf Floatdisf = "__floatdisf" (x: I64) -> F32;
    /// As `__floatsisf`.
    Leaf Floatsidf = "__floatsidf" (x: I32) -> F64;
    /// As `__floatsisf`.
    Leaf Floatdidf = "__floatdidf" (x: I64) -> F64;
    /// From an unsigned integer.
    Leaf Floatunsisf = "__floatunsisf" (x: I32) -> F32;
    /// As `__floatunsisf`.
    Leaf Floatundisf = "__floatundisf" (x: I64) -> F32;
    /// As `__floatunsisf`.
    Leaf Floatunsidf = "__floatunsidf" (x: I32) -> F64;
    /// As `__floatunsisf`.
    Leaf Floatundidf = "__floatundidf" (x: I64) -> F64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_found_and_hashes_differ() {
        for (i, id) in BuiltinId::ALL.iter().enumerate() {
            assert_eq!(
                BuiltinId::from_symbol(id.builtin().symbol.as_bytes()),
                Some(*id)
            );
            assert!(
                BUILTINS[i + 1..]
                    .iter()
                    .all(|other| other.signature_hash() != id.builtin().signature_hash())
            );
        }
    }
}
