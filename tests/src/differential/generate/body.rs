//! A body that is written again, with exceptions.
//!
//! New code leaves the operand stack as it was, so it may stand anywhere; conditions depend on the fuel, which changes with
//! every call and turn of a loop. What is put around a call or a whole body has the same results, so that no label moves.

use std::ops::Range;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{AbstractHeapType, BlockType, Catch, Function, HeapType, Instruction};
use wasmparser::{FuncType, Operator, ValType};

use super::throws::Plan;
use crate::differential::Kind;
use crate::frames::generate::Random;
use crate::reference::module;

/// A handler.
#[derive(Clone, Copy)]
struct Handler {
    /// The tag that it wants; `None` takes all.
    tag: Option<u32>,
    /// It gets a reference to the exception, too.
    with_reference: bool,
}

pub struct Body<'p, 'm> {
    plan: &'p mut Plan<'m>,
    random: &'p mut Random,
    code: Vec<Instruction<'m>>,
    /// Types of parameters and locals.
    locals: Vec<ValType>,
    /// Those locals that wasm-smith has declared. Some of them hold a value only while it looks for NaNs.
    smiths: Range<usize>,
    /// Blocks that are open; the function is one.
    depth: usize,
    /// How often in 1000 something is put between two operators.
    insertions: usize,
    /// How often in 100 a call gets handlers.
    guards: usize,
}

impl<'p, 'm> Body<'p, 'm> {
    /// The body of a function anew.
    ///
    /// # Errors
    /// There is an operator that cannot be encoded.
    pub fn write(
        plan: &'p mut Plan<'m>,
        function: u32,
        body: &module::Body<'m>,
        random: &'p mut Random,
    ) -> Result<Function, String> {
        let ty = plan.module.function_type(function).clone();
        let mut locals = ty.params().to_vec();
        locals.extend(&body.locals);
        let smiths = ty.params().len()..locals.len();
        let insertions = match plan.kind.throws() {
            true => 4_000 / body.code.len().max(6),
            false => 0,
        };
        let mut body_writer = Body {
            random,
            code: Vec::new(),
            locals,
            smiths,
            depth: 1,
            insertions,
            guards: 40,
            plan,
        };
        let this = &mut body_writer;
        let operators = &body.code[..body.code.len() - 1];
        if this.plan.kind.throws() && this.random.chance(45) {
            this.guarded(ty.results(), |this| this.operators(operators))?;
        } else {
            this.operators(operators)?;
        }
        this.emit(Instruction::End);
        let own = this.locals.split_off(ty.params().len());
        let own = own
            .iter()
            .map(|ty| encoded(*ty))
            .collect::<Result<Vec<_>, _>>()?;
        let mut function = Function::new_with_locals_types(own);
        for instruction in &this.code {
            function.instruction(instruction);
        }
        Ok(function)
    }

    fn emit(&mut self, instruction: Instruction<'m>) {
        self.code.push(instruction);
    }

    fn operators(&mut self, operators: &[module::Located<'m>]) -> Result<(), String> {
        let fuel = self.plan.fuel;
        let mut counts_down = false;
        for located in operators {
            // What uses fuel between the look at the counter and its change would get it back, or let it be negative.
            if !counts_down && self.random.below(1000) < self.insertions {
                self.insertion()?;
            }
            self.operator(&located.operator)?;
            counts_down = match located.operator {
                Operator::GlobalGet { global_index } if global_index == fuel => true,
                Operator::GlobalSet { global_index } if global_index == fuel => false,
                _ => counts_down,
            };
        }
        Ok(())
    }

    fn operator(&mut self, operator: &Operator<'m>) -> Result<(), String> {
        let throws = self.plan.kind.throws();
        match operator {
            Operator::Unreachable if throws && self.random.chance(60) => {
                self.throw();
                return Ok(());
            }
            Operator::Call { function_index } if throws && self.random.chance(self.guards) => {
                let ty = self.plan.module.function_type(*function_index).clone();
                return self.guarded_call(&ty, None, operator);
            }
            Operator::CallIndirect {
                type_index,
                table_index,
            } if throws && self.random.chance(self.guards) => {
                let ty = self.plan.types[*type_index as usize].clone();
                let is_64 = self.plan.module.is_table_64(*table_index);
                let index = if is_64 { ValType::I64 } else { ValType::I32 };
                return self.guarded_call(&ty, Some(index), operator);
            }
            // Nobody would ever wake who waits.
            Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. } => {
                self.emit(Instruction::Drop);
                self.emit(Instruction::I64Const(0));
            }
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => self.depth += 1,
            Operator::End => self.depth -= 1,
            _ => {}
        }
        let instruction = RoundtripReencoder
            .instruction(operator.clone())
            .map_err(|error| error.to_string())?;
        self.emit(instruction);
        Ok(())
    }

