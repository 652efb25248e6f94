//! The dispatch: each operator to the method of its family.

use inkwell::{FloatPredicate as F, IntPredicate as I};
use wamr_aot_loader::format::{
    handlers::Clause,
    module::{RefType, ValType},
};
use wasmparser::Operator as O;

use super::function::FunctionTranslator;
use super::numeric::{Division, Extremum, FloatOp, IntOp};
use crate::error::Result;
use crate::module::heap_type;

impl<'ctx> FunctionTranslator<'_, 'ctx, '_> {
    /// Translates one operator. The module is valid, so operands have their types.
    pub(super) fn operator(&mut self, operator: O<'_>) -> Result<()> {
        use ValType::{F32, F64, I32, I64};
        if !self.reachable
            && !matches!(
                operator,
                O::Block { .. }
                    | O::Loop { .. }
                    | O::If { .. }
                    | O::Else
                    | O::Try { .. }
                    | O::TryTable { .. }
                    | O::Catch { .. }
                    | O::CatchAll
                    | O::Delegate { .. }
                    | O::End
            )
        {
            return Ok(());
        }
        let types = self.unit.types.clone();
        match operator {
            // Control.
            O::Unreachable => self.unreachable(),
            O::Nop => Ok(()),
            O::Block { blockty } => self.block(blockty),
            O::Loop { blockty } => self.loop_(blockty),
            O::If { blockty } => self.if_(blockty),
            O::Else => self.else_(),
            O::End => self.end(),
            O::Br { relative_depth } => self.br(relative_depth),
            O::BrIf { relative_depth } => self.br_if(relative_depth),
            O::BrTable { targets } => self.br_table(&targets),
            O::Return => self.return_(),
            O::Call { function_index } => self.call(function_index),
            O::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index),
            O::ReturnCall { function_index } => self.return_call(function_index),
            O::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.return_call_indirect(type_index, table_index),
            O::CallRef { type_index } => self.call_ref(type_index),
            O::ReturnCallRef { type_index } => self.return_call_ref(type_index),
            O::BrOnNull { relative_depth } => self.br_on_null(relative_depth),
            O::BrOnNonNull { relative_depth } => self.br_on_non_null(relative_depth),
            O::BrOnCast {
                relative_depth,
                from_ref_type: from,
                to_ref_type: to,
            } => self.br_on_cast(relative_depth, (from, to), false),
            O::BrOnCastFail {
                relative_depth,
                from_ref_type: from,
                to_ref_type: to,
            } => self.br_on_cast(relative_depth, (from, to), true),

            // Exceptions.
            O::TryTable { ref try_table } => self.try_table(try_table),
            O::Throw { tag_index } => self.throw(tag_index),
            O::ThrowRef => self.throw_ref(),
            O::Try { blockty } => self.try_(blockty),
            O::Catch { tag_index } => self.catch(Clause::Tag(tag_index)),
            O::CatchAll => self.catch(Clause::All),
            O::Rethrow { relative_depth } => self.rethrow(relative_depth),
            O::Delegate { relative_depth } => self.delegate(relative_depth),

            O::Drop => self.pop().map(drop),
            O::Select | O::TypedSelect { .. } => self.select(),

            // Variables.
            O::LocalGet { local_index } => self.local_get(local_index),
            O::LocalSet { local_index } => self.local_set(local_index),
            O::LocalTee { local_index } => self.local_tee(local_index),
            O::GlobalGet { global_index } => self.global_get(global_index),
            O::GlobalSet { global_index } => self.global_set(global_index),

            // Tables and references.
            O::TableGet { table } => self.table_get(table),
            O::TableSet { table } => self.table_set(table),
            O::TableSize { table } => self.table_size(table),
            O::TableGrow { table } => self.table_grow(table),
            O::TableFill { table } => self.table_fill(table),
            O::TableCopy {
                dst_table,
                src_table,
            } => self.table_copy(dst_table, src_table),
            O::TableInit { elem_index, table } => self.table_init(table, elem_index),
            O::ElemDrop { elem_index } => self.elem_drop(elem_index),
            O::RefNull { hty } => {
                let heap = heap_type(hty, u64::from(self.ip))?;
                self.ref_null(ValType::Ref(RefType::null(heap)));
                Ok(())
            }
            O::RefIsNull => self.ref_is_null(),
            O::RefAsNonNull => self.ref_as_non_null(),
            O::RefFunc { function_index } => self.ref_func(function_index),
            O::RefTestNonNull { hty } => self.ref_test(hty, false),
            O::RefTestNullable { hty } => self.ref_test(hty, true),
            O::RefCastNonNull { hty } => self.ref_cast(hty, false),
            O::RefCastNullable { hty } => self.ref_cast(hty, true),

            // Memory.
            O::I32Load { memarg } => self.load(memarg, I32),
            O::I64Load { memarg } => self.load(memarg, I64),
            O::F32Load { memarg } => self.load(memarg, F32),
            O::F64Load { memarg } => self.load(memarg, F64),
            O::I32Load8S { memarg } => self.load_narrow(memarg, types.i8, I32, true),
            O::I32Load8U { memarg } => self.load_narrow(memarg, types.i8, I32, false),
            O::I32Load16S { memarg } => self.load_narrow(memarg, types.i16, I32, true),
            O::I32Load16U { memarg } => self.load_narrow(memarg, types.i16, I32, false),
            O::I64Load8S { memarg } => self.load_narrow(memarg, types.i8, I64, true),
            O::I64Load8U { memarg } => self.load_narrow(memarg, types.i8, I64, false),
            O::I64Load16S { memarg } => self.load_narrow(memarg, types.i16, I64, true),
            O::I64Load16U { memarg } => self.load_narrow(memarg, types.i16, I64, false),
            O::I64Load32S { memarg } => self.load_narrow(memarg, types.i32, I64, true),
            O::I64Load32U { memarg } => self.load_narrow(memarg, types.i32, I64, false),
            O::I32Store { memarg }
            | O::I64Store { memarg }
            | O::F32Store { memarg }
            | O::F64Store { memarg } => self.store(memarg),
            O::I32Store8 { memarg } | O::I64Store8 { memarg } => {
                self.store_narrow(memarg, types.i8)
            }
            O::I32Store16 { memarg } | O::I64Store16 { memarg } => {
                self.store_narrow(memarg, types.i16)
            }
            O::I64Store32 { memarg } => self.store_narrow(memarg, types.i32),
            O::MemorySize { mem } => self.memory_size(mem),
            O::MemoryGrow { mem } => self.memory_grow(mem),
            O::MemoryFill { mem } => self.memory_fill(mem),
            O::MemoryCopy { dst_mem, src_mem } => self.memory_copy(dst_mem, src_mem),
            O::MemoryInit { data_index, mem } => self.memory_init(mem, data_index),
            O::DataDrop { data_index } => self.data_drop(data_index),

            // Constants.
            O::I32Const { .. } => self.push_constant(I32, &operator),
            O::I64Const { .. } => self.push_constant(I64, &operator),
            O::F32Const { .. } => self.push_constant(F32, &operator),
            O::F64Const { .. } => self.push_constant(F64, &operator),

            // Integers.
            O::I32Eqz | O::I64Eqz => self.eqz(),
            O::I32Eq | O::I64Eq => self.compare(I::EQ),
            O::I32Ne | O::I64Ne => self.compare(I::NE),
            O::I32LtS | O::I64LtS => self.compare(I::SLT),
            O::I32LtU | O::I64LtU => self.compare(I::ULT),
            O::I32GtS | O::I64GtS => self.compare(I::SGT),
            O::I32GtU | O::I64GtU => self.compare(I::UGT),
            O::I32LeS | O::I64LeS => self.compare(I::SLE),
            O::I32LeU | O::I64LeU => self.compare(I::ULE),
            O::I32GeS | O::I64GeS => self.compare(I::SGE),
            O::I32GeU | O::I64GeU => self.compare(I::UGE),
            O::I32Clz => self.count_bits(I32, "llvm.ctlz"),
            O::I32Ctz => self.count_bits(I32, "llvm.cttz"),
            O::I32Popcnt => self.count_bits(I32, "llvm.ctpop"),
            O::I32Add => self.integer(I32, IntOp::Add),
            O::I32Sub => self.integer(I32, IntOp::Sub),
            O::I32Mul => self.integer(I32, IntOp::Mul),
            O::I32And => self.integer(I32, IntOp::And),
            O::I32Or => self.integer(I32, IntOp::Or),
            O::I32Xor => self.integer(I32, IntOp::Xor),
            O::I32Shl => self.integer(I32, IntOp::Shl),
            O::I32ShrS => self.integer(I32, IntOp::ShrS),
            O::I32ShrU => self.integer(I32, IntOp::ShrU),
            O::I32Rotl => self.integer(I32, IntOp::Rotl),
            O::I32Rotr => self.integer(I32, IntOp::Rotr),
            O::I32DivS => self.divide(I32, Division::DivS),
            O::I32DivU => self.divide(I32, Division::DivU),
            O::I32RemS => self.divide(I32, Division::RemS),
            O::I32RemU => self.divide(I32, Division::RemU),
            O::I32Extend8S => self.sign_extend(I32, 8),
            O::I32Extend16S => self.sign_extend(I32, 16),
            O::I64Clz => self.count_bits(I64, "llvm.ctlz"),
            O::I64Ctz => self.count_bits(I64, "llvm.cttz"),
            O::I64Popcnt => self.count_bits(I64, "llvm.ctpop"),
            O::I64Add => self.integer(I64, IntOp::Add),
            O::I64Sub => self.integer(I64, IntOp::Sub),
            O::I64Mul => self.integer(I64, IntOp::Mul),
            O::I64And => self.integer(I64, IntOp::And),
            O::I64Or => self.integer(I64, IntOp::Or),
            O::I64Xor => self.integer(I64, IntOp::Xor),
            O::I64Shl => self.integer(I64, IntOp::Shl),
            O::I64ShrS => self.integer(I64, IntOp::ShrS),
            O::I64ShrU => self.integer(I64, IntOp::ShrU),
            O::I64Rotl => self.integer(I64, IntOp::Rotl),
            O::I64Rotr => self.integer(I64, IntOp::Rotr),
            O::I64DivS => self.divide(I64, Division::DivS),
            O::I64DivU => self.divide(I64, Division::DivU),
            O::I64RemS => self.divide(I64, Division::RemS),
            O::I64RemU => self.divide(I64, Division::RemU),
            O::I64Extend8S => self.sign_extend(I64, 8),
            O::I64Extend16S => self.sign_extend(I64, 16),
            O::I64Extend32S => self.sign_extend(I64, 32),
            O::I64Add128 => self.wide_sum(IntOp::Add),
            O::I64Sub128 => self.wide_sum(IntOp::Sub),
            O::I64MulWideS => self.wide_product(true),
            O::I64MulWideU => self.wide_product(false),

            // Floats.
            O::F32Eq | O::F64Eq => self.compare_floats(F::OEQ),
            O::F32Ne | O::F64Ne => self.compare_floats(F::UNE),
            O::F32Lt | O::F64Lt => self.compare_floats(F::OLT),
            O::F32Gt | O::F64Gt => self.compare_floats(F::OGT),
            O::F32Le | O::F64Le => self.compare_floats(F::OLE),
            O::F32Ge | O::F64Ge => self.compare_floats(F::OGE),
            O::F32Add => self.float(F32, FloatOp::Add),
            O::F32Sub => self.float(F32, FloatOp::Sub),
            O::F32Mul => self.float(F32, FloatOp::Mul),
            O::F32Div => self.float(F32, FloatOp::Div),
            O::F32Neg => self.float_negate(F32),
            O::F32Abs => self.float_unary(F32, "llvm.fabs"),
            O::F32Ceil => self.float_unary(F32, "llvm.ceil"),
            O::F32Floor => self.float_unary(F32, "llvm.floor"),
            O::F32Trunc => self.float_unary(F32, "llvm.trunc"),
            O::F32Nearest => self.float_unary(F32, "llvm.roundeven"),
            O::F32Sqrt => self.float_unary(F32, "llvm.sqrt"),
            O::F32Min => self.float_extremum(F32, Extremum::Minimum),
            O::F32Max => self.float_extremum(F32, Extremum::Maximum),
            O::F32Copysign => self.copy_sign(F32),
            O::F64Add => self.float(F64, FloatOp::Add),
            O::F64Sub => self.float(F64, FloatOp::Sub),
            O::F64Mul => self.float(F64, FloatOp::Mul),
            O::F64Div => self.float(F64, FloatOp::Div),
            O::F64Neg => self.float_negate(F64),
            O::F64Abs => self.float_unary(F64, "llvm.fabs"),
            O::F64Ceil => self.float_unary(F64, "llvm.ceil"),
            O::F64Floor => self.float_unary(F64, "llvm.floor"),
            O::F64Trunc => self.float_unary(F64, "llvm.trunc"),
            O::F64Nearest => self.float_unary(F64, "llvm.roundeven"),
            O::F64Sqrt => self.float_unary(F64, "llvm.sqrt"),
            O::F64Min => self.float_extremum(F64, Extremum::Minimum),
            O::F64Max => self.float_extremum(F64, Extremum::Maximum),
            O::F64Copysign => self.copy_sign(F64),

            // Conversions.
            O::I32WrapI64 => self.wrap(),
            O::I64ExtendI32S => self.extend_i32(true),
            O::I64ExtendI32U => self.extend_i32(false),
            O::I32TruncF32S | O::I32TruncF64S => self.truncate(I32, true),
            O::I32TruncSatF32S | O::I32TruncSatF64S => self.truncate_saturating(I32, true),
            O::I32TruncF32U | O::I32TruncF64U => self.truncate(I32, false),
            O::I32TruncSatF32U | O::I32TruncSatF64U => self.truncate_saturating(I32, false),
            O::I64TruncF32S | O::I64TruncF64S => self.truncate(I64, true),
            O::I64TruncSatF32S | O::I64TruncSatF64S => self.truncate_saturating(I64, true),
            O::I64TruncF32U | O::I64TruncF64U => self.truncate(I64, false),
            O::I64TruncSatF32U | O::I64TruncSatF64U => self.truncate_saturating(I64, false),
            O::F32ConvertI32S | O::F32ConvertI64S => self.convert(F32, true),
            O::F32ConvertI32U | O::F32ConvertI64U => self.convert(F32, false),
            O::F64ConvertI32S | O::F64ConvertI64S => self.convert(F64, true),
            O::F64ConvertI32U | O::F64ConvertI64U => self.convert(F64, false),
            O::F32DemoteF64 => self.demote(),
            O::F64PromoteF32 => self.promote(),
            O::I32ReinterpretF32 => self.reinterpret(I32),
            O::I64ReinterpretF64 => self.reinterpret(I64),
            O::F32ReinterpretI32 => self.reinterpret(F32),
            O::F64ReinterpretI64 => self.reinterpret(F64),

            other => self.atomic_operator(&other),
        }
    }

    pub(super) fn push_constant(&mut self, ty: ValType, operator: &O<'_>) -> Result<()> {
        let value = self
            .constant(operator)
            .ok_or_else(|| self.internal("not a constant"))?;
        self.push(ty, value);
        Ok(())
    }
}
