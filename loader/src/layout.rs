//! The one list of layout constants that compiled code and the runtime agree on.
//!
//! Every structure that compiled code reads or writes is listed here once, field by field. The list
//! yields the offsets (for 32-bit and 64-bit pointers), the constants in each object's header, the
//! ABI hash, the loader's checks and what `wamrc-rs inspect` prints. The runtime asserts its own
//! `repr(C)` structures against it at compile time.
//!
//! Fields follow each other in `repr(C)` order: each is aligned to its own size.

use crate::format::target::Machine;

/// Width of a pointer on the target, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PointerWidth {
    /// 32-bit targets.
    Four = 4,
    /// 64-bit targets.
    Eight = 8,
}

impl PointerWidth {
    /// The width of a pointer of the machine this crate is compiled for.
    pub const HOST: PointerWidth = if size_of::<usize>() == 8 {
        PointerWidth::Eight
    } else {
        PointerWidth::Four
    };

    /// The width itself, and where a build knows no other (see [`Machine::is_known`]), that one.
    pub(crate) const fn only(self) -> PointerWidth {
        match Machine::HOST {
            Some(_) if !cfg!(feature = "foreign") => PointerWidth::HOST,
            _ => self,
        }
    }

    /// The width in bytes.
    pub const fn bytes(self) -> u32 {
        self as u32
    }
}

/// What a field holds; decides its size and alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A pointer or a pointer-sized unsigned number.
    Ptr,
    /// A 32-bit number, aligned to 4.
    U32,
    /// The start of an array of 8-byte slots, aligned to 8, of no size of its own.
    Slots,
    /// The start of an array of pointers, of no size of its own.
    Ptrs,
}

impl Kind {
    const fn size(self, width: PointerWidth) -> u32 {
        match self {
            Kind::Ptr => width.bytes(),
            Kind::U32 => 4,
            Kind::Slots | Kind::Ptrs => 0,
        }
    }

    const fn align(self, width: PointerWidth) -> u32 {
        match self {
            Kind::Ptr | Kind::Ptrs => width.bytes(),
            Kind::U32 => 4,
            Kind::Slots => 8,
        }
    }
}

/// Rounds `value` up to a multiple of `align`, a power of two.
pub const fn align_up(value: u32, align: u32) -> u32 {
    (value + align - 1) & !(align - 1)
}

const fn offset_of(kinds: &[Kind], index: usize, width: PointerWidth) -> u32 {
    let mut offset = 0;
    let mut i = 0;
    while i < index {
        offset = align_up(offset, kinds[i].align(width)) + kinds[i].size(width);
        i += 1;
    }
    if index < kinds.len() {
        align_up(offset, kinds[index].align(width))
    } else {
        offset
    }
}

const fn size_of_fields(kinds: &[Kind], width: PointerWidth) -> u32 {
    let mut align = 1;
    let mut i = 0;
    while i < kinds.len() {
        if kinds[i].align(width) > align {
            align = kinds[i].align(width);
        }
        i += 1;
    }
    align_up(offset_of(kinds, kinds.len(), width), align)
}

/// One layout constant: its name as errors and `inspect` print it, and its value by pointer width.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// `structure.field`, or `structure.size`.
    pub name: &'static str,
    four: u32,
    eight: u32,
}

impl Constant {
    /// The value for a pointer width.
    pub const fn value(&self, width: PointerWidth) -> u32 {
        match width {
            PointerWidth::Four => self.four,
            PointerWidth::Eight => self.eight,
        }
    }
}

/// A constant with the same value for both pointer widths.
const fn fixed(name: &'static str, value: u32) -> Constant {
    Constant {
        name,
        four: value,
        eight: value,
    }
}