    /// Something that leaves the operands as they are.
    fn insertion(&mut self) -> Result<(), String> {
        let functions = self.plan.module.functions.len();
        match self.random.below(100) {
            0..55 => self.throw_now_and_then(),
            // The host throws, too.
            55..75 if self.plan.module.imported_functions > 0 => {
                let callee = self.random.below(self.plan.module.imported_functions);
                self.call(callee as u32)?;
            }
            _ => {
                let callee = self.random.below(functions);
                self.call(callee as u32)?;
            }
        }
        Ok(())
    }

    /// Calls a function while there is fuel; its results go away.
    fn call(&mut self, function_index: u32) -> Result<(), String> {
        let ty = self.plan.module.function_type(function_index).clone();
        let fuel = self.plan.fuel;
        self.emit(Instruction::GlobalGet(fuel));
        self.emit(Instruction::If(BlockType::Empty));
        self.depth += 1;
        // The callee uses fuel only when it comes to its own check, before which there may be calls like this one.
        self.emit(Instruction::GlobalGet(fuel));
        self.emit(Instruction::I32Const(1));
        self.emit(Instruction::I32Sub);
        self.emit(Instruction::GlobalSet(fuel));
        for param in ty.params() {
            self.value(*param);
        }
        self.operator(&Operator::Call { function_index })?;
        for result in ty.results().iter().rev() {
            self.consume(*result);
        }
        self.emit(Instruction::End);
        self.depth -= 1;
        Ok(())
    }

    /// A call inside a block with handlers. Its operands wait in locals.
    fn guarded_call(
        &mut self,
        ty: &FuncType,
        index: Option<ValType>,
        operator: &Operator<'m>,
    ) -> Result<(), String> {
        let types: Vec<ValType> = ty.params().iter().copied().chain(index).collect();
        let mut places: Vec<u32> = Vec::new();
        for ty in types.iter().rev() {
            let place = self.new_local(*ty);
            self.emit(Instruction::LocalSet(place));
            places.push(place);
        }
        let call = RoundtripReencoder
            .instruction(operator.clone())
            .map_err(|error| error.to_string())?;
        self.guarded(ty.results(), |this| {
            for place in places.iter().rev() {
                this.emit(Instruction::LocalGet(*place));
            }
            this.emit(call);
            Ok(())
        })
    }

    /// A block with handlers around code that has these results and no operands.
    fn guarded(
        &mut self,
        results: &[ValType],
        inner: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        match self.plan.kind {
            Kind::LegacyExceptions => self.try_(results, inner),
            _ => self.try_table(results, inner),
        }
    }

    /// `block $done (block $handler … (try_table (catch $handler) inner) br $done) handler …`
    fn try_table(
        &mut self,
        results: &[ValType],
        inner: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let handlers = self.handlers();
        let outside = self.block_type(results)?;
        self.emit(Instruction::Block(outside));
        // The first handler's block is the innermost.
        for handler in handlers.iter().rev() {
            let types = self.types_of(*handler);
            let ty = self.block_type(&types)?;
            self.emit(Instruction::Block(ty));
        }
        let catches = (0..).zip(&handlers).map(|(label, handler)| {
            match (handler.tag, handler.with_reference) {
                (Some(tag), false) => Catch::One { tag, label },
                (Some(tag), true) => Catch::OneRef { tag, label },
                (None, false) => Catch::All { label },
                (None, true) => Catch::AllRef { label },
            }
        });
        let catches = catches.collect::<Vec<_>>().into();
        self.emit(Instruction::TryTable(outside, catches));
        self.depth += handlers.len() + 2;
        inner(self)?;
        self.emit(Instruction::End);
        self.depth -= 1;
        let mut outer = handlers.len() as u32;
        for handler in &handlers {
            self.emit(Instruction::Br(outer));
            self.emit(Instruction::End);
            self.depth -= 1;
            outer -= 1;
            self.handle(*handler, results);
        }
        self.emit(Instruction::End);
        self.depth -= 1;
        Ok(())
    }

