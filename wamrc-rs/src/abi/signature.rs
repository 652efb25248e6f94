//! Function types in LLVM's terms.

use inkwell::types::{BasicMetadataTypeEnum, BasicType, BasicTypeEnum, FunctionType};
use wamr_aot_loader::format::module::{FuncType, ValType};

use crate::translate::Types;

/// LLVM's number of the `fastcc` calling convention, which internal calls follow.
pub const FAST_CALL: u32 = 8;

/// A function type as internal calls pass it.
#[derive(Clone, Debug)]
pub struct Signature<'ctx> {
    /// LLVM's type: callee context, results pointer where there is one, parameters.
    pub llvm: FunctionType<'ctx>,
    /// There is a results pointer.
    pub has_results_pointer: bool,
}

impl<'ctx> Signature<'ctx> {
    /// The signature of a function type.
    pub fn new(types: &Types<'ctx>, ty: &FuncType) -> Self {
        let has_results_pointer = ty.results.len() >= 2;
        let mut params: Vec<BasicMetadataTypeEnum<'ctx>> = vec![types.ptr.into()];
        if has_results_pointer {
            params.push(types.ptr.into());
        }
        params.extend(
            ty.params
                .iter()
                .map(|ty| BasicMetadataTypeEnum::from(types.value(*ty))),
        );
        let llvm = match ty.results.first() {
            Some(first) => types.value(*first).fn_type(&params, false),
            None => types.void.fn_type(&params, false),
        };
        Signature {
            llvm,
            has_results_pointer,
        }
    }

    /// Position of the first WebAssembly parameter among LLVM's.
    pub fn first_param(&self) -> u32 {
        1 + u32::from(self.has_results_pointer)
    }
}

/// Slots that values of these types take in an argument array.
pub fn slot_count(types: &[ValType]) -> u32 {
    types.iter().map(|ty| slots_of(*ty)).sum()
}

/// Slots that a value takes.
pub fn slots_of(ty: ValType) -> u32 {
    if ty == ValType::V128 { 2 } else { 1 }
}

/// LLVM's type of a stack slot array.
pub fn slots_type<'ctx>(types: &Types<'ctx>, count: u32) -> BasicTypeEnum<'ctx> {
    types.i64.array_type(count).as_basic_type_enum()
}
