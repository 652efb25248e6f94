//! A code generation unit: one LLVM module that holds some of the WebAssembly module's functions.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::builder::Builder;
use inkwell::context::Context;
use inkwell::module::{Linkage, Module as LlvmModule};
use inkwell::types::{
    BasicMetadataTypeEnum, BasicType, BasicTypeEnum, FloatType, IntType, PointerType, VectorType,
    VoidType,
};
use inkwell::values::{FunctionValue, InstructionValue, MetadataValue, PointerValue};
use inkwell::{AddressSpace, GlobalVisibility};
use wamr_aot_loader::builtins::{BuiltinId, BuiltinType};
use wamr_aot_loader::format::module::{FuncType, ValType};
use wamr_aot_loader::layout::{InstanceCounts, InstanceLayout, PointerWidth};

use super::debug::DebugInfo;
use crate::abi::{self, ArgumentRegisters, ColdThunk, FAST_CALL, Passing, Signature};
use crate::error::Result;
use crate::frame::SiteInfo;
use crate::module::Module;
use crate::options::FrameOptions;
use crate::target::Vectors;

/// What translation needs to know of the target and the options.
#[derive(Clone, Debug)]
pub struct Config {
    /// LLVM's triple.
    pub triple: String,
    /// LLVM's data layout.
    pub data_layout: String,
    /// Width of a pointer.
    pub width: PointerWidth,
    /// Name of the stack pointer register, for explicit stack checks.
    pub stack_pointer: &'static str,
    /// Registers that internal calls pass arguments in.
    pub argument_registers: ArgumentRegisters,
    /// Vector instructions that operators are translated to.
    pub vectors: Vectors,
    /// The target has instructions for IEEE 754-2019's `minimum` and `maximum`.
    pub float_minimum: bool,
    /// Functions of the compilers' support library compute with 64-bit floats.
    pub float_library: bool,
    /// The floats, as LLVM names them, that the target rounds by a sequence of instructions rather than one.
    pub rounds_by_sequence: &'static [&'static str],
    /// Memories are reserved address space with guard pages: they do not move, and most accesses need no
    /// check against the length.
    pub guard_pages: bool,
    /// The widest atomic access that the target has instructions for, in bits; 0 if it has none.
    pub atomic_bits: u32,
    /// Functions check the stack explicitly.
    pub stack_checks: bool,
    /// Every access of a guarded memory, and every store beside it, is kept as it is.
    pub strict_traps: bool,
    /// LLVM's number of the calling convention of [`ColdThunk`]s.
    pub cold_convention: u32,
    /// Traps are raised through [`ColdThunk::Trap`].
    pub has_trap_thunk: bool,
    /// Frames.
    pub frames: FrameOptions,
    /// Functions and loops poll.
    pub safepoints: bool,
    /// Functions count their calls.
    pub count_calls: bool,
    /// Functions keep frame pointers.
    pub frame_pointers: bool,
    /// Which of the module's own functions poll at their entry, if anything polls.
    pub polls_at_entry: Vec<bool>,
}

/// LLVM types, made once a unit.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the LLVM type of its name")]
pub struct Types<'ctx> {
    pub void: VoidType<'ctx>,
    pub i1: IntType<'ctx>,
    pub i8: IntType<'ctx>,
    pub i16: IntType<'ctx>,
    pub i32: IntType<'ctx>,
    pub i64: IntType<'ctx>,
    /// Pointer-sized integer.
    pub isize: IntType<'ctx>,
    pub i128: IntType<'ctx>,
    pub v128: VectorType<'ctx>,
    pub f32: FloatType<'ctx>,
    pub f64: FloatType<'ctx>,
    pub ptr: PointerType<'ctx>,
}

impl<'ctx> Types<'ctx> {
    fn new(context: &'ctx Context, width: PointerWidth) -> Self {
        Types {
            void: context.void_type(),
            i1: context.bool_type(),
            i8: context.i8_type(),
            i16: context.i16_type(),
            i32: context.i32_type(),
            i64: context.i64_type(),
            isize: match width {
                PointerWidth::Four => context.i32_type(),
                PointerWidth::Eight => context.i64_type(),
            },
            i128: context.i128_type(),
            v128: context.i64_type().vec_type(2),
            f32: context.f32_type(),
            f64: context.f64_type(),
            ptr: context.ptr_type(AddressSpace::default()),
        }
    }

    /// LLVM's type of a WebAssembly value.
    pub fn value(&self, ty: ValType) -> BasicTypeEnum<'ctx> {
        match ty {
            ValType::I32 => self.i32.into(),
            ValType::I64 => self.i64.into(),
            ValType::F32 => self.f32.into(),
            ValType::F64 => self.f64.into(),
            ValType::V128 => self.v128.into(),
            ValType::Ref(_) => self.ptr.into(),
        }
    }

    fn builtin(&self, ty: BuiltinType) -> BasicTypeEnum<'ctx> {
        match ty {
            BuiltinType::Ptr => self.ptr.into(),
            BuiltinType::I32 => self.i32.into(),
            BuiltinType::I64 => self.i64.into(),
            BuiltinType::F32 => self.f32.into(),
            BuiltinType::F64 => self.f64.into(),
        }
    }
}

