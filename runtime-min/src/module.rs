//! A loaded object: code that is ready to run, and what it imports and exports.

use crate::{ExternType, FuncType, LoadError, types::SubType};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
#[cfg(feature = "std")]
use core::mem::ManuallyDrop;
use core::{fmt, ops::Range};
use wamr_aot_loader::{
    format::{
        framemap::FrameMapView,
        frames::FramesView,
        handlers::HandlersView,
        header::{CaptureLevel, FrameStrategy, Host, optional},
        linked::LinkedObject,
        module::{ExportKind, ImportKind, ModuleView},
        traps::TrapsView,
        unwind::UnwindView,
    },
    layout::{InstanceCounts, InstanceLayout, PointerWidth},
    link::{CodeMemory, Image, MemoryError},
    object::Object,
};

/// A loaded object. Cheap to clone; instances keep it alive.
#[derive(Clone)]
pub struct Module(Arc<Loaded>);

struct Loaded {
    image: Image<AnyMemory>,
    /// The types, as the runtime compares them.
    types: Vec<SubType>,
    /// Makes the code known to signal handlers.
    #[cfg(feature = "std")]
    range: std::sync::OnceLock<crate::host::code_ranges::CodeRange>,
}

/// A module that somebody else keeps loaded.
#[cfg(feature = "std")]
pub(crate) struct BorrowedModule(ManuallyDrop<Module>);

#[cfg(feature = "std")]
impl core::ops::Deref for BorrowedModule {
    type Target = Module;

    fn deref(&self) -> &Module {
        &self.0
    }
}

/// Code memory of whatever kind.
struct AnyMemory(Box<dyn CodeMemory + Send + Sync>);

impl CodeMemory for AnyMemory {
    fn page_size(&self) -> usize {
        self.0.page_size()
    }

    fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError> {
        self.0.reserve(size, align)
    }

    fn address(&self) -> usize {
        self.0.address()
    }

    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.bytes_mut()
    }

    fn publish(&mut self, code_size: usize) -> Result<(), MemoryError> {
        self.0.publish(code_size)
    }
}

/// Stands for the memory of code that is part of the program.
struct NoMemory;

impl CodeMemory for NoMemory {
    fn page_size(&self) -> usize {
        1
    }

    fn reserve(&mut self, _size: usize, _align: usize) -> Result<(), MemoryError> {
        Err(MemoryError {
            reason: "the code is part of the program",
            code: 0,
        })
    }

    fn address(&self) -> usize {
        0
    }

    fn bytes(&self) -> &[u8] {
        &[]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut []
    }

