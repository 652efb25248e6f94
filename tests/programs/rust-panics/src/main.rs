//! Panics as Rust programs use them. Without an argument: what is caught and what is dropped on the way. With one: a way to end
//! that nothing prevents.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::{self, AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Says when it is dropped, and whether by a panic.
struct Noisy<'a> {
    name: &'static str,
    log: &'a RefCell<Vec<String>>,
}

impl Drop for Noisy<'_> {
    fn drop(&mut self) {
        let mark = if std::thread::panicking() { "!" } else { "" };
        self.log.borrow_mut().push(format!("{}{mark}", self.name));
    }
}

/// Counts how many there are.
struct Counted<'a>(&'a Cell<i64>);

impl<'a> Counted<'a> {
    fn new(alive: &'a Cell<i64>) -> Self {
        alive.set(alive.get() + 1);
        Counted(alive)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A payload that is no text.
#[derive(Debug, PartialEq)]
struct Payload {
    code: u32,
    path: Vec<&'static str>,
}

fn describe(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        format!("&str {text:?}")
    } else if let Some(text) = payload.downcast_ref::<String>() {
        format!("String {text:?}")
    } else if let Some(payload) = payload.downcast_ref::<Payload>() {
        format!("{payload:?}")
    } else {
        "something".to_owned()
    }
}

fn caught<T: fmt::Debug>(action: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(action)) {
        Ok(value) => format!("returned {value:?}"),
        Err(payload) => format!("panicked with {}", describe(&*payload)),
    }
}

/// Every way in which safe code panics.
fn kinds() {
    let hidden = std::hint::black_box::<usize>;
    let numbers = vec![1, 2, 3];
    let ages = BTreeMap::from([("a", 1)]);
    println!("{}", caught(|| 1 + 1));
    println!("{}", caught(|| panic!("plain")));
    println!("{}", caught(|| panic!("formatted {}", hidden(7))));
    println!(
        "{}",
        caught(|| panic_any(Payload {
            code: 3,
            path: vec!["a"]
        }))
    );
    println!("{}", caught(|| panic_any(2.5)));
    println!("{}", caught(|| numbers[hidden(7)]));
    println!("{}", caught(|| numbers[hidden(2)..hidden(1)].len()));
    println!("{}", caught(|| 1 / (hidden(1) - 1)));
    println!(
        "{}",
        caught(|| i32::MIN / -i32::try_from(hidden(1)).unwrap())
    );
    println!("{}", caught(|| "text".parse::<u8>().unwrap()));
    println!("{}", caught(|| None::<u8>.expect("a value")));
    println!("{}", caught(|| ages["b"]));
    println!("{}", caught(|| &"añb"[..hidden(2)]));
    println!("{}", caught(|| u8::try_from(hidden(300)).unwrap()));
    println!("{}", caught(|| assert_eq!(hidden(1), 2, "sums")));
    println!(
        "{}",
        caught(|| if hidden(1) == 1 {
            unreachable!("{}", 1)
        })
    );
    println!(
        "{}",
        caught(|| [3, 1, 2]
            .as_mut_slice()
            .copy_from_slice(&numbers[..hidden(2)]))
    );
    println!("{}", caught(|| Vec::<u64>::with_capacity(usize::MAX)));
    let cell = RefCell::new(1);
    let _borrowed = cell.borrow();
    println!("{}", caught(|| *cell.borrow_mut()));
}

/// What is dropped, in which order.
fn drops() {
    let log = RefCell::new(Vec::new());
    let noisy = |name| Noisy { name, log: &log };
    let outcome = caught(|| {
        let _first = noisy("first");
        let _boxed: Box<dyn Any> = Box::new(1);
        let list = vec![noisy("a"), noisy("b"), noisy("c")];
        let moved = noisy("moved");
        let inner = caught(|| {
            let _inner = noisy("inner");
            let _moved = moved;
            if list.len() == 3 {
                panic!("inside");
            }
        });
        log.borrow_mut().push(inner);
        let _shared = (Rc::new(noisy("shared")), list);
        panic!("outside");
    });
    println!("{}; {outcome}", log.take().join(" "));

    /// Catches a panic of its own while another one is on its way.
    struct Careful<'a>(&'a RefCell<Vec<String>>);
    impl Drop for Careful<'_> {
        fn drop(&mut self) {
            let outcome = caught(|| {
                let _deep = Noisy {
                    name: "deep",
                    log: self.0,
                };
                panic!("while dropping");
            });
            self.0.borrow_mut().push(outcome);
        }
    }
    let outcome = caught(|| {
        let _last = noisy("last");
        let _careful = Careful(&log);
        panic!("first");
    });
    println!("{}; {outcome}", log.take().join(" "));
}

