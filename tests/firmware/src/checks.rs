//! What each program does with its objects: everything that a runtime is for, compared with what must come out.

use crate::println;
use alloc::{format, string::String};
use core::fmt::{Display, Write};
use wamr_runtime_min::{
    Caller, Error, FrameView, Instance, Linker, LoadError, Module, SlotValue, Store, StoreConfig,
    Trap, TrapCause, Val, WasmParams, WasmResults,
};

/// What the program prints.
const GREETING: &[u8] = b"hello from WebAssembly\n";

/// What the call stack of a division by zero shows: function, locals, operands. Locals that are not read
/// again are dead.
const STACK: &str = "\
divide [i64 42000000000, dead] [i64 42000000000, i64 0]
convert [dead, dead] [f64 0.5]
compute [dead, dead] [f32 2.6457512]
";

/// Runs everything on an instance of the module.
///
/// # Panics
///
/// Something else comes out than must.
pub fn run(module: &Module) {
    let mut store = done(Store::new(StoreConfig::default()));
    let mut linker = Linker::new();
    done(linker.func_wrap("host", "print", print));
    done(linker.func_wrap("host", "twice", twice));
    let instance = done(linker.instantiate(&mut store, module));

    done(call::<(), ()>(&mut store, instance, "greet", ()));

    // An `h` and the 77 that was written.
    assert_eq!(
        call(&mut store, instance, "grow", (2,)).ok(),
        Some(77 + i32::from(GREETING[0]))
    );
    assert_eq!(
        call(&mut store, instance, "grow", (2,)).ok(),
        Some(-1),
        "beyond the maximum"
    );

    // 5 · 3 · 3, and two calls.
    assert_eq!(
        call(&mut store, instance, "back", (5,)).ok(),
        Some(45 + 200)
    );

    assert_eq!(
        call(&mut store, instance, "compute", (4,)).ok(),
        Some(8e9_f32)
    );
    let trap = trap(call::<_, f32>(&mut store, instance, "compute", (7,)));
    assert_eq!(trap.cause, TrapCause::IntegerDivideByZero);
    let stack = show(trap.frames());
    println!("{}\n{stack}", trap.cause);
    assert_eq!(stack, STACK);

    let beyond = self::trap(call::<_, i64>(&mut store, instance, "beyond", (-4,)));
    assert_eq!(beyond.cause, TrapCause::MemoryOutOfBounds);
    let forever = self::trap(call::<_, i64>(&mut store, instance, "forever", (0_i64,)));
    assert_eq!(forever.cause, TrapCause::CallStackExhausted);
    assert!(forever.frames().len() > 10);

    // After all that it still works.
    assert_eq!(call(&mut store, instance, "back", (0,)).ok(), Some(400));
}

/// Objects that are damaged are refused, and the message says why.
///
/// # Panics
///
/// They are not, or it says something else.
pub fn refused(object: &[u8], load: impl Fn(&[u8]) -> Result<Module, LoadError>) {
    let message = |object: &[u8]| match load(object) {
        Ok(_) => panic!("a damaged object was loaded"),
        Err(error) => format!("{error}"),
    };
    let mut damaged = object.to_vec();
    if let Some(last) = damaged.last_mut() {
        *last ^= 1;
    }
    let expected = "content hash mismatch: the file was changed or damaged";
    assert_eq!(message(&damaged), expected);
    let length = object.len();
    let expected = format!(
        "the file has {} bytes, its header says {length}",
        length - 1
    );
    assert_eq!(message(&object[..length - 1]), expected);
}

/// What must not fail. `expect` would print the error as only debuggers need it, which takes a lot of code.
fn done<T>(result: Result<T, impl Display>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

fn call<P: WasmParams, R: WasmResults>(
    store: &mut Store,
    instance: Instance,
    name: &str,
    arguments: P,
) -> Result<R, Error> {
    let function = instance.get_func(store, name).expect("an export");
    function.typed::<P, R>(store)?.call(store, arguments)
}

fn trap<R>(result: Result<R, Error>) -> Trap {
    match result {
        Err(Error::Trap(trap)) => *trap,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("no trap"),
    }
}

/// `host.print`: bytes of memory to the serial line.
fn print(caller: Caller<'_>, start: i32, length: i32) -> Result<(), Error> {
    let memory = caller.memory().ok_or(Error::Unsupported("no memory"))?;
    let start = start.cast_unsigned() as usize;
    let end = start.checked_add(length.cast_unsigned() as usize);
    let bytes = end.and_then(|end| memory.data(caller.store_ref()).get(start..end));
    let bytes = bytes.ok_or(Error::OutOfBounds("memory"))?;
    assert_eq!(bytes, GREETING);
    crate::board::write_bytes(bytes);
    Ok(())
}

/// `host.twice`: calls the instance's `step` with what it returned before.
fn twice(mut caller: Caller<'_>, x: i32) -> Result<i32, Error> {
    let instance = caller.instance().ok_or(Error::Unsupported("no instance"))?;
    let frames = caller.frames();
    assert!(frames.iter().map(FrameView::name).eq([Some("back")]));
    let mut x = x;
    for _ in 0..2 {
        x = call(caller.store(), instance, "step", (x,))?;
    }
    Ok(x)
}

fn show(frames: &[FrameView]) -> String {
    let mut text = String::new();
    for frame in frames {
        let name = frame.name().unwrap_or("?");
        let shown = match frame.values() {
            Some(values) => format!("{name} {} {}", list(&values.locals), list(&values.operands)),
            None => format!("{name} without values"),
        };
        text.push_str(&shown);
        text.push('\n');
    }
    text
}

fn list(values: &[SlotValue]) -> String {
    let mut text = String::from("[");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        // Writing to a string cannot fail.
        let _ = match value {
            SlotValue::Value(Val::I32(value)) => write!(text, "i32 {value}"),
            SlotValue::Value(Val::I64(value)) => write!(text, "i64 {value}"),
            SlotValue::Value(Val::F32(bits)) => write!(text, "f32 {}", f32::from_bits(*bits)),
            SlotValue::Value(Val::F64(bits)) => write!(text, "f64 {}", f64::from_bits(*bits)),
            SlotValue::Value(other) => write!(text, "{}", other.ty()),
            SlotValue::Dead => write!(text, "dead"),
            SlotValue::Unavailable => write!(text, "unavailable"),
        };
    }
    text.push(']');
    text
}
