//! Function types in LLVM's terms.

use inkwell::types::{BasicMetadataTypeEnum, BasicType, BasicTypeEnum, FunctionType};
use wamr_aot_loader::format::module::{FuncType, ValType};

use crate::translate::Types;

/// LLVM's number of the `fastcc` calling convention, which internal calls follow.
pub const FAST_CALL: u32 = 8;

/// Registers that `fastcc` passes arguments in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgumentRegisters {
    /// For integers and pointers, the callee context included.
    pub integers: u32,
    /// For floats and vectors. 0 where there may be none, by CPU and ABI: then floats count as integers,
    /// and vectors go to memory.
    pub floats: u32,
}

/// How a function takes arguments for which there is no register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// On the stack, as LLVM does it: functions that are only ever called by their name, and by ordinary
    /// calls.
    Stack,
    /// In the exec env's argument slots, so that a tail call can replace a caller that has less room on the
    /// stack. Functions that are called through references, and those that are tail-called.
    Memory,
}

/// Where a parameter is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamPlace {
    /// LLVM's parameter with this number.
    Param(u32),
    /// The exec env's argument slots, from this one on.
    Slot(u32),
}

/// A function type as internal calls pass it.
#[derive(Clone, Debug)]
pub struct Signature<'ctx> {
    /// LLVM's type: callee context, results pointer where there is one, parameters.
    pub llvm: FunctionType<'ctx>,
    /// There is a results pointer.
    pub has_results_pointer: bool,
    /// The first result comes back natively, the others in memory; else all do.
    pub has_native_result: bool,
    /// Where each parameter is passed.
    pub places: Vec<ParamPlace>,
}

impl<'ctx> Signature<'ctx> {
    /// The signature of a function type.
    pub fn new(
        types: &Types<'ctx>,
        registers: ArgumentRegisters,
        ty: &FuncType,
        passing: Passing,
    ) -> Self {
        // A vector that no register takes would be returned through memory that LLVM chooses.
        let has_native_result = (ty.results.first())
            .is_some_and(|first| *first != ValType::V128 || registers.floats > 0);
        let has_results_pointer = ty.results.len() > usize::from(has_native_result);
        let mut params: Vec<BasicMetadataTypeEnum<'ctx>> = vec![types.ptr.into()];
        if has_results_pointer {
            params.push(types.ptr.into());
        }
        let mut budget = Budget::new(registers, types, params.len() as u32);
        let mut places = Vec::with_capacity(ty.params.len());
        let mut next_slot = 0;
        for param in &ty.params {
            let llvm = types.value(*param);
            if passing == Passing::Stack || budget.takes(llvm) {
                places.push(ParamPlace::Param(params.len() as u32));
                params.push(llvm.into());
            } else {
                places.push(ParamPlace::Slot(next_slot));
                next_slot += slots_of(*param);
            }
        }
        let llvm = match ty.results.first().filter(|_| has_native_result) {
            Some(first) => types.value(*first).fn_type(&params, false),
            None => types.void.fn_type(&params, false),
        };
        Signature {
            llvm,
            has_results_pointer,
            has_native_result,
            places,
        }
    }

    /// The results that come back through memory.
    pub fn results_in_memory<'t>(&self, results: &'t [ValType]) -> &'t [ValType] {
        &results[usize::from(self.has_native_result)..]
    }

    /// Is an argument passed in the exec env's slots?
    pub fn uses_argument_slots(&self) -> bool {
        (self.places.iter()).any(|place| matches!(place, ParamPlace::Slot(_)))
    }
}

/// Registers that are left.
struct Budget {
    integers: u32,
    floats: u32,
    left_integers: u32,
    left_floats: u32,
    register_bits: u32,
}

impl Budget {
    fn new(registers: ArgumentRegisters, types: &Types<'_>, used: u32) -> Self {
        Budget {
            integers: registers.integers,
            floats: registers.floats,
            left_integers: registers.integers.saturating_sub(used),
            left_floats: registers.floats,
            register_bits: types.isize.get_bit_width(),
        }
    }

    /// Takes registers for a value, if there are enough. Never more than LLVM would have.
    fn takes(&mut self, ty: BasicTypeEnum<'_>) -> bool {
        let bits = match ty {
            BasicTypeEnum::IntType(ty) => ty.get_bit_width(),
            BasicTypeEnum::FloatType(ty) => ty.get_bit_width(),
            BasicTypeEnum::PointerType(_) => self.register_bits,
            _ => 128,
        };
        let is_integer = matches!(
            ty,
            BasicTypeEnum::IntType(_) | BasicTypeEnum::PointerType(_)
        );
        if self.floats > 0 && !is_integer {
            return take(&mut self.left_floats, 1);
        }
        if self.floats == 0 && bits > 64 {
            return false;
        }
        let count = bits.div_ceil(self.register_bits);
        // Some conventions start pairs at an even register.
        let is_odd = (self.integers - self.left_integers) % 2 == 1;
        take(
            &mut self.left_integers,
            count + u32::from(count > 1 && is_odd),
        )
    }
}

fn take(left: &mut u32, count: u32) -> bool {
    match left.checked_sub(count) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
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