    fn publish(&mut self, _code_size: usize) -> Result<(), MemoryError> {
        Ok(())
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Module {
    /// Validates an object, relocates it into code memory of its own and makes that executable.
    ///
    /// Validation finds damage and whatever does not fit this runtime. It cannot know what the machine
    /// code does: load what this project's compiler wrote, from a source that you trust.
    ///
    /// # Errors
    ///
    /// The object is damaged, was compiled for another machine or layout, or there is no memory.
    #[cfg(feature = "std")]
    pub fn load(object: &[u8]) -> Result<Module, LoadError> {
        Self::load_in(object, crate::host::code_memory::MappedCode::default())
    }

    /// Validates an object, relocates it into `memory` and publishes that. CPU features of the machine
    /// are found out here.
    ///
    /// # Errors
    ///
    /// The object is damaged, was compiled for another machine or layout, or there is no memory.
    pub fn load_in(
        object: &[u8],
        memory: impl CodeMemory + Send + Sync + 'static,
    ) -> Result<Module, LoadError> {
        let object = Object::parse(object, &Self::host()?)?;
        let image = object.link(AnyMemory(Box::new(memory)), &crate::builtins::address)?;
        Ok(Self::new(image))
    }

    /// The module whose object a static linker has made part of this program. Its code refers to the
    /// runtime's functions by their symbols, so nothing is relocated or copied.
    ///
    /// ```ignore
    /// use wamr_runtime_min::{LinkedObject, Module};
    ///
    /// unsafe extern "C" {
    ///     // In every object that the compiler writes; it can be told another name for it.
    ///     static wamr_module: LinkedObject;
    /// }
    ///
    /// // SAFETY: the linker was given the object.
    /// let module = unsafe { Module::linked(&wamr_module) }?;
    /// ```
    ///
    /// # Errors
    ///
    /// The object was compiled for another machine or layout, or the linker has not kept its functions in
    /// order.
    ///
    /// # Safety
    ///
    /// `object` is what the compiler wrote and a linker relocated: it names memory that is readable and
    /// does not change.
    pub unsafe fn linked(object: &'static LinkedObject) -> Result<Module, LoadError> {
        let tables = object.tables().map(|table| {
            if table.length == 0 {
                return &[][..];
            }
            let start = core::ptr::with_exposed_provenance(table.address);
            // SAFETY: as the caller promises.
            unsafe { core::slice::from_raw_parts(start, table.length) }
        });
        let host = Self::host()?;
        let memory = AnyMemory(Box::new(NoMemory));
        Ok(Self::new(Image::linked(memory, tables, &host)?))
    }

    /// What this machine has.
    fn host() -> Result<Host, LoadError> {
        Host::native(crate::arch::cpu_features(), crate::memory::GUARD_PAGES)
            .ok_or(LoadError::Machine)
    }

    fn new(image: Image<AnyMemory>) -> Module {
        let types = image
            .module()
            .types()
            .iter()
            .map(|ty| SubType::new(&ty))
            .collect();
        let module = Module(Arc::new(Loaded {
            types,
            #[cfg(feature = "std")]
            range: std::sync::OnceLock::new(),
            image,
        }));
        #[cfg(feature = "std")]
        if !module.code_range().is_empty() {
            let range = crate::host::code_ranges::register(module.code_range(), module.id());
            // Nobody else has the module so far.
            let _ = module.0.range.set(range);
        }
        module
    }

    /// The loaded module whose code is at an address. Safe to ask in a signal handler.
    ///
    /// # Safety
    ///
    /// If there is code, it stays loaded as long as the result is used: the code runs, say.
    #[cfg(feature = "std")]
    pub(crate) unsafe fn at(pc: usize) -> Option<BorrowedModule> {
        let id = crate::host::code_ranges::owner_at(pc)?;
        // SAFETY: registered by `new`, so it comes from an `Arc`, which as the caller promises is not
        // freed; it is not dropped here.
        let module = unsafe { Arc::from_raw(id as *const Loaded) };
        Some(BorrowedModule(ManuallyDrop::new(Module(module))))
    }

    /// The module's name, if the object has it.
    pub fn name(&self) -> Option<&str> {
        self.0.image.names()?.module()
    }

    /// A number that tells the module from others while it is loaded; clones have the same.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// The name of a function, imports included in the numbering, if the object has it.
    pub fn function_name(&self, function: u32) -> Option<&str> {
        self.0.image.names()?.function(function)
    }

    /// The name of a function's parameter or local, if the object has it. Objects whose frames carry values
    /// do, if the WebAssembly module had it.
    pub fn local_name(&self, function: u32, local: u32) -> Option<&str> {
        let mut locals = self.0.image.names()?.locals(function);
        locals.find_map(|(index, name)| (index == local).then_some(name))
    }

    /// What the module imports: both names and the type, in order.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str, ExternType)> + '_ {
        self.view().imports().iter().filter_map(|import| {
            let ty = match import.kind {
                ImportKind::Func(ty) => ExternType::Func(self.func_type(ty)?.clone()),
                ImportKind::Table(ty) => ExternType::Table(ty),
                ImportKind::Memory(ty) => ExternType::Memory(ty),
                ImportKind::Global(ty) => ExternType::Global(ty),
                ImportKind::Tag(ty) => ExternType::Tag(self.func_type(ty)?.clone()),
            };
            Some((import.module, import.name, ty))
        })
    }

    /// What the module exports, in order.
    pub fn exports(&self) -> impl Iterator<Item = (&str, ExternType)> + '_ {
        let view = self.view();
        view.exports().iter().filter_map(move |export| {
            let ty = match export.kind {
                ExportKind::Func => ExternType::Func(self.function_type(export.index)?.clone()),
                ExportKind::Table => ExternType::Table(view.table_type(export.index)?),
                ExportKind::Memory => ExternType::Memory(view.memory_type(export.index)?),
                ExportKind::Global => ExternType::Global(view.global_type(export.index)?),
                ExportKind::Tag => {
                    let ty = view.tag_type_index(export.index)?;
                    ExternType::Tag(self.func_type(ty)?.clone())
                }
            };
            Some((export.name, ty))
        })
    }

    /// Are both the same loaded object?
    pub(crate) fn is(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What the object says of the module.
    pub(crate) fn view(&self) -> ModuleView<'_> {
        self.0.image.module()
    }

    /// The types by type index.
    pub(crate) fn types(&self) -> &[SubType] {
        &self.0.types
    }

    /// What functions of a type take and return.
    fn func_type(&self, ty: u32) -> Option<&FuncType> {
        Some(&self.types().get(ty as usize)?.func)
    }

