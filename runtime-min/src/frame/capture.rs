//! Frames of activations: by records, by maps, or by the trap table alone.
//!
//! The walk says which activations there are; how the frames of one are found is its module's strategy.
//! So modules of different strategies may call each other. Where no unwind row is known, records still
//! give what is older.

use super::{
    FrameView,
    lines::{Line, lines},
    record::{Chain, FrameRecord},
    registers::Stack,
    values,
    walk::{Activation, Walk},
};
use crate::{
    Instance, Module,
    exception::{Point, Trace},
    exec_env::{ExecState, RuntimeContext},
    store::StoreInner,
};
use alloc::vec::Vec;
use wamr_aot_loader::format::{
    framemap::{MappedFrame, SiteKind},
    header::{CaptureLevel, FrameStrategy},
};

/// Why the youngest code of the store stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It has called the host, or trapped in what it called.
    Call,
    /// It polls.
    Poll,
    /// Another thread has stopped it, at any instruction.
    Interruption,
    /// It trapped at the instruction with this offset.
    Trap(u32),
}

impl Stop {
    fn site_kind(self) -> SiteKind {
        match self {
            // Only host functions raise that one themselves at an exit.
            Stop::Call | Stop::Interruption => SiteKind::Call,
            Stop::Poll => SiteKind::Poll,
            Stop::Trap(_) => SiteKind::Trap,
        }
    }
}

/// The place of a trap whose offset the code itself has given.
fn trap_line(module: &Module, function: u32, ip: u32) -> Line {
    let func_index = Line::new(module, ip).map_or_else(
        || module.imported_functions().saturating_add(function),
        |line| line.func_index,
    );
    Line {
        func_index,
        ip: Some(ip),
        is_known: true,
    }
}

/// Is this the activation that has caught an exception last?
fn has_caught(trace: &Trace, activation: &Activation<&Module>) -> bool {
    activation.function().is_some_and(|function| {
        let point = super::catch::point(activation, function);
        super::catch::is_landed(trace, activation, point)
    })
}

/// Frames so far.
pub(super) struct Capture<'s> {
    store: &'s mut StoreInner,
    stack: Stack,
    /// The frame records that no activation has claimed so far.
    records: Chain,
    /// Are those to be compared with the next activation? They are found through links that a trap
    /// may have left half-written.
    is_doubtful: bool,
    /// Why the next activation stands still.
    stop: Stop,
    limit: usize,
    /// Module, and its only instance in the store.
    only_instance: Option<(usize, Option<Instance>)>,
    pub frames: Vec<FrameView>,
    /// How many there were beyond the limit.
    pub omitted: usize,
    /// How many frames the latest activations beyond the limit had: recursion comes by the same few
    /// places again and again.
    counted: [Option<(Counted, usize)>; 2],
}

/// A place that always has the same number of frames: module, function, offset in its code.
type Counted = (usize, u32, u32);

impl<'s> Capture<'s> {
    /// Prepares to read at most `limit` frames.
    pub fn new(store: &'s mut StoreInner, stop: Stop, limit: usize) -> Self {
        // SAFETY: the exec env is valid.
        let env = unsafe { &(*store.exec()).env };
        let stack = Stack::new(env);
        Capture {
            stack,
            records: Chain::new(stack, env.current_frame as *const FrameRecord),
            store,
            is_doubtful: false,
            stop,
            limit,
            only_instance: None,
            frames: Vec::new(),
            omitted: 0,
            counted: [None; 2],
        }
    }

    /// Reads all frames.
    ///
    /// # Safety
    ///
    /// The store's code is stopped in exits, or a trap has just landed if `is_trap`.
    pub unsafe fn run(&mut self, is_trap: bool) {
        // SAFETY: as the caller promises.
        unsafe { self.run_from(is_trap, None) };
    }

    /// Reads the frames that an exception has left before it was caught and thrown again, and then those of what
    /// has caught it and of its callers.
    ///
    /// # Safety
    ///
    /// As for [`Capture::run`]; a trap has just landed.
    pub unsafe fn run_behind(&mut self, trace: &Trace) {
        let modules = self.store.modules.clone();
        let find = |pc: usize| {
            modules
                .iter()
                .find(|module| module.code_range().contains(&pc))
        };
        // SAFETY: as the caller promises.
        let mut walk = unsafe { Walk::from_trap(self.store.exec(), find) };
        if !walk.any(|activation| has_caught(trace, &activation)) {
            // It was thrown anew, from elsewhere.
            // SAFETY: as the caller promises.
            return unsafe { self.run(true) };
        }
        for point in &trace.points {
            let module = modules.iter().find(|module| module.id() == point.module);
            if let Some(module) = module {
                self.left(module, point);
            }
        }
        self.omitted += trace.omitted;
        // SAFETY: as the caller promises.
        unsafe { self.run_from(true, Some(trace)) };
    }