/// Adds its name to each payload that comes by.
fn relay(names: &[&'static str]) {
    let Some((name, rest)) = names.split_first() else {
        panic_any(Payload {
            code: 1,
            path: Vec::new(),
        });
    };
    if let Err(mut payload) = catch_unwind(|| relay(rest)) {
        if let Some(payload) = payload.downcast_mut::<Payload>() {
            payload.code *= 3;
            payload.path.push(name);
        }
        resume_unwind(payload);
    }
}

trait Visitor {
    fn visit(&self, depth: u32, state: u64, alive: &Cell<i64>) -> u64;
}

struct Ping;
struct Pong;

impl Visitor for Ping {
    fn visit(&self, depth: u32, state: u64, alive: &Cell<i64>) -> u64 {
        let _counted = Counted::new(alive);
        if depth == 0 {
            panic_any(state);
        }
        std::hint::black_box::<&dyn Visitor>(&Pong).visit(
            depth - 1,
            state.wrapping_mul(31) + 1,
            alive,
        ) + 1
    }
}

/// A function of its own, and no part of its caller: else LLVM 22, in the older encoding, makes what is thrown behind the handler pass by
/// the caller's destructors.
#[inline(never)]
fn attempt(action: impl FnOnce() -> u64) -> std::thread::Result<u64> {
    catch_unwind(AssertUnwindSafe(action))
}

/// Catches, and passes on what is not for it.
impl Visitor for Pong {
    fn visit(&self, depth: u32, state: u64, alive: &Cell<i64>) -> u64 {
        let _counted = (Counted::new(alive), Box::new(Counted::new(alive)));
        if depth == 0 {
            panic_any(state ^ 5);
        }
        let below = || {
            std::hint::black_box::<&dyn Visitor>(&Ping).visit(
                depth - 1,
                state ^ u64::from(depth),
                alive,
            )
        };
        match attempt(below) {
            Ok(value) => value,
            Err(payload) => match payload.downcast::<u64>() {
                Ok(thrown) if *thrown % 5 == 0 => *thrown,
                Ok(thrown) => panic_any(thrown.wrapping_mul(3) + u64::from(depth)),
                Err(other) => resume_unwind(other),
            },
        }
    }
}

/// Panics through many frames, many times.
fn stress(rounds: u32) {
    let alive = Cell::new(0);
    let mut sum = 0_u64;
    for round in 0..rounds {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            Ping.visit(round % 41, u64::from(round), &alive)
        }));
        sum = sum.wrapping_mul(33);
        sum ^= match outcome {
            Ok(value) => value,
            Err(payload) => *payload.downcast::<u64>().expect("only numbers are thrown"),
        };
    }
    println!("{sum:016x}, {} alive", alive.get());
}

/// A stack machine that trusts its programs, and a server that does not trust its stack machine.
fn server() {
    fn run(program: &str, variables: &HashMap<&str, i64>) -> i64 {
        let mut stack = Vec::new();
        for word in program.split_whitespace() {
            let value = match word {
                "+" | "-" | "*" | "/" => {
                    let (b, a): (i64, i64) = (stack.pop().unwrap(), stack.pop().unwrap());
                    match word {
                        "+" => a.checked_add(b).expect("overflow"),
                        "-" => a - b,
                        "*" => a * b,
                        _ => a / b,
                    }
                }
                name if name.starts_with(char::is_alphabetic) => variables[name],
                number => number.parse().unwrap(),
            };
            stack.push(value);
        }
        assert_eq!(stack.len(), 1, "{program}");
        stack[0]
    }
    let variables = HashMap::from([("x", 7), ("huge", i64::MAX)]);
    let served = Mutex::new(0);
    for program in [
        "1 2 +",
        "x x *",
        "x 0 /",
        "+",
        "y 1 +",
        "1 2",
        "1 2a +",
        "huge 1 +",
        "10 3 - 2 /",
    ] {
        let outcome = caught(|| {
            let value = run(program, &variables);
            *served.lock().unwrap() += 1;
            value
        });
        println!("{program}: {outcome}");
    }
    println!("{} served", served.lock().unwrap());
    // A panic under the lock poisons it.
    caught(|| {
        let mut served = served.lock().unwrap();
        *served = -1;
        panic!("with the lock");
    });
    println!(
        "poisoned: {}, {:?}",
        served.is_poisoned(),
        served.lock().map_err(|error| **error.get_ref()).err()
    );
}

/// A comparator that panics leaves a permutation; nothing is dropped twice or never.
fn sorting() {
    let alive = Cell::new(0);
    for limit in [0, 10, 100, 100_000] {
        let mut numbers: Vec<(u32, Counted)> = (0..64)
            .map(|i| (i * 37 % 64, Counted::new(&alive)))
            .collect();
        let calls = Cell::new(0);
        let outcome = caught(|| {
            numbers.sort_by(|a, b| {
                calls.set(calls.get() + 1);
                assert!(calls.get() <= limit, "enough");
                a.0.cmp(&b.0)
            });
        });
        let sum: u32 = numbers.iter().map(|(number, _)| number).sum();
        println!("{outcome}, sum {sum}, {} alive", alive.get());
    }
    println!("{} alive", alive.get());
}

fn end(way: &str) {
    match way {
        "uncaught" => {
            let _noisy = Goodbye;
            relay(&["end"]);
        }
        "boundary" => {
            extern "C" fn boundary() {
                panic!("through a function of C's");
            }
            boundary();
        }
        "abort" => std::process::abort(),
        "exit" => {
            let code = catch_unwind(|| panic_any(5_i32))
                .expect_err("a panic")
                .downcast::<i32>();
            std::process::exit(*code.expect("a number"));
        }
        other => panic!("no such way to end: {other}"),
    }
}

struct Goodbye;

impl Drop for Goodbye {
    fn drop(&mut self) {
        println!("goodbye, panicking: {}", std::thread::panicking());
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        None => {}
        Some("stress") => {
            panic::set_hook(Box::new(|_| ()));
            return stress(arguments[2].parse().expect("a number"));
        }
        Some(way) => return end(way),
    }
    static MESSAGES: AtomicUsize = AtomicUsize::new(0);
    panic::set_hook(Box::new(|info| {
        assert!(info.location().is_some());
        MESSAGES.fetch_add(1, Ordering::Relaxed);
    }));
    kinds();
    drops();
    println!("{}", caught(|| relay(&["outer", "middle", "inner"])));
    server();
    sorting();
    stress(2000);
    println!("{} panics", MESSAGES.load(Ordering::Relaxed));
}
