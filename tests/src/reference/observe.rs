//! What is seen at commit points: the stack of activations, and who reads a local later.

use serde::{Deserialize, Serialize};

use super::value::Value;

/// What kind of commit point it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PointKind {
    /// A host function was called.
    Host,
    /// Execution stopped.
    Trap,
    /// A loop header.
    Poll,
    /// The entry of a function that calls, where compiled code may poll.
    Entry,
}

/// A value in a frame, and which write it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalState {
    /// The value.
    pub value: Value,
    /// Number of the write; what [`Log::is_read_after`] asks for.
    pub write: usize,
}

/// One activation at a commit point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameState {
    /// Position of the instance in the store.
    pub instance: usize,
    /// Function index in the instance's module.
    pub func_index: u32,
    /// Offset of the operator.
    pub ip: u32,
    /// Parameters and locals.
    pub locals: Vec<LocalState>,
    /// Operands: at a call, those below its arguments; at a trap, those before the instruction.
    pub operands: Vec<Value>,
}

/// Everything that can be seen at one commit point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Kind.
    pub kind: PointKind,
    /// The activations, youngest first.
    pub frames: Vec<FrameState>,
    /// How many reads had happened: the time.
    pub time: usize,
    /// Of a trap: its cause, in the specification's words, and whether it is of a load or store.
    pub cause: Option<(&'static str, bool)>,
}

/// Who watches an execution.
pub trait Observer {
    /// Is a point of this kind to be shown?
    fn wants(&self, kind: PointKind) -> bool;

    /// A commit point is reached; `cause` is a trap's (see [`Point::cause`]).
    fn point(
        &mut self,
        kind: PointKind,
        cause: Option<(&'static str, bool)>,
        frames: Vec<FrameState>,
    );

    /// A local is written; yields the number of the write.
    fn write(&mut self) -> usize;

    /// What a write left in a local is read.
    fn read(&mut self, write: usize);

    /// A handler gets an exception, by its position in the store. It has left so many activations on the way there from
    /// where it was thrown, or where the host has thrown it on.
    fn caught(&mut self, _exception: usize, _left: usize) {}
}

/// Watches nothing.
#[derive(Debug, Default)]
pub struct Blind;

impl Observer for Blind {
    fn wants(&self, _: PointKind) -> bool {
        false
    }

    fn point(&mut self, _: PointKind, _: Option<(&'static str, bool)>, _: Vec<FrameState>) {}

    fn write(&mut self) -> usize {
        0
    }

    fn read(&mut self, _: usize) {}
}

/// Keeps all points, up to a limit.
#[derive(Debug, Default)]
pub struct Log {
    /// The points in order.
    pub points: Vec<Point>,
    /// Points of which kinds are kept.
    pub polls: bool,
    /// No more points than this.
    pub limit: usize,
    /// No points ahead of so many more calls of the host.
    pub skip: u64,
    /// How often a handler got an exception.
    pub caught: u64,
    /// When each write was read last; 0 is never.
    last_read: Vec<usize>,
    time: usize,
}

impl Log {
    /// An empty log of at most `limit` points, which come after `skip` calls of the host.
    pub fn new(polls: bool, limit: usize, skip: u64) -> Log {
        Log {
            polls,
            limit,
            skip,
            ..Log::default()
        }
    }

    /// Was the value that this write left in a local read after the point? If it was not, the local was
    /// dead there, in this execution.
    pub fn is_read_after(&self, point: &Point, write: usize) -> bool {
        self.last_read
            .get(write)
            .is_some_and(|time| *time > point.time)
    }
}

impl Observer for Log {
    fn wants(&self, kind: PointKind) -> bool {
        if self.skip > 0 {
            return kind == PointKind::Host;
        }
        self.points.len() < self.limit
            && (self.polls || !matches!(kind, PointKind::Poll | PointKind::Entry))
    }

    fn point(
        &mut self,
        kind: PointKind,
        cause: Option<(&'static str, bool)>,
        frames: Vec<FrameState>,
    ) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.points.push(Point {
            kind,
            cause,
            frames,
            time: self.time,
        });
    }

    fn write(&mut self) -> usize {
        self.last_read.push(0);
        self.last_read.len() - 1
    }

    fn read(&mut self, write: usize) {
        self.time += 1;
        if let Some(last) = self.last_read.get_mut(write) {
            *last = self.time;
        }
    }

    fn caught(&mut self, _: usize, _: usize) {
        self.caught += 1;
    }
}