    /// `try inner catch handler … end`, or `try inner delegate`.
    fn try_(
        &mut self,
        results: &[ValType],
        inner: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let ty = self.block_type(results)?;
        self.emit(Instruction::Try(ty));
        self.depth += 1;
        inner(self)?;
        self.depth -= 1;
        if self.random.chance(20) {
            let label = self.random.below(self.depth) as u32;
            self.emit(Instruction::Delegate(label));
            return Ok(());
        }
        let handlers = self.handlers();
        self.depth += 1;
        for handler in &handlers {
            self.emit(match handler.tag {
                Some(tag) => Instruction::Catch(tag),
                None => Instruction::CatchAll,
            });
            self.handle(*handler, results);
        }
        self.emit(Instruction::End);
        self.depth -= 1;
        Ok(())
    }

    /// Some handlers: those of tags, and then perhaps one that takes all.
    fn handlers(&mut self) -> Vec<Handler> {
        let mut tags: Vec<Option<u32>> = Vec::new();
        for _ in 0..self.random.between(0, 3) {
            tags.push(Some(self.tag()));
        }
        if tags.is_empty() || self.random.chance(25) {
            tags.push(None);
        }
        let standard = self.plan.kind == Kind::Exceptions;
        let handler = |tag| Handler {
            tag,
            with_reference: standard && self.random.chance(40),
        };
        tags.into_iter().map(handler).collect()
    }

    /// What a handler finds on the stack.
    fn types_of(&self, handler: Handler) -> Vec<ValType> {
        let mut types = handler
            .tag
            .map_or(Vec::new(), |tag| self.plan.values_of(tag));
        types.extend(
            handler
                .with_reference
                .then_some(ValType::Ref(wasmparser::RefType::EXNREF)),
        );
        types
    }

    /// The code of a handler: values go away, results come.
    fn handle(&mut self, handler: Handler, results: &[ValType]) {
        let rethrows = self.random.chance(30);
        if handler.with_reference {
            if rethrows {
                let exception = self.new_local(ValType::Ref(wasmparser::RefType::EXNREF));
                self.emit(Instruction::LocalSet(exception));
                self.condition();
                self.emit(Instruction::If(BlockType::Empty));
                self.emit(Instruction::LocalGet(exception));
                self.emit(Instruction::ThrowRef);
                self.emit(Instruction::End);
            } else {
                self.consume(ValType::Ref(wasmparser::RefType::EXNREF));
            }
        }
        if let Some(tag) = handler.tag {
            for ty in self.plan.values_of(tag).iter().rev() {
                self.consume(*ty);
            }
        }
        if self.plan.kind == Kind::LegacyExceptions && rethrows {
            self.condition();
            self.emit(Instruction::If(BlockType::Empty));
            self.emit(Instruction::Rethrow(1));
            self.emit(Instruction::End);
        }
        if self.random.chance(15) {
            self.throw_now_and_then();
        }
        for ty in results {
            self.value(*ty);
        }
    }

    /// A tag; the first ones are more frequent, so that throws and handlers meet.
    fn tag(&mut self) -> u32 {
        let tags = self.plan.tags.len();
        let most = if self.random.chance(60) {
            tags.min(2)
        } else {
            tags
        };
        // The new tags are the last.
        (tags - 1 - self.random.below(most)) as u32
    }

    fn throw_now_and_then(&mut self) {
        self.condition();
        self.emit(Instruction::If(BlockType::Empty));
        self.throw();
        self.emit(Instruction::End);
    }

