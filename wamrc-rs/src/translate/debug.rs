//! Line tables whose lines are byte offsets in the WebAssembly module.
//!
//! LLVM carries them through optimisation, and the object's trap table is made of them. Line 0, as
//! DWARF has it, is code of no particular instruction. A module of 4 GiB is not possible, so an
//! offset fits in a line.

use inkwell::debug_info::{
    AsDIScope, DICompileUnit, DIFlags, DIFlagsConstants, DILocation, DISubprogram,
    DISubroutineType, DWARFEmissionKind, DWARFSourceLanguage, DebugInfoBuilder,
};
use inkwell::module::{FlagBehavior, Module as LlvmModule};

/// Debug information of a unit.
pub struct DebugInfo<'ctx> {
    builder: DebugInfoBuilder<'ctx>,
    unit: DICompileUnit<'ctx>,
    function_type: DISubroutineType<'ctx>,
}

impl<'ctx> DebugInfo<'ctx> {
    /// Debug information for an LLVM module.
    pub fn new(llvm: &LlvmModule<'ctx>) -> Self {
        let i32 = llvm.get_context().i32_type();
        let version = i32.const_int(
            u64::from(inkwell::debug_info::debug_metadata_version()),
            false,
        );
        llvm.add_basic_value_flag("Debug Info Version", FlagBehavior::Warning, version);
        llvm.add_basic_value_flag(
            "Dwarf Version",
            FlagBehavior::Warning,
            i32.const_int(4, false),
        );
        let (builder, unit) = llvm.create_debug_info_builder(
            true,
            DWARFSourceLanguage::C,
            "module.wasm",
            "",
            "wamrc-rs",
            true,
            "",
            0,
            "",
            DWARFEmissionKind::LineTablesOnly,
            0,
            false,
            false,
            "",
            "",
        );
        let function_type =
            builder.create_subroutine_type(unit.get_file(), None, &[], DIFlags::ZERO);
        DebugInfo {
            builder,
            unit,
            function_type,
        }
    }

    /// The subprogram of a function whose code starts at `offset`.
    pub fn subprogram(&self, symbol: &str, offset: u32) -> DISubprogram<'ctx> {
        let file = self.unit.get_file();
        self.builder.create_function(
            self.unit.as_debug_info_scope(),
            symbol,
            None,
            file,
            offset,
            self.function_type,
            true,
            true,
            offset,
            DIFlags::ZERO,
            true,
        )
    }

    /// The location of the instruction at `offset` in a subprogram.
    pub fn location(
        &self,
        context: &'ctx inkwell::context::Context,
        subprogram: DISubprogram<'ctx>,
        offset: u32,
    ) -> DILocation<'ctx> {
        self.builder.create_debug_location(
            context,
            offset,
            0,
            subprogram.as_debug_info_scope(),
            None,
        )
    }

    /// Completes the debug information; called once the unit is translated.
    pub fn finish(&self) {
        self.builder.finalize();
    }
}