    /// The frames of a place that an exception has left.
    fn left(&mut self, module: &Module, point: &Point) {
        let return_offset = point.offset.saturating_add(1);
        let record = module.frame_map().lookup(point.function, return_offset);
        let mapped: Vec<Line> = record
            .map(|record| record.frames().collect::<Vec<_>>())
            .unwrap_or_default()
            .iter()
            .rev()
            .filter_map(|frame| Line::new(module, frame.site.ip))
            .collect();
        let found = if mapped.is_empty() {
            lines(module, point.function, point.offset).collect()
        } else {
            mapped
        };
        for line in found {
            let frame = self.frame(module, line.func_index, line.ip, line.is_known);
            self.push(frame);
        }
    }

    /// # Safety
    ///
    /// As for [`Capture::run`].
    unsafe fn run_from(&mut self, is_trap: bool, mut behind: Option<&Trace>) {
        let modules = self.store.modules.clone();
        let find = |pc: usize| {
            let mut modules = modules.iter();
            modules.find(|module| module.code_range().contains(&pc))
        };
        let exec: *const ExecState = self.store.exec();
        // SAFETY: as the caller promises.
        let walk = unsafe {
            if is_trap {
                Walk::from_trap(exec, find)
            } else {
                Walk::from_exit(exec, find)
            }
        };
        for activation in walk {
            if let Some(trace) = behind {
                if has_caught(trace, &activation) {
                    behind = None;
                }
                let end = activation.cfa();
                self.records
                    .leave(0, end.unwrap_or(activation.registers.sp()));
                continue;
            }
            // SAFETY: as the caller promises.
            unsafe { self.activation(&activation) };
            // Functions reach the host through thunks, and polls too.
            if activation.function().is_some() {
                self.stop = Stop::Call;
            }
        }
        // SAFETY: as the caller promises.
        unsafe { self.records_in(0, usize::MAX) };
    }

    /// Adds the frames of an activation.
    ///
    /// # Safety
    ///
    /// As for [`Capture::run`].
    unsafe fn activation(&mut self, activation: &Activation<&Module>) {
        let sp = activation.registers.sp();
        // Unknown: only the records can say what is older.
        let cfa = activation.cfa().unwrap_or(sp);
        if activation.is_interrupted {
            self.records.leave(0, cfa);
            self.is_doubtful = true;
        } else {
            // What an activation had that could not be unwound.
            // SAFETY: as the caller promises.
            unsafe { self.records_in(0, sp) };
        }
        let Some(function) = activation.function() else {
            return;
        };
        let strategy = activation.module.frame_strategy();
        // Records are on the stack, so they differ from one activation to the next.
        let is_counted = self.is_full()
            && self.stop == Stop::Call
            && !activation.is_interrupted
            && strategy != FrameStrategy::Explicit;
        let place = (activation.module.id(), function, activation.offset);
        if is_counted
            && let Some((_, count)) = self
                .counted
                .into_iter()
                .flatten()
                .find(|(known, _)| *known == place)
        {
            self.omitted += count;
            return;
        }
        let before = self.omitted;
        let is_done = !activation.is_interrupted
            && match strategy {
                FrameStrategy::None => false,
                FrameStrategy::Mapped => self.mapped(activation, function),
                // SAFETY: as the caller promises.
                FrameStrategy::Explicit => unsafe { self.explicit(activation, function, cfa) },
            };
        if !is_done {
            self.lines(activation, function);
        }
        if is_counted {
            self.counted = [Some((place, self.omitted - before)), self.counted[0]];
        }
    }

    /// Adds the frames that the trap table knows of.
    fn lines(&mut self, activation: &Activation<&Module>, function: u32) {
        let module = activation.module;
        let mut found: Vec<Line> = lines(module, function, activation.offset).collect();
        if let Stop::Trap(ip) = self.stop {
            let line = trap_line(module, function, ip);
            // The offset was given by the code itself, which LLVM may have shared among several places.
            if found
                .first()
                .is_some_and(|first| first.func_index == line.func_index)
            {
                found.remove(0);
            } else {
                found.retain(|found| found.func_index != line.func_index);
            }
            found.insert(0, line);
        }
        for line in found {
            // `--strict-traps` keeps offsets of instructions that trap, not of every machine instruction.
            let may_be_exact = !activation.is_interrupted
                || (module.is_strict() && self.stop != Stop::Interruption);
            let is_exact = line.is_known && may_be_exact;
            let frame = self.frame(module, line.func_index, line.ip, is_exact);
            self.push(frame);
        }
    }

    /// Adds the frames that the frame map has for a return address. `false`: it has none.
    fn mapped(&mut self, activation: &Activation<&Module>, function: u32) -> bool {
        let module = activation.module;
        // The offset is that of the call's last byte.
        let return_offset = activation.offset.saturating_add(1);
        let Some(record) = module.frame_map().lookup(function, return_offset) else {
            return false;
        };
        let frames: Vec<MappedFrame<'_>> = record.frames().collect();
        for mapped in frames.iter().rev() {
            let Some(line) = Line::new(module, mapped.site.ip) else {
                continue;
            };
            let mut frame = self.frame(module, line.func_index, line.ip, true);
            if !self.is_full() {
                frame.values = values::of_map(
                    self.store,
                    module,
                    line.func_index,
                    mapped,
                    &activation.registers,
                    self.stack,
                );
            }
            self.push(frame);
        }
        true
    }