    fn throw(&mut self) {
        let tag = self.tag();
        for ty in self.plan.values_of(tag) {
            self.value(ty);
        }
        self.emit(Instruction::Throw(tag));
    }

    /// Pushes a condition: of the fuel, or a parameter.
    fn condition(&mut self) {
        let is_i32 = |local: &usize| self.locals[*local] == ValType::I32;
        let locals: Vec<usize> = (0..self.locals.len()).filter(is_i32).collect();
        if locals.is_empty() || self.random.chance(60) {
            self.emit(Instruction::GlobalGet(self.plan.fuel));
        } else {
            let local = *self.random.of(&locals);
            self.emit(Instruction::LocalGet(local as u32));
        }
        let mask = *self.random.of(&[1, 1, 3, 7]);
        self.emit(Instruction::I32Const(mask));
        self.emit(Instruction::I32And);
        if self.random.chance(50) {
            self.emit(Instruction::I32Eqz);
        }
    }

    /// Pushes a value: of a local, or a constant.
    fn value(&mut self, ty: ValType) {
        let locals: Vec<usize> = self.locals_of(ty);
        if !locals.is_empty() && self.random.chance(75) {
            let local = *self.random.of(&locals);
            return self.emit(Instruction::LocalGet(local as u32));
        }
        let number = self.random.any();
        self.emit(match ty {
            ValType::I32 => Instruction::I32Const(number as i32 >> (number % 32)),
            ValType::I64 => Instruction::I64Const(number as i64 >> (number % 64)),
            ValType::F32 => Instruction::F32Const((number as i16 as f32).into()),
            ValType::F64 => Instruction::F64Const((number as i32 as f64).into()),
            ValType::V128 => Instruction::V128Const(i128::from(number as i64) << 21),
            ValType::Ref(ty) if ty.is_extern_ref() => Instruction::RefNull(HeapType::EXTERN),
            ValType::Ref(ty) if ty == wasmparser::RefType::EXNREF => {
                Instruction::RefNull(HeapType::Abstract {
                    shared: false,
                    ty: AbstractHeapType::Exn,
                })
            }
            ValType::Ref(_) => Instruction::RefNull(HeapType::FUNC),
        });
    }

    /// Pops a value: into a local, a global, or nowhere.
    fn consume(&mut self, ty: ValType) {
        let mut locals = self.locals_of(ty);
        locals.retain(|local| !self.smiths.contains(local));
        let globals = self.plan.module.all_globals().enumerate();
        let globals: Vec<usize> = globals
            .filter(|(_, global)| global.mutable && global.content_type == ty)
            .map(|(index, _)| index)
            .filter(|index| *index != self.plan.fuel as usize)
            .collect();
        if !globals.is_empty() && self.random.chance(50) {
            let global = *self.random.of(&globals);
            self.emit(Instruction::GlobalSet(global as u32));
        } else if self.random.chance(20) {
            let local = self.new_local(ty);
            self.emit(Instruction::LocalSet(local));
        } else if !locals.is_empty() && self.random.chance(70) {
            let local = *self.random.of(&locals);
            self.emit(Instruction::LocalSet(local as u32));
        } else {
            self.emit(Instruction::Drop);
        }
    }

    fn locals_of(&self, ty: ValType) -> Vec<usize> {
        let of_type = |local: &usize| self.locals[*local] == ty;
        (0..self.locals.len()).filter(of_type).collect()
    }

    fn new_local(&mut self, ty: ValType) -> u32 {
        self.locals.push(ty);
        self.locals.len() as u32 - 1
    }

    /// The type of a block with these results.
    fn block_type(&mut self, results: &[ValType]) -> Result<BlockType, String> {
        Ok(match results {
            [] => BlockType::Empty,
            [ty] => BlockType::Result(encoded(*ty)?),
            results => {
                let ty = FuncType::new([], results.iter().copied());
                BlockType::FunctionType(self.plan.type_index(ty))
            }
        })
    }
}

fn encoded(ty: ValType) -> Result<wasm_encoder::ValType, String> {
    RoundtripReencoder
        .val_type(ty)
        .map_err(|error| error.to_string())
}