    /// Type of a function, imports included in the numbering.
    pub(crate) fn function_type(&self, function: u32) -> Option<&FuncType> {
        self.func_type(self.view().function_type_index(function)?)
    }

    /// Number of imported functions.
    pub(crate) fn imported_functions(&self) -> u32 {
        self.view().imported(ExportKind::Func)
    }

    /// How the module's instances are laid out.
    pub(crate) fn instance_layout(&self) -> InstanceLayout {
        let counts = InstanceCounts {
            call_counters: self.call_counters(),
            ..self.view().instance_counts()
        };
        InstanceLayout::new(counts, PointerWidth::HOST)
    }

    /// Number of call counters of each instance: one for each defined function, or none.
    pub(crate) fn call_counters(&self) -> u32 {
        self.0.image.header().call_counters()
    }

    /// Number of functions, imports included.
    pub fn functions(&self) -> u32 {
        self.imported_functions()
            .saturating_add(self.defined_functions())
    }

    /// Does the code count the calls of its functions? See
    /// [`Instance::calls`](crate::Instance::calls).
    pub fn counts_calls(&self) -> bool {
        self.0.image.header().call_counters() != 0
    }

    /// All code: address, size in bytes, and the function, imports included in the numbering; `None` for
    /// thunks.
    #[cfg(feature = "std")]
    pub(crate) fn code_entries(&self) -> impl Iterator<Item = (usize, u32, Option<u32>)> + '_ {
        let (image, defined) = (&self.0.image, self.defined_functions());
        let types = image.header().types;
        let functions = (0..defined).map(move |index| {
            let function = self.imported_functions().checked_add(index)?;
            Some((image.function_code(index)?, index, Some(function)))
        });
        let enter = (0..types).map(move |ty| {
            let entry = defined.checked_add(ty)?;
            Some((image.enter_thunk(ty)?, entry, None))
        });
        let host = (0..types).map(move |ty| {
            let entry = defined.checked_add(types)?.checked_add(ty)?;
            Some((image.host_thunk(ty)?, entry, None))
        });
        functions
            .chain(enter)
            .chain(host)
            .flatten()
            .map(|(address, entry, function)| (address, image.unwind().code_size(entry), function))
    }

    /// Bytes of the data segments.
    pub(crate) fn data(&self) -> &[u8] {
        self.0.image.data()
    }

    /// Address of a defined function's code.
    pub(crate) fn function_code(&self, defined: u32) -> Option<usize> {
        self.0.image.function_code(defined)
    }

    /// Address of the enter thunk of a type.
    pub(crate) fn enter_thunk(&self, ty: u32) -> Option<usize> {
        self.0.image.enter_thunk(ty)
    }

    /// Address of the host thunk of a type.
    pub(crate) fn host_thunk(&self, ty: u32) -> Option<usize> {
        self.0.image.host_thunk(ty)
    }

    /// Where the code is.
    pub(crate) fn code_range(&self) -> Range<usize> {
        self.0.image.code_range()
    }

    /// The defined function whose code is at this address.
    pub(crate) fn function_at(&self, pc: usize) -> Option<u32> {
        self.0.image.function_at(pc)
    }

    /// The code entry whose code is at this address, and the offset in it.
    pub(crate) fn code_at(&self, pc: usize) -> Option<(u32, u32)> {
        self.0.image.code_at(pc)
    }

    /// Number of defined functions.
    pub(crate) fn defined_functions(&self) -> u32 {
        self.0.image.header().defined_functions
    }

    /// How to unwind from the code.
    pub(crate) fn unwind(&self) -> UnwindView<'_> {
        self.0.image.unwind()
    }

    /// Where exceptions go that reach a call.
    pub(crate) fn handlers(&self) -> HandlersView<'_> {
        self.0.image.handlers()
    }

    /// Which instructions machine code comes from.
    pub(crate) fn traps(&self) -> TrapsView<'_> {
        self.0.image.traps()
    }

    /// What frames show at commit points, and where.
    pub(crate) fn frame_map(&self) -> FrameMapView<'_> {
        self.0.image.frame_map()
    }

    /// How frames are kept.
    pub(crate) fn frame_strategy(&self) -> FrameStrategy {
        self.0.image.header().frame_strategy
    }

    /// What frames look like.
    pub(crate) fn frames(&self) -> FramesView<'_> {
        self.0.image.frames()
    }

    /// Is a trap that the hardware finds always that of the first instruction to trap?
    pub(crate) fn is_strict(&self) -> bool {
        self.0.image.header().optional_features & optional::STRICT_TRAPS != 0
    }

    /// What frame records carry.
    pub(crate) fn capture_level(&self) -> CaptureLevel {
        self.0.image.header().capture
    }
}