/// Which of the things that compiled code touches a memory access belongs to. They never overlap,
/// and LLVM is told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// Linear memories.
    Memory,
    /// Instances and what they point to: globals, tables, memory definitions.
    Instance,
    /// Frame records, the exec env and call counters.
    Frame,
}

struct RegionMetadata<'ctx> {
    alias_scope: MetadataValue<'ctx>,
    noalias: MetadataValue<'ctx>,
}

struct MetadataKinds {
    alias_scope: u32,
    noalias: u32,
    invariant_load: u32,
    dereferenceable: u32,
    prof: u32,
}

/// One LLVM module under construction.
pub struct Unit<'ctx, 'm> {
    /// LLVM's context.
    pub context: &'ctx Context,
    /// The LLVM module.
    pub llvm: LlvmModule<'ctx>,
    /// The WebAssembly module.
    pub module: &'m Module<'m>,
    /// Target and options.
    pub config: &'m Config,
    /// LLVM types.
    pub types: Types<'ctx>,
    /// Layout of the module's instances.
    pub layout: InstanceLayout,
    /// Debug information: source lines are offsets in the WebAssembly module.
    pub debug: DebugInfo<'ctx>,
    regions: [RegionMetadata<'ctx>; 3],
    kinds: MetadataKinds,
    empty_node: MetadataValue<'ctx>,
    unlikely: MetadataValue<'ctx>,
    functions: RefCell<HashMap<u32, FunctionValue<'ctx>>>,
    builtins: RefCell<HashMap<BuiltinId, FunctionValue<'ctx>>>,
    sites: RefCell<Vec<SiteInfo>>,
    /// Functions whose mapped frames keep their values in memory.
    in_memory: BTreeSet<u32>,
}

impl<'ctx, 'm> Unit<'ctx, 'm> {
    /// An empty unit. Mapped frames of the functions `in_memory` keep their values in memory.
    pub fn new(
        context: &'ctx Context,
        module: &'m Module<'m>,
        config: &'m Config,
        name: &str,
        in_memory: BTreeSet<u32>,
    ) -> Self {
        let llvm = context.create_module(name);
        llvm.set_triple(&inkwell::targets::TargetTriple::create(&config.triple));
        llvm.set_data_layout(
            &inkwell::targets::TargetData::create(&config.data_layout).get_data_layout(),
        );
        let types = Types::new(context, config.width);

        let domain = context.metadata_node(&[context.metadata_string("wamr").into()]);
        let scopes = ["memory", "instance", "frame"].map(|name| {
            context.metadata_node(&[context.metadata_string(name).into(), domain.into()])
        });
        let regions = [0, 1, 2].map(|own: usize| {
            let others: Vec<_> = (0..3)
                .filter(|i| *i != own)
                .map(|i| scopes[i].into())
                .collect();
            RegionMetadata {
                alias_scope: context.metadata_node(&[scopes[own].into()]),
                noalias: context.metadata_node(&others),
            }
        });
        let kinds = MetadataKinds {
            alias_scope: context.get_kind_id("alias.scope"),
            noalias: context.get_kind_id("noalias"),
            invariant_load: context.get_kind_id("invariant.load"),
            dereferenceable: context.get_kind_id("dereferenceable"),
            prof: context.get_kind_id("prof"),
        };
        let unlikely = context.metadata_node(&[
            context.metadata_string("branch_weights").into(),
            types.i32.const_int(1, false).into(),
            types.i32.const_int((1 << 20) - 1, false).into(),
        ]);
        let debug = DebugInfo::new(&llvm);
        Unit {
            context,
            module,
            config,
            layout: InstanceLayout::new(instance_counts(module, config), config.width),
            debug,
            regions,
            kinds,
            empty_node: context.metadata_node(&[]),
            unlikely,
            functions: RefCell::default(),
            builtins: RefCell::default(),
            sites: RefCell::default(),
            in_memory,
            types,
            llvm,
        }
    }

    /// Adds a commit point; its number is what its operand bundles start with.
    pub fn add_site(&self, site: SiteInfo) -> u64 {
        let mut sites = self.sites.borrow_mut();
        sites.push(site);
        sites.len() as u64 - 1
    }

    /// The commit points of the unit's functions.
    pub fn take_sites(&self) -> Vec<SiteInfo> {
        self.sites.take()
    }

    /// Does the mapped frame of a function keep its values in memory?
    pub fn keeps_values_in_memory(&self, function: u32) -> bool {
        self.in_memory.contains(&function)
    }