    /// Adds the frames of the records that an activation has on its part of the stack. `false`: it has
    /// none.
    ///
    /// # Safety
    ///
    /// As for [`Capture::run`].
    unsafe fn explicit(
        &mut self,
        activation: &Activation<&Module>,
        function: u32,
        cfa: usize,
    ) -> bool {
        let (module, sp) = (activation.module, activation.registers.sp());
        let Some(youngest) = self.records.peek(sp, cfa) else {
            return false;
        };
        // SAFETY: as the caller promises.
        let (func_index, ip) = unsafe { ((*youngest).func_index, (*youngest).ip) };
        if core::mem::take(&mut self.is_doubtful) {
            let has_ip = module.capture_level().contains(CaptureLevel::IP);
            let expected = lines(module, function, activation.offset).next();
            if expected.is_some_and(|line| {
                line.func_index != func_index || has_ip && line.is_known && line.ip != Some(ip)
            }) {
                self.records.end();
                return false;
            }
        }
        if let Stop::Trap(trap_ip) = self.stop {
            let line = trap_line(module, function, trap_ip);
            let has_ip = module.capture_level().contains(CaptureLevel::IP);
            if line.func_index != func_index || has_ip && ip != trap_ip {
                // A function without calls, whose code had no room for a record here.
                let frame = self.frame(module, line.func_index, Some(trap_ip), true);
                self.push(frame);
                self.stop = Stop::Call;
            }
        }
        // SAFETY: as the caller promises.
        unsafe { self.records_in(sp, cfa) };
        true
    }

    /// Adds the frames of the next records, as long as they lie in a range.
    ///
    /// # Safety
    ///
    /// As for [`Capture::run`].
    unsafe fn records_in(&mut self, from: usize, to: usize) {
        while let Some(record) = self.records.take(from, to) {
            // SAFETY: as the caller promises: where nothing is doubtful, records are whole.
            let frame = unsafe { self.record(record) };
            self.stop = Stop::Call;
            if let Some(frame) = frame {
                self.push(frame);
            }
        }
    }

    /// The frame of a record.
    ///
    /// # Safety
    ///
    /// The record was left by compiled code of the store and is whole.
    unsafe fn record(&mut self, record: *const FrameRecord) -> Option<FrameView> {
        // SAFETY: as the caller promises; the record's instance is one of the store's, which all live as
        // long as the store.
        let (func_index, ip, runtime) = unsafe {
            let FrameRecord { func_index, ip, .. } = *record;
            (func_index, ip, &*(*(*record).instance).runtime)
        };
        let RuntimeContext::Instance { index, .. } = *runtime else {
            return None;
        };
        let module = self.store.instances.get(index as usize)?.module.clone();
        let level = module.capture_level();
        let has_ip = level.contains(CaptureLevel::IP) || level.contains(CaptureLevel::VALUES);
        let ip = match self.stop {
            Stop::Trap(ip) => Some(ip),
            Stop::Call | Stop::Poll | Stop::Interruption => has_ip.then_some(ip),
        };
        let mut frame = self.frame(&module, func_index, ip, ip.is_some());
        frame.instance = Some(Instance {
            store: self.store.id(),
            index,
        });
        if let Some(ip) = ip
            && level.contains(CaptureLevel::VALUES)
            && !self.is_full()
            && let Some(site) = module.frame_map().site(ip, self.stop.site_kind())
        {
            // SAFETY: as the caller promises; an object of this level keeps values in its records.
            frame.values = unsafe { values::of_record(self.store, &module, record, &site) };
        }
        Some(frame)
    }

    /// A frame without values.
    fn frame(
        &mut self,
        module: &Module,
        func_index: u32,
        ip: Option<u32>,
        ip_is_exact: bool,
    ) -> FrameView {
        FrameView {
            module: module.clone(),
            instance: self.only_instance(module),
            func_index,
            ip,
            ip_is_exact,
            values: None,
        }
    }

    /// The instance of a module, if the store has only one.
    fn only_instance(&mut self, module: &Module) -> Option<Instance> {
        if let Some((id, instance)) = self.only_instance
            && id == module.id()
        {
            return instance;
        }
        let mut instances = (0..)
            .zip(&self.store.instances)
            .filter(|(_, instance)| instance.module.is(module));
        let first = instances.next().map(|(index, _)| index);
        let instance = first
            .filter(|_| instances.next().is_none())
            .map(|index| Instance {
                store: self.store.id(),
                index,
            });
        self.only_instance = Some((module.id(), instance));
        instance
    }

    fn is_full(&self) -> bool {
        self.frames.len() >= self.limit
    }

    fn push(&mut self, frame: FrameView) {
        if self.is_full() {
            self.omitted += 1;
        } else {
            self.frames.push(frame);
        }
    }
}
