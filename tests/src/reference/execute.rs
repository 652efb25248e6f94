//! One step: the next operator of the youngest activation.

use wasmparser::Operator as O;

use super::atomic;
use super::numeric;
use super::observe::LocalState;
use super::thread::{Stop, Thread, VALID};
use super::value::Value;
use super::vector;

impl Thread<'_, '_> {
    pub(super) fn step(&mut self) -> Result<(), Stop> {
        let activation = self.activation();
        let at = activation.next;
        activation.next += 1;
        let module = activation.module.clone();
        let located = &module.bodies[activation.body].code[at];
        activation.ip = located.offset;
        match &located.operator {
            O::Unreachable => return Err(Stop::Trap("unreachable")),
            O::Nop => {}
            O::Block { blockty } => self.block(at, *blockty, false),
            O::Loop { blockty } => self.block(at, *blockty, true),
            O::TryTable { try_table } => self.try_(at, try_table.ty),
            O::Throw { tag_index } => return Err(self.throw(*tag_index)),
            O::ThrowRef => return Err(self.throw_ref()),
            O::Try { blockty } => self.try_(at, *blockty),
            O::Rethrow { relative_depth } => return Err(self.rethrow(*relative_depth)),
            O::If { blockty } => self.if_(at, *blockty),
            O::Else | O::Catch { .. } | O::CatchAll => self.end_of_part(at),
            O::End | O::Delegate { .. } => self.end(),
            O::Br { relative_depth } => self.branch(*relative_depth),
            O::BrIf { relative_depth } => self.branch_if(*relative_depth),
            O::BrTable { targets } => self.branch_table(targets),
            O::Return => self.leave(),
            O::Call { function_index } => self.call_function(*function_index)?,
            O::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(*type_index, *table_index)?,
            O::CallRef { .. } => self.call_ref()?,
            O::ReturnCall { function_index } => self.return_call(*function_index)?,
            O::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.return_call_indirect(*type_index, *table_index)?,
            O::ReturnCallRef { .. } => self.return_call_ref()?,
            O::BrOnNull { relative_depth } => {
                let value = self.pop();
                if value.is_null() {
                    self.branch(*relative_depth);
                } else {
                    self.push(value);
                }
            }
            O::BrOnNonNull { relative_depth } => {
                let value = self.pop();
                if !value.is_null() {
                    self.push(value);
                    self.branch(*relative_depth);
                }
            }
            O::Drop => {
                self.pop();
            }
            O::Select | O::TypedSelect { .. } => self.select(),
            O::LocalGet { local_index } => {
                let LocalState { value, write } = self.activation().locals[*local_index as usize];
                self.observer.read(write);
                self.push(value);
            }
            O::LocalSet { local_index } => self.set_local(*local_index),
            O::LocalTee { local_index } => {
                self.set_local(*local_index);
                let value = self.activation().locals[*local_index as usize].value;
                self.push(value);
            }
            O::GlobalGet { global_index } => {
                let position = self.global(*global_index);
                self.push(self.store.globals[position].value);
            }
            O::GlobalSet { global_index } => {
                let position = self.global(*global_index);
                self.store.globals[position].value = self.pop();
            }
            O::I32Const { value } => self.push(Value::I32(value.cast_unsigned())),
            O::I64Const { value } => self.push(Value::I64(value.cast_unsigned())),
            O::F32Const { value } => self.push(Value::F32(value.bits())),
            O::F64Const { value } => self.push(Value::F64(value.bits())),
            O::RefNull { hty } => self.push(Value::null(*hty)),
            O::RefIsNull => {
                let value = self.pop();
                self.push(Value::I32(u32::from(value.is_null())));
            }
            O::RefAsNonNull => {
                let value = self.pop();
                if value.is_null() {
                    return Err(Stop::Trap("null reference"));
                }
                self.push(value);
            }
            O::RefFunc { function_index } => self.ref_func(*function_index),
            O::RefTestNonNull { hty } => self.ref_test(*hty, false),
            O::RefTestNullable { hty } => self.ref_test(*hty, true),
            O::RefCastNonNull { hty } => self.ref_cast(*hty, false)?,
            O::RefCastNullable { hty } => self.ref_cast(*hty, true)?,
            O::BrOnCast {
                relative_depth,
                to_ref_type,
                ..
            } => self.branch_on_cast(*relative_depth, *to_ref_type, true),
            O::BrOnCastFail {
                relative_depth,
                to_ref_type,
                ..
            } => self.branch_on_cast(*relative_depth, *to_ref_type, false),
            operator => self.other(operator)?,
        }
        Ok(())
    }

    fn set_local(&mut self, index: u32) {
        let value = self.pop();
        let write = self.observer.write();
        self.activation().locals[index as usize] = LocalState { value, write };
    }

    fn global(&mut self, index: u32) -> usize {
        let instance = self.activation().instance;
        self.store.instances[instance].globals[index as usize]
    }