    /// Marks a memory access, or an intrinsic that makes one, as one of `region` only.
    pub fn tag(&self, access: InstructionValue<'ctx>, region: Region) {
        let metadata = &self.regions[region as usize];
        // Metadata can be set on any instruction; the error is for nodes of another context.
        let _ = access.set_metadata(metadata.alias_scope, self.kinds.alias_scope);
        let _ = access.set_metadata(metadata.noalias, self.kinds.noalias);
    }

    /// Was this marked as an access of linear memory?
    pub fn is_memory_access(&self, access: InstructionValue<'ctx>) -> bool {
        let memory = self.regions[Region::Memory as usize].alias_scope;
        access
            .get_metadata(self.kinds.alias_scope)
            .is_some_and(|scope| scope == memory)
    }

    /// Marks a load as one that yields the same value whenever the instance exists.
    pub fn mark_invariant(&self, load: InstructionValue<'ctx>) {
        let _ = load.set_metadata(self.empty_node, self.kinds.invariant_load);
    }

    /// States that a loaded pointer always points to so many bytes: loads through it may be hoisted.
    pub fn mark_dereferenceable(&self, load: InstructionValue<'ctx>, bytes: u32) {
        let bytes = self.types.i64.const_int(u64::from(bytes), false);
        let node = self.context.metadata_node(&[bytes.into()]);
        let _ = load.set_metadata(node, self.kinds.dereferenceable);
    }

    /// Marks a conditional branch as one whose first target is hardly ever taken.
    pub fn mark_unlikely(&self, branch: InstructionValue<'ctx>) {
        let _ = branch.set_metadata(self.unlikely, self.kinds.prof);
    }

    /// Marks a conditional branch whose first target is the usual one, or the unusual one.
    pub fn mark_expected(&self, branch: InstructionValue<'ctx>, first: bool) {
        // What `__builtin_expect` gives.
        let (first, second) = if first { (2000, 1) } else { (1, 2000) };
        let weight = |weight| self.types.i32.const_int(weight, false).into();
        let node = self.context.metadata_node(&[
            self.context.metadata_string("branch_weights").into(),
            weight(first),
            weight(second),
        ]);
        let _ = branch.set_metadata(node, self.kinds.prof);
    }

    /// Address `bytes` after `base`, within the same object.
    pub fn offset(
        &self,
        builder: &Builder<'ctx>,
        base: PointerValue<'ctx>,
        bytes: u64,
    ) -> Result<PointerValue<'ctx>> {
        if bytes == 0 {
            return Ok(base);
        }
        let bytes = self.types.isize.const_int(bytes, false);
        // SAFETY: callers pass offsets of the structure or array that `base` is the start of.
        Ok(unsafe { builder.build_in_bounds_gep(self.types.i8, base, &[bytes], "")? })
    }