macro_rules! layouts {
    ($( $(#[$doc:meta])* $module:ident { $( $(#[$field_doc:meta])* $field:ident : $kind:ident ),* $(,)? } )*) => {
        $(
            $(#[$doc])*
            pub mod $module {
                use super::{Kind, PointerWidth};

                #[allow(non_camel_case_types)]
                enum Index { $($field),* }

                const KINDS: &[Kind] = &[$(Kind::$kind),*];

                $(
                    $(#[$field_doc])*
                    pub const fn $field(width: PointerWidth) -> u32 {
                        super::offset_of(KINDS, Index::$field as usize, width)
                    }
                )*

                /// Size of the structure in bytes, padding at its end included.
                pub const fn size(width: PointerWidth) -> u32 {
                    super::size_of_fields(KINDS, width)
                }
            }
        )*

        /// Every layout constant, in the order of the header's array.
        pub const CONSTANTS: &[Constant] = &[
            $(
                $( Constant {
                    name: concat!(stringify!($module), ".", stringify!($field)),
                    four: $module::$field(PointerWidth::Four),
                    eight: $module::$field(PointerWidth::Eight),
                }, )*
                Constant {
                    name: concat!(stringify!($module), ".size"),
                    four: $module::size(PointerWidth::Four),
                    eight: $module::size(PointerWidth::Eight),
                },
            )*
            fixed("slot.size", SLOT_SIZE),
            fixed("reference_flag.size", REFERENCE_FLAG_SIZE),
            fixed("global.size", GLOBAL_SIZE),
            fixed("call_counter.size", CALL_COUNTER_SIZE),
            fixed("stack.reserve", STACK_RESERVE),
            fixed("memory64.reach_bits", MEMORY64_REACH_BITS),
            fixed("memory64.offset_bits", MEMORY64_OFFSET_BITS),
        ];
    };
}

/// Size of a frame slot and of an element of an argument array, in bytes. A `v128` takes two.
pub const SLOT_SIZE: u32 = 8;
/// Size of one entry of a frame's reference flags (`frame_ref`), in bytes.
pub const REFERENCE_FLAG_SIZE: u32 = 1;
/// Size of a cell of the instance's global array; large enough for a `v128`.
pub const GLOBAL_SIZE: u32 = 16;
/// Size of a call counter of the instance, in bytes.
pub const CALL_COUNTER_SIZE: u32 = 8;
/// Bytes below `exec_env.stack_limit` that a function may still use once its explicit stack check
/// has passed; the compiler refuses a function whose native frame is larger (`--stack-bounds-checks`).
pub const STACK_RESERVE: u32 = 65536;
/// Where memories have guard pages, a 64-bit memory is 2 to this power bytes of reserved address space,
/// and so never longer. Compiled code compares indices with it rather than with the memory's length.
pub const MEMORY64_REACH_BITS: u32 = 36;
/// Behind the reserved address space of a 64-bit memory stand 2 to this power bytes that fault: what a
/// static offset and the size of an access may add to an index without another check.
pub const MEMORY64_OFFSET_BITS: u32 = 32;

layouts! {
    /// The frame record of the explicit strategy, one for each activation of a function that has
    /// commit points. It lives on the wasm stack; `exec_env.current_frame` is the youngest.
    frame {
        /// The caller's record, or null.
        prev_frame: Ptr,
        /// The instance that the function runs in.
        instance: Ptr,
        /// Reference flags, one byte a slot, or null where no slot of the function holds a reference.
        frame_ref: Ptr,
        /// Index in the module's function index space, imports included.
        func_index: U32,
        /// Byte offset, from the start of the module, of the instruction last committed.
        ip: U32,
        /// One past the last live operand, as a number of slots from `lp`; less than the function's locals
        /// take where no value is available.
        sp: U32,
        /// Free for the runtime; compiled code never touches it.
        reserved: U32,
        /// First slot: parameters, then locals, then operands. A local narrower than a slot stands in its low
        /// bytes; an operand is zero-extended, because its type stands nowhere.
        lp: Slots,
    }

    /// State of a thread that runs compiled code. Every callee context points to it.
    exec_env {
        /// Lowest stack address for compiled code with explicit stack checks.
        stack_limit: Ptr,
        /// Youngest frame record of the explicit strategy, or null.
        current_frame: Ptr,
        /// Stack pointer of the host at the innermost entry into compiled code.
        host_sp: Ptr,
        /// Stack pointer of the wasm stack at the innermost exit from compiled code; 0 while compiled code runs.
        exit_sp: Ptr,
        /// Highest address of the wasm stack, aligned to 16.
        stack_top: Ptr,
        /// Machine address of a trap that a signal handler found, or 0.
        trap_pc: Ptr,
        /// Stack pointer at a trap.
        trap_sp: Ptr,
        /// Frame pointer register at a trap.
        trap_fp: Ptr,
        /// Where arguments stand that registers cannot take: 8-byte slots, as many as the types of the store's
        /// functions need. A callee reads its own before it does anything else.
        arguments: Ptr,
        /// Cause of a pending trap (see `TrapCause`), 0 for none. Checked when the runtime returns to compiled code.
        trap_cause: U32,
        /// Wasm offset of the trapping instruction, 0 where it has to be found through `trap_pc`.
        trap_ip: U32,
    }

    /// What every callee context starts with: an instance, or the context of a host function. Its
    /// address is the first argument of every compiled function.
    callee_context {
        /// The thread state.
        exec_env: Ptr,
        /// The runtime's own data for this context; compiled code never touches it.
        runtime: Ptr,
        /// Non-zero asks the instance's code to call the runtime at its next poll. It stands here rather than in the
        /// exec env because compiled code has the context at hand.
        poll_word: U32,
        /// Keeps what follows aligned to 8 on every target.
        padding: U32,
    }

    /// An entry of the instance's memory array, imported memories first.
    memory_entry {
        /// Start of the memory. Valid for good where the memory model says that memories do not move.
        base: Ptr,
        /// The `memory_definition`, shared by all instances that import the memory.
        definition: Ptr,
    }

    /// A linear memory as compiled code sees it.
    memory_definition {
        /// Start of the memory.
        base: Ptr,
        /// Current length in bytes, pointer-sized.
        byte_length: Ptr,
    }

    /// A table as compiled code sees it.
    table_definition {
        /// Array of pointer-sized references; null is 0.
        elements: Ptr,
        /// Current number of elements, pointer-sized.
        length: Ptr,
    }

    /// A function reference: what a `funcref` points to.
    func_ref {
        /// The code, called with the internal calling convention.
        code: Ptr,
        /// The callee context that it is called with.
        context: Ptr,
        /// Canonical type: two functions have the same type if and only if these pointers are equal.
        ty: Ptr,
    }

    /// A canonical type: what `func_ref.ty` points to.
    canonical_type {
        /// Number of its super types, each the super type of the one before; pointer-sized.
        depth: Ptr,
        /// Its super types, the one without a super type first: so a type with `n` super types is one of them if and
        /// only if it stands at position `n`.
        supertypes: Ptrs,
    }

    /// An exception: what an `exnref` points to.
    exception {
        /// Its tag: two tags are the same if and only if these pointers are equal.
        tag: Ptr,
        /// The values, as parameters of the tag's type in an argument array.
        values: Slots,
    }
}

/// Number of layout constants in the header.
pub const CONSTANT_COUNT: usize = CONSTANTS.len();

/// Rules of the ABI that are not offsets; part of the ABI hash. Change the text when a rule changes.
pub const ABI_RULES: &str = "\
    internal calls: LLVM fastcc; callee context first, then the results pointer if there are two or more results, then the parameters;\
    the first result natively, the others in 8-byte slots at the results pointer; on RISC-V a v128 counts as one of the others;\
    functions that are called through references: arguments beyond the registers in the exec env's argument slots, in their order,\
    registers for integers and pointers: x86-64 6, AArch64 8, RISC-V 12; for floats: 8, 8, RISC-V those for integers;\
    enter thunk: C, (code, context, slots), arguments read from and results written to slots;\
    host thunk: internal, calls wamr_call_host(context, slots);\
    references: pointer-sized, null is zero; instance: callee_context, memories, tables, types, tags, func_refs, globals, call_counters;\
    exceptions: values thrown in the exec env's argument slots; landing pads get the exception as LLVM's exception pointer";

/// The ABI hash: FNV-1a (64 bits) over every constant's name and value and over [`ABI_RULES`].
pub const fn abi_hash(width: PointerWidth) -> u64 {
    const FOUR: u64 = computed_abi_hash(PointerWidth::Four);
    const EIGHT: u64 = computed_abi_hash(PointerWidth::Eight);
    match width {
        PointerWidth::Four => FOUR,
        PointerWidth::Eight => EIGHT,
    }
}

const fn computed_abi_hash(width: PointerWidth) -> u64 {
    let mut hash = Fnv1a::new();
    let mut i = 0;
    while i < CONSTANT_COUNT {
        hash.write(CONSTANTS[i].name.as_bytes());
        hash.write(&CONSTANTS[i].value(width).to_le_bytes());
        i += 1;
    }
    hash.write(ABI_RULES.as_bytes());
    hash.finish()
}

/// FNV-1a, 64 bits; names things, protects nothing. <http://www.isthe.com/chongo/tech/comp/fnv/>
#[derive(Clone, Copy, Debug)]
pub struct Fnv1a(u64);

impl Fnv1a {
    /// The offset basis.
    pub const fn new() -> Self {
        Fnv1a(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes.
    pub const fn write(&mut self, bytes: &[u8]) {
        let mut i = 0;
        while i < bytes.len() {
            self.0 = (self.0 ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            i += 1;
        }
    }

    /// The hash so far.
    pub const fn finish(self) -> u64 {
        self.0
    }
}

impl Default for Fnv1a {
    fn default() -> Self {
        Self::new()
    }
}

/// How many of each thing a module has; decides the layout of its instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceCounts {
    /// Memories, imported ones included.
    pub memories: u32,
    /// Tables, imported ones included.
    pub tables: u32,
    /// Types.
    pub types: u32,
    /// Tags, imported ones included.
    pub tags: u32,
    /// Imported functions and, after them, the module's own functions that can be referred to.
    pub func_refs: u32,
    /// Globals, imported ones included.
    pub globals: u32,
    /// Call counters: one for each of the module's own functions where the code counts its calls, else none.
    pub call_counters: u32,
}

/// Offsets of the arrays of an instance, from the instance's address.
///
/// | array | element |
/// |---|---|
/// | `memories` | [`memory_entry`] |
/// | `tables` | pointer to a [`table_definition`] |
/// | `types` | canonical type of the module's type, pointer-sized |
/// | `tags` | the tag's identity, pointer-sized |
/// | `func_refs` | [`func_ref`]; imported functions first, then the module's referable functions by index |
/// | `globals` | [`GLOBAL_SIZE`] bytes, aligned to 16: the value of the module's own global, or a pointer to an imported one's value |
/// | `call_counters` | [`CALL_COUNTER_SIZE`] bytes: how often the function was entered |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceLayout {
    width: PointerWidth,
    memories: u64,
    tables: u64,
    types: u64,
    tags: u64,
    func_refs: u64,
    globals: u64,
    call_counters: u64,
    size: u64,
}

impl InstanceLayout {
    /// Alignment of an instance's address.
    pub const ALIGN: u32 = 16;

    /// The layout of an instance of a module with these counts.
    pub fn new(counts: InstanceCounts, width: PointerWidth) -> Self {
        let pointer = u64::from(width.bytes());
        let memories = u64::from(callee_context::size(width));
        let tables = memories + u64::from(counts.memories) * u64::from(memory_entry::size(width));
        let types = tables + u64::from(counts.tables) * pointer;
        let tags = types + u64::from(counts.types) * pointer;
        let func_refs = tags + u64::from(counts.tags) * pointer;
        let func_refs_end =
            func_refs + u64::from(counts.func_refs) * u64::from(func_ref::size(width));
        let globals = (func_refs_end + 15) & !15;
        let call_counters = globals + u64::from(counts.globals) * u64::from(GLOBAL_SIZE);
        let size = call_counters + u64::from(counts.call_counters) * u64::from(CALL_COUNTER_SIZE);
        InstanceLayout {
            width,
            memories,
            tables,
            types,
            tags,
            func_refs,
            globals,
            call_counters,
            size,
        }
    }

    /// Offset of the entry of memory `index`.
    pub fn memory(&self, index: u32) -> u64 {
        self.memories + u64::from(index) * u64::from(memory_entry::size(self.width))
    }

    /// Offset of the pointer to table `index`.
    pub fn table(&self, index: u32) -> u64 {
        self.tables + u64::from(index) * u64::from(self.width.bytes())
    }

    /// Offset of the canonical type of the module's type `index`.
    pub fn ty(&self, index: u32) -> u64 {
        self.types + u64::from(index) * u64::from(self.width.bytes())
    }

    /// Offset of the identity of tag `index`.
    pub fn tag(&self, index: u32) -> u64 {
        self.tags + u64::from(index) * u64::from(self.width.bytes())
    }

    /// Offset of the function reference in `slot`.
    pub fn func_ref(&self, slot: u32) -> u64 {
        self.func_refs + u64::from(slot) * u64::from(func_ref::size(self.width))
    }

    /// Offset of the cell of global `index`.
    pub fn global(&self, index: u32) -> u64 {
        self.globals + u64::from(index) * u64::from(GLOBAL_SIZE)
    }

    /// Offset of the call counter of the module's own function `defined`.
    pub fn call_counter(&self, defined: u32) -> u64 {
        self.call_counters + u64::from(defined) * u64::from(CALL_COUNTER_SIZE)
    }

    /// Size of the instance in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_record_offsets() {
        use PointerWidth::{Eight, Four};
        let offsets = |w| {
            [
                frame::prev_frame(w),
                frame::instance(w),
                frame::frame_ref(w),
                frame::func_index(w),
                frame::ip(w),
                frame::sp(w),
                frame::lp(w),
            ]
        };
        assert_eq!(offsets(Eight), [0, 8, 16, 24, 28, 32, 40]);
        assert_eq!(offsets(Four), [0, 4, 8, 12, 16, 20, 32]);
    }

    #[test]
    fn constant_names_are_unique() {
        for (i, a) in CONSTANTS.iter().enumerate() {
            assert!(
                CONSTANTS[i + 1..].iter().all(|b| b.name != a.name),
                "{} twice",
                a.name
            );
        }
    }

    #[test]
    fn globals_are_aligned() {
        for memories in 0..3 {
            for func_refs in 0..3 {
                let layout = InstanceLayout::new(
                    InstanceCounts {
                        memories,
                        func_refs,
                        globals: 2,
                        call_counters: 3,
                        ..Default::default()
                    },
                    PointerWidth::Four,
                );
                assert_eq!(layout.global(1) % 16, 0);
                assert_eq!(layout.call_counter(0), layout.global(2));
                assert_eq!(layout.call_counter(3), layout.size());
            }
        }
    }
}