    /// Memory, tables, numbers.
    fn other(&mut self, operator: &O<'_>) -> Result<(), Stop> {
        match operator {
            O::I32Load { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I32(u32::from_le_bytes(bytes)));
            }
            O::I64Load { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I64(u64::from_le_bytes(bytes)));
            }
            O::F32Load { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::F32(u32::from_le_bytes(bytes)));
            }
            O::F64Load { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::F64(u64::from_le_bytes(bytes)));
            }
            O::V128Load { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::V128(u128::from_le_bytes(bytes)));
            }
            O::I32Load8S { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I32(i8::from_le_bytes(bytes) as u32));
            }
            O::I32Load8U { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I32(u8::from_le_bytes(bytes).into()));
            }
            O::I32Load16S { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I32(i16::from_le_bytes(bytes) as u32));
            }
            O::I32Load16U { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I32(u16::from_le_bytes(bytes).into()));
            }
            O::I64Load8S { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I64(i8::from_le_bytes(bytes) as u64));
            }
            O::I64Load8U { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I64(u8::from_le_bytes(bytes).into()));
            }
            O::I64Load16S { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I64(i16::from_le_bytes(bytes) as u64));
            }
            O::I64Load16U { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I64(u16::from_le_bytes(bytes).into()));
            }
            O::I64Load32S { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I64(i32::from_le_bytes(bytes) as u64));
            }
            O::I64Load32U { memarg } => {
                let bytes = self.load(memarg)?;
                self.push(Value::I64(u32::from_le_bytes(bytes).into()));
            }
            O::I32Store8 { memarg } | O::I64Store8 { memarg } => self.store::<1>(memarg)?,
            O::I32Store16 { memarg } | O::I64Store16 { memarg } => self.store::<2>(memarg)?,
            O::I32Store { memarg } | O::F32Store { memarg } | O::I64Store32 { memarg } => {
                self.store::<4>(memarg)?;
            }
            O::I64Store { memarg } | O::F64Store { memarg } => self.store::<8>(memarg)?,
            O::V128Store { memarg } => self.store::<16>(memarg)?,
            O::MemorySize { mem } => self.memory_size(*mem),
            O::MemoryGrow { mem } => self.memory_grow(*mem),
            O::MemoryFill { mem } => self.memory_fill(*mem)?,
            O::MemoryCopy { dst_mem, src_mem } => self.memory_copy(*dst_mem, *src_mem)?,
            O::MemoryInit { data_index, mem } => self.memory_init(*mem, *data_index)?,
            O::DataDrop { data_index } => self.data_drop(*data_index),
            O::TableGet { table } => self.table_get(*table)?,
            O::TableSet { table } => self.table_set(*table)?,
            O::TableSize { table } => self.table_size(*table),
            O::TableGrow { table } => self.table_grow(*table),
            O::TableFill { table } => self.table_fill(*table)?,
            O::TableCopy {
                dst_table,
                src_table,
            } => self.table_copy(*dst_table, *src_table)?,
            O::TableInit { elem_index, table } => self.table_init(*table, *elem_index)?,
            O::ElemDrop { elem_index } => self.elem_drop(*elem_index),
            O::I64Add128 => self.wide_sum(u128::wrapping_add),
            O::I64Sub128 => self.wide_sum(u128::wrapping_sub),
            O::I64MulWideS => {
                self.wide_product(|bits| i128::from(bits.cast_signed()).cast_unsigned())
            }
            O::I64MulWideU => self.wide_product(u128::from),
            operator => self.atomic_or_number(operator)?,
        }
        Ok(())
    }

    fn wide_sum(&mut self, operation: fn(u128, u128) -> u128) {
        let mut halves = [0, 0, 0, 0].map(|_: u64| self.pop_address());
        halves.reverse();
        let [a, b, c, d] = halves.map(u128::from);
        self.push_wide(operation(a | b << 64, c | d << 64));
    }

    fn wide_product(&mut self, extend: fn(u64) -> u128) {
        let (second, first) = (self.pop_address(), self.pop_address());
        self.push_wide(extend(first).wrapping_mul(extend(second)));
    }

    /// The low half, then the high one.
    fn push_wide(&mut self, value: u128) {
        self.push(Value::I64(value as u64));
        self.push(Value::I64((value >> 64) as u64));
    }

    fn atomic_or_number(&mut self, operator: &O<'_>) -> Result<(), Stop> {
        if let Some(access) = atomic::access(operator) {
            return self.atomic(&access);
        }
        self.partial_vector(operator)
            .unwrap_or_else(|| self.number(operator))
    }

    fn number(&mut self, operator: &O<'_>) -> Result<(), Stop> {
        if let Some(count) = vector::operand_count(operator) {
            let mut operands: Vec<_> = (0..count).map(|_| self.pop()).collect();
            operands.reverse();
            let result = vector::operate(operator, &operands);
            self.push(result.unwrap_or_else(|| panic!("{VALID}, so {operator:?} has operands")));
            return Ok(());
        }
        let second = self.pop();
        let result = match numeric::unary(operator, second) {
            Some(result) => result,
            None => {
                let first = self.pop();
                numeric::binary(operator, first, second)
                    .unwrap_or_else(|| panic!("{VALID}, so {operator:?} is no operator"))
            }
        };
        self.push(result?);
        Ok(())
    }
}