    /// The signature of functions of a type.
    pub fn signature(&self, ty: &FuncType, passing: Passing) -> Signature<'ctx> {
        Signature::new(&self.types, self.config.argument_registers, ty, passing)
    }

    /// The signature of one of the module's own functions.
    pub fn signature_of(&self, function: u32) -> Signature<'ctx> {
        let passing = if self.module.passes_in_memory(function) {
            Passing::Memory
        } else {
            Passing::Stack
        };
        self.signature(self.module.function_type(function), passing)
    }

    /// The LLVM function of a builtin.
    pub fn builtin(&self, id: BuiltinId) -> FunctionValue<'ctx> {
        *self.builtins.borrow_mut().entry(id).or_insert_with(|| {
            let builtin = id.builtin();
            let params: Vec<BasicMetadataTypeEnum<'ctx>> = builtin
                .params
                .iter()
                .map(|ty| self.types.builtin(*ty).into())
                .collect();
            let ty = match builtin.result {
                Some(result) => self.types.builtin(result).fn_type(&params, false),
                None => self.types.void.fn_type(&params, false),
            };
            let function = self
                .llvm
                .add_function(builtin.symbol, ty, Some(Linkage::External));
            // Hidden: linked into the same image, so calls need no indirection through a table.
            function
                .as_global_value()
                .set_visibility(GlobalVisibility::Hidden);
            let throws = matches!(id, BuiltinId::Throw | BuiltinId::ThrowRef);
            if !throws {
                self.add_attribute(function, "nounwind", 0);
            }
            if throws || id == BuiltinId::Trap {
                self.add_attribute(function, "noreturn", 0);
                self.add_attribute(function, "cold", 0);
            }
            function
        })
    }

    /// Says that no exception leaves a function, where nothing depends on that: an exception passes all the
    /// same, but LLVM need not think of it unless the module has handlers.
    fn add_nounwind(&self, function: FunctionValue<'ctx>) {
        if !self.module.has_handlers {
            self.add_attribute(function, "nounwind", 0);
        }
    }

    /// The function that LLVM's tables would name as the one that reads them. There is none: the object has tables of
    /// its own.
    pub fn personality(&self) -> FunctionValue<'ctx> {
        let name = abi::PERSONALITY_SYMBOL;
        self.llvm.get_function(name).unwrap_or_else(|| {
            let ty = self.types.i32.fn_type(&[], true);
            self.llvm.add_function(name, ty, Some(Linkage::External))
        })
    }

    /// What stands for a tag in LLVM's tables: a symbol that nothing defines.
    pub fn tag_symbol(&self, tag: u32) -> PointerValue<'ctx> {
        let name = abi::tag_symbol(tag);
        let global = self.llvm.get_global(&name).unwrap_or_else(|| {
            let global = self.llvm.add_global(self.types.i8, None, &name);
            global.set_linkage(Linkage::External);
            global
        });
        global.as_pointer_value()
    }

    /// The LLVM function that traps or polls call.
    pub fn cold_thunk(&self, kind: ColdThunk) -> FunctionValue<'ctx> {
        let symbol = kind.symbol();
        self.llvm.get_function(symbol).unwrap_or_else(|| {
            let builtin = self.builtin(kind.builtin());
            let thunk =
                (self.llvm).add_function(symbol, builtin.get_type(), Some(Linkage::External));
            thunk
                .as_global_value()
                .set_visibility(GlobalVisibility::Hidden);
            thunk.set_call_conventions(self.config.cold_convention);
            self.add_attribute(thunk, "nounwind", 0);
            self.add_attribute(thunk, "cold", 0);
            if kind == ColdThunk::Trap {
                self.add_attribute(thunk, "noreturn", 0);
            }
            thunk
        })
    }

    /// The LLVM function of one of the module's own functions, declared at its first use.
    pub fn function(&self, function: u32) -> FunctionValue<'ctx> {
        *self
            .functions
            .borrow_mut()
            .entry(function)
            .or_insert_with(|| {
                let signature = self.signature_of(function);
                let value = self.llvm.add_function(
                    &abi::function_symbol(function),
                    signature.llvm,
                    Some(Linkage::External),
                );
                value
                    .as_global_value()
                    .set_visibility(GlobalVisibility::Hidden);
                value.set_call_conventions(FAST_CALL);
                self.add_nounwind(value);
                for param in 0..signature.llvm.count_param_types() {
                    self.add_param_attribute(value, param, "noundef", 0);
                }
                self.add_param_attribute(value, 0, "nonnull", 0);
                self.add_param_attribute(value, 0, "align", u64::from(InstanceLayout::ALIGN));
                self.add_param_attribute(value, 0, "dereferenceable", self.layout.size());
                if signature.has_results_pointer {
                    self.add_param_attribute(value, 1, "noalias", 0);
                    self.add_param_attribute(value, 1, "nonnull", 0);
                }
                value
            })
    }

    /// Attributes of everything that is defined in the unit.
    pub fn set_function_attributes(&self, function: FunctionValue<'ctx>) {
        self.add_nounwind(function);
        // 2 is `async`: rows for every instruction, which traps and profilers need.
        self.add_attribute(function, "uwtable", 2);
        // Loops must not become calls of libc: a guard page fault inside libc could not be told from a bug.
        self.add_string_attribute(function, "no-builtins", "");
        if !self.config.stack_checks {
            self.add_string_attribute(function, "probe-stack", "inline-asm");
        }
        if self.config.frame_pointers {
            self.add_string_attribute(function, "frame-pointer", "all");
        }
    }

    /// Adds an enum attribute to a function.
    pub fn add_attribute(&self, function: FunctionValue<'ctx>, name: &str, value: u64) {
        function.add_attribute(AttributeLoc::Function, self.enum_attribute(name, value));
    }

    fn add_param_attribute(
        &self,
        function: FunctionValue<'ctx>,
        param: u32,
        name: &str,
        value: u64,
    ) {
        function.add_attribute(AttributeLoc::Param(param), self.enum_attribute(name, value));
    }

    fn enum_attribute(&self, name: &str, value: u64) -> Attribute {
        self.context
            .create_enum_attribute(Attribute::get_named_enum_kind_id(name), value)
    }

    fn add_string_attribute(&self, function: FunctionValue<'ctx>, name: &str, value: &str) {
        function.add_attribute(
            AttributeLoc::Function,
            self.context.create_string_attribute(name, value),
        );
    }
}

/// The counts that decide the layout of the module's instances.
fn instance_counts(module: &Module<'_>, config: &Config) -> InstanceCounts {
    let defined = module.bodies.len() as u32;
    InstanceCounts {
        call_counters: if config.count_calls { defined } else { 0 },
        ..module.instance_counts()
    }
}
